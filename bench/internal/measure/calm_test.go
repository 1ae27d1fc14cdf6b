package measure

import (
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// roundsOf measures rounds of a second, from each of which a share is stolen, and returns which counted and
// how many there were.
func roundsOf(t *testing.T, asked int, shares ...float64) (kept []int, measured int) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		var gone time.Duration
		var err error
		kept, err = calmest(asked, func() time.Duration { return gone }, func(round int) (int, error) {
			time.Sleep(time.Second)
			gone += time.Duration(shares[round] * float64(runtime.NumCPU()) * float64(time.Second))
			measured++
			return round, nil
		})
		require.NoError(t, err)
	})
	return kept, measured
}

func TestRoundsInACalmAllCount(t *testing.T) {
	t.Parallel()
	kept, measured := roundsOf(t, 3, 0.01, 0, 0.015)
	require.ElementsMatch(t, []int{0, 1, 2}, kept)
	require.Equal(t, 3, measured)
}

func TestRoundFromWhichOthersStoleIsMeasuredAgain(t *testing.T) {
	t.Parallel()
	kept, measured := roundsOf(t, 3, 0, 0.1, 0, 0.2, 0)
	require.ElementsMatch(t, []int{0, 2, 4}, kept)
	require.Equal(t, 5, measured)
}

func TestWhereThereIsNoCalmTheLeastDisturbedCount(t *testing.T) {
	t.Parallel()
	kept, measured := roundsOf(t, 2, 0.3, 0.1, 0.2, 0.4)
	require.ElementsMatch(t, []int{1, 2}, kept)
	require.Equal(t, 4, measured)
}

func TestStealIsReadFromProcStat(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]time.Duration{
		"cpu  474993 0 100395 227231 4509 0 25808 3708 0 0\n": 37080 * time.Millisecond,
		"cpu  1 2 3 4\n": 0, // of an old kernel
		"":               0,
	} {
		require.Equal(t, want, stealOf([]byte(line)), line)
	}
}
