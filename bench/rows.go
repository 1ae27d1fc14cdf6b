package main

import (
	"fmt"
	"slices"

	"github.com/privatepkgs/license/bench/internal/measure"
)

// rows is all that is compared, in the order of the table.
func rows() []row {
	return slices.Concat(checkRows(), memoryRows(), sqliteRows(), postgresRows(), importRows(), httpRows(), peerRows(), gateRows())
}

// row is a comparison, or a measurement that has a bound of its own.
type row struct {
	name     string // for -only, such as sqlite/get
	subject  string // what is measured
	baseline string // what beside it; empty where there is nothing
	goals    []goal
	measure  func(b *bench) ([]result, error) // one result for each goal
}

// result is what a row gave. Its value is what the goal bounds.
type result struct {
	value             measure.Spread
	subject, baseline string // the absolute figures, which do not travel to other machines
}

// goal bounds a value.
type goal struct {
	bound   float64
	atLeast bool
	unit    string
}

func ofTime(atMost float64) goal       { return goal{atMost, false, "of its time"} }
func timesFaster(atLeast float64) goal { return goal{atLeast, true, "times faster"} }
func ofRequests(atLeast float64) goal  { return goal{atLeast, true, "of its requests a second"} }
func nanoseconds(atMost float64) goal  { return goal{atMost, false, "ns"} }
func allocations(atMost float64) goal  { return goal{atMost, false, "allocations"} }
func bytes(atMost float64) goal        { return goal{atMost, false, "bytes"} }

// isNone reports whether g bounds nothing: the row is there for comparison.
func (g goal) isNone() bool { return g.atLeast && g.bound == 0 }

func (g goal) met(v float64) bool {
	if g.atLeast {
		return v >= g.bound
	}
	return v <= g.bound
}

func (g goal) String() string {
	if g.isNone() {
		return "none, for comparison"
	}
	if g.atLeast {
		return fmt.Sprintf("at least %v %s", g.bound, g.unit)
	}
	return fmt.Sprintf("at most %v %s", g.bound, g.unit)
}

// sides are the two of a comparison, which have been seen to give the same answers.
type sides struct {
	subject, baseline measure.Side
	collects          bool // garbage, once in a second or less often
}

// collectingTurns is how much longer than others the turns are of those that collect garbage seldom: in short
// turns that would fall on one and not on the next.
const collectingTurns = 4

// compared is a row with one goal that bounds the ratio of two times.
func compared(name, subject, baseline string, g goal, prepare func(b *bench) (sides, error)) row {
	return row{name, subject, baseline, []goal{g}, func(b *bench) ([]result, error) {
		r, err := b.compare(g, prepare)
		return []result{r}, err
	}}
}

func (b *bench) compare(g goal, prepare func(b *bench) (sides, error)) (result, error) {
	s, err := prepare(b)
	if err != nil {
		return result{}, err
	}
	effort := b.effort
	if s.collects {
		effort.Turn *= collectingTurns
	}
	c, err := measure.Compare(effort, s.subject, s.baseline)
	if err != nil {
		return result{}, err
	}
	r := result{value: c.Ratio, subject: duration(c.Subject), baseline: duration(c.Baseline)}
	if g.atLeast { // how often the baseline's time is the subject's
		r.value = measure.Spread{Median: 1 / c.Ratio.Median, Min: 1 / c.Ratio.Max, Max: 1 / c.Ratio.Min}
	}
	if g.unit == ofRequests(0).unit {
		r.subject, r.baseline = rate(c.Subject), rate(c.Baseline)
	}
	return r, nil
}

// duration writes nanoseconds with three digits.
func duration(ns measure.Spread) string {
	for _, unit := range []struct {
		name  string
		nanos float64
	}{{"s", 1e9}, {"ms", 1e6}, {"µs", 1e3}} {
		if ns.Median >= unit.nanos {
			return digits(ns.Median/unit.nanos) + " " + unit.name
		}
	}
	return digits(ns.Median) + " ns"
}

// rate writes how many pieces of work that take some nanoseconds there are in a second.
func rate(ns measure.Spread) string { return fmt.Sprintf("%.0f/s", 1e9/ns.Median) }

// digits writes a number with three digits that count.
func digits(v float64) string {
	switch {
	case v >= 100 || v == 0:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	default:
		return fmt.Sprintf("%.2f", v)
	}
}
