package license

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

var (
	checkUntil = time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC)
	before     = checkUntil.Add(-time.Millisecond)
)

func mustRange(t testing.TB, rng string) Constraint {
	c, err := VersionConstraint(rng)
	require.NoError(t, err)
	return c
}

func TestCodesAreDecidedInOrder(t *testing.T) {
	t.Parallel()
	license := func(c Constraint, change ...func(*License)) *License {
		l := &License{Key: "key", Constraint: c, Packages: []string{"toy", "@acme/toy"}}
		for _, f := range change {
			f(l)
		}
		return l
	}
	suspended := func(l *License) { l.Suspended = true }
	none, date, version := NoConstraint(), DateConstraint(checkUntil), mustRange(t, "<2.0.0")
	tests := []struct {
		name              string
		license           *License
		request           Request
		ofPackage, answer Code
	}{
		{"no license", nil, Request{Package: "toy", Version: "1.0.0", Time: before}, NotFound, NotFound},
		{"none", license(none), Request{Package: "toy", Version: "1.0.0"}, Valid, Valid},
		{"date", license(date), Request{Package: "toy", Version: "9.0.0", Time: before}, Valid, Valid},
		{"version", license(version), Request{Package: "@acme/toy", Version: "1.9.0"}, Valid, Valid},

		{"suspended first of all", license(date, suspended), Request{Package: "other", Time: checkUntil}, Suspended, Suspended},
		{"package before date", license(date), Request{Package: "other", Time: checkUntil}, PackageNotCovered, PackageNotCovered},
		{"package before version", license(version), Request{Package: "other"}, PackageNotCovered, PackageNotCovered},
		{"date before version", license(date), Request{Package: "toy", Time: checkUntil}, Expired, Expired},
		{"not semver before not allowed", license(version), Request{Package: "toy", Version: "dev-main"}, Valid, VersionInvalid},
		{"version outside", license(version), Request{Package: "toy", Version: "2.0.0"}, Valid, VersionNotAllowed},
		{"prerelease at the boundary", license(version), Request{Package: "toy", Version: "2.0.0-beta.1"}, Valid, VersionNotAllowed},

		{"no version, none", license(none), Request{Package: "toy"}, Valid, VersionInvalid},
		{"no version, date", license(date), Request{Package: "toy", Time: before}, Valid, VersionInvalid},
		{"no version, version", license(version), Request{Package: "toy"}, Valid, VersionInvalid},
		{"not semver, none", license(none), Request{Package: "toy", Version: "dev-main"}, Valid, Valid},
		{"not semver, date", license(date), Request{Package: "toy", Version: "dev-main", Time: before}, Valid, Valid},

		{"package in another case", license(none), Request{Package: "Toy", Version: "1.0.0"}, PackageNotCovered, PackageNotCovered},
		{"part of a package", license(none), Request{Package: "to", Version: "1.0.0"}, PackageNotCovered, PackageNotCovered},
		{"no package", license(none), Request{Version: "1.0.0"}, PackageNotCovered, PackageNotCovered},

		{"a microsecond before the date", license(date), Request{Package: "toy", Version: "1", Time: checkUntil.Add(-time.Microsecond)}, Valid, Valid},
		{"at the date", license(date), Request{Package: "toy", Version: "1", Time: checkUntil}, Expired, Expired},
		{"at the date elsewhere", license(date), Request{Package: "toy", Version: "1", Time: checkUntil.In(time.FixedZone("", -36000))}, Expired, Expired},
		{"after the date", license(date), Request{Package: "toy", Version: "1", Time: checkUntil.Add(time.Hour)}, Expired, Expired},
		{"before 1970", license(date), Request{Package: "toy", Version: "1", Time: time.Unix(-1, 0)}, Valid, Valid},
		{"beyond all milliseconds", license(date), Request{Package: "toy", Version: "1", Time: time.Unix(1<<62, 0)}, Expired, Expired},
		{"no time, date", license(date), Request{Package: "toy", Version: "1"}, Expired, Expired},

		{"fallback, released before", license(date), Request{Package: "toy", Version: "1", Time: checkUntil, ReleasedAt: before, PerpetualFallback: true}, Valid, Valid},
		{"fallback, released at the date", license(date), Request{Package: "toy", Version: "1", Time: checkUntil, ReleasedAt: checkUntil, PerpetualFallback: true}, Valid, Expired},
		{"fallback, released after", license(date), Request{Package: "toy", Version: "1", Time: checkUntil.Add(9), ReleasedAt: checkUntil.Add(time.Hour), PerpetualFallback: true}, Valid, Expired},
		{"fallback, release unknown", license(date), Request{Package: "toy", Version: "1", Time: checkUntil, PerpetualFallback: true}, Valid, Expired},
		{"fallback, no version", license(date), Request{Package: "toy", Time: checkUntil, ReleasedAt: before, PerpetualFallback: true}, Valid, VersionInvalid},
		{"fallback before the date needs no release", license(date), Request{Package: "toy", Version: "1", Time: before, PerpetualFallback: true}, Valid, Valid},
		{"fallback does not lift a suspension", license(date, suspended), Request{Package: "toy", Version: "1", Time: checkUntil, ReleasedAt: before, PerpetualFallback: true}, Suspended, Suspended},
		{"no fallback, released before", license(date), Request{Package: "toy", Version: "1", Time: checkUntil, ReleasedAt: before}, Expired, Expired},

		{"the zero License", &License{}, Request{Version: "1.0.0"}, PackageNotCovered, PackageNotCovered},
		{"the zero Constraint", license(Constraint{}), Request{Package: "toy", Version: "1.0.0", Time: before}, VersionNotAllowed, VersionNotAllowed},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			ofPackage := test.license.CheckPackage(test.request)
			assert.Equal(t, test.ofPackage, ofPackage.Code)
			assert.Empty(t, ofPackage.Request.Version)
			assert.Zero(t, ofPackage.Request.ReleasedAt)
			d := test.license.CheckVersion(test.request)
			assert.Equal(t, test.answer, d.Code)
			assert.Equal(t, test.answer == Valid, d.Allowed())
			assert.Same(t, test.license, d.License)
			assert.Equal(t, test.request, d.Request)
			assert.Equal(t, d, ofPackage.ForVersion(test.request.Version, test.request.ReleasedAt))
		})
	}
}

