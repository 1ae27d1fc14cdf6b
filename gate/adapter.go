package gate

import (
	"errors"
	"net/http"
	"time"

	"github.com/privatepkgs/license"
)

// Adapter speaks one ecosystem: it reads requests, rewrites listings and words denials for
// the clients of that ecosystem. It decides nothing about licenses and sends nothing; all of
// its methods are pure functions of their arguments, safe for concurrent use, and panic on
// nothing that a client or a registry may send.
//
// An adapter that is in doubt returns the zero [Resource] or an error: the gate then denies.
type Adapter interface {
	// Ecosystem is the short name of the ecosystem in events and in [Options.PackageName]:
	// "npm", "go", "pypi", "composer" or "cargo".
	Ecosystem() string

	// Parse says what r asks for. The zero Resource means "not recognised". The gate has
	// already refused paths that a server could read in two ways: those with empty segments
	// (a slash at the end is none), "." and "..", and those whose decoded form holds a
	// backslash, a percent sign, or a control character. So r.URL.Path, the decoded path, is
	// what to read; it begins with a slash and is relative to where the gate is mounted.
	// Parse must be as strict about names and versions as the registry is: what it reads is
	// what is judged, and the path is what is served.
	Parse(r *http.Request) Resource

	// Covers reports whether a license that names the package name opens pkg, the Package of
	// a Resource after [Options.PackageName]. It compares canonical forms of both: "My_Pkg"
	// covers "my-pkg" on PyPI, and a Go module path covers its /v2. It is called for each
	// package of a license, so it should not allocate.
	Covers(name, pkg string) bool

	// Semver turns a version of the ecosystem into one that a range can judge, such that
	// nothing which sorts at or after a boundary for the ecosystem comes to lie before
	// it; a prerelease stays one. A version that has no such form (a branch, an epoch)
	// is returned as it is, or in any form that is not semver: a license with a range then
	// denies it, one without a range does not mind. Only "" gives "".
	Semver(version string) string

	// Rewrite returns the body of doc, the upstream's answer (status 200) to res, with the
	// versions left out that may does not allow, in whatever way makes the clients choose
	// another one. It is called for a Listing and for a Service with Rewrite set. It asks
	// may.Allows once for each version that doc shows, with the version as the ecosystem
	// writes it and with the time of its release where doc has it, else the zero time.
	// Where files of one version have several times, they all go by the earliest. URLs of
	// artifacts must be turned to paths below doc.Base that Parse recognises.
	//
	// When versions were asked about and none was allowed, it may return [ErrNoneAllowed]
	// instead of an empty listing: then the gate denies through Deny with the decision
	// about the last version that was asked about. Any other error means that doc is not
	// what it should be: it is logged, and the client gets 502. The result may share memory
	// with doc.Body.
	Rewrite(res Resource, doc *Document, may Filter) ([]byte, error)

	// Source returns the resource to ask the upstream for, in order to learn when
	// res.Version of res.Package was released, as perpetual fallback needs it, and where
	// its artifact is ([Locator]). The gate gets it with GET and reads it by a call of
	// Rewrite, noting what may.Allows is asked. The result has Kind Listing and Path set.
	// Its Version is empty when it tells about all versions at once, as the listing of npm
	// does, and res.Version when it tells about that one, as go's .info. A listing is never
	// asked for while it is rewritten itself; that is known by Package, Version and Form.
	// False means that nothing tells.
	Source(res Resource) (Resource, bool)

	// Deny says how the client is told that it is denied.
	Deny(r *http.Request, res Resource, d Denial) Answer
}

// Locator is an [Adapter] for a registry whose paths of artifacts do not say which version
// they hold. Its Parse reads paths of the gate's own making, which name package and
// version, and sets Resource.Locate; the gate then gets the Source of the resource, and
// Locate finds in it the path of the artifact at the upstream, so that no client can ask
// for one version by the name of another.
type Locator interface {
	Adapter

	// Locate returns the path, escaped, of the artifact of res at the upstream, as doc, the
	// answer to the Source of res, has it. An empty path means that doc has no such artifact: that is a
	// 404. An error means that doc is not what it should be: it is logged, and the client gets 502.
	Locate(res Resource, doc *Document) (path string, err error)
}

// Kind is what a [Resource] is, and so what a key must open for it.
type Kind uint8

// The kinds. Each needs a key that some license has, but for a Resource that is Open.
const (
	Unknown  Kind = iota // not recognised: always denied
	Service              // about no package (a ping, an audit): any license will do, even an expired one
	Listing              // the versions of a package: the package is checked, and the answer is rewritten
	Metadata             // about a package, shown whatever the version (go's .mod): the package is checked
	Artifact             // one version of a package: package and version are checked
)

