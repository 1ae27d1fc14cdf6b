package measure

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestMedianIsInTheMiddle(t *testing.T) {
	t.Parallel()
	require.Equal(t, Spread{3, 1, 9}, SpreadOf([]float64{9, 1, 3}))
	require.Equal(t, Spread{2.5, 1, 9}, SpreadOf([]float64{9, 1, 3, 2}))
}

// taking is a side that says it takes a time for each piece of work.
func taking(d time.Duration, log *[]string, name string) Side {
	return func(n int) (time.Duration, error) {
		*log = append(*log, name)
		return time.Duration(n) * d, nil
	}
}

func TestSidesTakeTurns(t *testing.T) {
	t.Parallel()
	var log []string
	e := Effort{Rounds: 4, Turn: time.Microsecond}
	c, err := Compare(e, taking(3*time.Microsecond, &log, "subject"), taking(2*time.Microsecond, &log, "baseline"))
	require.NoError(t, err)
	require.Equal(t, []string{
		"subject", "baseline", // to find out how often
		"subject", "baseline", "baseline", "subject", "subject", "baseline", "baseline", "subject",
	}, log[:10], "and so on, where a host steals from this machine and rounds are measured again")
	require.Equal(t, Spread{3000, 3000, 3000}, c.Subject)
	require.Equal(t, Spread{2000, 2000, 2000}, c.Baseline)
	require.Equal(t, Spread{1.5, 1.5, 1.5}, c.Ratio)
}

func TestTurnTakesAsLongAsItShould(t *testing.T) {
	t.Parallel()
	var counts []int
	_, err := Time(Effort{Rounds: 2, Turn: time.Second}, func(n int) (time.Duration, error) {
		counts = append(counts, n)
		return time.Duration(n) * time.Millisecond, nil
	})
	require.NoError(t, err)
	require.InDelta(t, 1000, counts[len(counts)-1], 1)
	require.Equal(t, counts[len(counts)-2], counts[len(counts)-1])
}

func TestFailureEndsAComparison(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	calls := 0
	failing := Each(func(int) error {
		if calls++; calls > 5 {
			return broken
		}
		return nil
	})
	_, err := Compare(Effort{Rounds: 1000, Turn: time.Microsecond}, failing, Each(func(int) error { return nil }))
	require.ErrorIs(t, err, broken)
}

var kept []byte

func TestAllocationsAreCounted(t *testing.T) {
	count, bytes, err := Allocations(100, Each(func(int) error { kept = make([]byte, 1024); return nil }))
	require.NoError(t, err)
	require.InDelta(t, 1, count, 0.5)
	require.InDelta(t, 1024, bytes, 512)
}
