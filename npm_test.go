package license

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// npmCase is one range and the versions to try it on.
type npmCase struct {
	rng      string
	versions []string
}

func (c npmCase) MarshalJSON() ([]byte, error) { return json.Marshal([]any{c.rng, c.versions}) }

// askNPM returns what npm's own semver package says: for each case nil when it refuses the
// range, else 1 or 0 for each version.
func askNPM(t *testing.T, cases []npmCase) [][]int {
	t.Helper()
	for _, program := range []string{"node", "npm"} {
		if _, err := exec.LookPath(program); err != nil {
			const missing = "install Node.js with npm to compare with npm's own semver package"
			if os.Getenv("CI") == "true" {
				t.Fatal(missing)
			}
			t.Skip(missing)
		}
	}
	root, err := exec.CommandContext(t.Context(), "npm", "root", "-g").Output()
	require.NoError(t, err)
	input, err := json.Marshal(cases)
	require.NoError(t, err)
	node := exec.CommandContext(t.Context(), "node", "testdata/npm_semver.js", strings.TrimSpace(string(root)))
	node.Stdin = bytes.NewReader(input)
	node.Stderr = os.Stderr
	output, err := node.Output()
	require.NoError(t, err)
	var answers [][]int
	require.NoError(t, json.Unmarshal(output, &answers))
	require.Len(t, answers, len(cases))
	return answers
}

func npmAnswer(admitted bool) int {
	if admitted {
		return 1
	}
	return 0
}

func TestRangesMeanWhatTheyMeanInNPM(t *testing.T) {
	t.Parallel()
	ranges := 5000
	if os.Getenv("LICENSE_LONG_TESTS") == "1" {
		ranges = 50_000
	}
	g := newNPMRangeGenerator(1)
	cases := make([]npmCase, ranges)
	for i := range cases {
		cases[i].rng = g.rangeText()
		for range 20 {
			cases[i].versions = append(cases[i].versions, g.version(), g.prereleaseNear(cases[i].rng))
		}
	}
	var denied, releases, prereleases int
	for i, answers := range askNPM(t, cases) {
		c, err := VersionConstraint(cases[i].rng)
		require.NoError(t, err, cases[i].rng)
		require.NotNil(t, answers, "npm refuses %q", cases[i].rng)
		for j, text := range cases[i].versions {
			v, ok := parseVersion(text)
			require.True(t, ok, text)
			admitted := c.rng.admits(v)
			require.Equal(t, answers[j], npmAnswer(admitted), "%q of %q", text, cases[i].rng)
			switch {
			case !admitted:
				denied++
			case v.pre == "":
				releases++
			default:
				prereleases++
			}
		}
	}
	t.Logf("%d pairs: %d releases and %d prereleases admitted", denied+releases+prereleases, releases, prereleases)
	require.Positive(t, denied)
	require.Positive(t, releases)
	require.Greater(t, prereleases, ranges, "too few prereleases are admitted to show anything")
}

// The classes of ranges about which Masterminds and npm do not agree. Masterminds' reading
// stands, and VersionConstraint's comment warns of those that admit more than a seller would expect.
func TestRangesThatNPMReadsDifferently(t *testing.T) {
	t.Parallel()
	const refused = "refused"
	tests := []struct {
		why              string
		rng, version     string
		license, fromNPM string // "yes", "no" or refused
	}{
		{"~0.0.0 is >=0.0.0", "~0.0.0", "5.0.0", "yes", "no"},
		{">* is >0.0.0; for npm nothing is greater than all", ">*", "5.0.0", "yes", "no"},
		{"^* is ^0.0.0", "^*", "1.0.0", "no", "yes"},
		{"<=* is <=0.0", "<=*", "1.0.0", "no", "yes"},
		{"a range that ends with * is one with <=*", "1.0.0 - *", "1.0.0", "no", "yes"},
		{"npm has no !=", "!=1.5.0", "1.6.0", "yes", refused},
		{"npm has no comma", ">=1.0.0, <2.0.0", "1.5.0", "yes", refused},
		{"npm has no => and =<", "=>1.0.0", "1.5.0", "yes", refused},
		{"a number after x does not count", "1.x.3", "1.5.0", "yes", refused},
		{"nor one after *, so that everything is open", "*.1", "5.0.0", "yes", refused},
		{"a prerelease after two numbers is lost", "<=2.0-rc.1", "2.0.7", "yes", refused},
		{"a prerelease after two numbers is lost", "1.0 - 2.0-rc.1", "2.0.7", "yes", refused},
		{"a prerelease after one number is lost", "2-rc.1", "2.9.9", "yes", refused},
		{"a prerelease after x counts as one of 1.0.0", "1.x-beta", "1.0.0-beta", "yes", refused},
		{"npm lets no comparator stand beside a hyphen range", "1.0.0 - 2.0.0 <1.5.0", "1.2.0", "yes", refused},
		{"an empty range is likelier a mistake than everything", "", "1.0.0", refused, "yes"},
		{"so is an empty group", "1.0.0 ||", "5.0.0", refused, "yes"},
		{"npm drops all groups but *, and with them their prereleases", "* || >=1.0.0-beta.1", "1.0.0-beta.2", "yes", "no"},
		{"<1.x is <1.0.0, and <1.0.0-0 for npm", ">=1.0.0-beta <1.x", "1.0.0-rc.1", "yes", "no"},
		{">1 has prereleases of 2.0.0, which count when named", ">1 <=2.0.0-rc.1", "2.0.0-beta.1", "yes", "no"},
		{"* is >=0.0.0, and before that is 0.0.0-beta", "* ^0.0.0-alpha", "0.0.0-beta", "no", "yes"},
		{"a version may leave out minor and patch", "<2.0.0", "1.2", "yes", "no"},
		{"a version may have leading zeros", "<2.0.0", "01.2.3", "yes", "no"},
	}
	cases := make([]npmCase, len(tests))
	for i, test := range tests {
		cases[i] = npmCase{test.rng, []string{test.version}}
	}
	words := []string{"no", "yes"}
	for i, answers := range askNPM(t, cases) {
		test := tests[i]
		fromNPM := refused
		if answers != nil {
			fromNPM = words[answers[0]]
		}
		require.Equal(t, test.fromNPM, fromNPM, "npm: %q of %q: %s", test.version, test.rng, test.why)
		ours := refused
		if c, err := VersionConstraint(test.rng); err == nil {
			v, ok := parseVersion(test.version)
			require.True(t, ok)
			ours = words[npmAnswer(c.rng.admits(v))]
		}
		require.Equal(t, test.license, ours, "license: %q of %q: %s", test.version, test.rng, test.why)
	}
}
