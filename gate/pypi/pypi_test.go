package pypi_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/privatepkgs/license"
	"github.com/privatepkgs/license/gate"
	"github.com/privatepkgs/license/gate/pypi"
)

const (
	jsonType = "application/vnd.pypi.simple.v1+json"
	pipType  = jsonType + ", application/vnd.pypi.simple.v1+html; q=0.1, text/html; q=0.01"
)

func TestParse(t *testing.T) {
	t.Parallel()
	listing := func(pkg string) gate.Resource { return gate.Resource{Kind: gate.Listing, Package: pkg} }
	artifact := func(pkg, version string) gate.Resource {
		return gate.Resource{Kind: gate.Artifact, Package: pkg, Version: version}
	}
	unknown := gate.Resource{}
	for path, want := range map[string]gate.Resource{
		"/simple/toy/":         listing("toy"),
		"/simple/toy":          listing("toy"),
		"/simple/My_Pkg.Name/": listing("my-pkg-name"),
		"/simple/a-_.b/":       listing("a-b"),
		"/simple/7/":           listing("7"),

		"/simple/toy/toy-1.9.0-py3-none-any.whl":                          artifact("toy", "1.9.0"),
		"/simple/toy/toy-1.9.0-py3-none-any.whl.metadata":                 artifact("toy", "1.9.0"),
		"/simple/toy/toy-1.9.0-1-py3-none-any.whl":                        artifact("toy", "1.9.0"),
		"/simple/toy/toy-1.9.0-1build-cp311-cp311-manylinux_2_17_x86.whl": artifact("toy", "1.9.0"),
		"/simple/toy/toy-2.0.0b1-py2.py3-none-any.whl":                    artifact("toy", "2.0.0b1"),
		"/simple/toy/toy-1.9.0+cu118-py3-none-any.whl":                    artifact("toy", "1.9.0+cu118"),
		"/simple/toy/toy-1.9.0%2Bcu118-py3-none-any.whl":                  artifact("toy", "1.9.0+cu118"),
		"/simple/toy/toy-1%211.0-py3-none-any.whl":                        artifact("toy", "1!1.0"),
		"/simple/toy/toy-1.0_1-py3-none-any.whl":                          artifact("toy", "1.0-1"), // as pip: a post release
		"/simple/Toy/TOY-1.9.0-py3-none-any.whl":                          artifact("toy", "1.9.0"),
		"/simple/my-pkg/My_Pkg-1.0.tar.gz":                                artifact("my-pkg", "1.0"),
		"/simple/my-pkg/my-pkg-1.0.tar.gz":                                artifact("my-pkg", "1.0"),
		"/simple/my-pkg/my.pkg-1.0.zip":                                   artifact("my-pkg", "1.0"),
		"/simple/a-1/a-1-2.tar.gz":                                        artifact("a-1", "2"),
		"/simple/a/a-1-2.tar.gz":                                          artifact("a", "1-2"), // a post release of 1
		"/simple/toy/toy-1.0-rc.1.tar.gz":                                 artifact("toy", "1.0-rc.1"),

		"/":                     unknown,
		"/simple":               unknown,
		"/simple/":              unknown,
		"/toy/":                 unknown,
		"/packages/toy-1.0.zip": unknown,
		"/simple/-toy/":         unknown,
		"/simple/toy-/":         unknown,
		"/simple/t%20oy/":       unknown,
		"/simple/t%C3%B8y/":     unknown,
		"/simple/toy/other-1.9.0-py3-none-any.whl":     unknown,
		"/simple/toy/toy-1.9.0-py3-any.whl":            unknown,
		"/simple/toy/toy-1.9.0-x-py3-none-any.whl":     unknown, // a build number has a digit first
		"/simple/toy/toy-1.9.0-1-2-py3-none-any.whl":   unknown,
		"/simple/toy/toy--py3-none-any.whl":            unknown,
		"/simple/toy/toy-1.9.0.tar.gz/":                unknown,
		"/simple/toy/toy-1.9.0.tar.gz/x":               unknown,
		"/simple/toy/toy-1.9.0.tar.gz.asc":             unknown,
		"/simple/toy/toy-1.9.0.egg":                    unknown,
		"/simple/toy/toy-.tar.gz":                      unknown,
		"/simple/toy/toy.tar.gz":                       unknown,
		"/simple/toy/toy-1.9.0%20.tar.gz":              unknown,
		"/simple/toy/toy-1.9.0.whl.metadata":           unknown,
		"/simple/toy/toy-1.0.tar.gz.metadata.metadata": unknown,
	} {
		got := pypi.Adapter{}.Parse(httptest.NewRequest(http.MethodGet, path, nil))
		require.Equal(t, want, gate.Resource{Kind: got.Kind, Package: got.Package, Version: got.Version}, path)
	}
}

