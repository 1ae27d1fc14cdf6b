package storetest

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/privatepkgs/license"
)

var walkTests = []test{
	{"ByPagesOf1", func(h *harness) { h.walkAmongWriters(1) }},
	{"ByPagesOf7", func(h *harness) { h.walkAmongWriters(7) }},
	{"ByPagesOf100", func(h *harness) { h.walkAmongWriters(100) }},
	{"KeepsUntilOnTheWayForward", func(h *harness) {
		for i := range int64(12) {
			h.create(createdAt(i / 2))
		}
		q := license.Query{Since: at(1), Until: at(4), Limit: 3}
		var got []*license.License
		for {
			p := h.list(q)
			got = append(got, p.Licenses...)
			if p.Next.IsZero() {
				break
			}
			q.Since = p.Next
		}
		want := h.list(license.Query{Since: at(1), Until: at(4)}).Licenses
		if len(want) != 8 || ids(got) != ids(want) {
			h.Fatalf("following next from %s until %s visited:\n got %s\nwant %s", describeTime(at(1)), describeTime(at(4)), ids(got), ids(want))
		}
	}},
	{"TurnsRound", func(h *harness) {
		for i := range int64(9) {
			h.create(createdAt(i))
		}
		back := h.list(license.Query{Until: at(5), Limit: 2})
		forth := h.list(license.Query{Since: back.Next, Limit: 100})
		if len(back.Licenses) != 2 || len(forth.Licenses) != 3 || !forth.Licenses[0].CreatedAt.Equal(at(6)) {
			h.Fatalf("a page that was reached backwards, and then forwards again from its next (%s):\n%s\n%s",
				describeTime(back.Next), ids(back.Licenses), ids(forth.Licenses))
		}
		again := h.list(license.Query{Until: forth.Prev, Limit: 2})
		if ids(again.Licenses) != ids(back.Licenses) {
			h.Fatalf("forwards and backwards again is not the page that one came from:\n got %s\nwant %s", ids(again.Licenses), ids(back.Licenses))
		}
	}},
	{"IsWhatTheIteratorDoes", func(h *harness) {
		var want []*license.License
		for i := range int64(10) {
			want = append(want, h.create(createdAt(i)))
		}
		i := 0
		for l, err := range license.All(h.ctx, h.store, license.Query{Until: at(7), Limit: 3}) {
			if err != nil {
				h.Fatalf("license.All failed: %v", err)
			}
			h.same("a license from license.All", want[i], l)
			i++
		}
		if i != 8 {
			h.Fatalf("license.All returned %d licenses; want 8", i)
		}
	}},
}

// walkAmongWriters walks over many licenses of one millisecond and others around them, both
// ways, with and without a filter, while licenses are inserted and deleted everywhere.
func (h *harness) walkAmongWriters(limit int) {
	crowd := max(60, limit+20)
	if testing.Short() {
		crowd = 25
	}
	var stable, mortal []*license.License
	for i := range crowd {
		stable = append(stable, h.create(createdAt(50)))
		if i%3 == 0 {
			stable = append(stable, h.create(createdAt(int64(i))))
			mortal = append(mortal, h.create(createdAt(int64(i+1))))
		}
		if i%5 == 0 {
			mortal = append(mortal, h.create(createdAt(50)))
		}
	}

	ctx, stop := context.WithCancel(h.ctx)
	var writers sync.WaitGroup
	defer writers.Wait()
	defer stop()
	write := func(times int, write func(i int) error) {
		for i := range times {
			select {
			case <-ctx.Done():
				return
			case <-time.After(time.Millisecond):
			}
			if err := write(i); err != nil {
				h.Errorf("a write during a walk failed: %v", err)
			}
		}
	}
	writers.Go(func() {
		write(crowd, func(i int) error {
			ms := int64(i * 37 % 101)
			if i%4 == 0 {
				ms = 50
			}
			return h.store.Create(h.ctx, createdAt(ms))
		})
	})
	writers.Go(func() {
		write(len(mortal), func(i int) error { return h.store.Delete(h.ctx, mortal[i].ID, 0) })
	})

	for _, name := range []string{"", "toy"} {
		h.visitsOnce("forwards, from the first page", stable, h.walkForwards(license.Query{Limit: limit, Package: name}))
		h.visitsOnce("forwards, from a time", stable, h.walkForwards(license.Query{Since: at(-10), Limit: limit, Package: name}))
		h.visitsOnce("backwards", stable, h.walkBackwards(license.Query{Until: at(1000), Limit: limit, Package: name}))
	}
}

// walkForwards follows next to null. Pages must not overlap, nor leave the order.
func (h *harness) walkForwards(q license.Query) map[uuid.UUID]int {
	h.Helper()
	visits := map[uuid.UUID]int{}
	var last *license.License
	for range 10_000 {
		p := h.list(q)
		for _, l := range p.Licenses {
			visits[l.ID]++
			if last != nil && inOrder(last, l) >= 0 {
				h.Fatalf("a walk forwards by List(%s) went from %s to %s", describe(q), ids([]*license.License{last}), ids([]*license.License{l}))
			}
			last = l
		}
		if p.Next.IsZero() {
			return visits
		}
		q.Since = p.Next
	}
	h.Fatalf("a walk forwards by List(%s) did not end", describe(q))
	return nil
}

// walkBackwards follows prev to null, from page to page in reverse order.
func (h *harness) walkBackwards(q license.Query) map[uuid.UUID]int {
	h.Helper()
	visits := map[uuid.UUID]int{}
	var last *license.License // the first of the page before
	for range 10_000 {
		p := h.list(q)
		for i, l := range p.Licenses {
			visits[l.ID]++
			if i > 0 && inOrder(p.Licenses[i-1], l) >= 0 {
				h.Fatalf("List(%s), a page that ends at a time, is not in ascending order: %s", describe(q), ids(p.Licenses))
			}
		}
		if n := len(p.Licenses); n > 0 {
			if last != nil && inOrder(p.Licenses[n-1], last) >= 0 {
				h.Fatalf("a walk backwards by List(%s) went from %s to %s", describe(q), ids([]*license.License{last}), ids(p.Licenses[n-1:]))
			}
			last = p.Licenses[0]
		}
		if p.Prev.IsZero() {
			return visits
		}
		q.Until = p.Prev
	}
	h.Fatalf("a walk backwards by List(%s) did not end", describe(q))
	return nil
}

// visitsOnce checks that the licenses which were there all the time were visited exactly
// once, and no other more than once.
func (h *harness) visitsOnce(how string, stable []*license.License, visits map[uuid.UUID]int) {
	h.Helper()
	for _, l := range stable {
		if n := visits[l.ID]; n != 1 {
			h.Fatalf("a walk %s visited %s, which was there all the time, %d times; want once", how, ids([]*license.License{l}), n)
		}
	}
	for id, n := range visits {
		if n > 1 {
			h.Fatalf("a walk %s visited %s %d times", how, fmt.Sprint(id), n)
		}
	}
}
