// Package goproxy lets a [gate] speak to the go command, in the GOPROXY protocol
// (https://go.dev/ref/mod#goproxy-protocol).
//
// It filters @v/list, gates @latest, the .info files and the .zip files, and leaves the .mod files
// open to whoever has the package: the go command reads those of lower versions, too, to choose
// among all. It is no checksum database, and says so, so that the go command asks its own.
//
//	protect := gate.New(checker, goproxy.Adapter{}, gate.Options{})
//	mux.Handle("/go/", http.StripPrefix("/go", protect(registry)))
//
// The go command sends a key over https only. A customer sets
//
//	go env -w GOPROXY="https://user:KEY@packages.acme.example/go,$(go env GOPROXY)"
//	go env -w GONOSUMDB=acme.example/*
//
// or leaves the key out of GOPROXY and has it in .netrc as the password. GOPRIVATE alone would
// go around the proxy.
//
// A license that names example.com/toy opens example.com/toy/v2 and so on, for a range
// decides about those; one that names example.com/toy/v2 opens that alone. Under a range, a
// prerelease is denied unless the range names it, and +incompatible makes no difference. No range opens
// a pseudo-version: whoever asks for one may put any commit behind nearly any release.
package goproxy

import (
	"net/http"
	"strings"

	"golang.org/x/mod/module"

	"github.com/privatepkgs/license"
	"github.com/privatepkgs/license/gate"
)

// Adapter is the [gate.Adapter] of Go modules. The zero value is ready to use.
type Adapter struct{}

var _ gate.Adapter = Adapter{}

// Forms of a Resource.
const (
	list = "list" // @v/list: versions, one a line
	info = "info" // @latest and .info: one version, in JSON
)

// Ecosystem returns "go".
func (Adapter) Ecosystem() string { return "go" }

// Covers compares byte for byte: a module path has no other spelling. A path covers the
// same one with a major version after it.
func (Adapter) Covers(name, pkg string) bool {
	prefix, _, ok := module.SplitPathVersion(pkg)
	return name == pkg || ok && name == prefix
}

// Semver cuts the v off. A query ("v1", "main") has no such form, and a pseudo-version is a commit, which the go
// command and so a proxy gives to whoever names it behind any tag that precedes it.
func (Adapter) Semver(version string) string {
	switch {
	case version == "":
		return ""
	case module.IsPseudoVersion(version):
		return "pseudo:" + version
	case module.CanonicalVersion(version) == version:
		return version[1:]
	default:
		return "query:" + version // for 1 or v1 would be read as 1.0.0
	}
}

// Parse implements [gate.Adapter].
func (Adapter) Parse(r *http.Request) gate.Resource {
	res := parsePath(r.URL.Path)
	res.Keys = gate.Credentials(r)
	res.Probe = true // the go command asks for all parents of a path, and goes on after a 404 only
	return res
}

func parsePath(path string) gate.Resource {
	path, ok := strings.CutPrefix(path, "/")
	if !ok {
		return gate.Resource{}
	}
	if escaped, ok := strings.CutSuffix(path, "/@latest"); ok {
		if mod, err := module.UnescapePath(escaped); err == nil {
			return gate.Resource{Kind: gate.Listing, Form: info, Package: mod}
		}
		return gate.Resource{}
	}
	escaped, file, ok := strings.Cut(path, "/@v/")
	mod, err := module.UnescapePath(escaped)
	if !ok || err != nil {
		return gate.Resource{}
	}
	if file == "list" {
		return gate.Resource{Kind: gate.Listing, Form: list, Package: mod}
	}
	dot := strings.LastIndexByte(file, '.')
	if dot < 0 {
		return gate.Resource{}
	}
	version, err := module.UnescapeVersion(file[:dot])
	if err != nil {
		return gate.Resource{}
	}
	canonical := isVersion(mod, version)
	switch extension := file[dot:]; {
	case extension == ".info" && canonical:
		return infoOf(mod, version)
	case extension == ".info":
		return gate.Resource{Kind: gate.Listing, Form: info, Package: mod} // which one, the answer says
	case extension == ".mod" && canonical:
		return gate.Resource{Kind: gate.Metadata, Package: mod}
	case extension == ".zip" && canonical:
		return gate.Resource{Kind: gate.Artifact, Package: mod, Version: version}
	default:
		return gate.Resource{}
	}
}

// isVersion reports whether version is one that the module can have, and no query.
func isVersion(mod, version string) bool {
	return module.CanonicalVersion(version) == version && module.Check(mod, version) == nil
}

// infoOf returns the .info of a version, whose Path is empty when the version has none.
func infoOf(mod, version string) gate.Resource {
	res := gate.Resource{Kind: gate.Listing, Form: info, Package: mod, Version: version}
	escapedMod, err := module.EscapePath(mod)
	if err != nil {
		return res
	}
	if escaped, err := module.EscapeVersion(version); err == nil {
		res.Path = "/" + escapedMod + "/@v/" + escaped + ".info"
	}
	return res
}

// Source names the .info of the version, whose Time is that of the commit.
func (Adapter) Source(res gate.Resource) (gate.Resource, bool) {
	source := infoOf(res.Package, res.Version)
	return source, source.Path != ""
}

// Deny answers in plain text, which the go command shows. Only what the registry has not is a 404, for
// after one the go command goes on to the next entry of GOPROXY, and so is a checksum
// database, which it then asks itself.
func (Adapter) Deny(r *http.Request, _ gate.Resource, d gate.Denial) gate.Answer {
	status := http.StatusForbidden
	switch d.Decision.Code {
	case gate.NoKey, license.NotFound:
		status = http.StatusUnauthorized
	case gate.NotInRegistry:
		status = http.StatusNotFound
	case gate.NotRecognized:
		if strings.HasPrefix(r.URL.Path, "/sumdb/") {
			status = http.StatusNotFound
		}
	}
	return gate.Answer{Status: status, ContentType: "text/plain; charset=utf-8", Body: []byte(d.Message + "\n")}
}
