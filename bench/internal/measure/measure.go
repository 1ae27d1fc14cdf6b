// Package measure compares the time of two pieces of work. They take turns, so that what else
// the machine does meanwhile falls on both alike, and medians are what counts.
package measure

import (
	"fmt"
	"runtime"
	"slices"
	"time"
)

// A Side is one of the two. It does its work n times and returns how long that took, which
// need not be all the time that it was away.
type Side func(n int) (time.Duration, error)

// Timed is the [Side] that is on the clock all the time.
func Timed(work func(n int) error) Side {
	return func(n int) (time.Duration, error) {
		began := time.Now()
		err := work(n)
		return time.Since(began), err
	}
}

// Each is the [Side] that calls work n times. The argument counts the calls, from 0 on.
func Each(work func(i int) error) Side {
	next := 0
	return Timed(func(n int) error {
		for range n {
			if err := work(next); err != nil {
				return err
			}
			next++
		}
		return nil
	})
}

// Effort is how long to measure.
type Effort struct {
	Rounds int           // in each of which every side has one turn; those in which others had the machine are repeated
	Turn   time.Duration // how long a turn should take
}

// Spread is what the rounds gave.
type Spread struct{ Median, Min, Max float64 }

// SpreadOf returns the spread of values, of which there must be one at least.
func SpreadOf(values []float64) Spread {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return Spread{Median: (sorted[(n-1)/2] + sorted[n/2]) / 2, Min: sorted[0], Max: sorted[n-1]}
}

// Comparison is what was measured of two sides.
type Comparison struct {
	Subject, Baseline Spread // nanoseconds for one piece of work
	Ratio             Spread // of the two, round by round
}

// Compare lets both sides take turns, and each begin every other round.
func Compare(e Effort, subject, baseline Side) (Comparison, error) {
	sides := [2]Side{subject, baseline}
	var counts [2]int
	for i, side := range sides {
		var err error
		if counts[i], err = count(e.Turn, side); err != nil {
			return Comparison{}, err
		}
	}
	rounds, err := calmest(e.Rounds, stolen, func(round int) (nanos [2]float64, err error) {
		for turn := range sides {
			i := (round + turn) % 2
			if nanos[i], err = one(sides[i], counts[i]); err != nil {
				return nanos, err
			}
		}
		return nanos, nil
	})
	if err != nil {
		return Comparison{}, err
	}
	var nanos [2][]float64
	var ratios []float64
	for _, r := range rounds {
		nanos[0], nanos[1] = append(nanos[0], r[0]), append(nanos[1], r[1])
		ratios = append(ratios, r[0]/r[1])
	}
	return Comparison{SpreadOf(nanos[0]), SpreadOf(nanos[1]), SpreadOf(ratios)}, nil
}

// Time measures one side alone, in nanoseconds for one piece of work.
func Time(e Effort, side Side) (Spread, error) {
	n, err := count(e.Turn, side)
	if err != nil {
		return Spread{}, err
	}
	nanos, err := calmest(e.Rounds, stolen, func(int) (float64, error) { return one(side, n) })
	if err != nil {
		return Spread{}, err
	}
	return SpreadOf(nanos), nil
}

// count returns how often a side does its work in one turn. It warms the side up by the way.
func count(turn time.Duration, side Side) (int, error) {
	for n := 1; ; n *= 4 {
		took, err := side(n)
		if err != nil {
			return 0, err
		}
		if took >= turn/8 || n > 1<<28 {
			return max(1, int(float64(n)*float64(turn)/float64(took+1))), nil
		}
	}
}

// one has a side do its work, with the garbage of the other out of the way.
func one(side Side, n int) (nanos float64, err error) {
	runtime.GC()
	took, err := side(n)
	if err != nil {
		return 0, fmt.Errorf("in a turn of %d: %w", n, err)
	}
	return float64(took) / float64(n), nil
}

// Allocations returns how often, and how many bytes, one piece of work allocates. Nothing else
// may run meanwhile.
func Allocations(n int, side Side) (count, bytes float64, err error) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err = side(n)
	runtime.ReadMemStats(&after)
	return float64(after.Mallocs-before.Mallocs) / float64(n), float64(after.TotalAlloc-before.TotalAlloc) / float64(n), err
}

// Heap returns the bytes that are in use.
func Heap() uint64 {
	runtime.GC()
	runtime.GC() // the first may leave what finalizers held
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
