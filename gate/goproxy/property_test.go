package goproxy_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	mastermind "github.com/Masterminds/semver/v3"
	"github.com/stretchr/testify/require"
	"golang.org/x/mod/module"
	"golang.org/x/mod/semver"
	"pgregory.net/rapid"

	"github.com/privatepkgs/license"
	"github.com/privatepkgs/license/gate"
	"github.com/privatepkgs/license/gate/goproxy"
	"github.com/privatepkgs/license/internal/gatetest"
)

// aVersion draws a version around the boundary 2.0.0, of whatever kind there is.
func aVersion(t *rapid.T) string {
	number := rapid.SampledFrom([]int{0, 1, 2, 3, 9, 10}).Draw
	v := fmt.Sprintf("v%d.%d.%d", number(t, "major"), number(t, "minor"), number(t, "patch"))
	v += rapid.SampledFrom([]string{
		"", "", "", "-rc.1", "-RC1", "-beta.2", "-beta.11", "-0", "-0.20240101000000-abcdefabcdef", "-20240101000000-abcdefabcdef",
		"-rc.1.0.20240101000000-abcdefabcdef",
	}).Draw(t, "pre")
	return v + rapid.SampledFrom([]string{"", "", "+incompatible"}).Draw(t, "build")
}

// The go command's own library orders versions, and the form that a range judges is ordered alike.
func TestSemverKeepsTheOrderOfVersions(t *testing.T) {
	t.Parallel()
	// A pseudo-version has no place in the order.
	tagged := rapid.Custom(aVersion).Filter(func(v string) bool { return !module.IsPseudoVersion(v) })
	rapid.Check(t, func(t *rapid.T) {
		a, b := tagged.Draw(t, "a"), tagged.Draw(t, "b")
		ours := func(v string) *mastermind.Version {
			parsed, err := mastermind.StrictNewVersion(goproxy.Adapter{}.Semver(v))
			require.NoError(t, err)
			return parsed
		}
		require.Equal(t, semver.Compare(a, b), ours(a).Compare(ours(b)), "%s and %s", a, b)
		require.Equal(t, semver.Prerelease(a) != "", ours(a).Prerelease() != "")
		require.Equal(t, semver.Prerelease(a) != "", strings.Contains(a, "-"))
	})
}

func TestNoVersionLeaksThroughABoundary(t *testing.T) {
	t.Parallel()
	below2 := &license.License{Constraint: gatetest.Versions(t, "<2.0.0"), Packages: []string{toy}}
	allows := func(v string) bool {
		return below2.CheckVersion(license.Request{Package: toy, Version: goproxy.Adapter{}.Semver(v)}).Allowed()
	}
	for v, want := range map[string]bool{
		"v1.9.0":                    true,
		"v0.0.0":                    true,
		"v1.9.9+incompatible":       true,
		"v1.18446744073709551615.0": true,

		"v2.0.0":                               false,
		"v2.0.0+incompatible":                  false,
		"v2.1.0":                               false,
		"v2.0.0-beta.1":                        false,
		"v2.0.0-0":                             false,
		"v2.0.0-20240101000000-abcdefabcdef":   false,
		"v2.0.0-0.20240101000000-abcdefabcdef": false,
		"v2.0.1-0.20240101000000-abcdefabcdef": false,
		"v1.9.1-0.20240101000000-abcdefabcdef": false, // a commit after 1.9.0, and nobody knows how far
		"v0.0.0-20240101000000-abcdefabcdef":   false,
		"v1.9.0-rc.1":                          false,
		"v1.18446744073709551616.0":            false,
		"v1.9":                                 false,
		"v1":                                   false,
		"1":                                    false,
		"1.9.0":                                false,
		"vv1.9.0":                              false,
		"V1.9.0":                               false,
		"v01.9.0":                              false,
		"v1.9.0+dev":                           false,
		"main":                                 false,
		"latest":                               false,
		"":                                     false,
		"v1.9.0\n":                             false,
	} {
		require.Equal(t, want, allows(v), "%q", v)
	}
	rapid.Check(t, func(t *rapid.T) {
		v := aVersion(t)
		require.Equal(t, semver.Compare(v, "v2.0.0") < 0 && semver.Prerelease(v) == "", allows(v), v)
	})
}

