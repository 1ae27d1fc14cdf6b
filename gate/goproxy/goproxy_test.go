package goproxy_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/privatepkgs/license"
	"github.com/privatepkgs/license/gate"
	"github.com/privatepkgs/license/gate/goproxy"
)

func TestParse(t *testing.T) {
	t.Parallel()
	listing := func(form, pkg, version string) gate.Resource {
		return gate.Resource{Kind: gate.Listing, Form: form, Package: pkg, Version: version}
	}
	zip := func(pkg, version string) gate.Resource {
		return gate.Resource{Kind: gate.Artifact, Package: pkg, Version: version}
	}
	for path, want := range map[string]gate.Resource{
		"/example.com/toy/@v/list":                    listing("list", toy, ""),
		"/example.com/toy/@latest":                    listing("info", toy, ""),
		"/example.com/toy/@v/v1.9.0.info":             listing("info", toy, "v1.9.0"),
		"/example.com/toy/@v/v1.9.0.mod":              {Kind: gate.Metadata, Package: toy},
		"/example.com/toy/@v/v1.9.0.zip":              zip(toy, "v1.9.0"),
		"/example.com/toy/v2/@v/v2.1.0.zip":           zip(toy+"/v2", "v2.1.0"),
		"/example.com/toy/@v/v2.1.0+incompatible.zip": zip(toy, "v2.1.0+incompatible"),
		"/gopkg.in/toy.v2/@v/v2.1.0.zip":              zip("gopkg.in/toy.v2", "v2.1.0"),
		"/example.com/@v/list":                        listing("list", "example.com", ""),

		// Capitals are escaped, in paths and in versions.
		"/example.com/!acme/!toy/@v/list":           listing("list", "example.com/Acme/Toy", ""),
		"/example.com/toy/@v/v1.0.0-!r!c1.zip":      zip(toy, "v1.0.0-RC1"),
		"/example.com/toy/@v/v1.0.0-!r!c1.info":     listing("info", toy, "v1.0.0-RC1"),
		"/example.com/Toy/@v/list":                  {},
		"/example.com/!Toy/@v/list":                 {},
		"/example.com/toy!/@v/list":                 {},
		"/example.com/toy/@v/v1.0.0-RC1.zip":        {},
		"/example.com/!!toy/@v/list":                {},
		"/EXAMPLE.com/toy/@v/list":                  {},
		"/example.com/toy/@v/v1.0.0-%72c1.zip":      {}, // a percent sign that was itself escaped
		"/example.com/t\u00f6y/@v/list":             {},
		"/example.com/toy/@v/v1.9.0-\u0661.zip":     {},
		"/example.com/toy/@v/v1.9.0.zip\u2028":      {},
		"/example.com/toy/@v/v1.9.0.zip ":           {},
		"/example.com/toy/@v/v1.9.0.ZIP":            {},
		"/example.com/toy/@v/v1.9.0.!z!i!p":         {},
		"/example.com/toy/@!v/v1.9.0.zip":           {},
		"/example.com/toy/@V/v1.9.0.zip":            {},
		"/example.com/toy/@v/v1.9.0.zip/@v/list":    {},
		"/example.com/toy/@v/list/@latest":          {},
		"/example.com/toy/@latest/@latest":          {},
		"/example.com/toy/@v/../../other/@v/list":   {},
		"/example.com/toy/@v/v1.9.0.zip/v2.1.0.zip": {},

		// Which version a query means, only the answer says.
		"/example.com/toy/@v/main.info":       listing("info", toy, ""),
		"/example.com/toy/@v/v1.info":         listing("info", toy, ""),
		"/example.com/toy/@v/v1.9.info":       listing("info", toy, ""),
		"/example.com/toy/@v/1.9.0.info":      listing("info", toy, ""),
		"/example.com/toy/@v/v1.9.0+dev.info": listing("info", toy, ""),
		"/example.com/toy/@v/abcdef0.info":    listing("info", toy, ""),
		"/example.com/toy/@v/v2.1.0.info":     listing("info", toy, ""),
		"/example.com/toy/@v/main.mod":        {},
		"/example.com/toy/@v/main.zip":        {},
		"/example.com/toy/@v/v1.zip":          {},
		"/example.com/toy/@v/1.9.0.zip":       {},
		"/example.com/toy/@v/v01.9.0.zip":     {},
		"/example.com/toy/@v/v1.9.0+dev.zip":  {},

		// A version of another major version than the path has.
		"/example.com/toy/@v/v2.1.0.zip":                 {},
		"/example.com/toy/@v/v2.1.0.mod":                 {},
		"/example.com/toy/v2/@v/v1.9.0.zip":              {},
		"/example.com/toy/v2/@v/v3.0.0.zip":              {},
		"/example.com/toy/v2/@v/v2.1.0+incompatible.zip": zip(toy+"/v2", "v2.1.0+incompatible"),
		"/example.com/toy/v1/@v/v1.9.0.zip":              {},
		"/gopkg.in/toy.v2/@v/v1.9.0.zip":                 {},

		// Pseudo-versions.
		"/example.com/toy/@v/v0.0.0-20240101000000-abcdefabcdef.zip":    zip(toy, "v0.0.0-20240101000000-abcdefabcdef"),
		"/example.com/toy/v2/@v/v2.0.0-20240101000000-abcdefabcdef.zip": zip(toy+"/v2", "v2.0.0-20240101000000-abcdefabcdef"),

		// What nobody needs, and what is another protocol.
		"/":                                  {},
		"example.com/toy/@v/list":            {},
		"/@v/list":                           {},
		"/@latest":                           {},
		"/example.com/toy":                   {},
		"/example.com/toy/":                  {},
		"/example.com/toy/@v":                {},
		"/example.com/toy/@v/":               {},
		"/example.com/toy/@v/list/":          {},
		"/example.com/toy/@v/.info":          {},
		"/example.com/toy/@v/v1.9.0":         {},
		"/example.com/toy/@v/v1.9.0.ziphash": {},
		"/example.com/toy/@v/v1.9.0.lock":    {},
		"/toy/@v/v1.9.0.zip":                 {},
		"/catalog":                           {},
		"/sumdb/sum.golang.org/supported":    {},
		"/sumdb/sum.golang.org/lookup/example.com/toy@v1.9.0": {},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.URL.Path = path
		got := goproxy.Adapter{}.Parse(r)
		got.Keys, got.Probe, got.Path = nil, false, ""
		assert.Equal(t, want, got, path)
	}
}

