package composer_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/privatepkgs/license"
	"github.com/privatepkgs/license/gate"
	"github.com/privatepkgs/license/gate/composer"
	"github.com/privatepkgs/license/internal/toyregistry"
)

// answers is a registry that answers everything with one body.
func answers(body string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Write([]byte(body))
	})
}

const (
	releasesPath = "/p2/acme/toy.json"
	branchesPath = "/p2/acme/toy~dev.json"
)

// rewritten returns what stands in the list of versions that a customer gets below 2.0.0 from
// a registry with these, minified or not.
func rewritten(t require.TestingT, path, versions string, minified bool) string {
	body := `{"packages":{"acme/toy":[` + versions + `]}`
	end := `]}}`
	if minified {
		body += `,"minified":"composer/2.0"`
		end = `]},"minified":"composer/2.0"}`
	}
	w := get(gated(toyLicenses(t.(testing.TB)), false, answers(body+"}")), path, "BELOW-2")
	require.Equal(t, http.StatusOK, w.Code, w.Body.String())
	list, ok := strings.CutPrefix(w.Body.String(), `{"packages":{"acme/toy":[`)
	require.True(t, ok, w.Body.String())
	list, ok = strings.CutSuffix(list, end)
	require.True(t, ok, w.Body.String())
	return strings.ReplaceAll(list, "http://packages.example/dist/acme/toy/", "GATE/")
}

// dist is the archive of a version as a registry or the gate has it.
func dist(url, reference string) string {
	return fmt.Sprintf(`"dist":{"type":"zip","url":%q,"reference":%q}`, url, reference)
}

// The differences of entries that are left out must go to the next that stays.
func TestMinifiedMetadataIsFilteredAsWhole(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ versions, want string }{
		"the first is denied": {
			`{"name":"acme/toy","a":[1],"version":"2.1.0",` + dist("https://r/2", "c") + `},{"version":"1.9.0",` + dist("https://r/1", "b") + `},{"version":"1.0.0"}`,
			`{"name":"acme/toy","a":[1],"version":"1.9.0",` + dist("GATE/1.9.0/b.zip", "b") + `},{"version":"1.0.0",` + dist("GATE/1.0.0/b.zip", "b") + `}`,
		},
		"one between is denied": {
			`{"name":"acme/toy","version":"1.9.0","a":1,` + dist("https://r/1", "b") + `},{"version":"2.1.0","a":2,"b":2},{"version":"1.0.0","b":1}`,
			`{"name":"acme/toy","version":"1.9.0","a":1,` + dist("GATE/1.9.0/b.zip", "b") + `},{"a":2,"version":"1.0.0","b":1,` + dist("GATE/1.0.0/b.zip", "b") + `}`,
		},
		"a member goes where it is denied": {
			`{"name":"acme/toy","version":"1.9.0","a":1,` + dist("https://r/1", "b") + `},{"version":"2.1.0","a":"__unset"},{"version":"1.0.0"}`,
			`{"name":"acme/toy","version":"1.9.0","a":1,` + dist("GATE/1.9.0/b.zip", "b") + `},{"a":"__unset","version":"1.0.0",` + dist("GATE/1.0.0/b.zip", "b") + `}`,
		},
		"a member comes and goes where it is denied": {
			`{"name":"acme/toy","version":"2.1.0","a":1,` + dist("https://r/1", "b") + `},{"version":"1.9.0","a":"__unset"},{"version":"1.0.0","a":"__unset"}`,
			`{"name":"acme/toy","version":"1.9.0",` + dist("GATE/1.9.0/b.zip", "b") + `},{"version":"1.0.0",` + dist("GATE/1.0.0/b.zip", "b") + `}`,
		},
		"a member goes and comes back": {
			`{"name":"acme/toy","version":"1.9.0","a":1,` + dist("https://r/1", "b") + `},{"version":"2.1.0","a":"_\u005funset"},{"version":"1.0.0","a":3}`,
			`{"name":"acme/toy","version":"1.9.0","a":1,` + dist("GATE/1.9.0/b.zip", "b") + `},{"version":"1.0.0","a":3,` + dist("GATE/1.0.0/b.zip", "b") + `}`,
		},
		"the last is denied": {
			`{"name":"acme/toy","version":"1.9.0",` + dist("https://r/1", "b") + `},{"version":"2.1.0","a":2}`,
			`{"name":"acme/toy","version":"1.9.0",` + dist("GATE/1.9.0/b.zip", "b") + `}`,
		},
		"what is needed is unset": {
			`{"name":"acme/toy","version":"1.9.0",` + dist("https://r/1", "b") + `},{"version":"1.8.0","dist":"__unset"},{"version":"1.7.0","name":"__unset"},{"version":"__unset"}`,
			`{"name":"acme/toy","version":"1.9.0",` + dist("GATE/1.9.0/b.zip", "b") + `}`,
		},
		"a metapackage has no archive": {
			`{"name":"acme/toy","version":"1.9.0",` + dist("https://r/1", "b") + `},{"version":"1.8.0","type":"metapackage","dist":"__unset"},{"version":"1.7.0"},{"version":"1.6.0","type":"__unset",` + dist("https://r/1", "a") + `}`,
			`{"name":"acme/toy","version":"1.9.0",` + dist("GATE/1.9.0/b.zip", "b") + `},{"version":"1.8.0","type":"metapackage","dist":"__unset"},{"version":"1.7.0"},{"version":"1.6.0","type":"__unset",` + dist("GATE/1.6.0/a.zip", "a") + `}`,
		},
		"a member stands twice": {
			`{"name":"acme/toy","version":"1.9.0","version":"2.1.0",` + dist("https://r/1", "b") + `},{"version":"2.1.0","version":"1.0.0","a":1,"a":2}`,
			`{"name":"acme/toy","version":"1.0.0","a":2,` + dist("GATE/1.0.0/b.zip", "b") + `}`,
		},
	} {
		assert.Equal(t, c.want, rewritten(t, releasesPath, c.versions, true), name)
	}
}

