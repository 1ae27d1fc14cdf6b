package pgtest

import (
	"bufio"
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func open(t *testing.T, url string) *sql.DB {
	t.Helper()
	db, err := sql.Open("pgx", url)
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func query[T any](t *testing.T, db *sql.DB, query string, args ...any) T {
	t.Helper()
	var v T
	require.NoError(t, db.QueryRowContext(t.Context(), query, args...).Scan(&v), query)
	return v
}

func exec1(t *testing.T, db *sql.DB, statement string) {
	t.Helper()
	_, err := db.ExecContext(t.Context(), statement)
	require.NoError(t, err, statement)
}

func TestSharedServerIsOneAndItsDatabasesAreApart(t *testing.T) {
	t.Parallel()
	a, b := Shared(t), Shared(t)
	require.Same(t, a, b)

	first, second := open(t, a.NewDatabase(t)), open(t, b.NewDatabase(t))
	exec1(t, first, "CREATE TABLE t (n int)")
	exec1(t, second, "CREATE TABLE t (n int)")
	exec1(t, first, "INSERT INTO t VALUES (1)")
	assert.Equal(t, 1, query[int](t, first, "SELECT count(*) FROM t"))
	assert.Equal(t, 0, query[int](t, second, "SELECT count(*) FROM t"))
	assert.False(t, query[bool](t, first, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user"))
}

func TestDatabaseGoesWithItsTestDespiteOpenConnections(t *testing.T) {
	t.Parallel()
	s := Shared(t)
	var name string
	t.Run("inner", func(t *testing.T) {
		// Opened on its own, so that it is still connected when the database is dropped.
		db, err := sql.Open("pgx", s.NewDatabase(t))
		require.NoError(t, err)
		name = query[string](t, db, "SELECT current_database()")
		assert.Equal(t, 1, query[int](t, s.admin, "SELECT count(*) FROM pg_database WHERE datname = $1", name))
	})
	assert.Equal(t, 0, query[int](t, s.admin, "SELECT count(*) FROM pg_database WHERE datname = $1", name))
}

func TestSharedServerIsFastAndCannotBeStopped(t *testing.T) {
	t.Parallel()
	s := Shared(t)
	assert.Equal(t, "off", query[string](t, s.admin, "SHOW fsync"))
	require.ErrorContains(t, s.Restart(Fast), "shared server")
	require.NoError(t, s.admin.PingContext(t.Context()))
}

func TestOwnServerIsDurableAndComesBackWithItsData(t *testing.T) {
	t.Parallel()
	s := Start(t, Options{Settings: map[string]string{"work_mem": "5MB"}})
	url := s.NewDatabase(t)
	db := open(t, url)
	for _, name := range []string{"fsync", "synchronous_commit", "full_page_writes"} {
		assert.Equal(t, "on", query[string](t, db, "SHOW "+name), name)
	}
	assert.Equal(t, "5MB", query[string](t, db, "SHOW work_mem"))
	exec1(t, db, "CREATE TABLE t (n int)")

	for i, how := range []Shutdown{Fast, Immediate, Kill} {
		exec1(t, db, fmt.Sprintf("INSERT INTO t VALUES (%d)", i))
		require.NoError(t, s.Stop(how))
		require.NoError(t, s.Stop(how), "stopping twice")
		require.Error(t, db.PingContext(t.Context()), "a stopped server answers nobody")
		require.NoError(t, s.Resume())
		require.NoError(t, s.Resume(), "resuming twice")
		assert.Equal(t, i+1, query[int](t, open(t, url), "SELECT count(*) FROM t"))
		db = open(t, url)
	}
}

func TestPasswordIsNeeded(t *testing.T) {
	t.Parallel()
	u, err := url.Parse(Shared(t).NewDatabase(t))
	require.NoError(t, err)
	u.User = url.UserPassword(owner, "wrong")
	require.Error(t, open(t, u.String()).PingContext(t.Context()))
}

// A process that is killed cleans nothing up itself. Its server and folder go all the same.
func TestServerEndsWithAKilledTestProcess(t *testing.T) {
	const child = "PGTEST_CHILD"
	if os.Getenv(child) != "" {
		s := Start(t, Options{})
		fmt.Printf("\n%s\n%s\n", s.folder.path, s.NewDatabase(t))
		time.Sleep(time.Hour)
	}
	t.Parallel()
	programs(t)
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), child+"=1")
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())

	lines := bufio.NewScanner(out)
	for lines.Scan() && lines.Text() == "" {
	}
	folder := lines.Text()
	require.DirExists(t, folder)
	require.True(t, lines.Scan())
	db := open(t, lines.Text())
	require.NoError(t, db.PingContext(t.Context()), "the server of the child serves")

	require.NoError(t, cmd.Process.Kill())
	_ = cmd.Wait()
	require.Eventually(t, func() bool {
		_, err := os.Stat(folder)
		return os.IsNotExist(err) && db.PingContext(t.Context()) != nil
	}, 20*time.Second, 20*time.Millisecond)
}

func TestPgBouncerSharesOneServerConnectionBetweenClients(t *testing.T) {
	t.Parallel()
	direct := Shared(t).NewDatabase(t)
	const backend = "SELECT pg_backend_pid()"
	pids := func(url string) (a, b int) {
		// Two clients that both stay connected.
		return query[int](t, open(t, url), backend), query[int](t, open(t, url), backend)
	}
	a, b := pids(direct)
	assert.NotEqual(t, a, b)
	a, b = pids(PgBouncer(t, direct) + "&default_query_exec_mode=exec")
	assert.Equal(t, a, b)
}

func TestPgBouncerFindsARestartedServer(t *testing.T) {
	t.Parallel()
	s := Start(t, Options{})
	db := open(t, PgBouncer(t, s.NewDatabase(t))+"&default_query_exec_mode=exec")
	assert.Equal(t, 1, query[int](t, db, "SELECT 1"))
	require.NoError(t, s.Restart(Immediate))
	require.Eventually(t, func() bool {
		var n int
		return db.QueryRowContext(t.Context(), "SELECT 1").Scan(&n) == nil
	}, 10*time.Second, 50*time.Millisecond)
}

func TestProxyCutsRefusesAndComesBack(t *testing.T) {
	t.Parallel()
	p := NewProxy(t, Shared(t).NewDatabase(t))
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()

	db := open(t, p.URL)
	busy := make(chan error)
	started := make(chan struct{})
	go func() {
		conn, err := db.Conn(ctx)
		if err != nil {
			close(started)
			busy <- err
			return
		}
		defer conn.Close()
		_, err = conn.ExecContext(ctx, "SELECT 1")
		close(started)
		if err == nil {
			_, err = conn.ExecContext(ctx, "SELECT pg_sleep(3600)")
		}
		busy <- err
	}()
	<-started
	p.Cut()
	require.Error(t, <-busy, "what is under way ends with an error")
	require.NoError(t, ctx.Err(), "and does so at once")
	assert.Equal(t, 1, query[int](t, db, "SELECT 1"), "a new connection is taken")

	p.Refuse()
	require.Error(t, db.PingContext(ctx))
	require.Error(t, open(t, p.URL).PingContext(ctx))

	require.NoError(t, p.Accept())
	require.NoError(t, p.Accept(), "accepting twice")
	assert.Equal(t, 1, query[int](t, db, "SELECT 1"))
}

func TestProxyCutsTheServerSideToo(t *testing.T) {
	t.Parallel()
	s := Shared(t)
	p := NewProxy(t, s.NewDatabase(t))
	db := open(t, p.URL)
	pid := query[int](t, db, "SELECT pg_backend_pid()")
	p.Refuse()
	require.Eventually(t, func() bool {
		return query[int](t, s.admin, "SELECT count(*) FROM pg_stat_activity WHERE pid = $1", pid) == 0
	}, 10*time.Second, 20*time.Millisecond)
}

func TestSilentConnectionTellsNobody(t *testing.T) {
	t.Parallel()
	p := NewProxy(t, Shared(t).NewDatabase(t))
	db := open(t, p.URL)
	conn, err := db.Conn(t.Context())
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.PingContext(t.Context()))
	p.Silence()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err = conn.ExecContext(ctx, "SELECT 1")
	require.ErrorIs(t, err, context.DeadlineExceeded)
	assert.Equal(t, 1, query[int](t, db, "SELECT 1"), "a new connection is not concerned")
}

