package cachestore

import (
	"hash/maphash"

	"github.com/google/uuid"
)

// fence tells a read that ends whether what it read may have been changed since it began.
// Invalidations are numbered; for every id and key the number of the last is kept. Many share
// a place, so that the size is fixed: then a read now and then is not cached though it might
// be, and never the other way round.
type fence struct {
	seed maphash.Seed
	seq  uint64 // the number of the last invalidation
	last [1024]uint64
}

func (f *fence) next() uint64 {
	f.seq++
	return f.seq
}

func (f *fence) ofID(id uuid.UUID) *uint64 {
	return &f.last[maphash.Comparable(f.seed, id)%uint64(len(f.last))]
}

func (f *fence) ofKey(key string) *uint64 {
	return &f.last[maphash.String(f.seed, key)%uint64(len(f.last))]
}

func (f *fence) markID(id uuid.UUID, seq uint64) { *f.ofID(id) = seq }
func (f *fence) markKey(key string, seq uint64)  { *f.ofKey(key) = seq }

// holds reports whether neither the key nor the license of an answer was invalidated after
// its read began.
func (f *fence) holds(key string, a *answer) bool {
	if *f.ofKey(key) > a.seq {
		return false
	}
	return a.license == nil || *f.ofID(a.license.ID) <= a.seq
}