func TestMetadataThatIsNotMinified(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ versions, want string }{
		"each stands for itself": {
			`{"name":"acme/toy","version":"2.1.0","a":1,` + dist("https://r/2", "c") + `}, {"name":"acme/toy","version":"1.9.0","a":"__unset",` + dist("https://r/1", "b") + `},{"version":"1.0.0"}`,
			`{"name":"acme/toy","version":"1.9.0","a":"__unset",` + dist("GATE/1.9.0/b.zip", "b") + `}`,
		},
		"members are copied as they are": {
			`{"name":"Acme/Toy","version":"v1.9.0-p1","version_normalized":"1.9.0.0-patch1","n":1e400,"o":{"b":1, "a":2},"\u0061":"\u00e9é",` + dist("https://r/1", "b") + `}`,
			`{"name":"Acme/Toy","version":"v1.9.0-p1","version_normalized":"1.9.0.0-patch1","n":1e400,"o":{"b":1, "a":2},"a":"\u00e9é",` + dist("GATE/v1.9.0-p1/b.zip", "b") + `}`,
		},
		"what leads past the gate goes": {
			`{"name":"acme/toy","version":"1.9.0","source":{"type":"git","url":"https://r/toy.git","reference":"b"},"notification-url":"https://r/n",
			"dist":{"type":"zip","url":"https://r/1","reference":"b","shasum":"00ff","mirrors":[{"url":"https://m/%package%","preferred":true}],"x":1}}`,
			`{"name":"acme/toy","version":"1.9.0","dist":{"type":"zip","url":"GATE/1.9.0/b.zip","reference":"b","shasum":"00ff"}}`,
		},
		"an archive without a reference": {
			`{"name":"acme/toy","version":"1.9.0","dist":{"type":"tar","url":"https://r/1","reference":null,"shasum":"00ff"}},{"name":"acme/toy","version":"1.8.0","dist":{"type":"zip","url":"https://r/1","shasum":""}}`,
			`{"name":"acme/toy","version":"1.9.0","dist":{"type":"tar","url":"GATE/1.9.0/00ff.tar","shasum":"00ff"}},{"name":"acme/toy","version":"1.8.0","dist":{"type":"zip","url":"GATE/1.8.0/archive.zip"}}`,
		},
		"a reference that is no name of a file": {
			`{"name":"acme/toy","version":"1.9.0",` + dist("https://r/1", "/trunk/?@123") + `}`,
			`{"name":"acme/toy","version":"1.9.0",` + dist("GATE/1.9.0/497839265d333294444766c2654ef22b36549e9f.zip", "/trunk/?@123") + `}`,
		},
		"what no client could get from here": {
			`{"name":"acme/toy","version":"1.0.0","source":{"type":"git","url":"https://r/toy.git","reference":"b"}},
			{"name":"acme/toy","version":"1.0.1","dist":null},{"name":"acme/toy","version":"1.0.2","dist":[]},
			{"name":"acme/toy","version":"1.0.3","dist":{"type":"path","url":"/home/toy"}},{"name":"acme/toy","version":"1.0.4","dist":{"type":"zip","url":"/home/toy.zip"}},
			{"name":"acme/toy","version":"1.0.5","dist":{"type":"zip","url":"file:///home/toy.zip"}},{"name":"acme/toy","version":"1.0.6","dist":{"type":"zip","url":"https://r/toy.zip?sha=1"}},
			{"name":"acme/toy","version":"1.0.7","dist":{"type":"zip","url":"https://r/"}},{"name":"acme/toy","version":"1.0.8","dist":{"type":"zip","url":1}},
			{"name":"acme/toy","version":"1.0.9","dist":{"type":"zip","url":"https://[/"}}`, ``,
		},
		"what is not what it says": {
			`{"name":"acme/other","version":"1.0.0",` + dist("https://r/1", "b") + `},{"version":"1.0.0",` + dist("https://r/1", "b") + `},
			{"name":"acme/toy",` + dist("https://r/1", "b") + `},{"name":"acme/toy","version":1.0,` + dist("https://r/1", "b") + `},
			{"name":"acme/toy","version":"1.9.0","version_normalized":"2.1.0.0",` + dist("https://r/1", "b") + `},
			{"name":"acme/toy","version":"1.9.0","version_normalized":"dev-main",` + dist("https://r/1", "b") + `},
			{"name":"acme/toy","version":"1.9.0 as 2.1.0",` + dist("https://r/1", "b") + `},{"name":"acme/toy","version":" 1.9.0",` + dist("https://r/1", "b") + `},
			{"name":"acme/toy","version":"1.9.0/../2.1.0",` + dist("https://r/1", "b") + `},{"name":"acme/toy","version":"dev-main",` + dist("https://r/1", "b") + `}`, ``,
		},
		"nothing": {``, ``},
	} {
		assert.Equal(t, c.want, rewritten(t, releasesPath, c.versions, false), name)
	}
}

