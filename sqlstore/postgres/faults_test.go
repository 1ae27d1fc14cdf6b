package postgres_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/privatepkgs/license"
	"github.com/privatepkgs/license/internal/pgtest"
	"github.com/privatepkgs/license/sqlstore"
	"github.com/privatepkgs/license/sqlstore/postgres"
)

// revision returns that of a license, and 0 where there is none.
func revision(t *testing.T, s license.Store, id uuid.UUID) int64 {
	t.Helper()
	l, err := s.Get(t.Context(), id)
	if errors.Is(err, license.ErrNotFound) {
		return 0
	}
	if !assert.NoError(t, err) {
		return -1
	}
	return l.Revision
}

// Contexts end at any moment of a write.
func TestCutWritesSayWhetherTheyMayHaveHappened(t *testing.T) {
	t.Parallel()
	s := open(t, lent.Lend(t), postgres.Options{MaxConns: 4})
	var running sync.WaitGroup
	var unknown, failed, succeeded atomic.Int64
	for range 4 {
		running.Go(func() {
			for range 60 {
				for _, w := range writes {
					l, began := newLicense(""), time.Now()
					if !assert.NoError(t, s.Create(t.Context(), l)) {
						return
					}
					usual := time.Since(began)
					if w.before == 0 {
						l.ID, l.Key = uuid.New(), license.GenerateKey()
					}
					ctx, cancel := context.WithTimeout(t.Context(), rand.N(2*usual))
					err := w.do(ctx, s, l)
					cancel()
					found := revision(t, s, l.ID)
					switch {
					case err == nil:
						succeeded.Add(1)
						assert.Equal(t, w.after, found, "%s was acknowledged", w.name)
					case errors.Is(err, license.ErrUnknownOutcome):
						unknown.Add(1)
						assert.ErrorIs(t, err, context.DeadlineExceeded)
						assert.Contains(t, []int64{w.before, w.after}, found, "%s: %v", w.name, err)
					default:
						failed.Add(1)
						assert.ErrorIs(t, err, context.DeadlineExceeded, w.name)
						assert.NotErrorIs(t, err, license.ErrUnavailable)
						assert.Equal(t, w.before, found, "%s: %v", w.name, err)
					}
				}
			}
		})
	}
	running.Wait()
	t.Logf("%d succeeded, %d failed, %d with unknown outcome", succeeded.Load(), failed.Load(), unknown.Load())
	assert.NotZero(t, succeeded.Load())
	assert.NotZero(t, failed.Load())
}

// writes are the ways to write a license.
var writes = []struct {
	name          string
	before, after int64 // the license's revision
	again         error // what the same write meets when it has happened already
	do            func(context.Context, *sqlstore.Store, *license.License) error
}{
	{"Create", 0, 1, license.ErrIDExists, func(ctx context.Context, s *sqlstore.Store, l *license.License) error { return s.Create(ctx, l) }},
	{"CreateBatch", 0, 1, nil, func(ctx context.Context, s *sqlstore.Store, l *license.License) error {
		_, err := s.CreateBatch(ctx, []*license.License{l})
		return err
	}},
	{"Update", 1, 2, license.ErrRevisionMismatch, func(ctx context.Context, s *sqlstore.Store, l *license.License) error { return s.Update(ctx, l) }},
	{"Delete", 1, 0, license.ErrNotFound, func(ctx context.Context, s *sqlstore.Store, l *license.License) error { return s.Delete(ctx, l.ID, 0) }},
}

