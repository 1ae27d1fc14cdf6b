package reliability

import (
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/privatepkgs/license"
	"github.com/privatepkgs/license/internal/pgtest"
	"github.com/privatepkgs/license/sqlstore/postgres"
)

// BenchmarkCreateByEight has eight writers create licenses, each with a commit of its own, in
// databases that keep what they acknowledge.
func BenchmarkCreateByEight(b *testing.B) {
	for _, c := range []struct {
		name string
		open func(*testing.B) license.Store
	}{
		{"SQLite", func(b *testing.B) license.Store {
			return openSQLite(b, filepath.Join(b.TempDir(), "licenses.db"))
		}},
		{"PostgreSQL", func(b *testing.B) license.Store {
			return openPostgres(b, pgtest.Start(b, pgtest.Options{}).NewDatabase(b))
		}},
		{"PostgreSQL with Notify", func(b *testing.B) license.Store {
			s, err := postgres.Options{Notify: true}.Open(b.Context(), pgtest.Start(b, pgtest.Options{}).NewDatabase(b))
			require.NoError(b, err)
			b.Cleanup(func() { _ = s.Close() })
			return s
		}},
		{"PostgreSQL through PgBouncer", func(b *testing.B) license.Store {
			return openPostgres(b, pgtest.PgBouncer(b, pgtest.Start(b, pgtest.Options{}).NewDatabase(b)))
		}},
	} {
		b.Run(c.name, func(b *testing.B) {
			s := c.open(b)
			b.SetParallelism(max(1, 8/runtime.GOMAXPROCS(0)))
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					l := &license.License{Constraint: license.NoConstraint(), Packages: []string{"toolkit", "other"}}
					if err := s.Create(b.Context(), l); err != nil {
						b.Error(err)
						return
					}
				}
			})
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "licenses/s")
		})
	}
}
