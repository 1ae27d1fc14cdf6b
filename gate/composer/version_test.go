package composer_test

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
	"github.com/privatepkgs/license/gate/composer"
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
		"2024.1.15":                     "2024.1.15",
		"1.9.0-stable":                  "1.9.0",
		"1.9.0+build.5":                 "1.9.0+build.5",
		"1.9.0+Build-5":                 "1.9.0+build-5",
		"2.0.0-alpha1":                  "2.0.0-alpha.1",
		"2.0.0-alpha.1":                 "2.0.0-alpha.1",
		"2.0a1":                         "2.0.0-alpha.1",
		"2.0.0_Beta-2":                  "2.0.0-beta.2",
		"2.0.0.b02":                     "2.0.0-beta.2",
		"2.0.0-beta":                    "2.0.0-beta",
		"2.0.0-beta1.2-3":               "2.0.0-beta.1.2.3",
		"2-RC1":                         "2.0.0-rc.1",
		"2.0.0.0-RC1":                   "2.0.0-rc.1",
		"2.0.0-RC1+b":                   "2.0.0-rc.1+b",
		"1.9.0.1":                       "1.9.1+1.9.0.1",
		"1.9.0.1+b":                     "1.9.1+1.9.0.1-b",
		"1.9.0-p1":                      "1.9.1+1.9.0.0-patch.1",
		"1.9.0-pl1":                     "1.9.1+1.9.0.0-patch.1",
		"1.9.0-patch.1":                 "1.9.1+1.9.0.0-patch.1",
		"1.9-patch":                     "1.9.1+1.9.0.0-patch",
		"1.9.0.1-p2":                    "1.9.1+1.9.0.1-patch.2",
		"1.9.0.1-beta2":                 "1.9.1-0+1.9.0.1-beta.2",
		"":                              "",
		"dev-main":                      "!dev-main",
		"dev-1.9.0":                     "!dev-1.9.0",
		"dev-feature/x":                 "!dev-feature/x",
		"master":                        "!master",
		"1.x-dev":                       "!1.x-dev",
		"1.9.x-dev":                     "!1.9.x-dev",
		"1.9.0-dev":                     "!1.9.0-dev",
		"1.9dev":                        "!1.9dev",
		"1.9.0-beta1-dev":               "!1.9.0-beta1-dev",
		"9999999-dev":                   "!9999999-dev",
		"1.9999999.9999999.9999999-dev": "!1.9999999.9999999.9999999-dev",
		"20240131":                      "!20240131",
		"2024-01-31":                    "!2024-01-31",
		"100000.0.0":                    "!100000.0.0",
		"1.9.0-5":                       "!1.9.0-5", // semver has it for a prerelease, and Composer for nothing
		"1.9.0-foo":                     "!1.9.0-foo",
		"1.9.0-beta1.x":                 "!1.9.0-beta1.x",
		"1.9.0.0.1":                     "!1.9.0.0.1",
		"1.9.0 as 2.1.0":                "!1.9.0 as 2.1.0",
		"1.9.0@stable":                  "!1.9.0@stable",
		" 1.9.0":                        "! 1.9.0",
		"1.9.0\n":                       "!1.9.0\n",
		"1.9.0.9999999999999999999":     "!1.9.0.9999999999999999999",
		"1.9.0-p\u017f":                 "!1.9.0-p\u017f",
	} {
		got := composer.Adapter{}.Semver(version)
		require.Equal(t, want, got, version)
		_, err := semver.NewVersion(got)
		require.Equal(t, want == "" || strings.HasPrefix(want, "!"), err != nil, got)
	}
	require.Equal(t, "!", composer.Adapter{}.Semver("1.0-beta" + strings.Repeat(".1", 50))[:1])
}

func admits(t require.TestingT, rng, version string) bool {
	c, err := license.VersionConstraint(rng)
	require.NoError(t, err)
	l := &license.License{Constraint: c, Packages: []string{toy}}
	return l.CheckVersion(license.Request{Package: toy, Version: composer.Adapter{}.Semver(version)}).Allowed()
}

