package sqlite_test

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/privatepkgs/license"
	"github.com/privatepkgs/license/sqlstore"
	"github.com/privatepkgs/license/sqlstore/sqlite"
)

// long reports whether the long forms of tests were asked for.
func long() bool { return os.Getenv("LICENSE_LONG_TESTS") == "1" }

// A test that needs other processes starts its own binary with this variable, whose value is
// what the process shall do, and the path of the file as its argument.
const childRole = "LICENSE_TEST_CHILD"

func TestMain(m *testing.M) {
	switch role := os.Getenv(childRole); role {
	case "":
		os.Exit(m.Run())
	case "create", "create-early":
		createUntilKilled(os.Args[1], role == "create-early")
	case "modify":
		if err := modify(os.Args[1]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}

func child(t *testing.T, role, path string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), self, path)
	cmd.Env = append(os.Environ(), childRole+"="+role)
	cmd.Stderr = os.Stderr
	return cmd
}

// createUntilKilled prints the id of each license that it has made. With early it does so
// before the transaction commits, which is what no store may do.
func createUntilKilled(path string, early bool) {
	ctx := context.Background()
	db, err := sql.Open("sqlite", "file:"+path+"?_txlock=immediate&_pragma=busy_timeout(10000)")
	if err != nil {
		panic(err)
	}
	s, err := sqlite.Open(ctx, path)
	if err != nil {
		panic(err)
	}
	if early {
		for {
			tx, err := db.BeginTx(ctx, nil)
			if err != nil {
				panic(err)
			}
			for range 100 {
				createAndPrint(ctx, s.InTx(tx))
			}
			if err := tx.Commit(); err != nil {
				panic(err)
			}
		}
	}
	for range 4 {
		go func() {
			for {
				createAndPrint(ctx, s)
			}
		}()
	}
	select {}
}

func createAndPrint(ctx context.Context, s license.Store) {
	l := newLicense("")
	if err := s.Create(ctx, l); err != nil {
		panic(err)
	}
	fmt.Println(l.ID)
}

// killRound lets a child create licenses, kills it, and returns how many it had
// acknowledged and how many of these are lost.
func killRound(t *testing.T, role, path string) (acknowledged, lost int) {
	t.Helper()
	cmd := child(t, role, path)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	defer cmd.Wait()
	lines := bufio.NewScanner(out)
	var ids []uuid.UUID
	for lines.Scan() {
		id, err := uuid.Parse(lines.Text())
		if err != nil {
			break // cut in the middle
		}
		if ids = append(ids, id); len(ids) == 1 {
			time.AfterFunc(rand.N(60*time.Millisecond), func() { cmd.Process.Kill() })
		}
	}
	s := open(t, path)
	defer s.Close()
	for _, id := range ids {
		if _, err := s.Get(t.Context(), id); errors.Is(err, license.ErrNotFound) {
			lost++
		} else {
			require.NoError(t, err)
		}
	}
	return len(ids), lost
}

func TestAcknowledgedLicensesSurviveKill(t *testing.T) {
	t.Parallel()
	rounds := 5
	if long() {
		rounds = 100
	}
	path := filepath.Join(t.TempDir(), "licenses.db")
	acknowledged, lost := 0, 0
	for range rounds {
		a, l := killRound(t, "create", path)
		acknowledged, lost = acknowledged+a, lost+l
	}
	t.Logf("%d kills, %d licenses acknowledged, %d lost", rounds, acknowledged, lost)
	require.Positive(t, acknowledged)
	require.Zero(t, lost)
	db := rawDB(t, path)
	defer db.Close()
	var answer string
	require.NoError(t, db.QueryRowContext(t.Context(), `PRAGMA integrity_check`).Scan(&answer))
	require.Equal(t, "ok", answer)

	// The control: acknowledging before the commit is caught.
	lost = 0
	for round := 0; lost == 0; round++ {
		require.Less(t, round, 50, "the test cannot find licenses that were lost")
		_, lost = killRound(t, "create-early", path)
	}
}

