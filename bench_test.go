package license

import (
	"slices"
	"testing"
	"time"

	"github.com/Masterminds/semver/v3"
	"github.com/stretchr/testify/require"
)

// What a check costs, and beside it the same with Masterminds alone: the range parsed once, the
// version each time. The metric "of-masterminds" is the share of its time.
func BenchmarkCheckVersion(b *testing.B) {
	now := time.Now()
	for _, bench := range []struct {
		name       string
		constraint Constraint
		version    string
		allowed    bool
	}{
		{"none/allowed", NoConstraint(), "1.5.0", true},
		{"none/denied", NoConstraint(), "", false},
		{"date/allowed", DateConstraint(now.Add(time.Hour)), "1.5.0", true},
		{"date/denied", DateConstraint(now.Add(-time.Hour)), "1.5.0", false},
		{"version/allowed", mustRange(b, ">=1.0.0 <2.0.0"), "1.5.0", true},
		{"version/denied", mustRange(b, ">=1.0.0 <2.0.0"), "2.1.0", false},
		{"version/prerelease", mustRange(b, ">=1.0.0-rc.1 <2.0.0"), "1.0.0-rc.2", true},
	} {
		b.Run(bench.name, func(b *testing.B) {
			l := &License{Constraint: bench.constraint, Packages: []string{"toy"}}
			r := Request{Package: "toy", Version: bench.version, Time: now}
			b.ReportAllocs()
			for b.Loop() {
				if l.CheckVersion(r).Allowed() != bench.allowed {
					b.Fatal("wrong")
				}
			}
			if rng := l.Constraint.Range(); rng != "" {
				ours := float64(b.Elapsed()) / float64(b.N)
				b.ReportMetric(ours/mastermindsNanos(b, rng, r, bench.allowed), "of-masterminds")
			}
		})
	}
}

// mastermindsNanos returns what the whole check takes when Masterminds answers it.
func mastermindsNanos(b *testing.B, rng string, r Request, allowed bool) float64 {
	parsed, err := semver.NewConstraint(rng)
	require.NoError(b, err)
	packages := []string{"toy"}
	const n = 50_000
	start := time.Now()
	for range n {
		v, err := semver.NewVersion(r.Version)
		if (err == nil && slices.Contains(packages, r.Package) && parsed.Check(v)) != allowed {
			b.Fatal("wrong")
		}
	}
	return float64(time.Since(start)) / n
}

// A listing: one decision about the package, then one for each of 500 versions.
func BenchmarkListing(b *testing.B) {
	l := &License{Constraint: mustRange(b, "<2.0.0"), Packages: []string{"toy"}}
	g := newNPMRangeGenerator(1)
	versions := make([]string, 500)
	for i := range versions {
		versions[i] = g.version()
	}
	now := time.Now()
	b.ReportAllocs()
	for b.Loop() {
		d := l.CheckPackage(Request{Package: "toy", Time: now})
		for _, v := range versions {
			_ = d.ForVersion(v, time.Time{})
		}
	}
	b.ReportMetric(float64(b.Elapsed())/float64(b.N)/float64(len(versions)), "ns/version")
}

func BenchmarkVersionConstraint(b *testing.B) {
	ranges := adversarialRanges()
	ranges["usual"] = ">=1.0.0 <2.0.0"
	for name, rng := range ranges {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := VersionConstraint(rng); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkJSON(b *testing.B) {
	l := newLicense()
	b.Run("append", func(b *testing.B) {
		var buffer []byte
		b.ReportAllocs()
		for b.Loop() {
			buffer = l.AppendJSON(buffer[:0])
		}
	})
	b.Run("validate", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := l.Validate(); err != nil {
				b.Fatal(err)
			}
		}
	})
}
