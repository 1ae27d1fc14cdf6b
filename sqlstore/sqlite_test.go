package sqlstore_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite"

	"github.com/privatepkgs/license"
	"github.com/privatepkgs/license/sqlstore"
	"github.com/privatepkgs/license/storetest"
)

const dsnParameters = "?_txlock=immediate&_pragma=busy_timeout(10000)&_pragma=journal_mode(wal)&_pragma=synchronous(full)"

// openDB opens a new database as an embedder would, with a pool of so many connections.
func openDB(tb testing.TB, connections int) *sql.DB {
	tb.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(tb.TempDir(), "shop.db")+dsnParameters)
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, db.Close()) })
	db.SetMaxOpenConns(connections)
	return db
}

// newStore returns a migrated store on db.
func newStore(tb testing.TB, db *sql.DB, o sqlstore.Options) *sqlstore.Store {
	tb.Helper()
	s, err := sqlstore.New(db, sqlstore.SQLite, o)
	require.NoError(tb, err)
	require.NoError(tb, s.Migrate(tb.Context()))
	tb.Cleanup(func() { require.NoError(tb, s.Close()) })
	return s
}

func newLicense(key string, packages ...string) *license.License {
	if len(packages) == 0 {
		packages = []string{"toolkit"}
	}
	return &license.License{Key: key, Constraint: license.NoConstraint(), Packages: packages}
}

func TestStoreOnOneConnectionKeepsTheContract(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(tb testing.TB, now func() time.Time) license.Store {
		return newStore(tb, openDB(tb, 1), sqlstore.Options{Now: now})
	})
}

func TestStoreInTransactionKeepsTheContract(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(tb testing.TB, now func() time.Time) license.Store {
		db := openDB(tb, 1)
		s := newStore(tb, db, sqlstore.Options{Now: now})
		tx, err := db.BeginTx(context.Background(), nil)
		require.NoError(tb, err)
		tb.Cleanup(func() { require.NoError(tb, tx.Rollback()) })
		return s.InTx(tx)
	})
}

