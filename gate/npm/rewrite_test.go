package npm_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/Masterminds/semver/v3"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/privatepkgs/license"
	"github.com/privatepkgs/license/gate"
	"github.com/privatepkgs/license/gate/npm"
	"github.com/privatepkgs/license/internal/gatetest"
)

// below lets versions up to a major pass, and says nothing of times.
func below(major uint64) gate.Filter {
	return filter(func(version string, _ time.Time) bool {
		v, err := semver.StrictNewVersion(version)
		return err == nil && v.Major() < major && v.Prerelease() == ""
	})
}

// filter allows what a function does, in every package.
func filter(allows func(version string, releasedAt time.Time) bool) gate.Filter {
	f := gate.Filter{Allows: allows, Denied: func() string { return "Upgrade \"now\"!" }}
	f.Package = func(pkg string) (gate.Filter, license.Code) {
		if pkg != "toy" {
			return gate.Filter{Allows: func(string, time.Time) bool { return false }}, license.PackageNotCovered
		}
		return f, license.Valid
	}
	return f
}

func rewrite(form, body string, may gate.Filter) (string, error) {
	res := gate.Resource{Kind: gate.Listing, Form: form, Package: "toy"}
	out, err := npm.Adapter{}.Rewrite(res, &gate.Document{Body: []byte(body), Base: "https://g"}, may)
	return string(out), err
}

func TestPackumentKeepsAllButWhatIsDenied(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ in, want string }{
		"order, numbers and space stay": {
			`{ "name":"toy", "dist-tags" : {"latest":"1.0.0"}, "big":12345678901234567890, "versions":{ "1.0.0" : {"a":1.50,"b":"\u00e9"} } , "z":null }`,
			`{ "name":"toy", "dist-tags" : {"latest":"1.0.0"}, "big":12345678901234567890, "versions":{ "1.0.0" : {"a":1.50,"b":"\u00e9"} } , "z":null }`,
		},
		"latest moves to the newest release": {
			`{"dist-tags":{"latest":"2.1.0","old":"1.0.0","next":"2.1.0"},"versions":{"1.10.0":{},"2.1.0":{},"1.9.0":{},"1.0.0":{}},"time":{"2.1.0":"2024-01-01T00:00:00Z"}}`,
			`{"dist-tags":{"old":"1.0.0","latest":"1.10.0"},"versions":{"1.10.0":{},"1.9.0":{},"1.0.0":{}},"time":{"2.1.0":"2024-01-01T00:00:00Z"}}`,
		},
		"latest stays where the publisher put it": {
			`{"dist-tags":{"latest":"1.0.0"},"versions":{"1.0.0":{},"1.9.0":{},"2.0.0":{}}}`,
			`{"dist-tags":{"latest":"1.0.0"},"versions":{"1.0.0":{},"1.9.0":{}}}`,
		},
		"tags after versions, and dangling": {
			`{"versions":{"1.0.0":{},"2.0.0":{}},"dist-tags":{"latest":"7.0.0","x":"6.0.0"}}`,
			`{"versions":{"1.0.0":{}},"dist-tags":{"latest":"1.0.0"}}`,
		},
		"tags where there are none": {
			`{"versions":{"2.0.0":{},"1.0.0":{}}}`,
			`{"dist-tags":{"latest":"1.0.0"},"versions":{"1.0.0":{}}}`,
		},
		"a name that is escaped": {
			`{"versi\u006fns":{"2.0.\u0030":{},"1.0.0":{}},"dist-tags":{}}`,
			`{"versi\u006fns":{"1.0.0":{}},"dist-tags":{"latest":"1.0.0"}}`,
		},
		"denied first, in the middle, last": {
			`{"versions":{"2.0.0":{}, "2.0.1":{}, "1.0.0":{}, "2.0.2":{}, "1.0.1":{}, "2.0.3":{}},"dist-tags":{"latest":"1.0.1"}}`,
			`{"versions":{"1.0.0":{}, "1.0.1":{}},"dist-tags":{"latest":"1.0.1"}}`,
		},
		"what is no version is never shown": {
			`{"versions":{"1.0":{},"v1.0.0":{},"latest":{},"1.0.0":{},"1.0.1":{"version":"2.0.0"}},"dist-tags":{"latest":"1.0.0"}}`,
			`{"versions":{"1.0.0":{}},"dist-tags":{"latest":"1.0.0"}}`,
		},
		"names that are no UTF-8": {
			"{\"versions\":{\"1.0.0\":{},\"1.0.0\xff\":{},\"2.0.0-\xfe\":{},\"2.0.0-\xff\":{}},\"dist-tags\":{\"\xfe\":\"2.0.0-\xff\",\"\xff\":\"1.0.0\"}}",
			"{\"versions\":{\"1.0.0\":{}},\"dist-tags\":{\"\xff\":\"1.0.0\",\"latest\":\"1.0.0\"}}",
		},
		"attachments are the files themselves": {
			`{"_attachments":{"toy-2.0.0.tgz":{"data":"AAAA"}},"versions":{"1.0.0":{}},"dist-tags":{"latest":"1.0.0"}}`,
			`{"versions":{"1.0.0":{}},"dist-tags":{"latest":"1.0.0"}}`,
		},
		"no versions at all": {`{"versions":{},"dist-tags":{}}`, `{"versions":{},"dist-tags":{}}`},
		"tarballs are turned to the gate": {
			`{"versions":{"1.0.0":{"dist":{"tarball":"https://r.example/x/toy/-/toy-1.0.0.tgz","shasum":"a"}},"1.1.0":{"dist":{"shasum":"b","tarball":"http:\/\/r\/download\/9f8e"}},"1.2.0":{"dist":{"tarball":"https://r.example/toy/-/toy-2.0.0.tgz"}}},"dist-tags":{"latest":"1.0.0"}}`,
			`{"versions":{"1.0.0":{"dist":{"tarball":"https://g/toy/-/toy-1.0.0.tgz","shasum":"a"}},"1.1.0":{"dist":{"shasum":"b","tarball":"https://g/toy/-/toy-1.1.0.tgz"}},"1.2.0":{"dist":{"tarball":"https://g/toy/-/toy-1.2.0.tgz"}}},"dist-tags":{"latest":"1.0.0"}}`,
		},
	} {
		got, err := rewrite("packument", c.in, below(2))
		require.NoError(t, err, name)
		require.Equal(t, c.want, restrictions.ReplaceAllString(got, ""), name)
	}
}