func TestNamesAreComparedInNormalForm(t *testing.T) {
	t.Parallel()
	a := pypi.Adapter{}
	for _, name := range []string{"my-pkg", "My_Pkg", "MY.PKG", "my-_-pkg"} {
		require.True(t, a.Covers(name, "my-pkg"), name)
	}
	require.True(t, a.Covers("pypi:My_Pkg", "pypi:my-pkg"))
	for _, name := range []string{"mypkg", "my-pkg-", "my-pkg2", "my", "", "-my-pkg"} {
		require.False(t, a.Covers(name, "my-pkg"), name)
	}
}

func TestCoversDoesNotAllocate(t *testing.T) {
	var covered bool
	require.Zero(t, testing.AllocsPerRun(10, func() { covered = pypi.Adapter{}.Covers("My__Pkg", "my-pkg") }))
	require.True(t, covered)
}

// The best answers of the registry clients to each reason of a denial.
func TestDenialsAreWhatPipShows(t *testing.T) {
	t.Parallel()
	h := gated(toyLicenses(t, "toy"), false, toy(t, "toy"))
	const at = ": https://acme.example/renew"
	const page, plain = "/simple/toy/", "text/plain; charset=utf-8"
	for _, c := range []struct {
		why, key, path  string
		status, forPip  int // where there is another for a user agent of pip
		message         string
		messageAsHeader bool
	}{
		{"no key", "", page, 401, 401, "This registry needs a license key", false},
		{"no key", "", wheelPath("1.9.0"), 401, 401, "This registry needs a license key", false},
		{"unknown key", "WRONG", page, 401, 401, "No license has the key that was sent.", false},
		{"suspended", "SUSPENDED", page, 402, 200, "Your license is suspended. Ask the seller to restore it" + at, true},
		{"suspended", "SUSPENDED", wheelPath("1.9.0"), 402, 402, "Your license is suspended.", false},
		{"expired", "EXPIRED", page, 402, 200, "Your license for toy expired on 1 June 2023. Renew it" + at, true},
		{"expired", "EXPIRED", wheelPath("1.9.0"), 402, 402, "Your license for toy expired", false},
		{"package not covered", "FOREIGN", page, 402, 200, "Your license does not cover toy. Add it" + at, true},
		{"package not covered", "FOREIGN", wheelPath("1.9.0"), 402, 402, "Your license does not cover toy.", false},
		{"not in the registry either", "FOREIGN", "/simple/numpy/", 404, 404, "Your license does not cover numpy.", false},
		{"version not allowed", "BELOW-2", wheelPath("2.1.0"), 403, 403, "Your license for toy covers versions <2.0.0; 2.1.0 needs an upgrade" + at, false},
		{"version not allowed", "BELOW-2", wheelPath("2.0.0b1") + ".metadata", 403, 403, "Your license for toy covers versions <2.0.0; 2.0.0b1 needs", false},
		{"an epoch", "BELOW-2", wheelPath("1%211.0"), 403, 403, "Your license for toy covers versions <2.0.0; 1!1.0 needs an upgrade", false},
		{"no version allowed", "BELOW-1", page, 402, 200, "Your license for toy covers versions <1.0.0; 2.1.0 needs an upgrade" + at, true},
		{"not recognised", "UNLIMITED", "/simple/", 403, 403, "There is nothing to install at this address", false},
	} {
		w := get(h, c.path, c.key, "User-Agent", "uv/0.5")
		require.Equal(t, c.status, w.Code, "%s: %s", c.why, c.path)
		require.Equal(t, plain, w.Header().Get("Content-Type"))
		require.True(t, strings.HasPrefix(w.Body.String(), c.message), w.Body.String())
		require.Equal(t, c.status == 401, w.Header().Get("WWW-Authenticate") != "", c.why)

		w = get(h, c.path, c.key, "User-Agent", `pip/25.0 {"ci":null}`)
		require.Equal(t, c.forPip, w.Code, "%s: %s", c.why, c.path)
		if c.messageAsHeader {
			require.Equal(t, "text/plain; "+c.message, w.Header().Get("Content-Type"))
		}
	}
}

