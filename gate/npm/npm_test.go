package npm_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/privatepkgs/license"
	"github.com/privatepkgs/license/gate"
	"github.com/privatepkgs/license/gate/npm"
	"github.com/privatepkgs/license/internal/gatetest"
)

func TestParse(t *testing.T) {
	t.Parallel()
	listing := func(pkg string) gate.Resource { return gate.Resource{Kind: gate.Listing, Package: pkg} }
	artifact := func(pkg, version string) gate.Resource {
		return gate.Resource{Kind: gate.Artifact, Package: pkg, Version: version}
	}
	service, unknown := gate.Resource{Kind: gate.Service}, gate.Resource{}
	for request, want := range map[string]gate.Resource{
		"GET /toy":                                     listing("toy"),
		"HEAD /toy":                                    listing("toy"),
		"GET /@acme%2ftoy":                             listing("@acme/toy"),
		"GET /@acme%2Ftoy":                             listing("@acme/toy"),
		"GET /@acme/toy":                               listing("@acme/toy"),
		"GET /%40acme%2ftoy":                           listing("@acme/toy"),
		"GET /toy/latest":                              listing("toy"),
		"GET /toy/2.1.0":                               listing("toy"),
		"GET /@acme/toy/2.1.0":                         listing("@acme/toy"),
		"GET /@acme%2ftoy/next":                        listing("@acme/toy"),
		"GET /-/package/toy/dist-tags":                 listing("toy"),
		"GET /-/package/@acme%2ftoy/dist-tags":         listing("@acme/toy"),
		"GET /JSONStream":                              listing("JSONStream"),
		"GET /toy/-/toy-1.9.0.tgz":                     artifact("toy", "1.9.0"),
		"GET /toy/-/toy-2.0.0-beta.1.tgz":              artifact("toy", "2.0.0-beta.1"),
		"GET /toy/-/toy-1.9.0%2Bbuild.tgz":             artifact("toy", "1.9.0+build"),
		"GET /a-1/-/a-1-2.0.0.tgz":                     artifact("a-1", "2.0.0"),
		"GET /@acme/toy/-/toy-1.9.0.tgz":               artifact("@acme/toy", "1.9.0"),
		"GET /@acme%2ftoy/-/toy-1.9.0.tgz":             artifact("@acme/toy", "1.9.0"),
		"GET /@acme%2ftoy/-/@acme/toy-1.9.0.tgz":       artifact("@acme/toy", "1.9.0"),
		"GET /@acme/toy/-/@acme%2ftoy-1.9.0.tgz":       artifact("@acme/toy", "1.9.0"),
		"GET /-/npm/v1/attestations/toy@1.9.0":         artifact("toy", "1.9.0"),
		"GET /-/npm/v1/attestations/@acme%2ftoy@1.9.0": artifact("@acme/toy", "1.9.0"),

		"GET /npm":           service,
		"GET /pnpm":          service,
		"GET /-/ping":        service,
		"GET /-/whoami":      service,
		"GET /-/v1/search":   service,
		"GET /-/npm/v1/keys": service,
		"POST /-/npm/v1/security/advisories/bulk": service,
		"POST /-/npm/v1/security/audits":          service,
		"POST /-/npm/v1/security/audits/quick":    service,

		"GET /":                                unknown,
		"GET /-":                               unknown,
		"GET /-/":                              unknown,
		"GET /-/all":                           unknown,
		"GET /-/user/org.couchdb.user:me":      unknown,
		"GET /-/npm/v1/tokens":                 unknown,
		"POST /-/ping":                         unknown,
		"PUT /toy":                             unknown,
		"DELETE /toy/-/toy-1.9.0.tgz":          unknown,
		"PUT /-/package/toy/dist-tags":         unknown,
		"GET /-/package/toy/dist-tags/latest":  unknown,
		"GET /@acme":                           unknown,
		"GET /@acme/":                          unknown,
		"GET /@/toy":                           unknown,
		"GET /.toy":                            unknown,
		"GET /_all_docs":                       unknown,
		"GET /toy/":                            unknown,
		"GET /toy/-/":                          unknown,
		"GET /toy/-":                           unknown,
		"GET /toy@2.1.0":                       unknown,
		"GET /@acme/toy@2.1.0":                 unknown,
		"GET /to y":                            unknown,
		"GET /tøy":                             unknown,
		"GET /toy/-/toy-1.9.0.tgz/x":           unknown,
		"GET /toy/-/other-1.9.0.tgz":           unknown,
		"GET /toy/-/toy-1.9.tgz":               unknown,
		"GET /toy/-/toy-v1.9.0.tgz":            unknown,
		"GET /toy/-/toy-1.9.0.tar.gz":          unknown,
		"GET /toy/-/toy-01.9.0.tgz":            unknown,
		"GET /toy/-/toy-.tgz":                  unknown,
		"GET /toy/-/@acme/toy-1.9.0.tgz":       unknown,
		"GET /@acme/toy/-/@evil/toy-1.9.0.tgz": unknown,
		"GET /toy/-rev/1-abc":                  unknown,
		"GET /-/npm/v1/attestations/toy":       unknown,
		"GET /-/npm/v1/attestations/toy@next":  unknown,
	} {
		method, path, _ := strings.Cut(request, " ")
		r := httptest.NewRequest(method, strings.ReplaceAll(path, " ", "%20"), nil)
		got := npm.Adapter{}.Parse(r)
		require.Equal(t, want, gate.Resource{Kind: got.Kind, Package: got.Package, Version: got.Version}, request)
	}
}

