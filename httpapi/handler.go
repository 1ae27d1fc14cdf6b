package httpapi

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/privatepkgs/license"
)

// DefaultStoreTimeout is how long the store may take for one request, unless
// [Options].StoreTimeout says otherwise.
const DefaultStoreTimeout = 10 * time.Second

// Options are the choices of a handler. Exactly one of Tokens, Authenticate and
// AuthenticatedElsewhere must be given; the rest may be zero.
type Options struct {
	// Tokens are the secrets that clients send as "Authorization: Bearer ..." (RFC 6750): each
	// of 1 to 512 visible ASCII characters. Nothing slows down somebody who guesses, so make them
	// at random, as by "openssl rand -hex 32", wherever strangers can reach the handler. Several
	// let one be replaced while another works. All are the same principal. Only their SHA-256 is
	// kept.
	Tokens []string

	// Authenticate finds out who sends a request, instead of Tokens. The principal must not be
	// empty and must stay the same for the same client, since Idempotency-Keys are its own. An
	// error that wraps [ErrNoCredentials] or [ErrInvalidToken] is answered with 401 and
	// WWW-Authenticate; one that wraps [license.ErrUnavailable], or is of a context that is done,
	// with 503; any other with 500, whatever it wraps.
	Authenticate func(*http.Request) (principal string, err error)

	// AuthenticatedElsewhere says that every request that reaches the handler has been
	// authenticated by the layer around it. All requests then have the same principal.
	AuthenticatedElsewhere bool

	// Realm is named in WWW-Authenticate: printable ASCII without quote and backslash. Empty
	// means "licenses".
	Realm string

	// Logger gets the cause of every answer with status 5xx; nil means [slog.Default].
	Logger *slog.Logger

	// StoreTimeout is how long the store may take for one request; zero means
	// [DefaultStoreTimeout], for which the WriteTimeout of [NewServer] leaves time: a longer one
	// needs that to be longer too.
	StoreTimeout time.Duration
}

// New returns a handler that serves the v1 API from store. An error says which option is
// missing, wrong or at odds with another.
func New(store license.Store, o Options) (http.Handler, error) {
	if store == nil {
		return nil, errors.New("httpapi: a store is needed")
	}
	if o.StoreTimeout < 0 {
		return nil, errors.New("httpapi: Options.StoreTimeout must not be negative")
	}
	authenticate, err := o.authenticator()
	if err != nil {
		return nil, err
	}
	a := &api{
		store:        store,
		authenticate: authenticate,
		realm:        o.Realm,
		log:          o.Logger,
		storeTimeout: o.StoreTimeout,
	}
	if a.realm == "" {
		a.realm = "licenses"
	}
	if strings.ContainsFunc(a.realm, func(r rune) bool { return r < ' ' || r > '~' || r == '"' || r == '\\' }) {
		return nil, errors.New("httpapi: Options.Realm must be printable ASCII without quote and backslash")
	}
	if a.log == nil {
		a.log = slog.Default()
	}
	if a.storeTimeout == 0 {
		a.storeTimeout = DefaultStoreTimeout
	}
	a.resources = a.allResources()
	return a, nil
}

type api struct {
	store        license.Store
	authenticate func(*http.Request) (principal string, err error)
	realm        string
	log          *slog.Logger
	storeTimeout time.Duration
	resources    []resource
	buffers      sync.Pool
}

// endpoint answers one request, or returns an error before it has written anything.
type endpoint func(w http.ResponseWriter, r *http.Request, principal string) error

// resource is one path and what can be done with it. GET is HEAD too.
type resource struct {
	path    string // may end with {id}
	public  bool
	methods map[string]endpoint
}

// allResources is all that the API serves. Of two that a path matches, the first is meant.
func (a *api) allResources() []resource {
	return []resource{
		{path: "/v1/licenses", methods: map[string]endpoint{"GET": a.list, "POST": a.create}},
		{path: "/v1/licenses/lookup", methods: map[string]endpoint{"POST": a.lookup}},
		{path: "/v1/licenses/{id}", methods: map[string]endpoint{"GET": a.get, "PUT": a.replace, "DELETE": a.delete}},
		{path: "/v1/openapi.json", public: true, methods: map[string]endpoint{"GET": a.document}},
	}
}

// ServeHTTP turns what is returned, or panics, into a problem document.
func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	defer func() {
		switch v := recover(); v {
		case nil:
		case http.ErrAbortHandler:
			panic(v)
		default:
			a.fail(w, r, fmt.Errorf("httpapi: panic: %v\n%s", v, debug.Stack()))
		}
	}()
	if err := a.answer(w, r); err != nil {
		a.fail(w, r, err)
	}
}

