package storetest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/privatepkgs/license"
)

var listTests = []test{
	{"OfNothingIsEmpty", func(h *harness) {
		for _, q := range []license.Query{{}, {Since: at(0)}, {Until: at(0)}, {Since: at(0), Until: at(1)}, {Package: "toy"}, {Suspended: new(true)}} {
			h.pageIs(q, page{})
		}
	}},
	{"IsInOrderOfCreationThenID", func(h *harness) {
		var all []*license.License
		for i := range 24 {
			l := createdAt(int64(i * 7 % 4)) // six in each of four milliseconds
			l.ID = uuid.New()
			all = append(all, h.create(l))
		}
		for _, edge := range []uuid.UUID{{15: 1}, uuid.Max} {
			l := createdAt(2)
			l.ID = edge
			all = append(all, h.create(l))
		}
		h.holds(all...)
	}},
	{"HoldsAHundredUnlessAsked", func(h *harness) {
		var all []*license.License
		for i := range int64(license.DefaultLimit + 2) {
			all = append(all, h.create(createdAt(i)))
		}
		for _, q := range []license.Query{{}, {Since: at(1)}, {Until: at(101)}, {Limit: license.MaxLimit}} {
			h.pageIs(q, modelPage(all, q))
		}
	}},
	{"RefusesAnInvalidQuery", func(h *harness) {
		h.create(createdAt(0))
		for _, bad := range []struct {
			pointer string
			query   license.Query
		}{
			{"/limit", license.Query{Limit: -1}},
			{"/limit", license.Query{Limit: license.MaxLimit + 1}},
			{"/since", license.Query{Since: at(1), Until: at(0)}},
			{"/package", license.Query{Package: "two words"}},
			{"/package", license.Query{Package: "\xff"}},
		} {
			p, err := h.store.List(h.ctx, bad.query)
			h.invalid(fmt.Sprintf("List(%s)", describe(bad.query)), err, bad.pointer)
			if p != nil {
				h.Fatalf("List(%s) returned a page together with an error", describe(bad.query))
			}
			if lender, ok := h.store.(license.PageLender); ok {
				p, err := lender.LendPage(h.ctx, bad.query, func(*license.License) {})
				h.invalid(fmt.Sprintf("LendPage(%s)", describe(bad.query)), err, bad.pointer)
				if p != nil {
					h.Fatalf("LendPage(%s) returned a page together with an error", describe(bad.query))
				}
			}
		}
	}},
	{"ComparesWholeMilliseconds", func(h *harness) {
		all := []*license.License{h.create(createdAt(0)), h.create(createdAt(1)), h.create(createdAt(2))}
		for q, whole := range map[license.Query]license.Query{
			{Since: at(1).Add(-1)}:                        {Since: at(1)},
			{Since: at(1).Add(1)}:                         {Since: at(2)},
			{Until: at(1).Add(-1)}:                        {Until: at(0)},
			{Until: at(1).Add(999_999)}:                   {Until: at(1)},
			{Since: at(0).Add(1), Until: at(2).Add(-1)}:   {Since: at(1), Until: at(1)},
			{Since: at(1).In(start.Location()), Limit: 1}: {Since: at(1), Limit: 1},
		} {
			h.pageIs(q, modelPage(all, whole))
		}
	}},
	{"NeverSplitsAMillisecond", func(h *harness) {
		var all []*license.License
		for _, ms := range []int64{0, 1, 1, 1, 1, 1, 2} {
			all = append(all, h.create(createdAt(ms)))
		}
		slices.SortFunc(all, inOrder)
		for limit := 1; limit <= 7; limit++ {
			for _, q := range []license.Query{
				{Limit: limit}, {Since: at(1), Limit: limit}, {Since: at(1), Until: at(1), Limit: limit},
				{Until: at(1), Limit: limit}, {Until: at(2), Limit: limit},
			} {
				h.pageIs(q, modelPage(all, q))
			}
		}
	}},
	{"BoundsNextByUntilOnlyWithSince", func(h *harness) {
		a, b, c := h.create(createdAt(0)), h.create(createdAt(10)), h.create(createdAt(20))
		h.pageIs(license.Query{Since: at(0), Until: at(10)}, page{licenses: []*license.License{a, b}})
		h.pageIs(license.Query{Since: at(0), Until: at(10), Limit: 1}, page{licenses: []*license.License{a}, next: at(10)})
		h.pageIs(license.Query{Until: at(10)}, page{licenses: []*license.License{a, b}, next: at(20)})
		h.pageIs(license.Query{Until: at(10), Limit: 1}, page{licenses: []*license.License{b}, prev: at(0), next: at(20)})
		h.pageIs(license.Query{Since: at(20), Until: at(20)}, page{licenses: []*license.License{c}, prev: at(10)})
	}},
	{"NeverBoundsPrevBySince", func(h *harness) {
		h.create(createdAt(0))
		b := h.create(createdAt(10))
		h.pageIs(license.Query{Since: at(10)}, page{licenses: []*license.License{b}, prev: at(0)})
		h.pageIs(license.Query{Since: at(10), Until: at(10)}, page{licenses: []*license.License{b}, prev: at(0)})
	}},
	{"OfAnEmptyPageNamesTheNearestOlder", func(h *harness) {
		h.create(createdAt(0))
		h.create(createdAt(10))
		h.create(createdAt(30))
		h.pageIs(license.Query{Since: at(31)}, page{prev: at(30)})
		h.pageIs(license.Query{Since: at(11), Until: at(20)}, page{prev: at(10)})
		h.pageIs(license.Query{Since: at(31), Until: at(40)}, page{prev: at(30)})
		h.pageIs(license.Query{Until: at(-1)}, page{next: at(0)})
		h.pageIs(license.Query{Since: at(-5), Until: at(-1)}, page{})
		h.pageIs(license.Query{Since: at(1), Package: "other"}, page{})
	}},
	{"AppliesFiltersToNextAndPrev", func(h *harness) {
		var all []*license.License
		for i := range int64(12) {
			l := createdAt(i / 2)
			l.Suspended = i%3 == 0
			l.Packages = [][]string{{"a"}, {"b"}, {"a", "b"}, {"c", "a"}}[i%4]
			all = append(all, h.create(l))
		}
		slices.SortFunc(all, inOrder)
		for _, name := range []string{"", "a", "b", "c", "unknown"} {
			for _, suspended := range []*bool{nil, new(true), new(false)} {
				for _, q := range []license.Query{{Since: at(2)}, {Until: at(3)}, {Since: at(2), Until: at(3)}, {}} {
					q.Limit, q.Package, q.Suspended = 1, name, suspended
					h.pageIs(q, modelPage(all, q))
				}
			}
		}
	}},
	{"AgreesWithThePlainestModelOnEveryQuery", func(h *harness) {
		seeds := 2
		if testing.Short() {
			seeds = 1
		}
		for seed := range seeds {
			all := h.createRandom(rand.New(rand.NewPCG(uint64(seed), 0)), 20)
			h.everyQuery(all)
			for _, l := range all {
				h.delete(l.ID)
			}
		}
	}},
}