// restrictions is what is added to a packument that lacks versions.
var restrictions = regexp.MustCompile(`"policyRestrictions":\{"message":"([^"\\]|\\.)*","versions":\{("[^"]*":\{"version":"[^"]*"\},?)+\}\},`)

func TestPackumentSaysWhyVersionsAreMissing(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ in, want string }{
		"those that are denied, and nothing of them": {
			`{"versions":{"2.0.0":{"dist":{"tarball":"https://r/toy/-/toy-2.0.0.tgz"}},"1.0.0":{},"2.1.0-b.1":{},"2.1":{}},"dist-tags":{"latest":"1.0.0"}}`,
			`{"policyRestrictions":{"message":"Upgrade \"now\"!","versions":{"2.0.0":{"version":"2.0.0"},"2.1.0-b.1":{"version":"2.1.0-b.1"}}},"versions":{"1.0.0":{}},"dist-tags":{"latest":"1.0.0"}}`,
		},
		"before a first member that goes": {
			`{"_attachments":{},"versions":{"2.0.0":{},"1.0.0":{}}}`,
			`{"dist-tags":{"latest":"1.0.0"},"policyRestrictions":{"message":"Upgrade \"now\"!","versions":{"2.0.0":{"version":"2.0.0"}}},"versions":{"1.0.0":{}}}`,
		},
		"in place of what the registry has there": {
			`{"versions":{"1.0.0":{}},"dist-tags":{"latest":"1.0.0"},"policyRestrictions":{"versions":{"2.0.0":{"version":"2.0.0"}}},"stagedVersions":{"versions":{"2.1.0":{"version":"2.1.0"}}}}`,
			`{"versions":{"1.0.0":{}},"dist-tags":{"latest":"1.0.0"}}`,
		},
	} {
		got, err := rewrite("packument", c.in, below(2))
		require.NoError(t, err, name)
		require.Equal(t, c.want, got, name)
	}
}

