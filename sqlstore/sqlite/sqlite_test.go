package sqlite_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/privatepkgs/license"
	"github.com/privatepkgs/license/sqlstore"
	"github.com/privatepkgs/license/sqlstore/sqlite"
	"github.com/privatepkgs/license/storetest"
)

func open(tb testing.TB, path string) *sqlstore.Store {
	tb.Helper()
	s, err := sqlite.Open(tb.Context(), path)
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, s.Close()) })
	return s
}

func newStore(tb testing.TB, now func() time.Time) license.Store {
	tb.Helper()
	s, err := sqlite.Options{Now: now}.Open(tb.Context(), filepath.Join(tb.TempDir(), "licenses.db"))
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, s.Close()) })
	return s
}

func BenchmarkStore(b *testing.B) { storetest.Benchmark(b, newStore) }

func TestStoreKeepsTheContract(t *testing.T) {
	t.Parallel()
	storetest.Run(t, newStore)
}
