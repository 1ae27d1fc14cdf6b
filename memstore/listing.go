package memstore

import (
	"iter"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/privatepkgs/license"
)

// listing holds all records in the order in which they are listed, and what records share.
type listing struct {
	records  *slab
	mu       sync.RWMutex
	all      ordered
	packages map[string]*packageEntry
	ranges   map[string]*rangeEntry
	none     *license.Constraint
}

// packageEntry is a package that some license names. It goes with the last of them.
type packageEntry struct {
	name     string
	licenses ordered
}

// rangeEntry is the range of some licenses. It goes with the last of them.
type rangeEntry struct {
	constraint *license.Constraint
	licenses   int
}

func newListing(records *slab) listing {
	return listing{
		records:  records,
		all:      newOrdered(records),
		packages: make(map[string]*packageEntry),
		ranges:   make(map[string]*rangeEntry),
		none:     new(license.NoConstraint()),
	}
}

// add makes the record of a license and adds it.
func (s *listing) add(l *license.License) ref {
	at, r := s.records.take()
	r.record = record{
		id:           l.ID,
		text:         l.Key + l.Name + string(l.Meta),
		keyLen:       uint8(len(l.Key)),
		nameLen:      uint8(len(l.Name)),
		constraint:   s.shareConstraint(l.Constraint),
		created:      l.CreatedAt.UnixMilli(),
		updated:      l.UpdatedAt.UnixMilli(),
		revisionHigh: uint8(l.Revision >> 32),
		revisionLow:  uint32(l.Revision),
		suspended:    l.Suspended,
	}
	s.all.add(&r.record, at)
	entries := make([]*packageEntry, len(l.Packages))
	for i, name := range l.Packages {
		p := s.packages[name]
		if p == nil {
			p = &packageEntry{name: strings.Clone(name), licenses: newOrdered(s.records)}
			s.packages[p.name] = p
		}
		p.licenses.add(&r.record, at)
		entries[i] = p
	}
	r.setPackages(entries)
	return at
}

func (s *listing) remove(at ref) {
	r := &s.records.at(at).record
	s.all.remove(r, at)
	for p := range r.allPackages() {
		p.licenses.remove(r, at)
		if p.licenses.empty() {
			delete(s.packages, p.name)
		}
	}
	if e := s.ranges[r.constraint.Range()]; e != nil {
		e.licenses--
		if e.licenses == 0 {
			delete(s.ranges, r.constraint.Range())
		}
	}
}

func (s *listing) shareConstraint(c license.Constraint) *license.Constraint {
	switch c.Type() {
	case license.ConstraintNone:
		return s.none
	case license.ConstraintVersion:
		e := s.ranges[c.Range()]
		if e == nil {
			e = &rangeEntry{constraint: &c}
			s.ranges[c.Range()] = e
		}
		e.licenses++
		return e.constraint
	default:
		return &c
	}
}

// find appends the records of the page of a prepared query, and sets its neighbours in p.
func (s *listing) find(q license.Query, p *license.Page, page []record) []record {
	s.mu.RLock()
	defer s.mu.RUnlock()
	from := s.all
	if q.Package != "" {
		e := s.packages[q.Package]
		if e == nil {
			return page
		}
		from = e.licenses
	}
	since, until := millisOr(q.Since, math.MinInt64), millisOr(q.Until, math.MaxInt64)
	if q.Since.IsZero() && !q.Until.IsZero() {
		page, p.Prev = s.take(from.descend(until, q.Suspended), q.Limit, page)
		slices.Reverse(page)
		p.Next = first(from.ascend(until+1, q.Suspended))
		return page
	}
	page, p.Next = s.take(upTo(until, from.ascend(since, q.Suspended)), q.Limit, page)
	if !q.Since.IsZero() {
		p.Prev = first(from.descend(since-1, q.Suspended))
	}
	return page
}

// take appends the first records, limit of them and any more of the same millisecond as the last
// of these, and returns the time of the one that follows.
func (s *listing) take(entries iter.Seq[entry], limit int, page []record) ([]record, time.Time) {
	for e := range entries {
		if n := len(page); n >= limit && page[n-1].created != e.created() {
			return page, fromMillis(e.created())
		}
		page = append(page, s.records.at(e.at).record)
	}
	return page, time.Time{}
}

// first returns the time of the first, the zero time if there is none.
func first(entries iter.Seq[entry]) time.Time {
	for e := range entries {
		return fromMillis(e.created())
	}
	return time.Time{}
}

// upTo yields those, of some in ascending order, that were created at or before a time.
func upTo(until int64, entries iter.Seq[entry]) iter.Seq[entry] {
	return func(yield func(entry) bool) {
		for e := range entries {
			if e.created() > until || !yield(e) {
				return
			}
		}
	}
}

func millisOr(t time.Time, none int64) int64 {
	if t.IsZero() {
		return none
	}
	return t.UnixMilli()
}