func TestPaidBoundaryDoesNotLeak(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		rng             string
		allowed, denied []string
	}{
		{"<2.0.0", []string{"1.0", "v1.9.0", "1.9.0-p1", "1.9.0.7", "1.99.99.9-patch9", "1.9+b"},
			[]string{"2", "2.0", "2.0.0", "2.0.0-dev", "2.0-alpha1", "2.0b", "2-RC9", "2.0.0-beta1-dev", "2.0.0.0-p1", "2.0.0.1", "2.0+b",
				"2.x-dev", "2.0.x-dev", "dev-main", "1.x-dev", "1.9.x-dev", "1.9.0-dev", "1.9.0-RC1", "1.9.0.1-beta1", "20190101"}},
		{"<=1.9.0", []string{"1.9", "1.9.0.0", "1.9.0+b"}, []string{"1.9.0.1", "1.9.0-p1", "1.9-pl", "1.9.0.1-alpha1", "1.9.1", "1.9.1-alpha1"}},
		{"=1.9.0", []string{"1.9", "v1.9.0"}, []string{"1.9.0-p1", "1.9.0.1", "1.9.0-RC1", "1.9.0-dev"}},
		{">=2.0.0-beta.1 <3.0.0", []string{"2.0-beta1", "2.0b1.1", "2.0.0-RC", "2.0.0", "2.0.0-p1", "2.5"}, []string{"2.0-beta", "2.0-alpha9", "2.0-dev", "3.0.0-dev", "3.0-alpha", "2.5-RC1", "3"}},
		{"*", []string{"1.0", "2.1.0"}, []string{"dev-main", "1.x-dev", "2.0.0-beta1"}},
	} {
		for _, v := range c.allowed {
			require.True(t, admits(t, c.rng, v), "%s: %s", c.rng, v)
		}
		for _, v := range c.denied {
			require.False(t, admits(t, c.rng, v), "%s: %s", c.rng, v)
		}
	}
	l := &license.License{Constraint: license.NoConstraint(), Packages: []string{toy}}
	for _, v := range []string{"dev-main", "1.x-dev", "2.0.0-beta1", "20190101"} {
		require.True(t, l.CheckVersion(license.Request{Package: toy, Version: composer.Adapter{}.Semver(v)}).Allowed(), v)
	}
}

// php runs a program with Composer's own libraries; what it prints is JSON.
func php(t *testing.T, program string, in, out any) {
	t.Helper()
	const libraries = "/usr/share/php/Composer"
	var missing error
	for _, library := range []string{"Semver", "MetadataMinifier"} {
		if _, err := os.Stat(libraries + "/" + library + "/autoload.php"); err != nil {
			missing = err
		}
	}
	if _, err := exec.LookPath("php"); err != nil {
		missing = err
	}
	if missing != nil {
		text := "this test compares with Composer: install its Debian package, for " + missing.Error()
		if os.Getenv("CI") == "true" {
			t.Fatal(text)
		}
		t.Skip(text)
	}
	question, err := json.Marshal(in)
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), "php", "-r", `
		require "`+libraries+`/Semver/autoload.php";
		require "`+libraries+`/MetadataMinifier/autoload.php";
		$in = json_decode(stream_get_contents(STDIN), true, 512, JSON_THROW_ON_ERROR);
		`+program+`
		echo json_encode($out, JSON_THROW_ON_ERROR);`)
	cmd.Stdin = strings.NewReader(string(question))
	cmd.Stderr = os.Stderr
	answer, err := cmd.Output()
	require.NoError(t, err, string(answer))
	require.NoError(t, json.Unmarshal(answer, out))
}

// judge has Composer say what it takes each version for, and how it stands to boundaries.
const judge = `
	use Composer\Semver\VersionParser;
	$parser = new VersionParser();
	$bounds = array_map(fn($b) => $parser->normalize($b), $in["Bounds"]);
	$out = [];
	foreach ($in["Versions"] as $text) {
		try {
			$v = $parser->normalize($text);
		} catch (UnexpectedValueException $e) {
			$out[] = ["Valid" => false];
			continue;
		}
		$out[] = [
			"Valid" => true,
			"Normal" => preg_replace('/(?<![0-9])0+(?=[0-9])/', '', strtr($v, '-', '.')),
			"Stability" => VersionParser::parseStability($v),
			"Against" => array_map(fn($b) => version_compare($v, $b), $bounds),
		];
	}`

