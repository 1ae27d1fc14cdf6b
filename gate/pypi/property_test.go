package pypi_test

import (
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/Masterminds/semver/v3"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/privatepkgs/license"
	"github.com/privatepkgs/license/gate"
	"github.com/privatepkgs/license/gate/pypi"
	"github.com/privatepkgs/license/internal/gatetest"
)

var anyVersion = rapid.Custom(func(t *rapid.T) string {
	v := rapid.SampledFrom([]string{"0", "1", "1.9", "1.9.0", "2", "2.0", "2.0.0", "2.0.0.1", "3.1", "v1.0", "1!1.0"}).Draw(t, "release")
	v += rapid.SampledFrom([]string{"", "", "", "a1", "b1", "rc2", "RC2"}).Draw(t, "pre")
	v += rapid.SampledFrom([]string{"", "", "", ".post1", ".dev1", ".post1.dev1"}).Draw(t, "post")
	return v + rapid.SampledFrom([]string{"", "", "", "", "+local", "x"}).Draw(t, "local")
})

var anyRange = rapid.SampledFrom([]string{"<2.0.0", "<=1.9.0", "=2.0.0", ">=1.9.0", "^2", ">=2.0.0-beta.1 <3.0.0", ">=2.0.0-0", "*", "<0.0.1"})

// upload is a file on a page.
type upload struct {
	name string
	at   time.Time
}

var anyUpload = rapid.Custom(func(t *rapid.T) upload {
	v := anyVersion.Draw(t, "version")
	u := upload{name: "toy-" + v + rapid.SampledFrom([]string{"-py3-none-any.whl", "-1-cp311-cp311-linux_x86_64.whl", ".tar.gz", ".zip", ".egg"}).Draw(t, "kind")}
	if rapid.Bool().Draw(t, "dated") {
		u.at = time.Date(rapid.IntRange(2020, 2024).Draw(t, "year"), 1, 1, 0, 0, 0, 0, time.UTC)
	}
	return u
})

func pageInJSON(uploads []upload) string {
	files := []map[string]string{}
	versions := []string{"0.0.7"} // one that has no file
	for i, u := range uploads {
		f := map[string]string{"filename": u.name, "url": fmt.Sprintf("../../files/%d/%s", i, u.name)}
		if !u.at.IsZero() {
			f["upload-time"] = u.at.Format(time.RFC3339)
		}
		files = append(files, f)
	}
	text, err := json.Marshal(map[string]any{"files": files, "versions": versions})
	if err != nil {
		panic(err)
	}
	return string(text)
}

func pageInHTML(uploads []upload) string {
	var b strings.Builder
	b.WriteString("<!DOCTYPE html><html><body>")
	for i, u := range uploads {
		fmt.Fprintf(&b, `<a href="/files/%d/%s">%s</a>`, i, html.EscapeString(u.name), html.EscapeString(u.name))
	}
	return b.String()
}

var anchors = regexp.MustCompile(`<a href="([^"]*)"([^>]*)>([^<]*)</a>`)

// offeredIn returns the names of the files on a page, and whether each is offered.
func offeredIn(t require.TestingT, contentType, body string) map[string]bool {
	offered := make(map[string]bool)
	if strings.HasPrefix(contentType, jsonType) {
		p := decode(t, []byte(body))
		for _, f := range p.Files {
			offered[f.Filename] = f.Yanked == nil || f.Yanked == false
		}
		return offered
	}
	for _, m := range anchors.FindAllStringSubmatch(body, -1) {
		offered[html.UnescapeString(m[3])] = !strings.Contains(m[2], "data-yanked=")
	}
	return offered
}

func TestFileIsOfferedIfAndOnlyIfItIsServed(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		l := new(gatetest.Licenses)
		switch rapid.IntRange(0, 3).Draw(t, "license") {
		case 0:
			l.Add("KEY", license.NoConstraint(), "toy")
		case 1:
			l.Add("KEY", license.DateConstraint(gatetest.Now.AddDate(rapid.IntRange(-4, 1).Draw(t, "years"), 0, 0)), "Toy")
		default:
			c, err := license.VersionConstraint(anyRange.Draw(t, "range"))
			require.NoError(t, err)
			l.Add("KEY", c, "toy")
		}
		uploads := rapid.SliceOfN(anyUpload, 1, 8).Draw(t, "uploads")
		jsonPage, htmlPage := pageInJSON(uploads), pageInHTML(uploads)
		hasJSON := rapid.Bool().Draw(t, "the registry has JSON")
		registry := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch {
			case r.URL.Path != "/simple/toy/":
				fmt.Fprint(w, r.URL.Path)
			case hasJSON && strings.Contains(r.Header.Get("Accept"), jsonType):
				w.Header().Set("Content-Type", jsonType)
				fmt.Fprint(w, jsonPage)
			default:
				w.Header().Set("Content-Type", "text/html")
				fmt.Fprint(w, htmlPage)
			}
		})
		h := gated(l, rapid.Bool().Draw(t, "fallback"), registry)
		accept := rapid.SampledFrom([]string{"text/html", pipType}).Draw(t, "accept")
		w := get(h, "/simple/toy/", "KEY", "Accept", accept)
		offered := map[string]bool{}
		if w.Code == http.StatusOK {
			offered = offeredIn(t, w.Header().Get("Content-Type"), w.Body.String())
			require.Equal(t, hasJSON && accept == pipType, w.Header().Get("Content-Type") == jsonType)
		}
		for i, u := range uploads {
			served := get(h, "/simple/toy/"+u.name, "KEY")
			require.Equal(t, offered[u.name], served.Code == http.StatusOK, "%s: %d", u.name, served.Code)
			if served.Code == http.StatusOK && i == 0 {
				require.Equal(t, "/files/0/"+u.name, served.Body.String())
			}
			require.Equal(t, served.Code, get(h, "/simple/toy/"+u.name+".metadata", "KEY").Code)
		}
	})
}

