package gate_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"log"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/privatepkgs/license"
	"github.com/privatepkgs/license/gate"
)

func TestRegistryNeverSeesTheKeyNorConditionsOfTheClient(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	headers := []string{
		"If-None-Match", `"x"`, "If-Modified-Since", "Mon, 01 Jan 2024 00:00:00 GMT", "Range", "bytes=0-1", "If-Range", `"x"`,
		"Accept-Encoding", "br", "Proxy-Authorization", "Bearer UNLIMITED", "Upgrade", "websocket",
		"Connection", "keep-alive, X-Hop", "X-Hop", "1", "Keep-Alive", "timeout=5", "Proxy-Connection", "keep-alive", "Te", "trailers", "Trailer", "X",
		"Cookie", "session=of-the-seller", "X-Forwarded-Uri", "/toy/file/2_1_0", "X-Original-Uri", "/toy/file/2_1_0", "X-Forwarded-Method", "PUT",
		"X-HTTP-Method-Override", "PUT", "X-HTTP-Method", "PUT", "X-Method-Override", "PUT", "X-Original-URL", "/toy/file/2_1_0", "X-Rewrite-URL", "/toy/file/2_1_0", "User-Agent", "client/1",
	}
	b.do(http.MethodHead, "/toy/list?full=1", "UNLIMITED", headers...)
	b.get("/toy/file/1_9_0?version=2_1_0", "UNLIMITED", headers...)
	asked := b.requests()
	require.Len(t, asked, 2)

	require.Equal(t, http.MethodGet, asked[0].Method, "a listing is read whole")
	require.Equal(t, http.Header{"User-Agent": {"client/1"}}, asked[0].Header)
	require.Empty(t, asked[0].URL.RawQuery)

	require.Equal(t, http.Header{
		"User-Agent": {"client/1"}, "Accept-Encoding": {"br"}, "Range": {"bytes=0-1"}, "If-Range": {`"x"`},
		"If-None-Match": {`"x"`}, "If-Modified-Since": {"Mon, 01 Jan 2024 00:00:00 GMT"},
	}, asked[1].Header, "an artifact may be resumed")
	require.Empty(t, asked[1].URL.RawQuery)

	b.options.ForwardKey = true
	b.get("/toy/list", "UNLIMITED")
	require.Equal(t, "Bearer UNLIMITED", b.requests()[2].Header.Get("Authorization"))
}

func TestRegistryGetsNoBodyButThatOfAService(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	var bodies []string
	h := b.handlerTo(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		require.NoError(t, err)
		bodies = append(bodies, fmt.Sprint(r.ContentLength, r.Header.Get("Content-Type"), string(body)))
	}))
	for _, path := range []string{"/toy/file/1_9_0", "/toy/note", "/toy/list", "/names", "/ping"} {
		r := httptest.NewRequest(http.MethodGet, path, strings.NewReader("version=2_1_0"))
		r.Header.Set("Authorization", "Bearer BELOW-2")
		r.Header.Set("Content-Type", "a/b")
		h.ServeHTTP(httptest.NewRecorder(), r)
	}
	require.Equal(t, []string{"0", "0", "0", "0", "13a/bversion=2_1_0"}, bodies)
}

func TestRegistryGetsThePathThatWasJudged(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	require.Equal(t, http.StatusOK, b.get("/toy%2Ffile%2f1_9_0", "BELOW-2").Code)
	require.Equal(t, "/toy/file/1_9_0", b.requests()[0].URL.EscapedPath())
	require.Equal(t, "/toy/file/1_9_0", b.requests()[0].RequestURI)
}

func TestQueryOfAServiceIsPassedOn(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.get("/ping?a=b", "BELOW-2")
	require.Equal(t, "a=b", b.requests()[0].URL.RawQuery)

	dated(b)
	b.get("/index?version=2_1_0", "EXPIRED")
	require.Equal(t, "version=2_1_0", b.requests()[1].URL.RawQuery)
	require.Equal(t, "/toy/list", b.requests()[2].URL.RequestURI(), "what is asked for besides has none")
}

