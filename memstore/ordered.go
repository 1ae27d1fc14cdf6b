package memstore

import (
	"iter"

	"github.com/google/uuid"
	"github.com/tidwall/btree"
)

// ordered holds records in the order of a listing, those that are suspended apart from the
// others, so that a listing of either kind passes over none of the other.
type ordered struct {
	active, suspended *btree.BTreeG[*record]
}

func newOrdered() ordered {
	newTree := func() *btree.BTreeG[*record] {
		return btree.NewBTreeGOptions((*record).before, btree.Options{NoLocks: true})
	}
	return ordered{active: newTree(), suspended: newTree()}
}

func (o ordered) treeOf(r *record) *btree.BTreeG[*record] {
	if r.suspended {
		return o.suspended
	}
	return o.active
}

func (o ordered) add(r *record)    { o.treeOf(r).Set(r) }
func (o ordered) remove(r *record) { o.treeOf(r).Delete(r) }
func (o ordered) empty() bool      { return o.active.Len()+o.suspended.Len() == 0 }

// trees returns those that hold what is wanted: suspended, not suspended, or (nil) both.
func (o ordered) trees(suspended *bool) []*btree.BTreeG[*record] {
	switch {
	case suspended == nil:
		return []*btree.BTreeG[*record]{o.active, o.suspended}
	case *suspended:
		return []*btree.BTreeG[*record]{o.suspended}
	default:
		return []*btree.BTreeG[*record]{o.active}
	}
}

// ascend yields what was created at or after a time, in order.
func (o ordered) ascend(since int64, suspended *bool) iter.Seq[*record] {
	return func(yield func(*record) bool) {
		var cursors []btree.IterG[*record]
		for _, tree := range o.trees(suspended) {
			if c := tree.Iter(); c.Seek(&record{created: since}) {
				cursors = append(cursors, c)
			}
		}
		merge(cursors, (*record).before, (*btree.IterG[*record]).Next)(yield)
	}
}

// descend yields what was created at or before a time, in reverse order.
func (o ordered) descend(until int64, suspended *bool) iter.Seq[*record] {
	last := &record{id: uuid.Max, created: until}
	return func(yield func(*record) bool) {
		var cursors []btree.IterG[*record]
		for _, tree := range o.trees(suspended) {
			c := tree.Iter()
			found := c.Seek(last)
			if !found {
				found = c.Last()
			} else if last.before(c.Item()) {
				found = c.Prev()
			}
			if found {
				cursors = append(cursors, c)
			}
		}
		merge(cursors, func(a, b *record) bool { return b.before(a) }, (*btree.IterG[*record]).Prev)(yield)
	}
}

// merge yields what at most two cursors give, each in order, in one order.
func merge(cursors []btree.IterG[*record], before func(a, b *record) bool, step func(*btree.IterG[*record]) bool) iter.Seq[*record] {
	return func(yield func(*record) bool) {
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

// take returns the first records, limit of them and any more of the same millisecond as the
// last of these, and the one that follows, nil if none does.
func take(records iter.Seq[*record], limit int) (page []*record, following *record) {
	for r := range records {
		if n := len(page); n >= limit && page[n-1].created != r.created {
			return page, r
		}
		page = append(page, r)
	}
	return page, nil
}

func first(records iter.Seq[*record]) *record {
	for r := range records {
		return r
	}
	return nil
}
