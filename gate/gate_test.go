package gate_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/privatepkgs/license"
	"github.com/privatepkgs/license/gate"
)

func TestKeyDecidesWhatIsListedAndServed(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		key   string
		shows []string // of the listing; nil when it is denied
		file1 int
		file2 int
		code  license.Code // of the listing
	}{
		{"UNLIMITED", []string{"1_0_0", "1_9_0", "2_0_0-beta_1", "2_1_0"}, 200, 200, license.Valid},
		{"BELOW-2", []string{"1_0_0", "1_9_0"}, 200, 403, license.Valid},
		{"BELOW-1", nil, 403, 403, license.VersionNotAllowed},
		{"EXPIRED", nil, 403, 403, license.Expired},
		{"SUSPENDED", nil, 403, 403, license.Suspended},
		{"UNKNOWN", nil, 401, 401, license.NotFound},
		{"", nil, 401, 401, gate.NoKey},
	} {
		t.Run(c.key, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			listing := b.get("/toy/list", c.key)
			if c.shows != nil {
				require.Equal(t, c.shows, shown(listing))
			} else {
				require.Equal(t, c.file1, listing.Code)
			}
			require.Equal(t, c.code, b.events[0].Code)
			require.Equal(t, c.file1, b.get("/toy/file/1_9_0", c.key).Code)
			require.Equal(t, c.file2, b.get("/toy/file/2_1_0", c.key).Code)
		})
	}
}

func TestWhatIsNotRecognisedIsDenied(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for _, request := range []string{
		"GET /", "GET /admin", "GET /toy", "GET /toy/list/", "GET //toy/list", "GET /toy//list",
		"GET /toy/../toy/list", "GET /toy/%2e%2e/toy/list", "GET /./toy/list", "GET /toy/file/1_9_0%2f..%2f2_1_0",
		"GET /toy/file/1_9_0%5c..%5c2_1_0", "GET /toy/file/%252e%252e", "GET /toy/file/1_9_0%00", "GET /toy/file/1_9_0%0a",
		"PUT /toy/list", "POST /toy/file/1_9_0", "DELETE /toy/file/1_9_0", "PATCH /toy/note", "OPTIONS /toy/list", "PUT /names", "DELETE /index",
	} {
		method, path, _ := strings.Cut(request, " ")
		w := b.do(method, path, "UNLIMITED")
		require.Equal(t, http.StatusForbidden, w.Code, request)
	}
	require.Empty(t, b.requests(), "nothing reaches the registry")
	require.Equal(t, http.StatusOK, b.get("/toy/list", "UNLIMITED").Code, "the control")
}

func TestFirstKnownKeyOfARequestCounts(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	basic := func(user, password string) int {
		r := httptest.NewRequest(http.MethodGet, "/toy/file/2_1_0", nil)
		r.SetBasicAuth(user, password)
		w := httptest.NewRecorder()
		b.handler().ServeHTTP(w, r)
		return w.Code
	}
	require.Equal(t, http.StatusOK, basic("anyone", "UNLIMITED"))
	require.Equal(t, http.StatusOK, basic("UNLIMITED", ""))
	require.Equal(t, http.StatusOK, basic("UNLIMITED", "x-oauth-basic"))
	require.Equal(t, http.StatusForbidden, basic("UNLIMITED", "BELOW-2"), "the password comes first")
	require.Equal(t, http.StatusUnauthorized, basic("anyone", "unlimited"), "keys are case-sensitive")
}

func TestCredentials(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		headers []string
		keys    []string
	}{
		{nil, nil},
		{[]string{""}, nil},
		{[]string{"Bearer K"}, []string{"K"}},
		{[]string{"bearer   K"}, []string{"K"}},
		{[]string{"Bearer "}, nil},
		{[]string{"K"}, []string{"K"}},
		{[]string{"Basic dXNlcjpL"}, []string{"K", "user"}},
		{[]string{"Basic Szo="}, []string{"K"}},
		{[]string{"Basic !!!"}, nil},
		{[]string{"Digest username=K"}, nil},
		{[]string{"Bearer A", "Bearer B"}, nil},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header["Authorization"] = c.headers
		require.Equal(t, c.keys, gate.Credentials(r), "%q", c.headers)
	}
}

