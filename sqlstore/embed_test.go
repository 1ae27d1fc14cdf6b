package sqlstore_test

import (
	"context"
	"database/sql"
	"io/fs"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/privatepkgs/license"
	"github.com/privatepkgs/license/sqlstore"
)

func count(t *testing.T, db *sql.DB, table string) int {
	t.Helper()
	var n int
	require.NoError(t, db.QueryRowContext(context.Background(), "SELECT count(*) FROM "+table).Scan(&n))
	return n
}

func TestOrderAndLicenseCommitTogether(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		end    func(*sql.Tx) error
		stored int
	}{
		{"Commit", (*sql.Tx).Commit, 1},
		{"Rollback", (*sql.Tx).Rollback, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			ctx := t.Context()
			db := openDB(t, 1)
			s := newStore(t, db, sqlstore.Options{})
			_, err := db.ExecContext(ctx, `CREATE TABLE orders (n INTEGER PRIMARY KEY)`)
			require.NoError(t, err)

			tx, err := db.BeginTx(ctx, nil)
			require.NoError(t, err)
			_, err = tx.ExecContext(ctx, `INSERT INTO orders VALUES (1)`)
			require.NoError(t, err)
			l := newLicense("")
			require.NoError(t, s.InTx(tx).Create(ctx, l))
			require.NoError(t, test.end(tx))

			require.Equal(t, test.stored, count(t, db, "orders"))
			require.Equal(t, test.stored, count(t, db, "pkg_licenses"))
			_, err = s.Get(ctx, l.ID)
			if test.stored == 0 {
				require.ErrorIs(t, err, license.ErrNotFound)
			} else {
				require.NoError(t, err)
			}
		})
	}
}

// What a store has prepared belongs to its own database; a shop has opened the file for itself.
func TestTransactionMayBeOfAnotherPoolOfTheSameFile(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	path := filepath.Join(t.TempDir(), "shop.db")
	pool := func() *sql.DB {
		db, err := sql.Open("sqlite", "file:"+path+dsnParameters)
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, db.Close()) })
		return db
	}
	shop, s := pool(), newStore(t, pool(), sqlstore.Options{})
	for i := range 3 {
		own, bought := newLicense(""), newLicense("")
		require.NoError(t, s.Create(ctx, own)) // everything is prepared
		require.NoError(t, s.Update(ctx, own))
		tx, err := shop.BeginTx(ctx, nil)
		require.NoError(t, err)
		in := s.InTx(tx)
		require.NoError(t, in.Create(ctx, bought))
		require.NoError(t, in.Update(ctx, bought))
		_, err = in.GetByKey(ctx, bought.Key)
		require.NoError(t, err)
		page, err := in.List(ctx, license.Query{})
		require.NoError(t, err)
		require.Len(t, page.Licenses, i+2)
		require.NoError(t, in.Delete(ctx, own.ID, 0))
		require.NoError(t, tx.Commit())
	}
	require.Equal(t, 3, count(t, shop, "pkg_licenses"))
}

func TestFailedCallLeavesTransactionUsable(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	db := openDB(t, 1)
	s := newStore(t, db, sqlstore.Options{})
	tx, err := db.BeginTx(ctx, nil)
	require.NoError(t, err)
	in := s.InTx(tx)
	first, second := newLicense("A"), newLicense("B")
	require.NoError(t, in.Create(ctx, first))
	require.NoError(t, in.Create(ctx, second))

	require.ErrorIs(t, in.Create(ctx, newLicense("A", "other")), license.ErrKeyExists)
	taken := second.Clone()
	taken.Key, taken.Packages = "A", []string{"other"}
	require.ErrorIs(t, in.Update(ctx, taken), license.ErrKeyExists)
	require.ErrorIs(t, in.Delete(ctx, first.ID, 7), license.ErrRevisionMismatch)
	require.ErrorIs(t, in.Delete(ctx, uuid.New(), 0), license.ErrNotFound)
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	require.ErrorIs(t, in.Delete(cancelled, first.ID, 0), context.Canceled)

	second.Name = "still possible"
	require.NoError(t, in.Update(ctx, second))
	require.NoError(t, tx.Commit())
	page, err := s.List(ctx, license.Query{})
	require.NoError(t, err)
	require.Len(t, page.Licenses, 2)
	require.Equal(t, 2, count(t, db, "pkg_license_packages"))
	got, err := s.GetByKey(ctx, "B")
	require.NoError(t, err)
	require.Equal(t, "still possible", got.Name)
}

func TestCallHonoursContextWhileTheOnlyConnectionIsTaken(t *testing.T) {
	t.Parallel()
	db := openDB(t, 1)
	s := newStore(t, db, sqlstore.Options{})
	l := newLicense("A")
	require.NoError(t, s.Create(t.Context(), l))
	taken, err := db.Conn(t.Context())
	require.NoError(t, err)
	soon := func() context.Context {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		t.Cleanup(cancel)
		return ctx
	}
	_, err = s.Get(soon(), l.ID)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	_, err = s.List(soon(), license.Query{})
	require.ErrorIs(t, err, context.DeadlineExceeded)
	err = s.Create(soon(), newLicense("B"))
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.NotErrorIs(t, err, license.ErrUnknownOutcome)

	require.NoError(t, taken.Close())
	_, err = s.Get(t.Context(), l.ID)
	require.NoError(t, err)
}

