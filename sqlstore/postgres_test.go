package sqlstore_test

import (
	"database/sql"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/privatepkgs/license"
	"github.com/privatepkgs/license/internal/pgtest"
	"github.com/privatepkgs/license/sqlstore"
)

// openPostgres opens a new database as an embedder would, with the driver's own defaults.
func openPostgres(tb testing.TB) *sql.DB {
	tb.Helper()
	db, err := sql.Open("pgx", pgtest.Shared(tb).NewDatabase(tb))
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, db.Close()) })
	return db
}

// newPostgresStore returns a migrated store on db.
func newPostgresStore(tb testing.TB, db *sql.DB) *sqlstore.Store {
	tb.Helper()
	s, err := sqlstore.New(db, sqlstore.PostgreSQL, sqlstore.Options{})
	require.NoError(tb, err)
	require.NoError(tb, s.Migrate(tb.Context()))
	tb.Cleanup(func() { require.NoError(tb, s.Close()) })
	return s
}

// fill inserts n licenses, ten in each millisecond, without a word to the planner: half of them
// have the package "common", and all are suspended, so that a filter promises little.
func fill(tb testing.TB, db *sql.DB, n int) {
	tb.Helper()
	_, err := db.ExecContext(tb.Context(), `INSERT INTO pkg_licenses
SELECT sha224(i::text::bytea), 'KEY-' || i, 'name', '{"type":"none"}', true, '{}',
	CASE WHEN i % 2 = 0 THEN '["common","other-' || i || '"]' ELSE '["rare"]' END, i / 10, i / 10, 1
FROM generate_series(1, $1::int) i`, n)
	require.NoError(tb, err)
}

// The arguments of each query, as SQL. Those of pages are in the middle of what fill made.
func planArgs(name string, limit int) []string {
	const id = `'\x00'`
	write := []string{id, `'KEY'`, `''`, `''`, `true`, `''`, `''`, `1`, `1`}
	direction, filters, _ := strings.Cut(name, " ")
	from, to := "1000", "9223372036854775807"
	if direction == "backward" {
		to = "0"
	}
	if direction == "rest" {
		to = id
	}
	page := []string{from, to, fmt.Sprint(limit)}
	if strings.Contains(filters, "package") {
		page = append(page, `'common'`)
	}
	if strings.Contains(filters, "suspended") {
		page = append(page, `true`)
	}
	switch direction {
	case "create", "update":
		if filters == "known" {
			return append(write, `1`, `2`)
		}
		return write
	case "conflict":
		return []string{id, `'KEY'`}
	case "delete":
		return []string{id, `1`}
	case "forward", "backward", "rest":
		return page
	}
	return []string{map[string]string{"get by key": `'KEY'`, "get": id, "revision": id}[name]}
}