func TestVersionsMayStandInAnObject(t *testing.T) {
	t.Parallel()
	body := `{"packages":{"acme/other":{"1.0.0":{"name":"acme/other","version":"1.0.0"}},
		"acme/toy":{"2.1.0":{"name":"acme/toy","version":"2.1.0",` + dist("https://r/2", "c") + `},"1.9.0":{"name":"acme/toy","version":"1.9.0",` + dist("https://r/1", "b") + `}}},"security-advisories":[]}`
	w := get(gated(toyLicenses(t), false, answers(body)), releasesPath, "BELOW-2")
	require.Equal(t, `{"packages":{"acme/toy":[{"name":"acme/toy","version":"1.9.0",`+dist("http://packages.example/dist/acme/toy/1.9.0/b.zip", "b")+`}]}}`, w.Body.String())
}

func TestBranchesAreForLicensesWithoutARange(t *testing.T) {
	t.Parallel()
	body := `{"packages":{"acme/toy":[{"name":"acme/toy","version":"dev-main",` + dist("https://r/2", "c") +
		`},{"version":"2.x-dev"},{"version":"1.9.x-dev"},{"version":"dev-fix/a"},{"version":"1.9.0-dev"},{"version":"1.9.0"}]},"minified":"composer/2.0"}`
	h := gated(toyLicenses(t), false, answers(body))
	w := get(h, branchesPath, "BELOW-2")
	require.Equal(t, http.StatusOK, w.Code)
	require.Equal(t, `{"packages":{"acme/toy":[]},"minified":"composer/2.0","info":"Your license for acme/toy covers versions <2.0.0; `+
		`dev-main needs an upgrade: https://acme.example/renew"}`, w.Body.String())
	require.NotContains(t, get(h, branchesPath, "UNLIMITED").Body.String(), "info")

	var listed []string
	for _, e := range versionsIn(t, get(h, branchesPath, "UNLIMITED").Body.Bytes()) {
		listed = append(listed, e["version"].(string))
	}
	require.Equal(t, []string{"dev-main", "2.x-dev", "1.9.x-dev", "dev-fix/a", "1.9.0-dev"}, listed, "but 1.9.0, which is none")
	for _, v := range listed {
		require.Equal(t, http.StatusOK, get(h, "/dist/acme/toy/"+v+"/c.zip", "UNLIMITED").Code, v)
		require.Equal(t, http.StatusPaymentRequired, get(h, "/dist/acme/toy/"+v+"/c.zip", "BELOW-2").Code, v)
	}
}

