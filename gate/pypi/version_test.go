package pypi_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/Masterminds/semver/v3"
	"github.com/stretchr/testify/require"

	"github.com/privatepkgs/license"
	"github.com/privatepkgs/license/gate/pypi"
)

func TestSemver(t *testing.T) {
	t.Parallel()
	for version, want := range map[string]string{
		"1.9.0":                         "1.9.0",
		"1.9":                           "1.9.0",
		"2":                             "2.0.0",
		"v2":                            "2.0.0",
		"V02.00":                        "2.0.0",
		"1.9.0.0":                       "1.9.0",
		"0!1.9":                         "1.9.0",
		"2024.1.15":                     "2024.1.15",
		"2.0.0a1":                       "2.0.0-alpha.1",
		"2.0.0.Alpha-1":                 "2.0.0-alpha.1",
		"2.0b2":                         "2.0.0-beta.2",
		"2.0.0-beta.1":                  "2.0.0-beta.1",
		"2rc1":                          "2.0.0-rc.1",
		"2.0c1":                         "2.0.0-rc.1",
		"2.0-preview":                   "2.0.0-rc.0",
		"2.0.0.dev3":                    "2.0.0-0.dev.3",
		"2.0.0-DEV":                     "2.0.0-0.dev.0",
		"2.0.0.dev20240102030405":       "2.0.0-0.dev.20240102030405",
		"2.0rc1.dev3":                   "2.0.0-rc.1+2.rc1.dev3",
		"2.0rc1.post2":                  "2.0.0-rc.1.post.2",
		"2.0rc1.post2.dev3":             "2.0.0-rc.1.post.2+2.rc1.post2.dev3",
		"1.9.0+cu118":                   "1.9.0+cu118",
		"1.9.0+Ubuntu-1_2":              "1.9.0+ubuntu.1.2",
		"1.9.0.1":                       "1.9.1+1.9.0.1",
		"1.9.0.0.0.7":                   "1.9.1+1.9.0.0.0.7",
		"1.9.0.post1":                   "1.9.1+1.9.post1",
		"1.9.post1":                     "1.9.1+1.9.post1",
		"1.9-1":                         "1.9.1+1.9.post1",
		"1.9.0.r1":                      "1.9.1+1.9.post1",
		"1.9.0.post1+a.b":               "1.9.1+1.9.post1-a.b",
		"1.9.0.post1.dev2":              "1.9.1-0+1.9.post1.dev2",
		"1.9.0.1rc1":                    "1.9.1-0+1.9.0.1.rc1",
		"1.9.0.1.dev1":                  "1.9.1-0+1.9.0.1.dev1",
		"1.9.0.1+2":                     "1.9.1+1.9.0.1-2",
		"1.9.0.1.2":                     "1.9.1+1.9.0.1.2",
		"":                              "",
		"1!1.0":                         "!1!1.0",
		"latest":                        "!latest",
		"1.0.x":                         "!1.0.x",
		"1.0.0 ":                        "!1.0.0 ",
		"1.0.0-99999999999999999999999": "!1.0.0-99999999999999999999999",
		"1.0.0-foo":                     "!1.0.0-foo",
		"1.0.0+":                        "!1.0.0+",
		"1.0.po\u017ft1":                "!1.0.po\u017ft1", // a long s, which folds to s
	} {
		got := pypi.Adapter{}.Semver(version)
		require.Equal(t, want, got, version)
		_, err := semver.NewVersion(got)
		require.Equal(t, want == "" || strings.HasPrefix(want, "!"), err != nil, got)
	}
	require.Equal(t, "!", pypi.Adapter{}.Semver(strings.Repeat("1.", 200) + "1")[:1])
}

func TestPaidBoundaryDoesNotLeak(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		rng             string
		allowed, denied []string
	}{
		{"<2.0.0", []string{"1.0", "1.9.0", "1.9.0.post1", "1.99.99.9", "1.9+local"},
			[]string{"2", "2.0", "2.0.0", "2.0.0.dev1", "2.0.0a1", "2.0b1", "2rc1", "2.0rc1.dev1", "2.0.0.post1", "2.0.0.0.1", "2.0+local", "1!1.0", "1!0", "1.9.0rc1", "1.9.0.dev1", "1.9.0.post1.dev1"}},
		{"<=1.9.0", []string{"1.9", "1.9.0+local"}, []string{"1.9.0.1", "1.9.0.post1", "1.9-1", "1.9.0.1.dev1", "1.9.1.dev1", "1.9.1"}},
		{"=1.9.0", []string{"1.9", "v1.9.0"}, []string{"1.9.0.post1", "1.9.0.1", "1.9.0rc1"}},
		{">=2.0.0-beta.1 <3.0.0", []string{"2.0b1", "2.0rc1", "2.0.0", "2.0.0.post1", "2.5"}, []string{"2.0a1", "2.0.dev9", "3.0.dev1", "3.0a1", "2.5rc1", "3.0"}},
		{">=2.0.0-alpha.1 <2.0.0-beta.1", []string{"2.0a1", "2.0a9.post1"}, []string{"2.0b1", "2.0b1.dev1", "2.0b2", "2.0rc1", "2.0", "2.0.dev1"}},
	} {
		for _, v := range c.allowed {
			require.True(t, admits(t, c.rng, v), "%s: %s", c.rng, v)
		}
		for _, v := range c.denied {
			require.False(t, admits(t, c.rng, v), "%s: %s", c.rng, v)
		}
	}
}