// project is a page as a client reads it.
type project struct {
	Files    []listed
	Versions []string
}

type listed struct {
	Filename, URL string
	Hashes        map[string]any
	Yanked        any
}

// decode minds the case of names, which encoding/json does not.
func decode(t require.TestingT, body []byte) (p project) {
	var root map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(body, &root), string(body))
	if root["versions"] != nil {
		require.NoError(t, json.Unmarshal(root["versions"], &p.Versions))
	}
	var files []map[string]any
	require.NoError(t, json.Unmarshal(root["files"], &files))
	for _, f := range files {
		name, _ := f["filename"].(string)
		url, _ := f["url"].(string)
		hashes, _ := f["hashes"].(map[string]any)
		p.Files = append(p.Files, listed{name, url, hashes, f["yanked"]})
	}
	return p
}

// offered returns the files that a client takes without being asked for exactly that version.
func (p project) offered() (names []string) {
	for _, f := range p.Files {
		if f.Yanked == false || f.Yanked == nil {
			names = append(names, f.Filename)
		}
	}
	return names
}

func TestBothFormsOfAPageYankWhatIsDenied(t *testing.T) {
	t.Parallel()
	h := gated(toyLicenses(t, "toy"), false, toy(t, "toy"))

	w := get(h, "/simple/toy/", "BELOW-2", "Accept", pipType)
	require.Equal(t, jsonType, w.Header().Get("Content-Type"))
	p := decode(t, w.Body.Bytes())
	require.Equal(t, []string{"toy-1.0.0-py3-none-any.whl", "toy-1.0.0.tar.gz", "toy-1.9.0-py3-none-any.whl", "toy-1.9.0.tar.gz"}, p.offered())
	require.Equal(t, []string{"1.0.0", "1.9.0"}, p.Versions)
	require.Len(t, p.Files, 8)
	for _, f := range p.Files {
		require.True(t, strings.HasPrefix(f.URL, "http://packages.example/simple/toy/"+f.Filename), f.URL)
		require.Len(t, f.Hashes["sha256"], 64)
	}

	for _, accept := range []string{"", "text/html", "*/*"} {
		w = get(h, "/simple/toy/", "BELOW-2", "Accept", accept)
		require.Equal(t, "text/html; charset=utf-8", w.Header().Get("Content-Type"))
		require.Equal(t, 4, strings.Count(w.Body.String(), ` data-yanked="`))
		for line := range strings.Lines(w.Body.String()) {
			if strings.HasPrefix(line, "<a ") {
				denied := strings.Contains(line, "toy-2.")
				require.Equal(t, denied, strings.Contains(line, ` data-yanked="your license does not cover this version"`), line)
				require.Contains(t, line, ` data-requires-python="&gt;=3.7"`)
				require.Contains(t, line, `#sha256=`)
				require.Equal(t, strings.Contains(line, ".whl"), strings.Contains(line, ` data-core-metadata="sha256=`), line)
			}
		}
	}
}

