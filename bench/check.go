package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/Masterminds/semver/v3"

	"github.com/privatepkgs/license"
	"github.com/privatepkgs/license/bench/internal/measure"
)

const byMasterminds = "Masterminds, the range parsed once"

func checkRows() []row {
	soon := license.DateConstraint(time.Now().Add(24 * time.Hour))
	return []row{
		checkRow("check/none", "check a license in hand, no constraint", license.NoConstraint(), "1.5.0"),
		checkRow("check/date", "check a license in hand, a date", soon, "1.5.0"),
		checkVersionRow("check/inside", "check a version that the range allows", "1.5.0", true),
		checkVersionRow("check/outside", "check a version that the range denies", "2.1.0", false),
		pairsRow(),
		compared("check/listing", "filter 1,000 versions for a listing", byMasterminds, timesFaster(8), compareListing),
	}
}

const (
	checkedPackage = "@acme/package-50" // the second of two
	checkedRange   = ">=1.0.0 <2.0.0"
)

func checkedLicense(c license.Constraint) *license.License {
	return &license.License{Constraint: c, Packages: packagesOf(0)}
}

// checking is a check of a version of a license in hand, with the answer that it must give.
func checking(c license.Constraint, version string, allowed bool) measure.Side {
	l, r := checkedLicense(c), license.Request{Package: checkedPackage, Version: version, Time: time.Now()}
	return measure.Timed(func(n int) error {
		for range n {
			if l.CheckVersion(r).Allowed() != allowed {
				return errors.New("the decision is wrong")
			}
		}
		return nil
	})
}

func checkRow(name, subject string, c license.Constraint, version string) row {
	return row{name, subject, "", []goal{nanoseconds(40), allocations(0)}, func(b *bench) ([]result, error) {
		return b.alone(checking(c, version, true))
	}}
}

// alone measures time and allocations of one side.
func (b *bench) alone(side measure.Side) ([]result, error) {
	ns, err := measure.Time(b.effort, side)
	if err != nil {
		return nil, err
	}
	count, _, err := measure.Allocations(1000, side)
	count = float64(int(count)) // what the measurement itself allocates is less than one of a thousand
	return []result{{value: ns, subject: duration(ns)}, {value: measure.Spread{Median: count, Min: count, Max: count}}}, err
}

func checkVersionRow(name, subject, version string, allowed bool) row {
	faster := timesFaster(8)
	return row{name, subject, byMasterminds, []goal{faster, nanoseconds(150), allocations(0)}, func(b *bench) ([]result, error) {
		c, err := license.VersionConstraint(checkedRange)
		if err != nil {
			return nil, err
		}
		subject := checking(c, version, allowed)
		ratio, err := b.compare(faster, func(*bench) (sides, error) {
			baseline, err := checkingByHand(version, allowed)
			return sides{subject: subject, baseline: baseline}, err
		})
		if err != nil {
			return nil, err
		}
		alone, err := b.alone(subject)
		return append([]result{ratio}, alone...), err
	}}
}

// checkingByHand is the whole check as one would write it with Masterminds alone.
func checkingByHand(version string, allowed bool) (measure.Side, error) {
	rng, err := semver.NewConstraint(checkedRange)
	packages := packagesOf(0)
	return measure.Timed(func(n int) error {
		for range n {
			v, err := semver.NewVersion(version)
			if (err == nil && slices.Contains(packages, checkedPackage) && rng.Check(v)) != allowed {
				return errors.New("the decision by hand is another one")
			}
		}
		return nil
	}), err
}

// compareListing filters versions of which a range that was sold allows a half.
func compareListing(*bench) (sides, error) {
	const rng = "<2.0.0"
	c, err := license.VersionConstraint(rng)
	if err != nil {
		return sides{}, err
	}
	parsed, err := semver.NewConstraint(rng)
	if err != nil {
		return sides{}, err
	}
	versions := make([]string, 1000)
	for i := range versions {
		versions[i] = fmt.Sprintf("%d.%d.%d", i/250, i/10%25, i%10)
		if i%10 == 9 {
			versions[i] += "-rc.1"
		}
	}
	l, r := checkedLicense(c), license.Request{Package: checkedPackage, Time: time.Now()}
	ours := func(kept []string) []string {
		d := l.CheckPackage(r)
		for _, v := range versions {
			if d.ForVersion(v, time.Time{}).Allowed() {
				kept = append(kept, v)
			}
		}
		return kept
	}
	byHand := func(kept []string) []string {
		for _, text := range versions {
			if v, err := semver.NewVersion(text); err == nil && parsed.Check(v) {
				kept = append(kept, text)
			}
		}
		return kept
	}
	if !slices.Equal(ours(nil), byHand(nil)) {
		return sides{}, errors.New("the listings differ")
	}
	var kept []string
	return sides{
		subject:  measure.Each(func(int) error { kept = ours(kept[:0]); return nil }),
		baseline: measure.Each(func(int) error { kept = byHand(kept[:0]); return nil }),
	}, nil
}

// pairsRow has the test of the root package compare answers rather than times.
func pairsRow() row {
	const subject = "answers on generated pairs of a range and a version"
	return row{"check/pairs", subject, "Masterminds with the prerelease rule", []goal{{0, false, "differ"}}, func(b *bench) ([]result, error) {
		cmd := exec.Command("go", "test", "-count=1", "-v", "-run", "^TestCompiledRangesAgreeWithMasterminds$", "-timeout", "60m", "github.com/privatepkgs/license")
		cmd.Env = append(os.Environ(), "LICENSE_LONG_TESTS=")
		if b.pairs >= full.pairs {
			cmd.Env = append(os.Environ(), "LICENSE_LONG_TESTS=1")
		}
		out, err := cmd.CombinedOutput()
		if err != nil {
			return nil, fmt.Errorf("%w\n%s", err, out)
		}
		match := regexp.MustCompile(`(\d+) pairs: (\d+) releases and (\d+) prereleases admitted`).FindSubmatch(out)
		if match == nil {
			return nil, fmt.Errorf("the test does not say how many pairs it compared:\n%s", out)
		}
		n, _ := strconv.Atoi(string(match[1]))
		return []result{{subject: thousands(n) + " pairs", baseline: fmt.Sprintf("%s and %s admitted", match[2], match[3])}}, nil
	}}
}