// Whatever is recognised can be written back as the path that it was.
func FuzzParse(f *testing.F) {
	for _, path := range []string{
		"/toy", "/@acme/toy", "/@acme/toy/2.1.0", "/toy/latest", "/toy/next", "/@acme/toy/-/toy-2.0.0-beta.1+b.tgz", "/@acme/toy/-/@acme/toy-1.9.0.tgz", "/-/v1/search",
		"/-/npm/v1/attestations/@acme/toy@1.9.0", "/-/package/@acme/toy/dist-tags", "/-/npm/v1/security/audits", "/npm", "/", "", "/toy/-/toy-1.9.0.tgz/x",
	} {
		f.Add(path, false)
		f.Add(path, true)
	}
	f.Fuzz(func(t *testing.T, path string, post bool) {
		method := http.MethodGet
		if post {
			method = http.MethodPost
		}
		a := npm.Adapter{}
		res := a.Parse(&http.Request{Method: method, URL: &url.URL{Path: path}})
		a.Source(res)
		a.Deny(&http.Request{}, res, gate.Denial{})
		if res.Kind == gate.Unknown {
			return
		}
		require.Equal(t, post, res.Kind == gate.Service && strings.HasPrefix(path, "/-/npm/v1/security/"))
		bare := res.Package[strings.IndexByte(res.Package, '/')+1:]
		asked, err := url.PathUnescape(res.Path)
		require.NoError(t, err)
		switch file := "/" + res.Package + "/-/" + bare + "-" + res.Version + ".tgz"; {
		case res.Kind == gate.Service:
			require.Empty(t, res.Package+res.Version)
		case res.Kind == gate.Artifact && res.Path == "":
			scoped := "/" + res.Package + "/-/" + res.Package + "-" + res.Version + ".tgz"
			require.Contains(t, []string{file, scoped}, path)
		case res.Kind == gate.Artifact:
			require.Equal(t, "/-/npm/v1/attestations/"+res.Package+"@"+res.Version, path)
			require.Equal(t, path, asked)
		case res.Form == "manifest":
			require.Equal(t, path, asked)
			require.True(t, strings.HasPrefix(path, "/"+res.Package+"/"))
		default:
			require.Equal(t, "/"+res.Package, asked)
			require.Contains(t, []string{asked, asked + "/latest", "/-/package" + asked + "/dist-tags"}, path)
		}
	})
}

