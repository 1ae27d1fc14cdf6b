package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"sync"
	"sync/atomic"
)

// reader runs the queries of a Store: on a pool of connections or in a transaction.
type reader interface {
	// each calls row for every row of the answer. The connection is free again when it
	// returns, so that another query may follow on a pool of one.
	each(ctx context.Context, q query, args []any, row func(Row) error) error
}

// closingReader is a reader with something of its own.
type closingReader interface {
	reader

	// close releases what was prepared, and leaves the database as it is.
	close()
}

// pool is a *sql.DB with the statements that were prepared on it, each when it is first used.
type pool struct {
	db      *sql.DB
	texts   *texts
	prepare bool

	mu         sync.Mutex
	statements [queryCount]atomic.Pointer[sql.Stmt]
	closed     bool
}

// statement returns q prepared, or nil where the dialect does without.
func (p *pool) statement(ctx context.Context, q query) (*sql.Stmt, error) {
	if !p.prepare {
		return nil, nil
	}
	if s := p.statements[q].Load(); s != nil {
		return s, nil
	}
	s, err := p.db.PrepareContext(ctx, p.texts[q])
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if other := p.statements[q].Load(); other != nil || p.closed {
		s.Close()
		return other, nil
	}
	p.statements[q].Store(s)
	return s, nil
}

func (p *pool) each(ctx context.Context, q query, args []any, row func(Row) error) error {
	s, err := p.statement(ctx, q)
	if err != nil {
		return err
	}
	query := func() (*sql.Rows, error) {
		if s == nil {
			return p.db.QueryContext(ctx, p.texts[q], args...)
		}
		return s.QueryContext(ctx, args...)
	}
	rows, err := query()
	for backoff := newBackoff(); errors.Is(err, driver.ErrBadConn) && backoff.wait(ctx); {
		rows, err = query()
	}
	return scan(row)(rows, err)
}

func (p *pool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for i := range p.statements {
		if s := p.statements[i].Swap(nil); s != nil {
			s.Close()
		}
	}
}

// transaction runs queries in a transaction.
type transaction struct {
	Tx
	pool *pool
	own  *sql.Tx // what Tx is, if the pool's database began it
}

func (p *pool) transaction(tx *sql.Tx) transaction { return transaction{sqlTx{tx}, p, tx} }

// prepared returns q as the pool has prepared it, in this transaction, or nil. Nothing is prepared here:
// with one connection, which the transaction holds, that would wait for ever. Nor is anything
// in a caller's transaction, which may be of another *sql.DB on the same database.
func (t transaction) prepared(ctx context.Context, q query) *sql.Stmt {
	s := t.pool.statements[q].Load()
	if s == nil || t.own == nil {
		return nil
	}
	return t.own.StmtContext(ctx, s)
}

func (t transaction) each(ctx context.Context, q query, args []any, row func(Row) error) error {
	if s := t.prepared(ctx, q); s != nil {
		return scan(row)(s.QueryContext(ctx, args...))
	}
	return t.Query(ctx, t.pool.texts[q], args, row)
}

// exec returns the number of rows that were written.
func (t transaction) exec(ctx context.Context, q query, args []any) (int64, error) {
	if s := t.prepared(ctx, q); s != nil {
		return affected(s.ExecContext(ctx, args...))
	}
	return t.Exec(ctx, t.pool.texts[q], args)
}

// sqlTx is the [Tx] of database/sql.
type sqlTx struct{ *sql.Tx }

func (t sqlTx) Query(ctx context.Context, query string, args []any, row func(Row) error) error {
	return scan(row)(t.QueryContext(ctx, query, args...))
}

func (t sqlTx) Exec(ctx context.Context, query string, args []any) (int64, error) {
	return affected(t.ExecContext(ctx, query, args...))
}

// scan returns a function that takes the result of a query, calls row for every row and
// closes it.
func scan(row func(Row) error) func(*sql.Rows, error) error {
	return func(rows *sql.Rows, err error) error {
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			if err := row(rows); err != nil {
				return err
			}
		}
		return rows.Err()
	}
}

func affected(r sql.Result, err error) (int64, error) {
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}