// fakeTB notes how a test was ended.
type fakeTB struct {
	testing.TB
	skipped, failed string
}

func (*fakeTB) Helper() {}

func (f *fakeTB) Skipf(format string, args ...any) {
	f.skipped = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

func (f *fakeTB) Fatalf(format string, args ...any) {
	f.failed = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

func TestMissingProgramsSkipOnALaptopAndFailInCI(t *testing.T) {
	require.Empty(t, find("no-such-program", "no-such-program", "/usr/lib/postgresql/*/bin"))
	const want = "this test needs the things: install them, on Debian with: apt-get install things"
	for ci, ended := range map[string]fakeTB{
		"":     {skipped: want},
		"true": {failed: want},
	} {
		t.Setenv("CI", ci)
		var tb fakeTB
		done := make(chan struct{})
		go func() {
			defer close(done)
			missing(&tb, "the things", "things")
		}()
		<-done
		assert.Equal(t, ended, tb, "CI=%q", ci)
	}
}

func TestNewestCompleteVersionIsFoundFirst(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, v := range []string{"9", "17", "100"} {
		require.NoError(t, os.MkdirAll(filepath.Join(dir, v, "bin"), 0o755))
		for _, program := range []string{"pgtest-a", "pgtest-b"} {
			require.NoError(t, os.WriteFile(filepath.Join(dir, v, "bin", program), nil, 0o755))
		}
	}
	require.NoError(t, os.Remove(filepath.Join(dir, "100", "bin", "pgtest-b")))
	assert.Equal(t, filepath.Join(dir, "17", "bin"), find("pgtest-a", "pgtest-b", filepath.Join(dir, "*", "bin")))
}

func TestAnotherAccountCanReachTheFolder(t *testing.T) {
	closed := filepath.Join(t.TempDir(), "closed")
	require.NoError(t, os.MkdirAll(filepath.Join(closed, "inner"), 0o700))
	t.Setenv("TMPDIR", filepath.Join(closed, "inner"))
	assert.Equal(t, filepath.Join(closed, "inner"), temporary(nil), "we can pass it ourselves")
	assert.Equal(t, "/tmp", temporary(&account{}))
	t.Setenv("TMPDIR", "/tmp")
	assert.Equal(t, "/tmp", temporary(&account{}))
}