// GitLab names its files with the scope, and serves them under no other name.
func TestTarballKeepsAScopeThatTheRegistryRepeats(t *testing.T) {
	t.Parallel()
	const pkg = "@acme/toy"
	for link, want := range map[string]string{
		"https://r/x/@acme/toy/-/@acme/toy-1.0.0.tgz": "/@acme/toy/-/@acme/toy-1.0.0.tgz",
		"https://r/x/@acme/toy/-/toy-1.0.0.tgz":       "/@acme/toy/-/toy-1.0.0.tgz",
		"https://r/x/@acme/toy-1.0.0.tgz":             "/@acme/toy/-/toy-1.0.0.tgz",
		"https://r/x/@evil/toy/-/@evil/toy-1.0.0.tgz": "/@acme/toy/-/toy-1.0.0.tgz",
		"https://r/x/@acme/toy/-/@acme/toy-2.0.0.tgz": "/@acme/toy/-/toy-1.0.0.tgz",
		"@acme/toy-1.0.0.tgz":                         "/@acme/toy/-/toy-1.0.0.tgz",
	} {
		body := `{"versions":{"1.0.0":{"dist":{"tarball":"` + link + `"}}},"dist-tags":{"latest":"1.0.0"}}`
		h := gated(toyLicenses(t, pkg), false, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.Contains(r.URL.Path, "/-/") {
				w.Write([]byte(r.URL.Path))
				return
			}
			w.Write([]byte(body))
		}))
		tarball := decode(t, get(h, "/@acme%2ftoy", "BELOW-2").Body.Bytes()).Versions["1.0.0"].Dist.Tarball
		require.Equal(t, "http://packages.example"+want, tarball, link)
		require.Equal(t, want, get(h, want, "BELOW-2").Body.String())
	}
}

func TestSearchFindsWhatTheLicenseOpens(t *testing.T) {
	t.Parallel()
	found := func(objects string) string { return `{"objects":[` + objects + `],"total":9,"time":"now"}` }
	object := func(name, version string) string {
		return `{"package":{"name":"` + name + `","version":"` + version + `","links":{}},"score":{"final":1}}`
	}
	const bare = `{"package":{"name":"toy"}}` // as Verdaccio has it
	h := gated(toyLicenses(t, "toy"), false, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		require.Equal(t, "text=toy&size=20", r.URL.RawQuery)
		w.Write([]byte(found(object("other", "1.0.0") + "," + object("toy", "1.9.0") + "," + object("toy", "2.1.0") + `,` + bare + `,{}`)))
	}))
	for key, want := range map[string]string{
		"UNLIMITED": `{"objects":[` + object("toy", "1.9.0") + "," + object("toy", "2.1.0") + "," + bare + `],"total":3,"time":"now"}`,
		"BELOW-2":   `{"objects":[` + object("toy", "1.9.0") + "," + bare + `],"total":2,"time":"now"}`,
		"EXPIRED":   `{"objects":[],"total":0,"time":"now"}`,
		"SUSPENDED": `{"objects":[],"total":0,"time":"now"}`,
		"FOREIGN":   `{"objects":[],"total":0,"time":"now"}`,
	} {
		w := get(h, "/-/v1/search?text=toy&size=20", key)
		require.Equal(t, http.StatusOK, w.Code)
		require.Equal(t, want, w.Body.String(), key)
	}
	require.Equal(t, http.StatusUnauthorized, get(h, "/-/v1/search", "").Code)

	for _, body := range []string{
		``, `[]`, `{}`, `{"objects":{}}`, found(`1`), found(`{"package":1}`), found(`{"package":{"name":1}}`), `{"objects":[],"objects":[` + object("toy", "2.1.0") + `]}`,
		found(`{"package":{"name":"toy","version":"1.0.0","version":"2.1.0"}}`), found(`{"package":{},"package":{"name":"toy","version":"2.1.0"}}`), found("") + "x",
	} {
		_, err := rewrite("search", body, below(2))
		require.Error(t, err, body)
	}
	got, err := rewrite("search", found(`{"package":{"name":"toy","version":"1.0"}},{"package":{"name":"toy","version":"1.0.0"}}`), below(2))
	require.NoError(t, err)
	require.Equal(t, `{"objects":[{"package":{"name":"toy","version":"1.0.0"}}],"total":1,"time":"now"}`, got)
}

