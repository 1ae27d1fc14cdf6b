package gate

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/privatepkgs/license"
)

// maxKeys bounds the look-ups that one request can cause.
const maxKeys = 4

// decide finds the license of the first known key, and decides about the package of res. Every
// decision of the gate begins here and goes on with forVersion: listings and downloads alike.
func (g *gate) decide(ctx context.Context, res Resource) (license.Decision, error) {
	d := license.Decision{Code: NoKey, Request: license.Request{Package: res.Package}}
	if res.Kind == Service && res.Open && !res.Rewrite {
		return d, nil
	}
	for _, key := range res.Keys[:min(len(res.Keys), maxKeys)] {
		if key == "" {
			continue
		}
		var err error
		d, err = g.checker.CheckPackage(ctx, key, license.Request{Package: g.licenseName(res.Package)})
		if err != nil {
			return license.Decision{}, err
		}
		if d.License != nil {
			return g.forPackage(d, res.Package), nil
		}
	}
	d.Request.Package = res.Package
	return d, nil
}

// forPackage decides about a package with the license and the time of d. It finds the
// license's own spelling of the name, which package license compares byte for byte.
// The decision has the name as the ecosystem writes it.
func (g *gate) forPackage(d license.Decision, pkg string) license.Decision {
	r := d.Request
	r.Package = g.licenseName(pkg)
	d = d.License.CheckPackage(r)
	if d.Code == license.PackageNotCovered && r.Package != "" {
		named := d.License.Packages
		i := slices.IndexFunc(named, func(name string) bool { return g.adapter.Covers(name, r.Package) })
		if i >= 0 {
			r.Package = named[i]
			d = d.License.CheckPackage(r)
		}
	}
	d.Request.Package = pkg
	return d
}

func (g *gate) licenseName(pkg string) string {
	if pkg == "" {
		return ""
	}
	return g.o.PackageName(g.adapter.Ecosystem(), pkg)
}

// forVersion goes on from a decision about a package to one of its versions. The decision
// has the version as the ecosystem writes it.
func (g *gate) forVersion(d license.Decision, version string, releasedAt time.Time) license.Decision {
	d = d.ForVersion(g.adapter.Semver(version), releasedAt)
	d.Request.Version = version
	return d
}

// needsReleases reports whether d, a decision about a package, stands only for versions
// released before the license expired (perpetual fallback).
func needsReleases(d license.Decision) bool {
	return d.Allowed() && d.ForVersion("0.0.0", time.Time{}).Code == license.Expired
}

// filter is what an adapter rewrites a listing with. It keeps what went on meanwhile.
type filter struct {
	call   *call
	d      license.Decision // about the package
	denied license.Decision // the last that was denied
	err    error            // the first failure to learn when a version was released

	releases releases // as the upstream said, where it was asked
}

func (f *filter) allows(version string, releasedAt time.Time) bool {
	d := f.call.forVersion(f.d, version, releasedAt)
	if d.Code == license.Expired && releasedAt.IsZero() && needsReleases(f.d) {
		if releasedAt = f.lookUp(version); !releasedAt.IsZero() {
			d = f.call.forVersion(f.d, version, releasedAt)
		}
	}
	if !d.Allowed() {
		f.denied = d
	}
	return d.Allowed()
}

// lookUp asks the upstream when a version was released, unless that would be in the
// listing which is just being rewritten.
func (f *filter) lookUp(version string) time.Time {
	if f.err != nil {
		return time.Time{}
	}
	source, ok := f.call.adapter.Source(Resource{Kind: Artifact, Package: f.d.Request.Package, Version: version})
	if !ok || source.describes(f.call.res) {
		return time.Time{}
	}
	if f.releases == nil || source.Version != "" {
		f.releases, f.err = f.call.fetchReleases(source)
	}
	return f.releases[f.call.adapter.Semver(version)]
}

// describes reports whether r is the listing other, or a form of it.
func (r Resource) describes(other Resource) bool {
	return other.Kind == Listing && r.Package == other.Package && r.Version == other.Version && r.Form == other.Form
}

