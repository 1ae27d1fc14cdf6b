package pypi_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/privatepkgs/license"
	"github.com/privatepkgs/license/gate/pypi"
	"github.com/privatepkgs/license/internal/gatetest"
	"github.com/privatepkgs/license/internal/toyregistry"
)

func toyLicenses(tb testing.TB, packages ...string) *gatetest.Licenses {
	return gatetest.Toy(tb, "something-else", packages...)
}

func toy(tb testing.TB, name string) http.Handler {
	tb.Helper()
	registry, err := toyregistry.PyPI(name, toyregistry.Releases())
	require.NoError(tb, err)
	return registry
}

func gated(l license.KeyGetter, fallback bool, registry http.Handler) http.Handler {
	return gatetest.Gated(l, fallback, pypi.Adapter{}, registry)
}

// get asks a handler as a client with this key would.
func get(h http.Handler, path, key string, headers ...string) *httptest.ResponseRecorder {
	if key != "" {
		headers = append([]string{"Authorization", "Bearer " + key}, headers...)
	}
	return gatetest.Get(h, path, headers...)
}

func wheelPath(version string) string {
	return fmt.Sprintf("/simple/toy/toy-%s-py3-none-any.whl", version)
}
