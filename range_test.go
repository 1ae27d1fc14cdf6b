package license

import (
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/Masterminds/semver/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// oracle answers as VersionConstraint promises to, in the plainest way: Masterminds' Check on
// the range parsed once, and the prerelease rule as its sentence reads.
type oracle struct {
	whole  *semver.Constraints
	groups []oracleGroup
}

type oracleGroup struct {
	*semver.Constraints
	named []semver.Version
}

func newOracle(source string) (*oracle, error) {
	if len(source) > MaxRangeLen {
		return nil, semver.ErrConstraintTooLong
	}
	o := new(oracle)
	for text := range strings.SplitSeq(source, "||") {
		c, err := semver.NewConstraint(text)
		if err != nil {
			return nil, err
		}
		o.groups = append(o.groups, oracleGroup{c, namedIn(text)})
	}
	// Without the spaces Masterminds misreads a hyphen range after ||.
	whole, err := semver.NewConstraint(strings.ReplaceAll(source, "||", " || "))
	o.whole = whole
	return o, err
}

func (o *oracle) admits(v *semver.Version) bool {
	if v.Prerelease() == "" {
		return o.whole.Check(v)
	}
	for _, g := range o.groups {
		if !g.Check(v) {
			continue
		}
		for _, named := range g.named {
			if named.Prerelease() != "" && named.Major() == v.Major() && named.Minor() == v.Minor() && named.Patch() == v.Patch() {
				return true
			}
		}
	}
	return false
}

var comparand = regexp.MustCompile(`v?([0-9xX*|]+)(?:\.([0-9xX*|]+))?(?:\.([0-9xX*|]+))?` +
	`(?:-([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?`)

// namedIn returns the versions that the text of a group names; what is not a number, and
// all that follows, is zero.
func namedIn(group string) []semver.Version {
	var named []semver.Version
	for _, match := range comparand.FindAllStringSubmatch(group, -1) {
		var n [3]uint64
		for i, part := range match[1:4] {
			var err error
			if n[i], err = strconv.ParseUint(part, 10, 64); err != nil {
				n[i] = 0
				break
			}
		}
		named = append(named, *semver.New(n[0], n[1], n[2], match[4], ""))
	}
	return named
}

// around returns versions at and next to those that a range names, where its answer can change.
func (o *oracle) around() []string {
	var versions []string
	for _, g := range o.groups {
		for _, v := range g.named {
			for _, d := range [][3]uint64{{}, {0, 0, 1}, {0, 1, 0}, {1, 0, 0}, {0, 0, ^uint64(0)}, {0, ^uint64(0), 0}, {^uint64(0), 0, 0}, {^uint64(0), 7, 7}} {
				text := semver.New(v.Major()+d[0], v.Minor()+d[1], v.Patch()+d[2], "", "").String()
				versions = append(versions, text, text+"-0", text+"-beta.1", text+"-zz")
				for _, other := range g.named {
					if pre := other.Prerelease(); pre != "" && len(g.named) < 10 {
						versions = append(versions, text+"-"+pre, text+"-"+pre+".0", text+"-"+pre+"0")
					}
				}
			}
		}
	}
	return versions
}

func FuzzConstraint(f *testing.F) {
	g := newRangeGenerator(7)
	for range 100 {
		f.Add(g.rangeText(), g.version())
	}
	for _, rng := range []string{"1||2.0.0 - 3.0.0", "x.1|2", "1|2", "~0.0.0-0", "!=*-0", "<=*", ">18446744073709551615.18446744073709551615", "1.0.0-99999999999999999999 || =1.0.0-99999999999999999999.0", "||", ""} {
		f.Add(rng, "1.0.0-99999999999999999999")
	}
	f.Add(">=0.7.10-alpha,!=0.7.*-rc.1,=<9.9.3", "0.7.10-rc.1")
	f.Fuzz(func(t *testing.T, rng, version string) {
		parsed, err := semver.NewVersion(version)
		v, ok := parseVersion(version)
		if ok != (err == nil) {
			t.Fatalf("parseVersion(%q) = %v, Masterminds: %v", version, ok, err)
		}
		if ok && (v.pre != parsed.Prerelease() || v.release != release{parsed.Major(), parsed.Minor(), parsed.Patch()}) {
			t.Fatalf("parseVersion(%q) = %v, Masterminds: %v", version, v, parsed)
		}
		o, err := newOracle(rng)
		c, errC := VersionConstraint(rng)
		if (err == nil) != (errC == nil) && len(rng)+2*strings.Count(rng, "||") <= MaxRangeLen {
			t.Fatalf("VersionConstraint(%q): %v, Masterminds: %v", rng, errC, err)
		}
		if err != nil || errC != nil {
			return
		}
		for _, text := range append(o.around(), version) {
			parsed, err := semver.NewVersion(text)
			if err != nil {
				continue
			}
			v, _ := parseVersion(text)
			if got, want := c.rng.admits(v), o.admits(parsed); got != want {
				t.Fatalf("%q of %q: %v, Masterminds and the prerelease rule: %v", text, rng, got, want)
			}
		}
	})
}

func TestCompiledRangesAgreeWithMasterminds(t *testing.T) {
	t.Parallel()
	pairs := 100_000
	if os.Getenv("LICENSE_LONG_TESTS") == "1" {
		pairs = 10_000_000
	}
	g := newRangeGenerator(42)
	var releases, prereleases int
	for done := 0; done < pairs; done += 100 {
		rng := g.rangeText()
		o, err := newOracle(rng)
		require.NoError(t, err, rng)
		c, err := VersionConstraint(rng)
		require.NoError(t, err, rng)
		for i := range 100 {
			text := g.version()
			if i%2 == 1 {
				text = g.prereleaseNear(rng)
			}
			parsed, err := semver.NewVersion(text)
			if err != nil {
				t.Fatal(err)
			}
			v, ok := parseVersion(text)
			want := o.admits(parsed)
			if !ok || c.rng.admits(v) != want {
				t.Fatalf("%q of %q: Masterminds and the prerelease rule: %v", text, rng, want)
			}
			switch {
			case want && v.pre == "":
				releases++
			case want:
				prereleases++
			}
		}
	}
	t.Logf("%d pairs: %d releases and %d prereleases admitted", pairs, releases, prereleases)
	require.Greater(t, releases, pairs/100)
	require.Greater(t, prereleases, pairs/100)
}

func TestPrereleasesAreAdmittedOnlyWhenNamed(t *testing.T) {
	t.Parallel()
	tests := []struct {
		rng            string
		admits, denies string // versions, separated by a space: admitted, and not
	}{
		{"<2.0.0", "0.0.0 1.9.0 1.9.9 1.2 v1.2.3 1.0.0+2.0.0", "2.0.0 2.0.0-beta.1 1.9.0-rc.1 2.0.0-0 0.0.0-0"},
		{">=1.0.0-0 <2.0.0", "1.0.0-0 1.0.0-beta 1.0.0 1.9.0", "2.0.0-beta.1 1.9.0-rc.1 1.0.1-0 2.0.0"},
		{">=2.0.0-beta.1 <3.0.0", "2.0.0-beta.1 2.0.0-beta.1.0 2.0.0-rc.1 2.0.0 2.9.9", "2.0.0-beta.0 2.0.0-alpha 3.0.0-alpha 2.0.1-rc.1 3.0.0"},
		{"^1.2.3-beta.2", "1.2.3-beta.2 1.2.3-beta.10 1.2.3-rc 1.2.3 1.9.0", "1.2.3-beta.1 1.2.3-alpha 1.2.4-beta.2 1.3.0-rc 2.0.0-0"},
		{"~1.2.3-beta.2", "1.2.3-beta.2 1.2.3-beta.4 1.2.9", "1.2.4-beta.2 1.3.0-0 1.3.0"},
		{"1.2.3-beta", "1.2.3-beta v1.2.3-beta+7", "1.2.3 1.2.3-beta.0 1.2.3-alpha"},
		{"<=2.0.0-rc.1", "2.0.0-alpha 2.0.0-rc.1 2.0.0-rc.0 1.9.0", "2.0.0-rc.2 2.0.0-rc.1.0 2.0.0 1.9.0-rc.1"},
		{"<2.0.0-rc.1", "2.0.0-0 2.0.0-rc.0 2.0.0-beta 1.9.0", "2.0.0-rc.1 2.0.0 1.9.0-beta"},
		{">1.0.0-beta", "1.0.0-beta.0 1.0.0-rc 1.0.0 9.0.0", "1.0.0-beta 1.0.0-alpha 1.0.1-rc 9.0.0-rc"},
		{"1.0.0-alpha - 2.0.0", "1.0.0-alpha 1.0.0-rc 2.0.0 1.5.0", "2.0.0-rc 1.5.0-rc 2.0.1"},
		{"1.0.0 - 2.0.0-beta", "1.0.0 1.9.0 2.0.0-alpha 2.0.0-beta", "2.0.0-rc 2.0.0 1.0.0-rc"},
		// The naming comparator must stand in the group that admits the version.
		{"<1.0.0-beta || >=2.0.0", "0.9.0 1.0.0-alpha 2.0.0", "1.0.0-rc 2.0.0-rc 1.0.0"},
		{">=1.0.0-beta <1.1.0 || <3.0.0", "1.0.0-rc 2.0.0", "1.0.0-alpha 2.0.0-rc"},
		{">=2.0.0-beta || <2.0.0", "2.0.0-beta 2.0.0-rc 2.0.0 1.0.0", "2.0.0-alpha 1.0.0-alpha"},
		{">=1.2.3-alpha !=1.2.x-rc.1", "1.2.3-alpha 1.2.3-rc.0 1.2.3-rc.1.0 1.2.3", "1.2.3-rc.1 1.2.4-rc.2"},
		{">=1.0.0-0 !=1.0.0-beta", "1.0.0-alpha 1.0.0-beta.0 1.0.0-rc 1.0.0", "1.0.0-beta 1.0.1-rc"},
		{"*", "0.0.0 1.0.0 99.0.0", "1.0.0-beta 0.0.0-0"},
		{"1.x", "1.0.0 1.99.0", "1.0.0-beta 1.5.0-rc 2.0.0-beta 2.0.0"},
		{"^1.2", "1.2.0 1.9.9", "1.2.0-beta 1.3.0-beta 2.0.0-beta 1.1.9"},
		{">1.2", "1.3.0 2.0.0", "1.2.9 1.3.0-beta 2.0.0-beta"},
		{"<2.0.0", "", "2.0.0-20240101120000-abcdef123456 0.0.0-20240101120000-abcdef123456"},
		// Identifiers: numbers before words, by value; more of them after fewer (SemVer 2.0.0, 11.4).
		{">=1.0.0-2", "1.0.0-10 1.0.0-a 1.0.0-2.0", "1.0.0-1 1.0.0-0.9"},
		{">=1.0.0-b", "1.0.0-b 1.0.0-b.1 1.0.0-c", "1.0.0-B 1.0.0-7 1.0.0-a.z"},
	}
	for _, test := range tests {
		t.Run(test.rng, func(t *testing.T) {
			t.Parallel()
			c, err := VersionConstraint(test.rng)
			require.NoError(t, err)
			for v := range strings.FieldsSeq(test.admits) {
				assert.Equal(t, Valid, c.checkVersion(&Request{Version: v}), v)
			}
			for v := range strings.FieldsSeq(test.denies) {
				assert.Equal(t, VersionNotAllowed, c.checkVersion(&Request{Version: v}), v)
			}
		})
	}
}

// Masterminds takes 1||2.0.0 - 3.0.0 for >=1 || 2.0.0 <=3.0.0.
func TestHyphenRangeMayFollowOrWithoutSpace(t *testing.T) {
	t.Parallel()
	c, err := VersionConstraint("1||3.0.0 - 4.0.0")
	require.NoError(t, err)
	for version, want := range map[string]Code{"1.5.0": Valid, "3.5.0": Valid, "4.0.0": Valid,
		"2.0.0": VersionNotAllowed, "5.0.0": VersionNotAllowed} {
		assert.Equal(t, want, c.checkVersion(&Request{Version: version}), version)
	}
	masterminds, err := semver.NewConstraint("1||3.0.0 - 4.0.0")
	require.NoError(t, err)
	assert.True(t, masterminds.Check(semver.MustParse("5.0.0")),
		"Masterminds reads this range well now: groups need no longer be split before it sees them")
}

func TestRangesAreRefused(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, rng, code string }{
		{"empty", "", CodeInvalidValue},
		{"a tag", "latest", CodeInvalidValue},
		{"an empty group", "1 || ", CodeInvalidValue},
		{"an operator alone", ">=", CodeInvalidValue},
		{"four numbers", "1.2.3.4", CodeInvalidValue},
		{"a single bar", "1|2", CodeInvalidValue},
		{"a number beyond 64 bits", ">=18446744073709551616", CodeInvalidValue},
		{"NUL", "1\x00", CodeInvalidValue},
		{"513 bytes", strings.Repeat(" ", 512) + "1", CodeTooLong},
		{"33 groups", strings.Repeat("1||", 32) + "1", CodeTooMany},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c, err := VersionConstraint(test.rng)
			var invalid *ValidationError
			require.ErrorAs(t, err, &invalid)
			require.Len(t, invalid.Problems, 1)
			assert.Equal(t, "/constraint/value", invalid.Problems[0].Pointer)
			assert.Equal(t, test.code, invalid.Problems[0].Code)
			assert.Zero(t, c)
		})
	}
	for name, rng := range map[string]string{
		"512 bytes": strings.Repeat(" ", 511) + "1",
		"32 groups": strings.Repeat("1||", 31) + "1",
	} {
		_, err := VersionConstraint(rng)
		assert.NoError(t, err, name)
	}
}

