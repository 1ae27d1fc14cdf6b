package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite"

	"github.com/privatepkgs/license"
)

// sessionStore returns a store of one license with the key "a-key", which reads on so many connections.
func sessionStore(t *testing.T, connections int) (*Store, *sessions) {
	t.Helper()
	name := "file:" + filepath.Join(t.TempDir(), "licenses.db") + "?_pragma=journal_mode(wal)"
	open := func(n int) *sql.DB {
		db, err := sql.Open("sqlite", name)
		require.NoError(t, err)
		db.SetMaxOpenConns(n)
		t.Cleanup(func() { require.NoError(t, db.Close()) })
		return db
	}
	s, err := New(open(1), SQLite, Options{Readers: open(connections)})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	require.NoError(t, s.Migrate(t.Context()))
	require.NoError(t, s.Create(t.Context(), &license.License{Key: "a-key", Constraint: license.NoConstraint(), Packages: []string{"a"}}))
	return s, s.reads.(*sessions)
}

func (p *sessions) getAKey(ctx context.Context, row func(Row) error) error {
	return p.each(ctx, queryGetByKey, []any{"a-key"}, row)
}

func TestCallHonoursContextWhileAllReadersAreTaken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newSessions(nil, nil, 1)
		<-p.free
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := p.getAKey(ctx, func(Row) error { return nil })
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
}

func TestQueryEndsWithItsContext(t *testing.T) {
	t.Parallel()
	_, p := sessionStore(t, 1)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, p.getAKey(ctx, func(Row) error { panic("a row after the end") }), context.Canceled)
}

func TestReaderGoesOnAfterItsConnectionIsLost(t *testing.T) {
	t.Parallel()
	s, p := sessionStore(t, 1)
	require.NoError(t, p.getAKey(t.Context(), func(Row) error { return nil }))
	lose := func() error { return (<-p.free).lose(p) }
	require.ErrorIs(t, lose(), driver.ErrBadConn)
	l, err := s.GetByKey(t.Context(), "a-key")
	require.NoError(t, err, "on another")
	require.Equal(t, []string{"a"}, l.Packages)

	calls := 0
	require.ErrorIs(t, p.getAKey(t.Context(), func(Row) error { calls++; return driver.ErrBadConn }), driver.ErrBadConn)
	require.Equal(t, 1, calls, "no row comes twice")
	require.Panics(t, func() { _ = p.getAKey(t.Context(), func(Row) error { panic("of a driver") }) })
	_, err = s.GetByKey(t.Context(), "a-key")
	require.NoError(t, err)
	require.Equal(t, 1, p.db.Stats().OpenConnections)
}

// lose has database/sql close the connection behind the session's back, and frees the session.
func (s *session) lose(p *sessions) error {
	defer func() { p.free <- s }()
	return s.conn.Raw(func(any) error { return driver.ErrBadConn })
}

// The last connection to a file takes its log away. One that is not really closed would not.
func TestLostConnectionIsClosed(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]func(Row) error{
		"bad connection": func(Row) error { return driver.ErrBadConn },
		"panic":          func(Row) error { panic("of a driver") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, p := sessionStore(t, 2)
			for range 5 {
				func() {
					defer func() { _ = recover() }()
					_ = p.getAKey(t.Context(), lose)
				}()
			}
			var file string
			require.NoError(t, s.db.QueryRow(`SELECT file FROM pragma_database_list`).Scan(&file))
			require.FileExists(t, file+"-wal")
			s.closeDB = true
			require.NoError(t, s.Close())
			require.NoFileExists(t, file+"-wal")
		})
	}
}

func TestReadersAreAPoolOfTheirOwn(t *testing.T) {
	t.Parallel()
	db, err := sql.Open("sqlite", filepath.Join(t.TempDir(), "licenses.db"))
	require.NoError(t, err)
	defer db.Close()
	_, err = New(db, SQLite, Options{Readers: db})
	require.ErrorContains(t, err, "Options.Readers")
}

func TestFailureOfAReaderIsItsOwn(t *testing.T) {
	t.Parallel()
	s, p := sessionStore(t, 1)
	other := errors.New("another")
	require.ErrorIs(t, p.getAKey(t.Context(), func(Row) error { return other }), other)
	require.Error(t, p.each(t.Context(), queryGetByKey, []any{struct{}{}}, nil), "no value of a database")
	_, err := s.GetByKey(t.Context(), "a-key")
	require.NoError(t, err)
}

// Readers are closed while they are read from: each call succeeds or says that the store is closed, and
// no connection is left.
func TestCloseWaitsForReadersAndGivesTheirConnectionsBack(t *testing.T) {
	t.Parallel()
	s, p := sessionStore(t, 2)
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for {
				_, err := s.GetByKey(t.Context(), "a-key")
				if err == nil {
					continue
				}
				if !errors.Is(err, errClosed) {
					t.Error(err)
				}
				return
			}
		})
	}
	time.Sleep(20 * time.Millisecond)
	require.NoError(t, s.Close())
	require.Zero(t, p.db.Stats().InUse)
	group.Wait()
	require.ErrorIs(t, p.getAKey(t.Context(), nil), errClosed, "a call that began before")
	require.Zero(t, p.db.Stats().InUse)
}

func TestSessionKeepsNothingOfWhatItRead(t *testing.T) {
	t.Parallel()
	_, p := sessionStore(t, 1)
	require.NoError(t, p.getAKey(t.Context(), func(Row) error { return nil }))
	s := <-p.free
	require.Equal(t, [maxArgs]driver.NamedValue{}, s.args)
	require.Equal(t, driverRow{nil}, s.row)
	p.free <- s
}

func TestSessionHasRoomForTheArgumentsOfEveryQuery(t *testing.T) {
	t.Parallel()
	s, p := sessionStore(t, 1)
	for _, q := range []license.Query{
		{},
		{Package: "a", Suspended: new(false), Since: time.UnixMilli(1)},
		{Package: "a", Suspended: new(false), Until: time.Now().Add(time.Hour)},
	} {
		page, err := s.List(t.Context(), q)
		require.NoError(t, err)
		require.Len(t, page.Licenses, 1)
	}
	require.Equal(t, 1, p.db.Stats().InUse)
}

func TestRowOfADriverIsScannedAsTextAndIntegers(t *testing.T) {
	t.Parallel()
	text, n := "", int64(0)
	memory := []byte("of the driver")
	row := driverRow{memory, int64(7)}
	require.NoError(t, row.Scan(&text, &n))
	memory[0] = 'O'
	require.Equal(t, "of the driver", text)
	require.EqualValues(t, 7, n)
	for _, row := range []driverRow{{}, {nil}, {int64(7)}, {7.5}, {"a", "b"}} {
		require.Error(t, row.Scan(&text), "%v", row)
	}
	require.Error(t, (&driverRow{"7"}).Scan(&n))
	require.Error(t, (&driverRow{"7"}).Scan(new(bool)))
}