func TestFilesAreThoseOfThePage(t *testing.T) {
	t.Parallel()
	h := gated(toyLicenses(t, "toy"), false, toy(t, "toy"))
	for _, path := range []string{
		wheelPath("1.9.0"), wheelPath("1.9.0") + ".metadata", "/simple/Toy/toy-1.9.0.tar.gz",
	} {
		w := get(h, path, "BELOW-2")
		require.Equal(t, http.StatusOK, w.Code, path)
		require.Contains(t, w.Header().Get("Cache-Control"), "private")
	}
	for _, path := range []string{wheelPath("1.9"), wheelPath("1.8.0"), "/simple/toy/toy-1.9.0.zip", "/simple/toy/toy-1.9.0.tar.gz.metadata"} {
		require.Equal(t, http.StatusNotFound, get(h, path, "BELOW-2").Code, path)
	}
	w := get(h, wheelPath("1.9.0"), "BELOW-2", "Range", "bytes=0-9")
	require.Equal(t, http.StatusPartialContent, w.Code)
	require.Len(t, w.Body.Bytes(), 10)
}

func TestExpiredLicenseKeepsWhatWasReleasedBefore(t *testing.T) {
	t.Parallel()
	h := gated(toyLicenses(t, "toy"), true, toy(t, "toy"))
	p := decode(t, get(h, "/simple/toy/", "EXPIRED", "Accept", pipType).Body.Bytes())
	require.Equal(t, []string{"1.0.0", "1.9.0"}, p.Versions)
	require.Len(t, p.offered(), 4)

	w := get(h, "/simple/toy/", "EXPIRED", "Accept", "text/html")
	require.Equal(t, "text/html; charset=utf-8", w.Header().Get("Content-Type"), "times are in JSON only, which this client does not read")
	require.Equal(t, 8, strings.Count(w.Body.String(), "<a "))
	require.Equal(t, 4, strings.Count(w.Body.String(), "data-yanked="))
	require.Equal(t, 8, strings.Count(w.Body.String(), `data-requires-python="&gt;=3.7"`))
	require.Equal(t, 4, strings.Count(w.Body.String(), `data-core-metadata="sha256=`))
	require.Equal(t, 8, strings.Count(w.Body.String(), "#sha256="))

	for version, status := range map[string]int{"1.0.0": 200, "1.9.0": 200, "2.0.0b1": 402, "2.1.0": 402, "7.7.7": 402} {
		require.Equal(t, status, get(h, wheelPath(version), "EXPIRED").Code, version)
	}
}

// pageOf is an index with one page.
func pageOf(contentType, body string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/simple/toy/" {
			w.Header().Set("Content-Type", contentType)
			fmt.Fprint(w, body)
			return
		}
		fmt.Fprint(w, "file at ", r.URL.Path)
	})
}

func TestFilesOfOneVersionGoByTheEarliestUpload(t *testing.T) {
	t.Parallel()
	const wheel, sdist = "toy-1.9-py3-none-any.whl", "toy-1.9.0.tar.gz" // one version, spelled in two ways
	h := gated(toyLicenses(t, "toy"), true, pageOf(jsonType, `{"files":[
		{"filename":"`+wheel+`","url":"`+wheel+`","upload-time":"2024-01-01T00:00:00Z"},
		{"filename":"`+sdist+`","url":"`+sdist+`","upload-time":"2023-01-01T00:00:00Z"},
		{"filename":"toy-1.9.0.post1.tar.gz","url":"toy-1.9.0.post1.tar.gz","upload-time":"2023-01-01T00:00:00Z"},
		{"filename":"toy-1.9.1.tar.gz","url":"toy-1.9.1.tar.gz","upload-time":"2024-01-01T00:00:00Z"},
		{"filename":"toy-1.9.2.tar.gz","url":"toy-1.9.2.tar.gz"}]}`))
	p := decode(t, get(h, "/simple/toy/", "EXPIRED", "Accept", pipType).Body.Bytes())
	require.Equal(t, []string{wheel, sdist, "toy-1.9.0.post1.tar.gz"}, p.offered())
	for _, f := range p.Files {
		want := map[bool]int{true: 200, false: 402}[f.Yanked == nil]
		require.Equal(t, want, get(h, "/simple/toy/"+f.Filename, "EXPIRED").Code, f.Filename)
	}
}