// Composer goes to the next repository for a package of which this one says nothing, so
// that somebody else's could take the place of one that is only not paid for.
func TestPackageOfWhichNoVersionIsAllowedIsStillHere(t *testing.T) {
	t.Parallel()
	w := get(gated(toyLicenses(t), false, toyRegistry(t)), releasesPath, "BELOW-1")
	require.Equal(t, http.StatusOK, w.Code)
	require.Equal(t, `{"packages":{"acme/toy":[]},"warning":"Your license for acme/toy covers versions <1.0.0; 2.1.0 needs an upgrade: https://acme.example/renew"}`, w.Body.String())
	require.Empty(t, w.Header().Get("Last-Modified"), "with which Composer would keep it")

	w = get(gated(toyLicenses(t), false, toyRegistry(t)), branchesPath, "BELOW-1")
	require.Contains(t, w.Body.String(), `{"packages":{"acme/toy":[]},`)

	for _, body := range []string{`{"packages":[]}`, `{"packages":{}}`, `{"packages":{"acme/other":[]}}`} {
		w = get(gated(toyLicenses(t), false, answers(body)), releasesPath, "BELOW-2")
		require.Equal(t, `{"packages":[]}`, w.Body.String(), "the registry itself says nothing")
	}
}

func TestMetadataThatIsNotWhatItShouldBe(t *testing.T) {
	t.Parallel()
	const entry = `{"name":"acme/toy","version":"2.1.0","dist":{"type":"zip","url":"https://r/2"}}`
	for _, body := range []string{
		"", "not JSON", "[]", "{}", `{"packages":1}`, `{"packages":{"acme/toy":1}}`, `{"packages":{"acme/toy":[1]}}`, `{"packages":{"acme/toy":["2.1.0"]}}`,
		`{"packages":{"acme/toy":[` + entry + `]}}x`, `{"packages":{"acme/toy":[` + entry + `]`,
		`{"packages":{"acme/toy":[` + entry + `]},"minified":"composer/3.0"}`, `{"packages":{"acme/toy":[` + entry + `]},"minified":true}`,
	} {
		w := get(gated(toyLicenses(t), false, answers(body)), releasesPath, "UNLIMITED")
		assert.Equal(t, http.StatusBadGateway, w.Code, body)
		assert.NotContains(t, w.Body.String(), "2.1.0")
		assert.NotEqual(t, http.StatusOK, get(gated(toyLicenses(t), false, answers(body)), "/dist/acme/toy/2.1.0/archive.zip", "UNLIMITED").Code, body)
	}
}