// An answer that is handed on is one customer's own: no cache between, of whatever kind, may keep
// it, and a session which the registry has given the gate is not the customer's.
func TestAnswerThatIsHandedOnIsPrivate(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.pages["/toy/file/1_9_0"] = func(w http.ResponseWriter, _ *http.Request) {
		for _, name := range []string{"Cache-Control", "CDN-Cache-Control", "Surrogate-Control", "Acme-CDN-Cache-Control"} {
			w.Header().Set(name, "public, max-age=300")
		}
		w.Header().Set("Set-Cookie", "session=of-the-seller")
		w.Header().Set("Expires", "Tue, 01 Jan 2030 00:00:00 GMT")
		w.Header().Set("Content-Type", "application/zip")
		io.WriteString(w, "the file")
	}
	require.Equal(t, http.Header{
		"Cache-Control": {"private, no-cache"}, "Vary": {"Authorization"}, "Content-Type": {"application/zip"},
	}, b.get("/toy/file/1_9_0", "BELOW-2").Header())
}

func TestAnswerIsPrivateHoweverItsHeaderGoesOut(t *testing.T) {
	t.Parallel()
	for name, send := range map[string]func(http.ResponseWriter){
		"with a status":    func(w http.ResponseWriter) { w.WriteHeader(http.StatusOK) },
		"after a hint":     func(w http.ResponseWriter) { w.WriteHeader(http.StatusEarlyHints); w.WriteHeader(http.StatusOK) },
		"with the body":    func(w http.ResponseWriter) { io.WriteString(w, "the file") },
		"with a file":      func(w http.ResponseWriter) { io.Copy(w, strings.NewReader("the file")) },
		"by a flush":       func(w http.ResponseWriter) { http.NewResponseController(w).Flush() },
		"when all is over": func(http.ResponseWriter) {},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.pages["/toy/file/1_9_0"] = func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Cache-Control", "public, max-age=300")
				w.Header().Set("Set-Cookie", "session=of-the-seller")
				send(w)
			}
			server := serve(t, b.handler())
			r, err := http.NewRequest(http.MethodGet, server.URL+"/toy/file/1_9_0", nil)
			require.NoError(t, err)
			r.Header.Set("Authorization", "Bearer BELOW-2")
			answer, err := server.Client().Do(r)
			require.NoError(t, err)
			defer answer.Body.Close()
			require.Equal(t, http.StatusOK, answer.StatusCode)
			require.Equal(t, []string{"private, no-cache"}, answer.Header["Cache-Control"])
			require.Empty(t, answer.Header["Set-Cookie"])
		})
	}
}

func TestListingIsPrivateAndForgetsWhatTheRegistrySaidOfIt(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	w := b.get("/toy/list", "BELOW-2")
	h := w.Header()
	require.Equal(t, "private, no-cache", h.Get("Cache-Control"))
	require.Equal(t, "Authorization, Accept", h.Get("Vary"))
	require.Equal(t, strconv.Itoa(w.Body.Len()), h.Get("Content-Length"))
	require.Equal(t, "text/plain", h.Get("Content-Type"))
	require.Empty(t, h.Get("Last-Modified"))
	require.Empty(t, h.Get("Digest"))
	require.NotEqual(t, `"upstream"`, h.Get("ETag"))
	require.Equal(t, h.Get("ETag"), b.get("/toy/list", "BELOW-2").Header().Get("ETag"))
	require.NotEqual(t, h.Get("ETag"), b.get("/toy/list", "UNLIMITED").Header().Get("ETag"), "another key, another body, another ETag")

	head := b.do(http.MethodHead, "/toy/list", "BELOW-2")
	require.Zero(t, head.Body.Len())
	require.Equal(t, h, head.Header())

	file := b.get("/toy/file/1_0_0", "BELOW-2").Header()
	require.Equal(t, "private, no-cache", file.Get("Cache-Control"))
	require.Equal(t, "Authorization", file.Get("Vary"))
	require.Equal(t, `"upstream"`, file.Get("ETag"))
	denied := b.get("/toy/file/2_1_0", "BELOW-2").Header()
	require.Equal(t, "no-store", denied.Get("Cache-Control"))
}

