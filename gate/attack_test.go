package gate_test

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/privatepkgs/license"
	"github.com/privatepkgs/license/gate"
	"github.com/privatepkgs/license/gate/cargo"
	"github.com/privatepkgs/license/gate/composer"
	"github.com/privatepkgs/license/gate/goproxy"
	"github.com/privatepkgs/license/gate/npm"
	"github.com/privatepkgs/license/gate/pypi"
	"github.com/privatepkgs/license/internal/gatetest"
)

// What a gullible registry hands out, and no customer who has not paid may get.
const (
	paid   = "bytes of 1.9.0"
	unpaid = "bytes of 2.1.0"
)

// A target is an ecosystem to attack.
type target struct {
	adapter gate.Adapter
	pkg     string
	pages   map[string][2]string // Content-Type and body, by path
	dated   bool                 // whether these say when 1.9.0 was released

	// good is a path of an artifact that is paid for, the control; bad are paths that are tried.
	good string
	bad  []string
}

var targets = []target{
	{
		adapter: npm.Adapter{}, pkg: "@acme/toy", good: "/@acme/toy/-/toy-1.9.0.tgz", dated: true,
		pages: map[string][2]string{
			"/@acme/toy": {"application/json", `{"name":"@acme/toy","dist-tags":{"latest":"2.1.0","next":"2.1.0"},
				"versions":{"1.9.0":{"version":"1.9.0","dist":{"shasum":"` + paid + `"}},"2.1.0":{"version":"2.1.0","dist":{"shasum":"` + unpaid + `"}}},
				"_attachments":{"toy-2.1.0.tgz":{"data":"` + unpaid + `"}},"stagedVersions":{"versions":{"2.1.0":{"version":"2.1.0","dist":{"shasum":"` + unpaid + `"}}}},
				"time":{"1.9.0":"2023-01-01T00:00:00Z","2.1.0":"2025-01-01T00:00:00Z"}}`},
			"/@acme/toy/next": {"application/json", `{"version":"2.1.0","dist":{"shasum":"` + unpaid + `"}}`},
		},
		bad: []string{
			"/@acme/toy/-/toy-2.1.0.tgz", "/@acme%2ftoy/-/toy-2.1.0.tgz", "/@acme%252ftoy/-/toy-2.1.0.tgz", "/@acme/toy/-/@acme/toy-2.1.0.tgz",
			"/@acme/toy/-/toy-1.9.0.tgz/../toy-2.1.0.tgz", "/@acme/toy/-/toy-1.9.0.tgz%2f..%2ftoy-2.1.0.tgz", "/@acme/toy/-/toy-1.9.0.tgz%00/toy-2.1.0.tgz",
			"/@acme/toy/-/./toy-2.1.0.tgz", "/@acme/toy/-//toy-2.1.0.tgz", "//@acme/toy/-/toy-2.1.0.tgz", "/@acme/toy/-/toy-2.1.0.tgz/", "/@acme/toy/-/toy-2.1.0.tgz?toy-1.9.0.tgz",
			"/@acme/toy/-/toy-%32.1.0.tgz", "/@acme/toy/-/toy-2.1.0%2etgz", "/@acme/toy/-/toy-1.9.0.tgz?version=2.1.0", "/@acme/toy/-/toy-v2.1.0.tgz", "/@acme/toy/-/toy-02.1.0.tgz",
			"/@ACME/toy/-/toy-2.1.0.tgz", "/@acme/Toy/-/Toy-2.1.0.tgz", "/@acme/toy/2.1.0", "/@acme/toy/next", "/@acme%2ftoy/%32.1.0", "/@acme/toy/latest", "/@acme/toy/=2.1.0", "/@acme/toy/^2",
			"/-/package/@acme%2ftoy/dist-tags", "/@acme/toy", "/@acme%2Ftoy", "/%40acme%2Ftoy", "/-/all", "/-/v1/search?text=toy", "/-/npm/v1/attestations/@acme%2ftoy@2.1.0", "/@acme/toy?write=true",
			"/@acme/toy/-rev/2.1.0", "/_session", "/@acme/toy;2.1.0/-/toy-1.9.0.tgz", "/@acme/toy/-/toy-1.9.0.tgz;/toy-2.1.0.tgz", "/@acme/toy\\-\\toy-2.1.0.tgz", "http://registry.invalid/@acme/toy/-/toy-2.1.0.tgz",
			"/@acme/toy/-/toy-1.9.0-2.1.0.tgz", "/@acme/toy/-/toy-1.9.0+2.1.0/../toy-2.1.0.tgz", "/npm/../@acme/toy/-/toy-2.1.0.tgz", "/npm/-/npm-2.1.0.tgz", "/-/ping/../../@acme/toy/-/toy-2.1.0.tgz",
		},
	}, {
		adapter: goproxy.Adapter{}, pkg: "example.com/toy", good: "/example.com/toy/@v/v1.9.0.zip", dated: true,
		pages: map[string][2]string{
			"/example.com/toy/@v/list":        {"text/plain", "v1.9.0\nv2.1.0+incompatible\n"},
			"/example.com/toy/@latest":        {"application/json", `{"Version":"v2.1.0+incompatible","Origin":"` + unpaid + `"}`},
			"/example.com/toy/@v/main.info":   {"application/json", `{"Version":"v2.1.1-0.20240101000000-abcdefabcdef+incompatible","Origin":"` + unpaid + `"}`},
			"/example.com/toy/@v/v1.9.0.info": {"application/json", `{"Version":"v1.9.0","Time":"2023-01-01T00:00:00Z","Origin":"` + paid + `"}`},
			"/example.com/toy/v2/@v/list":     {"text/plain", "v2.1.0\n"},
		},
		bad: []string{
			"/example.com/toy/@v/v2.1.0+incompatible.zip", "/example.com/toy/@v/v2.1.0%2Bincompatible.zip", "/example.com/toy/@v/v2.1.0+incompatible.info", "/example.com/toy/@latest", "/example.com/toy/@v/main.info",
			"/example.com/toy/v2/@v/v2.1.0.zip", "/example.com/toy/v2/@v/v2.1.0.info", "/example.com/toy/@v/v2.1.0.zip", "/example.com/!toy/@v/v2.1.0+incompatible.zip", "/Example.com/toy/v2/@v/v2.1.0.zip",
			"/example.com/toy/@v/v1.9.0.zip/../v2.1.0.zip", "/example.com/toy/@v/v1.9.0.zip%2f..%2f..%2fv2%2f@v%2fv2.1.0.zip", "/example.com/toy/@v/v1.9.0.mod?v2.1.0", "/example.com/toy/v2/@v/v2.1.0.ZIP", "/example.com/toy/v2/@v/v2.1.0.!zip",
			"/example.com/toy/v2/@v/v2.1.1-0.20240101000000-abcdefabcdef.zip", "/example.com/toy/@v/v2.1.0+incompatible.zip/", "/example.com/toy/v2/@v/v2.1.0.zip?x=.mod", "/example.com/toy/v2/@v/v2.1.0.zip%3f.mod", "/example.com/toy/v2/@v/v2.1.0.zip%23.mod",
			"/sumdb/sum.golang.org/lookup/example.com/toy/v2@v2.1.0", "/sumdb/sum.golang.org/tile/8/0/2.1.0", "/cached-only/example.com/toy/v2/@v/v2.1.0.zip", "/example.com/toy/@v/list", "/example.com/toy/v2/@v/list",
		},
	}, {
		adapter: pypi.Adapter{}, pkg: "toy", good: "/simple/toy/toy-1.9.0.tar.gz",
		pages: map[string][2]string{
			"/simple/toy/": {"application/vnd.pypi.simple.v1+json", `{"name":"toy","versions":["1.9.0","2.1.0"],"files":[
				{"filename":"toy-1.9.0.tar.gz","url":"../../files/toy-1.9.0.tar.gz"},{"filename":"toy-2.1.0.tar.gz","url":"/files/toy-2.1.0.tar.gz"},
				{"filename":"toy-1.9.0-2.1.0-py3-none-any.whl","url":"https://elsewhere/files/toy-2.1.0-py3-none-any.whl"},
				{"filename":"toy-1.9.0.zip","url":"/files/toy-2.1.0.zip"},{"filename":"toy-2.1.0.post1.tar.gz","url":"/files/toy-2.1.0.post1.tar.gz"}]}`},
		},
		bad: []string{
			"/simple/toy/toy-2.1.0.tar.gz", "/simple/TOY/toy-2.1.0.tar.gz", "/simple/toy/TOY-2.1.0.tar.gz", "/simple/toy/toy-2.1.0.tar.gz.metadata", "/simple/toy/toy-2.1.0.tar.gz.asc", "/simple/toy/toy-2.1.0.post1.tar.gz", "/files/toy-2.1.0.tar.gz",
			"/simple/toy/toy-1.9.0-2.1.0-py3-none-any.whl", "/simple/toy/toy-1.9.0.zip", "/simple/toy/../../files/toy-2.1.0.tar.gz", "/simple/toy/toy-1.9.0.tar.gz/../toy-2.1.0.tar.gz", "/simple/toy/%2e%2e/%2e%2e/files/toy-2.1.0.tar.gz",
			"/simple/toy/toy-1.9.0%2f..%2ftoy-2.1.0.tar.gz", "/simple/toy/toy-0!2.1.0.tar.gz", "/simple/toy/toy-2.1.0+local.tar.gz", "/simple/toy/toy-2.1.tar.gz", "/simple/", "/pypi/toy/2.1.0/json", "/pypi/toy/json", "/simple/toy/?format=application/vnd.pypi.simple.v1+json", "/legacy/",
		},
	}, {
		adapter: cargo.Adapter{}, pkg: "toy", good: "/api/v1/crates/toy/1.9.0/download",
		pages: map[string][2]string{
			"/3/t/toy":     {"text/plain", `{"name":"toy","vers":"1.9.0"}` + "\n" + `{"name":"toy","vers":"2.1.0"}` + "\n"},
			"/config.json": {"application/json", `{"dl":"https://elsewhere/` + unpaid + `"}`},
		},
		bad: []string{
			"/api/v1/crates/toy/2.1.0/download", "/api/v1/crates/TOY/2.1.0/download", "/api/v1/crates/toy/2.1.0/download/", "/api/v1/crates/toy/2.1.0/download?1.9.0", "/api/v1/crates/toy/2.1.0%2Fdownload", "/api/v1/crates/toy/1.9.0/../2.1.0/download",
			"/api/v1/crates/toy/1.9.0/%2e%2e/2.1.0/download", "/api/v1/crates/toy/1.9.0%2f..%2f2.1.0/download", "/api/v1/crates/toy/2.1.0+1.9.0/download", "/api/v1/crates/toy/v2.1.0/download", "/api/v1/crates/toy/2.1.0", "/api/v1/crates/toy/2.1.0/readme",
			"/api/v1/crates/toy", "/api/v1/crates?q=toy", "/3/t/toy", "/3/T/TOY", "/config.json", "/toy-2.1.0.crate", "/crates/toy/toy-2.1.0.crate", "/index/3/t/toy", "/api/v1//crates/toy/2.1.0/download",
		},
	}, {
		adapter: composer.Adapter{}, pkg: "acme/toy", good: "/p2/acme/toy.json",
		pages: map[string][2]string{
			"/packages.json": {"application/json", `{"packages":{"acme/toy":{"2.1.0":{"version":"2.1.0","source":"` + unpaid + `"}}},"metadata-url":"/p2/%package%.json","available-packages":["acme/toy"]}`},
			"/p2/acme/toy.json": {"application/json", `{"packages":{"acme/toy":[
				{"name":"acme/toy","version":"2.1.0","description":"` + unpaid + `","dist":{"type":"zip","url":"https://elsewhere/dist/toy-2.1.0.zip","reference":"abc"}},
				{"name":"acme/toy","version":"1.9.0","description":"` + paid + `","dist":{"type":"zip","url":"https://elsewhere/dist/toy-1.9.0.zip","reference":"def"}}]}}`},
			"/p2/acme/toy~dev.json": {"application/json", `{"packages":{"acme/toy":[{"name":"acme/toy","version":"dev-main","description":"` + unpaid + `","dist":{"type":"zip","url":"https://elsewhere/dist/toy-2.1.0.zip","reference":"abc"}}]}}`},
		},
		bad: []string{
			"/p2/acme/toy.json", "/p2/acme/toy~dev.json", "/packages.json", "/p2/ACME/toy.json", "/p2/acme%2ftoy.json", "/p2/acme/toy~dev.json/", "/p/acme/toy.json", "/p2/acme/../acme/toy~dev.json", "/dist/toy-2.1.0.zip", "/include/all$abc.json",
			"/dist/acme/toy/2.1.0/abc.zip", "/dist/acme/toy/1.9.0/abc.zip", "/dist/acme/toy/v2.1.0/abc.zip", "/dist/acme/toy/dev-main/abc.zip", "/dist/acme/toy/1.9.0/def.zip%2f..%2f..%2f2.1.0%2fabc.zip", "/list.json", "/search.json?q=toy",
		},
	},
}

