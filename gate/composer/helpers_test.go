package composer_test

import (
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/privatepkgs/license"
	"github.com/privatepkgs/license/gate/composer"
	"github.com/privatepkgs/license/internal/gatetest"
	"github.com/privatepkgs/license/internal/toyregistry"
)

const toy = "acme/toy"

func toyLicenses(tb testing.TB) *gatetest.Licenses { return gatetest.Toy(tb, "acme/other", toy) }

func toyRegistry(tb testing.TB) http.Handler {
	tb.Helper()
	registry, err := toyregistry.Composer(toy, toyregistry.Releases())
	require.NoError(tb, err)
	return registry
}

func gated(l license.KeyGetter, fallback bool, registry http.Handler) http.Handler {
	return gatetest.Gated(l, fallback, composer.Adapter{}, registry)
}

// get asks a handler as a client with this key would.
func get(h http.Handler, path, key string) *httptest.ResponseRecorder {
	return gatetest.Get(h, path, "Authorization", authorization(key))
}

// authorization is the header of a client with this key.
func authorization(key string) string {
	if key == "" {
		return ""
	}
	return "Basic " + base64.StdEncoding.EncodeToString([]byte("user:"+key))
}
