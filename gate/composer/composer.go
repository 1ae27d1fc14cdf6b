// Package composer lets a [gate] speak to Composer 2.
//
// It rewrites packages.json and the metadata files of packages (p2/acme/toy.json with the releases,
// p2/acme/toy~dev.json with the branches), minified or not, gates the archives, and knows nothing else:
// neither search, nor lists, notifications, mirrors or advisories, nor what only Composer 1 reads.
//
//	protect := gate.New(checker, composer.Adapter{}, gate.Options{})
//	mux.Handle("/composer/", http.StripPrefix("/composer", protect(registry)))
//
// A customer then has in composer.json
//
//	"repositories": [{"type": "composer", "url": "https://packages.acme.example/composer"}]
//
// and enters the key with
//
//	composer config --global http-basic.packages.acme.example user KEY
//
// or with composer config --global bearer.packages.acme.example KEY.
//
// # The registry
//
// It must speak the protocol of Composer 2: its packages.json has a metadata-url, and the metadata
// files are at /p2/. Satis, Packeton and Gitea do. What stands inside packages.json itself, or in its includes
// and providers, as Satis writes it for Composer 1, tells about all packages at once and goes to
// nobody; a registry that has nothing else is answered with 502.
//
// Archives must be at the registry too, and at a URL without a query: with Satis, set archive. Clients get
// them at /dist/PACKAGE/VERSION/REFERENCE.TYPE, which is also what composer.lock keeps, and for which the
// gate looks up the path in the metadata file. An archive is served while that file has it under this
// version and reference: once a branch has moved on, its former commits cannot be installed any more. The
// sources, which would lead past the gate, are left out, and so is a version that has nothing else.
//
// # Versions
//
// A branch (dev-main, 1.x-dev) is opened only by a license without a range. All other versions are
// mapped to semver, see [Adapter.Semver].
//
// What a customer sees: without a version they get the newest that is paid for. A denied package, and a
// denied version in composer.lock, are answered with a warning, which Composer prints. A denied version that
// is asked for by number is not in the listing, so Composer says in its own words that there is none; but
// to say so it looks at the branches too, and prints the gate's sentence about these. Whoever allows
// development versions, and has a license that opens no branch, sees that sentence at each update.
package composer

import (
	"net/http"
	"strings"

	"github.com/privatepkgs/license"
	"github.com/privatepkgs/license/gate"
	"github.com/privatepkgs/license/internal/rawjson"
)

// Adapter is the [gate.Adapter] of Composer. The zero value is ready to use.
type Adapter struct {
	// Archives is the URL that the registry puts before the paths of its archives, without a slash at the
	// end, for instance "https://satis.acme.example/repo": with Satis the prefix-url of archive, or
	// homepage. What follows is the path that the registry is asked for, and a version whose archive is
	// elsewhere is left out. Empty means that the paths are taken whole, and the host is not looked at, which
	// is right for a registry at the root of its host.
	Archives string
}

var _ gate.Locator = Adapter{}

// Forms of a Resource. That of an Artifact is the name of its file.
const (
	root     = "packages.json"
	releases = "releases" // the metadata file of a package
	branches = "branches" // the one that has its development versions
)

// Ecosystem returns "composer".
func (Adapter) Ecosystem() string { return "composer" }

// Covers compares without regard to case: Composer folds the names of packages.
func (Adapter) Covers(name, pkg string) bool { return strings.EqualFold(name, pkg) }

// Parse implements [gate.Adapter]. It reads /packages.json, /p2/PACKAGE.json, /p2/PACKAGE~dev.json and
// /dist/PACKAGE/VERSION/REFERENCE.TYPE, where a version may have slashes.
func (Adapter) Parse(r *http.Request) gate.Resource {
	res := parsePath(r.URL.Path)
	res.Keys = gate.Credentials(r)
	return res
}

