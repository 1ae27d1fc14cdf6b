// Package postgres keeps licenses in PostgreSQL, through the driver jackc/pgx, for any number of
// instances on one database.
//
//	store, err := postgres.Open(ctx, "postgres://app:secret@db.example.com:5432/shop")
//	if err != nil {
//		return err
//	}
//	defer store.Close()
//
// It works behind PgBouncer and its like, also in transaction mode. Give the URL of the proxy to
// [Open], and to [Listen] one that leads to the server itself.
//
// In a service that uses pgx already, [InTx] makes an order and its license in one transaction of pgx's
// own; with database/sql, use sqlstore.New and its InTx.
//
// # What the server should be told
//
// A connection whose other end is gone holds what it has locked until the server notices. Let it:
//
//	ALTER ROLE app SET idle_in_transaction_session_timeout = '10s';
//	ALTER ROLE app SET tcp_keepalives_idle = 15;
//
// Leave synchronous_commit as it is: without it the server acknowledges what a crash still loses.
package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/privatepkgs/license/sqlstore"
)

// DefaultMaxConns is the size of the pool where [Options] has none. PostgreSQL takes 100
// connections unless it is told otherwise.
const DefaultMaxConns = 10

// Options are the choices of [Options.Open]. The zero value is ready to use.
type Options struct {
	// Now is the clock; nil means [time.Now].
	Now func() time.Time

	// MaxConns is the most connections that this store has open at once; 0 means
	// [DefaultMaxConns]. A call that finds all of them busy waits.
	MaxConns int

	// Notify makes Open see to it that every change of a license, whoever makes it and with
	// whatever program, is told to whoever listens: see [Listen]. It adds triggers to the
	// schema, which stay until they are dropped:
	//
	//	DROP FUNCTION pkg_license_notify CASCADE;
	//
	// Transactions that notify commit one after another, in the whole server, so that with
	// it fewer licenses can be written a second. Distributed databases that speak PostgreSQL
	// mostly do not have it, and Open then fails.
	Notify bool
}

// Open opens a database with the zero [Options].
func Open(ctx context.Context, url string) (*sqlstore.Store, error) {
	return Options{}.Open(ctx, url)
}

// Open opens a database as a store and brings its schema up to date. To close the store closes
// its connections.
//
// The URL is that of libpq, postgres://user:password@host:port/database?option=value, with its
// options sslmode, connect_timeout, target_session_attrs, search_path and so on, and
// several hosts if need be; what it leaves out comes from the environment variables and
// files of libpq, such as PGPASSWORD and ~/.pgpass. No error shows the password.
//
// Unless the URL says something else, pgx's default_query_exec_mode is cache_statement where a
// connection leads to the server itself, and exec where a pooler such as PgBouncer stands between,
// which in transaction mode breaks cache_statement. A pooler is known by the process id that it
// tells, which is not the server's; if yours passes that on, put default_query_exec_mode=exec into the URL.
//
// A server that does not answer, a database whose encoding is not UTF8, and one that a newer
// version of this library has written are errors; the latter two stay as they are.
func (o Options) Open(ctx context.Context, url string) (*sqlstore.Store, error) {
	s, err := o.open(ctx, url)
	if err != nil {
		return nil, fmt.Errorf("postgres: opening the database: %w", err)
	}
	return s, nil
}

func (o Options) open(ctx context.Context, url string) (*sqlstore.Store, error) {
	if o.MaxConns < 0 {
		return nil, errors.New("Options.MaxConns must not be negative")
	}
	if o.MaxConns == 0 {
		o.MaxConns = DefaultMaxConns
	}
	config, modeGiven, err := parse(url)
	if err != nil {
		return nil, err
	}
	var db *sql.DB
	if modeGiven {
		db = stdlib.OpenDB(*config)
	} else {
		db = openDB(config)
	}
	db.SetMaxOpenConns(o.MaxConns)
	db.SetMaxIdleConns(o.MaxConns)
	db.SetConnMaxIdleTime(5 * time.Minute)
	db.SetConnMaxLifetime(time.Hour) // so that a proxy or a name that leads elsewhere is followed
	s, err := sqlstore.New(db, sqlstore.PostgreSQL, sqlstore.Options{Now: o.Now, CloseDB: true})
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	if err := o.prepare(ctx, db, s); err != nil {
		return nil, errors.Join(explain(err), s.Close())
	}
	return s, nil
}

