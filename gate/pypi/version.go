package pypi

import (
	"regexp"
	"strconv"
	"strings"
)

// Semver maps a version of PEP 440 as follows. Spelling does not matter: 2, v2.0 and 2.0.0 are
// one version.
//
//	1.9         1.9.0
//	2.0.0a1     2.0.0-alpha.1          alpha, beta and rc, as a range has to name them
//	2.0.0.dev3  2.0.0-0.dev.3          before all of these
//	2.0rc1.dev3 2.0.0-rc.1+...         a development release of a prerelease counts as that
//	1.9+cu118   1.9.0+cu118            a local version counts as what it was built from
//	1.9.0.1     1.9.1+...              what lies between 1.9.0 and 1.9.1, post releases too, counts
//	1.9.0.post1 1.9.1+...              as 1.9.1: <=1.9.0 denies it, and <2.0.0 allows it
//	1.9.0.1rc1  1.9.1-0+...            and a prerelease of it as the first of 1.9.1
//	1!1.0       no semver              an epoch lies after all versions without one
//
// What follows + tells apart versions that are mapped to the same place; no range looks at it.
func (Adapter) Semver(text string) string {
	if v, ok := parseVersion(text); ok {
		return v.semver()
	}
	if text == "" {
		return ""
	}
	return "!" + text // 1.0.0-99999999999999999999 is a post release, and would be a prerelease of semver
}

// version is a version of PEP 440 without an epoch.
type version struct {
	release    []uint64 // without zeros at the end
	pre        string   // alpha, beta, rc, or empty for none
	preNumber  uint64
	post       bool
	postNumber uint64
	dev        bool
	devNumber  uint64
	local      string // normalised
}

// pep440 is the grammar of PEP 440, appendix B, for text in lower case.
var pep440 = regexp.MustCompile(`^v?(?:([0-9]+)!)?([0-9]+(?:\.[0-9]+)*)` +
	`(?:[-_.]?(alpha|a|beta|b|preview|pre|c|rc)[-_.]?([0-9]*))?` +
	`(?:-([0-9]+)|[-_.]?(post|rev|r)[-_.]?([0-9]*))?` +
	`(?:[-_.]?(dev)[-_.]?([0-9]*))?` +
	`(?:\+([a-z0-9]+(?:[-_.][a-z0-9]+)*))?$`)

var preNames = map[string]string{
	"a": "alpha", "alpha": "alpha", "b": "beta", "beta": "beta",
	"c": "rc", "rc": "rc", "pre": "rc", "preview": "rc",
}

// maxVersion is how long a version may be; it leaves room for what Semver adds.
const maxVersion = 100

// parseVersion reports false also for versions with an epoch, and with numbers of more than 18
// digits.
func parseVersion(text string) (v version, ok bool) {
	if len(text) > maxVersion {
		return version{}, false
	}
	m := pep440.FindStringSubmatch(lowerASCII(text))
	if m == nil {
		return version{}, false
	}
	ok = true
	number := func(digits string) uint64 {
		if digits == "" {
			return 0
		}
		n, err := strconv.ParseUint(digits, 10, 64)
		ok = ok && err == nil && n < 1e18
		return n
	}
	if number(m[1]) != 0 {
		return version{}, false
	}
	for part := range strings.SplitSeq(m[2], ".") {
		v.release = append(v.release, number(part))
	}
	for len(v.release) > 0 && v.release[len(v.release)-1] == 0 {
		v.release = v.release[:len(v.release)-1]
	}
	v.pre, v.preNumber = preNames[m[3]], number(m[4])
	v.post = m[5] != "" || m[6] != ""
	v.postNumber = number(m[5] + m[7])
	v.dev, v.devNumber = m[8] != "", number(m[9])
	v.local = strings.Map(func(c rune) rune {
		if c == '-' || c == '_' {
			return '.'
		}
		return c
	}, m[10])
	return v, ok
}

func (v version) semver() string {
	var r [3]uint64
	copy(r[:], v.release)
	between := len(v.release) > 3 || v.post && v.pre == ""
	if between {
		r[2]++
	}
	text := strconv.FormatUint(r[0], 10) + "." + strconv.FormatUint(r[1], 10) + "." + strconv.FormatUint(r[2], 10)
	exact := !between
	switch {
	case between && (v.pre != "" || v.dev):
		text += "-0"
	case between:
	case v.pre != "":
		text += "-" + v.pre + "." + strconv.FormatUint(v.preNumber, 10)
		if v.post {
			text += ".post." + strconv.FormatUint(v.postNumber, 10)
		}
		exact = !v.dev
	case v.dev:
		text += "-0.dev." + strconv.FormatUint(v.devNumber, 10)
	}
	switch {
	case !exact:
		return text + "+" + v.normal()
	case v.local != "":
		return text + "+" + v.local
	default:
		return text
	}
}

// normal is the normal form of v, with a hyphen before the local version.
func (v version) normal() string {
	var b strings.Builder
	for i, n := range v.release {
		if i > 0 {
			b.WriteByte('.')
		}
		b.WriteString(strconv.FormatUint(n, 10))
	}
	if len(v.release) == 0 {
		b.WriteByte('0')
	}
	write := func(present bool, name string, n uint64) {
		if present {
			b.WriteString("." + name + strconv.FormatUint(n, 10))
		}
	}
	write(v.pre != "", v.pre, v.preNumber)
	write(v.post, "post", v.postNumber)
	write(v.dev, "dev", v.devNumber)
	if v.local != "" {
		b.WriteString("-" + v.local)
	}
	return b.String()
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
