// Package pypi lets a [gate] speak to pip, uv, Poetry and whatever else reads a Python index of
// the simple kind: PEP 503 and its successors, in HTML and JSON.
//
// It filters the pages of projects, gates wheels, source distributions and their metadata files, and
// knows nothing else: not the list of all projects, nor uploads. A file that the license does not open stays
// listed, marked as yanked (PEP 592), so that nobody gets it who has not asked for exactly that version;
// who has is told why it is denied.
//
//	protect := gate.New(checker, pypi.Adapter{}, gate.Options{})
//	mux.Handle("/pypi/", http.StripPrefix("/pypi", protect(registry)))
//
// The registry behind has its pages at /simple/, and its files on whatever paths these pages
// name, see [Adapter.Files]. Clients get files at /simple/PROJECT/FILE, for which the gate looks up the path in the page
// of the project.
//
// A customer installs with
//
//	pip install --index-url https://user:KEY@packages.acme.example/pypi/simple/ toy
//
// or has that as index-url in pip.conf, or the key in ~/.netrc, which pip reads too:
//
//	machine packages.acme.example login user password KEY
//
// Where packages from elsewhere are wanted as well, it goes to extra-index-url.
package pypi

import (
	"net/http"
	"strings"

	"github.com/privatepkgs/license"
	"github.com/privatepkgs/license/gate"
)

// Adapter is the [gate.Adapter] of PyPI. The zero value is ready to use.
type Adapter struct {
	// Files is the URL that the registry puts before the paths of its files, where it
	// names them by whole URLs or paths and is not at the root of its host; for instance, with Gitea,
	// "https://gitea.acme.example/api/packages/acme/pypi". What follows is the path that the registry is asked
	// for, and a file that is elsewhere is left out. Empty means that the paths are taken whole, and the host is
	// not looked at. Links that are relative to their page need neither.
	Files string
}

var _ gate.Locator = Adapter{}

// The forms of a page. Every server has HTML; releases have times in JSON only (PEP 700).
const (
	jsonType = "application/vnd.pypi.simple.v1+json"
	htmlType = "application/vnd.pypi.simple.v1+html"

	acceptJSON = jsonType + ", " + htmlType + ";q=0.2, text/html;q=0.1"
	acceptHTML = htmlType + ";q=0.2, text/html"
)

// metadataEnding is what a metadata file has after the name of the file that it is about (PEP 658).
const metadataEnding = ".metadata"

// Ecosystem returns "pypi".
func (Adapter) Ecosystem() string { return "pypi" }

// Parse implements [gate.Adapter]. It reads /simple/PROJECT/, /simple/PROJECT/FILE and
// /simple/PROJECT/FILE.metadata.
func (Adapter) Parse(r *http.Request) gate.Resource {
	res := parsePath(r.URL.Path)
	res.Keys = gate.Credentials(r)
	if res.Kind == gate.Listing && !takesJSON(r) {
		res.Accept = acceptHTML
	}
	return res
}

func parsePath(path string) gate.Resource {
	rest, ok := strings.CutPrefix(path, "/simple/")
	if !ok {
		return gate.Resource{}
	}
	name, file, _ := strings.Cut(rest, "/")
	project := normalName(name)
	if project == "" {
		return gate.Resource{}
	}
	if file == "" {
		return listing(project)
	}
	v := versionOf(project, strings.TrimSuffix(file, metadataEnding))
	if v == "" {
		return gate.Resource{}
	}
	return gate.Resource{Kind: gate.Artifact, Form: file, Package: project, Version: v, Locate: true}
}

func listing(project string) gate.Resource {
	return gate.Resource{
		Kind:       gate.Listing,
		Package:    project,
		Path:       "/simple/" + project + "/",
		Accept:     acceptJSON,
		AcceptFull: acceptJSON,
		// Beside another index, clients ask both for everything, and warn of all that is not a 404.
		Probe: true,
	}
}

// takesJSON reports whether the client has named the JSON form as one that it reads.
func takesJSON(r *http.Request) bool {
	for _, accept := range r.Header.Values("Accept") {
		for kind := range strings.SplitSeq(accept, ",") {
			kind, _, _ = strings.Cut(kind, ";")
			kind = strings.TrimSpace(kind)
			if strings.EqualFold(kind, jsonType) || strings.EqualFold(kind, "application/vnd.pypi.simple.latest+json") {
				return true
			}
		}
	}
	return false
}

// Source names the page of the project, which has the paths of files, and in JSON says when
// each was uploaded.
func (Adapter) Source(res gate.Resource) (gate.Resource, bool) {
	return listing(res.Package), res.Package != ""
}

// Locate implements [gate.Locator].
func (a Adapter) Locate(res gate.Resource, doc *gate.Document) (path string, err error) {
	p, err := a.readPage(res.Package, doc)
	if err != nil {
		return "", err
	}
	name := strings.TrimSuffix(res.Form, metadataEnding)
	for _, f := range p.files {
		if f.name == name {
			return f.path + strings.TrimPrefix(res.Form, name), nil
		}
	}
	return "", nil
}

// Deny answers in the forms that pip shows: for a page only a Content-Type that it does
// not know, which it prints; for a file the reason phrase, which the gate sets.
func (Adapter) Deny(r *http.Request, res gate.Resource, d gate.Denial) gate.Answer {
	a := gate.Answer{Status: http.StatusPaymentRequired, ContentType: "text/plain; charset=utf-8", Body: []byte(d.Message + "\n")}
	switch d.Decision.Code {
	case gate.NoKey, license.NotFound:
		a.Status, a.Challenge = http.StatusUnauthorized, `Basic realm="license key"`
		return a
	case gate.NotInRegistry:
		a.Status = http.StatusNotFound
		return a
	}
	switch {
	case res.Kind == gate.Listing && strings.HasPrefix(r.UserAgent(), "pip/"):
		a.Status, a.ContentType = http.StatusOK, "text/plain; "+d.Line
	case res.Kind == gate.Artifact && d.Decision.Code != license.Suspended &&
		d.Decision.Code != license.Expired && d.Decision.Code != license.PackageNotCovered,
		res.Kind == gate.Unknown:
		a.Status = http.StatusForbidden
	}
	return a
}
