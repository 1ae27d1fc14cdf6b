package httpapi_test

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/privatepkgs/license"
	"github.com/privatepkgs/license/httpapi"
)

const (
	token = "token-for-the-tests-of-the-api"
	start = 1672531200000 // the first millisecond of a test's clock
)

// clock stands still unless it is moved.
type clock struct{ ms atomic.Int64 }

func newClock() *clock {
	c := new(clock)
	c.ms.Store(start)
	return c
}

func (c *clock) now() time.Time   { return time.UnixMilli(c.ms.Load()).UTC() }
func (c *clock) advance(ms int64) { c.ms.Add(ms) }

// service is a running API. All that goes through it is held against the OpenAPI document.
type service struct {
	t      *testing.T
	store  license.Store
	clock  *clock
	url    string // of the root, without the slash at the end
	client *http.Client
}

func serve(t *testing.T, store license.Store, c *clock) *service {
	t.Helper()
	return serveHandler(t, newHandler(t, store), store, c)
}

func serveHandler(t *testing.T, h http.Handler, store license.Store, c *clock) *service {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	client := &http.Client{
		Transport: &documented{t: t, next: server.Client().Transport, doc: document(t)},
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse // the API must not redirect
		},
	}
	return &service{t: t, store: store, clock: c, url: server.URL, client: client}
}

// request is what is sent: JSON with a good token, unless it says otherwise.
type request struct {
	method, path, body string
	header             http.Header // replaces those that it names; a nil value removes one
}

// answer is what came back.
type answer struct {
	status  int
	header  http.Header
	body    string
	license fields  // of an answer 200 or 201 with one
	problem problem // of an error
}

type fields map[string]json.RawMessage

type problem struct {
	Type, Title, Detail, Code string
	Status                    int
	Errors                    []struct{ Pointer, Code, Detail string }
}

func (p problem) pointers() []string {
	var list []string
	for _, e := range p.Errors {
		list = append(list, e.Pointer+" "+e.Code)
	}
	return list
}

func (s *service) do(t *testing.T, q request) answer {
	t.Helper()
	var body io.Reader
	if q.body != "" {
		body = strings.NewReader(q.body)
	}
	r, err := http.NewRequestWithContext(t.Context(), q.method, s.url+q.path, body)
	require.NoError(t, err)
	r.Header.Set("Authorization", "Bearer "+token)
	if q.body != "" || q.method == "POST" || q.method == "PUT" {
		r.Header.Set("Content-Type", "application/json")
	}
	for name, values := range q.header {
		r.Header[name] = values
		if values == nil {
			delete(r.Header, name)
		}
	}
	response, err := s.client.Do(r)
	require.NoError(t, err)
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	a := answer{status: response.StatusCode, header: response.Header, body: string(data)}
	switch {
	case q.method == "HEAD" || len(data) == 0:
	case a.status >= 400:
		require.Equal(t, "application/problem+json", response.Header.Get("Content-Type"), "%d %s", a.status, data)
		require.NoError(t, json.Unmarshal(data, &a.problem))
		assert.Equal(t, a.status, a.problem.Status)
	default:
		require.NoError(t, json.Unmarshal(data, &a.license))
	}
	return a
}

func (s *service) get(t *testing.T, path string) answer {
	return s.do(t, request{method: "GET", path: path})
}

func (s *service) post(t *testing.T, body string) answer {
	return s.do(t, request{method: "POST", path: "/v1/licenses", body: body})
}

func (s *service) put(t *testing.T, path, body string, header http.Header) answer {
	return s.do(t, request{method: "PUT", path: path, body: body, header: header})
}

// create makes a license with this key and returns its path.
func (s *service) create(t *testing.T, key string) (path string, a answer) {
	t.Helper()
	a = s.post(t, newBody(key))
	require.Equal(t, http.StatusCreated, a.status, a.body)
	return a.header.Get("Location"), a
}

func newBody(key string) string {
	return `{"name":"ACME","key":` + strconv.Quote(key) + `,"constraint":{"type":"none"},"packages":["example-package"]}`
}

func putBody(key string) string {
	return `{"name":"ACME","key":` + strconv.Quote(key) + `,"constraint":{"type":"none"},"suspended":true,"packages":["example-package"]}`
}

// dump returns all that the store holds.
func (s *service) dump(t *testing.T) string {
	t.Helper()
	var b bytes.Buffer
	for l, err := range license.All(t.Context(), s.store, license.Query{}) {
		require.NoError(t, err)
		b.Write(l.AppendJSON(nil))
		b.WriteString(" revision " + strconv.FormatInt(l.Revision, 10) + "\n")
	}
	return b.String()
}

// page is the answer to a list.
type page struct {
	Pagination struct {
		Count      int
		Prev, Next *int64
	}
	Data []struct {
		ID, Key    string
		CreatedAt  int64
		Constraint json.RawMessage
	}
}

func (p page) keys() []string {
	var keys []string
	for _, l := range p.Data {
		keys = append(keys, l.Key)
	}
	return keys
}

func (s *service) list(t *testing.T, query string) (page, answer) {
	t.Helper()
	a := s.get(t, "/v1/licenses"+query)
	require.Equal(t, http.StatusOK, a.status, a.body)
	var p page
	require.NoError(t, json.Unmarshal([]byte(a.body), &p))
	assert.Equal(t, len(p.Data), p.Pagination.Count)
	return p, a
}

// links returns the targets of a Link header by their relation.
func links(header string) map[string]string {
	targets := make(map[string]string)
	for link := range strings.SplitSeq(header, ", ") {
		if target, rel, ok := strings.Cut(link, ">; rel="); ok {
			targets[strings.Trim(rel, `"`)] = strings.TrimPrefix(target, "<")
		}
	}
	return targets
}

func newHandler(t *testing.T, store license.Store) http.Handler {
	t.Helper()
	h, err := httpapi.New(store, httpapi.Options{Tokens: []string{token}, Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	return h
}
