package ndjson_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/privatepkgs/license"
	"github.com/privatepkgs/license/internal/pgtest"
	"github.com/privatepkgs/license/memstore"
	"github.com/privatepkgs/license/ndjson"
	"github.com/privatepkgs/license/sqlstore"
	"github.com/privatepkgs/license/sqlstore/postgres"
	"github.com/privatepkgs/license/sqlstore/sqlite"
)

func newMemory() *memstore.Store { return memstore.New(memstore.Options{}) }

func newSQLite(tb testing.TB) *sqlstore.Store {
	tb.Helper()
	s, err := sqlite.Open(tb.Context(), filepath.Join(tb.TempDir(), "licenses.db"))
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, s.Close()) })
	return s
}

// lent are databases for the tests that import into PostgreSQL.
var lent = pgtest.Pool{Empty: "DELETE FROM pkg_licenses"}

func newPostgres(tb testing.TB) *sqlstore.Store {
	tb.Helper()
	s, err := postgres.Open(tb.Context(), lent.Lend(tb))
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, s.Close()) })
	return s
}

// onlyStore hides that a store takes batches.
type onlyStore struct{ license.Store }

// stores are those that an import must not tell apart.
func stores(tb testing.TB) map[string]license.Store {
	tb.Helper()
	all := map[string]license.Store{
		"memory, in batches":  newMemory(),
		"memory, one by one":  onlyStore{newMemory()},
		"SQLite, in batches":  newSQLite(tb),
		"SQLite, one by one":  onlyStore{newSQLite(tb)},
		"batches unsupported": unsupported{newMemory()},
	}
	if pgtest.Installed() {
		all["PostgreSQL, in batches"] = newPostgres(tb)
		all["PostgreSQL, one by one"] = onlyStore{newPostgres(tb)}
	}
	return all
}

// unsupported is a decorator that finds out late that the store underneath takes no batches.
type unsupported struct{ license.Store }

func (unsupported) CreateBatch(context.Context, []*license.License) ([]*license.License, error) {
	return nil, fmt.Errorf("wrapped: %w", errors.ErrUnsupported)
}

// numbered returns a license with an id, a key and times of its own, valid and complete.
func numbered(i int) *license.License {
	created := time.UnixMilli(1_700_000_000_000 + int64(i)).UTC()
	l := &license.License{
		ID:         uuid.UUID{0: byte(i >> 16), 1: byte(i >> 8), 2: byte(i), 6: 0x70, 15: 1},
		Name:       fmt.Sprintf("Customer %d", i),
		Key:        fmt.Sprintf("KEY-%08d", i),
		Constraint: license.NoConstraint(),
		Suspended:  i%20 == 0,
		Meta:       json.RawMessage(fmt.Sprintf(`{"order":%d}`, i)),
		Packages:   []string{fmt.Sprintf("package-%d", i%50), fmt.Sprintf("package-%d", 50+i%50)},
		CreatedAt:  created,
		UpdatedAt:  created.Add(time.Second),
	}
	switch i % 3 {
	case 1:
		l.Constraint = license.DateConstraint(created.AddDate(1, 0, 0))
	case 2:
		l.Constraint, _ = license.VersionConstraint(fmt.Sprintf("<%d.0.0", 1+i%7))
	}
	return l
}

// line is the line of a license without its end.
func line(l *license.License) string { return string(l.AppendJSON(nil)) }

// file returns the lines of the licenses from numbered(from) up to the one before numbered(to).
func file(from, to int) string {
	var b strings.Builder
	for i := from; i < to; i++ {
		b.WriteString(line(numbered(i)) + "\n")
	}
	return b.String()
}

func export(tb testing.TB, s license.Store) string {
	tb.Helper()
	var b strings.Builder
	_, err := ndjson.Export(&b, license.All(tb.Context(), s, license.Query{}))
	require.NoError(tb, err)
	return b.String()
}

func imports(tb testing.TB, s license.Store, text string) ndjson.Result {
	tb.Helper()
	result, err := ndjson.Import(tb.Context(), s, strings.NewReader(text), ndjson.Options{})
	require.NoError(tb, err)
	return result
}
