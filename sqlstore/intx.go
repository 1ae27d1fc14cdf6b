package sqlstore

import (
	"context"
	"database/sql"
	"sync"

	"github.com/google/uuid"

	"github.com/privatepkgs/license"
)

// InTx returns a Store whose calls happen in the caller's transaction, on the same
// database (through whatever *sql.DB), and take effect when the caller commits it: an order and
// its license are then both there or neither. The caller ends the transaction, and what it returns is of
// no use afterwards.
//
// A call that fails, say because a key is taken, leaves nothing behind, and the transaction
// can go on. After one that is [license.ErrUnavailable], roll it back and begin again: the connection
// is lost, or the database wants that (PostgreSQL after a deadlock, for instance). The commit is the
// caller's: one that is cut may have happened. Use one InTx for a transaction, and begin it with a write
// (SQLite: with BEGIN IMMEDIATE) so that it need not be begun again.
//
// On PostgreSQL it is the driver that decides what becomes of a connection whose query is cut by its
// context. pgx closes it, and the transaction is lost, unless its configuration has a
// CancelRequestContextWatcherHandler.
func (s *Store) InTx(tx *sql.Tx) license.Store { return s.InForeignTx(sqlTx{tx}) }

// InForeignTx is [Store.InTx] for a transaction that is not one of database/sql, such as pgx's
// own, for which package sqlstore/postgres has InTx.
func (s *Store) InForeignTx(tx Tx) license.Store {
	return &txStore{s: s, tx: transaction{Tx: tx, pool: s.writes}}
}

// Tx is a transaction to [Store.InForeignTx]. Its errors are the driver's, as they are.
type Tx interface {
	// Query calls row for every row of the answer, and returns the first error. The connection
	// is free again when it returns.
	Query(ctx context.Context, query string, args []any, row func(Row) error) error

	// Exec returns the number of rows that were written.
	Exec(ctx context.Context, query string, args []any) (int64, error)
}

// Row is one row of an answer: a *sql.Rows, or what its like is to another driver.
type Row interface {
	Scan(dest ...any) error
}

type txStore struct {
	s  *Store
	tx transaction
	mu sync.Mutex // savepoints of two calls must not interleave
}

func (t *txStore) Create(ctx context.Context, l *license.License) error {
	return t.s.create(ctx, t.write, l)
}

func (t *txStore) Update(ctx context.Context, l *license.License) error {
	return t.s.update(ctx, t.write, l)
}

func (t *txStore) Delete(ctx context.Context, id uuid.UUID, revision int64) error {
	return t.s.delete(ctx, t.write, id, revision)
}

func (t *txStore) Get(ctx context.Context, id uuid.UUID) (*license.License, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.s.get(ctx, t.tx, queryGet, id[:])
}

func (t *txStore) GetByKey(ctx context.Context, key string) (*license.License, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.s.getByKey(ctx, t.tx, key)
}

func (t *txStore) List(ctx context.Context, q license.Query) (*license.Page, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.s.list(ctx, t.tx, q)
}

// write runs fn between a savepoint and its release.
func (t *txStore) write(ctx context.Context, _ query, fn func(context.Context, transaction) error) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.s.ready(ctx); err != nil {
		return err
	}
	if t.s.traits.interruptRollsBack {
		ctx = context.WithoutCancel(ctx)
	}
	if _, err := t.tx.Exec(ctx, `SAVEPOINT pkg_license`, nil); err != nil {
		return err
	}
	err := fn(ctx, t.tx)
	// The end of a savepoint is not cut: it would stay open in the caller's transaction.
	end := context.WithoutCancel(ctx)
	if err == nil {
		if _, err = t.tx.Exec(end, `RELEASE SAVEPOINT pkg_license`, nil); err == nil {
			return nil
		}
	}
	if _, errBack := t.tx.Exec(end, `ROLLBACK TO SAVEPOINT pkg_license`, nil); errBack == nil {
		t.tx.Exec(end, `RELEASE SAVEPOINT pkg_license`, nil)
	}
	return err
}
