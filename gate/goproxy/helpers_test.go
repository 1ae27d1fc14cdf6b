package goproxy_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/privatepkgs/license"
	"github.com/privatepkgs/license/gate"
	"github.com/privatepkgs/license/gate/goproxy"
	"github.com/privatepkgs/license/internal/toyregistry"
)

const toy = "example.com/toy"

// licenses are those of a test, by key. They can change while the gate looks at them.
type licenses struct {
	mu    sync.Mutex
	byKey map[string]*license.License
}

func (l *licenses) GetByKey(_ context.Context, key string) (*license.License, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	found, ok := l.byKey[key]
	if !ok {
		return nil, license.ErrNotFound
	}
	return found.Clone(), nil
}

func (l *licenses) add(key string, c license.Constraint, packages ...string) *license.License {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.byKey[key] = &license.License{ID: uuid.New(), Key: key, Constraint: c, Packages: packages}
	return l.byKey[key]
}

func (l *licenses) suspend(key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.byKey[key].Suspended = true
}

// now is the time of the tests: a few months after the last release of the toy registry.
var now = time.Date(2025, 6, 1, 0, 0, 0, 0, time.UTC)

func versions(tb testing.TB, rng string) license.Constraint {
	tb.Helper()
	c, err := license.VersionConstraint(rng)
	require.NoError(tb, err)
	return c
}

// toyLicenses are for the toy registry. The one that has expired did so after 1.9.0.
func toyLicenses(tb testing.TB) *licenses {
	l := &licenses{byKey: map[string]*license.License{}}
	l.add("UNLIMITED", license.NoConstraint(), toy)
	l.add("BELOW-2", versions(tb, "<2.0.0"), toy)
	l.add("BELOW-1.5", versions(tb, "<1.5.0"), toy)
	l.add("BELOW-1", versions(tb, "<1.0.0"), toy)
	l.add("EXPIRED", license.DateConstraint(time.Date(2023, 6, 1, 0, 0, 0, 0, time.UTC)), toy)
	l.add("SUSPENDED", license.NoConstraint(), toy).Suspended = true
	l.add("FOREIGN", license.NoConstraint(), "example.com/other")
	return l
}

func toyProxy(tb testing.TB) http.Handler {
	tb.Helper()
	registry, err := toyregistry.Go(toy, toyregistry.Releases())
	require.NoError(tb, err)
	return registry
}

func gated(l license.KeyGetter, fallback bool, registry http.Handler) http.Handler {
	checker := license.NewChecker(l, license.CheckerOptions{Now: func() time.Time { return now }, PerpetualFallback: fallback})
	return gate.New(checker, goproxy.Adapter{}, gate.Options{
		RenewalURL: "https://acme.example/renew", Logger: slog.New(slog.DiscardHandler),
	})(registry)
}

// get asks a handler as a client with this key would.
func get(h http.Handler, path, key string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, "http://packages.example"+path, nil)
	if key != "" {
		r.SetBasicAuth("customer", key)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}
