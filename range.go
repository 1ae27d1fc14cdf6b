package license

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/Masterminds/semver/v3"
)

// A versionRange is a range as [VersionConstraint] describes it, worked out so that a
// version is judged by a few comparisons of integers, without allocation.
//
// What a range means is Masterminds' to say, so its operators are not understood a second
// time here. Along the ordered releases the answer of a range can change only at a
// version that a comparator names or at the start of a patch, minor or major next to it;
// compileRange asks Masterminds at each of these points and keeps where the answer changes.
// Prereleases are admitted only beside a release that a comparator names a prerelease
// of, and are sampled there in the same way.
type versionRange struct {
	source      string
	releases    []step[release]
	prereleases []prereleaseSteps
}

// release is a version without prerelease and build metadata.
type release struct{ major, minor, patch uint64 }

func (r release) compare(o release) int {
	if c := cmp.Compare(r.major, o.major); c != 0 {
		return c
	}
	if c := cmp.Compare(r.minor, o.minor); c != 0 {
		return c
	}
	return cmp.Compare(r.patch, o.patch)
}

// step says that from a point on, up to the next step, versions are admitted or not.
// Before the first step nothing is.
type step[T any] struct {
	from  T
	admit bool
}

// prereleaseSteps are the steps among the prereleases of one release in one group.
type prereleaseSteps struct {
	of    release
	steps []step[string]
}

// admits reports whether the range admits v.
func (r *versionRange) admits(v version) bool {
	if v.pre == "" {
		admit := false
		for i := range r.releases {
			if v.release.compare(r.releases[i].from) < 0 {
				break
			}
			admit = r.releases[i].admit
		}
		return admit
	}
	for i := range r.prereleases {
		if r.prereleases[i].of == v.release && admitsPrerelease(r.prereleases[i].steps, v.pre) {
			return true
		}
	}
	return false
}

func admitsPrerelease(steps []step[string], pre string) bool {
	admit := false
	for i := range steps {
		if comparePrerelease(pre, steps[i].from) < 0 {
			break
		}
		admit = steps[i].admit
	}
	return admit
}

// compileRange parses a range. Its cost is bounded by [MaxRangeLen]: so many bytes hold at most
// 250 comparators, with four points each, or 80 that name a prerelease, with 160 points
// beside each of 80 releases. The dearest range known takes some 10 ms.
func compileRange(source string) (*versionRange, error) {
	if len(source) > MaxRangeLen {
		return nil, problem("/constraint/value", CodeTooLong,
			fmt.Sprintf("the version range has %d bytes; at most %d are allowed", len(source), MaxRangeLen))
	}
	groups, err := parseGroups(source)
	if err != nil {
		return nil, err
	}
	r := &versionRange{source: source}
	points := []release{{}}
	for _, g := range groups {
		for _, v := range g.named {
			points = append(points, v.release)
			points = append(points, v.release.next()...)
		}
		r.prereleases = append(r.prereleases, g.prereleases()...)
	}
	slices.SortFunc(points, release.compare)
	for _, p := range slices.Compact(points) {
		v := semver.New(p.major, p.minor, p.patch, "", "")
		admit := slices.ContainsFunc(groups, func(g group) bool { return g.Check(v) })
		r.releases = appendStep(r.releases, p, admit)
	}
	return r, nil
}

// group is a part of a range: what stands between two ||.
type group struct {
	*semver.Constraints
	named []version // by the comparators
}

// parseGroups splits a range at || before Masterminds sees it. Given the whole range it
// takes 1||2.0.0 - 3.0.0 for >=1||2.0.0 <=3.0.0, which opens every version from 1 on.
func parseGroups(source string) ([]group, error) {
	texts := strings.Split(source, "||")
	if len(texts) > semver.MaxConstraintGroups {
		return nil, problem("/constraint/value", CodeTooMany,
			fmt.Sprintf("the version range has %d groups; at most %d are allowed", len(texts), semver.MaxConstraintGroups))
	}
	groups := make([]group, len(texts))
	for i, text := range texts {
		parsed, err := semver.NewConstraint(text)
		if err != nil {
			return nil, problem("/constraint/value", CodeInvalidValue,
				"the version range does not parse; write it like <2.0.0, ^1.2, >=1.0.0 <3.0.0 or 1.x || 2.x")
		}
		groups[i] = group{parsed, namedVersions(parsed.String())}
	}
	return groups, nil
}

// prereleases works out which prereleases the group admits, beside each release that it names
// a prerelease of. Any of the prereleases named may matter to each of these releases: the
// answer of !=1.2.x-rc.1 changes at the rc.1 of every patch of 1.2.
func (g group) prereleases() []prereleaseSteps {
	var releases []release
	points := []string{"0"} // nothing lies before it
	for _, v := range g.named {
		if v.pre != "" {
			releases = append(releases, v.release)
			// Nothing lies between pre and pre + ".0" (SemVer 2.0.0, section 11.4).
			points = append(points, v.pre, v.pre+".0")
		}
	}
	slices.SortFunc(releases, release.compare)
	slices.SortFunc(points, comparePrerelease)
	points = slices.Compact(points)
	var all []prereleaseSteps
	for _, of := range slices.Compact(releases) {
		s := prereleaseSteps{of: of}
		for _, pre := range points {
			s.steps = appendStep(s.steps, pre, g.Check(semver.New(of.major, of.minor, of.patch, pre, "")))
		}
		if len(s.steps) > 0 {
			all = append(all, s)
		}
	}
	return all
}

// appendStep adds a step unless the one before says the same.
func appendStep[T any](steps []step[T], from T, admit bool) []step[T] {
	before := len(steps) > 0 && steps[len(steps)-1].admit
	if admit == before {
		return steps
	}
	return append(steps, step[T]{from, admit})
}

// namedVersions returns the version that each comparator of a group names. The group is
// in the form that Masterminds prints: comparators separated by one space.
func namedVersions(group string) []version {
	var named []version
	for comparator := range strings.SplitSeq(group, " ") {
		text := strings.TrimPrefix(strings.TrimLeft(comparator, "=!<>~^"), "v")
		text, _, _ = strings.Cut(text, "+")
		numbers, pre, _ := strings.Cut(text, "-")
		v := version{pre: pre}
		for i, part := range strings.SplitN(numbers, ".", 3) {
			n, err := strconv.ParseUint(part, 10, 64)
			if err != nil {
				break // x, X or *: the rest counts as zero
			}
			*[]*uint64{&v.release.major, &v.release.minor, &v.release.patch}[i] = n
		}
		named = append(named, v)
	}
	return named
}

// next returns the starts of the patch, minor and major that follow r: where, besides r, the
// answer of a comparator that names r can change. One that overflows wraps to a point that is
// sampled in vain.
func (r release) next() []release {
	return []release{
		{r.major, r.minor, r.patch + 1},
		{r.major, r.minor + 1, 0},
		{r.major + 1, 0, 0},
	}
}
