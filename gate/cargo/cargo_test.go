package cargo_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/privatepkgs/license"
	"github.com/privatepkgs/license/gate"
	"github.com/privatepkgs/license/gate/cargo"
	"github.com/privatepkgs/license/internal/toyregistry"
)

func TestParse(t *testing.T) {
	t.Parallel()
	index := func(name, path string) gate.Resource {
		return gate.Resource{Kind: gate.Listing, Form: "index", Package: name, Path: path, Probe: true}
	}
	file := func(name, version string) gate.Resource {
		return gate.Resource{Kind: gate.Artifact, Package: name, Version: version}
	}
	for path, want := range map[string]gate.Resource{
		"/config.json":     {Kind: gate.Service, Form: "config", Rewrite: true},
		"/1/a":             index("a", "/1/a"),
		"/2/to":            index("to", "/2/to"),
		"/3/t/toy":         index("toy", "/3/t/toy"),
		"/to/yy/toyy":      index("toyy", "/to/yy/toyy"),
		"/to/y-/toy-box":   index("toy-box", "/to/y-/toy-box"),
		"/to/y_/toy_box":   index("toy_box", "/to/y_/toy_box"),
		"/dl/dl/dldl":      index("dldl", "/dl/dl/dldl"),
		"/ap/i_/api_crate": index("api_crate", "/ap/i_/api_crate"),

		"/api/v1/crates/toy/1.9.0/download":                    file("toy", "1.9.0"),
		"/api/v1/crates/toy/2.0.0-beta.1/download":             file("toy", "2.0.0-beta.1"),
		"/api/v1/crates/toy/1.9.0+build.5/download":            file("toy", "1.9.0+build.5"),
		"/api/v1/crates/Toy_Box/1.9.0/download":                file("toy_box", "1.9.0"),
		"/api/v1/crates/toy/1.9/download":                      {},
		"/api/v1/crates/toy/v1.9.0/download":                   {},
		"/api/v1/crates/toy/01.9.0/download":                   {},
		"/api/v1/crates/toy/1.9.0-01/download":                 {},
		"/api/v1/crates/toy/1.9.0-/download":                   {},
		"/api/v1/crates/toy/latest/download":                   {},
		"/api/v1/crates/toy/1.9.0/download/":                   {},
		"/api/v1/crates/toy/1.9.0/Download":                    {},
		"/api/v1/crates/toy/1.9.0/readme":                      {},
		"/api/v1/crates/toy/1.9.0/yank":                        {},
		"/api/v1/crates/toy/1.9.0":                             {},
		"/api/v1/crates/toy//download":                         {},
		"/api/v1/crates/t\u00f6y/1.9.0/download":               {},
		"/api/v1/crates/toy/1.9.0/2.1.0/download":              {},
		"/api/v1/crates/toy/18446744073709551616.0.0/download": {},

		"/":                                 {},
		"/config.json/":                     {},
		"/Config.json":                      {},
		"/toy":                              {},
		"/3/t/Toy":                          {},
		"/3/T/toy":                          {},
		"/3/o/toy":                          {},
		"/3/toy":                            {},
		"/3/t/toy/":                         {},
		"/3/t/toyy":                         {},
		"/4/toyy":                           {},
		"/to/yy/toy":                        {},
		"/to/xx/toyy":                       {},
		"/to/yy/other":                      {},
		"/to/yy/toyy.json":                  {},
		"/to/y+/toy+":                       {},
		"/x/3/t/toy":                        {},
		"/api/v1/crates":                    {},
		"/api/v1/me":                        {},
		"/index.html":                       {},
		"/1/":                               {},
		"/t\u00f6/y/t\u00f6y":               {},
		"/aa/aa/" + strings.Repeat("a", 64): index(strings.Repeat("a", 64), "/aa/aa/"+strings.Repeat("a", 64)),
		"/aa/aa/" + strings.Repeat("a", 65): {},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.URL.Path = path
		assert.Equal(t, want, cargo.Adapter{}.Parse(r), path)
	}
}

