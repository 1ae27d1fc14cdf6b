// Package pgtest starts a private PostgreSQL for a test, from the server programs that
// the machine has installed, so that a test may fill it, stop it and kill it.
//
//	url := pgtest.Shared(t).NewDatabase(t) // a test that needs a database
//	url := pool.Lend(t)                    // a hundred tests that need one, see Pool
//
//	server := pgtest.Start(t, pgtest.Options{}) // a test of what survives
//	url := server.NewDatabase(t)
//	proxy := pgtest.NewProxy(t, url) // proxy.URL leads through it
//	pooled := pgtest.PgBouncer(t, url)
//
// A server keeps its data in a temporary folder and listens on loopback only, with a
// random password. It and its folder go when the test ends, and also when the test
// process panics or is killed. Where the programs are missing the test is skipped, but
// fails when the environment has CI=true.
//
// It is for tests alone: it links a driver and knows nothing of the stores.
package pgtest

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
)

// Options are the choices of [Start]. The zero value leaves PostgreSQL as it is
// installed, which is durable.
type Options struct {
	// Settings are server parameters, for instance "shared_buffers": "512MB".
	Settings map[string]string
}

// A Server is a running PostgreSQL. Its methods may be called from any goroutine.
type Server struct {
	folder   *folder
	programs string // the folder of initdb and postgres
	port     int
	password string
	settings map[string]string
	shared   bool

	admin *sql.DB

	mu      sync.Mutex
	process *process // nil while stopped
}

// Two roles: superuser makes and drops databases; owner, an ordinary role as in
// production, owns them and is whom the URLs name.
const (
	superuser = "postgres"
	owner     = "app"
)

