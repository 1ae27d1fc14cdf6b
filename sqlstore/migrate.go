package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"
)

// Migrate brings the schema up to what this version of the library needs, all of it or, on
// an error, nothing; where the error is of its context or its connection, it may have been done all the
// same, and to call Migrate again is right in any case. Many instances may call it at once: one does the work, the others
// wait for it. A schema that is newer than the library is refused and left alone.
func (s *Store) Migrate(ctx context.Context) error {
	if err := s.ready(ctx); err != nil {
		return s.failed(ctx, opMigrate, err)
	}
	if err := s.migrate(ctx); err != nil {
		return s.failed(ctx, opMigrate, err)
	}
	return nil
}

// SchemaVersion returns the number of the newest migration that the database has, 0 when it
// has none, and of the newest that this version of the library knows. A Store must not be
// used on a database that has more than is known; with less, call [Store.Migrate].
func (s *Store) SchemaVersion(ctx context.Context) (has, known int, err error) {
	if err := s.ready(ctx); err != nil {
		return 0, 0, s.failed(ctx, opSchemaVersion, err)
	}
	migrations, err := readMigrations(s.dialect.Migrations())
	if err == nil {
		has, err = s.schemaVersion(ctx, s.db)
	}
	if err != nil {
		return 0, 0, s.failed(ctx, opSchemaVersion, err)
	}
	return has, len(migrations), nil
}

type rowQuerier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

func (s *Store) schemaVersion(ctx context.Context, on rowQuerier) (int, error) {
	var exists bool
	if err := on.QueryRowContext(ctx, s.traits.hasMigrations).Scan(&exists); err != nil || !exists {
		return 0, err
	}
	var version int
	err := on.QueryRowContext(ctx, `SELECT COALESCE(MAX(version), 0) FROM pkg_license_migrations`).Scan(&version)
	return version, err
}

// migrate looks without a lock first, because nearly always there is nothing to do. Whoever fails
// looks again: somebody else may have been faster.
func (s *Store) migrate(ctx context.Context) error {
	migrations, err := readMigrations(s.dialect.Migrations())
	if err != nil {
		return err
	}
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	todo, err := s.pending(ctx, conn, migrations)
	backoff := newBackoff()
	for err == nil && len(todo) > 0 {
		errApply := s.apply(ctx, conn, migrations)
		if errApply == nil {
			return nil
		}
		left, errLook := s.pending(ctx, conn, migrations)
		switch {
		case errLook != nil:
			return errors.Join(errApply, errLook)
		case len(left) < len(todo):
		case s.classify(errApply) != classRetry || !backoff.wait(ctx):
			return errApply
		}
		todo = left
	}
	return err
}

// apply applies what is missing in one transaction.
func (s *Store) apply(ctx context.Context, conn *sql.Conn, migrations []migration) (err error) {
	defer func() {
		if err != nil {
			rollback(ctx, conn)
		}
	}()
	for _, text := range s.traits.beginMigration {
		if _, err := conn.ExecContext(ctx, text); err != nil {
			return err
		}
	}
	todo, err := s.pending(ctx, conn, migrations)
	if err != nil {
		return err
	}
	for _, m := range todo {
		if _, err := conn.ExecContext(ctx, m.text); err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
	}
	_, err = conn.ExecContext(ctx, `COMMIT`)
	return err
}

// pending returns the migrations that the database does not have.
func (s *Store) pending(ctx context.Context, conn *sql.Conn, migrations []migration) ([]migration, error) {
	has, err := s.schemaVersion(ctx, conn)
	if err != nil {
		return nil, err
	}
	if has > len(migrations) {
		return nil, fmt.Errorf("the database has schema %d and this version of the library knows %d: use a newer version of the library",
			has, len(migrations))
	}
	return migrations[has:], nil
}

// rollback ends a transaction on conn, or the connection.
func rollback(ctx context.Context, conn *sql.Conn) {
	if _, err := conn.ExecContext(context.WithoutCancel(ctx), `ROLLBACK`); err != nil {
		conn.Raw(func(any) error { return driver.ErrBadConn })
	}
}

type migration struct {
	name, text string
}

// readMigrations reads the files 0001_what.sql, 0002_what.sql and so on, without a gap.
func readMigrations(files fs.FS) ([]migration, error) {
	names, err := fs.Glob(files, "*.sql") // sorted
	if err != nil {
		return nil, err
	}
	var migrations []migration
	for i, name := range names {
		number, _, _ := strings.Cut(path.Base(name), "_")
		if n, err := strconv.Atoi(number); err != nil || n != i+1 {
			return nil, fmt.Errorf("migration %s should have number %d", name, i+1)
		}
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, err
		}
		migrations = append(migrations, migration{name, string(text)})
	}
	return migrations, nil
}