// message words the last denial for an adapter.
func (f *filter) message() string {
	if f.denied.Code == "" {
		return ""
	}
	return f.call.o.Message(f.denied)
}

func (f *filter) public() Filter {
	return Filter{Allows: f.allows, Package: f.forPackage, Denied: f.message}
}

func (f *filter) forPackage(pkg string) (Filter, license.Code) {
	d := license.Decision{Code: f.d.Code}
	if f.d.License != nil {
		d = f.call.forPackage(f.d, pkg)
	}
	other := &filter{call: f.call, d: d}
	return Filter{
		Allows: func(version string, releasedAt time.Time) bool {
			allowed := other.allows(version, releasedAt)
			if f.err == nil {
				f.err = other.err
			}
			return allowed
		},
		Package: f.forPackage,
		Denied:  other.message,
	}, d.Code
}

// decideArtifact goes on from the package to the version that is asked for. The
// document is the upstream's description of it, nil where none was needed or there is none.
//
// Under a range a prerelease must stand in that description, letter by letter. There are registries, Gitea for
// one, that take 2.0.0-RC.1 for 2.0.0-rc.1; but it precedes 2.0.0-beta.1, where the range may end.
func (c *call) decideArtifact(d license.Decision) (license.Decision, *Document, error) {
	version := c.forVersion(d, c.res.Version, time.Time{})
	late := version.Code == license.Expired && needsReleases(d)
	ranged := d.License != nil && d.License.Constraint.Type() == license.ConstraintVersion
	exact := ranged && !c.res.Locate && strings.Contains(c.res.Version, "-")
	if !late && !(version.Allowed() && (c.res.Locate || exact)) {
		return version, nil, nil
	}
	source, ok := c.adapter.Source(c.res)
	if !ok {
		return version, nil, missingIf(exact)
	}
	doc, err := c.fetch(source, late)
	if isMissing(err) {
		return version, nil, missingIf(exact)
	}
	if err == nil && (late || exact) {
		described := false
		var times releases
		times, err = c.readReleases(source, doc, func(v string) { described = described || v == c.res.Version })
		if late {
			version = c.forVersion(d, c.res.Version, times[c.adapter.Semver(c.res.Version)])
		}
		if err == nil {
			err = missingIf(exact && !described)
		}
	}
	return version, doc, err
}

// missingIf returns an error that says that the registry has no such thing.
func missingIf(missing bool) error {
	if !missing {
		return nil
	}
	return &upstreamError{status: http.StatusNotFound}
}

// releases are the times at which versions, in the form of Adapter.Semver, were released.
type releases map[string]time.Time

// fetchReleases asks the upstream. What it does not have was released nobody knows when.
func (c *call) fetchReleases(source Resource) (releases, error) {
	doc, err := c.fetch(source, true)
	if isMissing(err) {
		return releases{}, nil
	}
	if err != nil {
		return releases{}, err
	}
	return c.readReleases(source, doc, func(string) {})
}

// readReleases has the adapter go through the description of a package, and notes what it
// asks. Of several times of a version the latest counts. Each is called with every version, as it is spelled.
func (c *call) readReleases(source Resource, doc *Document, each func(version string)) (releases, error) {
	times := make(releases)
	note := func(version string, releasedAt time.Time) bool {
		each(version)
		if v := c.adapter.Semver(version); releasedAt.After(times[v]) {
			times[v] = releasedAt
		}
		return false
	}
	silent := func() string { return "" }
	none := func(string) (Filter, license.Code) {
		return Filter{Allows: func(string, time.Time) bool { return false }, Denied: silent}, license.PackageNotCovered
	}
	_, err := c.adapter.Rewrite(source, doc, Filter{Allows: note, Package: none, Denied: silent})
	if err != nil && !isNoneAllowed(err) {
		return releases{}, &upstreamError{status: http.StatusOK, cause: err}
	}
	return times, nil
}