// The best answers of the registry clients to each reason of a denial.
func TestDenialsAreWhatNpmShows(t *testing.T) {
	t.Parallel()
	l := toyLicenses(t, "toy")
	h := gated(l, false, toy(t, "toy"))
	const at = ": https://acme.example/renew"
	for _, c := range []struct {
		why, key, path string
		status         int
		message        string
	}{
		{"no key", "", "/toy", 401, "This registry needs a license key, and the request carries none. Set the key for this registry in the configuration of your client, or get one" + at},
		{"no key", "", "/toy/-/toy-1.9.0.tgz", 401, "This registry needs"},
		{"unknown key", "WRONG", "/toy", 401, "No license has the key"},
		{"unknown key", "WRONG", "/toy/-/toy-1.9.0.tgz", 401, "No license has the key"},
		{"unknown key", "WRONG", "/-/ping", 401, "No license has the key"},
		{"suspended", "SUSPENDED", "/toy", 402, "Your license is suspended. Ask the seller to restore it" + at},
		{"suspended", "SUSPENDED", "/toy/-/toy-1.9.0.tgz", 402, "Your license is suspended."},
		{"expired", "EXPIRED", "/toy", 402, "Your license for toy expired on 1 June 2023. Renew it" + at},
		{"expired", "EXPIRED", "/toy/-/toy-1.9.0.tgz", 402, "Your license for toy expired"},
		{"package not covered", "FOREIGN", "/toy", 403, "Your license does not cover toy. Add it" + at},
		{"package not covered", "FOREIGN", "/toy/-/toy-1.9.0.tgz", 403, "Your license does not cover toy."},
		{"version not allowed", "BELOW-2", "/toy/-/toy-2.1.0.tgz", 403, "Your license for toy covers versions <2.0.0; 2.1.0 needs an upgrade" + at},
		{"version not allowed", "BELOW-2", "/toy/-/toy-2.0.0-beta.1.tgz", 403, "Your license for toy covers versions <2.0.0; 2.0.0-beta.1 needs an upgrade" + at},
		{"version not allowed", "BELOW-2", "/toy/2.1.0", 403, "Your license for toy covers versions <2.0.0; 2.1.0 needs an upgrade" + at},
		{"version not allowed", "BELOW-2", "/toy/next", 403, "Your license for toy covers versions <2.0.0; 2.0.0-beta.1 needs an upgrade" + at},
		{"no version allowed", "BELOW-1", "/toy", 403, "Your license for toy covers versions <1.0.0; 2.1.0 needs an upgrade" + at},
		{"no version allowed", "BELOW-1", "/toy/latest", 403, "Your license for toy covers versions <1.0.0;"},
		{"no version allowed", "BELOW-1", "/-/package/toy/dist-tags", 403, "Your license for toy covers versions <1.0.0;"},
		{"not recognised", "UNLIMITED", "/-/all", 403, "There is nothing to install at this address. Check the URL of the registry; to publish a package, publish to the registry itself."},
	} {
		w := get(h, c.path, c.key)
		require.Equal(t, c.status, w.Code, "%s: %s", c.why, c.path)
		require.Equal(t, "application/json", w.Header().Get("Content-Type"))
		require.Empty(t, w.Header().Get("WWW-Authenticate"), "npm hides the body behind it")
		var body map[string]string
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &body))
		require.Len(t, body, 1)
		require.True(t, strings.HasPrefix(body["error"], c.message), body["error"])
	}
}

func TestPnpmIsNotMadeToAskForATarballAgain(t *testing.T) {
	t.Parallel()
	h := gated(toyLicenses(t, "toy"), false, toy(t, "toy"))
	const pnpm = "pnpm/12.21.0 npm/? node/? linux x64"
	require.Equal(t, http.StatusForbidden, get(h, "/toy/-/toy-1.9.0.tgz", "EXPIRED", "User-Agent", pnpm).Code)
	require.Equal(t, http.StatusPaymentRequired, get(h, "/toy", "EXPIRED", "User-Agent", pnpm).Code)
}