// gullible is a registry that answers whatever it is asked, and about 2.1.0 if only anything in
// the request, or in a header by which some server routes, speaks of it.
func (g target) gullible(t testing.TB) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		require.Empty(t, r.Header.Values("Authorization"))
		uri, query, _ := strings.Cut(r.RequestURI, "?")
		asked := r.URL.Path + " " + r.URL.EscapedPath() + " " + uri
		if strings.Contains(strings.ToLower(r.URL.Path), "toy") { // a search may be for anything
			asked += " " + query
		}
		for _, name := range []string{"X-Original-Url", "X-Rewrite-Url", "X-Forwarded-Uri", "X-Original-Uri", "X-Http-Method-Override", "Cookie"} {
			asked += " " + r.Header.Get(name)
		}
		page, ok := g.pages[r.URL.Path]
		switch {
		case g.adapter == goproxy.Adapter{} && strings.HasSuffix(r.URL.Path, ".mod"):
			io.WriteString(w, "module example.com/toy\n")
		case speaksOfUnpaid(asked):
			io.WriteString(w, unpaid)
		case ok:
			w.Header().Set("Content-Type", page[0])
			io.WriteString(w, page[1])
		case strings.Contains(asked, "1.9.0"):
			io.WriteString(w, paid)
		default:
			io.WriteString(w, "{}")
		}
	})
}

