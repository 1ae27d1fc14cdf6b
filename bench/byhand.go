package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/privatepkgs/license"
)

// byHand is what one would write against the tables instead of a Store: prepared statements that
// read plain strings and check nothing.
type byHand struct {
	reads, writes                 *sql.DB
	get, getByKey, insert, update *sql.Stmt
}

// bare is a license as the columns have it.
type bare struct {
	id                                    uuid.UUID
	key, name, constraint, meta, packages string
	suspended                             bool
	created, updated, revision            int64
}

const (
	selectByHand = `SELECT id, key, name, constraint_json, suspended, meta_json, packages_json, created_at, updated_at, revision
FROM pkg_licenses WHERE `
	insertByHand = `INSERT INTO pkg_licenses
(id, key, name, constraint_json, suspended, meta_json, packages_json, created_at, updated_at, revision)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 1)`
	updateByHand = `UPDATE pkg_licenses SET key = $2, name = $3, constraint_json = $4, suspended = $5, meta_json = $6, packages_json = $7,
updated_at = $8, revision = revision + 1 WHERE id = $1 AND revision = $9`
)

func newByHand(reads, writes *sql.DB) (*byHand, error) {
	h := &byHand{reads: reads, writes: writes}
	for _, s := range []struct {
		stmt **sql.Stmt
		db   *sql.DB
		text string
	}{
		{&h.get, reads, selectByHand + `id = $1`},
		{&h.getByKey, reads, selectByHand + `key = $1`},
		{&h.insert, writes, insertByHand},
		{&h.update, writes, updateByHand},
	} {
		var err error
		if *s.stmt, err = s.db.PrepareContext(nothing(), s.text); err != nil {
			return nil, err
		}
	}
	return h, nil
}

func (h *byHand) close() error { return errors.Join(h.reads.Close(), h.writes.Close()) }

func read(ctx context.Context, stmt *sql.Stmt, arg any) (l bare, err error) {
	err = stmt.QueryRowContext(ctx, arg).Scan(&l.id, &l.key, &l.name, &l.constraint, &l.suspended, &l.meta, &l.packages,
		&l.created, &l.updated, &l.revision)
	return l, err
}

// write runs one statement in a transaction and expects it to write one row.
func (h *byHand) write(ctx context.Context, stmt *sql.Stmt, args ...any) error {
	tx, err := h.writes.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	result, err := tx.StmtContext(ctx, stmt).ExecContext(ctx, args...)
	if err != nil {
		return err
	}
	if n, err := result.RowsAffected(); err != nil || n != 1 {
		return errors.Join(errors.New("not one row was written"), err)
	}
	return tx.Commit()
}

func (h *byHand) create(ctx context.Context, l bare) error {
	return h.write(ctx, h.insert, l.id[:], l.key, l.name, l.constraint, l.suspended, l.meta, l.packages, l.created, l.updated)
}

func (h *byHand) replace(ctx context.Context, l bare) error {
	return h.write(ctx, h.update, l.id[:], l.key, l.name, l.constraint, l.suspended, l.meta, l.packages, time.Now().UnixMilli(), l.revision)
}

// bareOf returns the columns of l.
func bareOf(l *license.License) (bare, error) {
	packages, err := json.Marshal(l.Packages)
	return bare{
		id: l.ID, key: l.Key, name: l.Name, constraint: string(l.Constraint.AppendJSON(nil)), suspended: l.Suspended,
		meta: string(l.Meta), packages: string(packages),
		created: l.CreatedAt.UnixMilli(), updated: l.UpdatedAt.UnixMilli(), revision: l.Revision,
	}, err
}