func TestSemverAgreesWithComposer(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	pick := func(of ...string) string { return of[random.IntN(len(of))] }
	small := func() string { return pick("0", "1", "2", "9", "10", "01", "99999") }
	version := func() string {
		v := pick("", "", "", "v", "V") + small()
		for range random.IntN(5) {
			v += "." + small()
		}
		if random.IntN(8) == 0 {
			v += pick(".x", "-", ".", "x")
		}
		if random.IntN(2) == 0 {
			v += pick("-", "", ".", "_", "--") + pick("a", "alpha", "b", "BETA", "beta", "rc", "RC", "stable", "p", "pl", "patch", "Patch", "c", "foo") +
				pick("", "0", "1", "2", "02", ".1", "-1", "1.2", "1-2", "11", "_1")
		}
		if random.IntN(6) == 0 {
			v += pick("-dev", "dev", ".dev", "-DEV")
		}
		if random.IntN(8) == 0 {
			v += pick("+cu118", "+1", "+a.b", "+A-2", "+", "+a+b")
		}
		return v
	}
	var in struct{ Versions, Bounds []string }
	in.Versions = []string{"dev-main", "dev-1.9.0", "master", "1.x-dev", "1.9.x-dev", "20240131", "2024-01-31", "2024.01.31", "20240131-102030", "9999999-dev"}
	for range 4000 {
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
	var judged []struct {
		Valid             bool
		Normal, Stability string
		Against           []int
	}
	php(t, judge, in, &judged)
	require.Len(t, judged, len(in.Versions))

	var bounds []*semver.Version
	for _, b := range in.Bounds {
		bounds = append(bounds, semver.MustParse(b))
	}
	normal := make(map[string]string)
	mappedCount, compared := 0, 0
	for i, text := range in.Versions {
		mapped := composer.Adapter{}.Semver(text)
		v, err := semver.StrictNewVersion(mapped)
		if err != nil {
			// What is no semver is open to licenses without a range alone: a branch must be, and
			// an ordinary version must not.
			require.True(t, strings.HasPrefix(mapped, "!"), mapped)
			ordinary := judged[i].Valid && judged[i].Stability != "dev" && !unusual(text)
			require.False(t, ordinary, "%s is a version to Composer, %s", text, judged[i].Normal)
			continue
		}
		mappedCount++
		require.True(t, judged[i].Valid, "%s -> %s: Composer knows no such version", text, mapped)
		require.NotEqual(t, "dev", judged[i].Stability, "%s -> %s", text, mapped)
		require.Equal(t, judged[i].Stability != "stable", v.Prerelease() != "", "%s -> %s: a prerelease stays one", text, mapped)
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
		if other, ok := normal[mapped]; ok {
			require.Equal(t, other, judged[i].Normal, mapped)
		}
		normal[mapped] = judged[i].Normal
	}
	require.Greater(t, mappedCount, 1000)
	t.Logf("%d of %d versions have a place in semver, %d comparisons", mappedCount, len(in.Versions), compared)
}

// unusual reports whether Composer takes text for a version though nobody would write it: with a mark
// that nothing follows, with something after stable, or with a build that semver does not know; or a date.
func unusual(text string) bool {
	number, build, hasBuild := strings.Cut(text, "+")
	lower := strings.ToLower(number)
	return strings.HasSuffix(number, "-") || strings.HasSuffix(number, ".") || strings.HasSuffix(number, "_") ||
		strings.Contains(lower, "stable") && !strings.HasSuffix(lower, "stable") ||
		hasBuild && strings.Contains(build, "+") ||
		len(number) >= 8 && !strings.Contains(number, ".") && strings.HasPrefix(number, "2024") || strings.HasPrefix(number, "2024-")
}