func TestDownloadIsWhereTheRegistryHasIt(t *testing.T) {
	t.Parallel()
	for template, want := range map[string]string{
		"":                               "",
		"/dl/{crate}/{version}/download": "/dl/Toy_Box/1.9.0+b/download",
		"/crates/{lowerprefix}/{crate}-{version}.crate": "/crates/to/y_/Toy_Box-1.9.0+b.crate",
		"/{prefix}/{crate}":                             "/To/y_/Toy_Box",
	} {
		r := httptest.NewRequest(http.MethodGet, "/api/v1/crates/Toy_Box/1.9.0+b/download", nil)
		require.Equal(t, want, cargo.Adapter{Download: template}.Parse(r).Path)
	}

	// Through the gate, to a registry that has its files elsewhere.
	registry := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/files/toy-1.9.0.crate" {
			w.Write([]byte("a crate"))
			return
		}
		http.NotFound(w, r)
	})
	checker := license.NewChecker(toyLicenses(t), license.CheckerOptions{})
	h := gate.New(checker, cargo.Adapter{Download: "/files/{crate}-{version}.crate"}, gate.Options{})(registry)
	require.Equal(t, "a crate", get(h, "/api/v1/crates/toy/1.9.0/download", "BELOW-2").Body.String())
	require.Equal(t, 403, get(h, "/files/toy-1.9.0.crate", "BELOW-2").Code)
	require.Equal(t, 403, get(h, "/files/toy-2.1.0.crate", "BELOW-2").Code)
}

func TestCovers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, pkg string
		want      bool
	}{
		{"toy", "toy", true},
		{"Toy", "toy", true},
		{"Toy_Box", "toy_box", true},
		{"cargo:Toy", "cargo:toy", true},
		{"toy-box", "toy_box", false},
		{"toy_box", "toy-box", false},
		{"toy", "toys", false},
		{"", "toy", false},
	} {
		assert.Equal(t, c.want, cargo.Adapter{}.Covers(c.name, c.pkg), "%s covers %s", c.name, c.pkg)
	}
}

func TestCoversDoesNotAllocate(t *testing.T) {
	require.Zero(t, testing.AllocsPerRun(100, func() { _ = cargo.Adapter{}.Covers("Toy", "toy") }))
}

// Cargo sends its first request without a key, and sends one once that is answered with 401.
func TestConfigMakesCargoSendTheKeyToTheGateAlone(t *testing.T) {
	t.Parallel()
	h := http.StripPrefix("/cargo", gated(toyLicenses(t), false, toyIndex(t)))
	w := get(h, "/cargo/config.json", "")
	require.Equal(t, http.StatusUnauthorized, w.Code)
	require.Contains(t, w.Body.String(), "This registry needs a license key")
	w = get(h, "/cargo/config.json", "UNKNOWN")
	require.Equal(t, http.StatusUnauthorized, w.Code)
	require.Contains(t, w.Body.String(), "No license has the key that was sent.")

	// Any license will do: the reason of a denial is told where a package is asked for.
	for _, key := range []string{"BELOW-2", "Bearer BELOW-2", "EXPIRED", "SUSPENDED", "FOREIGN"} {
		w = get(h, "/cargo/config.json", key)
		require.Equal(t, http.StatusOK, w.Code, key)
		require.Equal(t, `{"dl":"http://packages.example/cargo/api/v1/crates","auth-required":true}`, w.Body.String())
	}

	for _, body := range []string{"", "not JSON", `{"dl":"x"}{}`} {
		require.Equal(t, http.StatusBadGateway, get(gated(toyLicenses(t), false, answers(body)), "/config.json", "BELOW-2").Code)
	}
}

