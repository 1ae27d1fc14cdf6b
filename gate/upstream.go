package gate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/privatepkgs/license"
)

// upstreamError says why there is no document to rewrite.
type upstreamError struct {
	status     int // what the upstream answered with, 0 for nothing
	retryAfter string
	cause      error // nil when the status says it all
}

func (e *upstreamError) Error() string {
	if e.cause == nil {
		return fmt.Sprintf("gate: the registry answered %d %s", e.status, http.StatusText(e.status))
	}
	return "gate: the answer of the registry is of no use: " + e.cause.Error()
}

func (e *upstreamError) Unwrap() error { return e.cause }

// isMissing reports whether the upstream has no such thing.
func isMissing(err error) bool {
	var e *upstreamError
	return errors.As(err, &e) && (e.status == http.StatusNotFound || e.status == http.StatusGone)
}

func isNoneAllowed(err error) bool { return errors.Is(err, ErrNoneAllowed) }

// scrubbed are the headers of a client that are for the gate alone (RFC 9110, section 7.6.1), or
// could make a registry answer otherwise than about the path that was judged, or to another
// than the gate.
var scrubbed = setOf(
	"Connection", "Keep-Alive", "Proxy-Connection", "Proxy-Authorization", "Te", "Trailer", "Upgrade",
	"X-Http-Method-Override", "X-Method-Override", "X-Http-Method", "X-Forwarded-Method",
	"X-Original-Url", "X-Original-Uri", "X-Rewrite-Url", "X-Forwarded-Uri",
	"Cookie",
)

// conditional are the headers of a client that could make a registry answer with less
// than the whole, or in a form that cannot be read.
var conditional = setOf(
	"If-None-Match", "If-Modified-Since", "If-Match", "If-Unmodified-Since", "If-Range", "Range",
	"Accept-Encoding",
)

// ofBody are the headers of a request with a body.
var ofBody = setOf("Content-Type", "Content-Length", "Content-Encoding", "Expect")

// setOf takes names in canonical form.
func setOf(names ...string) map[string]bool {
	set := make(map[string]bool, len(names))
	for _, name := range names {
		set[name] = true
	}
	return set
}

// upstreamRequest returns the request for the upstream. Its URL and headers are its own; the rest, such as
// path values, it shares with the client's. An empty path is the one that was parsed. Whole asks for all of
// what is there, without the client's conditions and body.
func (c *call) upstreamRequest(ctx context.Context, path string, whole bool) (*http.Request, error) {
	r := c.r.WithContext(ctx)
	judged := *c.r.URL
	r.URL = &judged
	withBody := c.res.Kind == Service && !whole
	r.Header = make(http.Header, len(c.r.Header))
	for name, values := range c.r.Header {
		if scrubbed[name] || whole && conditional[name] || !withBody && ofBody[name] || name == "Authorization" && !c.o.ForwardKey {
			continue
		}
		r.Header[name] = slices.Clone(values)
	}
	for _, names := range c.r.Header["Connection"] {
		for name := range strings.SplitSeq(names, ",") {
			r.Header.Del(strings.TrimSpace(name))
		}
	}
	if !withBody {
		r.Body, r.ContentLength, r.TransferEncoding, r.Trailer = http.NoBody, 0, nil, nil
	}
	if c.res.Kind != Service || path != c.res.Path {
		r.URL.RawQuery, r.URL.ForceQuery = "", false
		r.Form, r.PostForm, r.MultipartForm = nil, nil, nil // which a handler around may have read
	}
	r.URL.RawPath = ""
	if path != "" {
		decoded, err := url.PathUnescape(path)
		if err != nil {
			return nil, fmt.Errorf("the adapter's path: %w", err)
		}
		r.URL.Path, r.URL.RawPath = decoded, path
	}
	r.RequestURI = r.URL.RequestURI() // whoever routes by it must see what was judged
	return r, nil
}

// pass hands the request on to the registry and its answer to the client, while no cache
// that is shared may keep it.
func (c *call) pass(d license.Decision, path string) {
	r, err := c.upstreamRequest(c.r.Context(), path, false)
	if err != nil {
		c.upstreamFailed(d, err)
		return
	}
	before := maps.Clone(c.w.Header())
	w := &privateWriter{
		ResponseWriter: c.w,
		observe:        func() { c.observe(d) },
		// A client may ask a Service whether the registry knows it: npm whoami.
		keepsRefusal: c.res.Kind != Service && !c.o.ForwardKey,
	}
	defer func() {
		if w.refusal == 0 {
			w.mark() // also when the registry panics
			return
		}
		if p := recover(); p != nil && p != http.ErrAbortHandler { // as a reverse proxy does when it is cut off
			panic(p)
		}
		h := c.w.Header()
		clear(h)
		maps.Copy(h, before)
		c.upstreamFailed(d, &upstreamError{status: w.refusal})
	}()
	c.registry.ServeHTTP(w, r)
}

