package main

import (
	"bufio"
	bytesOf "bytes"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/privatepkgs/license/bench/internal/measure"
	"github.com/privatepkgs/license/ndjson"
	"github.com/privatepkgs/license/sqlstore"
	"github.com/privatepkgs/license/sqlstore/postgres"
	"github.com/privatepkgs/license/sqlstore/sqlite"
)

func importRows() []row {
	const byHand = "by hand: encoding/json, 1,000 "
	return []row{
		importRow("import/sqlite", "SQLite", byHand+"prepared inserts a transaction", (*bench).newSQLite, importSQLiteByHand),
		importRow("import/postgres", "PostgreSQL", byHand+"rows of unnest a transaction", (*bench).newPostgres, importPostgresByHand),
	}
}

// importRow imports a file into new databases.
func importRow(name, database, baseline string, open func(b *bench) (*sqlstore.Store, string, error),
	byHand func(where string, file []byte) (time.Duration, error)) row {
	return compared(name, "import of licenses into "+database, baseline, ofTime(1.3), func(b *bench) (sides, error) {
		file := b.file()
		subject := func(int) (took time.Duration, err error) {
			s, _, err := open(b)
			if err != nil {
				return 0, err
			}
			began := time.Now()
			r, err := ndjson.Import(nothing(), s, bytesOf.NewReader(file), ndjson.Options{})
			took = time.Since(began)
			if err == nil && r.Created != b.imported {
				err = fmt.Errorf("%d licenses were created", r.Created)
			}
			return took, errors.Join(err, s.Close())
		}
		baseline := func(int) (took time.Duration, err error) {
			s, where, err := open(b)
			if err != nil {
				return 0, err
			}
			if took, err = byHand(where, file); err != nil {
				return 0, err
			}
			l, err := s.Get(nothing(), idOf(b.imported-1)) // the last is there
			return took, errors.Join(err, same(l, b.catalogue.license(b.imported-1)), s.Close())
		}
		return sides{subject: once(subject), baseline: once(baseline)}, nil
	})
}

// once is a side that works once, however often it is asked to.
func once(side measure.Side) measure.Side {
	return func(n int) (time.Duration, error) {
		took, err := side(1)
		return took * time.Duration(n), err
	}
}

// file returns what a store of licenses exports.
func (b *bench) file() []byte {
	var text []byte
	for i := range b.imported {
		text = append(b.catalogue.license(i).AppendJSON(text), '\n')
	}
	return text
}

func (b *bench) newSQLite() (s *sqlstore.Store, path string, err error) {
	path = filepath.Join(b.dir, fmt.Sprintf("import-%d.db", b.unused()))
	s, err = sqlite.Open(nothing(), path)
	return s, path, err
}

func (b *bench) newPostgres() (s *sqlstore.Store, url string, err error) {
	if url, err = b.newDatabase(); err != nil {
		return nil, "", err
	}
	s, err = postgres.Open(nothing(), url)
	return s, url, err
}

const batchByHand = 1000

// lineByHand is a line of the file as one reads it who trusts it.
type lineByHand struct {
	ID                         uuid.UUID
	Name, Key                  string
	Constraint, Meta, Packages json.RawMessage
	Suspended                  bool
	CreatedAt, UpdatedAt       int64
}

// readByHand hands the lines of a file on in batches.
func readByHand(file []byte, use func([]lineByHand) error) error {
	scanner := bufio.NewScanner(bytesOf.NewReader(file))
	for {
		var batch []lineByHand
		for len(batch) < batchByHand && scanner.Scan() {
			var l lineByHand
			if err := json.Unmarshal(scanner.Bytes(), &l); err != nil {
				return err
			}
			batch = append(batch, l)
		}
		if len(batch) == 0 {
			return scanner.Err()
		}
		if err := use(batch); err != nil {
			return err
		}
	}
}

func importSQLiteByHand(path string, file []byte) (took time.Duration, err error) {
	h, err := openSQLiteByHand(path)
	if err != nil {
		return 0, err
	}
	began := time.Now()
	err = readByHand(file, func(batch []lineByHand) error {
		tx, err := h.writes.BeginTx(nothing(), nil)
		if err != nil {
			return err
		}
		insert := tx.StmtContext(nothing(), h.insert)
		for _, l := range batch {
			if _, err := insert.ExecContext(nothing(), l.ID[:], l.Key, l.Name, string(l.Constraint), l.Suspended,
				string(l.Meta), string(l.Packages), l.CreatedAt, l.UpdatedAt); err != nil {
				return errors.Join(err, tx.Rollback())
			}
		}
		return tx.Commit()
	})
	took = time.Since(began)
	return took, errors.Join(err, h.close())
}

func importPostgresByHand(url string, file []byte) (took time.Duration, err error) {
	conn, err := pgx.Connect(nothing(), url)
	if err != nil {
		return 0, err
	}
	began := time.Now()
	err = readByHand(file, func(batch []lineByHand) error {
		var (
			ids                                       [][]byte
			keys, names, constraints, metas, packages []string
			suspended                                 []bool
			created, updated                          []int64
		)
		for _, l := range batch {
			ids, keys, names = append(ids, l.ID[:]), append(keys, l.Key), append(names, l.Name)
			constraints, metas, packages = append(constraints, string(l.Constraint)), append(metas, string(l.Meta)), append(packages, string(l.Packages))
			suspended, created, updated = append(suspended, l.Suspended), append(created, l.CreatedAt), append(updated, l.UpdatedAt)
		}
		return pgx.BeginFunc(nothing(), conn, func(tx pgx.Tx) error {
			_, err := tx.Exec(nothing(), `INSERT INTO pkg_licenses
(id, key, name, constraint_json, suspended, meta_json, packages_json, created_at, updated_at, revision)
SELECT b.*, 1 FROM unnest($1::bytea[], $2::text[], $3::text[], $4::text[], $5::boolean[], $6::text[], $7::text[], $8::bigint[], $9::bigint[]) AS b`,
				ids, keys, names, constraints, suspended, metas, packages, created, updated)
			return err
		})
	})
	took = time.Since(began)
	return took, errors.Join(err, conn.Close(nothing()))
}