// A shop that creates licenses and tries again with the same id whatever happens, while the server
// restarts and connections are cut.
func TestNothingAcknowledgedIsLostOrDoubledWhenTheServerDies(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t, pgtest.Options{})
	url := server.NewDatabase(t)
	proxy := pgtest.NewProxy(t, url)
	s := open(t, proxy.URL, postgres.Options{})
	ctx, stop := context.WithCancel(t.Context())
	defer stop()

	var mu sync.Mutex
	created := make(map[uuid.UUID]string)
	var unknown, unavailable, doubled atomic.Int64
	shop := func() {
		for ctx.Err() == nil {
			l := newLicense("")
			mayBeThere := false
			for {
				err := s.Create(t.Context(), l) // fills in the id and the key when it is first called
				if errors.Is(err, license.ErrIDExists) {
					assert.True(t, mayBeThere, "a Create that failed for certain has happened")
					doubled.Add(1)
					err = nil
				}
				if err == nil {
					break
				}
				switch {
				case errors.Is(err, license.ErrUnknownOutcome):
					unknown.Add(1)
					mayBeThere = true
				case errors.Is(err, license.ErrUnavailable):
					unavailable.Add(1)
				default:
					assert.NoError(t, err, "neither unavailable nor unknown")
					return
				}
				time.Sleep(5 * time.Millisecond)
			}
			mu.Lock()
			created[l.ID] = l.Key
			mu.Unlock()
		}
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(shop)
	}
	pause := func() { time.Sleep(100*time.Millisecond + rand.N(100*time.Millisecond)) }
	for range 2 {
		pause()
		require.NoError(t, server.Restart(pgtest.Immediate))
		for range 3 {
			pause()
			proxy.Cut()
		}
	}
	pause()
	stop()
	wg.Wait()

	rows := 0
	for l, err := range license.All(t.Context(), s, license.Query{Limit: 1000}) {
		require.NoError(t, err)
		rows++
		assert.Equal(t, created[l.ID], l.Key)
	}
	assert.Equal(t, len(created), rows)
	t.Logf("%d created; %d times unavailable, %d times unknown, of which %d had happened", len(created), unavailable.Load(), unknown.Load(), doubled.Load())
	assert.NotZero(t, unavailable.Load()+unknown.Load())
}

func TestServerThatIsGoneIsUnavailableAndComesBack(t *testing.T) {
	t.Parallel()
	url := lent.Lend(t)
	proxy := pgtest.NewProxy(t, url)
	s := open(t, proxy.URL, postgres.Options{})
	l := newLicense("")
	require.NoError(t, s.Create(t.Context(), l))
	proxy.Refuse()
	for name, call := range map[string]func() error{
		"Create": func() error { return s.Create(t.Context(), newLicense("")) },
		"Get":    func() error { _, err := s.Get(t.Context(), l.ID); return err },
		"List":   func() error { _, err := s.List(t.Context(), license.Query{}); return err },
		"Update": func() error { return s.Update(t.Context(), l) },
		"Delete": func() error { return s.Delete(t.Context(), l.ID, 0) },
		"Batch":  func() error { _, err := s.CreateBatch(t.Context(), []*license.License{newLicense("")}); return err },
	} {
		err := call()
		assert.ErrorIs(t, err, license.ErrUnavailable, name)
		assert.NotErrorIs(t, err, license.ErrUnknownOutcome, name)
	}
	require.NoError(t, proxy.Accept())
	require.NoError(t, s.Update(t.Context(), l))
}

func TestPrimaryIsTakenWhereAStandbyIsOnlyPreferred(t *testing.T) {
	t.Parallel()
	url := option(t, pgtest.Shared(t).NewDatabase(t), "target_session_attrs", "prefer-standby")
	require.NoError(t, open(t, url, postgres.Options{}).Create(t.Context(), newLicense("")))
}

