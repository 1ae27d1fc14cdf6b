package memstore

import (
	"hash/maphash"
	"sync"
)

// shardCount is enough for readers hardly ever to meet a writer on one lock: under a
// single one, a write among a thousand reads more than halves the speed of the reads.
const shardCount = 64

// shards is a map whose parts have locks of their own.
type shards[K comparable] struct {
	seed  maphash.Seed
	parts *[shardCount]shard[K]
}

type shard[K comparable] struct {
	mu      sync.RWMutex
	records map[K]*record
	_       [32]byte // so that no two locks share a cache line
}

func newShards[K comparable]() shards[K] {
	s := shards[K]{seed: maphash.MakeSeed(), parts: new([shardCount]shard[K])}
	for i := range s.parts {
		s.parts[i].records = make(map[K]*record)
	}
	return s
}

// of returns the shard that key belongs to.
func (s shards[K]) of(key K) *shard[K] {
	return &s.parts[maphash.Comparable(s.seed, key)%shardCount]
}

func (s shards[K]) get(key K) *record {
	part := s.of(key)
	part.mu.RLock()
	defer part.mu.RUnlock()
	return part.records[key]
}

// lock locks the shards of two keys, which may be one, and returns what unlocks them.
// There is only one writer at a time, so the order does not matter.
func (s shards[K]) lock(a, b K) (unlock func()) {
	first, second := s.of(a), s.of(b)
	first.mu.Lock()
	if first == second {
		return first.mu.Unlock
	}
	second.mu.Lock()
	return func() {
		second.mu.Unlock()
		first.mu.Unlock()
	}
}
