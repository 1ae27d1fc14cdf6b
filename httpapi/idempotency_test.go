package httpapi_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/privatepkgs/license/httpapi"
)

func once(key, body string) request {
	return request{method: "POST", path: "/v1/licenses", body: body, header: http.Header{"Idempotency-Key": {key}}}
}

func TestARetriedPostAnswers201WithTheLicenseAsItIsNow(t *testing.T) {
	onEveryStore(t, func(t *testing.T, s *service) {
		const body = `{"name":"ACME","constraint":{"type":"none"},"meta":{"a": 1},"packages":["p"]}`
		first := s.do(t, once("order-1", body))
		require.Equal(t, 201, first.status)
		path := first.header.Get("Location")
		assert.Equal(t, byte('8'), path[len("/v1/licenses/")+14], "the version of the UUID")

		s.clock.advance(5)
		again := s.do(t, once("order-1", body))
		assert.Equal(t, 201, again.status)
		assert.Equal(t, first.body, again.body, "the random key too")
		assert.Equal(t, first.header.Get("Location"), again.header.Get("Location"))
		assert.Equal(t, first.header.Get("ETag"), again.header.Get("ETag"))

		spaced := strings.ReplaceAll(body, ":", " : ")
		assert.Equal(t, 201, s.do(t, once("order-1", spaced)).status, "white space is no difference")

		other := s.do(t, once("order-2", body))
		assert.NotEqual(t, path, other.header.Get("Location"), "another key is another license")

		changed := s.put(t, path, putBody("K"), nil)
		require.Equal(t, 200, changed.status)
		now := s.do(t, once("order-1", body))
		assert.Equal(t, 201, now.status)
		assert.Equal(t, changed.body, now.body)
		assert.Equal(t, changed.header.Get("ETag"), now.header.Get("ETag"))
		assert.Equal(t, 201, s.do(t, once("order-1", newBody("other"))).status, "nothing to compare with any more")

		require.Equal(t, 204, s.do(t, request{method: "DELETE", path: path}).status)
		made := s.do(t, once("order-1", body))
		assert.Equal(t, 201, made.status)
		assert.Equal(t, path, made.header.Get("Location"), "made again")
		assert.NotEqual(t, first.license["key"], made.license["key"])
	})
}

func TestARetriedPostWithAnotherBodyIs422(t *testing.T) {
	onEveryStore(t, func(t *testing.T, s *service) {
		const body = `{"name":"ACME","key":"K","constraint":{"type":"date","value":5},"meta":{"a":1},"packages":["p"]}`
		require.Equal(t, 201, s.do(t, once("order-1", body)).status)
		before := s.dump(t)
		for _, change := range [][2]string{
			{`"ACME"`, `"acme"`}, {`"K"`, `"k"`}, {`"value":5`, `"value":6`}, {`"a":1`, `"a":1.0`}, {`["p"]`, `["p","q"]`},
			{`"meta":{"a":1},`, ``}, {`"packages"`, `"suspended":true,"packages"`},
			{`{"type":"date","value":5}`, `{"type":"none"}`},
		} {
			got := s.do(t, once("order-1", strings.Replace(body, change[0], change[1], 1)))
			assert.Equal(t, 422, got.status, change[1])
			assert.Equal(t, "idempotency_mismatch", got.problem.Code)
			assert.Empty(t, got.problem.Errors)
		}
		assert.Equal(t, before, s.dump(t))
		assert.Equal(t, 409, s.do(t, once("order-2", body)).status, "another key wants the license key that is taken")
	})
}

func TestConcurrentPostsWithOneIdempotencyKeyMakeOneLicense(t *testing.T) {
	onEveryStore(t, func(t *testing.T, s *service) {
		var mu sync.Mutex
		bodies := make(map[string]int)
		parallel(20, func(int) {
			a := s.do(t, once("order-1", `{"constraint":{"type":"none"},"packages":["p"]}`))
			assert.Equal(t, 201, a.status)
			mu.Lock()
			defer mu.Unlock()
			bodies[a.body]++
		})
		assert.Len(t, bodies, 1)
		p, _ := s.list(t, "")
		assert.Len(t, p.Data, 1)
	})
}

