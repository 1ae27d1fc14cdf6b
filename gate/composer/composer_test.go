package composer_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/privatepkgs/license/gate"
	"github.com/privatepkgs/license/gate/composer"
)

func TestParse(t *testing.T) {
	t.Parallel()
	releases := func(name string) gate.Resource {
		return gate.Resource{Kind: gate.Listing, Form: "releases", Package: name, Path: "/p2/" + name + ".json", Probe: true}
	}
	branches := func(name string) gate.Resource {
		return gate.Resource{Kind: gate.Listing, Form: "branches", Package: name, Path: "/p2/" + name + "~dev.json", Probe: true}
	}
	file := func(name, version, file string) gate.Resource {
		return gate.Resource{Kind: gate.Artifact, Form: file, Package: name, Version: version, Locate: true}
	}
	for path, want := range map[string]gate.Resource{
		"/packages.json": {Kind: gate.Service, Form: "packages.json", Rewrite: true},

		"/p2/acme/toy.json":          releases("acme/toy"),
		"/p2/acme/toy~dev.json":      branches("acme/toy"),
		"/p2/a/b.json":               releases("a/b"),
		"/p2/a-c.m_e/t--o.y.json":    releases("a-c.m_e/t--o.y"),
		"/p2/acme/toy.json.json":     releases("acme/toy.json"),
		"/p2/0/1~dev.json":           branches("0/1"),
		"/p2/Acme/toy.json":          {},
		"/p2/acme/toY~dev.json":      {},
		"/p2/acme/toy":               {},
		"/p2/acme/toy.json/":         {},
		"/p2/acme/toy~dev":           {},
		"/p2/acme/toy~dev~dev.json":  {},
		"/p2/acme/~dev.json":         {},
		"/p2/acme/.json":             {},
		"/p2/acme.json":              {},
		"/p2/acme/toy/x.json":        {},
		"/p2/-acme/toy.json":         {},
		"/p2/acme/toy-.json":         {},
		"/p2/acme/t\u00f6y.json":     {},
		"/p2/acme/toy$0123abcd.json": {},
		"/p2/acme/%70.json":          {},
		"/p2/" + strings.Repeat("a", 99) + "/" + strings.Repeat("b", 101) + ".json": {},

		"/dist/acme/toy/1.9.0/0123abcd.zip":                     file("acme/toy", "1.9.0", "0123abcd.zip"),
		"/dist/acme/toy/v1.9.0-RC1+b/r.tar":                     file("acme/toy", "v1.9.0-RC1+b", "r.tar"),
		"/dist/acme/toy/dev-main/r.zip":                         file("acme/toy", "dev-main", "r.zip"),
		"/dist/acme/toy/1.x-dev/r.zip":                          file("acme/toy", "1.x-dev", "r.zip"),
		"/dist/acme/toy/dev-feature/a_b/c/r.zip":                file("acme/toy", "dev-feature/a_b/c", "r.zip"),
		"/dist/acme/toy/r.zip":                                  {},
		"/dist/acme/toy/1.9.0/":                                 {},
		"/dist/acme/toy//r.zip":                                 {},
		"/dist/acme/toy/dev-a/../r.zip":                         {},
		"/dist/acme/toy/1.9.0/.zip":                             {},
		"/dist/acme/toy/1.9.0/a b.zip":                          {},
		"/dist/acme/toy/1.9.0 as 2.1.0/r.zip":                   {},
		"/dist/acme/toy/2.1.0@stable/r.zip":                     {},
		"/dist/acme/toy/dev-a#b/r.zip":                          {},
		"/dist/acme/toy/dev-\u00f6/r.zip":                       {},
		"/dist/Acme/toy/1.9.0/r.zip":                            {},
		"/dist/acme/toy~dev/dev-main/r.zip":                     {},
		"/dist/acme//1.9.0/r.zip":                               {},
		"/dist/toy/1.9.0/r.zip":                                 {}, // the package would be toy/1.9.0, which has no version
		"/dist/acme/toy/" + strings.Repeat("1", 101) + "/r.zip": {},

		// What a registry has besides, and what is only for Composer 1.
		"/":                                   {},
		"/p2/":                                {},
		"/Packages.json":                      {},
		"/packages.json/":                     {},
		"/packages":                           {},
		"/include/all$0123abcd.json":          {},
		"/p/acme/toy.json":                    {},
		"/p/acme/toy$0123abcd.json":           {},
		"/p/provider-latest$0123abcd.json":    {},
		"/downloads":                          {},
		"/search.json":                        {},
		"/archives/acme/toy/toy-0-zip-00.zip": {},
		"/index.html":                         {},
		"packages.json":                       {},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.URL.Path = path
		assert.Equal(t, want, composer.Adapter{}.Parse(r), path)
	}
}

func TestCovers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, pkg string
		want      bool
	}{
		{"acme/toy", "acme/toy", true},
		{"Acme/Toy", "acme/toy", true},
		{"composer:Acme/toy", "composer:acme/toy", true},
		{"acme/toy-box", "acme/toy_box", false},
		{"acme", "acme/toy", false},
		{"acme/*", "acme/toy", false},
		{"acme/toys", "acme/toy", false},
		{"", "acme/toy", false},
	} {
		assert.Equal(t, c.want, composer.Adapter{}.Covers(c.name, c.pkg), "%s covers %s", c.name, c.pkg)
	}
}