func TestWhatNoClientWouldInstallIsNotOfferedUnderAnyLicense(t *testing.T) {
	t.Parallel()
	all := filter(func(string, time.Time) bool { return true })
	got, err := rewrite("packument", `{"versions":{"1.0":{},"v1.0.0":{},"1.0.0":{},"../x":{}},"dist-tags":{"latest":"1.0.0","x":"1.0"}}`, all)
	require.NoError(t, err)
	require.Equal(t, `{"versions":{"1.0.0":{}},"dist-tags":{"latest":"1.0.0"}}`, got)
}

func TestNewestPrereleaseIsLatestWhereThereIsNoRelease(t *testing.T) {
	t.Parallel()
	all := filter(func(v string, _ time.Time) bool { return v != "1.0.0" })
	got, err := rewrite("packument", `{"versions":{"1.0.0":{},"1.0.0-b.2":{},"1.0.0-b.10":{},"1.0.0-a":{}},"dist-tags":{"latest":"1.0.0"}}`, all)
	require.NoError(t, err)
	require.Contains(t, got, `"dist-tags":{"latest":"1.0.0-b.10"}`)
}

func TestPackumentWithoutAnAllowedVersionIsADenial(t *testing.T) {
	t.Parallel()
	_, err := rewrite("packument", `{"versions":{"2.0.0":{},"2.1.0":{}},"dist-tags":{"latest":"2.1.0"}}`, below(2))
	require.ErrorIs(t, err, gate.ErrNoneAllowed)
	_, err = rewrite("manifest", `{"name":"toy","version":"2.1.0"}`, below(2))
	require.ErrorIs(t, err, gate.ErrNoneAllowed)
	for _, form := range []string{"latest", "dist-tags"} {
		_, err = rewrite(form, `{"versions":{"2.0.0":{}},"dist-tags":{"latest":"2.0.0"}}`, below(2))
		require.ErrorIs(t, err, gate.ErrNoneAllowed)
		_, err = rewrite(form, `{"version":"1.0.0"}`, below(2))
		require.Error(t, err)
		require.NotErrorIs(t, err, gate.ErrNoneAllowed)
	}
}

