package ndjson_test

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/json"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/privatepkgs/license/ndjson"
	"github.com/privatepkgs/license/sqlstore/sqlite"
)

// BenchmarkImport imports 100,000 licenses into a SQLite file, beside what one would write by
// hand into the same tables: encoding/json, which checks next to nothing, and 1,000 inserts a
// transaction. The ratio is that of the times of pairs of runs, each of which both begin with
// a new file.
func BenchmarkImport(b *testing.B) {
	const size = 100_000
	text := file(0, size)
	b.SetBytes(int64(len(text)))
	var ours, byHand time.Duration
	for b.Loop() {
		path := filepath.Join(b.TempDir(), "licenses.db")
		s, err := sqlite.Open(b.Context(), path)
		require.NoError(b, err)
		began := time.Now()
		result, err := ndjson.Import(b.Context(), s, strings.NewReader(text), ndjson.Options{})
		ours += time.Since(began)
		require.NoError(b, err)
		require.Equal(b, size, result.Created)

		b.StopTimer()
		began = time.Now()
		again, err := ndjson.Import(b.Context(), s, strings.NewReader(text), ndjson.Options{})
		b.ReportMetric(float64(time.Since(began).Microseconds())/size, "µs/unchanged")
		require.NoError(b, err)
		require.Equal(b, size, again.Unchanged)
		require.NoError(b, s.Close())
		byHand += importByHand(b, strings.NewReader(text))
		b.StartTimer()
	}
	b.ReportMetric(float64(ours)/float64(byHand), "ratio")
	b.ReportMetric(float64(ours.Microseconds())/float64(b.N)/size, "µs/license")
}

func importByHand(b *testing.B, r io.Reader) time.Duration {
	b.Helper()
	ctx := context.Background()
	path := filepath.Join(b.TempDir(), "licenses.db")
	s, err := sqlite.Open(ctx, path)
	require.NoError(b, err)
	require.NoError(b, s.Close())
	db, err := sql.Open("sqlite", "file:"+path+"?_txlock=immediate&_pragma=synchronous(full)&_pragma=wal_autocheckpoint(10000)")
	require.NoError(b, err)
	defer db.Close()
	db.SetMaxOpenConns(1)

	began := time.Now()
	insert, err := db.PrepareContext(ctx, `INSERT INTO pkg_licenses
(id, key, name, constraint_json, suspended, meta_json, packages_json, created_at, updated_at, revision)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 1)`)
	require.NoError(b, err)
	scanner := bufio.NewScanner(r)
	more := true
	for more {
		tx, err := db.BeginTx(ctx, nil)
		require.NoError(b, err)
		stmt := tx.StmtContext(ctx, insert)
		for range 1000 {
			if more = scanner.Scan(); !more {
				break
			}
			var row struct {
				ID                         uuid.UUID
				Name, Key                  string
				Constraint, Meta, Packages json.RawMessage
				Suspended                  bool
				CreatedAt, UpdatedAt       int64
			}
			if err := json.Unmarshal(scanner.Bytes(), &row); err != nil {
				b.Fatal(err)
			}
			if _, err := stmt.ExecContext(ctx, row.ID[:], row.Key, row.Name, string(row.Constraint), row.Suspended,
				string(row.Meta), string(row.Packages), row.CreatedAt, row.UpdatedAt); err != nil {
				b.Fatal(err)
			}
		}
		require.NoError(b, tx.Commit())
	}
	return time.Since(began)
}
