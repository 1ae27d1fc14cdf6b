package cargo_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/Masterminds/semver/v3"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/privatepkgs/license"
	"github.com/privatepkgs/license/gate"
	"github.com/privatepkgs/license/gate/cargo"
	"github.com/privatepkgs/license/internal/gatetest"
	"github.com/privatepkgs/license/internal/toyregistry"
)

// offered reads an index as cargo does, and returns the versions that it would choose from.
func offered(t require.TestingT, w *httptest.ResponseRecorder) map[string]bool {
	require.Equal(t, http.StatusOK, w.Code)
	return offeredIn(w.Body.Bytes())
}

func offeredIn(body []byte) map[string]bool {
	found := map[string]bool{}
	for line := range strings.SplitSeq(string(body), "\n") {
		var v struct {
			Vers   string
			Yanked bool
		}
		if json.Unmarshal([]byte(line), &v) == nil && !v.Yanked {
			found[v.Vers] = true
		}
	}
	return found
}

// aVersion draws a version around the boundary 2.0.0.
func aVersion(t *rapid.T) string {
	number := rapid.SampledFrom([]int{0, 1, 2, 3, 9, 10}).Draw
	v := fmt.Sprintf("%d.%d.%d", number(t, "major"), number(t, "minor"), number(t, "patch"))
	v += rapid.SampledFrom([]string{"", "", "", "-rc.1", "-RC1", "-beta.2", "-beta.11", "-0", "-alpha"}).Draw(t, "pre")
	return v + rapid.SampledFrom([]string{"", "", "+build.5"}).Draw(t, "build")
}

func TestNoVersionLeaksThroughABoundary(t *testing.T) {
	t.Parallel()
	below2 := &license.License{Constraint: gatetest.Versions(t, "<2.0.0"), Packages: []string{"toy"}}
	boundary := semver.MustParse("2.0.0")
	rapid.Check(t, func(t *rapid.T) {
		v := aVersion(t)
		parsed, err := semver.StrictNewVersion(v)
		require.NoError(t, err)
		allowed := below2.CheckVersion(license.Request{Package: "toy", Version: cargo.Adapter{}.Semver(v)}).Allowed()
		require.Equal(t, parsed.LessThan(boundary) && parsed.Prerelease() == "", allowed, v)
	})
}

// What is offered is served, and what is not is not, through the real middleware.
func TestAVersionIsOfferedIfAndOnlyIfItIsServed(t *testing.T) {
	t.Parallel()
	day := func(n int) time.Time { return gatetest.Now.AddDate(0, 0, n) }
	rapid.Check(t, func(t *rapid.T) {
		var releases []toyregistry.Release
		for _, v := range rapid.SliceOfNDistinct(rapid.Custom(aVersion), 1, 12, rapid.ID).Draw(t, "versions") {
			r := toyregistry.Release{Version: v}
			if rapid.Bool().Draw(t, "dated") {
				r.ReleasedAt = day(rapid.IntRange(-20, 5).Draw(t, "day"))
			}
			releases = append(releases, r)
		}
		registry, err := toyregistry.Cargo("toy", releases)
		require.NoError(t, err)
		var c license.Constraint
		switch rapid.IntRange(0, 2).Draw(t, "constraint") {
		case 0:
			c = license.NoConstraint()
		case 1:
			c = license.DateConstraint(day(rapid.IntRange(-20, 5).Draw(t, "until")))
		default:
			rng := rapid.SampledFrom([]string{"<2.0.0", ">=2.0.0", "^1.2.0", ">=2.0.0-beta.3 <3.0.0", "<1.9.0 || =2.2.0", "*", "<0.0.0", "1.x"}).Draw(t, "range")
			c, err = license.VersionConstraint(rng)
			require.NoError(t, err)
		}
		l := new(gatetest.Licenses)
		l.Add("KEY", c, "Toy").Suspended = rapid.IntRange(0, 9).Draw(t, "suspended") == 0
		h := gated(l, rapid.Bool().Draw(t, "fallback"), registry)

		listed := map[string]bool{}
		if w := get(h, "/3/t/toy", "KEY"); w.Code != http.StatusForbidden {
			listed = offered(t, w)
		}
		for _, r := range releases {
			want := http.StatusForbidden
			if listed[r.Version] {
				want = http.StatusOK
			}
			got := get(h, "/api/v1/crates/toy/"+r.Version+"/download", "KEY").Code
			require.Equal(t, want, got, "%s of %v, offered %v", r.Version, c, listed)
		}
	})
}