// aVersion matches numbers with dots and what belongs to the same version: a prerelease, build
// metadata, the build number of a wheel.
var aVersion = regexp.MustCompile(`[0-9]+(?:\.[0-9]+)+(?:[-+][0-9A-Za-z.+-]*)?`)

// speaksOfUnpaid reports whether 2.1.0 is asked for. 1.9.0+2.1.0 and 1.9.0-2.1.0 are other
// versions, below 2.0.0.
func speaksOfUnpaid(asked string) bool {
	for _, version := range aVersion.FindAllString(asked, -1) {
		version = strings.TrimLeft(version, "0")
		if version == "2.1" || strings.HasPrefix(version, "2.1.0") {
			return true
		}
	}
	return false
}

// attack sends a request as it stands on the wire, and returns what comes back.
func (g target) attack(t testing.TB, key, request string) *httptest.ResponseRecorder {
	below2, err := license.VersionConstraint("<2.0.0")
	require.NoError(t, err)
	l := &licenses{byKey: map[string]*license.License{
		"BELOW-2": {ID: uuid.New(), Key: "BELOW-2", Constraint: below2, Packages: []string{g.pkg}},
		"EXPIRED": {ID: uuid.New(), Key: "EXPIRED", Constraint: license.DateConstraint(time.Date(2024, 6, 1, 0, 0, 0, 0, time.UTC)), Packages: []string{g.pkg}},
		"FOREIGN": {ID: uuid.New(), Key: "FOREIGN", Constraint: license.NoConstraint(), Packages: []string{"another"}},
	}}
	line, headers, _ := strings.Cut(request, "\r\n")
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(line + " HTTP/1.1\r\nHost: packages.example\r\nAuthorization: Bearer " + key + "\r\n" + headers + "\r\n\r\n")))
	if err != nil {
		return nil // so net/http's server does not let it in either
	}
	w := httptest.NewRecorder()
	gate.New(license.NewChecker(l, license.CheckerOptions{PerpetualFallback: true}), g.adapter, gate.Options{Logger: slog.New(slog.DiscardHandler)})(g.gullible(t)).ServeHTTP(w, r)
	return w
}