// adversarialRanges are as dear to compile as 512 bytes can be.
func adversarialRanges() map[string]string {
	fill := func(start string, next func(i int) string) string {
		for i := 0; ; i++ {
			more := next(i)
			if len(start)+len(more) > MaxRangeLen {
				return start
			}
			start += more
		}
	}
	hex := func(i int) string { return strconv.Itoa(10 + i%90) }
	return map[string]string{
		"many equal":         fill("1", func(int) string { return " 1" }),
		"many distinct":      fill(">=0", func(i int) string { return " !=" + hex(i) }),
		"many patches":       fill("*", func(i int) string { return " >0.0." + strconv.Itoa(i%10) }),
		"many groups":        fill("1", func(i int) string { return "||" + hex(i) })[:1+31*4],
		"groups and members": fill(strings.Repeat("1||", 31)+"*", func(i int) string { return " !=" + hex(i) }),
		"many prereleases":   fill(">=0", func(i int) string { return " !=0.0.0-" + hex(i) }),
		"prereleases of many releases": fill("*", func(i int) string {
			if i > 50 {
				return strings.Repeat(" ", MaxRangeLen) // enough
			}
			return " !=" + strconv.Itoa(i) + "-" + string(rune('a'+i%26)) + string(rune('a'+i/26))
		}) + " <0",
		"a prerelease of dots": ">=1.0.0-a" + strings.Repeat(".a", 120),
		"white space":          fill("1", func(int) string { return " " }),
	}
}