func TestFilesAreFoundWhereverThePageHasThem(t *testing.T) {
	t.Parallel()
	const name = "toy-1.9.0.tar.gz"
	for link, want := range map[string]string{
		"https://files.example/a%20b/toy-1.9.0.tar.gz#sha256=ab": "/a b/" + name,
		"../../packages/toy-1.9.0.tar.gz":                        "/packages/" + name,
		"/packages/toy-1.9.0.tar.gz?x=y":                         "/packages/" + name,
		"toy-1.9.0.tar.gz":                                       "/simple/toy/" + name,
	} {
		for contentType, page := range map[string]string{
			"text/html": "<!DOCTYPE html><html><body><A HREF='" + link + "'>" + name + "</A></body>",
			jsonType:    `{"files":[{"filename":"` + name + `","url":"` + link + `"}]}`,
		} {
			h := gated(toyLicenses(t, "toy"), false, pageOf(contentType, page))
			require.Equal(t, "file at "+want, get(h, "/simple/toy/"+name, "BELOW-2").Body.String(), page)
			require.Contains(t, get(h, "/simple/toy/", "BELOW-2", "Accept", pipType).Body.String(), "http://packages.example/simple/toy/"+name)
		}
	}
}

func TestPagesOfOtherServersAreRead(t *testing.T) {
	t.Parallel()
	for why, page := range map[string]string{
		"a base":                 `<html><base href="/files/"><body><a href="toy-1.9.0.tar.gz">x</a>`,
		"no html around":         `<a href="/files/toy-1.9.0.tar.gz">x</a>`,
		"no quotes":              `<a href=/files/toy-1.9.0.tar.gz>x</a>`,
		"a script":               `<script>if (a<b) document.write("<a href='/files/toy-2.1.0.tar.gz'>x</a>")</SCRIPT><a href = /files/toy-1.9.0.tar.gz>x</a>`,
		"entities, few quotes":   `<!doctype html><html><body><p>a &amp; b &nbsp; c</p><a rel=internal href="/files/toy-1.9.0.tar.gz" data-yanked data-requires-python="<4">x</a><br><hr>`,
		"a comment":              `<html><body><a href="/files/toy-1.9.0.tar.gz">x</a></body></html><!--SERIAL 42-->`,
		"other files beside":     `<html><body><a href="../">up</a><a href="mailto:me">me</a><a href="/files/toy-1.9.0.egg">x</a><a href="/files/toy-1.9.0.tar.gz">x</a>`,
		"XHTML":                  `<?xml version="1.0" encoding="UTF-8"?><html xmlns="http://www.w3.org/1999/xhtml"><body><a href="/files/toy-1.9.0.tar.gz">x</a></body></html>`,
		"an attribute repeated":  `<a href="/files/toy-1.9.0.tar.gz" href="/files/toy-2.1.0.tar.gz">x</a>`,
		"a foreign file of 2.10": `<a href="/files/toy-1.9.0.tar.gz">x</a><a href="/files/other-2.10.tar.gz">x</a>`,
	} {
		h := gated(toyLicenses(t, "toy"), false, pageOf("text/html; charset=UTF-8", page))
		w := get(h, "/simple/toy/", "BELOW-2")
		require.Equal(t, http.StatusOK, w.Code, why)
		require.Equal(t, 1, strings.Count(w.Body.String(), "<a "), w.Body.String())
		require.Equal(t, strings.Contains(page, "data-yanked"), strings.Contains(w.Body.String(), `data-yanked=""`), "what the registry has yanked stays so")
		require.Equal(t, "file at /files/toy-1.9.0.tar.gz", get(h, "/simple/toy/toy-1.9.0.tar.gz", "BELOW-2").Body.String(), why)
	}
}

