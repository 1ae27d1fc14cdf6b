package sqlstore

import (
	"context"
	"database/sql/driver"
	"embed"
	"errors"
	"io/fs"
	"net"
)

// Dialect says which database a Store is on. The queries are the same; the schema, the
// meaning of a driver's errors and what may be tried again are the dialect's.
type Dialect string

// The dialects. The set is closed.
const (
	// SQLite needs version 3.44 or newer, for concat_ws, and a database whose encoding is UTF-8, as it is
	// unless somebody has changed it. Write transactions should begin
	// as BEGIN IMMEDIATE, with a busy timeout, in WAL mode with synchronous=FULL: package
	// sqlstore/sqlite sets all that.
	SQLite Dialect = "sqlite"

	// PostgreSQL needs version 12 or newer, a database whose encoding is UTF8, and a driver whose
	// errors have a method SQLState() string, as those of jackc/pgx and lib/pq have.
	// Package sqlstore/postgres opens one with pgx.
	PostgreSQL Dialect = "postgres"
)

//go:embed migrations
var migrationFiles embed.FS

// Migrations returns the migrations of the dialect, numbered SQL files in the order in which
// they are to be applied, for those who run migrations with a tool of their own instead of
// [Store.Migrate]. Each is one transaction. It returns nil for a dialect that is none.
func (d Dialect) Migrations() fs.FS {
	if d.traits() == nil {
		return nil
	}
	files, err := fs.Sub(migrationFiles, "migrations/"+string(d))
	if err != nil {
		return nil
	}
	return files
}

// traits are what a dialect is made of.
type traits struct {
	texts *texts

	// prepare says that a statement is prepared once for each connection and kept. A
	// proxy that shares connections between transactions cannot have that.
	prepare bool

	// interruptRollsBack says that a write which is cut takes the whole transaction with it,
	// so that in the embedder's transaction none may be cut.
	interruptRollsBack bool

	// inProcess says that a statement is a function call, which in a write transaction waits for
	// nobody. So it can do without a context that can be cancelled, for which the
	// driver starts a goroutine.
	inProcess bool

	// beginMigration are the statements that begin the transaction of a migration. On two that
	// run at once the database makes one wait for the other, or fail.
	beginMigration []string

	// hasMigrations is a query for whether the table pkg_license_migrations exists.
	hasMigrations string

	// classify says by its code what a driver's error means. The function, unless nil,
	// reads the code.
	classify func(error, func(error) int) errorClass

	// insertBatch, unless empty, inserts many rows whose columns are arrays, and returns the
	// ids of those that stood in nobody's way. getBatch then reads the licenses that have one
	// of the ids or one of the keys.
	insertBatch, getBatch string
}

func (d Dialect) traits() *traits {
	switch d {
	case SQLite:
		return &sqliteTraits
	case PostgreSQL:
		return &postgresTraits
	default:
		return nil
	}
}

// errorClass is what a driver's error means to a Store.
type errorClass int

const (
	classOther       errorClass = iota
	classUnique                 // a unique index has the value already
	classUnavailable            // the database cannot answer now
	classRetry                  // as classUnavailable, and the transaction may be tried again at once
)

// classifyCommon knows the errors that do not come from a database but from the way to it.
func classifyCommon(err error) errorClass {
	if errors.Is(err, driver.ErrBadConn) {
		return classUnavailable
	}
	// The error of a context is a net.Error too.
	if network := net.Error(nil); errors.As(err, &network) && !errors.Is(err, context.DeadlineExceeded) {
		return classUnavailable
	}
	return classOther
}
