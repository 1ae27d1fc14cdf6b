package sqlstore

import (
	"bytes"
	"cmp"
	"context"
	"math"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/privatepkgs/license"
)

// List implements [license.Store].
func (s *Store) List(ctx context.Context, q license.Query) (*license.Page, error) {
	return s.list(ctx, s.reads, q)
}

func (s *Store) list(ctx context.Context, on reader, q license.Query) (*license.Page, error) {
	q, err := q.Prepare()
	if err != nil {
		return nil, err
	}
	if err := s.ready(ctx); err != nil {
		return nil, s.failed(ctx, opList, err)
	}
	r := pageReader{ctx: ctx, store: s, on: on, query: q}
	read := r.forward
	if q.Since.IsZero() && !q.Until.IsZero() {
		read = r.backward
	}
	page := new(license.Page)
	if page.Licenses, err = read(page); err != nil {
		return nil, s.failed(ctx, opList, err)
	}
	return page, nil
}

// place is a point in the order of licenses.
type place struct {
	ms int64
	id uuid.UUID
}

// The first and the last place of a millisecond.
func startOf(ms int64) place { return place{ms, uuid.Nil} }
func endOf(ms int64) place   { return place{ms, uuid.Max} }

// The bounds of no bound.
const (
	firstMilli = 0
	lastMilli  = math.MaxInt64
)

// pageReader reads one page. What its queries find is not one snapshot; a walk is exact all
// the same, because each query begins where the one before ended.
type pageReader struct {
	ctx   context.Context
	store *Store
	on    reader
	query license.Query
}

// forward returns the licenses of a page, and sets its neighbours in p.
func (r *pageReader) forward(p *license.Page) ([]*license.License, error) {
	from, to := int64(firstMilli), int64(lastMilli)
	if !r.query.Since.IsZero() {
		from = r.query.Since.UnixMilli()
	}
	if !r.query.Until.IsZero() {
		to = r.query.Until.UnixMilli()
	}
	found, before, after, err := r.page(false, startOf(from), to)
	p.Prev, p.Next = before, after
	return found, err
}

// backward is forward for a page that is read from its end.
func (r *pageReader) backward(p *license.Page) ([]*license.License, error) {
	found, before, after, err := r.page(true, endOf(r.query.Until.UnixMilli()), firstMilli)
	slices.Reverse(found)
	p.Prev, p.Next = after, before
	return found, err
}

// page reads a page from a place up to a time, in the order of the direction, and the
// times of the last license before it and of the first beyond it.
func (r *pageReader) page(backward bool, from place, to int64) (page []*license.License, before, after time.Time, err error) {
	none := time.Time{}
	limit := r.query.Limit
	found, before, err := r.read(backward, from, to, limit+1)
	if err != nil || len(found) <= limit {
		return found, before, none, err
	}
	last, beyond := found[limit-1].CreatedAt, found[limit]
	if !beyond.CreatedAt.Equal(last) {
		return found[:limit], before, beyond.CreatedAt, nil
	}
	ms := last.UnixMilli()
	rest, err := r.rest(backward, place{ms, beyond.ID})
	if err != nil {
		return nil, none, none, err
	}
	next := startOf(ms + 1)
	if backward {
		next = endOf(ms - 1)
	}
	after, err = r.nearest(backward, next, to)
	return append(found[:limit], rest...), before, after, err
}

// restChunk is how many licenses of one millisecond are read at once. Without a limit a database
// may take it for better to read and sort more than is asked for.
const restChunk = 1000

// rest reads the licenses from a place on that share its millisecond.
func (r *pageReader) rest(backward bool, from place) (rest []*license.License, err error) {
	for {
		found, _, err := r.read(backward, from, from.ms, restChunk+1)
		if err != nil || len(found) <= restChunk {
			return append(rest, found...), err
		}
		rest, from.id = append(rest, found[:restChunk]...), found[restChunk].ID
	}
}

// nearest returns the time of the first license from a place up to a time, or the zero
// time.
func (r *pageReader) nearest(backward bool, from place, to int64) (time.Time, error) {
	found, _, err := r.read(backward, from, to, 1)
	if err != nil || len(found) == 0 {
		return time.Time{}, err
	}
	return found[0].CreatedAt, nil
}

// read reads licenses in the order of the direction, and the time of the one before.
func (r *pageReader) read(backward bool, from place, to int64, limit int) (found []*license.License, before time.Time, err error) {
	byPackage, bySuspended := r.query.Package != "", r.query.Suspended != nil
	args := make([]any, 0, 6)
	args = append(args, from.ms, from.id[:], to, limit)
	if byPackage {
		args = append(args, r.query.Package)
	}
	if bySuspended {
		args = append(args, *r.query.Suspended)
	}
	err = r.on.each(r.ctx, pageQuery(backward, byPackage, bySuspended), args, func(row Row) error {
		var count int
		var texts string
		var beside int64
		if err := row.Scan(&count, &texts, &beside); err != nil {
			return err
		}
		if beside >= 0 {
			before = time.UnixMilli(beside).UTC()
		}
		found, err = r.store.readLicenses(count, texts)
		return err
	})
	if err != nil {
		return nil, time.Time{}, err
	}
	order := compare
	if backward {
		order = func(a, b *license.License) int { return compare(b, a) }
	}
	slices.SortFunc(found, order)
	return found, before, nil
}

// compare is the order of licenses.
func compare(a, b *license.License) int {
	return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), bytes.Compare(a.ID[:], b.ID[:]))
}
