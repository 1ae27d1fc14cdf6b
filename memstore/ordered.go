package memstore

import (
	"bytes"
	"iter"
	"math"

	"github.com/tidwall/btree"
)

// entry is a record in its place in a listing: the order is by the time, then by the id. There are
// many: with the time in one piece they would take a third more.
type entry struct {
	high int32 // of the milliseconds
	low  uint32
	at   ref
}

func entryOf(ms int64, at ref) entry { return entry{int32(ms >> 32), uint32(ms), at} }

func (e entry) created() int64 { return int64(e.high)<<32 | int64(e.low) }

// The first and the last place of a millisecond.
func startOf(ms int64) entry { return entryOf(ms, 0) }
func endOf(ms int64) entry   { return entryOf(ms, lastRef) }

const lastRef ref = math.MaxUint32

// before is the order of a listing.
func (s *slab) before(a, b entry) bool {
	if x, y := a.created(), b.created(); x != y {
		return x < y
	}
	if a.at == 0 || b.at == 0 || a.at == lastRef || b.at == lastRef {
		return a.at < b.at
	}
	x, y := s.at(a.at), s.at(b.at)
	return bytes.Compare(x.id[:], y.id[:]) < 0
}

// ordered holds records in the order of a listing, those that are suspended apart from the
// others, so that a listing of either kind passes over none of the other.
type ordered struct {
	before            func(a, b entry) bool
	active, suspended *btree.BTreeG[entry]
}

func newOrdered(s *slab) ordered {
	newTree := func() *btree.BTreeG[entry] {
		return btree.NewBTreeGOptions(s.before, btree.Options{NoLocks: true})
	}
	return ordered{s.before, newTree(), newTree()}
}

func (o ordered) tree(suspended bool) *btree.BTreeG[entry] {
	if suspended {
		return o.suspended
	}
	return o.active
}

func (o ordered) add(r *record, at ref) {
	o.tree(r.suspended).Set(entryOf(r.created, at))
}

func (o ordered) remove(r *record, at ref) {
	o.tree(r.suspended).Delete(entryOf(r.created, at))
}

func (o ordered) empty() bool { return o.active.Len()+o.suspended.Len() == 0 }

// trees returns those that hold what is wanted: suspended, not suspended, or (nil) both.
func (o ordered) trees(suspended *bool) []*btree.BTreeG[entry] {
	switch {
	case suspended == nil:
		return []*btree.BTreeG[entry]{o.active, o.suspended}
	case *suspended:
		return []*btree.BTreeG[entry]{o.suspended}
	default:
		return []*btree.BTreeG[entry]{o.active}
	}
}

// ascend yields what was created at or after a time, in order.
func (o ordered) ascend(since int64, suspended *bool) iter.Seq[entry] {
	return func(yield func(entry) bool) {
		var cursors []btree.IterG[entry]
		for _, tree := range o.trees(suspended) {
			if c := tree.Iter(); c.Seek(startOf(since)) {
				cursors = append(cursors, c)
			}
		}
		merge(cursors, o.before, (*btree.IterG[entry]).Next)(yield)
	}
}

// descend yields what was created at or before a time, in reverse order.
func (o ordered) descend(until int64, suspended *bool) iter.Seq[entry] {
	last := endOf(until)
	return func(yield func(entry) bool) {
		var cursors []btree.IterG[entry]
		for _, tree := range o.trees(suspended) {
			c := tree.Iter()
			found := c.Seek(last)
			if !found {
				found = c.Last()
			} else if o.before(last, c.Item()) {
				found = c.Prev()
			}
			if found {
				cursors = append(cursors, c)
			}
		}
		merge(cursors, func(a, b entry) bool { return o.before(b, a) }, (*btree.IterG[entry]).Prev)(yield)
	}
}

// merge yields what at most two cursors give, each in order, in one order.
func merge(cursors []btree.IterG[entry], before func(a, b entry) bool, step func(*btree.IterG[entry]) bool) iter.Seq[entry] {
	return func(yield func(entry) bool) {
		for len(cursors) > 0 {
			i := 0
			if len(cursors) == 2 && before(cursors[1].Item(), cursors[0].Item()) {
				i = 1
			}
			if !yield(cursors[i].Item()) {
				return
			}
			if !step(&cursors[i]) {
				cursors = append(cursors[:i], cursors[i+1:]...)
			}
		}
	}
}
