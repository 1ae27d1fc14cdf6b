// Package cargo lets a [gate] speak to cargo, in the protocol of sparse registries
// (https://doc.rust-lang.org/cargo/reference/registry-index.html). An index in git cannot be gated.
//
// It has cargo send the key with every request, and download through the gate; marks versions
// that the license does not open as yanked, so that cargo takes another one, but still asks
// for one that Cargo.lock has, and shows why it is denied; and gates the crate files. Nothing is
// published through it, nor searched for: config.json names no API.
//
//	protect := gate.New(checker, cargo.Adapter{}, gate.Options{})
//	mux.Handle("/cargo/", http.StripPrefix("/cargo", protect(registry)))
//
// A customer then has in .cargo/config.toml
//
//	[registries.acme]
//	index = "sparse+https://packages.acme.example/cargo/"
//	credential-provider = "cargo:token"
//
// and enters the key at the prompt of
//
//	cargo login --registry acme
//
// or sets CARGO_REGISTRIES_ACME_TOKEN. The key alone will do, and so will "Bearer KEY".
//
// Names of packages are compared without regard to case, as an index has them. A hyphen and
// an underscore are different, as they are to cargo: a license must name a package as it was published.
package cargo

import (
	"net/http"
	"strings"

	"github.com/Masterminds/semver/v3"

	"github.com/privatepkgs/license"
	"github.com/privatepkgs/license/gate"
)

// Adapter is the [gate.Adapter] of cargo. The zero value is ready to use.
type Adapter struct {
	// Download is where the registry has its crate files, as a path below the one of its index:
	// the dl of its config.json, with the markers {crate}, {version}, {prefix} and {lowerprefix}, for
	// instance "/crates/{crate}/{version}.crate". Empty means
	// "/api/v1/crates/{crate}/{version}/download", as crates.io has it.
	Download string
}

var _ gate.Adapter = Adapter{}

// downloads is the path below which the gate has the crate files.
const downloads = "/api/v1/crates"

// Forms of a Resource.
const (
	config = "config" // config.json
	index  = "index"  // the versions of a package, one JSON object a line
)

// Ecosystem returns "cargo".
func (Adapter) Ecosystem() string { return "cargo" }

// Covers compares without regard to case.
func (Adapter) Covers(name, pkg string) bool { return strings.EqualFold(name, pkg) }

// Semver returns the version as it is.
func (Adapter) Semver(version string) string { return version }

// Parse implements [gate.Adapter].
func (a Adapter) Parse(r *http.Request) gate.Resource {
	res := a.parsePath(r.URL.Path)
	res.Keys = gate.Credentials(r)
	return res
}

func (a Adapter) parsePath(path string) gate.Resource {
	if path == "/config.json" {
		return gate.Resource{Kind: gate.Service, Form: config, Rewrite: true}
	}
	if rest, ok := strings.CutPrefix(path, downloads+"/"); ok {
		parts := strings.Split(rest, "/")
		if len(parts) != 3 || !validName(parts[0]) || !validVersion(parts[1]) || parts[2] != "download" {
			return gate.Resource{}
		}
		return gate.Resource{
			Kind: gate.Artifact, Package: strings.ToLower(parts[0]), Version: parts[1],
			Path: a.download(parts[0], parts[1]),
		}
	}
	name := path[strings.LastIndexByte(path, '/')+1:]
	if !validName(name) || path != indexPath(name) {
		return gate.Resource{}
	}
	return indexOf(name)
}

func indexOf(name string) gate.Resource {
	return gate.Resource{
		Kind: gate.Listing, Form: index, Package: name, Path: indexPath(name),
		Probe: true, // cargo add tries a name with a hyphen and with an underscore, and goes on after a 404 only
	}
}

// download returns the path of a crate file at the registry; empty means as the gate has it.
func (a Adapter) download(name, version string) string {
	if a.Download == "" {
		return ""
	}
	return strings.NewReplacer(
		"{crate}", name, "{version}", version,
		"{prefix}", prefix(name), "{lowerprefix}", prefix(strings.ToLower(name)),
	).Replace(a.Download)
}

// indexPath returns the path of the file of a package in an index, which is in lower case.
func indexPath(name string) string {
	name = strings.ToLower(name)
	return "/" + prefix(name) + "/" + name
}

func prefix(name string) string {
	switch len(name) {
	case 1, 2:
		return string(rune('0' + len(name)))
	case 3:
		return "3/" + name[:1]
	default:
		return name[:2] + "/" + name[2:4]
	}
}

// validName reports whether s can be the name of a package, as crates.io has it.
func validName(s string) bool {
	return s != "" && len(s) <= 64 && !strings.ContainsFunc(s, func(c rune) bool {
		return !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_')
	})
}

// validVersion reports whether cargo would take s for a version; a registry has no other.
func validVersion(s string) bool {
	_, err := semver.StrictNewVersion(s)
	return err == nil
}

// Source names the file of the package in the index, which may say when a version was published.
func (Adapter) Source(res gate.Resource) (gate.Resource, bool) {
	if !validName(res.Package) {
		return gate.Resource{}, false
	}
	return indexOf(res.Package), true
}

// Deny answers in plain text, which cargo shows. It takes a 404 for a package that is not there, and
// config.json needs a 401 without a key, for only then it sends one.
func (Adapter) Deny(_ *http.Request, _ gate.Resource, d gate.Denial) gate.Answer {
	status := http.StatusForbidden
	switch d.Decision.Code {
	case gate.NoKey, license.NotFound:
		status = http.StatusUnauthorized
	case gate.NotInRegistry:
		status = http.StatusNotFound
	}
	return gate.Answer{Status: status, ContentType: "text/plain; charset=utf-8", Body: []byte(d.Message + "\n")}
}
