package sqlite

import (
	"database/sql"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestConnectionsHaveTheirPragmas(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "licenses.db")
	s, err := Open(t.Context(), path)
	require.NoError(t, err)
	defer s.Close()
	writer, readers, err := connectPools(path)
	require.NoError(t, err)
	defer writer.Close()
	defer readers.Close()
	for db, want := range map[*sql.DB]map[string]string{
		writer:  {"journal_mode": "wal", "synchronous": "2", "busy_timeout": "10000", "wal_autocheckpoint": "10000", "temp_store": "2", "query_only": "0"},
		readers: {"journal_mode": "wal", "query_only": "1", "busy_timeout": "10000", "mmap_size": "268435456", "cache_size": "-16000"},
	} {
		for pragma, value := range want {
			var got string
			require.NoError(t, db.QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&got))
			require.Equal(t, value, got, pragma)
		}
	}
	require.Equal(t, 1, writer.Stats().MaxOpenConnections)
	require.GreaterOrEqual(t, readers.Stats().MaxOpenConnections, 4)
	_, err = readers.ExecContext(t.Context(), `DELETE FROM pkg_licenses`)
	require.Error(t, err)

	tx, err := writer.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	defer tx.Rollback()
	other, err := sql.Open("sqlite", path) // which does not wait
	require.NoError(t, err)
	defer other.Close()
	_, err = other.ExecContext(t.Context(), `BEGIN IMMEDIATE`)
	require.ErrorContains(t, err, "locked", "the writer's transaction is immediate")
}
