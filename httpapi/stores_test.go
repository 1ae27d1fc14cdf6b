package httpapi_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/privatepkgs/license"
	"github.com/privatepkgs/license/internal/pgtest"
	"github.com/privatepkgs/license/memstore"
	"github.com/privatepkgs/license/sqlstore/postgres"
	"github.com/privatepkgs/license/sqlstore/sqlite"
)

// newStore opens an empty store that is closed with the test.
type newStore func(t *testing.T, now func() time.Time) license.Store

// stores are those on which all tests of the handler run.
var stores = map[string]newStore{
	"memstore": func(_ *testing.T, now func() time.Time) license.Store {
		return memstore.New(memstore.Options{Now: now})
	},
	"sqlite": func(t *testing.T, now func() time.Time) license.Store {
		store, err := sqlite.Options{Now: now}.Open(t.Context(), filepath.Join(t.TempDir(), "licenses.db"))
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, store.Close()) })
		return store
	},
	"postgres": func(t *testing.T, now func() time.Time) license.Store {
		store, err := postgres.Options{Now: now}.Open(t.Context(), lent.Lend(t))
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, store.Close()) })
		return store
	},
}

// lent are databases for the many tests on PostgreSQL.
var lent = pgtest.Pool{Empty: "DELETE FROM pkg_licenses"}

// onEveryStore runs a test of the handler on each store.
func onEveryStore(t *testing.T, test func(t *testing.T, s *service)) {
	t.Parallel()
	for name, open := range stores {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newClock()
			test(t, serve(t, open(t, c.now), c))
		})
	}
}