func (a *api) answer(w http.ResponseWriter, r *http.Request) (err error) {
	res := a.resourceAt(r.URL)
	if res != nil {
		r.Pattern = res.path // for those who count requests by it
	}
	principal := ""
	if res == nil || !res.public {
		if principal, err = a.authenticate(r); err != nil {
			return err
		}
	}
	if res == nil {
		return newProblem(http.StatusNotFound, codeNotFound, "There is nothing at this path; /v1/openapi.json says what there is.")
	}
	return res.answer(w, r, principal)
}

// resourceAt does what a [http.ServeMux] would, but that it leaves all answers to the caller: a mux gives
// some by itself, a redirect or plain text, and to anyone.
func (a *api) resourceAt(u *url.URL) *resource {
	for i := range a.resources {
		if res := &a.resources[i]; res.at(u) {
			return res
		}
	}
	return nil
}

// at reports whether the resource is at the path of u, in which an encoded slash separates nothing.
func (res *resource) at(u *url.URL) bool {
	prefix, hasID := strings.CutSuffix(res.path, "{id}")
	id, ok := strings.CutPrefix(u.Path, prefix)
	if !ok || (id != "") != hasID || strings.Contains(id, "/") {
		return false
	}
	return u.RawPath == "" || !strings.Contains(strings.ToUpper(u.EscapedPath()), "%2F")
}

// answer calls the endpoint of the method.
func (res *resource) answer(w http.ResponseWriter, r *http.Request, principal string) error {
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	if e, ok := res.methods[method]; ok {
		return e(w, r, principal)
	}
	var allow []string
	for m := range res.methods {
		allow = append(allow, m)
		if m == http.MethodGet {
			allow = append(allow, http.MethodHead)
		}
	}
	slices.Sort(allow)
	p := newProblem(http.StatusMethodNotAllowed, codeMethodNotAllowed, "This path does not have the method %.20q.", r.Method)
	p.allow = strings.Join(allow, ", ")
	return p
}

// forStore bounds what the store does for one request.
func (a *api) forStore(r *http.Request) *deadline {
	return withTimeout(r.Context(), a.storeTimeout)
}

// send writes an answer whose body appendBody appends to a buffer. Nothing is written before the
// body is complete.
func (a *api) send(w http.ResponseWriter, r *http.Request, status int, appendBody func([]byte) []byte, header ...string) {
	buffer := a.takeBuffer()
	*buffer = appendBody((*buffer)[:0])
	if sendBytes(w, r, status, "application/json", *buffer, header...) == nil {
		a.returnBuffer(buffer)
	}
}

func (a *api) takeBuffer() *[]byte {
	if buffer, ok := a.buffers.Get().(*[]byte); ok {
		return buffer
	}
	return new([]byte)
}

func (a *api) returnBuffer(buffer *[]byte) {
	const maxKept = 1 << 20 // one huge page must not stay in memory for ever
	if cap(*buffer) <= maxKept {
		a.buffers.Put(buffer)
	}
}

// sendBytes writes an answer. More header fields are given as name, value, name, value; one
// without a value is left out. After an error nobody is left to be told, but somebody may still
// read body: a connection of HTTP/2 that was reset.
func sendBytes(w http.ResponseWriter, r *http.Request, status int, contentType string, body []byte, header ...string) error {
	h := w.Header()
	values := make([]string, 0, 4+len(header)/2) // of all fields, which spares an allocation for each
	set := func(name, value string) {            // name is in canonical form
		values = append(values, value)
		h[name] = values[len(values)-1 : len(values) : len(values)]
	}
	set("Content-Type", contentType)
	set("Content-Length", strconv.Itoa(len(body)))
	set("Cache-Control", cacheControl)
	set("X-Content-Type-Options", "nosniff")
	for ; len(header) > 0; header = header[2:] {
		if header[1] != "" {
			set(header[0], header[1])
		}
	}
	w.WriteHeader(status)
	if r.Method == http.MethodHead {
		return nil
	}
	_, err := w.Write(body)
	return err
}

// sendNothing writes an answer without a body.
func sendNothing(w http.ResponseWriter, status int) {
	w.Header().Set("Cache-Control", cacheControl)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
}

// cacheControl keeps answers, which hold keys, out of shared caches, and leaves others to be asked
// for again with their ETag.
const cacheControl = "private, no-cache"