func TestConditionalRequestIsAnsweredAfterRewriting(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	etag := b.get("/toy/list", "BELOW-2").Header().Get("ETag")
	for _, sent := range []string{etag, "W/" + etag, `"x", ` + etag, "*"} {
		w := b.get("/toy/list", "BELOW-2", "If-None-Match", sent)
		require.Equal(t, http.StatusNotModified, w.Code, sent)
		require.Zero(t, w.Body.Len())
		require.Equal(t, etag, w.Header().Get("ETag"))
	}
	require.Equal(t, http.StatusOK, b.get("/toy/list", "UNLIMITED", "If-None-Match", etag).Code, "a changed key sees its own listing")
	require.Equal(t, http.StatusOK, b.get("/toy/list", "BELOW-2", "If-None-Match", `"upstream"`).Code)
	require.Equal(t, http.StatusForbidden, b.get("/toy/list", "EXPIRED", "If-None-Match", etag).Code)
}

func zipped(text string) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	io.WriteString(z, text)
	z.Close()
	return b.Bytes()
}

func TestListingThatCannotBeFilteredIsWithheld(t *testing.T) {
	t.Parallel()
	page := func(status int, body []byte, headers ...string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			for i := 0; i < len(headers); i += 2 {
				w.Header().Set(headers[i], headers[i+1])
			}
			w.WriteHeader(status)
			w.Write(body)
		}
	}
	good, bomb := zipped(toyVersions), zipped(strings.Repeat("1_0_0\n", 10000))
	const limit = 1000
	for name, c := range map[string]struct {
		page   http.HandlerFunc
		status int
	}{
		"plain":                        {page(200, []byte(toyVersions)), 200},
		"gzip":                         {page(200, good, "Content-Encoding", "gzip", "Content-Length", strconv.Itoa(len(good))), 200},
		"as large as may be":           {page(200, []byte(strings.Repeat("1_0_0 \n", limit/7))), 200},
		"no WriteHeader":               {func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, toyVersions) }, 200},
		"empty":                        {func(http.ResponseWriter, *http.Request) {}, 200},
		"not what it should be":        {page(200, []byte("\n2_1_0")), 502},
		"gzip that is none":            {page(200, []byte(toyVersions), "Content-Encoding", "gzip"), 502},
		"gzip cut off":                 {page(200, good[:len(good)-9], "Content-Encoding", "gzip"), 502},
		"gzip with a wrong sum":        {page(200, append(bytes.Clone(good[:len(good)-8]), 1, 2, 3, 4, 5, 6, 7, 8), "Content-Encoding", "gzip"), 502},
		"gzip and then more":           {page(200, append(bytes.Clone(good), "2_1_0\n"...), "Content-Encoding", "gzip"), 502},
		"a bomb":                       {page(200, bomb, "Content-Encoding", "gzip"), 502},
		"another encoding":             {page(200, []byte(toyVersions), "Content-Encoding", "br"), 502},
		"two encodings":                {page(200, good, "Content-Encoding", "gzip, gzip"), 502},
		"too large":                    {page(200, make([]byte, limit+1)), 502},
		"too large by its own account": {page(200, nil, "Content-Length", "1001"), 502},
		"shorter than announced":       {page(200, []byte("1_0_0\n"), "Content-Length", "7"), 502},
		"aborted":                      {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, 502},
		"aborted in the middle": {func(w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, "1_0_0\n")
			panic(http.ErrAbortHandler)
		}, 502},
		"partial":        {page(206, []byte("2_1_0\n")), 502},
		"a redirect":     {page(302, []byte("2_1_0\n"), "Location", "https://registry.invalid/toy/list"), 502},
		"not modified":   {page(304, nil), 502},
		"unauthorized":   {page(401, []byte("2_1_0\n")), 502},
		"forbidden":      {page(403, []byte("2_1_0\n")), 502},
		"not found":      {page(404, []byte("2_1_0\n")), 404},
		"gone":           {page(410, []byte("2_1_0\n")), 410},
		"too many":       {page(429, []byte("2_1_0\n"), "Retry-After", "7"), 429},
		"broken":         {page(500, []byte("2_1_0\n")), 500},
		"out of service": {page(503, []byte("2_1_0\n"), "Retry-After", "7"), 503},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.options.MaxListing = limit
			b.pages["/toy/list"] = c.page
			w := b.get("/toy/list", "BELOW-2")
			require.Equal(t, c.status, w.Code)
			require.Len(t, b.events, 1, "told once, whatever happens")
			require.NotContains(t, w.Body.String(), "2_1_0")
			require.Empty(t, w.Header().Get("Location"))
			if c.status >= 400 {
				require.Less(t, w.Body.Len(), 100)
			}
			if c.status == 429 || c.status == 503 {
				require.Equal(t, "7", w.Header().Get("Retry-After"))
			}
		})
	}
}