func (g target) holds(t testing.TB, request string) {
	for _, key := range []string{"BELOW-2", "EXPIRED"} { // the latter before 2.1.0 was released
		if w := g.attack(t, key, request); w != nil {
			require.NotContains(t, w.Body.String(), unpaid, "%s, with the key %s: %s", g.adapter.Ecosystem(), key, request)
		}
	}
	for _, key := range []string{"FOREIGN", "UNKNOWN"} {
		if w := g.attack(t, key, request); w != nil {
			require.NotContains(t, w.Body.String(), unpaid, "%s, with the key %s: %s", g.adapter.Ecosystem(), key, request)
			require.NotContains(t, w.Body.String(), paid, "%s, with the key %s: %s", g.adapter.Ecosystem(), key, request)
		}
	}
}

// No request gets bytes of a version that is not paid for out of a registry that would hand
// them to anybody.
func TestNoRequestGetsWhatIsNotPaidFor(t *testing.T) {
	t.Parallel()
	for _, g := range targets {
		require.Contains(t, g.attack(t, "BELOW-2", "GET "+g.good).Body.String(), paid, "the control")
		kept := g.attack(t, "EXPIRED", "GET "+g.good).Body.String()
		require.Equal(t, g.dated, strings.Contains(kept, paid), "%s: %s", g.adapter.Ecosystem(), kept)
		for _, path := range append(g.bad, g.good) {
			for _, method := range []string{"GET", "HEAD", "POST", "get", "PROPFIND"} {
				for _, header := range []string{"", "X-Original-URL: /2.1.0", "Range: bytes=0-", "Connection: Accept\r\nAccept: */*", "If-None-Match: *", "Authorization: Bearer BELOW-2", "X-HTTP-Method-Override: GET"} {
					g.holds(t, method+" "+path+"\r\n"+header)
				}
			}
		}
	}
}