func TestAKeyComesAsPasswordOrUserName(t *testing.T) {
	t.Parallel()
	h := gated(toyLicenses(t), false, toyProxy(t))
	for _, userAndPassword := range [][2]string{{"customer", "BELOW-2"}, {"", "BELOW-2"}, {"BELOW-2", ""}, {"BELOW-2", "x"}} {
		r := httptest.NewRequest(http.MethodGet, "/example.com/toy/@v/list", nil)
		r.SetBasicAuth(userAndPassword[0], userAndPassword[1])
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		require.Equal(t, http.StatusOK, w.Code, userAndPassword)
	}
}

func TestCovers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, pkg string
		want      bool
	}{
		{toy, toy, true},
		{toy, toy + "/v2", true},
		{toy, toy + "/v11", true},
		{toy + "/v2", toy + "/v2", true},
		{"gopkg.in/toy", "gopkg.in/toy.v2", true},
		{"gopkg.in/toy.v2", "gopkg.in/toy.v2", true},
		{"go:" + toy, "go:" + toy + "/v2", true},
		{toy + "/v2", toy, false},
		{toy + "/v2", toy + "/v3", false},
		{toy, toy + "/pro", false},
		{toy, toy + "/pro/v2", false},
		{toy, toy + "/v2/v2", false},
		{toy, toy + "/v2/pro", false},
		{toy, toy + "2", false},
		{toy, toy + "/v1", false},
		{toy, toy + "/v02", false},
		{toy, "example.com/Toy", false},
		{toy, "example.com", false},
		{"gopkg.in/toy", "gopkg.in/toys.v2", false},
	} {
		assert.Equal(t, c.want, goproxy.Adapter{}.Covers(c.name, c.pkg), "%s covers %s", c.name, c.pkg)
	}
}

func TestCoversDoesNotAllocate(t *testing.T) {
	require.Zero(t, testing.AllocsPerRun(100, func() { _ = goproxy.Adapter{}.Covers(toy, toy+"/v2") }))
}