// root returns packages.json as a customer gets it.
func root(t *testing.T, key, body string) map[string]any {
	t.Helper()
	w := get(http.StripPrefix("/composer", gated(toyLicenses(t), false, answers(body))), "/composer/packages.json", key)
	require.Equal(t, http.StatusOK, w.Code)
	var doc map[string]any
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &doc))
	require.Equal(t, []any{}, doc["packages"])
	require.Equal(t, "http://packages.example/composer/p2/%package%.json", doc["metadata-url"])
	delete(doc, "packages")
	delete(doc, "metadata-url")
	return doc
}

func TestPackagesJSONOpensNothingButWhatIsGated(t *testing.T) {
	t.Parallel()
	const everything = `{
		"packages": {"acme/toy":{"2.1.0":{"name":"acme/toy","version":"2.1.0","dist":{"type":"zip","url":"https://r/2"}}}},
		"includes": {"include/all$00.json":{"sha1":"00"}}, "providers-url": "/p/%package%$%hash%.json", "providers": {"acme/toy":{"sha256":"00"}},
		"provider-includes": {"p/all$%hash%.json":{"sha256":"00"}}, "providers-lazy-url": "/lazy/%package%.json", "providers-api": "/providers/%package%",
		"metadata-url": "/repo/p2/%package%.json", "mirrors": [{"dist-url":"https://m/%package%","git-url":"https://m/g","preferred":true}],
		"notify": "/n", "notify-batch": "/nb", "search": "/s?q=%query%", "list": "/list.json", "security-advisories": {"metadata":true,"api-url":"/a"},
		"unknown-url": "/u", "available-packages": ["Acme/Toy", "acme/secret-of-others", "other/thing", "none", 1, "../x/y"],
		"available-package-patterns": ["third/*", "acme/x-*", "*", "a b", "", 2]}`
	patterns := []any{"*", "acme/*", "other/*", "third/*"}
	for key, names := range map[string][]any{
		"UNLIMITED": {"acme/toy"}, "BELOW-2": {"acme/toy"},
		"EXPIRED": {"acme/toy"}, "FOREIGN": nil, "SUSPENDED": nil, // who ask by name are told why not
	} {
		want := map[string]any{"available-package-patterns": patterns}
		if names != nil {
			want["available-packages"] = names
		}
		require.Equal(t, want, root(t, key, everything), key)
	}
	require.Equal(t, map[string]any{"available-packages": []any{"acme/toy"}, "available-package-patterns": []any{"acme/*"}},
		root(t, "BELOW-2", `{"metadata-url":"p2/%package%.json","available-packages":{"0":"acme/toy","1":"acme/toy"}}`), "PHP knows no lists")
	for _, body := range []string{
		`{"metadata-url":"/p2/%package%.json"}`, `{"packages":[],"metadata-url":"/p2/%package%.json","available-packages":[],"available-package-patterns":null}`,
	} {
		require.Empty(t, root(t, "BELOW-2", body), "the registry does not say which packages it has")
	}
}

func TestPackagesJSONThatIsNotWhatItShouldBe(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		"", "not JSON", "[]", `{}`, `{"metadata-url":""}`, `{"metadata-url":false}`, `{"metadata-url":"/p2/%package%.json"}x`,
		`{"packages":{"acme/toy":{"2.1.0":{"name":"acme/toy","version":"2.1.0"}}}}`, // for Composer 1 alone
		`{"packages":[],"includes":{"include/all$00.json":{"sha1":"00"}}}`,
	} {
		w := get(gated(toyLicenses(t), false, answers(body)), "/packages.json", "UNLIMITED")
		assert.Equal(t, http.StatusBadGateway, w.Code, body)
		assert.NotContains(t, w.Body.String(), "2.1.0")
	}
}

