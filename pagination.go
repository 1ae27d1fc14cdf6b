package license

import (
	"context"
	"iter"
	"log/slog"
	"time"
)

// The bounds of [Query].Limit.
const (
	DefaultLimit = 100
	MaxLimit     = 1000
)

// Query selects one page of licenses. Licenses are listed oldest first, by CreatedAt and
// then ID. The zero value is the first page of all licenses.
type Query struct {
	// Since and Until are times of creation, both inclusive and compared in
	// milliseconds; the zero time means that there is none. A page starts at Since. With Until
	// alone, the page ends at Until and is still in ascending order. With both it starts at
	// Since, and nothing after Until is shown.
	Since, Until time.Time

	// Limit is how many licenses a page holds: 1 to [MaxLimit], and 0 for
	// [DefaultLimit]. A page never splits a millisecond: it holds Limit licenses and any more
	// that were created in the same millisecond as the last one (for a page that ends
	// at Until, the first one).
	Limit int

	// Package keeps only licenses that name this package; "" keeps all.
	Package string

	// Suspended keeps only licenses that are, or are not, suspended; nil keeps all.
	Suspended *bool
}

// Page is one page of licenses.
type Page struct {
	// Licenses are in ascending order of CreatedAt and ID.
	Licenses []*License

	// Next is the CreatedAt of the first license after the page, to be the Since of the next
	// query. Keep Until in it if this query had Since as well; if it had Until alone, drop it, as
	// Next is later. Prev is the CreatedAt of the last license before the page, to be the Until
	// of a query without Since. Filters apply to both. The zero time means that there is none. An empty page has no Next
	// when nothing follows, and as Prev the nearest older license, if any.
	//
	// Following Next, or Prev, to the end visits every license that existed before the walk
	// began and was not deleted exactly once.
	Next, Prev time.Time
}

// LogValue makes log/slog print the size of the page and no key.
func (p Page) LogValue() slog.Value {
	return slog.GroupValue(
		slog.Int("licenses", len(p.Licenses)),
		slog.Time("next", p.Next),
		slog.Time("prev", p.Prev),
	)
}

// Prepare is for implementers of [Store]: the first thing that List calls. It returns q with
// Limit filled in, Since raised and Until lowered to whole milliseconds, or a
// [*ValidationError] whose pointers are /since, /limit and /package.
func (q Query) Prepare() (Query, error) {
	e := new(ValidationError)
	if q.Limit == 0 {
		q.Limit = DefaultLimit
	}
	if q.Limit < 1 || q.Limit > MaxLimit {
		e.add("/limit", CodeInvalidValue, "limit must be from 1 to %d", MaxLimit)
	}
	if q.Package != "" {
		validatePackage(e, "/package", q.Package)
	}
	if !q.Since.IsZero() {
		since := truncateMillis(q.Since)
		if since.Before(q.Since) {
			since = since.Add(time.Millisecond)
		}
		q.Since = since
	}
	q.Until = truncateMillis(q.Until)
	if !q.Since.IsZero() && !q.Until.IsZero() && q.Since.After(q.Until) {
		e.add("/since", CodeInvalidValue, "since must not be after until")
	}
	return q, e.errOrNil()
}

// PageLender is what a [Store] may be as well: one that shows the licenses of a page without
// making a copy of each. Package httpapi answers in less time from such a store, with the same
// bytes, and package storetest tests it.
type PageLender interface {
	// LendPage is List for a caller who needs each license for a moment only. It calls use for
	// those of the page, in their order, and returns a Page without them. What use is given
	// is the caller's until use returns: it must be neither changed nor kept, and the same
	// goes for its Packages and Meta. When err is not nil, use may have been called before.
	LendPage(ctx context.Context, q Query, use func(*License)) (*Page, error)
}

// All walks over all licenses that q selects, oldest first, a page at a time: q.Limit is the
// size of a page and not a bound on the walk. With Until alone the walk starts at the
// oldest license. A failed page is yielded as an error with a nil license, and ends the walk.
func All(ctx context.Context, s Store, q Query) iter.Seq2[*License, error] {
	return func(yield func(*License, error) bool) {
		q := q // a second walk begins anew
		if q.Since.IsZero() && !q.Until.IsZero() {
			// With Until alone a page would end there. No license is as old as this.
			q.Since = time.UnixMilli(-1)
		}
		for {
			page, err := s.List(ctx, q)
			if err != nil {
				yield(nil, err)
				return
			}
			for _, l := range page.Licenses {
				if !yield(l, nil) {
					return
				}
			}
			if page.Next.IsZero() {
				return
			}
			q.Since = page.Next
		}
	}
}
