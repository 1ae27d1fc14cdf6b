package storetest

import (
	"slices"
	"time"

	"github.com/privatepkgs/license"
)

// page is what a page ought to be. No time means null.
type page struct {
	licenses   []*license.License
	next, prev time.Time
}

// modelPage says in the plainest way what the page of a valid query is, all licenses given
// in order. It is the contract of [license.Query] and [license.Page], word for word.
func modelPage(all []*license.License, q license.Query) page {
	var listed []*license.License // filters apply to everything
	for _, l := range all {
		if selects(q, l) {
			listed = append(listed, l)
		}
	}
	limit := q.Limit
	if limit == 0 {
		limit = license.DefaultLimit
	}
	before := func(t time.Time) int { // how many were created before t
		return len(slices.DeleteFunc(slices.Clone(listed), func(l *license.License) bool { return !l.CreatedAt.Before(t) }))
	}
	sameMillisecond := func(i, j int) bool { return listed[i].CreatedAt.Equal(listed[j].CreatedAt) }

	begin, bound := 0, len(listed) // the page is listed[begin:end], and nothing from bound on is shown
	if !q.Since.IsZero() {
		begin = before(q.Since)
	}
	if !q.Until.IsZero() {
		bound = before(q.Until.Add(time.Millisecond))
	}
	end := min(begin+limit, bound)
	for end > begin && end < bound && sameMillisecond(end-1, end) {
		end++
	}
	if q.Since.IsZero() && !q.Until.IsZero() { // the page ends at until, and next is not bounded
		begin, end, bound = max(bound-limit, 0), bound, len(listed)
		for begin > 0 && begin < end && sameMillisecond(begin-1, begin) {
			begin--
		}
	}

	p := page{licenses: listed[begin:end]}
	if end < bound {
		p.next = listed[end].CreatedAt
	}
	if begin > 0 {
		p.prev = listed[begin-1].CreatedAt
	}
	return p
}

// pageIs checks a page of the store.
func (h *harness) pageIs(q license.Query, want page) {
	h.Helper()
	h.isPage(q, h.list(q), want)
	if lender, ok := h.store.(license.PageLender); ok {
		h.isPage(q, h.borrow(lender, q), want)
	}
}

// borrow returns the page that a store lends, with copies of what it was lent.
func (h *harness) borrow(lender license.PageLender, q license.Query) *license.Page {
	h.Helper()
	var lent []*license.License
	p, err := lender.LendPage(h.ctx, q, func(l *license.License) { lent = append(lent, l.Clone()) })
	if err != nil {
		h.Fatalf("LendPage(%s) failed: %v", describe(q), err)
	}
	if p == nil {
		h.Fatalf("LendPage(%s) returned neither a page nor an error", describe(q))
	}
	if len(p.Licenses) > 0 {
		h.Fatalf("LendPage(%s) returned a page with licenses in it", describe(q))
	}
	p.Licenses = lent
	return p
}

func (h *harness) isPage(q license.Query, got *license.Page, want page) {
	h.Helper()
	if !slices.EqualFunc(got.Licenses, want.licenses, func(a, b *license.License) bool { return a.ID == b.ID }) {
		h.Fatalf("List(%s) is not the page it should be:\n got %s\nwant %s", describe(q), ids(got.Licenses), ids(want.licenses))
	}
	for i, w := range want.licenses {
		h.same("List("+describe(q)+"), a license of the page,", w, got.Licenses[i])
	}
	if !got.Next.Equal(want.next) {
		h.Fatalf("List(%s): next is %s, want %s\npage %s", describe(q), describeTime(got.Next), describeTime(want.next), ids(got.Licenses))
	}
	if !got.Prev.Equal(want.prev) {
		h.Fatalf("List(%s): prev is %s, want %s\npage %s", describe(q), describeTime(got.Prev), describeTime(want.prev), ids(got.Licenses))
	}
}
