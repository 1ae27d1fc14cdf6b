// Package sqlite keeps licenses in a SQLite file, through the driver modernc.org/sqlite, which
// needs no C.
//
//	store, err := sqlite.Open(ctx, "licenses.db")
//	if err != nil {
//		return err
//	}
//	defer store.Close()
//
// The file has a write-ahead log, and every commit is on the disk before it is acknowledged
// (synchronous=FULL). One connection writes; at least four read, and wait for no writer.
// Several processes on one machine may share the file, which must not lie on a network file
// system.
//
// The log is a second file beside the first, with -wal after its name. It is part of
// the database: after a crash it holds licenses that the first file does not have yet, so never
// delete it, nor copy or move one without the other. Make a backup, at any time, with
//
//	sqlite3 licenses.db "VACUUM INTO 'backup.db'"
//
// It holds every key, and others can read it unless the umask says that they cannot.
//
// To keep licenses in a SQLite database with tables of your own, use sqlstore.New.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/privatepkgs/license/sqlstore"
)

// Options are the choices of [Options.Open]. The zero value is ready to use.
type Options struct {
	// Now is the clock; nil means [time.Now].
	Now func() time.Time
}

// Open opens, or makes, the file at path with the zero [Options].
func Open(ctx context.Context, path string) (*sqlstore.Store, error) {
	return Options{}.Open(ctx, path)
}

// Open opens the file at path as a store, makes it when it does not exist or is empty, and
// brings its schema up to date. The path is that of a file, whatever characters it has: no
// URI, and not ":memory:", for which there is package memstore. To close the store closes
// the file.
//
// A file that is no SQLite database, that holds the tables of another application, or
// that a newer version of this library has written is refused and stays as it is. A new file
// can be read by its owner only.
func (o Options) Open(ctx context.Context, path string) (*sqlstore.Store, error) {
	s, err := o.open(ctx, path)
	if err != nil {
		return nil, fmt.Errorf("sqlite: opening %q: %w", path, err)
	}
	return s, nil
}

// minReaders is how many connections read, at least.
const minReaders = 4

func (o Options) open(ctx context.Context, path string) (_ *sqlstore.Store, err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if path, err = absolute(path); err != nil {
		return nil, err
	}
	if err := inspect(ctx, path); err != nil {
		return nil, explain(err)
	}
	if err := create(path); err != nil {
		return nil, explain(err)
	}
	writer, readers, err := connectPools(path)
	if err != nil {
		return nil, err
	}
	s, err := sqlstore.New(writer, sqlstore.SQLite, sqlstore.Options{Now: o.Now, Readers: readers, CloseDB: true})
	if err != nil {
		return nil, errors.Join(err, readers.Close(), writer.Close())
	}
	if err = enableWAL(ctx, writer); err == nil {
		err = s.Migrate(ctx)
	}
	if err == nil {
		err = canWrite(ctx, writer)
	}
	if err != nil {
		return nil, errors.Join(explain(err), s.Close())
	}
	return s, nil
}

// absolute returns path in a form that stays right when the working directory changes.
func absolute(path string) (string, error) {
	switch {
	case path == "":
		return "", errors.New("a path is needed")
	case path == ":memory:":
		return "", errors.New("this package keeps licenses in files; to keep them in memory use package memstore")
	case strings.ContainsRune(path, 0):
		return "", errors.New("a path cannot hold NUL")
	}
	path, err := filepath.Abs(followed(path)) // in this order: .. behind a link leads elsewhere
	if err != nil {
		return "", err
	}
	if info, err := os.Lstat(path); err == nil && info.Mode()&os.ModeSymlink != 0 {
		return "", errors.New("it is a link that leads nowhere")
	}
	return path, nil
}

// followed returns the file that path leads to, beside which SQLite keeps the log. It may be one that is to
// be made yet.
func followed(path string) string {
	const maxLinks = 100 // in a circle there is no file, as SQLite will say
	for range maxLinks {
		if target, err := filepath.EvalSymlinks(path); err == nil {
			return target
		}
		dir, name := filepath.Split(path) // which leaves .. alone: behind a link it leads elsewhere
		dir, err := filepath.EvalSymlinks(dir)
		if err != nil {
			return path
		}
		path = filepath.Join(dir, name)
		target, err := os.Readlink(path)
		if err != nil {
			return path
		}
		if !filepath.IsAbs(target) {
			target = dir + string(filepath.Separator) + target
		}
		path = target
	}
	return path
}

// create makes the file, if there is none, so that only its owner can read it: SQLite would
// let everybody, and keys are secrets. It is made under another name, because to close a file
// drops every lock that the process holds on it, and another store may have it open.
func create(path string) error {
	if _, err := os.Lstat(path); err == nil {
		return nil
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".licenses-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	if err := f.Close(); err != nil {
		return err
	}
	// It may exist by now. Where the file system has no links, SQLite makes the file.
	_ = os.Link(f.Name(), path)
	return nil
}

// busyTimeout is how long SQLite waits for another process, in milliseconds.
const busyTimeout = "_pragma=busy_timeout(10000)"

