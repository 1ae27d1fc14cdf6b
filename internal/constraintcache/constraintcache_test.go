package constraintcache

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/privatepkgs/license"
)

func TestRangesAreParsedOnce(t *testing.T) {
	t.Parallel()
	var c Cache
	rng, err := license.VersionConstraint(">=1.0.0 <2.0.0")
	require.NoError(t, err)
	text := string(rng.AppendJSON(nil))
	first, err := c.Parse(text)
	require.NoError(t, err)
	require.Equal(t, rng.Range(), first.Range())
	second, err := c.Parse(text)
	require.NoError(t, err)
	require.True(t, first == second, "the range was parsed again")
}

func TestCacheIsBoundedAndHoldsRangesOnly(t *testing.T) {
	t.Parallel()
	var c Cache
	for i := range 2 * maxConstraints {
		parsed, err := c.Parse(fmt.Sprintf(`{"type":"version","value":"<%d.0.0"}`, i))
		require.NoError(t, err)
		require.Equal(t, fmt.Sprintf("<%d.0.0", i), parsed.Range())
		_, err = c.Parse(fmt.Sprintf(`{ "type":"date","value":%d}`, i))
		require.NoError(t, err)
	}
	require.Len(t, c.parsed, maxConstraints)
	for text := range c.parsed {
		require.Contains(t, text, "version")
	}
}

// What is quick must be what the strict way says, of anything that looks like JSON.
func FuzzParseIsUnmarshalJSON(f *testing.F) {
	for _, text := range []string{
		`{"type":"none"}`, `{"type":"none","value":1}`, `{"type":"version","value":"<2.0.0"}`, `{"type":"version","value":"latest"}`,
		`{"type":"date","value":0}`, `{"type":"date","value":00}`, `{"type":"date","value":-1}`, `{"type":"date","value":+1}`,
		`{"type":"date","value":1697095609643}`, `{"type":"date","value":99999999999999}`, `{"type":"date","value":253402300799999}`,
		`{"type":"date","value":253402300800000}`, `{"type":"date","value":1e3}`, `{"type":"date","value":}`, `{"type":"date","value":1,"value":2}`,
		`{"type":"date","value":1_000}`, `{"type":"date","value": 1}`, `null`, ``,
	} {
		f.Add(text)
	}
	var c Cache
	f.Fuzz(func(t *testing.T, text string) {
		var want license.Constraint
		errWant := want.UnmarshalJSON([]byte(text))
		for range 2 {
			got, err := c.Parse(text)
			require.Equal(t, errWant, err)
			if err == nil {
				require.Equal(t, string(want.AppendJSON(nil)), string(got.AppendJSON(nil)))
			}
		}
	})
}