func parsePath(path string) gate.Resource {
	if path == "/packages.json" {
		return gate.Resource{Kind: gate.Service, Form: root, Rewrite: true}
	}
	if rest, ok := strings.CutPrefix(path, "/p2/"); ok {
		name, ok := strings.CutSuffix(rest, ".json")
		form := releases
		if bare, ok := strings.CutSuffix(name, "~dev"); ok {
			name, form = bare, branches
		}
		if !ok || !validName(name) {
			return gate.Resource{}
		}
		return listing(name, form)
	}
	rest, ok := strings.CutPrefix(path, archives)
	if !ok {
		return gate.Resource{}
	}
	vendor, rest, _ := strings.Cut(rest, "/")
	name, rest, _ := strings.Cut(rest, "/")
	name = vendor + "/" + name
	slash := strings.LastIndexByte(rest, '/')
	if slash < 0 || !validName(name) || !validVersion(rest[:slash]) || !validFile(rest[slash+1:]) {
		return gate.Resource{}
	}
	return gate.Resource{
		Kind: gate.Artifact, Form: rest[slash+1:], Package: name, Version: rest[:slash], Locate: true,
	}
}

// archives is the path below which the gate has the archives.
const archives = "/dist/"

func listing(name, form string) gate.Resource {
	path := "/p2/" + name + ".json"
	if form == branches {
		path = "/p2/" + name + "~dev.json"
	}
	// A client may ask for packages of others' too, and take them from elsewhere after a 404.
	return gate.Resource{Kind: gate.Listing, Form: form, Package: name, Path: path, Probe: true}
}

// validName reports whether s is vendor/name as Composer would have it, in lower case.
func validName(s string) bool {
	vendor, name, ok := strings.Cut(s, "/")
	return ok && len(s) <= 200 && validPart(vendor) && validPart(name)
}

func validPart(s string) bool {
	return s != "" && isAlphanumeric(s[0]) && isAlphanumeric(s[len(s)-1]) && s == lowerASCII(s) && madeOf(s, "._-")
}

// validVersion reports whether s can be a version that the gate has an address for.
func validVersion(s string) bool {
	if s == "" || len(s) > maxVersion || !madeOf(s, "._-+/") {
		return false
	}
	for part := range strings.SplitSeq(s, "/") {
		if part == "" || part == "." || part == ".." {
			return false
		}
	}
	return true
}

func validFile(s string) bool {
	return len(s) <= 200 && s != "" && s[0] != '.' && madeOf(s, "._-")
}

// madeOf reports whether s has nothing but letters and digits of ASCII and these marks.
func madeOf(s, marks string) bool {
	for i := 0; i < len(s); i++ {
		if !isAlphanumeric(s[i]) && strings.IndexByte(marks, s[i]) < 0 {
			return false
		}
	}
	return true
}

func isAlphanumeric(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

// Source names the metadata file that has the version: when it was released, and where its archive is.
func (Adapter) Source(res gate.Resource) (gate.Resource, bool) {
	if !validName(res.Package) {
		return gate.Resource{}, false
	}
	return listing(res.Package, formOf(res.Version)), true
}

// formOf returns in which of the two metadata files a version stands.
func formOf(version string) string {
	if isDev(version) {
		return branches
	}
	return releases
}

// Deny answers {"warning": "..."}, which Composer prints. It stops at any status but 404, with which it
// looks elsewhere for the package.
func (Adapter) Deny(_ *http.Request, res gate.Resource, d gate.Denial) gate.Answer {
	warning := `"warning":` + rawjson.Quote(strings.ToValidUTF8(d.Message, "\ufffd"))
	a := gate.Answer{Status: http.StatusPaymentRequired, ContentType: "application/json", Body: []byte("{" + warning + "}")}
	switch d.Decision.Code {
	case gate.NoKey, license.NotFound:
		a.Status, a.Challenge = http.StatusUnauthorized, `Basic realm="license key"`
	case gate.NotInRegistry: // nothing that a license is to blame for
		a.Status, a.Body = http.StatusNotFound, []byte(`{"packages":[]}`)
	case license.PackageNotCovered, gate.NotRecognized:
		a.Status = http.StatusNotFound
	case license.VersionNotAllowed, license.VersionInvalid:
		if res.Kind == gate.Listing {
			a.Status, a.Body = http.StatusOK, []byte(`{"packages":{`+rawjson.Quote(res.Package)+`:[]},`+warning+`}`)
		}
	}
	return a
}