// String returns the kind in lower case: "listing".
func (k Kind) String() string {
	switch k {
	case Service:
		return "service"
	case Listing:
		return "listing"
	case Metadata:
		return "metadata"
	case Artifact:
		return "artifact"
	default:
		return "unknown"
	}
}

// Resource is what a request asks for. The zero value is "not recognised".
//
// A request for something whose version stands only in the answer (npm's /toy/latest,
// go's @v/main.info) is a Listing of that one version.
type Resource struct {
	Kind Kind

	// Keys are the keys that the request may carry, the likeliest first; [Credentials]
	// finds them in the usual headers. The first that a license has is the customer's.
	Keys []string

	// Package is the package in canonical form, as a person would write it: "@acme/ui",
	// "my-pkg", "example.com/toy/v2". It is empty for a Service.
	Package string

	// Version is the version of an Artifact as the ecosystem writes it. Of a Source it says
	// which version it tells about; empty means all.
	Version string

	// Form is for the adapter itself: whatever it wants to tell Rewrite, Locate and Deny
	// about the form of the request.
	Form string

	// Open lets a Service through without any key, for what clients ask without one.
	Open bool

	// Rewrite has a Service rewritten, in which Filter.Package tells what the license opens.
	Rewrite bool

	// Probe says that a package which the registry has not must be told apart from one
	// which the license does not cover: before it denies as [license.PackageNotCovered],
	// the gate asks the upstream, and when that says 404 or 410 the denial has the code
	// [NotInRegistry].
	Probe bool

	// Locate has the gate look for the path of an Artifact, see [Locator].
	Locate bool

	// Path is the path, escaped, to ask the upstream for. Empty means the path that was
	// parsed, escaped no more than it must be, whatever way it came. The query of a request
	// is passed on for a Service only.
	Path string

	// Accept is the Accept header to ask the upstream with for what is rewritten; empty
	// means as it came. AcceptFull takes its place when times of releases are needed.
	Accept, AcceptFull string
}

// Document is an upstream's answer that is to be rewritten.
type Document struct {
	// Body is the whole answer, decompressed. Do not change it.
	Body []byte

	// ContentType is that of the answer. Rewrite may change it.
	ContentType string

	// Path is the decoded path that the upstream was asked for.
	Path string

	// Base is the URL at which clients reach the gate, without a slash at the end.
	Base string
}

// Filter tells an adapter what a license opens. All of its functions are set by the gate.
type Filter struct {
	// Allows reports whether the license opens this version, as the ecosystem writes it, of
	// the package that was asked for. It allows nothing where no package was asked for.
	Allows func(version string, releasedAt time.Time) bool

	// Package goes to another package, for a document that tells about many. The code
	// is that of the decision about the package; unless it is [license.Valid], the filter
	// allows nothing.
	Package func(pkg string) (Filter, license.Code)

	// Denied returns the seller's text about the version that Allows has denied last, see
	// [Options.Message], for a listing that can say why it lacks some. It is empty when none was.
	Denied func() string
}

// ErrNoneAllowed is returned by the Rewrite of an [Adapter] when no version was allowed.
var ErrNoneAllowed = errors.New("gate: no version is allowed")

// Codes of decisions that are the gate's own and not about a license. Like those of package
// license they are stable, and none of them allows anything.
const (
	NoKey           license.Code = "NO_KEY"           // the request carries no key
	NotRecognized   license.Code = "NOT_RECOGNIZED"   // the adapter does not know what is asked for
	NotInRegistry   license.Code = "NOT_IN_REGISTRY"  // not covered, and the registry has no such package
	Unavailable     license.Code = "UNAVAILABLE"      // the store of licenses cannot answer: 503
	InvalidUpstream license.Code = "INVALID_UPSTREAM" // the answer of the upstream is of no use: 502
)

// Denial is what a person is to be told.
type Denial struct {
	// Decision says why, by its code: one of package license or [NoKey], [NotRecognized] or
	// [NotInRegistry]. Package and Version in its Request are as the ecosystem writes them.
	Decision license.Decision

	// Message is the seller's text, see [Options.Message]. It never holds the key.
	Message string

	// Line is Message as one line of visible ASCII and spaces, fit for a header.
	Line string
}

// Answer is a denial in the form that a client shows to a person.
type Answer struct {
	// Status must not be 429 or 5xx, for clients repeat such a request for a minute. One of
	// 400 or more also carries Denial.Line as its reason phrase where the connection is
	// HTTP/1.
	Status int

	// ContentType is the Content-Type.
	ContentType string

	// Challenge is the WWW-Authenticate header; empty for none, because some clients
	// hide the body behind it.
	Challenge string

	// Body is the body; it is not sent to a HEAD request.
	Body []byte
}
