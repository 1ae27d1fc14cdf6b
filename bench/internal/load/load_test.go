package load

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func newClient(t *testing.T, h http.HandlerFunc) *Client {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	c, err := NewClient(strings.TrimPrefix(server.URL, "http://"), 4)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}

// Answers of known and of unknown length follow one another on one connection.
func TestEveryRequestArrivesOnce(t *testing.T) {
	t.Parallel()
	var seen [1000]atomic.Int64
	c := newClient(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || r.Header.Get("Authorization") != "Bearer secret" || string(body) != `{"a":1}` {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		i, _ := strconv.Atoi(strings.TrimPrefix(r.URL.Path, "/"))
		seen[i].Add(1)
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, strings.Repeat("x", i%2*100_000)) // in chunks, or nothing
	})
	require.NoError(t, c.Send(len(seen), func(i int) Request {
		return NewRequest("POST", "/"+strconv.Itoa(i), "secret", `{"a":1}`, http.StatusCreated)
	}))
	for i := range seen {
		require.EqualValues(t, 1, seen[i].Load(), i)
	}
}

func TestAnotherStatusIsAnError(t *testing.T) {
	t.Parallel()
	c := newClient(t, http.NotFound)
	err := c.Send(1, func(int) Request { return NewRequest("GET", "/there", "", "", http.StatusOK) })
	require.ErrorContains(t, err, "GET /there HTTP/1.1 was answered with 404 and not 200: 404 page not found")
}

func TestLatencyCountsFromWhenARequestIsDue(t *testing.T) {
	t.Parallel()
	const stall = 50 * time.Millisecond
	c := newClient(t, func(http.ResponseWriter, *http.Request) { time.Sleep(stall) })
	// Four connections answer 80 requests a second at most, and are asked for 800.
	took, err := c.Latency(40, 800, func(int) Request { return NewRequest("GET", "/", "", "", http.StatusOK) })
	require.NoError(t, err)
	require.True(t, slices.IsSorted(took))
	require.GreaterOrEqual(t, took[0], stall)
	require.GreaterOrEqual(t, took[len(took)-1], 9*stall, "the last requests wait for those before")
}
