package pgtest

import (
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
)

// PgBouncer starts a PgBouncer in transaction mode in front of a database and returns
// the URL of the same database through it. It ends with the test.
//
// All is as PgBouncer has it by default, but that it tries to reach a server again after
// one second rather than fifteen, so that a restart of the server can be tested.
func PgBouncer(tb testing.TB, databaseURL string) string {
	tb.Helper()
	dir := find("pgbouncer", "pgbouncer", "/usr/sbin", "/usr/local/sbin", "/opt/homebrew/bin")
	if dir == "" {
		missing(tb, "the PgBouncer programs", "pgbouncer")
	}
	through, f, err := startPgBouncer(filepath.Join(dir, "pgbouncer"), databaseURL)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(f)
	return through
}

func startPgBouncer(program, databaseURL string) (through string, stop func(), err error) {
	server, err := url.Parse(databaseURL)
	if err != nil {
		return "", nil, fmt.Errorf("pgtest: %w", err)
	}
	f, err := newFolder()
	if err != nil {
		return "", nil, err
	}
	defer func() {
		if err != nil {
			f.remove()
		}
	}()
	password, _ := server.User.Password()
	users, err := f.write("users", fmt.Sprintf("%q %q\n", server.User.Username(), password))
	if err != nil {
		return "", nil, err
	}
	port, err := freePort()
	if err != nil {
		return "", nil, err
	}
	config, err := f.write("pgbouncer.ini", fmt.Sprintf(`[databases]
* = host=%s port=%s
[pgbouncer]
pool_mode = transaction
listen_addr = 127.0.0.1
listen_port = %d
unix_socket_dir =
auth_type = scram-sha-256
auth_file = %s
max_client_conn = 500
server_login_retry = 1
`, server.Hostname(), server.Port(), port, users))
	if err != nil {
		return "", nil, err
	}
	p, err := f.start(program, config)
	if err != nil {
		return "", nil, err
	}
	through = via(*server, net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err = p.await(through); err != nil {
		return "", nil, err
	}
	return through, func() {
		_ = p.end(syscall.SIGQUIT) // at once
		f.remove()
	}, nil
}

// via returns the URL of a database with another host and port.
func via(database url.URL, address string) string {
	database.Host = address
	return database.String()
}
