package postgres_test

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/privatepkgs/license"
	"github.com/privatepkgs/license/internal/pgtest"
	"github.com/privatepkgs/license/sqlstore/postgres"
)

const batchSize = 1000

func newBatch(tb testing.TB) []*license.License {
	batch := make([]*license.License, batchSize)
	for i := range batch {
		batch[i] = newLicense("")
		require.NoError(tb, batch[i].PrepareCreate(time.Now()))
	}
	return batch
}

func BenchmarkCreateBatch(b *testing.B) {
	s := open(b, pgtest.Shared(b).NewDatabase(b), postgres.Options{})
	for b.Loop() {
		_, err := s.CreateBatch(b.Context(), newBatch(b))
		require.NoError(b, err)
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*batchSize), "µs/license")
}

// What somebody would write by hand who needs no answer but "all or nothing": arrays in pgx's own
// binary form, on the same tables.
func BenchmarkHandWrittenUnnest(b *testing.B) {
	url := pgtest.Shared(b).NewDatabase(b)
	open(b, url, postgres.Options{})
	conn, err := pgx.Connect(b.Context(), url)
	require.NoError(b, err)
	defer conn.Close(b.Context())
	for b.Loop() {
		require.NoError(b, pgx.BeginFunc(b.Context(), conn, func(tx pgx.Tx) error {
			return unnest(b, tx, newBatch(b))
		}))
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*batchSize), "µs/license")
}

func unnest(b *testing.B, tx pgx.Tx, batch []*license.License) error {
	var (
		ids                                   [][]byte
		keys, names, constraints, metas, toys []string
		suspended                             []bool
		createdAt, updatedAt                  []int64
		none                                  = string(license.NoConstraint().AppendJSON(nil))
	)
	for _, l := range batch {
		ids = append(ids, l.ID[:])
		keys, names, constraints = append(keys, l.Key), append(names, l.Name), append(constraints, none)
		suspended, metas, toys = append(suspended, l.Suspended), append(metas, string(l.Meta)), append(toys, `["toolkit"]`)
		createdAt, updatedAt = append(createdAt, l.CreatedAt.UnixMilli()), append(updatedAt, l.UpdatedAt.UnixMilli())
	}
	_, err := tx.Exec(b.Context(), `INSERT INTO pkg_licenses
(id, key, name, constraint_json, suspended, meta_json, packages_json, created_at, updated_at, revision)
SELECT b.*, 1 FROM unnest($1::bytea[], $2::text[], $3::text[], $4::text[], $5::boolean[], $6::text[], $7::text[], $8::bigint[], $9::bigint[]) AS b`,
		ids, keys, names, constraints, suspended, metas, toys, createdAt, updatedAt)
	return err
}
