package cachestore

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/privatepkgs/license"
	"github.com/privatepkgs/license/memstore"
)

func TestContentsStayWithinTheirBounds(t *testing.T) {
	t.Parallel()
	const licenses, unknown, total = 64, 32, 5000
	store := memstore.New(memstore.Options{})
	c, err := New(store, Options{MaxStaleness: time.Hour, MaxLicenses: licenses, MaxUnknown: unknown})
	require.NoError(t, err)
	for i := range total {
		l := &license.License{
			Key: fmt.Sprint("K", i), Constraint: license.NoConstraint(), Packages: []string{"toy"},
		}
		require.NoError(t, store.Create(t.Context(), l))
		_, err := c.GetByKey(t.Context(), l.Key)
		require.NoError(t, err)
		_, err = c.GetByKey(t.Context(), fmt.Sprint("guess-", i))
		require.ErrorIs(t, err, license.ErrNotFound)
	}
	c.contents.known.CleanUp()
	c.contents.unknown.CleanUp()
	require.LessOrEqual(t, c.contents.known.EstimatedSize(), licenses)
	require.LessOrEqual(t, c.contents.unknown.EstimatedSize(), unknown)
	require.Empty(t, c.flights)

	indexed := 0
	c.contents.byID.Range(func(_, a any) bool {
		indexed++
		cached, ok := c.contents.known.GetIfPresent(a.(*answer).license.Key)
		require.True(t, ok)
		require.Same(t, a, cached)
		return true
	})
	require.Equal(t, c.contents.known.EstimatedSize(), indexed, "every cached license can be found by its id")
}