// Every query finds its rows by index and in order, so that a page costs the same at any depth.
func TestSQLiteQueriesUseIndexes(t *testing.T) {
	t.Parallel()
	const (
		byID    = "SEARCH pkg_licenses USING INDEX sqlite_autoindex_pkg_licenses_1 (id=?)"
		between = "(created_at>? AND created_at<?)"
		rest    = "((created_at,id)>(?,?) AND created_at<?)"

		besides              = "SEARCH l USING COVERING INDEX pkg_licenses_by_time "
		besidesPackage       = "SEARCH p USING PRIMARY KEY "
		besidesSuspended     = "SEARCH l USING COVERING INDEX pkg_licenses_by_suspended "
		besidesBoth          = "SEARCH p USING COVERING INDEX pkg_license_packages_by_suspended "
		before, behind       = "(created_at<?)", "(created_at>?)"
		beforeOf, behindOf   = "(package=? AND created_at<?)", "(package=? AND created_at>?)"
		inSuspended          = "((suspended,created_at)<(?,?) AND (suspended,created_at)>(?,?))"
		inSuspendedOfPackage = "(package=? AND (suspended,created_at)<(?,?) AND (suspended,created_at)>(?,?))"
	)
	// How the two parts of a page are put together.
	parts := []string{"CO-ROUTINE page", "SCAN page"}
	plans := map[string][]string{
		"get":        {byID},
		"get by key": {"SEARCH pkg_licenses USING INDEX sqlite_autoindex_pkg_licenses_2 (key=?)"},
		"create":     nil,
		"conflict": {
			"SEARCH pkg_licenses USING COVERING INDEX sqlite_autoindex_pkg_licenses_1 (id=?)",
			"SEARCH pkg_licenses USING COVERING INDEX sqlite_autoindex_pkg_licenses_2 (key=?)",
		},
		"update":                     {byID},
		"update known":               {byID},
		"revision":                   {byID},
		"delete":                     {byID},
		"forward":                    {"SEARCH pkg_licenses USING INDEX pkg_licenses_by_time " + between, besides + before},
		"forward package":            {"SEARCH p USING PRIMARY KEY (package=? AND created_at>? AND created_at<?)", byID, besidesPackage + beforeOf},
		"forward suspended":          {"SEARCH pkg_licenses USING INDEX pkg_licenses_by_suspended ((suspended,created_at)>(?,?) AND (suspended,created_at)<(?,?))", besidesSuspended + inSuspended},
		"forward package suspended":  {"SEARCH p USING COVERING INDEX pkg_license_packages_by_suspended (package=? AND (suspended,created_at)>(?,?) AND (suspended,created_at)<(?,?))", byID, besidesBoth + inSuspendedOfPackage},
		"backward":                   {"SEARCH pkg_licenses USING INDEX pkg_licenses_by_time " + between, besides + behind},
		"backward package":           {"SEARCH p USING PRIMARY KEY (package=? AND created_at>? AND created_at<?)", byID, besidesPackage + behindOf},
		"backward suspended":         {"SEARCH pkg_licenses USING INDEX pkg_licenses_by_suspended ((suspended,created_at)<(?,?) AND (suspended,created_at)>(?,?))", besidesSuspended + inSuspended},
		"backward package suspended": {"SEARCH p USING COVERING INDEX pkg_license_packages_by_suspended (package=? AND (suspended,created_at)<(?,?) AND (suspended,created_at)>(?,?))", byID, besidesBoth + inSuspendedOfPackage},
		"rest":                       {"SEARCH pkg_licenses USING INDEX pkg_licenses_by_time " + rest, besides + before},
		"rest package":               {"SEARCH p USING PRIMARY KEY (package=? AND (created_at,id)>(?,?) AND created_at<?)", byID, besidesPackage + beforeOf},
		"rest suspended":             {"SEARCH pkg_licenses USING INDEX pkg_licenses_by_suspended ((suspended,created_at,id)>(?,?,?) AND (suspended,created_at)<(?,?))", besidesSuspended + inSuspended},
		"rest package suspended":     {"SEARCH p USING COVERING INDEX pkg_license_packages_by_suspended (package=? AND (suspended,created_at,id)>(?,?,?) AND (suspended,created_at)<(?,?))", byID, besidesBoth + inSuspendedOfPackage},
	}
	require.Len(t, sqlstore.SQLite.QueryTexts(), sqlstore.QueryCount)
	for _, analyzed := range []bool{false, true} {
		t.Run(fmt.Sprintf("analyzed=%t", analyzed), func(t *testing.T) {
			t.Parallel()
			db := openDB(t, 1)
			s := newStore(t, db, sqlstore.Options{})
			if analyzed {
				// Statistics under which a filter promises little: everything is suspended.
				tx, err := db.BeginTx(t.Context(), nil)
				require.NoError(t, err)
				for i := range 500 {
					l := newLicense(fmt.Sprint("KEY-", i))
					l.Suspended = true
					require.NoError(t, s.InTx(tx).Create(t.Context(), l))
				}
				require.NoError(t, tx.Commit())
				_, err = db.ExecContext(t.Context(), "ANALYZE")
				require.NoError(t, err)
			}
			for name, text := range sqlstore.SQLite.QueryTexts() {
				got := []string{}
				for _, line := range plan(t, db, text) {
					if line != "SCAN CONSTANT ROW" && !strings.Contains(line, "SCALAR SUBQUERY") && !slices.Contains(parts, line) {
						got = append(got, sortTerms(line))
					}
				}
				want := []string{}
				for _, line := range plans[name] {
					want = append(want, sortTerms(line))
				}
				assert.ElementsMatch(t, want, got, name)
			}
		})
	}
}

// What the triggers do is found by index too.
func TestSQLiteTriggersUseIndexes(t *testing.T) {
	t.Parallel()
	db := openDB(t, 1)
	s := newStore(t, db, sqlstore.Options{})
	for _, analyzed := range []bool{false, true} {
		if analyzed {
			require.NoError(t, s.Create(t.Context(), newLicense("")))
			_, err := db.ExecContext(t.Context(), "ANALYZE")
			require.NoError(t, err)
		}
		for _, trigger := range []string{"pkg_licenses_updated", "pkg_licenses_deleted"} {
			var text string
			require.NoError(t, db.QueryRowContext(t.Context(), `SELECT sql FROM sqlite_schema WHERE type = 'trigger' AND name = ?`, trigger).Scan(&text))
			statement := regexp.MustCompile(`(?s)DELETE FROM.*?;`).FindString(text)
			require.NotEmpty(t, statement)
			statement = strings.NewReplacer("OLD.packages_json", "?1", "OLD.created_at", "?2", "OLD.id", "?3").Replace(statement)
			assert.Contains(t, plan(t, db, statement), "SEARCH pkg_license_packages USING PRIMARY KEY (package=? AND created_at=? AND id=?)")
		}
	}
}

