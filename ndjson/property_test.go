package ndjson_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/privatepkgs/license"
	"github.com/privatepkgs/license/ndjson"
)

// TestBatchesMakeNoDifference imports files full of repetitions, collisions and bad lines into a
// store that takes batches of any size and into one that does not.
func TestBatchesMakeNoDifference(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		drawLine := rapid.Custom(func(rt *rapid.T) string {
			l := numbered(rapid.IntRange(0, 5).Draw(rt, "license"))
			switch rapid.IntRange(0, 9).Draw(rt, "change") {
			case 0:
				l.Name = "changed"
			case 1:
				l.ID = numbered(rapid.IntRange(0, 5).Draw(rt, "id")).ID
			case 2:
				l.Key = numbered(rapid.IntRange(0, 5).Draw(rt, "key")).Key
			case 3:
				return rapid.SampledFrom([]string{"", "{}", "null", "{"}).Draw(rt, "bad")
			}
			return line(l)
		})
		text := func(name string) string {
			return strings.Join(rapid.SliceOfN(drawLine, 0, 20).Draw(rt, name), "\n")
		}
		before, file, skip := text("before"), text("file"), rapid.Bool().Draw(rt, "skip")
		size := rapid.IntRange(1, 12).Draw(rt, "batch size")

		run := func(s license.Store) string {
			_, err := ndjson.Import(t.Context(), s, strings.NewReader(before), ndjson.Options{Skip: func(*ndjson.LineError) {}})
			require.NoError(rt, err)
			var log []string
			o := ndjson.Options{BatchSize: size, Conflict: func(c ndjson.Conflict) { log = append(log, c.String()) }}
			if skip {
				o.Skip = func(e *ndjson.LineError) { log = append(log, e.Error()) }
			}
			result, err := ndjson.Import(t.Context(), s, strings.NewReader(file), o)
			log = append(log, fmt.Sprint(result, err), export(t, s))

			// Once more, with what is bad passed over: nothing is created that was not said to be.
			o.Skip = func(*ndjson.LineError) {}
			again, errAgain := ndjson.Import(t.Context(), s, strings.NewReader(file), o)
			require.NoError(rt, errAgain)
			if err == nil {
				assert.Zero(rt, again.Created)
				assert.Equal(rt, result.Created+result.Unchanged, again.Unchanged)
				assert.Equal(rt, result.Conflicting, again.Conflicting)
				assert.Equal(rt, result.Skipped, again.Skipped)
			}
			return strings.Join(log, "\n")
		}
		require.Equal(rt, run(onlyStore{newMemory()}), run(newMemory()))
	})
}

// TestEveryLicenseSurvives holds that what a store can hold comes back from a file as it was.
func TestEveryLicenseSurvives(t *testing.T) {
	t.Parallel()
	runes := rapid.Rune().Filter(func(r rune) bool { return r != 0 })
	rapid.Check(t, func(rt *rapid.T) {
		l := numbered(rapid.IntRange(0, 1000).Draw(rt, "license"))
		l.ID = uuid.UUID(rapid.SliceOfN(rapid.Byte(), 16, 16).Filter(func(b []byte) bool { return uuid.UUID(b) != uuid.Nil }).Draw(rt, "id"))
		l.Name = rapid.StringOfN(runes, -1, -1, license.MaxNameLen).Draw(rt, "name")
		l.Key = rapid.StringOfN(rapid.Map(rapid.IntRange(33, 126), func(i int) rune { return rune(i) }), 1, -1, license.MaxKeyLen).Draw(rt, "key")
		l.Packages = rapid.SliceOfNDistinct(rapid.StringMatching(`[@/a-z"\\é<>]{1,20}`), 1, 20, rapid.ID).Draw(rt, "packages")
		text := file(2000, 2001) + line(l) + "\n" + file(2001, 2002) // whose buffer is the same
		s := newMemory()
		require.Equal(rt, 3, imports(t, s, text).Created)
		got, err := s.Get(t.Context(), l.ID)
		require.NoError(rt, err)
		require.Equal(rt, line(l), line(got))
		exported := strings.Split(export(t, s), "\n")
		require.True(rt, slices.Contains(exported, line(l)))
	})
}
