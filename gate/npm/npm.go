// Package npm lets a [gate] speak to npm, pnpm and yarn (1 and berry).
//
// It filters packuments, full and abbreviated, single manifests, dist-tags and what a search
// finds, gates tarballs, and lets through what these clients ask besides: pings, audits, signing
// keys and their own update notices. Nothing is published through it.
//
//	protect := gate.New(checker, npm.Adapter{}, gate.Options{})
//	mux.Handle("/npm/", http.StripPrefix("/npm", protect(registry)))
//
// The registry behind must serve its tarballs at /NAME/-/FILE-VERSION.tgz, as that of npm and
// Verdaccio do, or with the scope repeated before FILE, as GitLab does.
//
// A customer then has in .npmrc:
//
//	@acme:registry=https://packages.acme.example/npm/
//	//packages.acme.example/npm/:_authToken=KEY
//
// Yarn 1 sends a key for an unscoped package only with always-auth=true. Pnpm 12 does not ask
// again about a package for a day (its minimumReleaseAge), so after an upgrade of the license it
// needs pnpm cache delete NAME.
//
// What a customer sees: without a version they get the newest that is paid for. A denied
// package, and a denied version in a lock file, are answered with the gate's sentence, which
// npm shows from the body, pnpm and berry from the reason phrase, and so on HTTP/1 only; yarn
// 1 shows it for packages. A denied version that is asked for by number is not in the
// listing: npm shows the sentence all the same, and the others say in their own words that
// there is no such version.
package npm

import (
	"net/http"
	"regexp"
	"strings"

	"github.com/privatepkgs/license"
	"github.com/privatepkgs/license/gate"
	"github.com/privatepkgs/license/internal/rawjson"
)

// Adapter is the [gate.Adapter] of npm. The zero value is ready to use.
type Adapter struct{}

var _ gate.Adapter = Adapter{}

// Forms of a Resource.
const (
	packument = "packument" // all versions
	latest    = "latest"    // of a packument, the version that is the latest
	distTags  = "dist-tags" // of a packument, the tags and their versions
	manifest  = "manifest"  // one version, by its number or another tag
	search    = "search"    // packages, each with its newest version
)

// Ecosystem returns "npm".
func (Adapter) Ecosystem() string { return "npm" }

// Covers compares byte for byte: names on npm have no other spelling.
func (Adapter) Covers(name, pkg string) bool { return name == pkg }

// Semver returns the version as it is.
func (Adapter) Semver(version string) string { return version }

// Parse implements [gate.Adapter].
func (Adapter) Parse(r *http.Request) gate.Resource {
	res := parsePath(r.Method, r.URL.Path)
	res.Keys = gate.Credentials(r)
	return res
}

func parsePath(method, path string) gate.Resource {
	path, ok := strings.CutPrefix(path, "/")
	if !ok {
		return gate.Resource{}
	}
	if rest, ok := strings.CutPrefix(path, "-/"); ok {
		return parseService(method, rest)
	}
	name, rest := cutName(path)
	if name == "" || method != http.MethodGet && method != http.MethodHead {
		return gate.Resource{}
	}
	if rest == "" {
		if name == "npm" || name == "pnpm" { // both look here for a newer version of themselves
			return gate.Resource{Kind: gate.Service}
		}
		return listing(name)
	}
	if file, ok := strings.CutPrefix(rest, "/-/"); ok {
		version := versionOf(name, file)
		if version == "" {
			return gate.Resource{}
		}
		return gate.Resource{Kind: gate.Artifact, Package: name, Version: version}
	}
	selector, ok := strings.CutPrefix(rest, "/")
	if !ok || !validSelector(selector) {
		return gate.Resource{}
	}
	if selector == "latest" {
		return partOf(name, latest)
	}
	return gate.Resource{Kind: gate.Listing, Form: manifest, Package: name, Path: escapeName(name) + "/" + selector}
}

func listing(name string) gate.Resource {
	return gate.Resource{
		Kind:       gate.Listing,
		Form:       packument,
		Package:    name,
		Path:       escapeName(name),
		AcceptFull: "application/json", // the abbreviated form has no times
	}
}

// partOf returns a part of the packument that depends on which versions are allowed: the latest
// of a registry may be denied, and then another version is the latest.
func partOf(name, form string) gate.Resource {
	return gate.Resource{Kind: gate.Listing, Form: form, Package: name, Path: escapeName(name), Accept: "application/json"}
}

