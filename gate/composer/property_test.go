package composer_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/Masterminds/semver/v3"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/privatepkgs/license"
	"github.com/privatepkgs/license/gate"
	"github.com/privatepkgs/license/gate/composer"
	"github.com/privatepkgs/license/internal/gatetest"
)

// aVersion draws a version around the boundary 2.0.0, or something that is none to semver.
func aVersion(t *rapid.T) string {
	v := rapid.SampledFrom([]string{"0", "1", "1.9", "1.9.0", "v1.9.0", "1.9.0.1", "2", "2.0", "2.0.0", "2.0.0.0", "2.0.0.1", "3.1", "1.x", "2.0.x", "dev-main", "dev-1.9.0"}).Draw(t, "release")
	v += rapid.SampledFrom([]string{"", "", "", "-alpha", "-beta1", "-beta.1", "b1", "-RC2", "-p1", "-stable", "-foo"}).Draw(t, "stability")
	return v + rapid.SampledFrom([]string{"", "", "", "", "-dev", "+build", " as 1.0"}).Draw(t, "rest")
}

// anEntry draws a version as it may stand in a metadata file.
func anEntry(t *rapid.T) map[string]any {
	v := rapid.Custom(aVersion).Draw(t, "version")
	e := map[string]any{"name": "Acme/Toy", "version": v}
	if rapid.Bool().Draw(t, "dated") {
		e["time"] = gatetest.Now.AddDate(0, 0, rapid.IntRange(-20, 5).Draw(t, "day")).Format(time.RFC3339)
	}
	for _, name := range []string{"require", "extra"} {
		if n := rapid.IntRange(0, 2).Draw(t, name); n > 0 {
			e[name] = map[string]any{"n": n}
		}
	}
	kind := rapid.SampledFrom([]string{"zip", "zip", "zip", "tar", "path", ""}).Draw(t, "kind")
	if kind != "" {
		e["dist"] = map[string]any{"type": kind, "url": "https://registry.invalid/files/" + url.PathEscape(v), "reference": rapid.SampledFrom([]string{"a", "b", "x/y"}).Draw(t, "reference")}
	} else if rapid.Bool().Draw(t, "meta") {
		e["type"] = "metapackage"
	}
	return e
}

// document writes a metadata file, minified by the rules of composer/metadata-minifier if wanted.
func document(t require.TestingT, entries []map[string]any, minified bool) string {
	file := map[string]any{"packages": map[string]any{toy: entries}}
	if minified {
		var shorter []map[string]any
		for i, e := range entries {
			changes := map[string]any{}
			for name, value := range e {
				if i == 0 || !same(entries[i-1][name], value) {
					changes[name] = value
				}
			}
			if i > 0 {
				for name := range entries[i-1] {
					if _, ok := e[name]; !ok {
						changes[name] = "__unset"
					}
				}
			}
			shorter = append(shorter, changes)
		}
		file = map[string]any{"packages": map[string]any{toy: shorter}, "minified": "composer/2.0"}
	}
	text, err := json.Marshal(file)
	require.NoError(t, err)
	return string(text)
}

func same(a, b any) bool { return fmt.Sprint(a) == fmt.Sprint(b) }

func TestNoVersionLeaksThroughABoundary(t *testing.T) {
	t.Parallel()
	boundary := semver.MustParse("2.0.0")
	rapid.Check(t, func(t *rapid.T) {
		v := aVersion(t)
		if !admits(t, "<2.0.0", v) {
			return
		}
		parsed, err := semver.StrictNewVersion(composer.Adapter{}.Semver(v))
		require.NoError(t, err)
		require.True(t, parsed.LessThan(boundary) && parsed.Prerelease() == "", v)
		require.False(t, strings.HasPrefix(strings.TrimPrefix(v, "v"), "2"), v)
		require.NotContains(t, v, "dev")
	})
}