func TestServicesAreThereForEveryLicense(t *testing.T) {
	t.Parallel()
	h := gated(toyLicenses(t, "toy"), false, toy(t, "toy"))
	for _, key := range []string{"UNLIMITED", "EXPIRED", "SUSPENDED", "FOREIGN"} {
		require.Equal(t, http.StatusOK, get(h, "/-/ping", key).Code, key)
	}
	r := httptest.NewRequest(http.MethodPost, "/-/npm/v1/security/advisories/bulk", strings.NewReader("{}"))
	r.Header.Set("Authorization", "Bearer BELOW-2")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	require.Equal(t, http.StatusOK, w.Code)
}

func TestBothFormsOfAPackumentAreFiltered(t *testing.T) {
	t.Parallel()
	for _, pkg := range []string{"toy", "@acme/toy"} {
		h := gated(toyLicenses(t, pkg), false, toy(t, pkg))
		for _, accept := range []string{"", "application/json", "application/vnd.npm.install-v1+json; q=1.0, application/json; q=0.8, */*"} {
			w := get(h, "/"+pkg, "BELOW-2", "Accept", accept)
			doc := decode(t, w.Body.Bytes())
			require.ElementsMatch(t, []string{"1.0.0", "1.9.0"}, doc.numbers())
			require.Equal(t, map[string]string{"latest": "1.9.0"}, doc.DistTags)
			require.Equal(t, "http://packages.example"+tarballPath(pkg, "toy", "1.9.0"), doc.Versions["1.9.0"].Dist.Tarball)
			require.Equal(t, http.StatusOK, get(h, strings.TrimPrefix(doc.Versions["1.9.0"].Dist.Tarball, "http://packages.example"), "BELOW-2").Code)
			if strings.HasPrefix(accept, "application/vnd") {
				require.Contains(t, w.Header().Get("Content-Type"), "install-v1")
			} else {
				require.Len(t, doc.Time, 4, "time is kept whole")
			}
		}
	}
}

// Npm shows this to a person who asks for one of these versions by number.
func TestPackumentHasTheSellersSentenceAboutWhatIsMissing(t *testing.T) {
	t.Parallel()
	const at = " https://acme.example/renew"
	for key, want := range map[string]string{
		"BELOW-2":   "Your license for toy covers versions <2.0.0; 2.1.0 needs an upgrade:" + at,
		"EXPIRED":   "Your license for toy expired on 1 June 2023. Renew it:" + at,
		"UNLIMITED": "",
	} {
		var doc struct {
			PolicyRestrictions struct {
				Message  string
				Versions map[string]map[string]string
			}
		}
		h := gated(toyLicenses(t, "toy"), true, toy(t, "toy"))
		require.NoError(t, json.Unmarshal(get(h, "/toy", key).Body.Bytes(), &doc))
		require.Equal(t, want, doc.PolicyRestrictions.Message, key)
		if want != "" {
			require.Equal(t, map[string]map[string]string{
				"2.0.0-beta.1": {"version": "2.0.0-beta.1"}, "2.1.0": {"version": "2.1.0"},
			}, doc.PolicyRestrictions.Versions, key)
		}
	}
}

func TestSingleManifestPointsToTheGate(t *testing.T) {
	t.Parallel()
	h := gated(toyLicenses(t, "@acme/toy"), false, toy(t, "@acme/toy"))
	w := get(h, "/@acme%2ftoy/1.9.0", "BELOW-2")
	require.Equal(t, http.StatusOK, w.Code)
	require.Contains(t, w.Body.String(), `"http://packages.example/@acme/toy/-/toy-1.9.0.tgz"`)
}

