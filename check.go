package license

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"
)

// Code says how a check was decided. It is stable: programs may depend on it.
type Code string

// The codes, in the order in which they are decided. The zero Code allows nothing.
const (
	NotFound          Code = "NOT_FOUND"           // no license has the key
	Suspended         Code = "SUSPENDED"           // the license is suspended
	PackageNotCovered Code = "PACKAGE_NOT_COVERED" // the license does not name the package
	Expired           Code = "EXPIRED"             // the date of the license has passed
	VersionInvalid    Code = "VERSION_INVALID"     // no version was asked for, or it is not semver and the license has a range
	VersionNotAllowed Code = "VERSION_NOT_ALLOWED" // the version is outside the range
	Valid             Code = "VALID"               // allowed
)

// Request is what a license is checked against.
type Request struct {
	// Package is the name as licenses have it; it is compared byte for byte.
	Package string

	// Version is what is about to be downloaded. A check of a package ignores it.
	Version string

	// ReleasedAt is when Version was released. It matters to PerpetualFallback only, and
	// the zero time means that nobody knows.
	ReleasedAt time.Time

	// Time is now. A [Checker] fills it where it is zero; in a check of a license in
	// hand the zero time is beyond every date.
	Time time.Time

	// PerpetualFallback lets a license that has expired keep the versions that were
	// released before its date. A [Checker] sets it to its own option.
	PerpetualFallback bool
}

// Decision is the answer to a check. The zero value allows nothing.
type Decision struct {
	// Code is the answer; only [Valid] allows.
	Code Code

	// License is the license that was checked, nil with [NotFound]. Do not change it.
	License *License

	// Request is what it was checked against. A decision about a package has no Version.
	Request Request
}

// CheckPackage decides whether l opens a package at all, as the listing of its versions
// needs it. It says nothing about any version: a download needs [License.CheckVersion],
// and a listing [Decision.ForVersion] for each version that it shows. A nil License is
// [NotFound]. It does not allocate.
func (l *License) CheckPackage(r Request) Decision {
	r.Version, r.ReleasedAt = "", time.Time{}
	return Decision{Code: l.check(&r, false), License: l, Request: r}
}

// CheckVersion decides whether l opens one version of a package. An empty version is
// [VersionInvalid] under every constraint; one that is not semver is so under a range, and
// no obstacle to the other constraints. A nil License is [NotFound]. It does not allocate.
func (l *License) CheckVersion(r Request) Decision {
	return Decision{Code: l.check(&r, true), License: l, Request: r}
}

// ForVersion goes on from a decision about a package to one version of it, so that what a
// listing shows is what a download allows. A denial stays as it is. The zero releasedAt means
// that nobody knows when the version was released. It does not allocate.
func (d Decision) ForVersion(version string, releasedAt time.Time) Decision {
	d.Request.Version, d.Request.ReleasedAt = version, releasedAt
	if d.Code == Valid {
		c := d.constraint()
		d.Code = c.checkVersion(&d.Request)
	}
	return d
}

// check decides about the package of r, and about its version too if asked.
func (l *License) check(r *Request, version bool) Code {
	switch {
	case l == nil:
		return NotFound
	case l.Suspended:
		return Suspended
	case !slices.Contains(l.Packages, r.Package):
		return PackageNotCovered
	case l.Constraint.expired(&r.Time) && !r.PerpetualFallback:
		return Expired
	case l.Constraint.kind == kindInvalid:
		return VersionNotAllowed // of a License that was never validated
	case !version:
		return Valid
	case r.PerpetualFallback:
		return l.Constraint.checkVersion(r)
	default:
		return l.Constraint.covers(r.Version) // which has not expired
	}
}

func (c *Constraint) expired(now *time.Time) bool { return c.kind == kindDate && c.ended(now) }

// ended is millis(now) >= c.until, without a division; the zero time is beyond every date.
func (c *Constraint) ended(now *time.Time) bool {
	second := now.Unix()
	if uint64(second) > maxMillis/1000 { // before 1970 or after the year 9999
		return second > 0 || c.until < 0 || now.IsZero()
	}
	left := c.until - second*1000
	return left < 1000 && (left <= 0 || int64(now.Nanosecond()) >= left*1e6)
}

func (c *Constraint) checkVersion(r *Request) Code {
	if c.expired(&r.Time) && !c.fallsBack(r) {
		return Expired
	}
	return c.covers(r.Version)
}

// covers is checkVersion for a constraint that has not expired.
func (c *Constraint) covers(version string) Code {
	if version == "" {
		return VersionInvalid
	}
	if c.kind == kindNone || c.kind == kindDate {
		return Valid
	}
	return c.rng.covers(version)
}

// covers of a nil range, which is that of an invalid constraint, is never Valid.
func (r *versionRange) covers(version string) Code {
	v, ok := parseVersion(version)
	switch {
	case r == nil:
		return VersionNotAllowed
	case !ok:
		return VersionInvalid
	case r.admits(v):
		return Valid
	default:
		return VersionNotAllowed
	}
}

func (c *Constraint) fallsBack(r *Request) bool {
	return r.PerpetualFallback && !r.ReleasedAt.IsZero() && millis(r.ReleasedAt) < c.until
}