// sortTerms sorts the terms of an index search, whose order depends on statistics.
func sortTerms(line string) string {
	search, terms, ok := strings.Cut(line, " (")
	if !ok {
		return line
	}
	sorted := strings.Split(strings.TrimSuffix(terms, ")"), " AND ")
	slices.Sort(sorted)
	return search + " (" + strings.Join(sorted, " AND ") + ")"
}

// plan returns what EXPLAIN QUERY PLAN says, line by line.
func plan(t *testing.T, db *sql.DB, text string) []string {
	rows, err := db.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+text, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11)
	require.NoError(t, err)
	defer rows.Close()
	var lines []string
	for rows.Next() {
		var id, parent, unused int
		var detail string
		require.NoError(t, rows.Scan(&id, &parent, &unused, &detail))
		lines = append(lines, detail)
	}
	require.NoError(t, rows.Err())
	return lines
}

// The integrity_check of SQLite 3.40, whose shell many machines still have, takes the columns of a table
// without rowid in the order of its primary key, and reports a NULL for each row where they are declared in
// another.
func TestColumnsOfThePrimaryKeyComeFirstWhereThereIsNoRowid(t *testing.T) {
	t.Parallel()
	db := openDB(t, 1)
	newStore(t, db, sqlstore.Options{})
	columns := func(order string) (names string) {
		require.NoError(t, db.QueryRowContext(t.Context(), `SELECT group_concat(t.name || '.' || c.name, ' ' ORDER BY t.name, `+order+`)
FROM pragma_table_list t, pragma_table_info(t.name) c WHERE t.wr AND t.name LIKE 'pkg_license%'`).Scan(&names))
		return names
	}
	declared := columns("c.cid")
	require.Contains(t, declared, "pkg_license_packages.suspended")
	require.Equal(t, columns("c.pk = 0, c.pk, c.cid"), declared)
}

// The triggers keep one row for each package of each license, and no other.
func TestPackageIndexFollowsLicenses(t *testing.T) {
	t.Parallel()
	db := openDB(t, 1)
	s := newStore(t, db, sqlstore.Options{})
	index := func() []string {
		rows, err := db.QueryContext(t.Context(), `SELECT l.key || ' ' || p.package || ' ' || p.suspended
FROM pkg_license_packages p LEFT JOIN pkg_licenses l ON l.id = p.id AND l.created_at = p.created_at ORDER BY 1`)
		require.NoError(t, err)
		defer rows.Close()
		got := []string{}
		for rows.Next() {
			var entry string
			require.NoError(t, rows.Scan(&entry))
			got = append(got, entry)
		}
		return got
	}
	a, b := newLicense("A", "x", `q"\<ü>`), newLicense("B", "x")
	require.NoError(t, s.Create(t.Context(), a))
	require.NoError(t, s.Create(t.Context(), b))
	require.Equal(t, []string{`A q"\<ü> 0`, "A x 0", "B x 0"}, index())
	require.ErrorIs(t, s.Create(t.Context(), newLicense("B", "y")), license.ErrKeyExists)

	a.Packages, a.Suspended = []string{"x", "z"}, true
	require.NoError(t, s.Update(t.Context(), a))
	require.Equal(t, []string{"A x 1", "A z 1", "B x 0"}, index())
	a.Suspended = false
	require.NoError(t, s.Update(t.Context(), a))
	require.Equal(t, []string{"A x 0", "A z 0", "B x 0"}, index())

	require.NoError(t, s.Delete(t.Context(), a.ID, 0))
	require.NoError(t, s.Delete(t.Context(), b.ID, 0))
	require.Empty(t, index())
}

// Whoever changes a row by hand need not know that a part of it is kept twice.
func TestRowsChangedByHandReadRight(t *testing.T) {
	t.Parallel()
	db := openDB(t, 1)
	s := newStore(t, db, sqlstore.Options{})
	want := newLicense("A")
	require.NoError(t, s.Create(t.Context(), want))
	_, err := db.ExecContext(t.Context(), `UPDATE pkg_licenses SET id = $1, key = 'B', name = $2, constraint_json = $3, suspended = 1,
meta_json = '{"b":1}', packages_json = '["b", "c"]', created_at = 1, updated_at = 2, revision = 3`, uuid.Max[:], "é\n2", `{"type":"date","value":4}`)
	require.NoError(t, err)
	*want = license.License{
		ID: uuid.Max, Key: "B", Name: "é\n2", Constraint: license.DateConstraint(time.UnixMilli(4)), Suspended: true,
		Meta: json.RawMessage(`{"b":1}`), Packages: []string{"b", "c"}, CreatedAt: time.UnixMilli(1).UTC(), UpdatedAt: time.UnixMilli(2).UTC(), Revision: 3,
	}
	byID, err := s.Get(t.Context(), uuid.Max)
	require.NoError(t, err)
	require.Equal(t, want, byID)
	page, err := s.List(t.Context(), license.Query{})
	require.NoError(t, err)
	require.Equal(t, []*license.License{want}, page.Licenses)
}