// In the midst of a failover every server that can be reached is a standby yet.
func TestServerThatIsNotTheWantedOneIsUnavailable(t *testing.T) {
	t.Parallel()
	url := pgtest.Shared(t).NewDatabase(t)
	s := open(t, option(t, url, "target_session_attrs", "read-write"), postgres.Options{})
	l := newLicense("")
	require.NoError(t, s.Create(t.Context(), l))
	db := connect(t, option(t, url, "default_transaction_read_only", "off"))
	standby := func(yes string) {
		var name string
		require.NoError(t, db.QueryRowContext(t.Context(), `SELECT current_database()`).Scan(&name))
		_, err := db.ExecContext(t.Context(), `ALTER DATABASE `+name+` SET default_transaction_read_only = `+yes)
		require.NoError(t, err)
		_, err = db.ExecContext(t.Context(), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()`)
		require.NoError(t, err)
	}
	standby("on")
	var err error
	require.Eventually(t, func() bool {
		_, err = s.Get(t.Context(), l.ID)
		require.ErrorIs(t, err, license.ErrUnavailable)
		return errors.Is(err, pgconn.ErrReadOnlyConnection)
	}, patience, tick)
	require.ErrorIs(t, s.Update(t.Context(), l), license.ErrUnavailable)
	standby("off")
	require.Eventually(t, func() bool { return s.Update(t.Context(), l) == nil }, patience, tick)
}

// Under serializable transactions the writers of one row fail each other all the time.
func TestWritersOfOneLicenseAreTriedAgain(t *testing.T) {
	t.Parallel()
	const writers, each = 4, 5 // few, as ten attempts would not do for a longer contest on a slow machine
	url := option(t, lent.Lend(t), "default_transaction_isolation", "serializable")
	s := open(t, url, postgres.Options{})
	l := newLicense("KEY")
	require.NoError(t, s.Create(t.Context(), l))
	together := func(write func() error) (failed int) {
		errs := make(chan error, writers*each)
		var wg sync.WaitGroup
		for range writers {
			wg.Go(func() {
				for range each {
					errs <- write()
				}
			})
		}
		wg.Wait()
		close(errs)
		for err := range errs {
			if err != nil {
				var server *pgconn.PgError
				require.ErrorAs(t, err, &server)
				require.Equal(t, "40001", server.Code)
				failed++
			}
		}
		return failed
	}
	assert.Zero(t, together(func() error {
		mine := newLicense("KEY")
		mine.ID = l.ID
		return s.Update(t.Context(), mine)
	}))
	assert.EqualValues(t, 1+writers*each, revision(t, s, l.ID))

	db := connect(t, url)
	conflict := func() error {
		tx, err := db.BeginTx(t.Context(), nil)
		require.NoError(t, err)
		defer tx.Rollback()
		var revision int64
		if err := tx.QueryRowContext(t.Context(), `SELECT revision FROM pkg_licenses`).Scan(&revision); err != nil {
			return err
		}
		if _, err := tx.ExecContext(t.Context(), `UPDATE pkg_licenses SET revision = $1`, revision+1); err != nil {
			return err
		}
		return tx.Commit()
	}
	failed := 0
	for range 20 {
		if failed = together(conflict); failed > 0 {
			break
		}
	}
	assert.NotZero(t, failed, "the control, which tries nothing again, has seen no conflict")
}

// A batch that has the first of two keys waits for somebody who has the second, and then wants the
// first. PostgreSQL ends the one who notices, which is the one who has waited longer.
func TestBatchThatDeadlocksIsTriedAgain(t *testing.T) {
	t.Parallel()
	url := lent.Lend(t)
	s, db := open(t, url, postgres.Options{}), connect(t, url)
	for range 5 { // where this machine is so slow that the wrong one has noticed
		first, second := newLicense(license.GenerateKey()), newLicense(license.GenerateKey())
		tx, err := db.BeginTx(t.Context(), nil)
		require.NoError(t, err)
		require.NoError(t, s.InTx(tx).Create(t.Context(), second))
		batch := []*license.License{newLicense(first.Key), newLicense(second.Key)}
		var taken []*license.License
		ended := make(chan error, 1)
		go func() {
			var err error
			taken, err = s.CreateBatch(t.Context(), batch)
			ended <- err
		}()
		waiting(t, db, "transactionid")
		err = s.InTx(tx).Create(t.Context(), first)
		if errors.Is(err, license.ErrUnavailable) {
			require.NoError(t, tx.Rollback())
			require.NoError(t, <-ended)
			continue
		}
		require.NoError(t, err, "the batch has let go of the first key")
		require.NoError(t, tx.Commit())
		require.NoError(t, <-ended)
		require.Len(t, taken, 2)
		assert.Equal(t, first.ID, taken[0].ID)
		assert.Equal(t, second.ID, taken[1].ID)
		return
	}
	t.Fatal("no batch has met a deadlock")
}

// What a statement meets in an explicit transaction is never an unknown outcome: nobody has
// committed.
func TestCutCallInATransactionIsNeverUnknown(t *testing.T) {
	t.Parallel()
	url := lent.Lend(t)
	s := open(t, url, postgres.Options{})
	proxy := pgtest.NewProxy(t, url)
	db := connect(t, proxy.URL)
	tx, err := db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	in := s.InTx(tx)
	l := newLicense("")
	require.NoError(t, in.Create(t.Context(), l))
	proxy.Cut()
	err = in.Create(t.Context(), newLicense(""))
	require.ErrorIs(t, err, license.ErrUnavailable)
	require.NotErrorIs(t, err, license.ErrUnknownOutcome)
	require.Error(t, tx.Commit())
	assert.Zero(t, revision(t, s, l.ID))
}