// constraint returns that of the license, and the zero value, which allows nothing, when
// there is no license.
func (d Decision) constraint() Constraint {
	if d.License == nil {
		return Constraint{}
	}
	return d.License.Constraint
}

// Allowed reports whether the decision is to allow.
func (d Decision) Allowed() bool { return d.Code == Valid }

// Message says in a sentence for the customer why the decision is what it is. It never
// holds the key.
func (d Decision) Message() string {
	what := d.Request.Package
	if d.Request.Version != "" {
		what += " " + d.Request.Version
	}
	switch d.Code {
	case NotFound:
		return "There is no license with this key. Check that the key is complete and current."
	case Suspended:
		return "This license is suspended. Ask the seller why, and how to have it restored."
	case PackageNotCovered:
		return fmt.Sprintf("This license does not cover %s.", d.Request.Package)
	case Expired:
		until := d.constraint().Until().Format("2006-01-02 15:04 UTC")
		if d.Request.PerpetualFallback && d.Request.Version != "" {
			return fmt.Sprintf("This license for %s was valid until %s. It keeps the versions released before; renew it for %s.",
				d.Request.Package, until, d.Request.Version)
		}
		return fmt.Sprintf("This license for %s was valid until %s. Renew it to go on.", d.Request.Package, until)
	case VersionInvalid:
		if d.Request.Version == "" {
			return fmt.Sprintf("No version of %s was asked for.", d.Request.Package)
		}
		return fmt.Sprintf("%q is not a semantic version, so this license, which covers %s of %s, cannot allow it.",
			d.Request.Version, d.constraint(), d.Request.Package)
	case VersionNotAllowed:
		if d.constraint().kind == kindInvalid {
			return fmt.Sprintf("This license for %s is incomplete. Ask the seller to repair it.", d.Request.Package)
		}
		return fmt.Sprintf("This license for %s covers %s; %s needs an upgrade.",
			d.Request.Package, d.constraint(), d.Request.Version)
	case Valid:
		return fmt.Sprintf("This license covers %s.", what)
	default:
		return "This license was not checked."
	}
}

// LogValue makes log/slog print the decision without the key.
func (d Decision) LogValue() slog.Value {
	attrs := []slog.Attr{
		slog.String("code", string(d.Code)),
		slog.String("package", d.Request.Package),
		slog.String("version", d.Request.Version),
	}
	if d.License != nil {
		attrs = append(attrs, slog.String("license", d.License.ID.String()))
	}
	return slog.GroupValue(attrs...)
}

// KeyGetter finds a license by its key. Every [Store] is one; so is a cache in front.
type KeyGetter interface {
	// GetByKey returns the license with this key, or an error that wraps [ErrNotFound].
	GetByKey(ctx context.Context, key string) (*License, error)
}

// CheckerOptions are the choices of a [Checker]. The zero value is ready to use.
type CheckerOptions struct {
	// Now is the clock; nil means [time.Now].
	Now func() time.Time

	// PerpetualFallback lets a license that has expired keep the versions that were
	// released before its date, see [Request]. Then a check of a package passes after the
	// date, and each version decides.
	PerpetualFallback bool
}

// Checker goes from a key to a [Decision]. It is safe for concurrent use. Make one with
// [NewChecker]; the zero value answers every check with an error.
type Checker struct {
	licenses KeyGetter
	now      func() time.Time
	fallback bool
}

// NewChecker returns a Checker that finds licenses in a store, or a cache in front of one.
func NewChecker(licenses KeyGetter, o CheckerOptions) *Checker {
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Checker{licenses: licenses, now: o.Now, fallback: o.PerpetualFallback}
}

// CheckPackage decides whether the license with this key opens a package at all, see
// [License.CheckPackage]. An error means that the store could not answer: the Decision is then
// the zero value, which allows nothing. An unknown key is no error but [NotFound].
func (c *Checker) CheckPackage(ctx context.Context, key string, r Request) (Decision, error) {
	l, err := c.find(ctx, key, &r)
	if err != nil {
		return Decision{}, err
	}
	return l.CheckPackage(r), nil // l is nil when there is none
}

// CheckVersion decides whether the license with this key opens one version of a package, see
// [License.CheckVersion]. Errors are as with [Checker.CheckPackage].
func (c *Checker) CheckVersion(ctx context.Context, key string, r Request) (Decision, error) {
	l, err := c.find(ctx, key, &r)
	if err != nil {
		return Decision{}, err
	}
	return l.CheckVersion(r), nil // l is nil when there is none
}

func (c *Checker) find(ctx context.Context, key string, r *Request) (*License, error) {
	if c == nil || c.licenses == nil {
		return nil, errors.New("license: the Checker has no store; make it with NewChecker")
	}
	if r.Time.IsZero() {
		r.Time = c.now()
	}
	r.PerpetualFallback = c.fallback
	if !validKey(key) {
		return nil, nil
	}
	l, err := c.licenses.GetByKey(ctx, key)
	switch {
	case errors.Is(err, ErrNotFound):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("license: finding the license of a key: %w", err)
	case l == nil || l.Key != key:
		return nil, errors.New("license: the store answered with another license than the one asked for")
	}
	return l, nil
}