// The registry's password is the gate's affair: a client would take such an answer for a word about its key.
func TestRefusalByTheRegistryIsNotTheCustomers(t *testing.T) {
	t.Parallel()
	for _, status := range []int{401, 403} {
		for _, path := range []string{"/toy/file/1_9_0", "/toy/note"} {
			for how, write := range map[string]func(w http.ResponseWriter){
				"Write":    func(w http.ResponseWriter) { io.WriteString(w, "log in, customer") },
				"ReadFrom": func(w http.ResponseWriter) { io.Copy(w, strings.NewReader("log in, customer")) },
				"Flush":    func(w http.ResponseWriter) { _ = http.NewResponseController(w).Flush() },
				"nothing":  func(http.ResponseWriter) {},
				"abort":    func(http.ResponseWriter) { panic(http.ErrAbortHandler) },
			} {
				b := newBench(t)
				var logged bytes.Buffer
				b.options.Logger = slog.New(slog.NewTextHandler(&logged, nil))
				b.pages[path] = func(w http.ResponseWriter, _ *http.Request) {
					w.Header().Set("WWW-Authenticate", `Basic realm="registry"`)
					w.Header().Set("Content-Length", "16")
					w.WriteHeader(status)
					write(w)
				}
				h := b.handler()
				around := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					w.Header().Set("X-Request-Id", "7")
					h.ServeHTTP(w, r)
				})
				w := send(around, http.MethodGet, path, "UNLIMITED")
				require.Equal(t, http.StatusBadGateway, w.Code, how)
				require.Equal(t, "7", w.Header().Get("X-Request-Id"))
				require.Empty(t, w.Header().Get("WWW-Authenticate"))
				require.Equal(t, strconv.Itoa(w.Body.Len()), w.Header().Get("Content-Length"))
				require.NotContains(t, w.Body.String(), "customer")
				require.Contains(t, logged.String(), fmt.Sprint(status))
				require.Len(t, b.events, 1)
				require.Equal(t, gate.InvalidUpstream, b.events[0].Code)

				b.options.ForwardKey = true // then it is about the key
				if how == "abort" {
					require.PanicsWithValue(t, http.ErrAbortHandler, func() { b.get(path, "UNLIMITED") })
					continue
				}
				require.Equal(t, status, b.get(path, "UNLIMITED").Code)
			}
		}
	}
}

func TestEmptyListingIsNoProofThatAPackageIsThere(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]license.Code{"": gate.NotInRegistry, "1_0_0": license.PackageNotCovered} {
		b := newBench(t)
		b.pages["/other/list"] = text(body)
		b.get("/other/list", "UNLIMITED")
		require.Equal(t, want, b.events[0].Code)
	}
}

