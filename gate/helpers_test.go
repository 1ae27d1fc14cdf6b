package gate_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/privatepkgs/license"
	"github.com/privatepkgs/license/gate"
)

// plain is the adapter of an ecosystem made up for the tests, which uses all that an
// adapter may. Names are folded to lower case, versions are written with an underscore for
// each dot, and a listing is lines of a version and, in the full form, the day of its release.
//
//	/ping               a service; /open one without a key
//	/names, /index      services that are rewritten: packages, and their versions
//	/toy/list           the versions
//	/toy/note           metadata
//	/toy/file/1_0_0     an artifact
//	/toy/dist/1_0_0     one whose path at the upstream stands in the listing
//	/toy/info/1_0_0     one version and its day, which is where the days are for packages named by-one...
type plain struct{}

func (plain) Ecosystem() string { return "plain" }

func (plain) Covers(name, pkg string) bool { return strings.EqualFold(name, pkg) }

func (plain) Semver(version string) string { return strings.ReplaceAll(version, "_", ".") }

func (plain) Parse(r *http.Request) gate.Resource {
	res := gate.Resource{Keys: gate.Credentials(r)}
	parts := strings.Split(strings.TrimPrefix(r.URL.Path, "/"), "/")
	switch {
	case r.URL.Path == "/ping":
		res.Kind = gate.Service
	case r.URL.Path == "/open":
		res.Kind, res.Open = gate.Service, true
	case r.URL.Path == "/names", r.URL.Path == "/index":
		res.Kind, res.Rewrite = gate.Service, true
	case len(parts) == 2 && parts[1] == "list":
		res.Kind, res.AcceptFull, res.Probe = gate.Listing, "text/full", true
	case len(parts) == 2 && parts[1] == "note":
		res.Kind = gate.Metadata
	case len(parts) == 3 && parts[1] == "info":
		res.Kind, res.Form = gate.Listing, "info"
	case len(parts) == 3 && parts[1] == "file":
		res.Kind, res.Version = gate.Artifact, parts[2]
	case len(parts) == 3 && parts[1] == "dist":
		res.Kind, res.Version, res.Locate = gate.Artifact, parts[2], true
	default:
		return gate.Resource{}
	}
	if res.Kind != gate.Service {
		res.Package = strings.ToLower(parts[0])
	}
	return res
}

func (plain) Rewrite(res gate.Resource, doc *gate.Document, may gate.Filter) ([]byte, error) {
	var out strings.Builder
	asked := 0
	for line := range strings.Lines(string(doc.Body)) {
		fields := strings.Fields(line)
		if len(fields) == 0 {
			return nil, errors.New("plain: an empty line")
		}
		if res.Kind == gate.Service {
			of, code := may.Package(fields[0])
			switch {
			case len(fields) == 1 && code != license.PackageNotCovered:
				fmt.Fprintln(&out, fields[0], code)
			case len(fields) == 2 && of.Allows(fields[1], time.Time{}):
				fmt.Fprintln(&out, fields[0], fields[1])
			}
			continue
		}
		var releasedAt time.Time
		if len(fields) > 1 {
			releasedAt, _ = time.Parse(time.DateOnly, fields[1])
		}
		asked++
		if may.Allows(fields[0], releasedAt) {
			fmt.Fprintf(&out, "%s %s/%s/file/%s\n", fields[0], doc.Base, res.Package, fields[0])
		}
	}
	if asked > 0 && out.Len() == 0 {
		return nil, gate.ErrNoneAllowed
	}
	return []byte(out.String()), nil
}

func (plain) Source(res gate.Resource) (gate.Resource, bool) {
	switch {
	case strings.HasPrefix(res.Package, "by-none"):
		return gate.Resource{}, false
	case strings.HasPrefix(res.Package, "by-one"):
		return gate.Resource{Kind: gate.Listing, Form: "info", Package: res.Package, Version: res.Version,
			Path: "/" + res.Package + "/info/" + res.Version}, true
	default:
		return gate.Resource{Kind: gate.Listing, Package: res.Package, Path: "/" + res.Package + "/list", AcceptFull: "text/full"}, true
	}
}

func (plain) Locate(res gate.Resource, doc *gate.Document) (string, error) {
	for line := range strings.Lines(string(doc.Body)) {
		if fields := strings.Fields(line); len(fields) == 3 && fields[0] == res.Version {
			return fields[2], nil
		}
	}
	if strings.Contains(string(doc.Body), "<html>") {
		return "", errors.New("plain: no listing")
	}
	return "", nil
}

func (plain) Deny(_ *http.Request, _ gate.Resource, d gate.Denial) gate.Answer {
	answer := gate.Answer{Status: http.StatusForbidden, ContentType: "text/plain", Body: []byte(d.Message)}
	switch d.Decision.Code {
	case gate.NoKey, license.NotFound:
		answer.Status, answer.Challenge = http.StatusUnauthorized, `Basic realm="plain"`
	case gate.NotInRegistry:
		answer.Status = http.StatusNotFound
	case license.Suspended:
		answer.Status = http.StatusServiceUnavailable // which the gate must not let pass
	}
	return answer
}