func TestWhatIsDeniedAndHow(t *testing.T) {
	t.Parallel()
	h := gated(toyLicenses(t), false, toyProxy(t))
	for _, c := range []struct {
		key, path string
		want      int
		body      string
	}{
		{"", "/example.com/toy/@v/list", 401, "This registry needs a license key"},
		{"UNKNOWN", "/example.com/toy/@v/list", 401, "No license has the key that was sent."},
		{"EXPIRED", "/example.com/toy/@v/list", 403, "expired on 1 June 2023"},
		{"EXPIRED", "/example.com/toy/@v/v1.0.0.zip", 403, "expired on 1 June 2023"},
		{"EXPIRED", "/example.com/toy/@v/v1.0.0.mod", 403, "expired on 1 June 2023"},
		{"SUSPENDED", "/example.com/toy/@v/v1.0.0.zip", 403, "suspended"},
		{"SUSPENDED", "/example.com/toy/@v/v1.0.0.mod", 403, "suspended"},
		{"FOREIGN", "/example.com/toy/@v/list", 403, "does not cover example.com/toy."},
		{"FOREIGN", "/example.com/toy/@v/v1.0.0.mod", 403, "does not cover example.com/toy."},
		{"FOREIGN", "/example.com/toy/@v/v1.0.0.zip", 403, "does not cover example.com/toy."},

		// The go command asks for all parents, and would stop at a 403.
		{"UNLIMITED", "/example.com/@v/list", 404, ""},
		{"UNLIMITED", "/example.com/@latest", 404, ""},
		{"UNLIMITED", "/example.com/toy/sub/@v/list", 404, ""},
		{"FOREIGN", "/example.com/toy/@v/v1.7.7.zip", 404, ""},
		{"UNLIMITED", "/example.com/toy/@v/v1.7.7.zip", 404, ""}, // says the registry
		{"UNKNOWN", "/example.com/@v/list", 401, "No license has the key"},
		{"SUSPENDED", "/example.com/@v/list", 403, "suspended"},

		// No 404 and no empty list, after which the go command would look elsewhere.
		{"BELOW-1", "/example.com/toy/@v/list", 403, "covers versions <1.0.0; v1.9.0 needs an upgrade"},
		{"BELOW-2", "/example.com/toy/v2/@v/list", 403, "covers versions <2.0.0; v2.1.0 needs an upgrade"},
		{"BELOW-2", "/example.com/toy/v2/@latest", 403, "covers versions <2.0.0; v2.1.0 needs an upgrade"},
		{"BELOW-2", "/example.com/toy/v2/@v/main.info", 403, "covers versions <2.0.0; v2.1.0 needs an upgrade"},
		{"BELOW-2", "/example.com/toy/v2/@v/v2.1.0.info", 403, "covers versions <2.0.0; v2.1.0 needs an upgrade"},
		{"BELOW-2", "/example.com/toy/v2/@v/v2.1.0.zip", 403, "covers versions <2.0.0; v2.1.0 needs an upgrade"},
		{"BELOW-2", "/example.com/toy/v2/@v/v2.0.0-beta.1.zip", 403, "v2.0.0-beta.1 needs an upgrade"},
		{"BELOW-1.5", "/example.com/toy/@latest", 403, "v1.9.0 needs an upgrade"},

		{"UNLIMITED", "/example.com/toy/@v/v1.0.0.ziphash", 403, "There is nothing to install at this address"},
		{"UNLIMITED", "/catalog", 403, "There is nothing to install at this address"},

		// It is no checksum database: 404 tells the go command to ask its own.
		{"", "/sumdb/sum.golang.org/supported", 404, ""},
		{"UNLIMITED", "/sumdb/sum.golang.org/supported", 404, ""},

		{"BELOW-2", "/example.com/toy/@v/list", 200, "v1.0.0\nv1.9.0\n"},
		{"BELOW-1.5", "/example.com/toy/@v/list", 200, "v1.0.0\n"},
		{"BELOW-2", "/example.com/toy/@latest", 200, `"v1.9.0"`},
		{"BELOW-2", "/example.com/toy/@v/main.info", 200, `"v1.9.0"`},
		{"BELOW-2", "/example.com/toy/@v/v1.0.0.info", 200, `"v1.0.0"`},
		{"BELOW-2", "/example.com/toy/@v/v1.0.0.zip", 200, "PK"},
		{"UNLIMITED", "/example.com/toy/v2/@v/list", 200, "v2.0.0-beta.1\nv2.1.0\n"},

		// A .mod is open whatever the version: go mod tidy reads those that it does not choose, too.
		{"BELOW-2", "/example.com/toy/v2/@v/v2.1.0.mod", 200, "module example.com/toy/v2"},
		{"BELOW-1", "/example.com/toy/@v/v1.9.0.mod", 200, "module example.com/toy"},
	} {
		w := get(h, c.path, c.key)
		assert.Equal(t, c.want, w.Code, "%s %s", c.key, c.path)
		assert.Contains(t, w.Body.String(), c.body, "%s %s", c.key, c.path)
		if c.want >= 400 {
			assert.True(t, strings.HasPrefix(w.Header().Get("Content-Type"), "text/plain"), "the go command shows no other")
		}
	}
}