func admits(t require.TestingT, rng, version string) bool {
	c, err := license.VersionConstraint(rng)
	require.NoError(t, err)
	l := &license.License{Constraint: c, Packages: []string{"toy"}}
	return l.CheckVersion(license.Request{Package: "toy", Version: pypi.Adapter{}.Semver(version)}).Allowed()
}

// judge has the library that pip itself uses say how versions stand to boundaries.
const judge = `
import json, sys
from pip._vendor.packaging.version import Version
data = json.load(sys.stdin)
bounds = [Version(b) for b in data["Bounds"]]
out = []
for text in data["Versions"]:
    v = Version(text)
    public = Version(v.public)
    out.append({"Pre": v.is_prerelease, "Normal": str(v), "Against": [(public > b) - (public < b) for b in bounds]})
json.dump(out, sys.stdout)
`

func TestSemverAgreesWithPip(t *testing.T) {
	t.Parallel()
	python, err := exec.LookPath("python3")
	if err == nil {
		err = exec.CommandContext(t.Context(), python, "-c", "from pip._vendor.packaging.version import Version").Run()
	}
	if err != nil {
		const text = "this test compares with pip: install Python 3 with pip"
		if os.Getenv("CI") == "true" {
			t.Fatal(text)
		}
		t.Skip(text)
	}
	random := rand.New(rand.NewPCG(1, 2))
	pick := func(of ...string) string { return of[random.IntN(len(of))] }
	small := func() string { return pick("0", "1", "2", "9", "10", "01", "999999999999999999") }
	version := func() string {
		v := pick("", "", "", "v", "0!") + small()
		for range random.IntN(5) {
			v += "." + small()
		}
		if random.IntN(3) == 0 {
			v += pick("a", ".b", "-rc", "_c", "ALPHA.", "beta", "preview", "pre") + pick("", "0", "1", "2")
		}
		if random.IntN(4) == 0 {
			v += pick(".post", "-", "-rev", "r", ".post.") + pick("0", "1", "2")
		}
		if random.IntN(4) == 0 {
			v += pick(".dev", "-dev", "DEV") + pick("", "0", "1", "2")
		}
		if random.IntN(5) == 0 {
			v += "+" + pick("cu118", "1", "a.b", "1-2", "Ubuntu_7")
		}
		return v
	}
	var in struct{ Versions, Bounds []string }
	for range 3000 {
		in.Versions = append(in.Versions, version())
	}
	numbers := []string{"0", "1", "2", "3", "9", "10", "11"}
	for range 150 {
		b := pick(numbers...) + "." + pick(numbers...) + "." + pick(numbers...)
		if random.IntN(2) == 0 {
			b += pick("-alpha.", "-beta.", "-rc.") + pick("0", "1", "2", "3")
		}
		in.Bounds = append(in.Bounds, b)
	}
	question, err := json.Marshal(in)
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), python, "-c", judge)
	cmd.Stdin = strings.NewReader(string(question))
	answer, err := cmd.Output()
	require.NoError(t, err)
	var judged []struct {
		Pre     bool
		Normal  string
		Against []int
	}
	require.NoError(t, json.Unmarshal(answer, &judged))
	require.Len(t, judged, len(in.Versions))

	var bounds []*semver.Version
	for _, b := range in.Bounds {
		bounds = append(bounds, semver.MustParse(b))
	}
	normal := make(map[string]string)
	compared := 0
	for i, text := range in.Versions {
		mapped := pypi.Adapter{}.Semver(text)
		v, err := semver.StrictNewVersion(mapped)
		require.NoError(t, err, "%s -> %s", text, mapped)
		require.Equal(t, judged[i].Pre, v.Prerelease() != "", "%s -> %s: a prerelease stays one", text, mapped)
		for j, b := range bounds {
			compared++
			at := fmt.Sprintf("%s -> %s against %s", text, mapped, in.Bounds[j])
			switch judged[i].Against[j] {
			case 1: // and <=b must deny it too
				require.Positive(t, v.Compare(b), at)
			case 0:
				require.Zero(t, v.Compare(b), at)
			}
		}
		// Two versions are mapped to one text only if they are one version.
		key := trimZeros(judged[i].Normal)
		if other, ok := normal[mapped]; ok {
			require.Equal(t, other, key, mapped)
		}
		normal[mapped] = key
	}
	t.Logf("%d versions, %d comparisons", len(in.Versions), compared)
}

// trimZeros takes the zeros off the end of the release, for str(Version("1.0")) is not that of 1.
func trimZeros(normal string) string {
	end := strings.IndexFunc(normal, func(c rune) bool { return c != '.' && (c < '0' || c > '9') })
	if end < 0 {
		end = len(normal)
	}
	release := strings.TrimSuffix(normal[:end], ".")
	rest := normal[len(release):]
	for strings.HasSuffix(release, ".0") {
		release = strings.TrimSuffix(release, ".0")
	}
	return release + rest
}