func TestArchiveIsWhereTheMetadataHasIt(t *testing.T) {
	t.Parallel()
	registry := func(first, second string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch r.URL.Path {
			case releasesPath:
				fmt.Fprintf(w, `{"packages":{"acme/toy":[{"name":"acme/toy","version":"2.1.0",%s},{"version":"1.9.0",%s},{"version":"1.8.0"}]},"minified":"composer/2.0"}`,
					dist(first, "c"), dist(second, "b"))
			case branchesPath:
				fmt.Fprintf(w, `{"packages":{"acme/toy":[{"name":"acme/toy","version":"dev-main",%s}]}}`, dist(first, "d"))
			default:
				fmt.Fprint(w, r.URL.EscapedPath())
			}
		})
	}
	h := gated(toyLicenses(t), false, registry("https://r.example/a%2fb/2.zip", "http://other.example/repo/1.zip"))
	for path, want := range map[string]string{
		"/dist/acme/toy/2.1.0/c.zip":    "/a%2fb/2.zip",
		"/dist/acme/toy/1.9.0/b.zip":    "/repo/1.zip",
		"/dist/acme/toy/1.8.0/b.zip":    "/repo/1.zip",
		"/dist/acme/toy/dev-main/d.zip": "/a%2fb/2.zip",
		// One version by the name of another, or in another state than now.
		"/dist/acme/toy/1.9.0/c.zip":    "",
		"/dist/acme/toy/1.9/b.zip":      "",
		"/dist/acme/toy/v1.9.0/b.zip":   "",
		"/dist/acme/toy/1.9.0/b.tar":    "",
		"/dist/acme/toy/dev-main/c.zip": "",
		"/dist/acme/toy/1.7.0/b.zip":    "",
	} {
		w := get(h, path, "UNLIMITED")
		if want == "" {
			require.Equal(t, http.StatusNotFound, w.Code, path)
			continue
		}
		require.Equal(t, want, w.Body.String(), path)
	}
	for _, path := range []string{"/repo/1.zip", "/a/b/2.zip"} {
		require.Equal(t, http.StatusNotFound, get(h, path, "UNLIMITED").Code, "the registry's own paths are not the gate's")
	}

	// Where the registry says that it is somewhere below its host.
	checker := license.NewChecker(toyLicenses(t), license.CheckerOptions{})
	h = gate.New(checker, composer.Adapter{Archives: "http://other.example/repo"}, gate.Options{})(registry("http://other.example/repository/2.zip", "http://other.example/repo/1.zip"))
	require.Equal(t, "/1.zip", get(h, "/dist/acme/toy/1.9.0/b.zip", "UNLIMITED").Body.String())
	require.Equal(t, http.StatusNotFound, get(h, "/dist/acme/toy/2.1.0/c.zip", "UNLIMITED").Code)
	var listed []string
	for _, e := range versionsIn(t, get(h, releasesPath, "UNLIMITED").Body.Bytes()) {
		listed = append(listed, e["version"].(string))
	}
	require.Equal(t, []string{"1.9.0", "1.8.0"}, listed, "what is elsewhere cannot be had")
}

func TestAnExpiredLicenseKeepsWhatWasReleasedBefore(t *testing.T) {
	t.Parallel()
	h := gated(toyLicenses(t), true, toyRegistry(t)) // it has expired in June 2023, after 1.9.0
	var listed []string
	for _, e := range versionsIn(t, get(h, releasesPath, "EXPIRED").Body.Bytes()) {
		listed = append(listed, e["version"].(string))
	}
	require.Equal(t, []string{"1.9.0", "1.0.0"}, listed)
	for version, want := range map[string]int{"1.0.0": 200, "1.9.0": 200, "2.0.0-beta.1": 402, "2.1.0": 402, "dev-main": 402} {
		require.Equal(t, want, get(h, archive(t, h, version), "EXPIRED").Code, version)
	}
	require.Empty(t, versionsIn(t, get(h, branchesPath, "EXPIRED").Body.Bytes()), "when the branch was changed nobody knows")
	require.Contains(t, get(h, branchesPath, "EXPIRED").Body.String(), "expired on 1 June 2023")

	// In the older spelling of times, and where there are none.
	const old = `{"packages":{"acme/toy":[{"name":"acme/toy","version":"1.9.0","time":"2023-05-31 23:59:59",` + `"dist":{"type":"zip","url":"https://r/1"}},` +
		`{"name":"acme/toy","version":"1.8.0","time":"2023-06-01 00:00:01","dist":{"type":"zip","url":"https://r/1"}}]}}`
	require.Len(t, versionsIn(t, get(gated(toyLicenses(t), true, answers(old)), releasesPath, "EXPIRED").Body.Bytes()), 1)
	releases := toyregistry.Releases()
	for i := range releases {
		releases[i].ReleasedAt = time.Time{}
	}
	silent, err := toyregistry.Composer(toy, releases)
	require.NoError(t, err)
	h = gated(toyLicenses(t), true, silent)
	w := get(h, releasesPath, "EXPIRED")
	require.Equal(t, http.StatusPaymentRequired, w.Code)
	require.Contains(t, w.Body.String(), "expired on 1 June 2023")
	require.Equal(t, http.StatusPaymentRequired, get(h, archive(t, h, "1.0.0"), "EXPIRED").Code)
}