// The tokens are one principal, so that a retry works across a rotation.
func TestRetriesWorkAcrossTokens(t *testing.T) {
	t.Parallel()
	c := newClock()
	store := stores["memstore"](t, c.now)
	const newToken = "another-token-for-the-tests"
	h, err := httpapi.New(store, httpapi.Options{Tokens: []string{newToken, token}})
	require.NoError(t, err)
	s := serveHandler(t, h, store, c)
	first := s.do(t, once("order-1", newBody("K")))
	q := once("order-1", newBody("K"))
	q.header.Set("Authorization", "Bearer "+newToken)
	again := s.do(t, q)
	assert.Equal(t, 201, again.status)
	assert.Equal(t, first.header.Get("Location"), again.header.Get("Location"))
}

func TestIdempotencyKeysBelongToTheirPrincipal(t *testing.T) {
	t.Parallel()
	c := newClock()
	store := stores["memstore"](t, c.now)
	h, err := httpapi.New(store, httpapi.Options{Authenticate: func(r *http.Request) (string, error) {
		return r.Header.Get("X-User"), nil
	}})
	require.NoError(t, err)
	s := serveHandler(t, h, store, c)
	paths := make(map[string]bool)
	for _, user := range []string{"anna", "ann"} {
		q := once(strings.TrimPrefix("anna-1", user), `{"constraint":{"type":"none"},"packages":["p"]}`)
		q.header.Set("X-User", user)
		a := s.do(t, q)
		require.Equal(t, 201, a.status)
		paths[a.header.Get("Location")] = true
	}
	assert.Len(t, paths, 2, "ann with a-1 is not anna with -1")
}

// A client may repeat its request after an upgrade of this library.
func TestTheIDOfAnIdempotencyKeyNeverChanges(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "6e4058c8-4952-89aa-b4d1-01a511579abc", httpapi.IdempotentID("", "order-1").String())
	assert.Equal(t, "7faca630-fd59-8367-9070-f68d7f4a005b", httpapi.IdempotentID("anna", "order-1").String())
}

func TestIdempotencyKeyIs1To255VisibleASCIICharacters(t *testing.T) {
	onEveryStore(t, func(t *testing.T, s *service) {
		for i, key := range []string{"k", `"8e03978e-40d5-43e8-bc93-6894a57f9324"`, strings.Repeat("k", 255)} {
			assert.Equal(t, 201, s.do(t, once(key, `{"constraint":{"type":"none"},"packages":["p"]}`)).status, i)
		}
	})
}

func parallel(n int, do func(i int)) {
	var wg sync.WaitGroup
	begin := make(chan struct{})
	for i := range n {
		wg.Go(func() {
			<-begin
			do(i)
		})
	}
	close(begin)
	wg.Wait()
}

func TestOfParallelConditionalPutsExactlyOneSucceeds(t *testing.T) {
	onEveryStore(t, func(t *testing.T, s *service) {
		for range 5 {
			a := s.post(t, `{"constraint":{"type":"none"},"packages":["p"]}`)
			path := a.header.Get("Location")
			statuses := countStatuses(20, func(int) answer {
				return s.put(t, path, putBody(path), http.Header{"If-Match": {a.header.Get("ETag")}})
			})
			assert.Equal(t, map[int]int{200: 1, 412: 19}, statuses)
		}
	})
}

func TestOfParallelPostsOfOneKeyExactlyOneSucceeds(t *testing.T) {
	onEveryStore(t, func(t *testing.T, s *service) {
		statuses := countStatuses(50, func(int) answer { return s.post(t, newBody("K")) })
		assert.Equal(t, map[int]int{201: 1, 409: 49}, statuses)
	})
}

func countStatuses(n int, do func(i int) answer) map[int]int {
	var mu sync.Mutex
	statuses := make(map[int]int)
	parallel(n, func(i int) {
		a := do(i)
		mu.Lock()
		defer mu.Unlock()
		statuses[a.status]++
	})
	return statuses
}
