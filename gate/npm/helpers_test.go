package npm_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/privatepkgs/license"
	"github.com/privatepkgs/license/gate"
	"github.com/privatepkgs/license/gate/npm"
	"github.com/privatepkgs/license/internal/toyregistry"
)

// licenses are those of the tests, by key.
type licenses map[string]*license.License

func (l licenses) GetByKey(_ context.Context, key string) (*license.License, error) {
	found, ok := l[key]
	if !ok {
		return nil, license.ErrNotFound
	}
	return found.Clone(), nil
}

func (l licenses) add(key string, c license.Constraint, packages ...string) *license.License {
	l[key] = &license.License{ID: uuid.New(), Key: key, Constraint: c, Packages: packages}
	return l[key]
}

// now is the time of the tests: a few months after the last release of the toy registry.
var now = time.Date(2025, 6, 1, 0, 0, 0, 0, time.UTC)

func versions(tb testing.TB, rng string) license.Constraint {
	tb.Helper()
	c, err := license.VersionConstraint(rng)
	require.NoError(tb, err)
	return c
}

// toyLicenses are the licenses that the registry example has too: unlimited, below 2.0.0,
// expired (in the middle of 2023, so after 1.9.0), suspended, and one for something else.
func toyLicenses(tb testing.TB, packages ...string) licenses {
	l := licenses{}
	l.add("UNLIMITED", license.NoConstraint(), packages...)
	l.add("BELOW-2", versions(tb, "<2.0.0"), packages...)
	l.add("BELOW-1", versions(tb, "<1.0.0"), packages...)
	l.add("EXPIRED", license.DateConstraint(time.Date(2023, 6, 1, 0, 0, 0, 0, time.UTC)), packages...)
	l.add("SUSPENDED", license.NoConstraint(), packages...).Suspended = true
	l.add("FOREIGN", license.NoConstraint(), "something-else")
	return l
}

func toy(tb testing.TB, name string) http.Handler {
	tb.Helper()
	registry, err := toyregistry.NPM(name, toyregistry.Releases())
	require.NoError(tb, err)
	return registry
}

func checker(l license.KeyGetter, fallback bool) *license.Checker {
	return license.NewChecker(l, license.CheckerOptions{Now: func() time.Time { return now }, PerpetualFallback: fallback})
}

func gated(l license.KeyGetter, fallback bool, registry http.Handler) http.Handler {
	return gate.New(checker(l, fallback), npm.Adapter{}, gate.Options{
		RenewalURL: "https://acme.example/renew",
		Logger:     slog.New(slog.DiscardHandler),
	})(registry)
}

// get asks a handler as a client with this key would.
func get(h http.Handler, path, key string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, "http://packages.example"+path, nil)
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

func tarballPath(pkg, bare, version string) string {
	return fmt.Sprintf("/%s/-/%s-%s.tgz", pkg, bare, version)
}