// connectPools returns the one connection that writes and those that read.
//
// The writer's temp_store keeps the undo log of one statement in memory. In a batch it would grow
// into a temporary file, and writing that took a third of the time. (An index that a
// migration builds would be sorted in memory too: such a migration should set it back first.)
func connectPools(path string) (writer, readers *sql.DB, err error) {
	writer, err = connect(path, 1, "rwc", "_txlock=immediate", "_pragma=synchronous(full)", "_pragma=wal_autocheckpoint(10000)",
		"_pragma=temp_store(memory)")
	if err != nil {
		return nil, nil, err
	}
	readers, err = connect(path, max(minReaders, runtime.GOMAXPROCS(0)), "rw",
		"_pragma=query_only(1)", "_pragma=mmap_size(268435456)", "_pragma=cache_size(-16000)")
	if err != nil {
		return nil, nil, errors.Join(err, writer.Close())
	}
	return writer, readers, nil
}

// connect returns a pool of connections to the file, none of them open yet.
func connect(path string, size int, mode string, parameters ...string) (*sql.DB, error) {
	db, err := sql.Open("sqlite", dsn(path, mode, parameters...))
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(size)
	db.SetMaxIdleConns(size)
	return db, nil
}

// dsn returns the file: form of an absolute path (https://sqlite.org/uri.html): in the plain
// form the driver would take a question mark for the start of its parameters, and
// SQLite would not see mode.
func dsn(path, mode string, parameters ...string) string {
	path = filepath.ToSlash(path)
	if !strings.HasPrefix(path, "/") {
		path = "/" + path // a drive letter
	}
	u := url.URL{Scheme: "file", Path: path}
	return u.String() + "?mode=" + mode + "&" + busyTimeout + "&" + strings.Join(parameters, "&")
}

// canWrite reports that the file cannot be written. (BEGIN IMMEDIATE would not notice.)
func canWrite(ctx context.Context, writer *sql.DB) error {
	_, err := writer.ExecContext(ctx, `DELETE FROM pkg_license_migrations WHERE version < 0`)
	if hasCode(err, sqlite3.SQLITE_BUSY) {
		return nil // somebody else does
	}
	return err
}

// enableWAL switches the file to a write-ahead log, which it keeps. SQLite does not wait
// when several processes do so at once.
func enableWAL(ctx context.Context, writer *sql.DB) error {
	const patience, pause = 10 * time.Second, 10 * time.Millisecond
	for deadline := time.Now().Add(patience); ; {
		var mode string
		err := writer.QueryRowContext(ctx, `PRAGMA journal_mode = wal`).Scan(&mode)
		switch {
		case err == nil && mode == "wal":
			return nil
		case err == nil:
			return fmt.Errorf("SQLite cannot keep a write-ahead log here (journal mode %s): use a local file system", mode)
		case !hasCode(err, sqlite3.SQLITE_BUSY) || time.Now().After(deadline):
			return err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// inspect looks at a file that exists without changing it, and says why it must not be used.
func inspect(ctx context.Context, path string) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.IsDir():
		return errors.New("this is a directory")
	}
	// The last connection that may write copies the log into the file when it closes, so with
	// a log left over from a crash the look must be read-only. Without a log a read-only
	// look would leave an empty one behind.
	mode := "rw"
	if wal, err := os.Stat(path + "-wal"); err == nil && wal.Size() > 0 {
		mode = "ro"
	}
	db, err := connect(path, 1, mode, "_pragma=query_only(1)")
	if err != nil {
		return err
	}
	defer db.Close()
	s, err := sqlstore.New(db, sqlstore.SQLite, sqlstore.Options{})
	if err != nil {
		return err
	}
	// In this order: another process may be migrating an empty file right now, and its tables
	// appear together with their version.
	var used bool
	if err := db.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM sqlite_schema)`).Scan(&used); err != nil {
		return err
	}
	has, known, err := s.SchemaVersion(ctx)
	switch {
	case err != nil:
		return err
	case has > known:
		return fmt.Errorf("the file has schema %d and this version of the library knows %d: use a newer version of the library", has, known)
	case has == 0 && used:
		return errors.New("the file is the database of another application; to keep licenses in it, " +
			"open it yourself and use sqlstore.New and Migrate")
	default:
		return nil
	}
}

func hasCode(err error, primary int) bool {
	var e *sqlite.Error
	return errors.As(err, &e) && e.Code()&0xff == primary
}

// explain says what a person can do about an error.
func explain(err error) error {
	switch {
	case hasCode(err, sqlite3.SQLITE_NOTADB), hasCode(err, sqlite3.SQLITE_CORRUPT):
		return fmt.Errorf("the file is not a SQLite database, or is damaged; it was left as it is: %w", err)
	case hasCode(err, sqlite3.SQLITE_CANTOPEN), errors.Is(err, os.ErrNotExist), errors.Is(err, os.ErrPermission):
		return fmt.Errorf("the directory must exist, and this process must be allowed to write there: %w", err)
	case hasCode(err, sqlite3.SQLITE_READONLY), hasCode(err, sqlite3.SQLITE_PERM):
		return fmt.Errorf("this process must be allowed to write the file and its directory: %w", err)
	default:
		return err
	}
}