func TestALicenseForOneMajorVersionOpensNoOther(t *testing.T) {
	t.Parallel()
	l := toyLicenses(t)
	l.Add("V2", license.NoConstraint(), toy+"/v2")
	h := gated(l, false, toyProxy(t))
	require.Equal(t, 200, get(h, "/example.com/toy/v2/@v/v2.1.0.zip", "V2").Code)
	require.Equal(t, 403, get(h, "/example.com/toy/@v/v1.9.0.zip", "V2").Code)
}

// answers is a registry that answers everything with one body.
func answers(body string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte(body)) })
}

func TestListOfOddLines(t *testing.T) {
	t.Parallel()
	const body = "\nv1.0.0 2022-01-01T00:00:00Z\r\n v1.9.0\nv1.9\nnot a version\nv1.9.1-0.20240101000000-abcdefabcdef\n" +
		"v2.1.0\nv2.1.0+incompatible\nv1.5.0+incompatible\nv1.6.0+dev\n1.7.0\nv1.0.0-rc.1\nv1.8.0 v2.1.0\nv0.1.0"
	h := gated(toyLicenses(t), false, answers(body))
	w := get(h, "/example.com/toy/@v/list", "BELOW-2")
	require.Equal(t, "v1.0.0\nv1.9.0\nv1.5.0+incompatible\nv1.8.0\nv0.1.0\n", w.Body.String())
	w = get(h, "/example.com/toy/@v/list", "UNLIMITED")
	require.Equal(t, "v1.0.0\nv1.9.0\nv1.9.1-0.20240101000000-abcdefabcdef\nv2.1.0+incompatible\nv1.5.0+incompatible\n"+
		"v1.0.0-rc.1\nv1.8.0\nv0.1.0\n", w.Body.String())

	w = get(gated(toyLicenses(t), false, answers("")), "/example.com/toy/@v/list", "BELOW-2")
	require.Equal(t, 200, w.Code, "a module without any version is asked about with @latest")
	require.Empty(t, w.Body.String())
}

