package licensejson

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/privatepkgs/license"
)

func (d *decoder) report(p license.Problem) {
	if len(d.problems) < maxProblems {
		d.problems = append(d.problems, p)
	}
}

func (d *decoder) add(pointer, code, format string, args ...any) {
	d.report(license.Problem{Pointer: pointer, Code: code, Detail: fmt.Sprintf(format, args...)})
}

// reject adds a problem that leaves the place without a value.
func (d *decoder) reject(pointer, code, format string, args ...any) {
	d.settle(pointer)
	d.add(pointer, code, format, args...)
}

func (d *decoder) settle(pointer string) { d.settled[pointer] = struct{}{} }

// isSettled reports whether the place, or the whole, is settled.
func (d *decoder) isSettled(pointer string) bool {
	_, place := d.settled[pointer]
	_, whole := d.settled[""]
	return place || whole
}

// invalid returns all problems in the order of their pointers, each once, or nil.
func (d *decoder) invalid() error {
	if len(d.problems) == 0 {
		return nil
	}
	slices.SortStableFunc(d.problems, func(a, b license.Problem) int {
		return comparePointers(a.Pointer, b.Pointer)
	})
	same := func(a, b license.Problem) bool { return a.Pointer == b.Pointer && a.Code == b.Code }
	return &license.ValidationError{Problems: slices.CompactFunc(d.problems, same)}
}

// comparePointers orders pointers by their tokens, and tokens that are indexes as numbers.
func comparePointers(a, b string) int {
	return slices.CompareFunc(strings.Split(a, "/"), strings.Split(b, "/"), compareTokens)
}

func compareTokens(x, y string) int {
	if isIndex(x) && isIndex(y) {
		if c := cmp.Compare(len(x), len(y)); c != 0 {
			return c
		}
	}
	return cmp.Compare(x, y)
}

func isIndex(token string) bool {
	return token != "" && strings.Trim(token, "0123456789") == ""
}
