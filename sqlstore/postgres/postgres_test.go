package postgres_test

import (
	"context"
	"database/sql"
	"errors"
	"net/url"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"

	"github.com/privatepkgs/license"
	"github.com/privatepkgs/license/internal/pgtest"
	"github.com/privatepkgs/license/sqlstore"
	"github.com/privatepkgs/license/sqlstore/postgres"
	"github.com/privatepkgs/license/storetest"
)

// open opens a store that is closed with the test.
func open(tb testing.TB, url string, o postgres.Options) *sqlstore.Store {
	tb.Helper()
	s, err := o.Open(tb.Context(), url)
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, s.Close()) })
	return s
}

// connect opens the database as somebody else would.
func connect(tb testing.TB, url string) *sql.DB {
	tb.Helper()
	db, err := sql.Open("pgx", url)
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, db.Close()) })
	return db
}

func newLicense(key string) *license.License {
	return &license.License{Key: key, Constraint: license.NoConstraint(), Packages: []string{"toolkit"}}
}

// lent are databases for the many tests of storetest.
var lent = pgtest.Pool{Empty: "DELETE FROM pkg_licenses"}

func newStore(tb testing.TB, now func() time.Time) license.Store {
	return open(tb, lent.Lend(tb), postgres.Options{Now: now})
}

func BenchmarkStore(b *testing.B) { storetest.Benchmark(b, newStore) }

func TestStoreKeepsTheContract(t *testing.T) {
	t.Parallel()
	storetest.Run(t, newStore)
}

// A pool of the embedder's own, of one connection, on which pgx prepares statements as it does by default.
func TestStoreOnOneConnectionOfTheEmbedderKeepsTheContract(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(tb testing.TB, now func() time.Time) license.Store {
		db, err := sql.Open("pgx", lent.Lend(tb))
		require.NoError(tb, err)
		tb.Cleanup(func() { require.NoError(tb, db.Close()) })
		db.SetMaxOpenConns(1)
		s, err := sqlstore.New(db, sqlstore.PostgreSQL, sqlstore.Options{Now: now})
		require.NoError(tb, err)
		require.NoError(tb, s.Migrate(context.Background()))
		return s
	})
}

func TestStoreBehindATransactionPoolKeepsTheContract(t *testing.T) {
	t.Parallel()
	bouncer, err := url.Parse(pgtest.PgBouncer(t, pgtest.Shared(t).NewDatabase(t)))
	require.NoError(t, err)
	storetest.Run(t, func(tb testing.TB, now func() time.Time) license.Store {
		through, err := url.Parse(lent.Lend(tb))
		require.NoError(tb, err)
		through.Host = bouncer.Host
		return open(tb, through.String(), postgres.Options{Now: now})
	})
}

// cancelling returns a configuration in which a query that is cut leaves the connection alive.
func cancelling(tb testing.TB, url string) *pgx.ConnConfig {
	tb.Helper()
	config, err := pgx.ParseConfig(url)
	require.NoError(tb, err)
	config.BuildContextWatcherHandler = func(conn *pgconn.PgConn) ctxwatch.Handler {
		return &pgconn.CancelRequestContextWatcherHandler{Conn: conn, DeadlineDelay: 10 * time.Second}
	}
	return config
}

// migrated returns a database and a store on it, which has no transaction open.
func migrated(tb testing.TB, now func() time.Time) (url string, s *sqlstore.Store) {
	url = lent.Lend(tb)
	return url, open(tb, url, postgres.Options{Now: now})
}

func TestStoreInTransactionKeepsTheContract(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(tb testing.TB, now func() time.Time) license.Store {
		url, s := migrated(tb, now)
		db := stdlib.OpenDB(*cancelling(tb, url))
		tx, err := db.BeginTx(context.Background(), nil)
		require.NoError(tb, err)
		tb.Cleanup(func() {
			require.NoError(tb, tx.Rollback())
			require.NoError(tb, db.Close())
		})
		return s.InTx(tx)
	})
}

func TestStoreInTransactionOfPgxKeepsTheContract(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(tb testing.TB, now func() time.Time) license.Store {
		url, s := migrated(tb, now)
		conn, err := pgx.ConnectConfig(context.Background(), cancelling(tb, url))
		require.NoError(tb, err)
		tx, err := conn.Begin(context.Background())
		require.NoError(tb, err)
		tb.Cleanup(func() {
			require.NoError(tb, tx.Rollback(context.Background()))
			require.NoError(tb, conn.Close(context.Background()))
		})
		return postgres.InTx(s, tx)
	})
}

func TestOrderAndLicenseCommitTogether(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	url, s := migrated(t, time.Now)
	db, err := pgx.Connect(ctx, url)
	require.NoError(t, err)
	defer db.Close(ctx)
	other := connect(t, url)
	_, err = db.Exec(ctx, `CREATE TEMPORARY TABLE orders (n INTEGER)`)
	require.NoError(t, err)
	for _, commit := range []bool{false, true} {
		tx, err := db.Begin(ctx)
		require.NoError(t, err)
		_, err = tx.Exec(ctx, `INSERT INTO orders VALUES (1)`)
		require.NoError(t, err)
		l := newLicense("")
		in := postgres.InTx(s, tx)
		require.NoError(t, in.Create(ctx, l))
		taken := newLicense(l.Key)
		require.ErrorIs(t, in.Create(ctx, taken), license.ErrKeyExists, "which leaves the transaction usable")
		var seen int
		require.NoError(t, other.QueryRowContext(ctx, `SELECT count(*) FROM pkg_licenses`).Scan(&seen))
		require.Zero(t, seen, "nobody else sees it yet")
		end, want := tx.Rollback, 0
		if commit {
			end, want = tx.Commit, 1
		}
		require.NoError(t, end(ctx))
		var orders int
		require.NoError(t, db.QueryRow(ctx, `SELECT count(*) FROM orders`).Scan(&orders))
		require.Equal(t, want, orders)
		require.EqualValues(t, want, revision(t, s, l.ID))
	}
}

// The control of the tests behind a transaction pool: a statement that pgx prepares, as it does unless
// it is told otherwise, is not on the connection that the pool lends next.
func TestPreparedStatementsBreakBehindATransactionPool(t *testing.T) {
	t.Parallel()
	url := pgtest.PgBouncer(t, pgtest.Shared(t).NewDatabase(t))
	other := connect(t, url)
	for mode, code := range map[string]string{"exec": "", "cache_statement": "26000"} { // invalid_sql_statement_name
		s := open(t, option(t, url, "default_query_exec_mode", mode), postgres.Options{MaxConns: 1})
		require.Zero(t, revision(t, s, uuid.New()))
		busy, err := other.BeginTx(t.Context(), nil) // has the connection that was used last
		require.NoError(t, err)
		_, err = busy.ExecContext(t.Context(), `SELECT 1`)
		require.NoError(t, err)
		_, err = s.Get(t.Context(), uuid.New())
		require.NoError(t, busy.Rollback())
		if code != "" && errors.Is(err, license.ErrNotFound) {
			t.Skip("this PgBouncer follows what is prepared, as 1.21 and newer can: see max_prepared_statements")
		}
		if code == "" {
			require.ErrorIs(t, err, license.ErrNotFound)
			continue
		}
		var server *pgconn.PgError
		require.ErrorAs(t, err, &server)
		require.Equal(t, code, server.Code)
	}
}