func TestWhatIsNoPackumentIsRefused(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"empty":                     ``,
		"not JSON":                  `<html>2.0.0</html>`,
		"an array":                  `[]`,
		"a byte order mark":         "\ufeff" + `{"versions":{"1.0.0":{}}}`,
		"UTF-16":                    "{\x00\"\x00v\x00",
		"null":                      `null`,
		"an error":                  `{"error":"not found"}`,
		"cut off":                   `{"versions":{"1.0.0":{}},"dist-tags":{"latest":"1.0.0"}`,
		"more behind":               `{"versions":{"1.0.0":{}}}{"versions":{"2.0.0":{}}}`,
		"a comma too many":          `{"versions":{"1.0.0":{},}}`,
		"single quotes":             `{'versions':{"1.0.0":{}}}`,
		"a bad escape":              `{"versions":{"1.0.0":{}},"x":"\q"}`,
		"a control character":       "{\"versions\":{\"1.0.0\":{}},\"x\":\"\n\"}",
		"a bad number":              `{"versions":{"1.0.0":{"x":01}}}`,
		"a bad literal":             `{"versions":{"1.0.0":{"x":nul}}}`,
		"brackets that cross":       `{"versions":{"1.0.0":{"x":[}]}}`,
		"two versions":              `{"versions":{"1.0.0":{}},"versions":{"2.0.0":{}}}`,
		"two versions, one escaped": `{"versions":{"1.0.0":{}},"versi\u006fns":{"2.0.0":{}}}`,
		"one version twice":         `{"versions":{"1.0.0":{},"1.0.\u0030":{}}}`,
		"two dist-tags":             `{"versions":{"1.0.0":{}},"dist-tags":{},"dist-tags":{"latest":"2.0.0"}}`,
		"one tag twice":             `{"versions":{"1.0.0":{}},"dist-tags":{"latest":"1.0.0","latest":"2.0.0"}}`,
		"two dists":                 `{"versions":{"1.0.0":{"dist":{},"dist":{"tarball":"https://evil"}}}}`,
		"two tarballs":              `{"versions":{"1.0.0":{"dist":{"tarball":"a","tarball":"https://evil"}}}}`,
		"a tarball that is no text": `{"versions":{"1.0.0":{"dist":{"tarball":["https://evil"]}}}}`,
		"a version that is text":    `{"versions":{"1.0.0":"x"}}`,
		"versions in an array":      `{"versions":[{"1.0.0":{}}]}`,
		"tags in an array":          `{"versions":{"1.0.0":{}},"dist-tags":["latest"]}`,
		"a tag that is a number":    `{"versions":{"1.0.0":{}},"dist-tags":{"latest":1}}`,
		"nested without end":        `{"versions":{"1.0.0":{}},"x":` + strings.Repeat("[", 100000),
		"nested too deep":           `{"versions":{"1.0.0":{}},"x":` + strings.Repeat("[", 600) + strings.Repeat("]", 600) + `}`,
	} {
		_, err := rewrite("packument", body, below(2))
		require.Error(t, err, name)
		require.NotErrorIs(t, err, gate.ErrNoneAllowed, name)
		h := gated(toyLicenses(t, "toy"), false, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte(body)) }))
		w := get(h, "/toy", "BELOW-2")
		require.Equal(t, http.StatusBadGateway, w.Code, name)
		require.NotContains(t, w.Body.String(), "2.0.0", name)
	}
	for _, body := range []string{`{"version":"2.0.0","version":"1.0.0"}`, `{"version":"1.0.0"}x`, `{}`, `{"version":1}`, `{"version":"1.0"}`} {
		_, err := rewrite("manifest", body, below(2))
		require.Error(t, err, body)
	}
}

func TestTimesOfReleasesReachTheDecision(t *testing.T) {
	t.Parallel()
	const body = `{"time":{"created":"2020-01-01T00:00:00.000Z","1.0.0":"2022-03-04T05:06:07.089Z","1.2.0":"yesterday","unpublished":{"time":"2021-01-01T00:00:00Z"},` +
		`"1.3.0":"2022-01-01T00:00:00Z","1.3.0":"2024-01-01T00:00:00Z"},"versions":{"1.0.0":{},"1.1.0":{},"1.2.0":{},"1.3.0":{}}}`
	asked := map[string]time.Time{}
	_, err := rewrite("packument", body, filter(func(v string, at time.Time) bool {
		asked[v] = at
		return true
	}))
	require.NoError(t, err)
	require.Equal(t, map[string]time.Time{
		"1.0.0": time.Date(2022, 3, 4, 5, 6, 7, 89e6, time.UTC),
		"1.1.0": {},
		"1.2.0": {},
		"1.3.0": time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC), // the later one denies more
	}, asked)
}

// drawVersion draws versions that lie close together, so that ranges cut between them.
func drawVersion(t *rapid.T) string {
	number := rapid.IntRange(0, 3)
	v := fmt.Sprintf("%d.%d.%d", number.Draw(t, "major"), number.Draw(t, "minor"), number.Draw(t, "patch"))
	return v + rapid.SampledFrom([]string{"", "", "", "-alpha", "-beta.1", "-beta.10", "-0", "+build.5", "-rc.1+x"}).Draw(t, "suffix")
}