// Every query finds its rows by index, planned for its arguments or for any, with statistics or
// without; and in order, so that a page costs the same at any depth. Only before the first
// ANALYZE, which autovacuum does within a minute, it may be taken for better to sort a few.
func TestPostgreSQLQueriesUseIndexes(t *testing.T) {
	t.Parallel()
	const (
		byID  = "pkg_licenses_pkey: (id = _)"
		byKey = "pkg_licenses_key_key: (key = _)"

		byTime      = "pkg_licenses_by_time: "
		byPackage   = "pkg_license_packages_pkey: (package = _) AND "
		bySuspended = "pkg_licenses_by_suspended: "
		byBoth      = "pkg_license_packages_by_suspended: (package = _) AND "

		later          = "(created_at >= _) AND (created_at <= _)"
		older          = "(created_at <= _) AND (created_at >= _)"
		rest           = "(ROW(created_at, id) >= ROW(_, _)) AND (created_at <= _)"
		laterSuspended = "(ROW(suspended, created_at) >= ROW(_, _)) AND (ROW(suspended, created_at) <= ROW(_, _))"
		olderSuspended = "(ROW(suspended, created_at) <= ROW(_, _)) AND (ROW(suspended, created_at) >= ROW(_, _))"
		restSuspended  = "(ROW(suspended, created_at, id) >= ROW(_, _, _)) AND (ROW(suspended, created_at) <= ROW(_, _))"

		before          = "(created_at < _)"
		behind          = "(created_at > _)"
		beforeSuspended = "(ROW(suspended, created_at) < ROW(_, _)) AND (ROW(suspended, created_at) >= ROW(_, 0))"
		behindSuspended = "(ROW(suspended, created_at) > ROW(_, _)) AND (ROW(suspended, created_at) <= ROW(_, _))"
	)
	plans := map[string][]string{
		"get":                        {byID},
		"get by key":                 {byKey},
		"create":                     {},
		"conflict":                   {byID, byKey},
		"update known":               {byID},
		"update":                     {byID},
		"revision":                   {byID},
		"delete":                     {byID},
		"forward":                    {byTime + later, byTime + before},
		"forward package":            {byPackage + later, byID, byPackage + before},
		"forward suspended":          {bySuspended + laterSuspended, bySuspended + beforeSuspended},
		"forward package suspended":  {byBoth + laterSuspended, byID, byBoth + beforeSuspended},
		"backward":                   {byTime + older, byTime + behind},
		"backward package":           {byPackage + older, byID, byPackage + behind},
		"backward suspended":         {bySuspended + olderSuspended, bySuspended + behindSuspended},
		"backward package suspended": {byBoth + olderSuspended, byID, byBoth + behindSuspended},
		"rest":                       {byTime + rest, byTime + before},
		"rest package":               {byPackage + rest, byID, byPackage + before},
		"rest suspended":             {bySuspended + restSuspended, bySuspended + beforeSuspended},
		"rest package suspended":     {byBoth + restSuspended, byID, byBoth + beforeSuspended},
	}
	db := openPostgres(t)
	newPostgresStore(t, db)
	fill(t, db, 20_000)
	for _, analyzed := range []bool{false, true} {
		if analyzed {
			_, err := db.ExecContext(t.Context(), "ANALYZE")
			require.NoError(t, err)
		}
		for name, text := range sqlstore.PostgreSQL.QueryTexts() {
			limits := []int{101}
			if strings.Contains(text, "LIMIT") {
				limits = []int{1, 101, 1001}
			}
			for _, mode := range []string{"force_generic_plan", "force_custom_plan"} {
				for _, limit := range limits {
					lines := postgresPlan(t, db, mode, text, planArgs(name, limit))
					scans, others := readPlan(lines)
					if analyzed {
						assert.Empty(t, others, "nothing is sorted")
					}
					assert.ElementsMatch(t, plans[name], scans, "%s, %s, limit %d, analyzed %t:\n%s",
						name, mode, limit, analyzed, strings.Join(lines, "\n"))
				}
			}
		}
	}
}

// The control: a query that no index serves is seen as such.
func TestPlanWithoutIndexIsNoticed(t *testing.T) {
	t.Parallel()
	db := openPostgres(t)
	newPostgresStore(t, db)
	fill(t, db, 1000)
	scans, sorts := readPlan(postgresPlan(t, db, "force_generic_plan",
		`SELECT l.id FROM pkg_licenses l WHERE l.name = $1 ORDER BY l.updated_at`, []string{`'name'`}))
	require.Len(t, scans, 1)
	assert.Contains(t, scans[0], "Seq Scan")
	assert.NotEmpty(t, sorts)
}

func TestPostgreSQLFindsWhatStandsInTheWayOfABatchByIndex(t *testing.T) {
	t.Parallel()
	db := openPostgres(t)
	newPostgresStore(t, db)
	fill(t, db, 20_000)
	_, err := db.ExecContext(t.Context(), "ANALYZE")
	require.NoError(t, err)
	for _, mode := range []string{"force_generic_plan", "force_custom_plan"} {
		lines := postgresPlan(t, db, mode, sqlstore.PostgreSQLGetBatch, []string{`'{"\\\\x00"}'`, `'{"KEY"}'`})
		scans, _ := readPlan(lines)
		require.Len(t, scans, 2, strings.Join(lines, "\n"))
		assert.Contains(t, scans[0], "pkg_licenses_pkey")
		assert.Contains(t, scans[1], "pkg_licenses_key_key")
	}
}

// What the triggers do is found by index too.
func TestPostgreSQLTriggersUseIndexes(t *testing.T) {
	t.Parallel()
	db := openPostgres(t)
	newPostgresStore(t, db)
	fill(t, db, 20_000)
	var body string
	require.NoError(t, db.QueryRowContext(t.Context(), `SELECT prosrc FROM pg_proc WHERE proname = 'pkg_license_remove_packages'`).Scan(&body))
	statement := regexp.MustCompile(`(?s)DELETE FROM.*?;`).FindString(body)
	require.NotEmpty(t, statement)
	statement = strings.NewReplacer("OLD.packages_json", "CAST($1 AS TEXT)", "OLD.created_at", "$2", "OLD.id", "$3", ";", "").Replace(statement)
	for _, analyzed := range []bool{false, true} {
		if analyzed {
			_, err := db.ExecContext(t.Context(), "ANALYZE")
			require.NoError(t, err)
		}
		for _, mode := range []string{"force_generic_plan", "force_custom_plan"} {
			lines := postgresPlan(t, db, mode, statement, []string{`'["common","other"]'`, `1000`, `'\x00'`})
			scans, _ := readPlan(lines)
			require.Len(t, scans, 1, strings.Join(lines, "\n"))
			assert.Regexp(t, `^pkg_license_packages_pkey: \(package = ANY \(.*\)\) AND \(created_at = _\) AND \(id = _\)$`, scans[0])
		}
	}
}

