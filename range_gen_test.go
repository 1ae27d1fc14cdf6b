package license

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// rangeGenerator makes ranges and versions whose numbers are few, so that they often meet.
type rangeGenerator struct {
	*rand.Rand
	operators, numbers []string

	// npm restricts the ranges to those that Masterminds and npm both understand, and
	// agree about. TestRangesThatNPMReadsDifferently names what is left out.
	npm bool
}

func newRangeGenerator(seed uint64) *rangeGenerator {
	return &rangeGenerator{
		Rand:      rand.New(rand.NewPCG(seed, 0)),
		operators: []string{"", "=", "!=", "<", "<=", "=<", ">", ">=", "=>", "~", "~>", "^"},
		numbers:   []string{"0", "0", "1", "1", "2", "3", "10", "007", "18446744073709551615", "18446744073709551614"},
	}
}

func newNPMRangeGenerator(seed uint64) *rangeGenerator {
	return &rangeGenerator{
		Rand:      rand.New(rand.NewPCG(seed, 0)),
		operators: []string{"", "=", "<", "<=", ">", ">=", "~", "~>", "^"},
		numbers:   []string{"0", "0", "1", "1", "2", "3", "10"},
		npm:       true,
	}
}

func (g *rangeGenerator) pick(from []string) string { return from[g.IntN(len(from))] }

func (g *rangeGenerator) oneIn(n int) bool { return g.IntN(n) == 0 }

func (g *rangeGenerator) rangeText() string {
	if g.npm && g.oneIn(50) {
		return g.pick([]string{"", "=", ">=", "~", "~>"}) + g.pick([]string{"*", "x", "X", "x.x", "*.*.*"})
	}
	groups := make([]string, 1+g.IntN(3)*g.IntN(2))
	for i := range groups {
		groups[i] = g.group()
	}
	return strings.Join(groups, g.pick([]string{" || ", "||", " ||"}))
}

func (g *rangeGenerator) group() string {
	if g.oneIn(8) {
		return g.comparand("-", true) + " - " + g.comparand("-", true)
	}
	comparators := make([]string, 1+g.IntN(3))
	for i := range comparators {
		operator := g.pick(g.operators)
		comparators[i] = operator + g.pick([]string{"", "", "", " "}) + g.comparand(operator, len(comparators) == 1)
	}
	if g.npm {
		return strings.Join(comparators, g.pick([]string{" ", "  "}))
	}
	return strings.Join(comparators, g.pick([]string{" ", "  ", ",", ", "}))
}

// comparand is a version as a range has it after an operator: 1.2.3-beta, 1.x, 2. Alone says
// that no other comparator stands in its group.
func (g *rangeGenerator) comparand(operator string, alone bool) string {
	parts := []string{g.pick(g.numbers), g.pick(g.numbers), g.pick(g.numbers)}
	given, wild := 3, 3 // how many parts, and from which on they are wildcards
	if g.oneIn(3) {
		given = 1 + g.IntN(2)
	}
	if g.oneIn(5) {
		wild = g.IntN(given)
	}
	if g.npm {
		wild = max(wild, 1)
		if (operator == "<" || operator == ">") && !alone {
			given, wild = 3, 3
		}
		if last := min(given, wild); strings.Contains(">= - ~>", operator) && strings.Trim(strings.Join(parts[:last], ""), "0") == "" {
			parts[last-1] = "1"
		}
	}
	for i := wild; i < given; i++ {
		if i == wild || g.npm || g.oneIn(2) {
			parts[i] = g.pick([]string{"x", "X", "*"})
		}
	}
	whole := given == 3 && wild == 3
	text := g.pick([]string{"", "", "", "v"}) + strings.Join(parts[:given], ".")
	if (whole || !g.npm) && g.oneIn(2) {
		text += "-" + g.prerelease()
	}
	if (whole || !g.npm) && g.oneIn(10) {
		text += "+build.7"
	}
	return text
}

func (g *rangeGenerator) prerelease() string {
	return g.pick([]string{"0", "1", "2", "10", "alpha", "alpha.1", "beta", "beta.0", "beta.1", "beta.2", "beta.10",
		"rc.1", "rc1", "rc-1", "-", "0a", "beta.-", "beta.1.x"})
}

func (g *rangeGenerator) version() string {
	v := g.pick([]string{"", "", "", "v"}) + g.pick(g.numbers) + "." + g.pick(g.numbers) + "." + g.pick(g.numbers)
	if g.oneIn(2) && !(g.npm && strings.TrimPrefix(v, "v") == "0.0.0") {
		v += "-" + g.prerelease()
	}
	if g.oneIn(10) {
		v += "+build.7"
	}
	return v
}

// prereleaseNear returns a prerelease of a version that the range names.
func (g *rangeGenerator) prereleaseNear(rng string) string {
	named := namedIn(strings.ReplaceAll(rng, "||", "  "))
	v := named[g.IntN(len(named))]
	if g.npm && v.Major() == 0 && v.Minor() == 0 && v.Patch() == 0 {
		return g.version()
	}
	return fmt.Sprintf("%d.%d.%d-%s", v.Major(), v.Minor(), v.Patch(), g.prerelease())
}