func TestZeroDecisionAllowsNothing(t *testing.T) {
	t.Parallel()
	var d Decision
	assert.False(t, d.Allowed())
	assert.False(t, d.ForVersion("1.0.0", time.Time{}).Allowed())
	assert.Equal(t, "This license was not checked.", d.Message())
	assert.False(t, Decision{Code: Valid}.ForVersion("1.0.0", time.Time{}).Allowed(), "without a license")
	assert.False(t, Decision{Code: Code("valid")}.Allowed())
}

// What a listing shows is what a download allows.
func TestListingAgreesWithDownload(t *testing.T) {
	t.Parallel()
	g := newRangeGenerator(5)
	constraints := []Constraint{{}, NoConstraint(), DateConstraint(checkUntil)}
	for range 200 {
		constraints = append(constraints, mustRange(t, g.rangeText()))
	}
	versions := []string{"", "dev-main", "v1.0.0", "1.2"}
	for range 200 {
		versions = append(versions, g.version())
	}
	times := []time.Time{{}, before, checkUntil, checkUntil.Add(time.Hour)}
	rapid.Check(t, func(t *rapid.T) {
		l := &License{
			Constraint: rapid.SampledFrom(constraints).Draw(t, "constraint"),
			Suspended:  rapid.IntRange(0, 9).Draw(t, "suspended") == 0,
			Packages:   []string{"a", "b"},
		}
		r := Request{
			Package:           rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "package"),
			Version:           rapid.SampledFrom(versions).Draw(t, "version"),
			Time:              rapid.SampledFrom(times).Draw(t, "time"),
			ReleasedAt:        rapid.SampledFrom(times).Draw(t, "released"),
			PerpetualFallback: rapid.Bool().Draw(t, "fallback"),
		}
		download := l.CheckVersion(r)
		listing := l.CheckPackage(r)
		if shown := listing.ForVersion(r.Version, r.ReleasedAt); shown != download {
			t.Fatalf("listing %+v, download %+v", shown, download)
		}
		if download.Allowed() && !listing.Allowed() {
			t.Fatal("a version is allowed of a package that is not")
		}
		if download.Allowed() && r.Version == "" {
			t.Fatal("the empty version is allowed")
		}
		// One version does not colour the next.
		other := listing.ForVersion(rapid.SampledFrom(versions).Draw(t, "another"), time.Time{})
		if again := listing.ForVersion(r.Version, r.ReleasedAt); again != download {
			t.Fatalf("after %+v: %+v, not %+v", other, again, download)
		}
	})
}

func TestChecksDoNotAllocate(t *testing.T) {
	for name, c := range map[string]Constraint{
		"none": NoConstraint(), "date": DateConstraint(checkUntil), "version": mustRange(t, ">=1.0.0-rc.1 <2.0.0 || ^3.1"), "zero": {},
	} {
		l := &License{Constraint: c, Packages: []string{"other", "toy"}}
		for _, version := range []string{"1.5.0", "2.0.0", "1.0.0-rc.2", "2.0.0-beta.1", "dev-main", ""} {
			for _, now := range []time.Time{before, checkUntil} {
				r := Request{Package: "toy", Version: version, Time: now, PerpetualFallback: true}
				listing := l.CheckPackage(r)
				for what, check := range map[string]func() Decision{
					"CheckPackage": func() Decision { return l.CheckPackage(r) },
					"CheckVersion": func() Decision { return l.CheckVersion(r) },
					"ForVersion":   func() Decision { return listing.ForVersion(version, time.Time{}) },
				} {
					allocations := testing.AllocsPerRun(100, func() { sink = check() })
					assert.Zero(t, allocations, "%s, %s of %q at %v", name, what, version, now)
				}
			}
		}
	}
}