// What is offered is served, and what is not is not, through the real middleware.
func TestAVersionIsOfferedIfAndOnlyIfItIsServed(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		entries := rapid.SliceOfN(rapid.Custom(anEntry), 1, 8).Draw(t, "entries")
		minified := rapid.Bool().Draw(t, "minified")
		body := document(t, entries, minified)
		registry := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasPrefix(r.URL.Path, "/p2/") { // both files have everything, as with some registries
				fmt.Fprint(w, body)
				return
			}
			fmt.Fprint(w, r.URL.EscapedPath())
		})
		var c license.Constraint
		switch rapid.IntRange(0, 2).Draw(t, "constraint") {
		case 0:
			c = license.NoConstraint()
		case 1:
			c = license.DateConstraint(gatetest.Now.AddDate(0, 0, rapid.IntRange(-20, 5).Draw(t, "until")))
		default:
			rng := rapid.SampledFrom([]string{"<2.0.0", ">=2.0.0", "<=1.9.0", ">=2.0.0-beta.1 <3.0.0", "*", "<0.0.0", "1.x"}).Draw(t, "range")
			var err error
			c, err = license.VersionConstraint(rng)
			require.NoError(t, err)
		}
		l := new(gatetest.Licenses)
		l.Add("KEY", c, "Acme/toy").Suspended = rapid.IntRange(0, 9).Draw(t, "suspended") == 0
		h := gated(l, rapid.Bool().Draw(t, "fallback"), registry)

		offered := map[string]bool{}
		for _, path := range []string{releasesPath, branchesPath} {
			w := get(h, path, "KEY")
			if w.Code != http.StatusOK {
				continue
			}
			for _, e := range versionsIn(t, w.Body.Bytes()) {
				v := e["version"].(string)
				if e["type"] == "metapackage" {
					require.NotContains(t, e, "dist")
					continue
				}
				at := strings.TrimPrefix(e["dist"].(map[string]any)["url"].(string), "http://packages.example")
				offered[at] = true
				served := get(h, at, "KEY")
				require.Equal(t, http.StatusOK, served.Code, "%s is offered", at)
				require.Equal(t, "/files/"+v, served.Body.String(), "and is what it says")
				require.True(t, contains(entries, e), "%v is not what the registry has", e)
			}
		}
		for _, e := range entries {
			d, ok := e["dist"].(map[string]any)
			if !ok {
				continue
			}
			for _, reference := range []string{d["reference"].(string), "archive"} {
				at := fmt.Sprintf("/dist/acme/toy/%s/%s.%s", e["version"], reference, d["type"])
				served := get(h, (&url.URL{Path: at}).EscapedPath(), "KEY").Code == http.StatusOK
				require.Equal(t, offered[at], served, "%s of %v", at, c)
			}
		}
	})
}

// contains reports whether one of the entries is e, the URL of its archive aside.
func contains(entries []map[string]any, e map[string]any) bool {
	without := func(e map[string]any) string {
		c := map[string]any{}
		for name, value := range e {
			c[name] = value
		}
		if d, ok := e["dist"].(map[string]any); ok {
			c["dist"] = fmt.Sprint(d["type"], d["reference"])
		}
		return fmt.Sprint(c)
	}
	for _, other := range entries {
		if without(other) == without(e) {
			return true
		}
	}
	return false
}

// parse has the adapter read a path.
func parse(path string) gate.Resource {
	return composer.Adapter{}.Parse(&http.Request{Method: http.MethodGet, URL: &url.URL{Path: path}})
}