// Pnpm 12 asks for the latest alone.
func TestLatestIsTheNewestAllowedWhicheverWayItIsAskedFor(t *testing.T) {
	t.Parallel()
	for _, pkg := range []string{"toy", "@acme/toy"} {
		h := gated(toyLicenses(t, pkg), false, toy(t, pkg))
		tags := "/-/package/" + strings.Replace(pkg, "/", "%2f", 1) + "/dist-tags"
		require.JSONEq(t, `{"latest":"2.1.0","next":"2.0.0-beta.1"}`, get(h, tags, "UNLIMITED").Body.String())
		require.JSONEq(t, `{"latest":"1.9.0"}`, get(h, tags, "BELOW-2").Body.String())
		for key, want := range map[string]string{"UNLIMITED": "2.1.0", "BELOW-2": "1.9.0"} {
			w := get(h, "/"+strings.Replace(pkg, "/", "%2F", 1)+"/latest", key, "Accept", "application/vnd.npm.install-v1+json; q=1.0, application/json; q=0.8, */*")
			require.Equal(t, http.StatusOK, w.Code)
			var manifest struct {
				Version string
				Dist    struct{ Tarball, Integrity string }
			}
			require.NoError(t, json.Unmarshal(w.Body.Bytes(), &manifest))
			require.Equal(t, want, manifest.Version)
			require.Equal(t, "http://packages.example"+tarballPath(pkg, "toy", want), manifest.Dist.Tarball)
			require.NotEmpty(t, manifest.Dist.Integrity)
		}
	}
}

func TestExpiredLicenseKeepsWhatWasReleasedBefore(t *testing.T) {
	t.Parallel()
	const pkg = "@acme/toy"
	h := gated(toyLicenses(t, pkg), true, toy(t, pkg))
	for _, accept := range []string{"application/json", "application/vnd.npm.install-v1+json"} {
		doc := decode(t, get(h, "/"+pkg, "EXPIRED", "Accept", accept).Body.Bytes())
		require.ElementsMatch(t, []string{"1.0.0", "1.9.0"}, doc.numbers(), "also when the client asks for the short form, which has no times")
		require.Equal(t, map[string]string{"latest": "1.9.0"}, doc.DistTags)
	}
	for version, status := range map[string]int{"1.0.0": 200, "1.9.0": 200, "2.0.0-beta.1": 402, "2.1.0": 402, "7.7.7": 402} {
		require.Equal(t, status, get(h, tarballPath(pkg, "toy", version), "EXPIRED").Code, version)
	}
	require.Equal(t, http.StatusOK, get(h, "/@acme%2ftoy/1.9.0", "EXPIRED").Code)
	require.Equal(t, http.StatusPaymentRequired, get(h, "/@acme%2ftoy/2.1.0", "EXPIRED").Code)
	require.Contains(t, get(h, "/@acme%2ftoy/latest", "EXPIRED").Body.String(), `"version":"1.9.0"`)
	require.JSONEq(t, `{"latest":"1.9.0"}`, get(h, "/-/package/@acme%2ftoy/dist-tags", "EXPIRED").Body.String())

	off := gated(toyLicenses(t, pkg), false, toy(t, pkg))
	require.Equal(t, http.StatusPaymentRequired, get(off, tarballPath(pkg, "toy", "1.9.0"), "EXPIRED").Code, "off by default")
}

func TestNamesCanBeSoldApartFromOtherEcosystems(t *testing.T) {
	t.Parallel()
	l := toyLicenses(t, "npm:toy")
	h := gate.New(gatetest.Checker(l, false), npm.Adapter{}, gate.Options{
		PackageName: func(ecosystem, pkg string) string { return ecosystem + ":" + pkg },
	})(toy(t, "toy"))
	require.Equal(t, http.StatusOK, get(h, "/toy", "UNLIMITED").Code)
	l.Add("UNLIMITED", license.NoConstraint(), "toy", "pypi:toy")
	require.Equal(t, http.StatusForbidden, get(h, "/toy", "UNLIMITED").Code)
}

// document is a packument as a client reads it.
type document struct {
	DistTags map[string]string `json:"dist-tags"`
	Versions map[string]struct{ Dist struct{ Tarball string } }
	Time     map[string]string
}

func decode(t require.TestingT, body []byte) document {
	var d document
	require.NoError(t, json.Unmarshal(body, &d), string(body))
	return d
}

func (d document) numbers() []string {
	numbers := []string{}
	for n := range d.Versions {
		numbers = append(numbers, n)
	}
	return numbers
}