// createRandom creates licenses in a few milliseconds, of a few packages; some are
// changed, and some deleted again. It returns those that are left, in order.
func (h *harness) createRandom(random *rand.Rand, n int) []*license.License {
	h.Helper()
	mix := func(l *license.License) {
		l.Suspended = random.IntN(3) == 0
		l.Packages = [][]string{{"a"}, {"b"}, {"a", "b"}}[random.IntN(3)]
	}
	var all []*license.License
	for range n {
		l := createdAt(2 * random.Int64N(5))
		mix(l)
		h.create(l)
		switch random.IntN(6) {
		case 0:
			h.delete(l.ID)
			continue
		case 1, 2:
			mix(l)
			h.update(l)
		}
		all = append(all, l)
	}
	slices.SortFunc(all, inOrder)
	return all
}

// everyQuery holds each page of licenses in the milliseconds 0 to 8 against the model.
func (h *harness) everyQuery(all []*license.License) {
	h.Helper()
	times := []time.Time{{}}
	for ms := int64(-1); ms <= 9; ms++ {
		times = append(times, at(ms))
	}
	for _, since := range times {
		for _, until := range times {
			if !since.IsZero() && !until.IsZero() && since.After(until) {
				continue
			}
			for _, limit := range []int{1, 3, 100} {
				for _, name := range []string{"", "a"} {
					for _, suspended := range []*bool{nil, new(true), new(false)} {
						q := license.Query{Since: since, Until: until, Limit: limit, Package: name, Suspended: suspended}
						h.pageIs(q, modelPage(all, q))
					}
				}
			}
		}
	}
}