// privateWriter marks an answer as one customer's own, also for the caches that have headers for
// themselves (RFC 9213), and keeps back a session that the registry has with the gate.
type privateWriter struct {
	http.ResponseWriter
	observe func() // called once it is clear that the answer is the registry's
	marked  bool

	// Whether the registry's 401 and 403 are for the gate, whose password may be wrong, and not for the
	// client, who would take them for a word about its key; and the one that came.
	keepsRefusal bool
	refusal      int
}

func (w *privateWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

var keptBack = setOf("Surrogate-Control", "X-Accel-Expires", "Expires", "Set-Cookie")

// mark is called before the header goes out, and once the registry is done, which may have written nothing.
func (w *privateWriter) mark() {
	if w.marked || w.refusal != 0 {
		return
	}
	w.marked = true
	w.observe()
	h := w.Header()
	for name := range h {
		if strings.HasSuffix(name, "Cdn-Cache-Control") || keptBack[name] {
			delete(h, name)
		}
	}
	h["Cache-Control"] = []string{"private, no-cache"}
	h["Vary"] = append(h["Vary"], "Authorization")
}

func (w *privateWriter) WriteHeader(status int) {
	if w.keepsRefusal && !w.marked && (status == http.StatusUnauthorized || status == http.StatusForbidden) {
		w.refusal = status
	}
	if w.refusal != 0 {
		return
	}
	if status >= 200 {
		w.mark()
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *privateWriter) Write(b []byte) (int, error) {
	if w.refusal != 0 {
		return len(b), nil
	}
	w.mark()
	return w.ResponseWriter.Write(b)
}

// ReadFrom keeps the fast path of a registry that serves files.
func (w *privateWriter) ReadFrom(from io.Reader) (int64, error) {
	if w.refusal != 0 {
		return io.Copy(io.Discard, from)
	}
	w.mark()
	return io.Copy(w.ResponseWriter, from)
}

// FlushError sends the header too, if nothing has before.
func (w *privateWriter) FlushError() error {
	if w.refusal != 0 {
		return nil
	}
	w.mark()
	return http.NewResponseController(w.ResponseWriter).Flush()
}

// fetch gets what is to be rewritten: whole, decompressed, and no larger than allowed. Full
// asks for the form that has the times of releases. The error is an [*upstreamError].
func (c *call) fetch(res Resource, full bool) (*Document, error) {
	accept := res.Accept
	if full && res.AcceptFull != "" {
		accept = res.AcceptFull
	}
	answer, err := c.get(res.Path, accept, c.o.MaxListing)
	if err != nil {
		return nil, &upstreamError{cause: err}
	}
	if answer.status != http.StatusOK && !answer.cutOff {
		return nil, &upstreamError{status: answer.status, retryAfter: answer.header.Get("Retry-After")}
	}
	body, err := answer.plainBody()
	if err != nil {
		return nil, &upstreamError{status: answer.status, cause: err}
	}
	base, err := c.base()
	if err != nil {
		return nil, &upstreamError{cause: err}
	}
	return &Document{Body: body, ContentType: answer.header.Get("Content-Type"), Path: answer.path, Base: base}, nil
}

// inRegistry reports whether the registry has what is asked for, or may have it. An empty listing says no
// more than a 404: GitLab answers so about every path below a Go module.
func (c *call) inRegistry() bool {
	answer, err := c.get(c.res.Path, c.res.Accept, 0)
	switch {
	case err != nil:
		return true
	case answer.status == http.StatusNotFound, answer.status == http.StatusGone:
		return false
	case answer.status == http.StatusOK:
		return answer.tooLarge || answer.cutOff
	default:
		return true
	}
}

// get asks the upstream and keeps its answer, whose body is cut beyond limit: then the
// answer is marked as too large.
func (c *call) get(path, accept string, limit int64) (answer *captured, err error) {
	ctx, cancel := context.WithCancel(c.r.Context())
	defer cancel()
	r, err := c.upstreamRequest(ctx, path, true)
	if err != nil {
		return nil, err
	}
	r.Method = http.MethodGet
	if accept != "" {
		r.Header.Set("Accept", accept)
	}
	answer = &captured{header: make(http.Header), limit: limit, cancel: cancel, path: r.URL.Path}
	defer func() {
		// A reverse proxy panics with ErrAbortHandler when it cannot copy on. Nothing has been
		// sent to the client yet, who gets a proper answer.
		if p := recover(); p == http.ErrAbortHandler {
			answer.cutOff = true
		} else if p != nil {
			panic(p)
		}
	}()
	c.registry.ServeHTTP(answer, r)
	if answer.status == 0 {
		answer.WriteHeader(http.StatusOK) // as net/http does
	}
	if err := c.r.Context().Err(); err != nil {
		return nil, err
	}
	return answer, nil
}
