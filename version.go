package license

import (
	"cmp"
	"strings"

	"github.com/Masterminds/semver/v3"
)

// version is a parsed version; build metadata does not count in any comparison.
type version struct {
	release release
	pre     string
}

// maxVersionLen is Masterminds' limit.
const maxVersionLen = semver.MaxVersionLen

// parseVersion accepts what Masterminds' NewVersion accepts, without allocating: semver
// 2.0.0 with an optional v before it, and minor and patch optional.
func parseVersion(s string) (v version, ok bool) {
	if len(s) > maxVersionLen {
		return version{}, false
	}
	s = strings.TrimPrefix(s, "v")
	if v.release.major, s, ok = cutNumber(s); !ok {
		return version{}, false
	}
	for _, n := range [...]*uint64{&v.release.minor, &v.release.patch} {
		if s == "" || s[0] != '.' {
			break
		}
		if *n, s, ok = cutNumber(s[1:]); !ok {
			return version{}, false
		}
	}
	if s != "" && s[0] == '-' {
		end := strings.IndexByte(s, '+')
		if end < 0 {
			end = len(s)
		}
		v.pre, s = s[1:end], s[end:]
		if !validIdentifiers(v.pre, false) {
			return version{}, false
		}
	}
	if s != "" && (s[0] != '+' || !validIdentifiers(s[1:], true)) {
		return version{}, false
	}
	return v, true
}

// cutNumber cuts the decimal number that s begins with.
func cutNumber(s string) (n uint64, rest string, ok bool) {
	i := 0
	for ; i < len(s) && isDigit(s[i]); i++ {
		digit := uint64(s[i] - '0')
		if n > (1<<64-1-digit)/10 {
			return 0, "", false
		}
		n = n*10 + digit
	}
	return n, s[i:], i > 0
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// validIdentifiers reports whether s consists of identifiers separated by dots (SemVer
// 2.0.0, sections 9 and 10).
func validIdentifiers(s string, leadingZeros bool) bool {
	for more := true; more; {
		var part string
		part, s, more = strings.Cut(s, ".")
		if part == "" {
			return false
		}
		numeric := true
		for i := 0; i < len(part); i++ {
			switch c := part[i]; {
			case isDigit(c):
			case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '-':
				numeric = false
			default:
				return false
			}
		}
		if numeric && !leadingZeros && len(part) > 1 && part[0] == '0' {
			return false
		}
	}
	return true
}

// comparePrerelease compares two prereleases by precedence (SemVer 2.0.0, section 11.4).
func comparePrerelease(a, b string) int {
	for moreA, moreB := true, true; moreA || moreB; {
		if !moreA {
			return -1
		}
		if !moreB {
			return 1
		}
		var partA, partB string
		partA, a, moreA = strings.Cut(a, ".")
		partB, b, moreB = strings.Cut(b, ".")
		if c := compareIdentifier(partA, partB); c != 0 {
			return c
		}
	}
	return 0
}

func compareIdentifier(a, b string) int {
	na, rest, okA := cutNumber(a)
	okA = okA && rest == ""
	nb, rest, okB := cutNumber(b)
	okB = okB && rest == ""
	switch {
	case okA && okB:
		return cmp.Compare(na, nb)
	case okA:
		return -1
	case okB:
		return 1
	default: // also a number beyond 64 bits, as Masterminds has it
		return strings.Compare(a, b)
	}
}