// fast is for tests that do not care what survives a crash: several times quicker, and
// all is lost with the machine.
var fast = map[string]string{"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}

var shared struct {
	sync.Mutex
	server *Server
}

// Shared returns the one server of this test binary, started by the first call. It is
// quick and not durable, it cannot be stopped, and it ends with the process.
func Shared(tb testing.TB) *Server {
	tb.Helper()
	shared.Lock()
	defer shared.Unlock()
	if shared.server == nil {
		s, err := start(programs(tb), Options{Settings: fast})
		if err != nil {
			tb.Fatal(err)
		}
		s.shared = true
		shared.server = s
	}
	return shared.server
}

// Start returns a server of the test's own, with the durability that PostgreSQL has by
// default. It is stopped and removed when the test ends.
func Start(tb testing.TB, o Options) *Server {
	tb.Helper()
	s, err := start(programs(tb), o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(s.remove)
	return s
}

func start(programs string, o Options) (_ *Server, err error) {
	s := &Server{
		programs: programs,
		password: rand.Text(),
		settings: map[string]string{
			"listen_addresses":        "127.0.0.1",
			"unix_socket_directories": "",
			"max_connections":         "200",
		},
	}
	for name, value := range o.Settings {
		s.settings[name] = value
	}
	if s.folder, err = newFolder(); err != nil {
		return nil, err
	}
	if err = s.create(); err != nil {
		s.remove()
		return nil, err
	}
	return s, nil
}

// create makes the data folder, starts the server for the first time and makes the role.
func (s *Server) create() error {
	passwordFile, err := s.folder.write("password", s.password)
	if err != nil {
		return err
	}
	// --no-sync: the empty cluster need not survive the machine, what is written later does.
	err = s.folder.run(filepath.Join(s.programs, "initdb"), "-D", s.data(), "--username", superuser,
		"--auth", "scram-sha-256", "--pwfile", passwordFile, "--encoding", "UTF8", "--no-locale", "--no-sync")
	if err != nil {
		return err
	}
	for range 3 { // somebody may take the port first
		if s.port, err = freePort(); err != nil {
			return err
		}
		if err = s.launch(); err == nil || !errors.Is(err, errEnded) {
			break
		}
	}
	if err != nil {
		return err
	}
	if s.admin, err = sql.Open("pgx", s.url(superuser, "postgres")); err != nil {
		return err
	}
	_, err = s.admin.Exec(fmt.Sprintf("CREATE ROLE %s LOGIN PASSWORD '%s'", owner, s.password))
	return err
}

// NewDatabase makes an empty database and returns its URL. The database is dropped, with
// whatever connections it has, when the test ends.
func (s *Server) NewDatabase(tb testing.TB) string {
	tb.Helper()
	return s.NewDatabaseWith(tb, "")
}

// NewDatabaseWith is [Server.NewDatabase] with options of CREATE DATABASE.
func (s *Server) NewDatabaseWith(tb testing.TB, options string) string {
	tb.Helper()
	name := s.createDatabase(tb, options)
	tb.Cleanup(func() {
		// The server may be down by now, or gone: its databases go with it.
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_, _ = s.admin.ExecContext(ctx, "DROP DATABASE "+name+" WITH (FORCE)")
	})
	return s.url(owner, name)
}

func (s *Server) createDatabase(tb testing.TB, options string) (name string) {
	tb.Helper()
	name = "test_" + strings.ToLower(rand.Text())
	if _, err := s.admin.ExecContext(tb.Context(), "CREATE DATABASE "+name+" OWNER "+owner+" "+options); err != nil {
		tb.Fatalf("pgtest: %v", err)
	}
	return name
}

// A Shutdown is a way for a server to end.
type Shutdown int

const (
	// Fast rolls back what is under way and writes everything down.
	Fast Shutdown = iota
	// Immediate leaves at once, without a word to anybody; the next start recovers.
	Immediate
	// Kill is SIGKILL to all of its processes.
	Kill
)

// Stop ends the server and waits until it is gone. Connections to it break; its port and
// data stay for [Server.Resume]. Stopping a stopped server does nothing.
func (s *Server) Stop(how Shutdown) error {
	if s.shared {
		return errors.New("pgtest: other tests use the shared server: stop one of your own, see Start")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stop(how)
}

// Resume starts a stopped server again, on the same port with the same data, and returns
// when it answers. Resuming a running server does nothing.
func (s *Server) Resume() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.process != nil {
		return nil
	}
	// After Kill the server refuses to start until the system has buried the last of its
	// old processes.
	for deadline := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		if err := s.launch(); !errors.Is(err, errEnded) || time.Now().After(deadline) {
			return err
		}
	}
}

// Restart is [Server.Stop] and [Server.Resume].
func (s *Server) Restart(how Shutdown) error {
	if err := s.Stop(how); err != nil {
		return err
	}
	return s.Resume()
}

func (s *Server) stop(how Shutdown) error {
	if s.process == nil {
		return nil
	}
	var err error
	switch how {
	case Kill:
		err = s.process.kill()
	case Immediate:
		err = s.process.end(syscall.SIGQUIT)
	default:
		err = s.process.end(syscall.SIGINT)
	}
	if err == nil {
		s.process = nil
	}
	return err
}

// launch starts the server and waits until it answers. The error wraps errEnded when the
// server gave up by itself.
func (s *Server) launch() error {
	args := []string{"-D", s.data(), "-p", strconv.Itoa(s.port)}
	for name, value := range s.settings {
		args = append(args, "-c", name+"="+value)
	}
	p, err := s.folder.start(filepath.Join(s.programs, "postgres"), args...)
	if err != nil {
		return err
	}
	if err := p.await(s.url(superuser, "postgres")); err != nil {
		return err
	}
	s.process = p
	return nil
}

func (s *Server) remove() {
	if s.admin != nil {
		_ = s.admin.Close()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	_ = s.stop(Immediate)
	s.folder.remove()
}

func (s *Server) data() string { return filepath.Join(s.folder.path, "data") }

func (s *Server) url(user, database string) string {
	u := url.URL{
		Scheme:   "postgres",
		User:     url.UserPassword(user, s.password),
		Host:     net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)),
		Path:     "/" + database,
		RawQuery: "sslmode=disable",
	}
	return u.String()
}

// programs finds the folder of the server programs, or ends the test: on Debian they are
// not in PATH, and there may be several versions.
func programs(tb testing.TB) string {
	tb.Helper()
	dir := findPrograms()
	if dir == "" {
		missing(tb, "the PostgreSQL server programs (initdb and postgres)", "postgresql")
	}
	return dir
}

func findPrograms() string {
	return find("initdb", "postgres",
		"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/usr/local/pgsql/bin",
		"/opt/homebrew/opt/postgresql@*/bin", "/usr/local/opt/postgresql@*/bin")
}

// Installed reports whether a server can be started, for a test that has something to do without one
// too. In CI it is true: there a test without the programs fails.
func Installed() bool { return inCI() || findPrograms() != "" }

func inCI() bool { return os.Getenv("CI") == "true" }

// missing ends a test for want of a program.
func missing(tb testing.TB, what, debianPackage string) {
	tb.Helper()
	const text = "this test needs %s: install them, on Debian with: apt-get install %s"
	if inCI() {
		tb.Fatalf(text, what, debianPackage)
	}
	tb.Skipf(text, what, debianPackage)
}
