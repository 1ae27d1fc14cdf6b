// Package gatetest holds what the tests of the gate's adapters have in common.
package gatetest

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
)

// Now is the time of the tests: a few months after the last release of the toy registry.
var Now = time.Date(2025, 6, 1, 0, 0, 0, 0, time.UTC)

// Licenses are those of a test, by key. They can change while a gate looks at them. The zero value
// has none.
type Licenses struct {
	mu    sync.Mutex
	byKey map[string]*license.License
}

// GetByKey implements [license.KeyGetter].
func (l *Licenses) GetByKey(_ context.Context, key string) (*license.License, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	found, ok := l.byKey[key]
	if !ok {
		return nil, license.ErrNotFound
	}
	return found.Clone(), nil
}

// Add adds a license in the place of the one with the same key, and returns it, to be changed before a
// gate looks at it.
func (l *Licenses) Add(key string, c license.Constraint, packages ...string) *license.License {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.byKey == nil {
		l.byKey = make(map[string]*license.License)
	}
	l.byKey[key] = &license.License{ID: uuid.New(), Key: key, Constraint: c, Packages: packages}
	return l.byKey[key]
}

// Suspend suspends a license.
func (l *Licenses) Suspend(key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.byKey[key].Suspended = true
}

// Toy returns the licenses for packages of the toy registry: unlimited, below some versions, expired
// in the middle of 2023 and so after 1.9.0, suspended, and one for another package.
func Toy(tb testing.TB, foreign string, packages ...string) *Licenses {
	tb.Helper()
	l := new(Licenses)
	l.Add("UNLIMITED", license.NoConstraint(), packages...)
	l.Add("BELOW-2", Versions(tb, "<2.0.0"), packages...)
	l.Add("BELOW-1.5", Versions(tb, "<1.5.0"), packages...)
	l.Add("BELOW-1", Versions(tb, "<1.0.0"), packages...)
	l.Add("EXPIRED", license.DateConstraint(time.Date(2023, 6, 1, 0, 0, 0, 0, time.UTC)), packages...)
	l.Add("SUSPENDED", license.NoConstraint(), packages...).Suspended = true
	l.Add("FOREIGN", license.NoConstraint(), foreign)
	return l
}

// Versions returns the constraint of a range.
func Versions(tb testing.TB, rng string) license.Constraint {
	tb.Helper()
	c, err := license.VersionConstraint(rng)
	require.NoError(tb, err)
	return c
}

// Checker returns one whose time is Now.
func Checker(l license.KeyGetter, fallback bool) *license.Checker {
	return license.NewChecker(l, license.CheckerOptions{Now: func() time.Time { return Now }, PerpetualFallback: fallback})
}

// Gated puts a gate in front of a registry.
func Gated(l license.KeyGetter, fallback bool, a gate.Adapter, registry http.Handler) http.Handler {
	return gate.New(Checker(l, fallback), a, gate.Options{
		RenewalURL: "https://acme.example/renew", Logger: slog.New(slog.DiscardHandler),
	})(registry)
}

// Get asks a handler with these headers, each a name and a value. Without a value a header is
// left out.
func Get(h http.Handler, path string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, "http://packages.example"+path, nil)
	for i := 0; i+1 < len(headers); i += 2 {
		if headers[i+1] != "" {
			r.Header.Set(headers[i], headers[i+1])
		}
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}