func TestServiceNeedsAnyLicenseAndAnOpenOneNone(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for key, status := range map[string]int{"UNLIMITED": 200, "EXPIRED": 200, "SUSPENDED": 200, "UNKNOWN": 401, "": 401} {
		require.Equal(t, status, b.get("/ping", key).Code, key)
		require.Equal(t, http.StatusOK, b.get("/open", key).Code, key)
	}
}

func TestServiceIsRewrittenByWhatTheLicenseCovers(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	require.Equal(t, "toy VALID\n", b.get("/names", "UNLIMITED").Body.String())
	require.Equal(t, "toy EXPIRED\n", b.get("/names", "EXPIRED").Body.String())
	require.Equal(t, "toy SUSPENDED\nother SUSPENDED\n", b.get("/names", "SUSPENDED").Body.String())
	require.Equal(t, http.StatusUnauthorized, b.get("/names", "UNKNOWN").Code)
}

func TestDocumentAboutManyPackagesShowsWhatIsServed(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	require.Equal(t, "toy 1_0_0\ntoy 2_1_0\n", b.get("/index", "UNLIMITED").Body.String())
	require.Equal(t, "toy 1_0_0\n", b.get("/index", "BELOW-2").Body.String())
	for _, key := range []string{"EXPIRED", "SUSPENDED"} {
		require.Empty(t, b.get("/index", key).Body.String(), key)
	}
	dated(b)
	require.Equal(t, "toy 1_0_0\n", b.get("/index", "EXPIRED").Body.String(), "the days stand in the listing of toy")
	b.pages["/toy/list"] = text("\n")
	require.Equal(t, http.StatusBadGateway, b.get("/index", "EXPIRED").Code)
}

func TestMetadataIsShownWhateverTheVersion(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	require.Equal(t, "a note", b.get("/toy/note", "BELOW-1").Body.String())
	require.Equal(t, http.StatusForbidden, b.get("/toy/note", "EXPIRED").Code)
	require.Equal(t, http.StatusForbidden, b.get("/other/note", "UNLIMITED").Code)
}

func TestPackageThatIsNowhereIsToldApartFromOneThatIsNotCovered(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	require.Equal(t, http.StatusForbidden, b.get("/other/list", "UNLIMITED").Code)
	require.Equal(t, http.StatusNotFound, b.get("/nowhere/list", "UNLIMITED").Code)
	require.Equal(t, []license.Code{license.PackageNotCovered, gate.NotInRegistry}, []license.Code{b.events[0].Code, b.events[1].Code})
	require.Equal(t, http.StatusForbidden, b.get("/nowhere/note", "UNLIMITED").Code, "the control: without Probe nobody asks")
}

func TestPackageNamesAreMappedAndComparedInCanonicalForm(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.get("/TOY/file/1_0_0", "UNLIMITED")
	require.Equal(t, "toy", b.events[0].Package)
	require.Equal(t, license.Valid, b.events[0].Code)

	b.options.PackageName = func(ecosystem, pkg string) string { return ecosystem + ":" + pkg }
	require.Equal(t, http.StatusForbidden, b.get("/toy/list", "UNLIMITED").Code)
	b.byKey["UNLIMITED"].Packages = []string{"x", "PLAIN:toy"}
	require.Equal(t, http.StatusOK, b.get("/toy/list", "UNLIMITED").Code)

	b.options.PackageName = func(_, _ string) string { return "" }
	require.Equal(t, http.StatusForbidden, b.get("/toy/list", "UNLIMITED").Code)
}

func TestStoreThatFailsOpensNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.err = errors.New("connection refused to db.internal")
	for _, path := range []string{"/toy/list", "/toy/file/1_0_0", "/toy/note", "/ping", "/names"} {
		w := b.get(path, "UNLIMITED")
		require.Equal(t, http.StatusServiceUnavailable, w.Code, path)
		require.Equal(t, "10", w.Header().Get("Retry-After"))
		require.NotContains(t, w.Body.String(), "db.internal")
		require.Less(t, w.Body.Len(), 100)
	}
	require.Empty(t, b.requests())
	require.Equal(t, map[license.Code]uint64{gate.Unavailable: 5}, b.counter.Counts())
	b.err = nil
	require.Equal(t, http.StatusOK, b.get("/toy/list", "UNLIMITED").Code, "the control")
}