// parseService parses what follows /-/ in a path.
func parseService(method, rest string) gate.Resource {
	if method == http.MethodPost {
		switch rest {
		case "npm/v1/security/advisories/bulk", "npm/v1/security/audits", "npm/v1/security/audits/quick":
			return gate.Resource{Kind: gate.Service}
		}
		return gate.Resource{}
	}
	if method != http.MethodGet && method != http.MethodHead {
		return gate.Resource{}
	}
	switch rest {
	case "ping", "whoami", "npm/v1/keys":
		return gate.Resource{Kind: gate.Service}
	case "v1/search":
		return gate.Resource{Kind: gate.Service, Form: search, Rewrite: true}
	}
	if subject, ok := strings.CutPrefix(rest, "npm/v1/attestations/"); ok {
		name, version := cutName(subject)
		version, ok = strings.CutPrefix(version, "@")
		if name == "" || !ok || !validVersion(version) {
			return gate.Resource{}
		}
		return gate.Resource{
			Kind: gate.Artifact, Package: name, Version: version,
			Path: "/-/npm/v1/attestations" + escapeName(name) + "@" + version,
		}
	}
	if subject, ok := strings.CutPrefix(rest, "package/"); ok {
		if name, tail := cutName(subject); name != "" && tail == "/dist-tags" {
			return partOf(name, distTags)
		}
	}
	return gate.Resource{}
}

// cutName cuts the name of a package, with its scope, from the beginning of a path. The name
// is empty when there is no valid one.
func cutName(path string) (name, rest string) {
	scope := 0
	if strings.HasPrefix(path, "@") {
		if scope = strings.IndexByte(path, '/') + 1; scope == 0 || !validPart(path[1:scope-1]) {
			return "", ""
		}
	}
	end := len(path)
	if i := strings.IndexAny(path[scope:], "/@"); i >= 0 {
		end = scope + i
	}
	if !validPart(path[scope:end]) {
		return "", ""
	}
	return path[:end], path[end:]
}

// validPart reports whether s can be a scope or a name. Old names have capitals and marks.
func validPart(s string) bool {
	if s == "" || s == "-" || s[0] == '.' || s[0] == '_' || len(s) > 214 {
		return false
	}
	return !strings.ContainsFunc(s, func(c rune) bool { return !isAlphanumeric(c) && !strings.ContainsRune("-._~!'()*", c) })
}

func isAlphanumeric(c rune) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

// validSelector reports whether s can be a version or a tag. The answer says which version
// it is.
func validSelector(s string) bool {
	return s != "" && s != "-" &&
		!strings.ContainsFunc(s, func(c rune) bool { return !isAlphanumeric(c) && !strings.ContainsRune("-._+", c) })
}

// escapeName returns the path of a package in the form that every npm registry takes.
func escapeName(name string) string {
	if scope, bare, ok := strings.Cut(name, "/"); ok {
		return "/" + scope + "%2f" + bare
	}
	return "/" + name
}

// versionOf returns the version of a tarball, which is what stands between the name without
// its scope and .tgz; empty if there is none. Some registries repeat the scope before.
func versionOf(name, file string) string {
	bare := name
	if scope, rest, ok := strings.Cut(name, "/"); ok {
		bare = rest
		file = strings.TrimPrefix(file, scope+"/")
	}
	version, ok := strings.CutPrefix(file, bare+"-")
	if !ok {
		return ""
	}
	if version, ok = strings.CutSuffix(version, ".tgz"); !ok || !validVersion(version) {
		return ""
	}
	return version
}

// strictVersion is the grammar of SemVer 2.0.0.
var strictVersion = regexp.MustCompile(`^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)` +
	`(-(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(\.(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*)?(\+[0-9a-zA-Z-]+(\.[0-9a-zA-Z-]+)*)?$`)

// validVersion reports whether npm would take s for a version; a registry has no other.
func validVersion(s string) bool { return len(s) <= 256 && strictVersion.MatchString(s) }

// Source names the packument, whose time says when each version was released.
func (Adapter) Source(res gate.Resource) (gate.Resource, bool) {
	return listing(res.Package), res.Package != ""
}

// Deny answers {"error": "..."}, which npm and yarn 1 show; pnpm and berry show the reason
// phrase. It sends no WWW-Authenticate, behind which npm hides the body. A 402, to which npm adds
// nothing of its own, has pnpm ask for a tarball again and again for a minute.
func (Adapter) Deny(r *http.Request, res gate.Resource, d gate.Denial) gate.Answer {
	status := http.StatusForbidden
	switch d.Decision.Code {
	case gate.NoKey, license.NotFound:
		status = http.StatusUnauthorized
	case license.Suspended, license.Expired:
		if res.Kind != gate.Artifact || !strings.HasPrefix(r.UserAgent(), "pnpm/") {
			status = http.StatusPaymentRequired
		}
	}
	body := `{"error":` + rawjson.Quote(strings.ToValidUTF8(d.Message, "\ufffd")) + `}`
	return gate.Answer{Status: status, ContentType: "application/json", Body: []byte(body)}
}
