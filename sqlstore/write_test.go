package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/privatepkgs/license"
)

// playedDriver plays a database whose statements all write one row, and whose BEGIN, statements
// and COMMIT fail with the errors that are set, one after the other.
type playedDriver struct {
	begin, exec, commit []error
	beginTakes          time.Duration
	begun, rolledBack   int
}

func next(errs *[]error) error {
	if len(*errs) == 0 {
		return nil
	}
	err := (*errs)[0]
	*errs = (*errs)[1:]
	return err
}

func (d *playedDriver) Connect(context.Context) (driver.Conn, error) { return d, nil }
func (d *playedDriver) Driver() driver.Driver                        { return nil }
func (d *playedDriver) Prepare(string) (driver.Stmt, error)          { return playedStmt{d}, nil }
func (d *playedDriver) Close() error                                 { return nil }
func (d *playedDriver) Commit() error                                { return next(&d.commit) }
func (d *playedDriver) Rollback() error                              { d.rolledBack++; return nil }

func (d *playedDriver) Begin() (driver.Tx, error) {
	d.begun++
	time.Sleep(d.beginTakes)
	return d, next(&d.begin)
}

type playedStmt struct{ d *playedDriver }

func (s playedStmt) Close() error  { return nil }
func (s playedStmt) NumInput() int { return -1 }
func (s playedStmt) Exec([]driver.Value) (driver.Result, error) {
	return driver.RowsAffected(1), next(&s.d.exec)
}
func (s playedStmt) Query([]driver.Value) (driver.Rows, error) { return nil, io.ErrUnexpectedEOF }

// The errors that a played database answers with.
var (
	errRetry = errors.New("could not serialize")
	errBusy  = errors.New("busy")
	errOther = errors.New("syntax")
)

func playedStore(t *testing.T, d *playedDriver) *Store {
	t.Helper()
	db := sql.OpenDB(d)
	t.Cleanup(func() { db.Close() })
	s, err := New(db, SQLite, Options{})
	require.NoError(t, err)
	played := sqliteTraits
	played.classify = func(err error, _ func(error) int) errorClass {
		switch {
		case errors.Is(err, errRetry):
			return classRetry
		case errors.Is(err, errBusy):
			return classUnavailable
		default:
			return classifyCommon(err)
		}
	}
	s.traits = &played
	return s
}

func repeat(err error, n int) []error {
	errs := make([]error, n)
	for i := range errs {
		errs[i] = err
	}
	return errs
}

func TestWriteIsTriedAgainWhereTheDialectSaysSo(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name     string
		driver   playedDriver
		attempts int
		want     []error
		not      []error
	}{
		{"no failure", playedDriver{}, 1, nil, nil},
		{"statement twice", playedDriver{exec: repeat(errRetry, 2)}, 3, nil, nil},
		{"commit once", playedDriver{commit: repeat(errRetry, 1)}, 2, nil, nil},
		{"begin once", playedDriver{begin: repeat(errRetry, 1)}, 2, nil, nil},
		{"bad connections", playedDriver{begin: repeat(driver.ErrBadConn, 7)}, 8, nil, nil},
		{"connection lost", playedDriver{exec: repeat(driver.ErrBadConn, 3)}, 2, nil, nil}, // database/sql tries twice more
		{"commit on a bad connection", playedDriver{commit: repeat(driver.ErrBadConn, 1)}, 1,
			[]error{license.ErrUnknownOutcome, driver.ErrBadConn}, nil},
		{"for ever", playedDriver{exec: repeat(errRetry, 100)}, maxAttempts,
			[]error{license.ErrUnavailable, errRetry}, []error{license.ErrUnknownOutcome}},
		{"busy", playedDriver{exec: repeat(errBusy, 1)}, 1,
			[]error{license.ErrUnavailable, errBusy}, []error{license.ErrUnknownOutcome}},
		{"other", playedDriver{exec: repeat(errOther, 1)}, 1,
			[]error{errOther}, []error{license.ErrUnavailable, license.ErrUnknownOutcome}},
		{"commit fails", playedDriver{commit: repeat(errOther, 1)}, 1,
			[]error{license.ErrUnknownOutcome, errOther}, []error{license.ErrUnavailable}},
		{"commit cut", playedDriver{commit: repeat(context.DeadlineExceeded, 1)}, 1,
			[]error{license.ErrUnknownOutcome, context.DeadlineExceeded}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := playedStore(t, &test.driver)
				err := s.Delete(t.Context(), uuid.New(), 0)
				require.Equal(t, test.attempts, test.driver.begun)
				if test.want == nil {
					require.NoError(t, err)
				}
				for _, want := range test.want {
					require.ErrorIs(t, err, want)
				}
				for _, not := range test.not {
					require.NotErrorIs(t, err, not)
				}
			})
		})
	}
}

func TestRetryEndsWithItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := &playedDriver{exec: repeat(errRetry, 100)}
		s := playedStore(t, d)
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
		defer cancel()
		err := s.Delete(ctx, uuid.New(), 0)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.NotErrorIs(t, err, license.ErrUnknownOutcome)
		require.Less(t, d.begun, maxAttempts)
	})
}

// deletion is a write, and what it returned after how long.
type deletion struct {
	err  error
	took time.Duration
}