func TestEventsTellWhoGotWhatAndNeverTheKey(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.get("/toy/list", "BELOW-2")
	b.get("/toy/file/1_9_0", "BELOW-2")
	b.get("/toy/file/2_1_0", "BELOW-2")
	b.get("/toy/file/2_1_0", "SUSPENDED")
	b.get("/toy/file/2_1_0", "WRONG-SECRET")
	b.get("/ping", "BELOW-2")
	id := b.byKey["BELOW-2"].ID
	require.Equal(t, []gate.Event{
		{Ecosystem: "plain", Kind: gate.Listing, Package: "toy", Code: license.Valid, License: id},
		{Ecosystem: "plain", Kind: gate.Artifact, Package: "toy", Version: "1_9_0", Code: license.Valid, License: id},
		{Ecosystem: "plain", Kind: gate.Artifact, Package: "toy", Version: "2_1_0", Code: license.VersionNotAllowed, License: id},
		{Ecosystem: "plain", Kind: gate.Artifact, Package: "toy", Version: "2_1_0", Code: license.Suspended, License: b.byKey["SUSPENDED"].ID},
		{Ecosystem: "plain", Kind: gate.Artifact, Package: "toy", Version: "2_1_0", Code: license.NotFound, License: uuid.Nil},
		{Ecosystem: "plain", Kind: gate.Service, Code: license.Valid, License: id},
	}, b.events)
	require.Equal(t, "listing artifact service", fmt.Sprint(b.events[0].Kind, " ", b.events[1].Kind, " ", b.events[5].Kind))
	text, err := json.Marshal(b.events)
	require.NoError(t, err)
	require.NotContains(t, string(text), "SECRET")
	require.NotContains(t, string(text), "BELOW-2")
	require.Equal(t, map[license.Code]uint64{license.Valid: 3, license.VersionNotAllowed: 1, license.Suspended: 1, license.NotFound: 1}, b.counter.Counts())
}

func TestCausesAreLoggedAndNeverSent(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	var log bytes.Buffer
	b.options.Logger = slog.New(slog.NewTextHandler(&log, nil))
	b.pages["/toy/list"] = text("\n")
	require.NotContains(t, b.get("/toy/list", "UNLIMITED").Body.String(), "an empty line")
	require.Contains(t, log.String(), "an empty line")
	b.err = errors.New("connection refused")
	require.NotContains(t, b.get("/toy/list", "UNLIMITED").Body.String(), "refused")
	require.Contains(t, log.String(), "connection refused")
	require.NotContains(t, log.String(), "UNLIMITED", "the key")
}

func TestMessageIsTheSellers(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.options.RenewalURL = "https://acme.example/renew"
	require.Equal(t, "Your license for toy covers versions <2.0.0; 2_1_0 needs an upgrade: https://acme.example/renew",
		b.get("/toy/file/2_1_0", "BELOW-2").Body.String())
	b.options.Message = func(d license.Decision) string {
		return fmt.Sprintf("%s %s %s", d.Code, d.Request.Package, d.Request.Version)
	}
	require.Equal(t, "VERSION_NOT_ALLOWED toy 2_1_0", b.get("/toy/file/2_1_0", "BELOW-2").Body.String())
	require.Equal(t, "VERSION_NOT_ALLOWED toy 2_1_0", b.get("/toy/list", "BELOW-1").Body.String(), "the last version of the listing")
	require.Equal(t, "EXPIRED toy 2_1_0", b.get("/toy/file/2_1_0", "EXPIRED").Body.String())
	require.Equal(t, "NO_KEY toy ", b.get("/toy/list", "").Body.String())
	require.Equal(t, "NOT_RECOGNIZED  ", b.get("/what", "").Body.String())
}