func TestCoversDoesNotAllocate(t *testing.T) {
	require.Zero(t, testing.AllocsPerRun(100, func() { _ = composer.Adapter{}.Covers("Acme/toy", "acme/toy") }))
}

// archive returns the path at which the gate has the archive of a version, as a listing has it.
func archive(t *testing.T, h http.Handler, version string) string {
	t.Helper()
	path := "/p2/acme/toy.json"
	if version == "dev-main" {
		path = "/p2/acme/toy~dev.json"
	}
	for _, e := range versionsIn(t, get(h, path, "UNLIMITED").Body.Bytes()) {
		if e["version"] == version {
			return strings.TrimPrefix(e["dist"].(map[string]any)["url"].(string), "http://packages.example")
		}
	}
	t.Fatalf("%s is not listed", version)
	return ""
}

// versionsIn reads a metadata file as Composer does.
func versionsIn(t require.TestingT, body []byte) []map[string]any {
	var file struct {
		Minified string
		Packages map[string][]map[string]any
	}
	require.NoError(t, json.Unmarshal(body, &file), string(body))
	require.Len(t, file.Packages, 1)
	versions := file.Packages[toy]
	if file.Minified == "" {
		return versions
	}
	require.Equal(t, "composer/2.0", file.Minified)
	for i, e := range versions {
		whole := map[string]any{}
		if i > 0 {
			for name, value := range versions[i-1] {
				whole[name] = value
			}
		}
		for name, value := range e {
			if value == "__unset" && i > 0 {
				delete(whole, name)
			} else {
				whole[name] = value
			}
		}
		versions[i] = whole
	}
	return versions
}

func TestWhatIsDeniedAndHow(t *testing.T) {
	t.Parallel()
	h := gated(toyLicenses(t), false, toyRegistry(t))
	const releases, branches = "/p2/acme/toy.json", "/p2/acme/toy~dev.json"
	for _, c := range []struct {
		key, path string
		want      int
		warning   string
	}{
		{"", "/packages.json", 401, "This registry needs a license key"},
		{"UNKNOWN", "/packages.json", 401, "No license has the key that was sent."},
		{"", releases, 401, "This registry needs a license key"},
		{"UNKNOWN", releases, 401, "No license has the key that was sent."},
		{"", archive(t, h, "1.9.0"), 401, "This registry needs a license key"},
		{"EXPIRED", releases, 402, "expired on 1 June 2023"},
		{"EXPIRED", branches, 402, "expired on 1 June 2023"},
		{"EXPIRED", archive(t, h, "1.0.0"), 402, "expired on 1 June 2023"},
		{"SUSPENDED", releases, 402, "suspended"},
		{"SUSPENDED", archive(t, h, "1.0.0"), 402, "suspended"},
		{"FOREIGN", releases, 404, "does not cover acme/toy."},
		{"FOREIGN", archive(t, h, "1.0.0"), 404, "does not cover acme/toy."},
		{"UNLIMITED", "/p2/else/where.json", 404, ""}, // nor is it in the registry, so nobody is to blame
		{"FOREIGN", "/p2/acme/other.json", 404, ""},   // says the registry

		{"BELOW-1", releases, 200, "covers versions <1.0.0; 2.1.0 needs an upgrade"},
		{"BELOW-2", releases, 200, ""},
		{"BELOW-2", branches, 200, ""},
		{"BELOW-2", archive(t, h, "1.9.0"), 200, ""},
		{"BELOW-2", archive(t, h, "2.1.0"), 402, "covers versions <2.0.0; 2.1.0 needs an upgrade"},
		{"BELOW-2", archive(t, h, "2.0.0-beta.1"), 402, "2.0.0-beta.1 needs an upgrade"},
		{"BELOW-2", archive(t, h, "dev-main"), 402, "Your license for acme/toy covers versions <2.0.0; dev-main needs an upgrade"},
		{"UNLIMITED", archive(t, h, "2.1.0"), 200, ""},
		{"UNLIMITED", archive(t, h, "dev-main"), 200, ""},

		{"UNLIMITED", "/include/all$0.json", 404, "There is nothing to install at this address"},
		{"UNLIMITED", "/archives/acme/toy/toy.zip", 404, "There is nothing to install at this address"},
	} {
		w := get(h, c.path, c.key)
		assert.Equal(t, c.want, w.Code, "%s %s", c.key, c.path)
		if c.want == http.StatusUnauthorized {
			assert.Equal(t, `Basic realm="license key"`, w.Header().Get("WWW-Authenticate"))
		}
		if c.warning == "" {
			assert.NotContains(t, w.Body.String(), "warning", "%s %s", c.key, c.path)
			continue
		}
		var body struct{ Warning string }
		assert.NoError(t, json.Unmarshal(w.Body.Bytes(), &body))
		assert.Contains(t, body.Warning, c.warning, "%s %s", c.key, c.path)
		assert.Equal(t, "application/json", w.Header().Get("Content-Type"), "Composer shows the warning with this alone")
	}
}