func drawConstraint(t *rapid.T) license.Constraint {
	switch rapid.IntRange(0, 4).Draw(t, "constraint") {
	case 0:
		return license.NoConstraint()
	case 1:
		return license.DateConstraint(gatetest.Now.Add(time.Duration(rapid.IntRange(-1000, 1000).Draw(t, "hours")) * time.Hour))
	default:
		operator := rapid.SampledFrom([]string{"<", "<=", ">", ">=", "=", "!=", "^", "~"})
		rng := operator.Draw(t, "operator") + drawVersion(t)
		if rapid.Bool().Draw(t, "two") {
			rng += rapid.SampledFrom([]string{" ", " || "}).Draw(t, "joined by") + operator.Draw(t, "operator") + drawVersion(t)
		}
		c, err := license.VersionConstraint(rng)
		if err != nil {
			t.Skip(err)
		}
		return c
	}
}

// The one promise: what a listing offers is what is served, whatever the license and the
// versions.
func TestVersionIsOfferedIfAndOnlyIfItsTarballIsServed(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		pkg := rapid.SampledFrom([]string{"toy", "@acme/toy"}).Draw(t, "package")
		list := rapid.SliceOfNDistinct(rapid.Custom(drawVersion), 1, 12, rapid.ID[string]).Draw(t, "versions")
		full, times := map[string]any{}, map[string]string{}
		for _, v := range list {
			full[v] = map[string]any{"name": pkg, "version": v, "dist": map[string]string{"tarball": "https://registry.invalid" + tarballPath(pkg, "toy", v)}}
			if rapid.IntRange(0, 4).Draw(t, "has a time") > 0 {
				times[v] = gatetest.Now.Add(time.Duration(rapid.IntRange(-1500, 1000).Draw(t, "released")) * time.Hour).Format(time.RFC3339)
			}
		}
		tags := map[string]string{"latest": rapid.SampledFrom(list).Draw(t, "latest"), "next": rapid.SampledFrom(list).Draw(t, "next")}
		registry := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.Contains(r.URL.Path, "/-/") {
				w.Write([]byte("the tarball"))
				return
			}
			if number := strings.TrimPrefix(strings.TrimPrefix(r.URL.Path, "/"+pkg), "/"); number != "" {
				json.NewEncoder(w).Encode(full[number])
				return
			}
			doc := map[string]any{"name": pkg, "versions": full, "dist-tags": tags}
			if !strings.Contains(r.Header.Get("Accept"), "install-v1") {
				doc["time"] = times
			}
			json.NewEncoder(w).Encode(doc)
		})
		l := new(gatetest.Licenses)
		l.Add("KEY", drawConstraint(t), rapid.SampledFrom([]string{pkg, pkg, pkg, "other"}).Draw(t, "licensed")).
			Suspended = rapid.IntRange(0, 9).Draw(t, "suspended") == 0
		h := gated(l, rapid.Bool().Draw(t, "fallback"), registry)
		accept := rapid.SampledFrom([]string{"application/json", "application/vnd.npm.install-v1+json"}).Draw(t, "accept")

		listing := get(h, "/"+pkg, "KEY", "Accept", accept)
		offered := document{}
		if listing.Code == http.StatusOK {
			offered = decode(t, listing.Body.Bytes())
			require.NotEmpty(t, offered.Versions)
			require.Contains(t, offered.Versions, offered.DistTags["latest"], "latest is there")
			for _, v := range offered.DistTags {
				require.Contains(t, offered.Versions, v)
			}
		}
		for _, v := range list {
			_, shown := offered.Versions[v]
			path := strings.ReplaceAll(tarballPath(pkg, "toy", v), "+", "%2B")
			served := get(h, path, "KEY").Code == http.StatusOK
			require.Equal(t, shown, served, "%s: offered %v, served %v", v, shown, served)
			for _, route := range []string{"/" + pkg + "/" + v, "/-/npm/v1/attestations/" + pkg + "@" + v} {
				require.Equal(t, served, get(h, strings.ReplaceAll(route, "+", "%2B"), "KEY").Code == http.StatusOK, route)
			}
		}
		answered := get(h, "/-/package/"+pkg+"/dist-tags", "KEY")
		require.Equal(t, listing.Code, answered.Code)
		if answered.Code == http.StatusOK {
			shown := map[string]string{}
			require.NoError(t, json.Unmarshal(answered.Body.Bytes(), &shown))
			require.Equal(t, offered.DistTags, shown)
			require.Contains(t, get(h, "/"+pkg+"/latest", "KEY").Body.String(), `"version":"`+shown["latest"]+`"`)
		}
	})
}