func (s *Store) deleting(ctx context.Context) <-chan deletion {
	done := make(chan deletion, 1)
	go func() {
		began := time.Now()
		err := s.Delete(ctx, uuid.New(), 0)
		done <- deletion{err, time.Since(began)}
	}()
	synctest.Wait()
	return done
}

func TestWriteThatCameLateDoesNotFailWithThoseThatWaited(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := playedStore(t, &playedDriver{beginTakes: 10 * time.Second, begin: []error{nil, errBusy}})
		first, early := s.deleting(t.Context()), s.deleting(t.Context())
		time.Sleep(19 * time.Second)
		late := s.deleting(t.Context())
		require.NoError(t, (<-first).err)
		require.ErrorIs(t, (<-early).err, errBusy)
		require.NoError(t, (<-late).err)
	})
}

func TestCallerCanLeaveAlsoAfterItsTransactionBroke(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := &playedDriver{beginTakes: time.Second, exec: []error{nil, errOther}}
		s := playedStore(t, d)
		first := s.deleting(t.Context()) // while it writes, these three gather
		ctx, cancel := context.WithTimeout(t.Context(), 2500*time.Millisecond)
		defer cancel()
		breaks, waits, leaves := s.deleting(t.Context()), s.deleting(t.Context()), s.deleting(ctx)

		require.NoError(t, (<-first).err)
		got := <-leaves
		require.ErrorIs(t, got.err, context.DeadlineExceeded)
		require.NotErrorIs(t, got.err, license.ErrUnknownOutcome)
		require.Equal(t, 2500*time.Millisecond, got.took)
		require.NoError(t, (<-breaks).err, "it was done again")
		require.NoError(t, (<-waits).err)
		require.Equal(t, 1, d.rolledBack)
	})
}

type numbered int

func (numbered) Error() string { return "an error of a driver" }
func (n numbered) Code() int   { return int(n) }

func TestSQLiteErrorsAreUnderstoodByCode(t *testing.T) {
	t.Parallel()
	for err, want := range map[error]errorClass{
		numbered(2067):           classUnique,      // CONSTRAINT_UNIQUE
		numbered(1555):           classUnique,      // CONSTRAINT_PRIMARYKEY
		numbered(1299):           classOther,       // CONSTRAINT_NOTNULL
		numbered(5):              classUnavailable, // BUSY
		numbered(517):            classUnavailable, // BUSY_SNAPSHOT
		numbered(6):              classUnavailable, // LOCKED
		numbered(8):              classUnavailable, // READONLY
		numbered(4874):           classUnavailable, // IOERR_SHMMAP
		numbered(13):             classUnavailable, // FULL
		numbered(14):             classUnavailable, // CANTOPEN
		numbered(9):              classOther,       // INTERRUPT
		numbered(1):              classOther,       // ERROR
		numbered(11):             classOther,       // CORRUPT
		driver.ErrBadConn:        classUnavailable,
		context.Canceled:         classOther,
		context.DeadlineExceeded: classOther,
		new(net.OpError):         classUnavailable,
		io.ErrUnexpectedEOF:      classOther,
	} {
		require.Equal(t, want, classifySQLite(errors.Join(errOther, err), nil), "%v %[1]T(%#[1]v)", err)
	}
}

type coded string

func (coded) Error() string      { return "an error of a driver" }
func (c coded) SQLState() string { return string(c) }

type untouched struct{ error }

func (untouched) SafeToRetry() bool { return true }

func TestPostgreSQLErrorsAreUnderstoodByCode(t *testing.T) {
	t.Parallel()
	for err, want := range map[error]errorClass{
		coded("23505"):           classUnique,
		coded("40001"):           classRetry,       // serialization_failure
		coded("40P01"):           classRetry,       // deadlock_detected
		coded("40003"):           classUnavailable, // statement_completion_unknown
		coded("40002"):           classOther,       // transaction_integrity_constraint_violation
		coded("23502"):           classOther,       // not_null_violation
		coded("42601"):           classOther,       // syntax_error
		coded("42501"):           classOther,       // insufficient_privilege
		coded("25006"):           classUnavailable, // read_only_sql_transaction
		coded("25P03"):           classUnavailable, // idle_in_transaction_session_timeout
		coded("25P02"):           classOther,       // in_failed_sql_transaction
		coded("55P03"):           classUnavailable, // lock_not_available
		coded("53300"):           classUnavailable, // too_many_connections
		coded("53100"):           classUnavailable, // disk_full
		coded("57P01"):           classUnavailable, // admin_shutdown
		coded("57P03"):           classUnavailable, // cannot_connect_now
		coded("57014"):           classUnavailable, // query_canceled
		coded("58030"):           classUnavailable, // io_error
		coded("08006"):           classUnavailable, // connection_failure
		coded("08P01"):           classUnavailable, // PgBouncer, of a server that is gone
		coded("XX001"):           classOther,       // data_corrupted
		coded(""):                classOther,
		driver.ErrBadConn:        classUnavailable,
		new(net.OpError):         classUnavailable,
		io.EOF:                   classUnavailable,
		io.ErrUnexpectedEOF:      classUnavailable,
		untouched{errOther}:      classUnavailable,
		context.DeadlineExceeded: classUnavailable, // the driver's own, for connecting
		context.Canceled:         classOther,
		errOther:                 classOther,
	} {
		require.Equal(t, want, classifyPostgres(fmt.Errorf("wrapped: %w", err), nil), "%v %[1]T(%#[1]v)", err)
	}
}