func TestDefaultMessageSaysWhatToDo(t *testing.T) {
	t.Parallel()
	below2, err := license.VersionConstraint("<2.0.0")
	require.NoError(t, err)
	l := &license.License{Constraint: below2}
	old := &license.License{Constraint: license.DateConstraint(now)}
	for want, d := range map[string]license.Decision{
		"Your license does not cover toy. Add it":                           {Code: license.PackageNotCovered, License: l},
		"Your license for toy covers versions <2.0.0; 3.0 needs an upgrade": {Code: license.VersionNotAllowed, License: l},
		"Your license for toy expired on 1 June 2025. Renew it":             {Code: license.Expired, License: old},
		"Your license is suspended. Ask the seller to restore it":           {Code: license.Suspended, License: l},
	} {
		d.Request = license.Request{Package: "toy", Version: "3.0"}
		require.Equal(t, want+".", gate.DefaultMessage("")(d))
		require.Equal(t, want+": https://x.example", gate.DefaultMessage("https://x.example")(d))
	}
	branch := license.Decision{Code: license.VersionInvalid, License: l, Request: license.Request{Package: "toy", Version: "dev-main"}}
	require.Equal(t, "Your license for toy covers versions <2.0.0; dev-main needs an upgrade.", gate.DefaultMessage("")(branch))
}

func TestListingNamesTheGateAsTheClientReachesIt(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	require.Contains(t, b.get("/toy/list", "UNLIMITED").Body.String(), " http://packages.example/toy/file/1_0_0\n")

	mounted := http.StripPrefix("/a/b", b.handler())
	require.Contains(t, send(mounted, "GET", "/a/b/toy/list", "UNLIMITED").Body.String(), " http://packages.example/a/b/toy/file/1_0_0\n")
	require.Contains(t, send(mounted, "GET", "/a/b/toy%2flist", "UNLIMITED").Body.String(), " http://packages.example/a/b/toy/file/1_0_0\n")

	secure := httptest.NewTLSServer(b.handler())
	defer secure.Close()
	r, err := http.NewRequest(http.MethodGet, secure.URL+"/toy/list", nil)
	require.NoError(t, err)
	r.Header.Set("Authorization", "Bearer UNLIMITED")
	answer, err := secure.Client().Do(r)
	require.NoError(t, err)
	defer answer.Body.Close()
	var version, at string
	_, err = fmt.Fscanln(answer.Body, &version, &at)
	require.NoError(t, err)
	require.Equal(t, secure.URL+"/toy/file/1_0_0", at)

	for sent, scheme := range map[string]string{"https": "https", "HTTPS, http": "https", "http": "http", "http, https": "http", "ftp": "http"} {
		w := send(mounted, "GET", "/a/b/toy/list", "UNLIMITED", "X-Forwarded-Proto", sent)
		require.Contains(t, w.Body.String(), " "+scheme+"://packages.example/a/b/toy/file/1_0_0\n", sent)
	}

	b.options.BaseURL = &url.URL{Scheme: "https", Host: "npm.acme.example", Path: "/private/"}
	require.Contains(t, send(mounted, "GET", "/a/b/toy/list", "UNLIMITED").Body.String(), " http://packages.example/a/b/", "options are copied")
	require.Contains(t, b.get("/toy/list", "UNLIMITED").Body.String(), " https://npm.acme.example/private/toy/file/1_0_0\n")
}

func TestHostThatIsNoHostIsNotWrittenIntoAListing(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	r := httptest.NewRequest(http.MethodGet, "/toy/list", nil)
	r.Header.Set("Authorization", "Bearer UNLIMITED")
	r.Host = `evil"><script>`
	w := httptest.NewRecorder()
	b.handler().ServeHTTP(w, r)
	require.Equal(t, http.StatusBadGateway, w.Code)
	require.NotContains(t, w.Body.String(), "script")
}

func TestGateThatCannotWorkIsNotMade(t *testing.T) {
	t.Parallel()
	checker := license.NewChecker(newBench(t), license.CheckerOptions{})
	require.PanicsWithValue(t, "gate: New needs a checker and an adapter", func() { gate.New(nil, plain{}, gate.Options{}) })
	require.PanicsWithValue(t, "gate: New needs a checker and an adapter", func() { gate.New(checker, nil, gate.Options{}) })
	for _, text := range []string{"", "/npm", "packages.example/npm", "packages.example:443/npm", "ftp://packages.example", "https:///npm",
		"https://packages.example/npm?a=b", "https://packages.example/npm#a"} {
		base, err := url.Parse(text)
		require.NoError(t, err)
		require.Panics(t, func() { gate.New(checker, plain{}, gate.Options{BaseURL: base}) }, text)
	}
}