// A sequence, or a lock that all share, would be a place that every machine of a distributed database
// has to ask.
func TestPostgreSQLWritesShareNoSequenceAndNoLock(t *testing.T) {
	t.Parallel()
	db := openPostgres(t)
	s := newPostgresStore(t, db)
	var sequences int
	require.NoError(t, db.QueryRowContext(t.Context(), `SELECT count(*) FROM pg_class WHERE relkind = 'S'`).Scan(&sequences))
	assert.Zero(t, sequences)

	tx, err := db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	defer tx.Rollback()
	in, l := s.InTx(tx), newLicense("KEY")
	require.NoError(t, in.Create(t.Context(), l))
	require.NoError(t, in.Update(t.Context(), l))
	require.NoError(t, in.Delete(t.Context(), l.ID, 0))
	_, err = in.(license.BatchCreator).CreateBatch(t.Context(), newBatch(3))
	require.NoError(t, err)
	var locks int
	const shared = `SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid() AND (locktype = 'advisory'
		OR locktype = 'relation' AND mode NOT IN ('AccessShareLock', 'RowShareLock', 'RowExclusiveLock'))`
	require.NoError(t, tx.QueryRowContext(t.Context(), shared).Scan(&locks))
	assert.Zero(t, locks)
	_, err = tx.ExecContext(t.Context(), `SELECT pg_advisory_xact_lock(1)`)
	require.NoError(t, err)
	require.NoError(t, tx.QueryRowContext(t.Context(), shared).Scan(&locks))
	assert.Equal(t, 1, locks, "the control")
}

// postgresPlan returns what EXPLAIN says of a prepared statement, line by line.
func postgresPlan(t *testing.T, db *sql.DB, mode, text string, args []string) []string {
	t.Helper()
	tx, err := db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	defer tx.Rollback()
	for _, statement := range []string{"SET LOCAL plan_cache_mode = " + mode, "PREPARE q AS " + text} {
		_, err := tx.ExecContext(t.Context(), statement)
		require.NoError(t, err)
	}
	rows, err := tx.QueryContext(t.Context(), "EXPLAIN (COSTS OFF) EXECUTE q("+strings.Join(args, ", ")+")")
	require.NoError(t, err)
	defer rows.Close()
	var lines []string
	for rows.Next() {
		var line string
		require.NoError(t, rows.Scan(&line))
		lines = append(lines, line)
	}
	require.NoError(t, rows.Err())
	_, err = tx.ExecContext(t.Context(), "DEALLOCATE q")
	require.NoError(t, err)
	return lines
}

var (
	planIndex = regexp.MustCompile(`(?:Index|Index Only) Scan(?: Backward)? using (\w+)|Bitmap Index Scan on (\w+)`)
	planOther = regexp.MustCompile(`Seq Scan|Join|Hash|Nested`)
	planSort  = regexp.MustCompile(`Bitmap|Sort`)
	planValue = regexp.MustCompile(`'[^']*'(::\w+)?|\$\d|\bp\.id\b|\btrue\b`)
)

// readPlan returns the index scans of a plan with their conditions, and beside them whatever else reads
// a table. The sorts are returned apart.
func readPlan(lines []string) (scans, sorts []string) {
	scans = []string{}
	for _, line := range lines {
		index := planIndex.FindStringSubmatch(line)
		_, condition, isCondition := strings.Cut(line, "Index Cond: ")
		switch {
		case index != nil:
			scans = append(scans, index[1]+index[2]+": ")
		case isCondition && len(scans) > 0:
			condition = planValue.ReplaceAllString(condition, "_")
			if strings.HasPrefix(condition, "((") {
				condition = condition[1 : len(condition)-1]
			}
			scans[len(scans)-1] += condition
		case planOther.MatchString(line):
			scans = append(scans, line)
		}
		if planSort.MatchString(line) {
			sorts = append(sorts, line)
		}
	}
	return scans, sorts
}