// registry is an upstream that answers from a map of paths, and notes what it was asked.
type registry struct {
	mu    sync.Mutex
	pages map[string]http.HandlerFunc
	asked []*http.Request
}

func (g *registry) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	g.asked = append(g.asked, r.Clone(context.Background()))
	page, ok := g.pages[r.URL.Path]
	g.mu.Unlock()
	if !ok {
		http.NotFound(w, r)
		return
	}
	page(w, r)
}

func (g *registry) requests() []*http.Request {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.asked
}

func text(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		w.Header().Set("ETag", `"upstream"`)
		w.Header().Set("Last-Modified", "Mon, 01 Jan 2024 00:00:00 GMT")
		w.Header().Set("Cache-Control", "public, max-age=300")
		w.Header().Set("Digest", "sha-256=upstream")
		io.WriteString(w, body)
	}
}

const toyVersions = "1_0_0\n1_9_0\n2_0_0-beta_1\n2_1_0\n"

func newRegistry() *registry {
	return &registry{pages: map[string]http.HandlerFunc{
		"/ping":           text("pong"),
		"/open":           text("open"),
		"/names":          text("toy\nother\n"),
		"/index":          text("toy 1_0_0\ntoy 2_1_0\nother 3_0_0\n"),
		"/toy/list":       text(toyVersions),
		"/toy/note":       text("a note"),
		"/toy/file/1_0_0": text("the file 1_0_0"),
		"/toy/file/1_9_0": text("the file 1_9_0"),
		"/toy/file/2_1_0": text("the file 2_1_0"),
		"/other/list":     text("3_0_0\n"),
	}}
}

// licenses are those of a test, by key; an error stands for a store that fails.
type licenses struct {
	byKey map[string]*license.License
	err   error
}

func (l *licenses) GetByKey(_ context.Context, key string) (*license.License, error) {
	if l.err != nil {
		return nil, l.err
	}
	found, ok := l.byKey[key]
	if !ok {
		return nil, license.ErrNotFound
	}
	return found, nil
}

var now = time.Date(2025, 6, 1, 0, 0, 0, 0, time.UTC)

func newLicenses(t testing.TB) *licenses {
	t.Helper()
	below2, err := license.VersionConstraint("<2.0.0")
	require.NoError(t, err)
	below1, err := license.VersionConstraint("<1.0.0")
	require.NoError(t, err)
	l := &licenses{byKey: map[string]*license.License{}}
	for key, c := range map[string]license.Constraint{
		"UNLIMITED": license.NoConstraint(),
		"BELOW-2":   below2,
		"BELOW-1":   below1,
		"EXPIRED":   license.DateConstraint(time.Date(2023, 6, 1, 0, 0, 0, 0, time.UTC)),
		"SUSPENDED": license.NoConstraint(),
	} {
		l.byKey[key] = &license.License{ID: uuid.New(), Key: key, Constraint: c, Packages: []string{"Toy"}}
	}
	l.byKey["SUSPENDED"].Suspended = true
	return l
}

// bench is a gate of the plain ecosystem in front of a registry.
type bench struct {
	*licenses
	*registry
	checker license.CheckerOptions
	options gate.Options
	counter gate.Counter
	events  []gate.Event
}

func newBench(t testing.TB) *bench {
	b := &bench{licenses: newLicenses(t), registry: newRegistry()}
	b.checker.Now = func() time.Time { return now }
	b.options.Logger = slog.New(slog.DiscardHandler)
	b.options.Observe = func(ctx context.Context, e gate.Event) {
		b.mu.Lock()
		b.events = append(b.events, e)
		b.mu.Unlock()
		b.counter.Observe(ctx, e)
	}
	return b
}

func (b *bench) handlerTo(upstream http.Handler) http.Handler {
	return gate.New(license.NewChecker(b.licenses, b.checker), plain{}, b.options)(upstream)
}

func (b *bench) handler() http.Handler { return b.handlerTo(b.registry) }

func (b *bench) get(path, key string, headers ...string) *httptest.ResponseRecorder {
	return b.do(http.MethodGet, path, key, headers...)
}

func (b *bench) do(method, path, key string, headers ...string) *httptest.ResponseRecorder {
	return send(b.handler(), method, path, key, headers...)
}

func send(h http.Handler, method, path, key string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "http://packages.example"+path, nil)
	if key != "" {
		r.Header.Set("Authorization", "Bearer "+key)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// shown returns the versions in an answered listing.
func shown(w *httptest.ResponseRecorder) []string {
	versions := []string{}
	for line := range strings.Lines(w.Body.String()) {
		versions = append(versions, strings.Fields(line)[0])
	}
	return versions
}