func TestNewTouchesNothing(t *testing.T) {
	t.Parallel()
	db := openDB(t, 1)
	s, err := sqlstore.New(db, sqlstore.SQLite, sqlstore.Options{})
	require.NoError(t, err)
	require.Equal(t, 0, count(t, db, "sqlite_schema"))
	has, known, err := s.SchemaVersion(t.Context())
	require.NoError(t, err)
	require.Zero(t, has)
	require.Equal(t, 1, known)
	_, err = s.Get(t.Context(), uuid.New())
	require.Error(t, err)
	require.NotErrorIs(t, err, license.ErrNotFound)

	require.NoError(t, s.Migrate(t.Context()))
	require.NoError(t, s.Migrate(t.Context()))
	has, _, err = s.SchemaVersion(t.Context())
	require.NoError(t, err)
	require.Equal(t, known, has)
	require.NoError(t, s.Create(t.Context(), newLicense("")))
}

func TestNewRefusesWhatItCannotUse(t *testing.T) {
	t.Parallel()
	_, err := sqlstore.New(openDB(t, 1), "oracle", sqlstore.Options{})
	require.ErrorContains(t, err, "oracle")
	_, err = sqlstore.New(openDB(t, 1), "", sqlstore.Options{})
	require.Error(t, err)
	_, err = sqlstore.New(nil, sqlstore.SQLite, sqlstore.Options{})
	require.Error(t, err)
	require.Nil(t, sqlstore.Dialect("../sqlite").Migrations())
}

func TestMigrationsCanBeAppliedByAnotherTool(t *testing.T) {
	t.Parallel()
	db := openDB(t, 1)
	files, err := fs.Glob(sqlstore.SQLite.Migrations(), "*.sql")
	require.NoError(t, err)
	for _, name := range files {
		text, err := fs.ReadFile(sqlstore.SQLite.Migrations(), name)
		require.NoError(t, err)
		_, err = db.ExecContext(t.Context(), string(text))
		require.NoError(t, err)
	}
	s := newStore(t, db, sqlstore.Options{}) // Migrate finds nothing to do
	require.NoError(t, s.Create(t.Context(), newLicense("")))
}

func TestMigrateRefusesNewerSchema(t *testing.T) {
	t.Parallel()
	db := openDB(t, 1)
	s := newStore(t, db, sqlstore.Options{})
	_, err := db.ExecContext(t.Context(), `INSERT INTO pkg_license_migrations VALUES (2)`)
	require.NoError(t, err)
	require.ErrorContains(t, s.Migrate(t.Context()), "newer version of the library")
}

// A table of the embedder's own that has the name of one of ours.
func TestFailedMigrationLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	db := openDB(t, 1)
	_, err := db.ExecContext(t.Context(), `CREATE TABLE pkg_license_packages (mine INTEGER)`)
	require.NoError(t, err)
	s, err := sqlstore.New(db, sqlstore.SQLite, sqlstore.Options{})
	require.NoError(t, err)
	require.ErrorContains(t, s.Migrate(t.Context()), "0001_licenses.sql")
	require.Equal(t, 1, count(t, db, "sqlite_schema"))
	_, err = db.ExecContext(t.Context(), `DROP TABLE pkg_license_packages`)
	require.NoError(t, err)
	require.NoError(t, s.Migrate(t.Context()))
}

func TestClosedStoreIsUnavailable(t *testing.T) {
	t.Parallel()
	db := openDB(t, 1)
	s := newStore(t, db, sqlstore.Options{})
	l := newLicense("A")
	require.NoError(t, s.Create(t.Context(), l))
	require.NoError(t, s.Close())
	require.NoError(t, s.Close())

	calls := map[string]func() error{
		"Create":   func() error { return s.Create(t.Context(), newLicense("")) },
		"Get":      func() error { _, err := s.Get(t.Context(), l.ID); return err },
		"GetByKey": func() error { _, err := s.GetByKey(t.Context(), "A"); return err },
		"List":     func() error { _, err := s.List(t.Context(), license.Query{}); return err },
		"Update":   func() error { return s.Update(t.Context(), l) },
		"Delete":   func() error { return s.Delete(t.Context(), l.ID, 0) },
		"Migrate":  func() error { return s.Migrate(t.Context()) },
	}
	for name, call := range calls {
		assert.ErrorIs(t, call(), license.ErrUnavailable, name)
	}
	require.Equal(t, 1, count(t, db, "pkg_licenses"), "the embedder's database stays open")
}

func TestFullDatabaseIsUnavailableAndKeepsNothing(t *testing.T) {
	t.Parallel()
	db := openDB(t, 1)
	s := newStore(t, db, sqlstore.Options{})
	_, err := db.ExecContext(t.Context(), `PRAGMA max_page_count = 20`)
	require.NoError(t, err)
	var acknowledged int
	for {
		l := newLicense("")
		if err = s.Create(t.Context(), l); err != nil {
			_, errGet := s.Get(t.Context(), l.ID)
			require.ErrorIs(t, errGet, license.ErrNotFound)
			break
		}
		acknowledged++
	}
	require.ErrorIs(t, err, license.ErrUnavailable)
	require.NotErrorIs(t, err, license.ErrUnknownOutcome)
	require.Equal(t, acknowledged, count(t, db, "pkg_licenses"))
}

func TestOptionsErrorCodeSaysWhatAnErrorMeans(t *testing.T) {
	t.Parallel()
	for code, want := range map[int]error{
		2067: license.ErrKeyExists,   // SQLITE_CONSTRAINT_UNIQUE
		261:  license.ErrUnavailable, // SQLITE_BUSY_RECOVERY
	} {
		s := newStore(t, openDB(t, 1), sqlstore.Options{ErrorCode: func(error) int { return code }})
		require.NoError(t, s.Create(t.Context(), newLicense("A")))
		l := newLicense("B")
		require.NoError(t, s.Create(t.Context(), l))
		l.Key = "A"
		require.ErrorIs(t, s.Update(t.Context(), l), want)
	}
}
