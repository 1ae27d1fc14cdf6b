package storetest

import (
	"context"
	"slices"
	"time"

	"github.com/privatepkgs/license"
)

var faults = slices.Concat(createFaults, updateFaults, deleteFaults, getFaults, copyFaults, textFaults, timeFaults, contextFaults, listFaults, batchFaults)

// listing replaces List by a function that spoils the query first and the page afterwards.
func listing(before func(q *license.Query), after func(s *faulty, q license.Query, p *license.Page)) func(s *faulty) {
	return func(s *faulty) {
		s.list = func(ctx context.Context, q license.Query) (*license.Page, error) {
			given := q
			if before != nil {
				before(&q)
			}
			p, err := s.Store.List(ctx, q)
			if err == nil && after != nil {
				after(s, given, p)
			}
			return p, err
		}
	}
}

func backward(q license.Query) bool { return q.Since.IsZero() && !q.Until.IsZero() }

var listFaults = []fault{
	{"a page splits a millisecond", []string{
		"List/NeverSplitsAMillisecond", "List/AgreesWithThePlainestModelOnEveryQuery", "Walk/ByPagesOf1", "Walk/ByPagesOf7", "Walk/KeepsUntilOnTheWayForward",
	}, listing(nil, func(_ *faulty, q license.Query, p *license.Page) {
		if extra := len(p.Licenses) - q.Limit; q.Limit > 0 && extra > 0 {
			if backward(q) {
				p.Prev = p.Licenses[extra-1].CreatedAt
				p.Licenses = p.Licenses[extra:]
				return
			}
			p.Next = p.Licenses[q.Limit].CreatedAt
			p.Licenses = p.Licenses[:q.Limit]
		}
	})},
	{"next is after the millisecond of the last license, and skips the rest of it", []string{
		"List/NeverSplitsAMillisecond", "Walk/ByPagesOf1", "Walk/ByPagesOf7",
	}, listing(nil, func(_ *faulty, q license.Query, p *license.Page) {
		if !backward(q) && q.Limit > 0 && len(p.Licenses) > q.Limit {
			p.Licenses = p.Licenses[:q.Limit]
		}
	})},
	{"a long page is cut short", []string{"Walk/ByPagesOf100"}, listing(nil, func(_ *faulty, q license.Query, p *license.Page) {
		if q.Limit == 100 && len(p.Licenses) > 20 {
			p.Licenses = p.Licenses[:20]
		}
	})},
	{"licenses of one millisecond are in no order", []string{"List/IsInOrderOfCreationThenID", "Walk/ByPagesOf7"}, listing(nil, func(_ *faulty, _ license.Query, p *license.Page) {
		slices.SortStableFunc(p.Licenses, func(a, b *license.License) int {
			if c := a.CreatedAt.Compare(b.CreatedAt); c != 0 {
				return c
			}
			return inOrder(b, a)
		})
	})},
	{"a page that was reached backwards is in descending order", []string{
		"List/BoundsNextByUntilOnlyWithSince", "List/AgreesWithThePlainestModelOnEveryQuery", "Walk/ByPagesOf7",
	}, listing(nil, func(_ *faulty, q license.Query, p *license.Page) {
		if backward(q) {
			slices.Reverse(p.Licenses)
		}
	})},
	{"until does not bound next where since is given", []string{"List/BoundsNextByUntilOnlyWithSince", "List/AgreesWithThePlainestModelOnEveryQuery"},
		listing(nil, func(s *faulty, q license.Query, p *license.Page) {
			if !q.Since.IsZero() && !q.Until.IsZero() && p.Next.IsZero() {
				q.Since, q.Until = q.Until.Add(time.Millisecond), time.Time{}
				if after, err := s.Store.List(context.Background(), q); err == nil && len(after.Licenses) > 0 {
					p.Next = after.Licenses[0].CreatedAt
				}
			}
		})},
	{"until bounds next also without since", []string{"List/BoundsNextByUntilOnlyWithSince", "Walk/TurnsRound"}, listing(nil, func(_ *faulty, q license.Query, p *license.Page) {
		if backward(q) {
			p.Next = time.Time{}
		}
	})},
	{"until shows what is after it", []string{"List/BoundsNextByUntilOnlyWithSince", "Walk/KeepsUntilOnTheWayForward", "Walk/IsWhatTheIteratorDoes"}, listing(func(q *license.Query) {
		if !q.Since.IsZero() {
			q.Until = time.Time{}
		}
	}, nil)},
	{"since bounds prev", []string{"List/NeverBoundsPrevBySince", "Walk/TurnsRound"}, listing(nil, func(_ *faulty, q license.Query, p *license.Page) {
		if !q.Since.IsZero() {
			p.Prev = time.Time{}
		}
	})},
	{"an empty page has no prev", []string{"List/OfAnEmptyPageNamesTheNearestOlder"}, listing(nil, func(_ *faulty, _ license.Query, p *license.Page) {
		if len(p.Licenses) == 0 {
			p.Prev = time.Time{}
		}
	})},
	{"an empty page has itself for next", []string{"List/OfNothingIsEmpty", "List/OfAnEmptyPageNamesTheNearestOlder"}, listing(nil, func(_ *faulty, q license.Query, p *license.Page) {
		if len(p.Licenses) == 0 && !q.Since.IsZero() {
			p.Next = q.Since
		}
	})},
	{"next and prev ignore the filters", []string{"List/AppliesFiltersToNextAndPrev", "List/AgreesWithThePlainestModelOnEveryQuery"}, listing(nil, func(s *faulty, q license.Query, p *license.Page) {
		if n := len(p.Licenses); n > 0 {
			ctx := context.Background()
			if before, err := s.Store.List(ctx, license.Query{Since: p.Licenses[0].CreatedAt, Limit: 1}); err == nil {
				p.Prev = before.Prev
			}
			if after, err := s.Store.List(ctx, license.Query{Until: p.Licenses[n-1].CreatedAt, Limit: 1}); err == nil && (q.Until.IsZero() || backward(q)) {
				p.Next = after.Next
			}
		}
	})},
	{"until is exclusive", []string{"List/AgreesWithThePlainestModelOnEveryQuery", "List/ComparesWholeMilliseconds", "Time/HaveTheWholeRange"}, listing(func(q *license.Query) {
		if !q.Until.IsZero() && (q.Since.IsZero() || q.Since.Before(q.Until)) {
			q.Until = q.Until.Add(-time.Millisecond)
		}
	}, nil)},
	{"a since between two milliseconds is cut", []string{"List/ComparesWholeMilliseconds"}, listing(func(q *license.Query) {
		if !q.Since.IsZero() {
			q.Since = millis(q.Since)
		}
	}, nil)},
	{"a page holds fifty unless asked", []string{"List/HoldsAHundredUnlessAsked"}, listing(func(q *license.Query) {
		if q.Limit == 0 {
			q.Limit = 50
		}
	}, nil)},
	{"a limit that is too high is lowered", []string{"List/RefusesAnInvalidQuery"}, listing(func(q *license.Query) {
		q.Limit = min(q.Limit, license.MaxLimit)
	}, nil)},
	{"since after until gives an empty page", []string{"List/RefusesAnInvalidQuery"}, listing(func(q *license.Query) {
		if !q.Since.IsZero() && !q.Until.IsZero() && q.Since.After(q.Until) {
			q.Until = q.Since
		}
	}, nil)},
}
