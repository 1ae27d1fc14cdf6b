package postgres

import (
	"context"
	"database/sql"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/privatepkgs/license/internal/pgtest"
)

func openPool(t *testing.T, url string) *sql.DB {
	t.Helper()
	config, modeGiven, err := parse(url)
	require.NoError(t, err)
	require.False(t, modeGiven)
	db := openDB(config)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

func TestStatementsArePreparedUnlessAPoolerStandsBetween(t *testing.T) {
	t.Parallel()
	direct := pgtest.Shared(t).NewDatabase(t)
	for name, c := range map[string]struct {
		url  string
		want int
	}{
		"direct":    {direct, 1}, // the second statement, which counts itself
		"PgBouncer": {pgtest.PgBouncer(t, direct), 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := openPool(t, c.url)
			for range 3 { // connections
				conn, err := db.Conn(t.Context())
				require.NoError(t, err)
				defer conn.Close()
				var prepared int
				require.NoError(t, conn.QueryRowContext(t.Context(), `SELECT count(*) FROM pg_prepared_statements`).Scan(&prepared))
				require.Equal(t, c.want, prepared)
			}
		})
	}
}

// What makes a server answer that it does not know the id of its process, as one that only speaks
// PostgreSQL may.
func TestServerThatDoesNotSayWhoItIsGetsNothingPrepared(t *testing.T) {
	t.Parallel()
	url := pgtest.Shared(t).NewDatabase(t)
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	defer conn.Close(t.Context())
	_, err = conn.Exec(t.Context(), `CREATE SCHEMA app; CREATE FUNCTION app.pg_backend_pid() RETURNS INTEGER LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'unknown'; END $$`)
	require.NoError(t, err)
	db := openPool(t, url+"&search_path=app,pg_catalog")
	var prepared int
	require.NoError(t, db.QueryRow(`SELECT count(*) FROM pg_prepared_statements`).Scan(&prepared))
	require.Zero(t, prepared)
}

func TestContextEndsTheQuestionWhoHasAnswered(t *testing.T) {
	t.Parallel()
	config, _, err := parse(pgtest.Shared(t).NewDatabase(t))
	require.NoError(t, err)
	conn, err := pgx.ConnectConfig(t.Context(), config)
	require.NoError(t, err)
	var p pooler
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, p.afterConnect(ctx, conn), context.Canceled)
	require.False(t, p.seen.Load())
}
