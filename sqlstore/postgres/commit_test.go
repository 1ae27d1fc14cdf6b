package postgres_test

import (
	"context"
	"database/sql"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/privatepkgs/license"
	"github.com/privatepkgs/license/internal/pgtest"
	"github.com/privatepkgs/license/sqlstore/postgres"
)

// holdCommits makes the commit of a written license wait for as long as somebody has the lock 1.
const holdCommits = `
CREATE FUNCTION hold() RETURNS TRIGGER LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_advisory_xact_lock_shared(1); RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER hold AFTER INSERT OR UPDATE OR DELETE ON pkg_licenses DEFERRABLE INITIALLY DEFERRED
	FOR EACH ROW EXECUTE FUNCTION hold()`

// Every write is cut in the middle of its commit, in every way. One that the server goes on with
// happens all the same, later; the same write again waits for that.
func TestWriteThatIsCutWhileItCommitsIsOfUnknownOutcome(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t, pgtest.Options{})
	url := server.NewDatabase(t)
	proxy := pgtest.NewProxy(t, url)
	open(t, url, postgres.Options{})
	db := connect(t, url)
	db.SetMaxIdleConns(-1) // a new connection each time, whatever the server has been through
	exec := func(statement string, args ...any) {
		t.Helper()
		_, err := db.ExecContext(t.Context(), statement, args...)
		require.NoError(t, err)
	}
	exec(holdCommits)

	for _, cut := range []struct {
		name string
		goes bool // the server goes on with what nobody waits for
		do   func(stop context.CancelFunc, pid int)
	}{
		// pgx asks the server to stop, over another connection.
		{"the context ends", false, func(stop context.CancelFunc, _ int) { stop() }},
		{"the connection breaks", false, func(context.CancelFunc, int) { proxy.Cut() }},
		{"the network is gone", true, func(context.CancelFunc, int) { proxy.Refuse() }},
		{"the session is terminated", false, func(_ context.CancelFunc, pid int) { exec(`SELECT pg_terminate_backend($1)`, pid) }},
		{"the statement is cancelled", false, func(_ context.CancelFunc, pid int) { exec(`SELECT pg_cancel_backend($1)`, pid) }},
		{"the server dies", false, func(context.CancelFunc, int) { require.NoError(t, server.Restart(pgtest.Kill)) }},
	} {
		for _, w := range writes {
			t.Run(cut.name+"/"+w.name, func(t *testing.T) {
				require.NoError(t, proxy.Accept())
				here := open(t, proxy.URL, postgres.Options{})
				l := newLicense("")
				if w.before > 0 {
					require.NoError(t, here.Create(t.Context(), l))
				}
				holder, err := db.Conn(t.Context())
				require.NoError(t, err)
				defer holder.Close()
				_, err = holder.ExecContext(t.Context(), `SELECT pg_advisory_lock(1)`)
				require.NoError(t, err)

				ctx, stop := context.WithCancel(t.Context())
				defer stop()
				first, again := make(chan error, 1), make(chan error, 1)
				go func() { first <- w.do(ctx, here, l) }()
				cut.do(stop, waiting(t, db, "advisory"))
				err = <-first
				require.ErrorIs(t, err, license.ErrUnknownOutcome)
				assert.Equal(t, ctx.Err() != nil, errors.Is(err, context.Canceled))

				there := open(t, url, postgres.Options{})
				assert.Equal(t, w.before, revision(t, there, l.ID), "it has not happened yet")
				if !cut.goes {
					require.Eventually(t, func() bool { return sessionWaiting(t, db, "advisory") == 0 }, patience, tick)
				}
				// The first call has filled in the id that the second is made with.
				go func() { again <- w.do(t.Context(), there, l) }()
				if cut.goes {
					waiting(t, db, "transactionid")
				}
				require.NoError(t, holder.Close())
				if err := <-again; cut.goes {
					assert.ErrorIs(t, err, w.again)
				} else {
					assert.NoError(t, err)
				}
				assert.Equal(t, w.after, revision(t, there, l.ID))
			})
		}
	}
}

// waiting returns the process of a session that waits for such a lock, once there is one.
func waiting(t *testing.T, db *sql.DB, lock string) (pid int) {
	t.Helper()
	require.Eventually(t, func() bool {
		pid = sessionWaiting(t, db, lock)
		return pid > 0
	}, patience, tick)
	return pid
}

// sessionWaiting is waiting now, and returns 0 when there is none.
func sessionWaiting(t *testing.T, db *sql.DB, lock string) (pid int) {
	err := db.QueryRowContext(t.Context(), `SELECT COALESCE(MIN(pid), 0) FROM pg_stat_activity
		WHERE datname = current_database() AND wait_event_type = 'Lock' AND wait_event = $1`, lock).Scan(&pid)
	assert.NoError(t, err)
	return pid
}
