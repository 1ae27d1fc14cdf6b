package memstore_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/privatepkgs/license"
	"github.com/privatepkgs/license/memstore"
	"github.com/privatepkgs/license/storetest"
)

// sharing is a store whose GetByKey returns a copy of what the shared view returns.
type sharing struct{ *memstore.Store }

func (s sharing) GetByKey(ctx context.Context, key string) (*license.License, error) {
	l, err := s.Shared().GetByKey(ctx, key)
	return l.Clone(), err
}

func TestSharedLicensesAreThoseOfTheStore(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(_ testing.TB, now func() time.Time) license.Store {
		return sharing{memstore.New(memstore.Options{Now: now})}
	})
}

func TestSharedLicenseIsTheSameUntilItIsChanged(t *testing.T) {
	t.Parallel()
	store, ctx := fill(t, 1), context.Background()
	first, err := store.Shared().GetByKey(ctx, keyOf(0))
	require.NoError(t, err)
	again, err := store.Shared().GetByKey(ctx, keyOf(0))
	require.NoError(t, err)
	require.Same(t, first, again)
	before := first.Clone()

	changed := first.Clone()
	changed.Suspended = true
	require.NoError(t, store.Update(ctx, changed))
	now, err := store.Shared().GetByKey(ctx, keyOf(0))
	require.NoError(t, err)
	require.Equal(t, changed, now)
	require.Equal(t, before, first)
}

func TestSharedLicenseIsNotChangedByWhoeverAppendsToIt(t *testing.T) {
	t.Parallel()
	store := fill(t, 1)
	l, err := store.Shared().GetByKey(t.Context(), keyOf(0))
	require.NoError(t, err)
	mine, metaOfMine := append(l.Packages, "mine"), append(l.Meta, 'm')
	_, _ = append(l.Packages, "another's"), append(l.Meta, 'a')
	require.Equal(t, "mine", mine[len(l.Packages)])
	require.Equal(t, byte('m'), metaOfMine[len(l.Meta)])
}

func TestSharedViewAllocatesNothing(t *testing.T) {
	store, ctx := fill(t, 1000), context.Background()
	checker := license.NewChecker(store.Shared(), license.CheckerOptions{})
	key := keyOf(500)
	require.Zero(t, testing.AllocsPerRun(100, func() {
		if d, err := checker.CheckVersion(ctx, key, license.Request{Package: "package-0", Version: "1.2.3"}); err != nil || !d.Allowed() {
			t.Errorf("%v %v", d.Code, err)
		}
	}))
}