// The go command gives any commit to whoever puts it behind a tag that precedes it, or behind none.
func TestNoRangeOpensAPseudoVersion(t *testing.T) {
	t.Parallel()
	for _, rng := range []string{">=0.0.0-0 <1.5.0", ">=2.0.0-beta.1 <2.1.0", "*-0", "2.0.0-beta.1.0.20240101000000-abcdefabcdef"} {
		c, err := license.VersionConstraint(rng)
		require.NoError(t, err)
		ranged := &license.License{Constraint: c, Packages: []string{toy}}
		for _, v := range []string{
			"v0.0.0-20240101000000-abcdefabcdef", "v1.4.1-0.20240101000000-abcdefabcdef", "v2.0.0-20240101000000-abcdefabcdef",
			"v2.0.0-beta.1.0.20240101000000-abcdefabcdef", "v2.0.1-0.20240101000000-abcdefabcdef+incompatible",
		} {
			r := license.Request{Package: toy, Version: goproxy.Adapter{}.Semver(v)}
			require.False(t, ranged.CheckVersion(r).Allowed(), "%s opens %s", rng, v)
			unlimited := &license.License{Constraint: license.NoConstraint(), Packages: []string{toy}}
			require.True(t, unlimited.CheckVersion(r).Allowed(), v)
		}
	}
}

// upstream is a proxy that has one module in certain versions, some without a time.
func upstream(mod string, releases map[string]time.Time) http.Handler {
	escaped, err := module.EscapePath(mod)
	if err != nil {
		panic(err)
	}
	names := make([]string, 0, len(releases))
	pages := map[string]any{}
	for v, at := range releases {
		info := map[string]any{"Version": v}
		if !at.IsZero() {
			info["Time"] = at
		}
		names = append(names, v)
		file, err := module.EscapeVersion(v)
		if err != nil {
			panic(err)
		}
		pages["/"+escaped+"/@v/"+file+".info"] = info
		pages["/"+escaped+"/@v/"+file+".zip"] = "a zip"
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/"+escaped+"/@v/list" {
			w.Write([]byte(strings.Join(names, "\n")))
			return
		}
		page, ok := pages[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		json.NewEncoder(w).Encode(page)
	})
}

// What is listed is served, and what is not is not, through the real middleware.
func TestAVersionIsListedIfAndOnlyIfItIsServed(t *testing.T) {
	t.Parallel()
	day := func(n int) time.Time { return gatetest.Now.AddDate(0, 0, n) }
	rapid.Check(t, func(t *rapid.T) {
		mod := rapid.SampledFrom([]string{toy, toy + "/v2", "example.com/Acme/Toy"}).Draw(t, "module")
		releases := map[string]time.Time{}
		for _, v := range rapid.SliceOfN(rapid.Custom(aVersion), 1, 12).Draw(t, "versions") {
			if module.Check(mod, v) != nil {
				continue
			}
			releases[v] = time.Time{}
			if rapid.Bool().Draw(t, "dated") {
				releases[v] = day(rapid.IntRange(-20, 5).Draw(t, "day"))
			}
		}
		var c license.Constraint
		switch rapid.IntRange(0, 2).Draw(t, "constraint") {
		case 0:
			c = license.NoConstraint()
		case 1:
			c = license.DateConstraint(day(rapid.IntRange(-20, 5).Draw(t, "until")))
		default:
			rng := rapid.SampledFrom([]string{"<2.0.0", ">=2.0.0", "^1.2.0", ">=2.0.0-beta.3 <3.0.0", "<1.9.0 || =2.2.0", "*", "<0.0.0", "1.x"}).Draw(t, "range")
			var err error
			c, err = license.VersionConstraint(rng)
			require.NoError(t, err)
		}
		l := new(gatetest.Licenses)
		l.Add("KEY", c, strings.TrimSuffix(mod, "/v2")).Suspended = rapid.IntRange(0, 9).Draw(t, "suspended") == 0
		h := gated(l, rapid.Bool().Draw(t, "fallback"), upstream(mod, releases))

		escaped, err := module.EscapePath(mod)
		require.NoError(t, err)
		listing := get(h, "/"+escaped+"/@v/list", "KEY")
		var listed []string
		if listing.Code == http.StatusOK {
			listed = strings.Fields(listing.Body.String())
		} else {
			require.Equal(t, http.StatusForbidden, listing.Code)
		}
		for v := range releases {
			file, err := module.EscapeVersion(v)
			require.NoError(t, err)
			zip := get(h, "/"+escaped+"/@v/"+file+".zip", "KEY")
			info := get(h, "/"+escaped+"/@v/"+file+".info", "KEY")
			want := http.StatusForbidden
			if slices.Contains(listed, v) {
				want = http.StatusOK
			}
			require.Equal(t, want, zip.Code, "%s of %v, listed %v", v, c, listed)
			require.Equal(t, want, info.Code, "%s of %v, listed %v", v, c, listed)
		}
	})
}

