package cargo_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/privatepkgs/license"
	"github.com/privatepkgs/license/gate/cargo"
	"github.com/privatepkgs/license/internal/gatetest"
	"github.com/privatepkgs/license/internal/toyregistry"
)

const toy = "toy"

func toyLicenses(tb testing.TB) *gatetest.Licenses { return gatetest.Toy(tb, "other", toy) }

func toyIndex(tb testing.TB) http.Handler {
	tb.Helper()
	registry, err := toyregistry.Cargo(toy, toyregistry.Releases())
	require.NoError(tb, err)
	return registry
}

func gated(l license.KeyGetter, fallback bool, registry http.Handler) http.Handler {
	return gatetest.Gated(l, fallback, cargo.Adapter{}, registry)
}

// get asks a handler as a client with this key would.
func get(h http.Handler, path, key string) *httptest.ResponseRecorder {
	return gatetest.Get(h, path, "Authorization", key)
}