var sink Decision

func TestMessagesAreSentencesForCustomers(t *testing.T) {
	t.Parallel()
	dated := &License{Key: "SECRET", Constraint: DateConstraint(checkUntil), Packages: []string{"toy"}}
	ranged := &License{Key: "SECRET", Constraint: mustRange(t, "<2.0.0"), Packages: []string{"toy"}}
	suspended := &License{Key: "SECRET", Suspended: true}
	r := Request{Package: "toy", Version: "2.1.0", Time: checkUntil}
	fallback := r
	fallback.PerpetualFallback = true
	for want, d := range map[string]Decision{
		"There is no license with this key. Check that the key is complete and current.":                                        (*License)(nil).CheckVersion(r),
		"This license is suspended. Ask the seller why, and how to have it restored.":                                           suspended.CheckVersion(r),
		"This license does not cover other.":                                                                                    ranged.CheckPackage(Request{Package: "other"}),
		"This license for toy was valid until 2026-01-31 00:00 UTC. Renew it to go on.":                                         dated.CheckVersion(r),
		"This license for toy was valid until 2026-01-31 00:00 UTC. It keeps the versions released before; renew it for 2.1.0.": dated.CheckVersion(fallback),
		"No version of toy was asked for.":                                                                                      ranged.CheckVersion(Request{Package: "toy"}),
		`"dev" is not a semantic version, so this license, which covers versions <2.0.0 of toy, cannot allow it.`:               ranged.CheckVersion(Request{Package: "toy", Version: "dev"}),
		"This license for toy covers versions <2.0.0; 2.1.0 needs an upgrade.":                                                  ranged.CheckVersion(r),
		"This license covers toy.":                                         ranged.CheckPackage(r),
		"This license covers toy 1.0.0.":                                   ranged.CheckVersion(Request{Package: "toy", Version: "1.0.0"}),
		"This license for toy is incomplete. Ask the seller to repair it.": (&License{Packages: []string{"toy"}}).CheckVersion(r),
	} {
		assert.Equal(t, want, d.Message())
	}
	for _, code := range []Code{NotFound, Suspended, PackageNotCovered, Expired, VersionInvalid, VersionNotAllowed, Valid, ""} {
		assert.NotEmpty(t, Decision{Code: code}.Message(), "a decision made by hand has a message too")
	}
}

// getter is a KeyGetter that answers with what it holds and counts.
type getter struct {
	license *License
	err     error
	calls   int
}

func (g *getter) GetByKey(context.Context, string) (*License, error) {
	g.calls++
	return g.license, g.err
}

func TestCheckerGoesFromAKeyToADecision(t *testing.T) {
	t.Parallel()
	l := &License{Key: "k", Constraint: DateConstraint(checkUntil), Packages: []string{"toy"}}
	now := before
	g := &getter{license: l}
	c := NewChecker(g, CheckerOptions{Now: func() time.Time { return now }})
	r := Request{Package: "toy", Version: "1.0.0", PerpetualFallback: true}

	d, err := c.CheckVersion(t.Context(), "k", r)
	require.NoError(t, err)
	r.Time, r.PerpetualFallback = before, false
	assert.Equal(t, Decision{Valid, l, r}, d, "the Checker sets Time where it is zero, and PerpetualFallback always")

	now = checkUntil
	d, err = c.CheckVersion(t.Context(), "k", Request{Package: "toy", Version: "1.0.0"})
	require.NoError(t, err)
	assert.Equal(t, Expired, d.Code)

	d, err = c.CheckVersion(t.Context(), "k", Request{Package: "toy", Version: "1.0.0", Time: before})
	require.NoError(t, err)
	assert.Equal(t, Valid, d.Code, "a time that is given stands")

	fallback := NewChecker(g, CheckerOptions{Now: func() time.Time { return checkUntil }, PerpetualFallback: true})
	d, err = fallback.CheckPackage(t.Context(), "k", Request{Package: "toy", Version: "1.0.0"})
	require.NoError(t, err)
	assert.Equal(t, Valid, d.Code)
	assert.Equal(t, Valid, d.ForVersion("1.0.0", before).Code)
	assert.Equal(t, Expired, d.ForVersion("1.0.0", checkUntil).Code)
}

