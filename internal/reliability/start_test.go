package reliability

import (
	"fmt"
	"net/http"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/privatepkgs/license/internal/pgtest"
)

// TestTenServersStartAtOnceOnAnEmptyDatabase starts ten processes, each of which would make the
// schema. All come up, and serve one and the same database.
func TestTenServersStartAtOnceOnAnEmptyDatabase(t *testing.T) {
	t.Parallel()
	rounds := 1
	if long() {
		rounds = 20
	}
	for name, newDatabase := range map[string]func(*testing.T) string{
		"SQLite":     func(t *testing.T) string { return filepath.Join(t.TempDir(), "licenses.db") },
		"PostgreSQL": func(t *testing.T) string { return pgtest.Shared(t).NewDatabase(t) },
		"PostgreSQL through PgBouncer": func(t *testing.T) string {
			return pgtest.PgBouncer(t, pgtest.Shared(t).NewDatabase(t))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for round := range rounds {
				t.Run(fmt.Sprintf("round %d", round+1), func(t *testing.T) {
					servers := startServers(t, 10, newDatabase(t))
					shops := newShops(servers, 1)
					for _, s := range servers {
						shops[0].servers = []*server{s}
						require.NoError(t, shops[0].create())
					}
					for _, s := range servers {
						found := audit(shops, listAll(t, s))
						assert.True(t, found.none(), "%v", found)
						status, _, text, err := request(http.DefaultClient, http.MethodGet, s.url+"/healthz", "", nil)
						require.NoError(t, err)
						assert.Equal(t, http.StatusOK, status, "%s", text)
					}
				})
			}
		})
	}
}
