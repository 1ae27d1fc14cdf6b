package reliability

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/privatepkgs/license"
	"github.com/privatepkgs/license/cachestore"
	"github.com/privatepkgs/license/internal/pgtest"
	"github.com/privatepkgs/license/memstore"
	"github.com/privatepkgs/license/sqlstore/postgres"
	"github.com/privatepkgs/license/sqlstore/sqlite"
)

func long() bool { return os.Getenv("LICENSE_LONG_TESTS") == "1" }

// size returns how many operations there are on how many slots. Long, some 22,000 of them end well
// and one hundred licenses are concerned.
func size() (operations, slots int) {
	if long() {
		return 24_000, 50
	}
	return 400, 2
}

// newStores makes two stores on one new database, where the kind of store can do that.
var newStores = map[string]func(*testing.T) []license.Store{
	"memory": func(*testing.T) []license.Store { return []license.Store{memstore.New(memstore.Options{})} },
	"SQLite": func(t *testing.T) []license.Store {
		path := filepath.Join(t.TempDir(), "licenses.db")
		return []license.Store{openSQLite(t, path), openSQLite(t, path)}
	},
	"PostgreSQL": func(t *testing.T) []license.Store {
		url := pgtest.Shared(t).NewDatabase(t)
		return []license.Store{openPostgres(t, url), openPostgres(t, url)}
	},
	"PostgreSQL through PgBouncer": func(t *testing.T) []license.Store {
		url := pgtest.PgBouncer(t, pgtest.Shared(t).NewDatabase(t))
		return []license.Store{openPostgres(t, url), openPostgres(t, url)}
	},
}

func openSQLite(t testing.TB, path string) license.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), path)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, s.Close()) })
	return s
}

func openPostgres(t testing.TB, url string) license.Store {
	t.Helper()
	s, err := postgres.Open(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, s.Close()) })
	return s
}

// TestStoresAnswerAsOneLicenseAtATime checks that every store is linearizable: there is an
// order of all calls, each at a moment between its begin and its end, in which one after another
// would have given the same answers. A call that was cut may have happened only where it says so.
func TestStoresAnswerAsOneLicenseAtATime(t *testing.T) {
	t.Parallel()
	for name, open := range newStores {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			operations, slots := size()
			h := workload{stores: open(t), operations: operations, slots: slots, refusals: name == "SQLite"}.run(t)
			h.log(t)
			require.NoError(t, check(h.operations))
			assert.Positive(t, h.cancelled, "no call was cut")
			assert.LessOrEqual(t, h.refused, operations/10)
		})
	}
}

// TestCacheShowsWritesOfItsOwnAtOnce checks the same of a cache all of whose writes go through
// it, for reading by key.
func TestCacheShowsWritesOfItsOwnAtOnce(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"memory", "SQLite"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			operations, slots := size()
			cached := newCache(t, newStores[name](t)[0], time.Hour)
			h := workload{stores: []license.Store{cached}, operations: operations, slots: slots, byKeyOnly: true}.run(t)
			h.log(t)
			require.NoError(t, check(h.operations))
		})
	}
}

func newCache(t *testing.T, s license.Store, staleness time.Duration) *cachestore.Store {
	t.Helper()
	cached, err := cachestore.New(s, cachestore.Options{MaxStaleness: staleness})
	require.NoError(t, err)
	return cached
}

func (h *history) log(t *testing.T) {
	t.Helper()
	kinds, errs := make(map[kind]int), make(map[error]int)
	for _, op := range h.operations {
		kinds[op.Input.(call).kind]++
		if err := op.Output.(answer).err; err != nil {
			errs[err]++
		}
	}
	t.Logf("%d operations of %d clients: %v; refused: %v", len(h.operations), clients, kinds, errs)
	t.Logf("%d calls were cut: of the writes %d left nothing and %d have an unknown outcome", h.cancelled, h.undone, h.unknown)
}