func TestCompilingAnyRangeIsBounded(t *testing.T) {
	t.Parallel()
	for name, rng := range adversarialRanges() {
		start := time.Now()
		_, err := VersionConstraint(rng)
		took := time.Since(start)
		require.NoError(t, err, name)
		t.Logf("%s: %v", name, took)
		assert.Less(t, took, time.Second, name) // 1 ms on an idle machine
	}
}

func TestVersionsAreReadAsMastermindsReadsThem(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"1", "1.2", "1.2.3", "v1.2.3", "01.2.3", "1.02", "1.2.3-beta", "1.2-beta", "1-beta", "1.2.3+build", "1+build",
		"1.2.3-beta+build.01", "1.2.3-0", "1.2.3--", "18446744073709551615.0.0", "1.2.3-18446744073709551616",
		"", "v", "V1.2.3", "vv1", "1.", "1..2", ".1", "1.2.3.4", "1.2.3-", "1.2.3-01", "1.2.3-a..b", "1.2.3-a.", "1.2.3+",
		"1.2.3+a..b", "1.2.3-ä", " 1.2.3", "1.2.3 ", "1.2.3\n", "-1", "+1", "18446744073709551616.0.0", "latest", "x", "1.x", "１.2.3",
		strings.Repeat("1", 257), "1.0.0-" + strings.Repeat("a", 250), "1.0.0-" + strings.Repeat("a", 251),
	} {
		parsed, err := semver.NewVersion(text)
		v, ok := parseVersion(text)
		require.Equal(t, err == nil, ok, text)
		if ok {
			assert.Equal(t, version{release{parsed.Major(), parsed.Minor(), parsed.Patch()}, parsed.Prerelease()}, v, text)
		}
	}
}

func TestPrereleasesAreOrderedAsMastermindsOrdersThem(t *testing.T) {
	t.Parallel()
	g := newRangeGenerator(3)
	for range 10_000 {
		a, b := g.prerelease(), g.prerelease()
		if g.oneIn(4) {
			a += "." + g.pick(g.numbers[:7])
		}
		if g.oneIn(8) {
			b += ".99999999999999999999"
		}
		want := semver.New(1, 0, 0, a, "").Compare(semver.New(1, 0, 0, b, ""))
		require.Equal(t, want, comparePrerelease(a, b), "%s, %s", a, b)
	}
}