func TestInfoOfOddAnswers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		path, body string
		want       int
	}{
		{"main.info", `{"Version":"v1.9.0"}`, 200},
		{"main.info", `{"version":"v1.9.0","Time":null,"Origin":{"Version":"v2.1.0"}}`, 200},
		{"main.info", `{"Version":null,"Version":"v1.9.0"}`, 200},
		{"v1.9.0.info", `{"Version":"v1.9.0","Time":"no time"}`, 200},
		{"main.info", `{"Version":"v1.9.1-0.20240101000000-abcdefabcdef"}`, 403},
		{"main.info", `{"Version":"v2.1.0+incompatible"}`, 403},
		{"main.info", `{"ver\u0073ion":"v2.1.0+incompatible"}`, 403},
		{"v1.9.0.info", `{"Version":"v1.0.0"}`, 502}, // about another version than was asked for
		{"main.info", `{"Version":"v1.9.0","version":"v2.1.0+incompatible"}`, 502},
		{"main.info", `{"Version":"v1.9.0","Ver\u017fion":"v2.1.0+incompatible"}`, 502}, // a long s, which is an s to encoding/json
		{"main.info", `{"Version":"v2.1.0"}`, 502},                                      // no version of this path
		{"main.info", `{"Version":"v1.9"}`, 502},
		{"main.info", `{"Version":["v1.9.0"]}`, 502},
		{"main.info", `{"Time":"2022-01-01T00:00:00Z"}`, 502},
		{"main.info", `{"Version":"v1.9.0"}{}`, 502},
		{"main.info", `["v1.9.0"]`, 502},
		{"main.info", "\ufeff" + `{"Version":"v1.9.0"}`, 502},
		{"main.info", `{"Version":"v1.9.0","Origin":` + strings.Repeat("[", 600) + strings.Repeat("]", 600) + `}`, 502},
		{"main.info", `v1.9.0`, 502},
		{"main.info", ``, 502},
	} {
		w := get(gated(toyLicenses(t), false, answers(c.body)), "/example.com/toy/@v/"+c.path, "BELOW-2")
		assert.Equal(t, c.want, w.Code, c.body)
		if c.want == 200 {
			assert.Equal(t, c.body, w.Body.String())
		} else {
			assert.NotContains(t, w.Body.String(), "{")
		}
	}
}

func TestAnExpiredLicenseKeepsWhatWasReleasedBefore(t *testing.T) {
	t.Parallel()
	h := gated(toyLicenses(t), true, toyProxy(t)) // it has expired in June 2023, after 1.9.0
	require.Equal(t, "v1.0.0\nv1.9.0\n", get(h, "/example.com/toy/@v/list", "EXPIRED").Body.String())
	for path, want := range map[string]int{
		"/example.com/toy/@latest":                    200,
		"/example.com/toy/@v/main.info":               200,
		"/example.com/toy/@v/v1.9.0.info":             200,
		"/example.com/toy/@v/v1.9.0.mod":              200,
		"/example.com/toy/@v/v1.9.0.zip":              200,
		"/example.com/toy/@v/v1.7.7.zip":              403, // there is none that could tell
		"/example.com/toy/v2/@v/list":                 403,
		"/example.com/toy/v2/@latest":                 403,
		"/example.com/toy/v2/@v/v2.1.0.info":          403,
		"/example.com/toy/v2/@v/v2.1.0.zip":           403,
		"/example.com/toy/v2/@v/v2.0.0-beta.1.zip":    403,
		"/example.com/other/@v/v1.0.0.zip":            404,
		"/example.com/toy/@v/v1.0.0+incompatible.mod": 404,
	} {
		assert.Equal(t, want, get(h, path, "EXPIRED").Code, path)
	}

	// A list can have the times itself; where nothing has them, all is denied.
	asked := 0
	registry := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/list") {
			w.Write([]byte("v1.0.0 2022-01-01T00:00:00Z\nv1.9.0 2024-01-01T00:00:00Z\n"))
			return
		}
		asked++
		json.NewEncoder(w).Encode(map[string]any{"Version": "v1.0.0"})
	})
	h = gated(toyLicenses(t), true, registry)
	require.Equal(t, "v1.0.0\n", get(h, "/example.com/toy/@v/list", "EXPIRED").Body.String())
	require.Zero(t, asked)
	require.Equal(t, 403, get(h, "/example.com/toy/@v/v1.0.0.zip", "EXPIRED").Code)
	require.NotZero(t, asked)
}

func TestSource(t *testing.T) {
	t.Parallel()
	source, ok := goproxy.Adapter{}.Source(gate.Resource{Kind: gate.Artifact, Package: "example.com/Toy", Version: "v1.0.0-RC1"})
	require.True(t, ok)
	require.Equal(t, gate.Resource{
		Kind: gate.Listing, Form: "info", Package: "example.com/Toy", Version: "v1.0.0-RC1",
		Path: "/example.com/!toy/@v/v1.0.0-!r!c1.info",
	}, source)
	for _, res := range []gate.Resource{{}, {Package: toy}, {Package: "Toy!", Version: "v1.0.0"}, {Package: toy, Version: "a/b"}} {
		_, ok := goproxy.Adapter{}.Source(res)
		require.False(t, ok, res)
	}
}