// Composer takes 1.9.0 and v1.9.0 for one version, so they must not be judged apart.
func TestTwoSpellingsOfAVersionGoByTheEarlierTime(t *testing.T) {
	t.Parallel()
	for _, times := range [][]string{
		{`"time":"2023-05-01T00:00:00+00:00"`, `"time":"2024-05-01T00:00:00+00:00"`, `"time":"no time"`},
		{`"time":"2024-05-01T00:00:00+00:00"`, `"time":"no time"`, `"time":"2023-05-01T00:00:00+00:00"`},
		{`"time":null`, `"time":"2023-05-01T00:00:00+00:00"`, `"time":"2024-05-01T00:00:00+00:00"`},
	} {
		var entries []string
		for i, v := range []string{"1.9.0", "v1.9.0", "1.9"} {
			entries = append(entries, fmt.Sprintf(`{"name":"acme/toy","version":%q,%s,%s}`, v, times[i], dist("https://r/1", "b")))
		}
		h := gated(toyLicenses(t), true, answers(`{"packages":{"acme/toy":[`+strings.Join(entries, ",")+`]}}`))
		require.Len(t, versionsIn(t, get(h, releasesPath, "EXPIRED").Body.Bytes()), 3)
		for _, v := range []string{"1.9.0", "v1.9.0", "1.9"} {
			require.Equal(t, http.StatusOK, get(h, "/dist/acme/toy/"+v+"/b.zip", "EXPIRED").Code, v)
		}
	}
}

// Composer's own library must read from a rewritten file exactly the versions that it reads from the
// registry's, less the denied ones.
func TestComposerExpandsWhatIsRewritten(t *testing.T) {
	t.Parallel()
	registry := toyRegistry(t)
	var files []json.RawMessage
	for _, key := range []string{"", "UNLIMITED", "BELOW-2", "BELOW-1.5"} {
		h := registry
		if key != "" {
			h = gated(toyLicenses(t), false, registry)
		}
		files = append(files, get(h, releasesPath, key).Body.Bytes())
	}
	var expanded [][]map[string]any
	php(t, `$out = array_map(fn($f) => Composer\MetadataMinifier\MetadataMinifier::expand($f["packages"]["acme/toy"]), $in);`, files, &expanded)
	original := expanded[0]
	require.Len(t, original, 4)
	for _, e := range original {
		delete(e, "source")
		delete(e, "notification-url")
	}
	for i, want := range [][]map[string]any{original, {original[2], original[3]}, {original[3]}} {
		got := expanded[i+1]
		require.Len(t, got, len(want))
		for j, e := range want {
			require.True(t, strings.HasPrefix(got[j]["dist"].(map[string]any)["url"].(string), "http://packages.example/dist/acme/toy/"))
			got[j]["dist"].(map[string]any)["url"] = e["dist"].(map[string]any)["url"]
			require.Equal(t, e, got[j])
		}
	}
	require.Contains(t, original[0], "extra")
	require.NotContains(t, original[1], "extra", "so that something is unset on the way")
}