// prepare makes the database ready for the store.
func (o Options) prepare(ctx context.Context, db *sql.DB, s *sqlstore.Store) error {
	var encoding string
	if err := db.QueryRowContext(ctx, `SHOW server_encoding`).Scan(&encoding); err != nil {
		return err
	}
	if encoding != "UTF8" {
		return fmt.Errorf("its encoding is %s and must be UTF8: make it with CREATE DATABASE ... ENCODING 'UTF8' TEMPLATE template0", encoding)
	}
	if err := s.Migrate(ctx); err != nil {
		return err
	}
	if o.Notify {
		return addTriggers(ctx, db)
	}
	return nil
}

// connectTimeout bounds an attempt to connect, where the URL does not.
const connectTimeout = 5 * time.Second

var errURL = errors.New("the URL must have the form postgres://user:password@host:5432/database, " +
	"in which / ? # @ : and % in a user or password are written %2F %3F %23 %40 %3A and %25")

// parse returns the configuration of a connection, and whether the URL says how statements are to be
// sent; if not, they are sent in the way that works everywhere. The parsers' own errors quote what
// they do not understand, which may be a part of the password.
func parse(text string) (config *pgx.ConnConfig, modeGiven bool, err error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" || u.Fragment != "" {
		return nil, false, errURL
	}
	if strings.Contains(text, "@") && u.User == nil {
		return nil, false, errURL // the password has a / or ? in it, and was taken for a host
	}
	// pgconn leaves the settings of pgx among the parameters, so that it shows which are given.
	given, err := pgconn.ParseConfig(text)
	if err != nil {
		return nil, false, errors.New("an option of the URL, or of the environment variables and files of libpq, has a bad value, or names a file that cannot be read")
	}
	if config, err = pgx.ParseConfig(text); err != nil {
		return nil, false, errors.New("an option of the URL has a bad value")
	}
	modeGiven = given.RuntimeParams["default_query_exec_mode"] != ""
	if !modeGiven {
		config.DefaultQueryExecMode = pgx.QueryExecModeExec
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = connectTimeout
	}
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = "license"
	}
	dialer := net.Dialer{KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 5 * time.Second, Count: 3}}
	config.DialFunc = dialer.DialContext
	if fits := config.ValidateConnect; fits != nil {
		config.ValidateConnect = func(ctx context.Context, conn *pgconn.PgConn) error { return unfit(fits(ctx, conn)) }
	}
	return config, modeGiven, nil
}

// unfit returns what target_session_attrs has against a server, say that it is a standby yet, as an error that says
// that nothing was sent there. What prefer-standby has against a primary stays as it is, since pgx looks for it.
func unfit(err error) error {
	if _, ok := err.(*pgconn.NotPreferredError); ok || err == nil {
		return err
	}
	return unfitError{err}
}

type unfitError struct{ error }

func (e unfitError) Unwrap() error { return e.error }

// SafeToRetry is asked by package sqlstore.
func (unfitError) SafeToRetry() bool { return true }

// explain says what a person can do about an error.
func explain(err error) error {
	var server *pgconn.PgError
	if errors.As(err, &server) {
		switch server.Code {
		case "3D000":
			return fmt.Errorf("make the database first, with CREATE DATABASE: %w", err)
		case "28P01", "28000":
			return fmt.Errorf("the server does not let this user in: %w", err)
		case "42501", "3F000":
			return fmt.Errorf("the user must be allowed to make tables in the first schema of its search_path: %w", err)
		}
		return err
	}
	var connect *pgconn.ConnectError
	if errors.As(err, &connect) {
		return fmt.Errorf("the server cannot be reached: %w", err)
	}
	return err
}