func TestFormThatAHandlerAroundHasReadIsForgotten(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	var version string
	h := b.handlerTo(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { version = r.FormValue("version") }))
	around := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		require.Equal(t, "2_1_0", r.FormValue("version"))
		h.ServeHTTP(w, r)
	})
	for _, path := range []string{"/toy/file/1_9_0", "/toy/note", "/toy/list"} {
		send(around, http.MethodGet, path+"?version=2_1_0", "BELOW-2")
		require.Empty(t, version, path)
	}
}

func TestHostThatIsTooLongIsNotRepeated(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for n, status := range map[int]int{253: 200, 260: 502, 1_000_000: 502} {
		r := httptest.NewRequest(http.MethodGet, "/toy/list", nil)
		r.Header.Set("Authorization", "Bearer UNLIMITED")
		r.Host = strings.Repeat("a", n)
		w := httptest.NewRecorder()
		b.handler().ServeHTTP(w, r)
		require.Equal(t, status, w.Code, n)
	}
}

func TestNoBoundOnAListingIsNoBound(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.options.MaxListing = math.MaxInt64
	b.pages["/toy/list"] = func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		w.Write(zipped(toyVersions))
	}
	require.Contains(t, b.get("/toy/list", "UNLIMITED").Body.String(), "2_1_0 http://")
}

func TestReverseProxyWhoseListingIsTooLargeOrCutOffGets502(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.options.MaxListing = 100 << 10
	b.pages["/toy/list"] = func(w http.ResponseWriter, _ *http.Request) {
		for range 1 << 10 {
			if _, err := w.Write(make([]byte, 1<<10)); err != nil {
				return
			}
		}
	}
	b.pages["/cut/list"] = func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		io.WriteString(w, "1_0_0\n")
		panic(http.ErrAbortHandler)
	}
	b.byKey["UNLIMITED"].Packages = []string{"toy", "cut", "fine"}
	b.pages["/fine/list"] = text("1_0_0\n")
	upstream := httptest.NewServer(b.registry)
	t.Cleanup(upstream.Close)
	target, err := url.Parse(upstream.URL)
	require.NoError(t, err)
	front := httptest.NewServer(b.handlerTo(&httputil.ReverseProxy{
		Rewrite:  func(r *httputil.ProxyRequest) { r.SetURL(target) },
		ErrorLog: log.New(io.Discard, "", 0),
	}))
	t.Cleanup(front.Close)
	for path, status := range map[string]int{"/toy/list": 502, "/cut/list": 502, "/fine/list": 200} {
		r, err := http.NewRequest(http.MethodGet, front.URL+path, nil)
		require.NoError(t, err)
		r.Header.Set("Authorization", "Bearer UNLIMITED")
		answer, err := front.Client().Do(r)
		require.NoError(t, err, path)
		answer.Body.Close()
		require.Equal(t, status, answer.StatusCode, path)
	}
}

func TestArtifactFromAFileIsResumedThroughTheGate(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.pages["/toy/file/1_9_0"] = func(w http.ResponseWriter, r *http.Request) {
		http.ServeContent(w, r, "toy.zip", now, strings.NewReader("0123456789"))
	}
	server := httptest.NewServer(b.handler())
	t.Cleanup(server.Close)
	for sent, want := range map[string]string{"": "0123456789", "bytes=7-": "789"} {
		r, err := http.NewRequest(http.MethodGet, server.URL+"/toy/file/1_9_0", nil)
		require.NoError(t, err)
		r.Header.Set("Authorization", "Bearer BELOW-2")
		if sent != "" {
			r.Header.Set("Range", sent)
		}
		answer, err := server.Client().Do(r)
		require.NoError(t, err)
		text, err := io.ReadAll(answer.Body)
		require.NoError(t, err)
		answer.Body.Close()
		require.Equal(t, want, string(text))
		require.Equal(t, "private, no-cache", answer.Header.Get("Cache-Control"))
	}
}

func TestPanicOfARegistryIsNotSwallowed(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.pages["/toy/list"] = func(http.ResponseWriter, *http.Request) { panic("a bug") }
	require.PanicsWithValue(t, "a bug", func() { b.get("/toy/list", "UNLIMITED") })
}