// A reverse proxy puts the path of the registry before what it is asked for.
func TestFilesOfARegistryBelowAPathAreFound(t *testing.T) {
	t.Parallel()
	const gitea = "https://gitea.example/api/packages/acme/pypi"
	const file = "/files/toy/1.9.0/toy-1.9.0.tar.gz"
	for _, c := range []struct {
		base, link string
		found      bool
	}{
		{"", gitea + file, true},
		{"", "/api/packages/acme/pypi" + file, true},
		{"", "../.." + file, true},
		{"", "//Gitea.example/api/packages/acme/pypi" + file, true},
		{"/api/packages/acme/pypi/simple/toy/", "../.." + file, true},
		{gitea + "/simple/toy/", "../.." + file, true},
		{"..", "../files/toy/1.9.0/toy-1.9.0.tar.gz", true},
		{"", "https://elsewhere.example/api/packages/acme/pypi" + file, false},
		{"", "https://gitea.example/api/packages/acme/pypi2" + file, false},
		{"", file, false},
		{"/simple/toy/", "../.." + file, false},
	} {
		pages := map[string]string{"text/html": `<base href="` + c.base + `"><a href="` + c.link + `#sha256=00">x</a>`}
		if c.base == "" {
			pages[jsonType] = `{"files":[{"filename":"toy-1.9.0.tar.gz","url":"` + c.link + `"}]}`
		}
		for contentType, page := range pages {
			for _, files := range []string{gitea, gitea + "/"} {
				checker := license.NewChecker(toyLicenses(t, "toy"), license.CheckerOptions{})
				h := gate.New(checker, pypi.Adapter{Files: files}, gate.Options{})(pageOf(contentType, page))
				w := get(h, "/simple/toy/toy-1.9.0.tar.gz", "BELOW-2")
				if c.found {
					require.Equal(t, "file at "+file, w.Body.String(), page)
				} else {
					require.Equal(t, http.StatusNotFound, w.Code, page)
				}
				require.Equal(t, c.found, strings.Contains(get(h, "/simple/toy/", "BELOW-2").Body.String(), "toy-1.9.0"), page)
			}
		}
	}
	checker := license.NewChecker(toyLicenses(t, "toy"), license.CheckerOptions{})
	for _, files := range []string{"gitea.example/pypi", "/pypi", "://"} {
		h := gate.New(checker, pypi.Adapter{Files: files}, gate.Options{})(pageOf("text/html", `<a href="`+gitea+file+`">x</a>`))
		require.Equal(t, http.StatusBadGateway, get(h, "/simple/toy/", "BELOW-2").Code, files)
		require.Equal(t, http.StatusBadGateway, get(h, "/simple/toy/toy-1.9.0.tar.gz", "BELOW-2").Code, files)
	}
}

// Object stores take a plus for a space, so pages for them have it escaped.
func TestFileIsAskedForAsItIsLinked(t *testing.T) {
	t.Parallel()
	const name = "toy-1.9.0+cu118-py3-none-any.whl"
	for _, suffix := range []string{"", ".metadata"} {
		var asked string
		page := pageOf("text/html", `<a href="/files/a%2Fb/toy-1.9.0%2Bcu118-py3-none-any.whl">x</a>`)
		h := gated(toyLicenses(t, "toy"), false, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			asked = r.RequestURI
			page.ServeHTTP(w, r)
		}))
		require.Equal(t, http.StatusOK, get(h, "/simple/toy/"+name+suffix, "BELOW-2").Code)
		require.Equal(t, "/files/a%2Fb/toy-1.9.0%2Bcu118-py3-none-any.whl"+suffix, asked)
	}
}

func TestScriptsInAnyEncodingArePassedOver(t *testing.T) {
	t.Parallel()
	for _, script := range []string{strings.Repeat("\xe9", 20), strings.Repeat("\xe9", 2000), "</scrip>", "</", "<a href='toy-2.1.0.tar.gz'>"} {
		h := gated(toyLicenses(t, "toy"), false, pageOf("text/html", "<html><script>//"+script+"</SCRIPT><a href=/files/toy-1.9.0.tar.gz>x</a>"))
		require.Equal(t, 1, strings.Count(get(h, "/simple/toy/", "BELOW-2").Body.String(), "<a "))
		require.Equal(t, "file at /files/toy-1.9.0.tar.gz", get(h, "/simple/toy/toy-1.9.0.tar.gz", "BELOW-2").Body.String())
	}
}

