package storetest

import (
	"time"

	"github.com/privatepkgs/license"
)

var timeTests = []test{
	{"AreCutToTheMillisecond", func(h *harness) {
		fine := time.Date(2026, time.May, 1, 0, 0, 0, 999_999_999, time.FixedZone("", -7200))
		given := newLicense()
		given.CreatedAt, given.UpdatedAt = fine, fine.Add(time.Millisecond)
		h.create(given)
		if !given.CreatedAt.Equal(millis(fine)) || !given.UpdatedAt.Equal(millis(fine).Add(time.Millisecond)) {
			h.Fatalf("Create left the times %v and %v of a license created at %v; want them cut to the millisecond, as they are stored",
				given.CreatedAt, given.UpdatedAt, fine)
		}
		filled := h.create(newLicense()) // the clock is finer than a millisecond, too
		h.holds(given, filled)
		h.clock.advance(time.Hour + 300*time.Microsecond)
		h.update(filled)
		if want := millis(h.clock.now()); !filled.UpdatedAt.Equal(want) {
			h.Fatalf("Update left UpdatedAt %v; want the time of the store's clock, cut to the millisecond: %v", filled.UpdatedAt, want)
		}
		h.holds(given, filled)
	}},
	{"HaveTheWholeRange", func(h *harness) {
		first, last := newLicense(), newLicense()
		first.CreatedAt, first.UpdatedAt = time.UnixMilli(0), time.UnixMilli(0)
		last.CreatedAt, last.UpdatedAt = lastMillisecond, lastMillisecond
		h.create(last)
		h.create(first)
		h.holds(first, last)
		h.pageIs(license.Query{Since: time.UnixMilli(0), Limit: 1}, page{licenses: []*license.License{first}, next: lastMillisecond})
		h.pageIs(license.Query{Until: time.UnixMilli(0)}, page{licenses: []*license.License{first}, next: lastMillisecond})
		h.pageIs(license.Query{Until: lastMillisecond, Limit: 1}, page{licenses: []*license.License{last}, prev: time.UnixMilli(0)})
		h.pageIs(license.Query{Since: time.Unix(-1e9, 0), Until: time.Unix(-1e8, 0)}, page{})
		h.pageIs(license.Query{Until: time.Unix(-1e8, 0)}, page{next: time.UnixMilli(0)})
		h.pageIs(license.Query{Since: lastMillisecond.Add(time.Hour)}, page{prev: lastMillisecond})
	}},
	{"ListByCreationWhenTheClockHasGoneBack", func(h *harness) {
		first := h.create(newLicense())
		h.clock.advance(-time.Hour)
		second := h.create(newLicense())
		if !second.CreatedAt.Equal(millis(h.clock.now())) {
			h.Fatalf("a license created while the clock was an hour back has CreatedAt %v; want %v", second.CreatedAt, millis(h.clock.now()))
		}
		h.clock.advance(30 * time.Minute)
		third := h.create(newLicense())
		h.holds(first, second, third)
		h.pageIs(license.Query{Limit: 2}, page{licenses: []*license.License{second, third}, next: first.CreatedAt})
	}},
	{"NeverGoBackInUpdatedAt", func(h *harness) {
		l := h.create(newLicense())
		h.clock.advance(time.Minute)
		h.update(l)
		latest := l.UpdatedAt
		for _, back := range []time.Duration{time.Second, time.Hour, 24 * 365 * time.Hour} {
			h.clock.advance(-back)
			h.update(l)
			if !l.UpdatedAt.Equal(latest) {
				h.Fatalf("Update while the clock was back left UpdatedAt %v; want %v, as it was", l.UpdatedAt, latest)
			}
			h.holds(l)
		}
		h.clock.set(latest.Add(time.Hour))
		h.update(l)
		if !l.UpdatedAt.Equal(latest.Add(time.Hour)) {
			h.Fatalf("Update after the clock had caught up left UpdatedAt %v; want %v", l.UpdatedAt, latest.Add(time.Hour))
		}
		h.holds(l)
	}},
	{"NeverPutUpdatedAtBeforeCreatedAt", func(h *harness) {
		l := newLicense()
		l.CreatedAt = h.clock.now().Add(24 * time.Hour) // from a machine whose clock is ahead
		h.create(l)
		h.update(l)
		if l.UpdatedAt.Before(l.CreatedAt) {
			h.Fatalf("Update left UpdatedAt %v, before CreatedAt %v", l.UpdatedAt, l.CreatedAt)
		}
		h.holds(l)
	}},
}
