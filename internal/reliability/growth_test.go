package reliability

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/privatepkgs/license"
	"github.com/privatepkgs/license/internal/pgtest"
)

// A growing database is filled step by step and measured at each.
type growing struct {
	store license.Store
	// bytes returns what each part of the database takes.
	bytes func(*testing.T) map[string]int64
	// written returns what has been written to the log that comes before the database, where that is known.
	written func(*testing.T) int64
	// most is how many bytes a license may take, with all indexes, before docs/scaling.md is wrong.
	most int64

	n    int
	ids  []uuid.UUID
	keys []string
}

var newGrowing = map[string]func(*testing.T) *growing{
	"SQLite": func(t *testing.T) *growing {
		path := filepath.Join(t.TempDir(), "licenses.db")
		return &growing{
			store: openSQLite(t, path),
			most:  700,
			bytes: func(t *testing.T) map[string]int64 {
				// What is in the log and not yet in the file counts once: it goes there now.
				db, err := sql.Open("sqlite", "file:"+filepath.ToSlash(path)+"?_pragma=busy_timeout(10000)")
				require.NoError(t, err)
				defer db.Close()
				_, err = db.ExecContext(t.Context(), "PRAGMA wal_checkpoint(TRUNCATE)")
				require.NoError(t, err)
				info, err := os.Stat(path)
				require.NoError(t, err)
				return map[string]int64{"file": info.Size()}
			},
			written: func(*testing.T) int64 { return 0 },
		}
	},
	"PostgreSQL": func(t *testing.T) *growing {
		url := pgtest.Start(t, pgtest.Options{}).NewDatabase(t)
		db, err := sql.Open("pgx", url)
		require.NoError(t, err)
		t.Cleanup(func() { assert.NoError(t, db.Close()) })
		return &growing{
			store: openPostgres(t, url),
			most:  1400,
			written: func(t *testing.T) int64 {
				var n int64
				require.NoError(t, db.QueryRowContext(t.Context(), "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint").Scan(&n))
				return n
			},
			bytes: func(t *testing.T) map[string]int64 {
				_, err := db.ExecContext(t.Context(), "VACUUM ANALYZE")
				require.NoError(t, err)
				rows, err := db.QueryContext(t.Context(), `SELECT relname, CASE relkind WHEN 'r' THEN pg_table_size(oid) ELSE pg_relation_size(oid) END
					FROM pg_class WHERE relkind IN ('r', 'i') AND relname LIKE 'pkg_license%' AND relname NOT LIKE '%migrations%'`)
				require.NoError(t, err)
				defer rows.Close()
				sizes := make(map[string]int64)
				for rows.Next() {
					var name string
					var size int64
					require.NoError(t, rows.Scan(&name, &size))
					sizes[name] = size
				}
				require.NoError(t, rows.Err())
				return sizes
			},
		}
	},
}

// TestLicensesTakeNoMoreThanDocumented fills a database, and reports what a license costs in bytes
// and what reading costs at each size.
func TestLicensesTakeNoMoreThanDocumented(t *testing.T) {
	t.Parallel()
	sizes := []int{2_000}
	if long() {
		sizes = []int{10_000, 100_000, 1_000_000}
	}
	for name, newDatabase := range newGrowing {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newDatabase(t)
			for _, n := range sizes {
				added, begin, written := n-g.n, time.Now(), g.written(t)
				g.grow(t, n)
				each := time.Since(begin) / time.Duration(added)
				written = g.written(t) - written
				total := int64(0)
				parts := g.bytes(t)
				for _, part := range slices.Sorted(maps.Keys(parts)) {
					total += parts[part]
					if len(parts) > 1 {
						t.Logf("%9d licenses: %4d bytes each in %s", n, parts[part]/int64(n), part)
					}
				}
				t.Logf("%9d licenses: %4d bytes each, %d MiB in all; in batches of 1,000 each took %v", n, total/int64(n), total>>20, each.Round(time.Microsecond))
				if written > 0 {
					t.Logf("%9d licenses: %4d bytes of write-ahead log each", n, written/int64(added))
				}
				g.read(t)
				assert.Less(t, total/int64(n), g.most)
			}
		})
	}
}

// grow adds licenses of ordinary size, one a second, each for two of a hundred packages.
func (g *growing) grow(t *testing.T, n int) {
	t.Helper()
	const batch = 1000
	first := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	constraint, err := license.VersionConstraint(">=1.0.0 <2.0.0")
	require.NoError(t, err)
	for g.n < n {
		licenses := make([]*license.License, batch)
		for i := range licenses {
			at := first.Add(time.Duration(g.n+i) * time.Second)
			licenses[i] = &license.License{
				Name:       fmt.Sprintf("Customer %d", g.n+i),
				Constraint: constraint,
				Meta:       []byte(fmt.Sprintf(`{"order":"2026-%08d","plan":"team","seats":%d}`, g.n+i, rand.IntN(100))),
				Packages:   []string{"@example/package-" + strconv.Itoa(i%50), "@example/package-" + strconv.Itoa(50+rand.IntN(50))},
				Suspended:  rand.IntN(100) == 0,
				CreatedAt:  at,
			}
		}
		taken, err := g.store.(license.BatchCreator).CreateBatch(t.Context(), licenses)
		require.NoError(t, err)
		require.Len(t, taken, batch)
		for _, l := range licenses {
			g.ids, g.keys = append(g.ids, l.ID), append(g.keys, l.Key)
		}
		g.n += batch
	}
}

// read reports what reading costs, each the median of many.
func (g *growing) read(t *testing.T) {
	t.Helper()
	first := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	anywhere := func() time.Time { return first.Add(time.Duration(rand.IntN(g.n)) * time.Second) }
	for _, reading := range []struct {
		what string
		do   func(context.Context) error
	}{
		{"by id", func(ctx context.Context) error {
			_, err := g.store.Get(ctx, g.ids[rand.IntN(g.n)])
			return err
		}},
		{"by key", func(ctx context.Context) error {
			_, err := g.store.GetByKey(ctx, g.keys[rand.IntN(g.n)])
			return err
		}},
		{"a page of 100 anywhere", func(ctx context.Context) error {
			_, err := g.store.List(ctx, license.Query{Since: anywhere()})
			return err
		}},
		{"a page of 100 of one package", func(ctx context.Context) error {
			_, err := g.store.List(ctx, license.Query{Since: anywhere(), Package: "@example/package-7"})
			return err
		}},
		{"a page of 100 suspended", func(ctx context.Context) error {
			_, err := g.store.List(ctx, license.Query{Since: anywhere(), Suspended: new(true)})
			return err
		}},
	} {
		took := make([]time.Duration, 300)
		for i := range took {
			begin := time.Now()
			require.NoError(t, reading.do(t.Context()))
			took[i] = time.Since(begin)
		}
		slices.SortFunc(took, cmp.Compare[time.Duration])
		t.Logf("%9d licenses: %s in %v (median of %d)", g.n, reading.what, took[len(took)/2].Round(time.Microsecond), len(took))
	}
}
