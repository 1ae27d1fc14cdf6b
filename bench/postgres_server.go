package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/privatepkgs/license/internal/pgtest"
)

// errMissing is returned when a program that a row needs is not there.
var errMissing = errors.New("a program is missing")

// postgresServer is a PostgreSQL of our own, as durable as it is by default.
type postgresServer struct {
	host   host
	server *pgtest.Server
}

func (p *postgresServer) close() { p.host.end() }

// newDatabase makes an empty database.
func (b *bench) newDatabase() (url string, err error) {
	defer func() {
		if failed, ok := recover().(failure); ok {
			err = failed.error
		}
	}()
	if b.server == nil {
		s := new(postgresServer)
		s.server = pgtest.Start(&s.host, pgtest.Options{Settings: map[string]string{
			"shared_buffers": "1GB", "max_wal_size": "8GB", "checkpoint_timeout": "15min",
		}})
		b.server = s
	}
	return b.server.server.NewDatabase(&b.server.host), nil
}

// vacuum does what PostgreSQL would do by and by in the background, in the middle of a measurement.
func (b *bench) vacuum(url string) error {
	db, err := sql.Open("pgx", url)
	if err != nil {
		return err
	}
	_, err = db.ExecContext(nothing(), `VACUUM (ANALYZE)`)
	return errors.Join(err, db.Close())
}

// host lets package pgtest, which is for tests, start a server in a program that is none. Where a
// test would end, it panics with a failure.
type host struct {
	testing.TB // nil: what is not below is not used
	cleanups   []func()
}

type failure struct{ error }

func (h *host) Helper()                           {}
func (h *host) Context() context.Context          { return nothing() }
func (h *host) Cleanup(f func())                  { h.cleanups = append(h.cleanups, f) }
func (h *host) Fatal(args ...any)                 { panic(failure{errors.New(fmt.Sprint(args...))}) }
func (h *host) Fatalf(format string, args ...any) { panic(failure{fmt.Errorf(format, args...)}) }
func (h *host) Skipf(format string, args ...any) {
	panic(failure{fmt.Errorf("%w: %s", errMissing, fmt.Sprintf(format, args...))})
}

func (h *host) end() {
	for _, f := range slices.Backward(h.cleanups) {
		f()
	}
}