func FuzzRequest(f *testing.F) {
	for i, g := range targets {
		for _, path := range append(g.bad, g.good) {
			f.Add(uint8(i), "GET "+path)
		}
	}
	for i, path := range []string{"/@acme/toy/-/toy-0.0.0+2.1.0.tgz", "/toy/@v/v1.9.0+2.1.0.zip", "/files/toy-1.9.0-2.1.0-py3-none-any.whl", "/api/v1/crates/toy/1.9.0+2.1.0/download"} {
		f.Add(uint8(i), "GET "+path)
	}
	f.Add(uint8(0), "POST /-/npm/v1/security/audits\r\nX-Original-URL: /@acme/toy/-/toy-2.1.0.tgz\r\nContent-Length: 0")
	f.Fuzz(func(t *testing.T, i uint8, request string) {
		targets[int(i)%len(targets)].holds(t, request)
	})
}

// There are registries that take capitals for small letters, which come in another place in the order.
func TestAnotherSpellingOfAPrereleaseOpensNothing(t *testing.T) {
	t.Parallel()
	infos := map[string]string{"v1.0.0-!r!c.1": "v1.0.0-RC.1", "v1.5.0-!r!c.1": "v1.5.0-rc.1", "v1.5.0-rc.1": "v1.5.0-rc.1"}
	for name, c := range map[string]struct {
		adapter gate.Adapter
		path    func(version string) string
		pages   map[string]string
	}{
		"npm": {npm.Adapter{}, func(v string) string { return "/toy/-/toy-" + v + ".tgz" }, map[string]string{
			"/toy": `{"name":"toy","versions":{"1.0.0-RC.1":{"version":"1.0.0-RC.1"},"1.5.0-rc.1":{"version":"1.5.0-rc.1"}}}`,
		}},
		"cargo": {cargo.Adapter{}, func(v string) string { return "/api/v1/crates/toy/" + v + "/download" }, map[string]string{
			"/3/t/toy": `{"name":"toy","vers":"1.0.0-RC.1"}` + "\n" + `{"name":"toy","vers":"1.5.0-rc.1"}`,
		}},
		"go": {goproxy.Adapter{}, func(v string) string { return "/example.com/toy/@v/v" + strings.ReplaceAll(v, "RC", "!r!c") + ".zip" }, nil},
	} {
		l := new(gatetest.Licenses)
		l.Add("RANGE", gatetest.Versions(t, ">=1.0.0-A <1.5.0-beta.2"), "toy", "example.com/toy")
		l.Add("ALL", license.NoConstraint(), "toy", "example.com/toy")
		h := gatetest.Gated(l, false, c.adapter, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if page, ok := c.pages[r.URL.Path]; ok {
				io.WriteString(w, page)
				return
			}
			if file, ok := strings.CutPrefix(r.URL.Path, "/example.com/toy/@v/"); ok && strings.HasSuffix(file, ".info") {
				fmt.Fprintf(w, `{"Version":%q}`, infos[strings.TrimSuffix(file, ".info")])
				return
			}
			io.WriteString(w, unpaid)
		}))
		for _, want := range []struct {
			key, version string
			served       bool
		}{
			{"RANGE", "1.0.0-RC.1", true}, {"RANGE", "1.5.0-rc.1", false}, {"RANGE", "1.5.0-RC.1", false},
			{"ALL", "1.0.0-RC.1", true}, {"ALL", "1.5.0-rc.1", true}, {"ALL", "1.5.0-RC.1", true},
		} {
			w := gatetest.Get(h, c.path(want.version), "Authorization", "Bearer "+want.key)
			require.Equal(t, want.served, w.Code == http.StatusOK, "%s %s %s: %d", name, want.key, want.version, w.Code)
			require.Equal(t, want.served, w.Body.String() == unpaid)
		}
	}
}