func TestWhatIsDeniedAndHow(t *testing.T) {
	t.Parallel()
	h := gated(toyLicenses(t), false, toyIndex(t))
	for _, c := range []struct {
		key, path string
		want      int
		body      string
	}{
		{"", "/3/t/toy", 401, "This registry needs a license key"},
		{"UNKNOWN", "/3/t/toy", 401, "No license has the key that was sent."},
		{"EXPIRED", "/3/t/toy", 403, "expired on 1 June 2023"},
		{"EXPIRED", "/api/v1/crates/toy/1.0.0/download", 403, "expired on 1 June 2023"},
		{"SUSPENDED", "/3/t/toy", 403, "suspended"},
		{"SUSPENDED", "/api/v1/crates/toy/1.0.0/download", 403, "suspended"},
		{"FOREIGN", "/3/t/toy", 403, "does not cover toy."},
		{"FOREIGN", "/api/v1/crates/toy/1.0.0/download", 403, "does not cover toy."},
		{"UNLIMITED", "/ot/he/other", 404, ""}, // the registry has it not

		{"BELOW-2", "/api/v1/crates/toy/1.9.0/download", 200, ""},
		{"BELOW-2", "/api/v1/crates/toy/2.1.0/download", 403, "covers versions <2.0.0; 2.1.0 needs an upgrade"},
		{"BELOW-2", "/api/v1/crates/Toy/2.1.0/download", 403, "covers versions <2.0.0; 2.1.0 needs an upgrade"},
		{"BELOW-2", "/api/v1/crates/toy/2.0.0-beta.1/download", 403, "2.0.0-beta.1 needs an upgrade"},
		{"BELOW-2", "/api/v1/crates/toy/2.0.0+1.9.0/download", 403, "needs an upgrade"},
		{"UNLIMITED", "/api/v1/crates/toy/2.1.0/download", 200, ""},
		{"UNLIMITED", "/api/v1/crates/toy/1.7.7/download", 404, ""}, // says the registry

		{"UNLIMITED", "/api/v1/crates", 403, "There is nothing to install at this address"},
		{"UNLIMITED", "/api/v1/crates/new", 403, "There is nothing to install at this address"},
	} {
		w := get(h, c.path, c.key)
		assert.Equal(t, c.want, w.Code, "%s %s", c.key, c.path)
		assert.Contains(t, w.Body.String(), c.body, "%s %s", c.key, c.path)
		if c.want >= 400 {
			assert.True(t, strings.HasPrefix(w.Header().Get("Content-Type"), "text/plain"))
			assert.NotEqual(t, 451, w.Code)
		}
	}
}

// answers is a registry that answers everything with one body.
func answers(body string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte(body)) })
}

func TestIndexMarksWhatIsDenied(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ body, want string }{
		"false becomes true": {`{"name":"toy","vers":"2.1.0","yanked":false,"v":2}` + "\n", `{"name":"toy","vers":"2.1.0","yanked":true,"v":2}` + "\n"},
		"null becomes true":  {`{"yanked":null,"vers":"2.1.0"}`, `{"yanked":true,"vers":"2.1.0"}`},
		"absent":             {`{ "name":"toy","vers":"2.1.0"}`, `{ "yanked":true,"name":"toy","vers":"2.1.0"}`},
		"true stays":         {`{"vers":"2.1.0","yanked": true }`, `{"vers":"2.1.0","yanked": true }`},
		"an escaped name":    {`{"vers":"2.1.0","y\u0061nked":false}`, `{"vers":"2.1.0","y\u0061nked":true}`},
		"one in deps":        {`{"vers":"2.1.0","deps":[{"vers":"1.0.0","yanked":false}]}`, `{"yanked":true,"vers":"2.1.0","deps":[{"vers":"1.0.0","yanked":false}]}`},
		"what is allowed is as it was": {
			`{"vers":"1.9.0","features":{"b":[],"a":["b"]},"yanked":false,"n":1e400}` + "\r\n\n" + `{"yanked":true,"vers":"1.0.0"}`,
			`{"vers":"1.9.0","features":{"b":[],"a":["b"]},"yanked":false,"n":1e400}` + "\r\n\n" + `{"yanked":true,"vers":"1.0.0"}`,
		},
		"several lines": {
			`{"vers":"1.9.0"}` + "\n" + `{"vers":"2.0.0-beta.1"}` + "\n" + `{"vers":"1.9.1-rc.1"}` + "\n" + `{"vers":"1.9.1+b"}` + "\n",
			`{"vers":"1.9.0"}` + "\n" + `{"yanked":true,"vers":"2.0.0-beta.1"}` + "\n" + `{"yanked":true,"vers":"1.9.1-rc.1"}` + "\n" + `{"vers":"1.9.1+b"}` + "\n",
		},
		"what is no version goes": {
			`{"vers":"1.9"}` + "\n" + `{"vers":"v1.9.0"}` + "\n" + `{"vers":"1.9.0"}` + "\n" + `{"vers":""}` + "\n" + `{"vers":"01.0.0"}`,
			`{"vers":"1.9.0"}` + "\n",
		},
		"nothing": {"", ""},
	} {
		w := get(gated(toyLicenses(t), false, answers(c.body)), "/3/t/toy", "BELOW-2")
		assert.Equal(t, http.StatusOK, w.Code, name)
		assert.Equal(t, c.want, w.Body.String(), name)
	}
}

