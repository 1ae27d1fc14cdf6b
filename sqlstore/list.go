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

var _ license.PageLender = (*Store)(nil)

// List implements [license.Store].
func (s *Store) List(ctx context.Context, q license.Query) (*license.Page, error) {
	return s.list(ctx, s.reads, q)
}

func (s *Store) list(ctx context.Context, on reader, q license.Query) (*license.Page, error) {
	page, found, err := s.page(ctx, on, q)
	if err != nil {
		return nil, err
	}
	if page.Licenses, err = s.decodeAll(found); err != nil {
		return nil, s.failed(ctx, opList, err)
	}
	return page, nil
}

// LendPage implements [license.PageLender].
func (s *Store) LendPage(ctx context.Context, q license.Query, use func(*license.License)) (*license.Page, error) {
	page, found, err := s.page(ctx, s.reads, q)
	if err != nil {
		return nil, err
	}
	var lent license.License
	for i := range found {
		if err := s.decode(&lent, &found[i]); err != nil {
			return nil, s.failed(ctx, opList, err)
		}
		use(&lent)
	}
	return page, nil
}

// page returns the licenses of a page, in their order, and the page without them.
func (s *Store) page(ctx context.Context, on reader, q license.Query) (*license.Page, []stored, error) {
	q, err := q.Prepare()
	if err != nil {
		return nil, nil, err
	}
	if err := s.ready(ctx); err != nil {
		return nil, nil, s.failed(ctx, opList, err)
	}
	r := pageReader{ctx: ctx, on: on, query: q}
	read := r.forward
	if q.Since.IsZero() && !q.Until.IsZero() {
		read = r.backward
	}
	page := new(license.Page)
	found, err := read(page)
	if err != nil {
		return nil, nil, s.failed(ctx, opList, err)
	}
	return page, found, nil
}

// The bounds of no bound.
const (
	firstMilli = 0
	lastMilli  = math.MaxInt64
)

// pageReader reads one page. What its queries find is not one snapshot; a walk is exact all
// the same, because each query begins where the one before ended.
type pageReader struct {
	ctx   context.Context
	on    reader
	query license.Query
}

// forward returns the licenses of a page, and sets its neighbours in p.
func (r *pageReader) forward(p *license.Page) ([]stored, error) {
	from, to := int64(firstMilli), int64(lastMilli)
	if !r.query.Since.IsZero() {
		from = r.query.Since.UnixMilli()
	}
	if !r.query.Until.IsZero() {
		to = r.query.Until.UnixMilli()
	}
	found, before, after, err := r.page(queryForward, from, to)
	p.Prev, p.Next = before, after
	return found, err
}

// backward is forward for a page that is read from its end.
func (r *pageReader) backward(p *license.Page) ([]stored, error) {
	found, before, after, err := r.page(queryBackward, r.query.Until.UnixMilli(), firstMilli)
	slices.Reverse(found)
	p.Prev, p.Next = after, before
	return found, err
}

// page reads a page from a time to another, in the direction of the query and its order, and the
// times of the last license before it and of the first beyond it.
func (r *pageReader) page(q query, from, to int64) (page []stored, before, after time.Time, err error) {
	none := time.Time{}
	limit := r.query.Limit
	found, before, err := r.read(q, from, to, limit+1)
	if err != nil || len(found) <= limit {
		return found, before, none, err
	}
	last, beyond := found[limit-1].createdAt, found[limit]
	if beyond.createdAt != last {
		return found[:limit], before, time.UnixMilli(beyond.createdAt).UTC(), nil
	}
	var rest []stored
	next := last + 1
	if q == queryForward {
		rest, err = r.rest(last, beyond.id)
	} else {
		next = last - 1
		rest, err = r.rest(last, uuid.Nil)
		rest = slices.DeleteFunc(rest, func(st stored) bool { return compareIDs(st, beyond) > 0 })
		slices.Reverse(rest)
	}
	if err != nil {
		return nil, none, none, err
	}
	after, err = r.nearest(q, next, to)
	return append(found[:limit], rest...), before, after, err
}

// restChunk is how many licenses of one millisecond are read at once. Without a limit a database
// may take it for better to read and sort more than is asked for.
const restChunk = 1000

// rest reads the licenses of a millisecond from an id on.
func (r *pageReader) rest(ms int64, from uuid.UUID) (rest []stored, err error) {
	for {
		found, _, err := r.read(queryRest, ms, from[:], restChunk+1)
		if err != nil || len(found) <= restChunk {
			return append(rest, found...), err
		}
		rest, from = append(rest, found[:restChunk]...), found[restChunk].id
	}
}

// nearest returns the time of the first license from a time to another, or the zero time.
func (r *pageReader) nearest(q query, from, to int64) (time.Time, error) {
	found, _, err := r.read(q, from, to, 1)
	if err != nil || len(found) == 0 {
		return time.Time{}, err
	}
	return time.UnixMilli(found[0].createdAt).UTC(), nil
}

// read reads licenses in the order of the query, whose first arguments are from and to, and the time
// of the one before. In queryRest to is an id.
func (r *pageReader) read(q query, from int64, to any, limit int) (found []stored, before time.Time, err error) {
	byPackage, bySuspended := r.query.Package != "", r.query.Suspended != nil
	args := make([]any, 0, 5)
	args = append(args, from, to, limit)
	if byPackage {
		args = append(args, r.query.Package)
	}
	if bySuspended {
		args = append(args, *r.query.Suspended)
	}
	err = r.on.each(r.ctx, pageQuery(q, byPackage, bySuspended), args, func(row Row) (err error) {
		var texts string
		var beside int64
		if err := row.Scan(&texts, &beside); err != nil {
			return err
		}
		if beside >= 0 {
			before = time.UnixMilli(beside).UTC()
		}
		found, err = readRows(texts, limit)
		return err
	})
	if err != nil {
		return nil, time.Time{}, err
	}
	slices.SortFunc(found, func(a, b stored) int {
		if q == queryBackward {
			a, b = b, a
		}
		return cmp.Or(cmp.Compare(a.createdAt, b.createdAt), compareIDs(a, b))
	})
	return found, before, nil
}

func compareIDs(a, b stored) int { return bytes.Compare(a.id[:], b.id[:]) }
