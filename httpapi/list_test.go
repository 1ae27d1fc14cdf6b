package httpapi_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestListItemsCarryTheConstraint(t *testing.T) {
	onEveryStore(t, func(t *testing.T, s *service) {
		_, created := s.create(t, "K1")
		list, a := s.list(t, "")
		require.Len(t, list.Data, 1)
		assert.JSONEq(t, `{"type":"none"}`, string(list.Data[0].Constraint))
		assert.Equal(t, `{"pagination":{"count":1,"prev":null,"next":null},"data":[`+created.body+`]}`, a.body)
		assert.Empty(t, a.header.Get("Link"))
	})
}

func TestListOfNothingIsEmpty(t *testing.T) {
	onEveryStore(t, func(t *testing.T, s *service) {
		assert.Equal(t, `{"pagination":{"count":0,"prev":null,"next":null},"data":[]}`, s.get(t, "/v1/licenses").body)
	})
}

// fill makes licenses K0, K1, ... one millisecond apart.
func fill(t *testing.T, s *service, n int) (keys []string) {
	t.Helper()
	for i := range n {
		keys = append(keys, fmt.Sprintf("K%d", i))
		s.create(t, keys[i])
		s.clock.advance(1)
	}
	return keys
}

func TestListLinksLeadForwardAndBack(t *testing.T) {
	onEveryStore(t, func(t *testing.T, s *service) {
		keys := fill(t, s, 10)

		var forward []string
		var last string
		for next := "/v1/licenses?limit=3&suspended=false&package=example-package"; next != ""; {
			p, a := s.list(t, strings.TrimPrefix(next, "/v1/licenses"))
			forward = append(forward, p.keys()...)
			last, next = next, links(a.header.Get("Link"))["next"]
			assert.Equal(t, next == "", p.Pagination.Next == nil)
		}
		assert.Equal(t, keys, forward)

		_, a := s.list(t, strings.TrimPrefix(last, "/v1/licenses"))
		var back [][]string
		for prev := links(a.header.Get("Link"))["prev"]; prev != ""; {
			assert.NotContains(t, prev, "since")
			p, a := s.list(t, strings.TrimPrefix(prev, "/v1/licenses"))
			back = append([][]string{p.keys()}, back...)
			prev = links(a.header.Get("Link"))["prev"]
		}
		assert.Equal(t, keys[:9], slices.Concat(back...))
	})
}

func TestListLinkNextOfAPageReachedBackwardsLeadsOn(t *testing.T) {
	onEveryStore(t, func(t *testing.T, s *service) {
		fill(t, s, 6)
		p, a := s.list(t, fmt.Sprintf("?limit=2&until=%d", start+3))
		assert.Equal(t, []string{"K2", "K3"}, p.keys())
		p, _ = s.list(t, strings.TrimPrefix(links(a.header.Get("Link"))["next"], "/v1/licenses"))
		assert.Equal(t, []string{"K4", "K5"}, p.keys())
	})
}

func TestListLinkNextKeepsAnUntilGivenWithSince(t *testing.T) {
	onEveryStore(t, func(t *testing.T, s *service) {
		fill(t, s, 6)
		p, a := s.list(t, fmt.Sprintf("?limit=2&since=%d&until=%d", start+1, start+3))
		assert.Equal(t, []string{"K1", "K2"}, p.keys())
		p, a = s.list(t, strings.TrimPrefix(links(a.header.Get("Link"))["next"], "/v1/licenses"))
		assert.Equal(t, []string{"K3"}, p.keys())
		assert.Empty(t, links(a.header.Get("Link"))["next"])
	})
}

func TestListSinceAndUntilAreMillisecondsOrRFC3339(t *testing.T) {
	onEveryStore(t, func(t *testing.T, s *service) {
		fill(t, s, 4) // from 2023-01-01T00:00:00.000Z
		for query, want := range map[string][]string{
			"?since=1672531200002":                          {"K2", "K3"},
			"?since=2023-01-01T00:00:00.002Z":               {"K2", "K3"},
			"?since=2023-01-01T00:00:00.0015Z":              {"K2", "K3"},
			"?until=1672531200001":                          {"K0", "K1"},
			"?until=2023-01-01T00:00:00.001Z":               {"K0", "K1"},
			"?until=2023-01-01T00:00:00.0019Z":              {"K0", "K1"},
			"?since=2023-01-01T01:00:00%2B01:00":            {"K0", "K1", "K2", "K3"},
			"?until=2022-12-31T23:00:00-01:00":              {"K0"},
			"?since=0":                                      {"K0", "K1", "K2", "K3"},
			"?since=253402300799999":                        nil,
			"?since=1672531200001&until=" + "1672531200002": {"K1", "K2"},
			"?&since=1672531200003&":                        {"K3"},
		} {
			p, _ := s.list(t, query)
			assert.Equal(t, want, p.keys(), query)
		}
	})
}

func TestListFiltersLimitPackageAndSuspended(t *testing.T) {
	onEveryStore(t, func(t *testing.T, s *service) {
		for i, body := range []string{
			`{"key":"A","constraint":{"type":"none"},"packages":["@acme/ui"]}`,
			`{"key":"B","constraint":{"type":"none"},"packages":["@acme/ui","x+y"],"suspended":true}`,
			`{"key":"C","constraint":{"type":"none"},"packages":["x+y"]}`,
		} {
			require.Equal(t, 201, s.post(t, body).status, i)
			s.clock.advance(1)
		}
		for query, want := range map[string][]string{
			"?limit=1":                              {"A"},
			"?limit=1000":                           {"A", "B", "C"},
			"?package=@acme/ui":                     {"A", "B"},
			"?package=%40acme%2Fui&suspended=false": {"A"},
			"?package=x%2By":                        {"B", "C"},
			"?package=unknown":                      nil,
			"?suspended=true":                       {"B"},
			"?suspended=false":                      {"A", "C"},
			"?suspended=false&limit=1":              {"A"},
		} {
			p, _ := s.list(t, query)
			assert.Equal(t, want, p.keys(), query)
		}
	})
}

// A page never splits a millisecond.
func TestListMayHoldMoreThanTheLimit(t *testing.T) {
	onEveryStore(t, func(t *testing.T, s *service) {
		for i := range 5 {
			s.create(t, fmt.Sprint("K", i))
		}
		p, a := s.list(t, "?limit=2")
		assert.Len(t, p.Data, 5)
		assert.Equal(t, http.StatusOK, a.status)
	})
}