// The index by package follows whatever a person does to a row.
func TestPackageIndexFollowsRowsChangedByHand(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(testing.TB) (*sql.DB, *sqlstore.Store){
		"SQLite": func(tb testing.TB) (*sql.DB, *sqlstore.Store) {
			db := openDB(tb, 1)
			return db, newStore(tb, db, sqlstore.Options{})
		},
		"PostgreSQL": func(tb testing.TB) (*sql.DB, *sqlstore.Store) {
			db := openPostgres(tb)
			return db, newPostgresStore(tb, db)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db, s := open(t)
			for i, key := range []string{"A", "B", "C"} {
				l := newLicense(key)
				l.CreatedAt = time.UnixMilli(int64(100 * (1 + i)))
				require.NoError(t, s.Create(t.Context(), l))
			}
			walk := func() (keys []string) {
				for l, err := range license.All(t.Context(), s, license.Query{Package: "toolkit", Limit: 1}) {
					require.NoError(t, err)
					keys = append(keys, l.Key)
				}
				return keys
			}
			for _, step := range []struct {
				statement string
				want      []string
			}{
				{`UPDATE pkg_licenses SET created_at = 500 WHERE key = 'A'`, []string{"B", "C", "A"}},
				{`UPDATE pkg_licenses SET id = $1 WHERE key = 'B'`, []string{"B", "C", "A"}},
				{`DELETE FROM pkg_licenses WHERE key = 'A'`, []string{"B", "C"}},
				{`DELETE FROM pkg_licenses WHERE key = 'B'`, []string{"C"}},
			} {
				var args []any
				if strings.Contains(step.statement, "$1") {
					args = append(args, uuid.Max[:])
				}
				_, err := db.ExecContext(t.Context(), step.statement, args...)
				require.NoError(t, err)
				require.Equal(t, step.want, walk(), step.statement)
				require.Equal(t, len(step.want), count(t, db, "pkg_license_packages"), step.statement)
			}
		})
	}
}

// What a caller says about the times of a license is neither believed nor needed.
func TestUpdateSetsTheTimesThatAreStored(t *testing.T) {
	t.Parallel()
	now := time.UnixMilli(2000).UTC()
	s := newStore(t, openDB(t, 1), sqlstore.Options{Now: func() time.Time { return now }})
	l := newLicense("a-key")
	l.CreatedAt = time.UnixMilli(1000)
	require.NoError(t, s.Create(t.Context(), l))
	created := l.CreatedAt
	for i, change := range []func(*license.License){
		func(*license.License) {},
		func(l *license.License) { l.CreatedAt = l.CreatedAt.Add(time.Millisecond) },
		func(l *license.License) { l.UpdatedAt = l.UpdatedAt.Add(time.Hour) },
		func(l *license.License) { l.UpdatedAt = l.UpdatedAt.Add(-time.Millisecond) },
		func(l *license.License) { l.CreatedAt, l.UpdatedAt = time.Time{}, time.Time{} },
		func(l *license.License) { l.CreatedAt = l.CreatedAt.Add(time.Microsecond) },
	} {
		now = now.Add(time.Second)
		change(l)
		l.Name = fmt.Sprint(i)
		require.NoError(t, s.Update(t.Context(), l))
		require.Equal(t, []time.Time{created, now}, []time.Time{l.CreatedAt, l.UpdatedAt}, i)
		stored, err := s.Get(t.Context(), l.ID)
		require.NoError(t, err)
		require.Equal(t, l, stored)
	}
	last := now
	now = now.Add(-time.Minute) // the clock was set
	require.NoError(t, s.Update(t.Context(), l))
	require.Equal(t, last, l.UpdatedAt)
	stale := *l
	stale.Revision--
	require.ErrorIs(t, s.Update(t.Context(), &stale), license.ErrRevisionMismatch)
}
