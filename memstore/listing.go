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

func newListing() listing {
	return listing{
		all:      newOrdered(),
		packages: make(map[string]*packageEntry),
		ranges:   make(map[string]*rangeEntry),
		none:     new(license.NoConstraint()),
	}
}

// add makes the record of a license and adds it.
func (s *listing) add(l *license.License) *record {
	r := &record{
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
	s.all.add(r)
	entries := make([]*packageEntry, len(l.Packages))
	for i, name := range l.Packages {
		p := s.packages[name]
		if p == nil {
			p = &packageEntry{name: strings.Clone(name), licenses: newOrdered()}
			s.packages[p.name] = p
		}
		p.licenses.add(r)
		entries[i] = p
	}
	r.setPackages(entries)
	return r
}

func (s *listing) remove(r *record) {
	s.all.remove(r)
	for p := range r.allPackages() {
		p.licenses.remove(r)
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

// find returns the records of the page of a prepared query, and sets its neighbours in p.
func (s *listing) find(q license.Query, p *license.Page) []*record {
	s.mu.RLock()
	defer s.mu.RUnlock()
	page, before, after := s.search(q)
	if before != nil {
		p.Prev = fromMillis(before.created)
	}
	if after != nil {
		p.Next = fromMillis(after.created)
	}
	return page
}

// search returns the records of a page and its neighbours, nil where there is none.
func (s *listing) search(q license.Query) (page []*record, before, after *record) {
	from := s.all
	if q.Package != "" {
		p := s.packages[q.Package]
		if p == nil {
			return nil, nil, nil
		}
		from = p.licenses
	}
	since, until := millisOr(q.Since, math.MinInt64), millisOr(q.Until, math.MaxInt64)
	if q.Since.IsZero() && !q.Until.IsZero() {
		page, before = take(from.descend(until, q.Suspended), q.Limit)
		slices.Reverse(page)
		return page, before, first(from.ascend(until+1, q.Suspended))
	}
	page, after = take(upTo(until, from.ascend(since, q.Suspended)), q.Limit)
	if !q.Since.IsZero() {
		before = first(from.descend(since-1, q.Suspended))
	}
	return page, before, after
}

// upTo yields the records, in ascending order, that were created at or before a time.
func upTo(until int64, records iter.Seq[*record]) iter.Seq[*record] {
	return func(yield func(*record) bool) {
		for r := range records {
			if r.created > until || !yield(r) {
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
