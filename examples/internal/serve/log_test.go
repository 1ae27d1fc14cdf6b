package serve

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestRequestsAreLoggedWithMethodPathStatusAndDuration(t *testing.T) {
	t.Parallel()
	const id = "/v1/licenses/019a0000-0000-7000-8000-000000000000"
	for _, c := range []struct {
		name    string
		handler http.HandlerFunc
		want    string
	}{
		{"a status", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }, "status=418"},
		{"the first status of two", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write(nil)
			w.WriteHeader(http.StatusTeapot)
		}, "status=200"},
		{"the status after an informational one", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusEarlyHints)
			w.WriteHeader(http.StatusTeapot)
		}, "status=418"},
		{"silence", func(http.ResponseWriter, *http.Request) {}, "status=200"},
		{"a panic", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "status=0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var log bytes.Buffer
			h := LogRequests(&log, c.handler)
			func() {
				defer func() { _ = recover() }()
				h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPut, id, nil))
			}()
			assert.Contains(t, log.String(), "method=PUT path="+id+" "+c.want+" duration=")
			assert.Equal(t, 1, strings.Count(log.String(), "\n"))
		})
	}
}

func TestARequestIsLoggedInTheFormOfSlog(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log, want bytes.Buffer
		h := LogRequests(&log, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			time.Sleep(1234567 * time.Nanosecond)
			w.WriteHeader(http.StatusNotFound)
		}))
		for _, logged := range []struct{ method, path, as string }{
			{"GET", "/v1/licenses/a%20key", "/v1/licenses/*"},
			{"GET", "http://example.org", ""},
			{"GET path=/ status=200\u2028\"", "/healthz", "/healthz"}, // HTTP/2 lets such methods through
		} {
			r := httptest.NewRequest(http.MethodGet, logged.path, nil)
			r.Method = logged.method
			h.ServeHTTP(httptest.NewRecorder(), r)
			slog.New(slog.NewTextHandler(&want, nil)).Info("request",
				"method", logged.method, "path", logged.as, "status", 404, "duration", 1234567*time.Nanosecond)
			assert.Equal(t, want.String(), log.String())
		}
	})
}

func TestTimesAreLoggedToTheMillisecond(t *testing.T) {
	t.Parallel()
	for zone, hours := range map[string]int{"": 0, "east": 14, "west": -7} {
		for _, nanos := range []int{0, 1, 999_999, 1_000_000, 120_000_000, 999_999_999} {
			at := time.Date(2026, 12, 31, 23, 59, 59, nanos, time.FixedZone(zone, hours*3600))
			want := at.Format("2006-01-02T15:04:05.000Z07:00")
			assert.Equal(t, "time="+want, string(appendTime([]byte("time="), at)))
		}
	}
}

func TestLoggedPathHidesWhatMayBeAKey(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		"/":                        "/",
		"/healthz":                 "/healthz",
		"/v1/licenses":             "/v1/licenses",
		"/v1/licenses/lookup":      "/v1/licenses/lookup",
		"/v1/licenses/12345-ABCDE": "/v1/licenses/*",
		"/v1/licenses/019A0000-0000-7000-8000-000000000000":          "/v1/licenses/019A0000-0000-7000-8000-000000000000",
		"/v1/licenses/urn:uuid:019a0000-0000-7000-8000-000000000000": "/v1/licenses/*",
		"/v1/licenses/{019a0000-0000-7000-8000-000000000000}":        "/v1/licenses/*",
		"/v1/12345-ABCDE/licenses":                                   "/v1/*/licenses",
		"/\n12345":                                                   "/*",
	} {
		assert.Equal(t, want, loggedPath(path))
	}
}
