package sqlstore_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"modernc.org/sqlite"

	"github.com/privatepkgs/license"
	"github.com/privatepkgs/license/sqlstore"
)

// commits opens a SQLite file and counts its commits. Those that begin while fail is set fail.
type commits struct {
	path string
	n    atomic.Int64
	fail atomic.Bool
}

func (c *commits) Driver() driver.Driver { return nil }

func (c *commits) Connect(context.Context) (driver.Conn, error) {
	conn, err := new(sqlite.Driver).Open("file:" + c.path + dsnParameters)
	return countedConn{conn, c}, err
}

type countedConn struct {
	driver.Conn
	commits *commits
}

func (c countedConn) BeginTx(ctx context.Context, o driver.TxOptions) (driver.Tx, error) {
	tx, err := c.Conn.(driver.ConnBeginTx).BeginTx(ctx, o)
	return countedTx{tx, c.commits}, err
}

type countedTx struct {
	driver.Tx
	commits *commits
}

var errCommit = errors.New("the disk is gone")

func (t countedTx) Commit() error {
	t.commits.n.Add(1)
	if t.commits.fail.Load() {
		return errors.Join(errCommit, t.Rollback())
	}
	return t.Tx.Commit()
}

// queue is a store whose only connection is taken, so that writes wait for each other.
type queue struct {
	*sqlstore.Store
	*commits
	db      *sql.DB
	first   *license.License // one that is there
	release func()
	alone   chan error // the result of the first write, which waits for nobody but the connection
	results chan error // those of the others
}

func newQueue(t *testing.T) *queue {
	c := &commits{path: filepath.Join(t.TempDir(), "shop.db")}
	db := sql.OpenDB(c)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	db.SetMaxOpenConns(1)
	q := &queue{Store: newStore(t, db, sqlstore.Options{}), commits: c, db: db, first: newLicense("FIRST"), alone: make(chan error, 1), results: make(chan error)}

	// Each statement is prepared on the connection.
	require.NoError(t, q.Create(t.Context(), q.first))
	require.NoError(t, q.Update(t.Context(), q.first))
	require.ErrorIs(t, q.Delete(t.Context(), uuid.New(), 0), license.ErrNotFound)
	q.n.Store(0)
	return q
}

func (q *queue) hold(t *testing.T) {
	conn, err := q.db.Conn(t.Context())
	require.NoError(t, err)
	before := q.db.Stats().WaitCount
	go func() { q.alone <- q.Create(t.Context(), newLicense("ALONE")) }()
	require.Eventually(t, func() bool { return q.db.Stats().WaitCount > before }, 10*time.Second, 100*time.Microsecond)
	q.release = func() { require.NoError(t, conn.Close()) }
}

// add calls write, and returns when it waits.
func (q *queue) add(t *testing.T, write func() error) {
	before := q.Waiting()
	go func() { q.results <- write() }()
	require.Eventually(t, func() bool { return q.Waiting() > before }, 10*time.Second, 100*time.Microsecond)
}

func TestWritesThatWaitShareACommit(t *testing.T) {
	t.Parallel()
	q := newQueue(t)
	q.hold(t)
	const writes = sqlstore.MaxShared + 20
	for i := range writes {
		q.add(t, func() error { return q.Create(t.Context(), newLicense(fmt.Sprint("KEY-", i))) })
	}
	q.release()
	for range writes {
		require.NoError(t, <-q.results)
	}
	require.NoError(t, <-q.alone)
	require.EqualValues(t, 1+2, q.n.Load())
	require.Equal(t, 2+writes, count(t, q.db, "pkg_licenses"))
}

