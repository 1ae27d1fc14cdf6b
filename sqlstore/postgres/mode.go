package postgres

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// openDB returns a pool of connections on which each statement is prepared once, so that a read
// takes two thirds of the time. Behind a pooler nothing is prepared: it may lend the next transaction
// another connection to the server, on which that would not be.
func openDB(config *pgx.ConnConfig) *sql.DB {
	var p pooler
	return stdlib.OpenDB(*config, stdlib.OptionBeforeConnect(p.beforeConnect), stdlib.OptionAfterConnect(p.afterConnect))
}

// pooler notes whether a pooler of connections was seen between here and the server.
type pooler struct{ seen atomic.Bool }

func (p *pooler) beforeConnect(_ context.Context, c *pgx.ConnConfig) error {
	c.DefaultQueryExecMode = pgx.QueryExecModeCacheStatement
	if p.seen.Load() {
		c.DefaultQueryExecMode = pgx.QueryExecModeExec
	}
	return nil
}

// afterConnect looks who has answered. A server begins with the id of the process that serves the
// connection. A pooler has no process to name yet, and begins with a number of its own.
func (p *pooler) afterConnect(ctx context.Context, c *pgx.Conn) error {
	if p.seen.Load() {
		return nil
	}
	var pid uint32
	err := c.QueryRow(ctx, `SELECT pg_backend_pid()`, pgx.QueryExecModeExec).Scan(&pid)
	if err == nil && pid == c.PgConn().PID() {
		return nil
	}
	defer c.Close(ctx)
	if err != nil && (c.IsClosed() || ctx.Err() != nil) {
		return err
	}
	p.seen.Store(true)
	return driver.ErrBadConn // so that database/sql connects again
}
