package memstore

import (
	"hash/maphash"
	"sync"

	"github.com/privatepkgs/license"
)

// partCount is enough for readers hardly ever to meet a writer on one lock: under a
// single one, a write among a thousand reads more than halves the speed of the reads.
const partCount = 64

// index finds records by what they are known by: their id, as a string of 16 bytes, or their key.
type index struct {
	records *slab
	kind    indexKind
	hash    func(string) uint32
	parts   *[partCount]part
}

type indexKind int

const (
	ofIDs indexKind = iota
	ofKeys
	indexKinds
)

// has reports whether a record is known by a name.
func (k indexKind) has(r *record, name string) bool {
	if k == ofIDs {
		return string(r.id[:]) == name
	}
	return r.key() == name
}

// part holds the records of some hashes: the first of each, whom any others follow in a chain.
// An entry takes a third of what it would take with the key, and no pointer.
type part struct {
	mu     sync.RWMutex
	first  map[uint32]ref
	shared map[uint32]*sharedLicense // what Store.Shared gives
	_      [24]byte                  // so that no two locks share a cache line
}

func newIndex(records *slab, kind indexKind) index {
	seed := maphash.MakeSeed()
	x := index{records, kind, func(name string) uint32 { return uint32(maphash.String(seed, name)) }, new([partCount]part)}
	for i := range x.parts {
		x.parts[i].first, x.parts[i].shared = make(map[uint32]ref), make(map[uint32]*sharedLicense)
	}
	return x
}

// part returns the part that a hash belongs to.
func (x index) part(hash uint32) *part { return &x.parts[hash%partCount] }

// license returns a copy of the license with a name, nil if there is none.
func (x index) license(name string) *license.License {
	hash := x.hash(name)
	p := x.part(hash)
	p.mu.RLock()
	defer p.mu.RUnlock()
	return x.copyOf(hash, name)
}

func (x index) copyOf(hash uint32, name string) *license.License {
	at := x.findHashed(hash, name)
	if at == 0 {
		return nil
	}
	return x.records.at(at).license()
}

// find returns the record with a name, 0 if there is none. The caller is the writer.
func (x index) find(name string) ref { return x.findHashed(x.hash(name), name) }

// findHashed is find. The caller is the writer, or holds the lock of the part.
func (x index) findHashed(hash uint32, name string) ref {
	at := x.part(hash).first[hash]
	for at != 0 {
		s := x.records.at(at)
		if x.kind.has(&s.record, name) {
			break
		}
		at = s.next[x.kind]
	}
	return at
}

func (x index) add(name string, at ref) {
	hash := x.hash(name)
	first := x.part(hash).first
	x.records.at(at).next[x.kind] = first[hash]
	first[hash] = at
}

func (x index) remove(name string, at ref) {
	hash := x.hash(name)
	x.part(hash).unshare(hash, name)
	first := x.part(hash).first
	next := &x.records.at(at).next[x.kind]
	switch {
	case first[hash] != at:
		before := x.records.at(first[hash])
		for before.next[x.kind] != at {
			before = x.records.at(before.next[x.kind])
		}
		before.next[x.kind] = *next
	case *next != 0:
		first[hash] = *next
	default:
		delete(first, hash)
	}
	*next = 0
}

// lock locks the parts of two names, which may be one, and returns what unlocks them.
// There is only one writer at a time, so the order does not matter.
func (x index) lock(a, b string) (unlock func()) {
	first, second := x.part(x.hash(a)), x.part(x.hash(b))
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