func TestWhatIsNoPageIsABadGateway(t *testing.T) {
	t.Parallel()
	for _, c := range [][2]string{
		{jsonType, `{"files":[]`},
		{jsonType, `{"name":"toy"}`},
		{jsonType, `{"files":[],"files":[]}`},
		{jsonType, `{"files":[{"filename":"toy-1.0.tar.gz","url":"toy-1.0.tar.gz","url":"toy-2.0.tar.gz"}]}`},
		{jsonType, `{"files":[{"filename":"toy-1.0.tar.gz","url":"://"}]}`},
		{jsonType, `{"files":[{"filename":"toy-1.0.tar.gz","url":"toy-1.0.tar.gz"}]} x`},
		{jsonType, `[]`},
		{jsonType, "\ufeff" + `{"files":[]}`},
		{jsonType, `{"x":` + strings.Repeat("[", 600) + strings.Repeat("]", 600) + `,"files":[]}`},
		{jsonType, ``},
		{"text/html", ``},
		{"text/html", `{"files":[]}`},
		{"text/html", `<html><a href="x`},
		{"text/plain", `<html></html>`},
		{"", `<html></html>`},
		{"application/vnd.pypi.simple.v2+json", `{"files":[]}`},
	} {
		w := get(gated(toyLicenses(t, "toy"), false, pageOf(c[0], c[1])), "/simple/toy/", "BELOW-2", "Accept", pipType)
		require.Equal(t, http.StatusBadGateway, w.Code, c[1])
		require.NotContains(t, w.Body.String(), "files")
	}
}

func TestYankedMembersAreReplacedInEveryForm(t *testing.T) {
	t.Parallel()
	for _, yanked := range []string{``, `,"yanked":false`, `,"yanked":true`, `,"yanked":"broken"`, `,"yanked":null`, `,"yanked" : {"a":[1]}`} {
		h := gated(toyLicenses(t, "toy"), false, pageOf(jsonType,
			`{"files":[{"filename":"toy-2.0.tar.gz","url":"toy-2.0.tar.gz"`+yanked+`},{"filename":"toy-1.0.tar.gz","url":"toy-1.0.tar.gz"}],"versions":["2.0","1.0","3.0"]}`))
		p := decode(t, get(h, "/simple/toy/", "BELOW-2", "Accept", pipType).Body.Bytes())
		require.Equal(t, "your license does not cover this version", p.Files[0].Yanked)
		require.Equal(t, []string{"toy-1.0.tar.gz"}, p.offered())
		require.Equal(t, []string{"1.0"}, p.Versions)
	}
}

func TestListingOfAnotherKeyIsNotReused(t *testing.T) {
	t.Parallel()
	h := gated(toyLicenses(t, "toy"), false, toy(t, "toy"))
	w := get(h, "/simple/toy/", "BELOW-2", "Accept", pipType)
	etag := w.Header().Get("ETag")
	require.Equal(t, "private, no-cache", w.Header().Get("Cache-Control"))
	require.Empty(t, w.Header().Get("Last-Modified"))
	require.Equal(t, http.StatusNotModified, get(h, "/simple/toy/", "BELOW-2", "Accept", pipType, "If-None-Match", etag).Code)
	require.Equal(t, http.StatusOK, get(h, "/simple/toy/", "UNLIMITED", "Accept", pipType, "If-None-Match", etag).Code)
	for range 20 { // made from JSON, a page in HTML is the same each time
		fallback := gated(toyLicenses(t, "toy"), true, toy(t, "toy"))
		require.Equal(t, get(fallback, "/simple/toy/", "EXPIRED").Header().Get("ETag"), get(fallback, "/simple/toy/", "EXPIRED").Header().Get("ETag"))
	}
}
