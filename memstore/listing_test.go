package memstore

import (
	"testing"

	"github.com/privatepkgs/license"
	"github.com/stretchr/testify/require"
)

func TestStoreForgetsPackagesAndRangesThatNoLicenseHas(t *testing.T) {
	t.Parallel()
	store := New(Options{})
	first, err := license.VersionConstraint("<1")
	require.NoError(t, err)
	second, err := license.VersionConstraint("<2")
	require.NoError(t, err)
	a := &license.License{Constraint: first, Packages: []string{"a", "b", "c", "d"}}
	b := &license.License{Constraint: first, Packages: []string{"d"}}
	require.NoError(t, store.Create(t.Context(), a))
	require.NoError(t, store.Create(t.Context(), b))
	require.Len(t, store.listing.packages, 4)
	require.Len(t, store.listing.ranges, 1)

	a.Constraint, a.Packages = second, []string{"e", "a", "f"}
	require.NoError(t, store.Update(t.Context(), a))
	require.Len(t, store.listing.packages, 4) // a, d, e, f
	require.Len(t, store.listing.ranges, 2)

	require.NoError(t, store.Delete(t.Context(), a.ID, 0))
	require.Len(t, store.listing.packages, 1)
	require.Len(t, store.listing.ranges, 1)
	require.NoError(t, store.Delete(t.Context(), b.ID, 0))
	require.Empty(t, store.listing.packages)
	require.Empty(t, store.listing.ranges)
}

func TestLicensesShareTheirRange(t *testing.T) {
	t.Parallel()
	store := New(Options{})
	for range 3 {
		c, err := license.VersionConstraint("<1")
		require.NoError(t, err)
		require.NoError(t, store.Create(t.Context(), &license.License{Constraint: c, Packages: []string{"a"}}))
	}
	require.Equal(t, 3, store.listing.ranges["<1"].licenses)
}
