package postgres_test

import (
	"encoding/json"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/privatepkgs/license"
	"github.com/privatepkgs/license/sqlstore/postgres"
)

// A batch travels as arrays in text form, in which some characters mean something.
func TestEveryTextSurvivesABatch(t *testing.T) {
	t.Parallel()
	s := open(t, lent.Lend(t), postgres.Options{})
	text := rapid.OneOf(
		rapid.StringMatching(`[a",{}\\ \n\t'NUL]{0,12}`),
		rapid.StringOfN(rapid.Rune().Filter(func(r rune) bool { return r != 0 }), 0, 12, 48),
		rapid.SampledFrom([]string{"NULL", "null", `""`, `\`, `\\`, `\x00`, "{}", "{,}", "\ufeff", "\u2028"}),
	)
	key := rapid.StringOfN(rapid.Map(rapid.IntRange('!', '~'), func(i int) rune { return rune(i) }), 1, 20, -1)
	name := rapid.StringMatching(`[a",{}\\'NULé]{1,12}`)
	rapid.Check(t, func(rt *rapid.T) {
		batch := make([]*license.License, rapid.IntRange(1, 5).Draw(rt, "size"))
		for i := range batch {
			meta, err := json.Marshal(map[string]string{text.Draw(rt, "member"): text.Draw(rt, "value")})
			require.NoError(rt, err)
			batch[i] = &license.License{
				ID:         uuid.New(),
				Name:       text.Draw(rt, "name"),
				Key:        key.Draw(rt, "key") + license.GenerateKey(),
				Constraint: license.NoConstraint(),
				Suspended:  rapid.Bool().Draw(rt, "suspended"),
				Meta:       meta,
				Packages:   rapid.SliceOfNDistinct(name, 1, 4, rapid.ID).Draw(rt, "packages"),
			}
		}
		for round := range 2 {
			taken, err := s.CreateBatch(t.Context(), batch)
			require.NoError(rt, err)
			for i, l := range batch {
				stored, err := s.GetByKey(t.Context(), l.Key)
				require.NoError(rt, err)
				require.Equal(rt, string(l.AppendJSON(nil)), string(stored.AppendJSON(nil)))
				require.Equal(rt, round > 0, taken[i] != nil)
				if taken[i] != nil {
					require.Equal(rt, string(l.AppendJSON(nil)), string(taken[i].AppendJSON(nil)))
				}
			}
		}
	})
}
