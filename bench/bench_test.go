package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/privatepkgs/license"
	"github.com/privatepkgs/license/bench/internal/measure"
)

// The servers that are measured are this program, see serve.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == serveCommand {
		main()
		return
	}
	os.Exit(m.Run())
}

// newTinyBench returns a run that is over in no time, and whose figures say nothing.
func newTinyBench(t *testing.T) *bench {
	t.Helper()
	b, err := newBench(tiny)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.close()) })
	return b
}

// skipMissing skips a test for want of PostgreSQL, except where all of them must run.
func skipMissing(t *testing.T, err error) {
	t.Helper()
	if errors.Is(err, errMissing) {
		t.Skip(err)
	}
	require.NoError(t, err)
}

// Each row compares the answers of its two sides before it measures them.
func TestEveryRowRunsAndItsSidesAgree(t *testing.T) {
	b := newTinyBench(t)
	names := make(map[string]bool)
	for _, r := range rows() {
		require.False(t, names[r.name], r.name)
		names[r.name] = true
		t.Run(r.name, func(t *testing.T) {
			results, err := b.run(r)
			skipMissing(t, err)
			require.Len(t, results, len(r.goals))
			for i, g := range r.goals {
				v := results[i].value
				require.LessOrEqual(t, v.Min, v.Median)
				require.LessOrEqual(t, v.Median, v.Max)
				if g.bound > 0 && g.unit != allocations(0).unit {
					require.Positive(t, v.Median)
				}
			}
		})
	}
}

func TestGrowthAndLatencyAreMeasuredAndDrawn(t *testing.T) {
	docs := t.TempDir()
	var empty strings.Builder
	for _, part := range []string{partTable, partGrowth, partLatency} {
		empty.WriteString("Before " + part + ".\n\n<!-- measured: " + part + " -->\nold figures\n<!-- end of " + part + " -->\n\nAfter " + part + ".\n")
	}
	path := filepath.Join(docs, "performance.md")
	require.NoError(t, os.WriteFile(path, []byte(empty.String()), 0o600))

	r := run{bench: newTinyBench(t), document: document{docs}, began: time.Now()}
	skipMissing(t, r.growth())
	require.NoError(t, r.latency())
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, 1, strings.Count(string(text), "old figures"), "the table was not measured, the rest was")
	require.Equal(t, 2, strings.Count(string(text), machine(r.began)))
	for _, part := range []string{partTable, partGrowth, partLatency} {
		require.Contains(t, string(text), "Before "+part+".\n")
		require.Contains(t, string(text), "After "+part+".\n")
	}
	for _, name := range []string{growthFile(calls[0]), growthFile(calls[1]), growthFile(calls[2]), latencyFile} {
		require.Contains(t, string(text), "](performance/"+name+")")
		picture, err := os.ReadFile(filepath.Join(docs, "performance", name))
		require.NoError(t, err)
		for _, store := range []string{"<svg", "memory", "SQLite", "PostgreSQL"} {
			require.Contains(t, string(picture), store, name)
		}
	}
}

func TestDocumentHasAPlaceForEachPart(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("..", "docs", "performance.md"))
	require.NoError(t, err)
	for _, part := range []string{partTable, partGrowth, partLatency} {
		require.Equal(t, 1, strings.Count(string(text), "<!-- measured: "+part+" -->\n"), part)
		require.Equal(t, 1, strings.Count(string(text), "<!-- end of "+part+" -->"), part)
	}
}

func TestLicensesAreValidAndTheSameEachTime(t *testing.T) {
	t.Parallel()
	c, err := newCatalogue()
	require.NoError(t, err)
	keys := make(map[string]bool)
	for i := range 1000 {
		l := c.license(i)
		require.NoError(t, l.Validate())
		require.NoError(t, same(c.license(i), l))
		require.Len(t, l.Key, len(license.GenerateKey()))
		require.Len(t, l.Meta, 120)
		require.EqualValues(t, 7, l.ID.Version())
		require.False(t, keys[l.Key])
		keys[l.Key] = true
	}
}

func TestGoalsAreMetOnTheirSide(t *testing.T) {
	t.Parallel()
	require.True(t, ofTime(1.2).met(1.2))
	require.False(t, ofTime(1.2).met(1.21))
	require.True(t, timesFaster(8).met(8))
	require.False(t, timesFaster(8).met(7.9))
	require.False(t, allocations(0).met(1))

	missed := measured{
		row{name: "a/b", subject: "it", baseline: "other", goals: []goal{ofTime(1.2), allocations(0)}},
		[]result{{value: measure.Spread{Median: 1.1, Min: 1, Max: 1.3}, subject: "11 ns", baseline: "10 ns"}, {value: measure.Spread{Median: 2, Min: 2, Max: 2}}},
	}
	require.Equal(t, `| what | baseline | goal | measured | | absolute: it, baseline |
|---|---|---|---|---|---|
| it | other | at most 1.2 of its time | 1.10 of its time (1.00 to 1.30) | met | 11 ns, 10 ns |
|  |  | at most 0 allocations | 2.00 allocations | **missed** |  |
`, table([]measured{missed}))
}

func TestRowsAreReplacedInATableOfTheSameDayAndMachine(t *testing.T) {
	t.Parallel()
	spread := func(v float64) result { return result{value: measure.Spread{Median: v, Min: v, Max: v}} }
	one := measured{row{name: "a/one", subject: "one", goals: []goal{nanoseconds(40), allocations(0)}}, []result{spread(50), spread(0)}}
	other := measured{row{name: "a/other", subject: "one", baseline: "other", goals: []goal{ofTime(1.2)}}, []result{spread(1)}}
	d := document{t.TempDir()}
	require.NoError(t, os.WriteFile(d.path(), []byte("above\n<!-- measured: table -->\n<!-- end of table -->\nbelow\n"), 0o600))
	require.NoError(t, d.write(partTable, "Today, here.\n\n"+table([]measured{one, other})))

	one.results = []result{spread(30), spread(0)}
	require.NoError(t, d.replaceRows("Today, here.", []measured{one}))
	text, err := os.ReadFile(d.path())
	require.NoError(t, err)
	require.Equal(t, "above\n<!-- measured: table -->\n\nToday, here.\n\n"+table([]measured{one, other})+"\n<!-- end of table -->\nbelow\n", string(text))

	one.results[0] = spread(1)
	require.ErrorIs(t, d.replaceRows("Tomorrow, here.", []measured{one}), errOtherTable)
	one.baseline = "a third"
	require.ErrorContains(t, d.replaceRows("Today, here.", []measured{one}), "no row")
	after, err := os.ReadFile(d.path())
	require.NoError(t, err)
	require.Equal(t, string(text), string(after), "nothing is replaced that cannot all be")
}

func TestFiguresAreWrittenWithThreeDigits(t *testing.T) {
	t.Parallel()
	for nanos, want := range map[float64]string{7.126: "7.13 ns", 48: "48.0 ns", 999: "999 ns", 1500: "1.50 µs", 24_800: "24.8 µs", 3e6: "3.00 ms", 2e9: "2.00 s"} {
		require.Equal(t, want, duration(measure.Spread{Median: nanos}))
	}
	require.Equal(t, "1", thousands(1))
	require.Equal(t, "10,000,000", thousands(10_000_000))
}
