package composer

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Semver maps a version of Composer as follows. Spelling does not matter: 1.9, v1.9.0 and 1.9.0.0 are
// one version, and so are 2.0.0-RC1 and 2.0-rc.1.
//
//	1.9            1.9.0
//	2.0.0-alpha1   2.0.0-alpha.1       alpha, beta and rc, as a range has to name them
//	2.0.0-RC       2.0.0-rc
//	1.9.0.1        1.9.1+...           what lies between 1.9.0 and 1.9.1, a patch-level (-p1) too, counts
//	1.9.0-p1       1.9.1+...           as 1.9.1: <=1.9.0 denies it, and <2.0.0 allows it
//	1.9.0.1-beta2  1.9.1-0+...         and a prerelease of it as the first of 1.9.1
//	1.9.0+build    1.9.0+build
//	dev-main       no semver           a branch: only a license without a range opens it,
//	1.x-dev        no semver           whatever its name
//	20240131       no semver           and so for what is written as a date without dots
//
// What follows + tells apart versions that are mapped to the same place; no range looks at it.
func (Adapter) Semver(text string) string {
	if v, ok := parseVersion(text); ok {
		return v.semver()
	}
	if text == "" {
		return ""
	}
	return "!" + text // 1.9.0-5 and 2024010203 would be semver
}

// version is a version of Composer that is no branch.
type version struct {
	release   [4]uint64
	stability string   // alpha, beta, rc, patch, or empty for stable
	numbers   []uint64 // after the stability
	build     string
}

// numbered is Composer's grammar of versions that are neither a branch nor a date, for text in lower case.
var numbered = regexp.MustCompile(`^v?([0-9]{1,5})(?:\.([0-9]+))?(?:\.([0-9]+))?(?:\.([0-9]+))?` +
	`(?:[._-]?(?:stable|(beta|b|rc|alpha|a|patch|pl|p)((?:[.-]?[0-9]+)*)))?` +
	`(?:\+([0-9a-z-]+(?:\.[0-9a-z-]+)*))?$`)

var stabilities = map[string]string{
	"a": "alpha", "alpha": "alpha", "b": "beta", "beta": "beta", "rc": "rc", "p": "patch", "pl": "patch", "patch": "patch",
}

// maxVersion is how long a version may be; it leaves room for what Semver adds.
const maxVersion = 100

// parseVersion reports false also for versions with numbers of more than 18 digits.
func parseVersion(text string) (v version, ok bool) {
	if len(text) > maxVersion {
		return version{}, false
	}
	m := numbered.FindStringSubmatch(lowerASCII(text))
	if m == nil {
		return version{}, false
	}
	ok = true
	number := func(digits string) uint64 {
		n, err := strconv.ParseUint(digits, 10, 64)
		ok = ok && err == nil && n < 1e18
		return n
	}
	for i := range v.release {
		if m[i+1] != "" {
			v.release[i] = number(m[i+1])
		}
	}
	v.stability, v.build = stabilities[m[5]], m[7]
	for _, digits := range strings.FieldsFunc(m[6], func(c rune) bool { return c == '.' || c == '-' }) {
		v.numbers = append(v.numbers, number(digits))
	}
	return v, ok
}

// same reports whether two versions are one to Composer, which does not look at the build.
func (v version) same(o version) bool {
	return v.release == o.release && v.stability == o.stability && slices.Equal(v.numbers, o.numbers)
}

func (v version) semver() string {
	r := v.release
	patch, pre := v.stability == "patch", v.stability != "" && v.stability != "patch"
	switch {
	case r[3] == 0 && !patch:
		text := join(r[:3]) + v.suffix()
		if v.build != "" {
			text += "+" + v.build
		}
		return text
	case pre:
		return join([]uint64{r[0], r[1], r[2] + 1}) + "-0+" + v.exact()
	default:
		return join([]uint64{r[0], r[1], r[2] + 1}) + "+" + v.exact()
	}
}

// exact says all about v in the place of the build of a semver.
func (v version) exact() string {
	text := join(v.release[:]) + v.suffix()
	if v.build != "" {
		text += "-" + v.build
	}
	return text
}

// suffix is the stability with its numbers, as semver has it.
func (v version) suffix() string {
	if v.stability == "" {
		return ""
	}
	if len(v.numbers) == 0 {
		return "-" + v.stability
	}
	return "-" + v.stability + "." + join(v.numbers)
}

func join(numbers []uint64) string {
	var b strings.Builder
	for i, n := range numbers {
		if i > 0 {
			b.WriteByte('.')
		}
		b.WriteString(strconv.FormatUint(n, 10))
	}
	return b.String()
}

// isDev reports whether a version is one of development to Composer: a branch, or what ends with dev.
func isDev(text string) bool {
	text = lowerASCII(text)
	switch text {
	case "master", "trunk", "default":
		return true
	}
	text, isBranch := strings.CutPrefix(text, "dev-")
	text, _, _ = strings.Cut(text, "+")
	return isBranch || strings.HasSuffix(text, "dev")
}

// lowerASCII leaves other letters alone, some of which have a lower case in ASCII.
func lowerASCII(s string) string {
	return strings.Map(func(c rune) rune {
		if c >= 'A' && c <= 'Z' {
			return c + 'a' - 'A'
		}
		return c
	}, s)
}
