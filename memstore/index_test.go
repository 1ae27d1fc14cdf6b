package memstore

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/privatepkgs/license"
	"github.com/privatepkgs/license/storetest"
)

// Hashes are the same too seldom to wait for it.
func TestStoreKeepsTheContractWhereHashesAreTheSame(t *testing.T) {
	t.Parallel()
	for name, hash := range map[string]func(string) uint32{
		"all":              func(string) uint32 { return 1 },
		"many":             func(name string) uint32 { return uint32(len(name) % 3) },
		"many in one part": func(name string) uint32 { return uint32(len(name)%3) * partCount },
	} {
		newStore := func(now func() time.Time) *Store {
			s := New(Options{Now: now})
			s.byID.hash, s.byKey.hash = hash, hash
			return s
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			storetest.Run(t, func(_ testing.TB, now func() time.Time) license.Store { return newStore(now) })
		})
		t.Run(name+", shared", func(t *testing.T) {
			t.Parallel()
			storetest.Run(t, func(_ testing.TB, now func() time.Time) license.Store { return sharedReads{newStore(now)} })
		})
	}
}

// sharedReads is a store whose GetByKey asks the shared view.
type sharedReads struct{ *Store }

func (s sharedReads) GetByKey(ctx context.Context, key string) (*license.License, error) {
	l, err := s.Shared().GetByKey(ctx, key)
	return l.Clone(), err
}

func TestSharedLicensesOfOneHashStayAsTheyAre(t *testing.T) {
	t.Parallel()
	s, ctx := New(Options{}), t.Context()
	s.byKey.hash = func(string) uint32 { return 1 }
	keys := []string{"first", "second", "a-key-that-is-longer-than-those-that-the-library-makes-itself", "last"}
	shared := func(key string) *license.License {
		l, err := s.Shared().GetByKey(ctx, key)
		require.NoError(t, err)
		require.Equal(t, key, l.Key)
		return l
	}
	was := make(map[string]*license.License)
	for _, key := range keys {
		require.NoError(t, s.Create(ctx, &license.License{Key: key, Constraint: license.NoConstraint(), Packages: []string{"a", "b", "c"}}))
		was[key] = shared(key)
	}
	for _, changed := range keys {
		l := was[changed].Clone()
		l.Name = "changed"
		require.NoError(t, s.Update(ctx, l))
		for _, key := range keys {
			if key != changed {
				require.Same(t, was[key], shared(key), "%s, when %s changes", key, changed)
			}
		}
		require.Equal(t, l, shared(changed))
		require.Empty(t, was[changed].Name)
		was[changed] = shared(changed)
	}
	for i, gone := range keys {
		require.NoError(t, s.Delete(ctx, was[gone].ID, 0))
		_, err := s.Shared().GetByKey(ctx, gone)
		require.ErrorIs(t, err, license.ErrNotFound)
		for _, key := range keys[i+1:] {
			require.Same(t, was[key], shared(key))
		}
	}
	require.Empty(t, s.byKey.part(1).shared)
}