func TestWriteThatIsRefusedFailsNobodyElse(t *testing.T) {
	t.Parallel()
	q := newQueue(t)
	stale := q.first.Clone()
	require.NoError(t, q.Update(t.Context(), q.first))
	q.n.Store(0)
	q.hold(t)
	writes := []struct {
		write func() error
		want  error
	}{
		{func() error { return q.Create(t.Context(), newLicense("A")) }, nil},
		{func() error { return q.Create(t.Context(), newLicense("A")) }, license.ErrKeyExists},
		{func() error { return q.Update(t.Context(), stale) }, license.ErrRevisionMismatch},
		{func() error { return q.Delete(t.Context(), uuid.New(), 0) }, license.ErrNotFound},
		{func() error { l := q.first.Clone(); l.Key = "A"; return q.Update(t.Context(), l) }, license.ErrKeyExists},
		{func() error { return q.Delete(t.Context(), q.first.ID, q.first.Revision) }, nil},
		{func() error { return q.Create(t.Context(), newLicense("FIRST")) }, nil},
	}
	errs := make([]error, len(writes))
	for i, w := range writes {
		q.add(t, func() error { errs[i] = w.write(); return nil })
	}
	q.release()
	for range writes {
		<-q.results
	}
	for i, w := range writes {
		require.ErrorIs(t, errs[i], w.want, "write %d", i)
	}
	require.NoError(t, <-q.alone)
	require.EqualValues(t, 1+1, q.n.Load())
	require.Equal(t, 3, count(t, q.db, "pkg_licenses"))
}

// What ends a transaction ends one write.
func TestWriteThatBreaksItsTransactionFailsNobodyElse(t *testing.T) {
	t.Parallel()
	q := newQueue(t)
	_, err := q.db.ExecContext(t.Context(), `CREATE TRIGGER mine BEFORE INSERT ON pkg_licenses WHEN NEW.name = 'break'
BEGIN SELECT RAISE(ROLLBACK, 'broken on purpose'); END`)
	require.NoError(t, err)
	q.hold(t)
	const writes, broken = 10, 4
	errs := make([]error, writes)
	for i := range writes {
		l := newLicense(fmt.Sprint("KEY-", i))
		if i == broken {
			l.Name = "break"
		}
		q.add(t, func() error { errs[i] = q.Create(t.Context(), l); return nil })
	}
	q.release()
	for range writes {
		<-q.results
	}
	require.ErrorContains(t, errs[broken], "broken on purpose")
	errs[broken] = nil
	require.NoError(t, errors.Join(errs...))
	require.NoError(t, <-q.alone)
	require.Equal(t, 2+writes-1, count(t, q.db, "pkg_licenses"))
}

func TestCallerThatLeavesTheQueueHasWrittenNothing(t *testing.T) {
	t.Parallel()
	q := newQueue(t)
	q.hold(t)
	ctx, cancel := context.WithCancel(t.Context())
	q.add(t, func() error { return q.Create(ctx, newLicense("A")) })
	cancel()
	err := <-q.results
	require.ErrorIs(t, err, context.Canceled)
	require.NotErrorIs(t, err, license.ErrUnknownOutcome)
	q.add(t, func() error { return q.Create(t.Context(), newLicense("B")) })
	q.release()
	require.NoError(t, <-q.alone)
	require.NoError(t, <-q.results)
	_, err = q.GetByKey(t.Context(), "A")
	require.ErrorIs(t, err, license.ErrNotFound)
}

func TestCommitThatFailsIsAnUnknownOutcomeForAllItsWrites(t *testing.T) {
	t.Parallel()
	q := newQueue(t)
	q.hold(t)
	writes := []func() error{
		func() error { return q.Create(t.Context(), newLicense("A")) },
		func() error { return q.Create(t.Context(), newLicense("A")) }, // refused because of one that is lost
		func() error { return q.Delete(t.Context(), q.first.ID, 0) },
		func() error { return q.Delete(t.Context(), q.first.ID, 0) },
	}
	for _, write := range writes {
		q.add(t, write)
	}
	q.fail.Store(true)
	q.release()
	for range writes {
		err := <-q.results
		require.ErrorIs(t, err, license.ErrUnknownOutcome)
		require.ErrorIs(t, err, errCommit)
		require.NotErrorIs(t, err, license.ErrKeyExists)
		require.NotErrorIs(t, err, license.ErrNotFound)
	}
	require.ErrorIs(t, <-q.alone, license.ErrUnknownOutcome)
	q.fail.Store(false)
	require.NoError(t, q.Create(t.Context(), newLicense("")))
}

// BenchmarkCreateTogether is what a creation takes while others write as well.
func BenchmarkCreateTogether(b *testing.B) {
	for _, writers := range []int{1, 4, 16} {
		b.Run(fmt.Sprint(writers, " a core"), func(b *testing.B) {
			s := newStore(b, openDB(b, 1), sqlstore.Options{})
			b.SetParallelism(writers)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if err := s.Create(b.Context(), newLicense("")); err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
}