func TestIndexThatIsNotWhatItShouldBe(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		"not JSON", `["2.1.0"]`, `{}`, `{"name":"toy"}`, `{"vers":null}`, `{"vers":2}`, `{"vers":"1.9.0"} {"vers":"2.1.0"}`,
		`{"vers":"1.9.0","vers":"2.1.0"}`, `{"vers":"2.1.0","yanked":true,"yanked":false}`, `{"vers":"2.1.0","yanked":true,"y\u0061nked":false}`,
		`{"vers":"1.9.0"`, `{"vers":"1.9.0"}` + "\n<html>", "\ufeff" + `{"vers":"2.1.0"}`, `{"vers":"2.1.0","deps":` + strings.Repeat("[", 600) + strings.Repeat("]", 600) + `}`,
		// Cargo reads line by line, and would find a version in the second.
		`{"vers":"1.9.0","x":` + "\n" + `{"vers":"2.1.0"}` + "\n" + `}`,
	} {
		w := get(gated(toyLicenses(t), false, answers(body)), "/3/t/toy", "BELOW-2")
		assert.Equal(t, http.StatusBadGateway, w.Code, body)
		assert.NotContains(t, w.Body.String(), "2.1.0")
	}
}

func TestAllVersionsAreYankedWhereNoneIsAllowed(t *testing.T) {
	t.Parallel()
	w := get(gated(toyLicenses(t), false, toyIndex(t)), "/3/t/toy", "BELOW-1")
	require.Equal(t, http.StatusOK, w.Code)
	require.Equal(t, 4, strings.Count(w.Body.String(), `"yanked":true`))
}

func TestAnExpiredLicenseKeepsWhatWasReleasedBefore(t *testing.T) {
	t.Parallel()
	h := gated(toyLicenses(t), true, toyIndex(t)) // it has expired in June 2023, after 1.9.0
	require.Equal(t, map[string]bool{"1.0.0": true, "1.9.0": true}, offered(t, get(h, "/3/t/toy", "EXPIRED")))
	for version, want := range map[string]int{"1.0.0": 200, "1.9.0": 200, "2.0.0-beta.1": 403, "2.1.0": 403, "1.7.7": 403} {
		require.Equal(t, want, get(h, "/api/v1/crates/toy/"+version+"/download", "EXPIRED").Code, version)
	}

	// Where the index does not say when a version was published, nothing is kept.
	releases := toyregistry.Releases()
	for i := range releases {
		releases[i].ReleasedAt = time.Time{}
	}
	silent, err := toyregistry.Cargo("toy", releases)
	require.NoError(t, err)
	h = gated(toyLicenses(t), true, silent)
	require.Empty(t, offered(t, get(h, "/3/t/toy", "EXPIRED")))
	require.Equal(t, 403, get(h, "/api/v1/crates/toy/1.0.0/download", "EXPIRED").Code)
}