// parse has the adapter read a path; one that is no URL is not recognised.
func parse(path, accept string) gate.Resource {
	u, err := url.Parse(path)
	if err != nil {
		return gate.Resource{}
	}
	return pypi.Adapter{}.Parse(&http.Request{Method: http.MethodGet, URL: u, Header: http.Header{"Accept": {accept}}})
}

func FuzzRewrite(f *testing.F) {
	uploads := []upload{{"toy-1.9.0.tar.gz", gatetest.Now}, {"toy-2.0.0rc1-py3-none-any.whl", gatetest.Now}, {"toy-2.1.0.zip", time.Time{}}}
	f.Add(pageInJSON(uploads), true, true)
	f.Add(pageInJSON(uploads), true, false)
	f.Add(pageInHTML(uploads), false, false)
	f.Add(`{"files":[{"filename":"toy-2.0.zip","url":"toy-2.0.zip","yanked":"x","core-metadata":{"sha256":"y"}}],"versions":["2.0","1.0"]}`, true, true)
	f.Add(`<a href='toy-1.9.tar.gz#sha256=00' data-yanked data-requires-python="<3">`, false, false)
	f.Fuzz(func(t *testing.T, body string, isJSON, wantsJSON bool) {
		doc := &gate.Document{Body: []byte(body), ContentType: "text/html", Path: "/simple/toy/", Base: "http://gate.example"}
		accept := ""
		if isJSON {
			doc.ContentType = jsonType
		}
		if wantsJSON {
			accept = pipType
		}
		permitted := func(v string, _ time.Time) bool { return admits(t, "<2.0.0", v) }
		out, err := pypi.Adapter{}.Rewrite(parse("/simple/toy/", accept), doc, gate.Filter{Allows: permitted})
		if err != nil {
			return
		}
		require.Equal(t, isJSON && wantsJSON, doc.ContentType == jsonType)
		for name, offered := range offeredIn(t, doc.ContentType, string(out)) {
			res := parse("/simple/toy/"+name, "")
			require.Equal(t, gate.Artifact, res.Kind, "%q is listed and cannot be asked for", name)
			require.True(t, !offered || permitted(res.Version, time.Time{}), name)
		}
		if doc.ContentType == jsonType {
			for _, v := range decode(t, out).Versions {
				require.True(t, permitted(v, time.Time{}), v)
			}
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, path := range []string{"/simple/toy/", "/simple/toy/toy-1.9.0-py3-none-any.whl.metadata", "/simple/a-1/a-1-2.tar.gz", "/simple/x"} {
		f.Add(path)
	}
	f.Fuzz(func(t *testing.T, path string) {
		res := parse(path, "")
		pypi.Adapter{}.Semver(res.Version)
		switch res.Kind {
		case gate.Unknown:
		case gate.Listing:
			require.Equal(t, "/simple/"+res.Package+"/", res.Path)
			require.Equal(t, res.Package, parse(res.Path, "").Package, "the normal form is stable")
		case gate.Artifact:
			require.NotEmpty(t, res.Version)
			require.True(t, res.Locate)
		default:
			t.Fatal(res.Kind)
		}
	})
}

func FuzzSemver(f *testing.F) {
	for _, v := range []string{"1.9.0.post1.dev2+a.1", "2!1rc1", "v2.0-1", "2.0.0-beta.1"} {
		f.Add(v)
	}
	f.Fuzz(func(t *testing.T, version string) {
		got := pypi.Adapter{}.Semver(version)
		require.Equal(t, version == "", got == "")
		if parsed, err := semver.StrictNewVersion(got); err == nil {
			require.LessOrEqual(t, len(got), semver.MaxVersionLen, parsed)
		} else {
			_, err := semver.NewVersion(got)
			require.Error(t, err, "a version without a place must not be given one")
		}
	})
}
