package pypi

import "strings"

// Covers compares normal forms (PEP 503): My_Pkg covers my-pkg.
func (Adapter) Covers(name, pkg string) bool {
	for name != "" && pkg != "" {
		var a, b byte
		a, name = cutNormal(name)
		b, pkg = cutNormal(pkg)
		if a != b {
			return false
		}
	}
	return name == pkg
}

// cutNormal cuts the first byte of the normal form off a name: lower case, and one hyphen for
// each run of hyphens, underscores and dots.
func cutNormal(name string) (c byte, rest string) {
	c, rest = name[0], name[1:]
	switch {
	case isSeparator(c):
		for rest != "" && isSeparator(rest[0]) {
			rest = rest[1:]
		}
		return '-', rest
	case c >= 'A' && c <= 'Z':
		c += 'a' - 'A'
	}
	return c, rest
}

func isSeparator(c byte) bool { return c == '-' || c == '_' || c == '.' }

func isAlphanumeric(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

// normalName returns the normal form of a project's name, and "" when there is no such name.
func normalName(name string) string {
	if name == "" || len(name) > 200 || !isAlphanumeric(name[0]) || !isAlphanumeric(name[len(name)-1]) {
		return ""
	}
	b := make([]byte, 0, len(name))
	for name != "" {
		var c byte
		c, name = cutNormal(name)
		if c != '-' && !isAlphanumeric(c) {
			return ""
		}
		b = append(b, c)
	}
	return string(b)
}

// archives are the endings of source distributions. PEP 625 has only the first; pip takes all.
var archives = []string{".tar.gz", ".zip", ".tar.bz2", ".tgz"}

// versionOf returns the version that a file of a project holds, as its name says and as pip reads it, and
// "" when it is not a wheel or a source distribution of this project. The version need not be
// one of PEP 440.
func versionOf(project, file string) string {
	if len(file) > 300 || strings.ContainsFunc(file, func(c rune) bool {
		return c > '~' || !isAlphanumeric(byte(c)) && !strings.ContainsRune("-_.+!", c)
	}) {
		return ""
	}
	if tags, ok := strings.CutSuffix(file, ".whl"); ok {
		return versionOfWheel(project, strings.Split(tags, "-"))
	}
	for _, ending := range archives {
		if stem, ok := strings.CutSuffix(file, ending); ok {
			return versionOfSource(project, stem)
		}
	}
	return ""
}

// versionOfWheel reads the parts of the name of a wheel (PEP 427): name, version, perhaps a
// build number, and three tags. Inside of a part a hyphen is written as an underscore.
func versionOfWheel(project string, parts []string) string {
	if len(parts) != 5 && len(parts) != 6 || normalName(parts[0]) != project {
		return ""
	}
	if len(parts) == 6 && (parts[2] == "" || parts[2][0] < '0' || parts[2][0] > '9') {
		return ""
	}
	return strings.ReplaceAll(parts[1], "_", "-")
}

// versionOfSource cuts the name of the project, in whatever spelling, off what stands before the ending.
// Only one hyphen can be the right one, as a name ends in a letter or a digit.
func versionOfSource(project, stem string) string {
	for i := range len(stem) {
		if stem[i] == '-' && normalName(stem[:i]) == project {
			return stem[i+1:]
		}
	}
	return ""
}
