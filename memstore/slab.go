package memstore

import "sync/atomic"

// ref is where a record lies in a slab, 0 nowhere. Maps and trees of refs hold no pointers, so the
// garbage collector need not look into them: with pointers, it would visit a record once for each map
// and tree that has it, in an order that no cache can foresee.
type ref uint32

// slot is where a record lies.
type slot struct {
	next [indexKinds]ref // in the chain of each index
	record
}

// slab holds the records of a store, many to an allocation. One writer at a time changes it. A slot
// is used again when its record has gone, so whoever reads it holds a lock that the writer of this
// record must have, and takes a copy of what is needed afterwards.
type slab struct {
	chunks atomic.Pointer[[]*[chunkLen]slot] // grows at its end only
	used   ref                               // the slots that have ever been taken, and the one that is nowhere
	free   ref                               // the slots that were released, in a chain
}

const chunkLen = 256 // there are more refs than any machine has memory for slots

// at returns the slot at r.
func (s *slab) at(r ref) *slot { return &(*s.chunks.Load())[r/chunkLen][r%chunkLen] }

// take returns an empty slot.
func (s *slab) take() (ref, *slot) {
	if r := s.free; r != 0 {
		empty := s.at(r)
		s.free, empty.next[0] = empty.next[0], 0
		return r, empty
	}
	var chunks []*[chunkLen]slot
	if s.used == 0 {
		s.used = 1
	} else {
		chunks = *s.chunks.Load()
	}
	if int(s.used/chunkLen) == len(chunks) {
		chunks = append(chunks, new([chunkLen]slot))
		s.chunks.Store(&chunks)
	}
	r := s.used
	s.used++
	return r, s.at(r)
}

// release makes a slot empty, for another record to take.
func (s *slab) release(r ref) {
	*s.at(r) = slot{next: [indexKinds]ref{s.free}}
	s.free = r
}