// FuzzRewrite: no panic, and of what comes out a client reads no version that is denied, no
// tag of one, and no tarball elsewhere.
func FuzzRewrite(f *testing.F) {
	for _, seed := range []string{
		`{"name":"toy","dist-tags":{"latest":"2.1.0"},"versions":{"1.0.0":{"dist":{"tarball":"https://r/toy/-/toy-1.0.0.tgz"}},"2.1.0":{}},"time":{"1.0.0":"2022-01-01T00:00:00Z"}}`,
		`{"versions":{"1.0.0":{},"2.0.0-beta.1":{}},"versions":{"2.0.0":{}}}`,
		`{"versi\u006fns":{"2.0.\u0030":{},"1.0.0":{}},"_attachments":{"x":[1,2.5e3,true,null,"\ud800"]}}`,
		`{"version":"1.0.0","dist":{"tarball":"x"}}`, `{"objects":[{"package":{"name":"toy","version":"2.1.0"}},{"package":{"version":"1.0.0"}}],"total":2}`, `{"latest":"1.0.0","next":"2.0.0"}`, ` { "versions" : { } } `, `[]`, `{"a":"\`,
	} {
		for form := range uint8(5) {
			f.Add(form, []byte(seed))
		}
	}
	may := below(2)
	f.Fuzz(func(t *testing.T, form uint8, body []byte) {
		name := []string{"packument", "manifest", "dist-tags", "search", "latest"}[form%5]
		before := bytes.Clone(body)
		out, err := rewrite(name, string(body), may)
		require.Equal(t, before, body)
		if err != nil {
			return
		}
		require.True(t, json.Valid([]byte(out)), out)
		switch name {
		case "packument":
			// Members whose names differ in case only are others to every client, though
			// not to encoding/json.
			var root map[string]json.RawMessage
			require.NoError(t, json.Unmarshal([]byte(out), &root))
			var numbers map[string]map[string]json.RawMessage
			require.NoError(t, json.Unmarshal(root["versions"], &numbers))
			for v, m := range numbers {
				require.True(t, may.Allows(v, time.Time{}), v)
				var dist map[string]json.RawMessage
				if json.Unmarshal(m["dist"], &dist) == nil && dist["tarball"] != nil {
					require.Contains(t, string(dist["tarball"]), `"https://g/toy/-/toy-`+v+`.tgz"`)
				}
			}
			var tags map[string]string
			require.NoError(t, json.Unmarshal(root["dist-tags"], &tags))
			for _, v := range tags {
				require.Contains(t, numbers, v)
			}
			require.NotContains(t, root, "stagedVersions")
			if root["policyRestrictions"] != nil {
				require.NotEmpty(t, restrictions.FindString(out), "nothing but numbers")
			}
		case "manifest", "latest":
			var root map[string]json.RawMessage
			require.NoError(t, json.Unmarshal([]byte(out), &root))
			var v string
			if root["version"] != nil || name == "manifest" {
				require.NoError(t, json.Unmarshal(root["version"], &v))
				require.True(t, may.Allows(v, time.Time{}), v)
			}
		case "dist-tags":
			var tags map[string]string
			require.NoError(t, json.Unmarshal([]byte(out), &tags))
			for _, v := range tags {
				require.True(t, may.Allows(v, time.Time{}), v)
			}
		case "search":
			var root map[string]json.RawMessage
			var objects []map[string]json.RawMessage
			require.NoError(t, json.Unmarshal([]byte(out), &root))
			require.NoError(t, json.Unmarshal(root["objects"], &objects))
			for _, o := range objects {
				var pkg map[string]json.RawMessage
				var v string
				require.NoError(t, json.Unmarshal(o["package"], &pkg))
				require.JSONEq(t, `"toy"`, string(pkg["name"]))
				if pkg["version"] != nil {
					require.NoError(t, json.Unmarshal(pkg["version"], &v))
					require.True(t, may.Allows(v, time.Time{}), v)
				}
			}
		}
	})
}