func TestCheckerUsesTheSystemClock(t *testing.T) {
	t.Parallel()
	g := &getter{license: &License{Key: "k", Constraint: DateConstraint(time.Now().Add(time.Hour)), Packages: []string{"toy"}}}
	d, err := NewChecker(g, CheckerOptions{}).CheckVersion(t.Context(), "k", Request{Package: "toy", Version: "1"})
	require.NoError(t, err)
	assert.True(t, d.Allowed())
	assert.WithinDuration(t, time.Now(), d.Request.Time, time.Minute)
}

func TestCheckerAnswersAnUnknownKey(t *testing.T) {
	t.Parallel()
	g := &getter{err: errors.Join(errors.New("no rows"), ErrNotFound)}
	c := NewChecker(g, CheckerOptions{})
	for _, check := range []func(context.Context, string, Request) (Decision, error){c.CheckPackage, c.CheckVersion} {
		d, err := check(t.Context(), "k", Request{Package: "toy", Version: "1.0.0", Time: before})
		require.NoError(t, err)
		assert.Equal(t, NotFound, d.Code)
		assert.Nil(t, d.License)
		assert.Equal(t, "toy", d.Request.Package)
		assert.False(t, d.ForVersion("1.0.0", before).Allowed())
	}
	assert.Equal(t, 2, g.calls)
}

func TestCheckerAsksNoStoreForAMalformedKey(t *testing.T) {
	t.Parallel()
	g := &getter{license: &License{Constraint: NoConstraint(), Packages: []string{"toy"}}}
	c := NewChecker(g, CheckerOptions{})
	long := make([]byte, MaxKeyLen+1)
	for i := range long {
		long[i] = 'k'
	}
	for _, key := range []string{"", "a b", "a\x00", "é", "\xff", "a\n", string(long)} {
		g.license.Key = key // so that only the form of the key stands in the way
		d, err := c.CheckVersion(t.Context(), key, Request{Package: "toy", Version: "1.0.0"})
		require.NoError(t, err, "%q", key)
		assert.Equal(t, NotFound, d.Code, "%q", key)
	}
	assert.Zero(t, g.calls)
}

func TestCheckerFailsClosed(t *testing.T) {
	t.Parallel()
	down := errors.New("down")
	other := &License{Key: "K", Constraint: NoConstraint(), Packages: []string{"toy"}}
	for name, c := range map[string]*Checker{
		"the store is down":                   NewChecker(&getter{err: down}, CheckerOptions{}),
		"an error beside a license":           NewChecker(&getter{license: &License{Key: "k", Constraint: NoConstraint(), Packages: []string{"toy"}}, err: down}, CheckerOptions{}),
		"a key in another case":               NewChecker(&getter{license: other}, CheckerOptions{}),
		"neither license nor error":           NewChecker(&getter{}, CheckerOptions{}),
		"no store":                            NewChecker(nil, CheckerOptions{}),
		"the zero Checker":                    {},
		"no Checker":                          nil,
		"the context is done, says the store": NewChecker(&getter{err: context.Canceled}, CheckerOptions{}),
	} {
		d, err := c.CheckVersion(t.Context(), "k", Request{Package: "toy", Version: "1.0.0"})
		require.Error(t, err, name)
		assert.Equal(t, Decision{}, d, name)
		d, err = c.CheckPackage(t.Context(), "k", Request{Package: "toy"})
		require.Error(t, err, name)
		assert.Equal(t, Decision{}, d, name)
		assert.False(t, d.ForVersion("1.0.0", before).Allowed(), name)
		assert.NotContains(t, err.Error(), `"k"`, name)
	}
	_, err := NewChecker(&getter{err: down}, CheckerOptions{}).CheckVersion(t.Context(), "k", Request{})
	assert.ErrorIs(t, err, down)
}

func TestADateEndsAtItsMillisecond(t *testing.T) {
	t.Parallel()
	instants := []time.Time{{}, time.Time{}.Add(1), time.Unix(-1, 999_999_999), time.Unix(1<<62, 0), time.Unix(-1<<62, 0)}
	for _, ms := range []int64{0, 1, 999, 1000, 1001, 1697095609643, maxMillis - 1, maxMillis, maxMillis + 1} {
		for _, d := range []time.Duration{-1001 * time.Millisecond, -time.Millisecond, -1, 0, 1, 999_999, time.Millisecond, time.Second} {
			instants = append(instants, time.UnixMilli(ms).Add(d))
		}
	}
	for _, until := range instants {
		c := DateConstraint(until)
		for _, now := range instants {
			assert.Equal(t, now.IsZero() || millis(now) >= c.until, c.ended(&now), "until %v, at %v", until, now)
		}
	}
}