func FuzzRewrite(f *testing.F) {
	for _, entries := range []string{
		`{"name":"acme/toy","version":"2.1.0","version_normalized":"2.1.0.0","dist":{"type":"zip","url":"https://r/2","reference":"c"}},{"version":"1.9.0","version_normalized":"1.9.0.0"},{"dist":"__unset","type":"metapackage"}`,
		`{"name":"acme/toy","version":"1.9.0","dist":{"type":"tar","url":"http://r/2","shasum":"c"},"source":{},"time":"2020-01-01 00:00:00"},{"version":"2.0.0-RC1"},{"version":"1.9.0.1","name":"__unset"}`,
		`{"name":"acme/toy","version":"dev-main","dist":{"type":"zip","url":"https://r/2"}},{},{"version":"1.x-dev"},{"version":"1.9.0"}`,
		`[{"version":"2.1.0"}]`, `{"a":{"version":"2.1.0"}}`, `1`, ``,
	} {
		f.Add([]byte(`{"packages":{"acme/toy":[`+entries+`]},"minified":"composer/2.0"}`), false)
		f.Add([]byte(`{"minified":"composer\/2.0","packages":{"acme/toy":[`+entries+`],"acme/other":[]}}`), true)
		f.Add([]byte(`{"packages":{"acme/toy":[`+entries+`]}}`), false)
	}
	f.Add([]byte(`{"packages":{"acme/toy":{"1":{"name":"acme/toy","version":"1.9.0","dist":{"type":"zip","url":"https://r/2"}}}}}`), false)
	f.Add([]byte(`{"metadata-url":"x","available-packages":["acme/toy"],"available-package-patterns":["acme/*"],"packages":{"acme/toy":[]}}`), false)
	l := &license.License{Constraint: gatetest.Versions(f, "<2.0.0"), Packages: []string{toy}}
	d := l.CheckPackage(license.Request{Package: toy})
	may := gate.Filter{
		Allows:  func(v string, at time.Time) bool { return d.ForVersion(composer.Adapter{}.Semver(v), at).Allowed() },
		Package: func(string) (gate.Filter, license.Code) { return gate.Filter{}, license.Valid },
		Denied:  func() string { return "no \"\xff\n" },
	}
	f.Fuzz(func(t *testing.T, body []byte, dev bool) {
		doc := &gate.Document{Body: body, Base: "http://packages.example"}
		res := parse(releasesPath)
		if dev {
			res = parse(branchesPath)
		}
		if out, err := (composer.Adapter{}).Rewrite(gate.Resource{Kind: gate.Service, Form: "packages.json"}, doc, may); err == nil {
			require.True(t, strings.HasPrefix(string(out), `{"packages":[],"metadata-url":"http://packages.example/p2/%package%.json"`))
			require.NotContains(t, strings.ReplaceAll(string(out), "http://packages.example/", ""), "://")
		}
		out, err := composer.Adapter{}.Rewrite(res, doc, may)
		if err != nil || string(out) == `{"packages":[]}` {
			return
		}
		for _, e := range versionsIn(t, out) {
			v, ok := e["version"].(string)
			require.True(t, ok, "%s", out)
			require.True(t, !dev && admits(t, "<2.0.0", v), "%s offers %s", out, v)
			require.Equal(t, toy, strings.ToLower(e["name"].(string)))
			require.NotContains(t, e, "source")
			if n, ok := e["version_normalized"].(string); ok && n != "" {
				require.True(t, admits(t, "<2.0.0", n), "%s offers %s", out, n)
			}
			d, ok := e["dist"].(map[string]any)
			if !ok {
				require.True(t, strings.EqualFold(e["type"].(string), "metapackage"))
				continue
			}
			at, ok := strings.CutPrefix(d["url"].(string), doc.Base)
			require.True(t, ok, "%s", out)
			asked := parse(at)
			require.Equal(t, gate.Artifact, asked.Kind, "%s is listed and cannot be asked for", at)
			require.Equal(t, v, asked.Version)
			path, err := composer.Adapter{}.Locate(asked, doc)
			require.NoError(t, err, "%s is listed and cannot be found", at)
			require.True(t, strings.HasPrefix(path, "/"))
		}
	})
}

// Whatever is recognised can be written back as the path that it was.
func FuzzParse(f *testing.F) {
	for _, path := range []string{"/packages.json", releasesPath, branchesPath, "/dist/acme/toy/dev-a/b/c.zip", "/dist/acme/toy/1.9.0/0.tar", "/", ""} {
		f.Add(path)
	}
	f.Fuzz(func(t *testing.T, path string) {
		r := &http.Request{Method: http.MethodGet, URL: &url.URL{Path: path}}
		a := composer.Adapter{}
		res := a.Parse(r)
		_ = a.Covers(path, res.Package)
		a.Deny(r, res, gate.Denial{})
		source, ok := a.Source(res)
		require.Equal(t, res.Package != "", ok)
		switch res.Kind {
		case gate.Unknown:
		case gate.Service:
			require.Equal(t, "/packages.json", path)
		case gate.Listing:
			require.Equal(t, path, res.Path)
			require.Equal(t, res.Package, strings.TrimSuffix(strings.TrimSuffix(path[len("/p2/"):], ".json"), "~dev"))
		case gate.Artifact:
			require.Equal(t, path, "/dist/"+res.Package+"/"+res.Version+"/"+res.Form)
			require.Equal(t, gate.Listing, parse(source.Path).Kind)
		default:
			t.Fatal(res.Kind)
		}
	})
}

func FuzzSemver(f *testing.F) {
	for _, v := range []string{"1.9.0.1-beta2+a.1", "v2.0-RC1", "2.0.0-p1", "dev-main", "1.x-dev", "20240131"} {
		f.Add(v)
	}
	f.Fuzz(func(t *testing.T, version string) {
		got := composer.Adapter{}.Semver(version)
		require.Equal(t, version == "", got == "")
		if parsed, err := semver.StrictNewVersion(got); err == nil {
			require.LessOrEqual(t, len(got), semver.MaxVersionLen, parsed)
		} else {
			_, err := semver.NewVersion(got)
			require.Error(t, err, "a version without a place must not be given one")
		}
	})
}