func below2(tb testing.TB) gate.Filter {
	l := &license.License{Constraint: gatetest.Versions(tb, "<2.0.0"), Packages: []string{toy}}
	d := l.CheckPackage(license.Request{Package: toy})
	return gate.Filter{Allows: func(v string, at time.Time) bool {
		return d.ForVersion(goproxy.Adapter{}.Semver(v), at).Allowed()
	}}
}

// The output is read as the go command reads it.
func FuzzRewrite(f *testing.F) {
	for _, body := range []string{
		"v1.0.0\nv1.9.0\nv2.1.0+incompatible\n", "v1.9.0 2022-01-01T00:00:00Z\r\nv1.9.1-0.20240101000000-abcdefabcdef", "v1\n\n \n",
		`{"Version":"v1.9.0","Time":"2022-01-01T00:00:00Z"}`, `{"Version":"v1.9.0","version":"v2.0.0+incompatible"}`,
		`{"Version":null,"ver\u0073ion":"v2.0.0+incompatible"}`, `{"Ver` + "\u017f" + `ion":"v2.0.0+incompatible","Version":"v1.0.0"}`, `{}`, ``,
	} {
		f.Add([]byte(body))
	}
	may := below2(f)
	forbidden := func(v string) bool {
		return semver.IsValid(v) && (semver.Compare(v, "v2.0.0") >= 0 || semver.Prerelease(v) != "")
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, form := range []string{"list", "info", ""} {
			for _, pkg := range []string{toy, toy + "/v2", "example.com/Toy"} {
				res := gate.Resource{Kind: gate.Listing, Form: form, Package: pkg}
				out, err := goproxy.Adapter{}.Rewrite(res, &gate.Document{Body: body}, may)
				if err != nil {
					continue
				}
				var info struct{ Version string }
				if form == "info" && json.Unmarshal(out, &info) == nil && (forbidden(info.Version) || info.Version == "") {
					t.Fatalf("%q tells about %q", out, info.Version)
				}
				if form == "list" {
					for _, line := range strings.Split(string(out), "\n") {
						if fields := strings.Fields(line); len(fields) > 0 && forbidden(fields[0]) {
							t.Fatalf("%q lists %q", out, fields[0])
						}
					}
				}
			}
		}
	})
}

// Whatever is recognised can be written back as the path that it was.
func FuzzParse(f *testing.F) {
	for _, path := range []string{
		"/example.com/toy/@v/list", "/example.com/toy/@latest", "/example.com/!acme/toy/v2/@v/v2.0.0-!r!c1.zip",
		"/example.com/toy/@v/main.info", "/example.com/toy/@v/v1.9.0.mod", "/sumdb/sum.golang.org/supported", "/", "", "0.0/@latest",
	} {
		f.Add(path)
	}
	f.Fuzz(func(t *testing.T, path string) {
		r, err := http.NewRequest(http.MethodGet, "http://packages.example/", nil)
		require.NoError(t, err)
		r.URL.Path = path
		res := goproxy.Adapter{}.Parse(r)
		goproxy.Adapter{}.Source(res)
		goproxy.Adapter{}.Deny(r, res, gate.Denial{})
		_ = goproxy.Adapter{}.Covers(path, res.Package)
		if res.Kind == gate.Unknown {
			return
		}
		escaped, err := module.EscapePath(res.Package)
		require.NoError(t, err)
		version, err := module.EscapeVersion(cmp.Or(res.Version, "x"))
		require.NoError(t, err)
		switch {
		case res.Kind == gate.Artifact:
			require.Equal(t, "/"+escaped+"/@v/"+version+".zip", path)
			require.NoError(t, module.Check(res.Package, res.Version))
		case res.Form == "list":
			require.Equal(t, "/"+escaped+"/@v/list", path)
		case res.Version != "":
			require.Equal(t, "/"+escaped+"/@v/"+version+".info", path)
		default:
			require.True(t, strings.HasPrefix(path, "/"+escaped+"/@"), path)
		}
	})
}