func TestCancelledWriteIsAbsentUnlessItsOutcomeIsUnknown(t *testing.T) {
	t.Parallel()
	rounds := 400
	if long() {
		rounds = 20_000
	}
	path := filepath.Join(t.TempDir(), "licenses.db")
	s := open(t, path)
	var wrong, failed, unknown, done atomic.Int64
	eachOf(4, rounds, func(int) {
		ctx, cancel := context.WithTimeout(context.Background(), rand.N(1500*time.Microsecond))
		defer cancel()
		l := newLicense("")
		err := s.Create(ctx, l)
		_, errGet := s.Get(context.Background(), l.ID)
		stored := errGet == nil
		switch {
		case err == nil:
			done.Add(1)
			if !stored {
				wrong.Add(1)
			}
		case errors.Is(err, license.ErrUnknownOutcome):
			unknown.Add(1)
		default:
			failed.Add(1)
			assert.ErrorIs(t, err, context.DeadlineExceeded)
			if stored {
				wrong.Add(1)
			}
		}
	})
	t.Logf("%d done, %d failed, %d unknown, %d wrong", done.Load(), failed.Load(), unknown.Load(), wrong.Load())
	require.Zero(t, wrong.Load())
	require.Positive(t, failed.Load())

	// The control: the same with an autocommit statement is wrong sooner or later.
	db, err := sql.Open("sqlite", "file:"+filepath.Join(t.TempDir(), "control.db")+
		"?_pragma=journal_mode(wal)&_pragma=synchronous(full)&_pragma=busy_timeout(10000)")
	require.NoError(t, err)
	defer db.Close()
	execText(t, db, `CREATE TABLE t (n INTEGER PRIMARY KEY)`)
	var wrongControl atomic.Int64
	eachOf(4, 20_000, func(i int) {
		if wrongControl.Load() > 0 {
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), rand.N(1500*time.Microsecond))
		defer cancel()
		if _, err := db.ExecContext(ctx, `INSERT INTO t VALUES ($1)`, i); err == nil {
			return
		}
		var stored bool
		err := db.QueryRowContext(context.Background(), `SELECT EXISTS (SELECT 1 FROM t WHERE n = $1)`, i).Scan(&stored)
		if err == nil && stored {
			wrongControl.Add(1)
		}
	})
	require.Positive(t, wrongControl.Load(), "the test cannot find a write that was reported as failed and is there")
}

// eachOf calls f with the numbers from 0 to n-1 in so many goroutines.
func eachOf(workers, n int, f func(int)) {
	var next atomic.Int64
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for i := next.Add(1) - 1; i < int64(n); i = next.Add(1) - 1 {
				f(int(i))
			}
		})
	}
	wg.Wait()
}

// modifications are few, as a process that keeps another from writing for its busy timeout is no fault: on a slow disk
// many would take as long.
const modifications = 10

// modify changes the one license of a file many times.
func modify(path string) error {
	s, err := sqlite.Open(context.Background(), path)
	if err != nil {
		return err
	}
	defer s.Close()
	return modifyFirst(context.Background(), s)
}

func modifyFirst(ctx context.Context, s *sqlstore.Store) error {
	page, err := s.List(ctx, license.Query{})
	if err != nil {
		return err
	}
	for range modifications {
		_, err := license.Modify(ctx, s, page.Licenses[0].ID, func(l *license.License) error {
			l.Suspended = !l.Suspended
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Workers and a second process write to one file, and nobody is turned away.
func TestWritersWaitForEachOther(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "licenses.db")
	s := open(t, path)
	l := newLicense("A")
	require.NoError(t, s.Create(t.Context(), l))
	other := child(t, "modify", path)
	require.NoError(t, other.Start())
	eachOf(4, 4, func(int) { assert.NoError(t, modifyFirst(t.Context(), s)) })
	require.NoError(t, other.Wait())
	got, err := s.Get(t.Context(), l.ID)
	require.NoError(t, err)
	require.EqualValues(t, 1+5*modifications, got.Revision)

	// The control: without immediate transactions, reading and then writing fails.
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(10000)")
	require.NoError(t, err)
	defer db.Close()
	var failed atomic.Int64
	eachOf(8, 80, func(int) {
		tx, err := db.BeginTx(t.Context(), nil)
		if !assert.NoError(t, err) {
			return
		}
		defer tx.Rollback()
		var revision int64
		if !assert.NoError(t, tx.QueryRowContext(t.Context(), `SELECT revision FROM pkg_licenses`).Scan(&revision)) {
			return
		}
		if _, err = tx.ExecContext(t.Context(), `UPDATE pkg_licenses SET revision = $1`, revision+1); err == nil {
			err = tx.Commit()
		}
		if err != nil {
			failed.Add(1)
		}
	})
	require.Positive(t, failed.Load(), "the test cannot find a writer that was turned away")
}