func FuzzRewrite(f *testing.F) {
	for _, body := range []string{
		`{"name":"toy","vers":"2.1.0","deps":[],"cksum":"00","features":{},"yanked":false,"links":null}` + "\n" + `{"vers":"1.9.0"}`,
		`{"vers":"2.1.0"}` + "\r\n", `{"yanked":null,"vers":"2.1.0"}`, `{"vers":"2.1.0","y\u0061nked":false}`,
		`{"vers":"1.9.0","x":` + "\n" + `{"vers":"2.1.0"}` + "\n" + `}`, `{"vers":"1.9.0"}{"vers":"2.1.0"}`, `{"vers":"v1"}`, "", "\n\n", "{}",
	} {
		f.Add([]byte(body))
	}
	l := &license.License{Constraint: gatetest.Versions(f, "<2.0.0"), Packages: []string{"toy"}}
	d := l.CheckPackage(license.Request{Package: "toy"})
	may := gate.Filter{Allows: func(v string, at time.Time) bool {
		return d.ForVersion(cargo.Adapter{}.Semver(v), at).Allowed()
	}}
	boundary := semver.MustParse("2.0.0")
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, form := range []string{"index", "config", ""} {
			res := gate.Resource{Kind: gate.Listing, Form: form, Package: "toy"}
			out, err := cargo.Adapter{}.Rewrite(res, &gate.Document{Body: body, Base: "http://packages.example"}, may)
			if err != nil || form != "index" {
				continue
			}
			for line := range strings.SplitSeq(string(out), "\n") {
				// Names as cargo has them: exactly these.
				var members map[string]json.RawMessage
				var number string
				if json.Unmarshal([]byte(line), &members) != nil || json.Unmarshal(members["vers"], &number) != nil {
					continue
				}
				v, err := semver.StrictNewVersion(number)
				if err == nil && string(members["yanked"]) != "true" && (!v.LessThan(boundary) || v.Prerelease() != "") {
					t.Fatalf("%q offers %s", out, number)
				}
			}
		}
	})
}

// Whatever is recognised can be written back as the path that it was.
func FuzzParse(f *testing.F) {
	for _, path := range []string{"/config.json", "/1/a", "/2/ab", "/3/t/toy", "/to/yy/toyy", "/api/v1/crates/Toy/1.9.0+b/download", "/", ""} {
		f.Add(path)
	}
	f.Fuzz(func(t *testing.T, path string) {
		r, err := http.NewRequest(http.MethodGet, "http://packages.example/", nil)
		require.NoError(t, err)
		r.URL.Path = path
		a := cargo.Adapter{Download: "/{lowerprefix}/{prefix}/{crate}-{version}.crate"}
		res := a.Parse(r)
		a.Source(res)
		a.Deny(r, res, gate.Denial{})
		_ = a.Covers(path, res.Package)
		switch res.Kind {
		case gate.Artifact:
			require.Equal(t, "/api/v1/crates/"+res.Package+"/"+res.Version+"/download", strings.Replace(path, path[15:15+len(res.Package)], res.Package, 1))
			_, err := semver.StrictNewVersion(res.Version)
			require.NoError(t, err)
		case gate.Listing:
			require.Equal(t, path, res.Path)
			require.True(t, strings.HasSuffix(path, "/"+res.Package))
		case gate.Service:
			require.Equal(t, "/config.json", path)
		}
	})
}
