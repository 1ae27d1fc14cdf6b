package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"slices"
)

// sessions reads from a database in this process, where database/sql would take a quarter of the time of a
// point read: it keeps all connections of a *sql.DB, each with what was prepared on it, and calls their
// driver.
//
// Whoever has a session need not wait for a connection, but to open one at first, and every query finds
// what it reads by an index: a license in microseconds, the longest page in a millisecond or three. So it
// is enough to look at the context before and after, where one that the driver watches would cost a goroutine or
// two. (A database that another locks against readers, which a write-ahead log spares them, holds a query up
// for as long as its busy timeout says.)
type sessions struct {
	db    *sql.DB
	texts *texts
	free  chan *session // as many as the database has connections
}

func newSessions(db *sql.DB, texts *texts, n int) *sessions {
	p := &sessions{db, texts, make(chan *session, n)}
	for range n {
		p.free <- new(session)
	}
	return p
}

func (p *sessions) each(ctx context.Context, q query, args []any, row func(Row) error) error {
	s, err := p.take(ctx)
	if err != nil {
		return err
	}
	defer func() { p.free <- s }()
	answered, err := s.each(ctx, p, q, args, row)
	if errors.Is(err, driver.ErrBadConn) && !answered {
		_, err = s.each(ctx, p, q, args, row) // on another connection
	}
	return err
}

// take waits for a session. Where one is free it does not ask for ctx.Done(), which may cost a timer.
func (p *sessions) take(ctx context.Context) (*session, error) {
	select {
	case s := <-p.free:
		return s, nil
	default:
	}
	select {
	case s := <-p.free:
		return s, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// close waits for what is under way, and gives the connections back to the database, which stays as it is.
func (p *sessions) close() {
	all := make([]*session, cap(p.free))
	for i := range all {
		all[i] = <-p.free
	}
	for _, s := range all {
		s.close()
		p.free <- s
	}
}

// session is a connection and what was prepared on it. It connects when it is first used.
type session struct {
	conn       *sql.Conn
	statements [queryCount]driver.Stmt
	closed     bool

	// Room for one query and one row of its answer.
	args [maxArgs]driver.NamedValue
	row  driverRow
}

// maxArgs is how many arguments a query has at most: those of a page with both filters.
const maxArgs = 5

// each reports whether row was called, too.
func (s *session) each(ctx context.Context, p *sessions, q query, args []any, row func(Row) error) (answered bool, err error) {
	if s.closed {
		return false, errClosed
	}
	if s.conn == nil {
		conn, err := p.db.Conn(ctx)
		if err != nil {
			return false, err
		}
		s.conn = conn
	}
	err = s.conn.Raw(func(conn any) (err error) {
		lost := true // as it is when something panics
		defer func() {
			if lost || errors.Is(err, driver.ErrBadConn) { // then Raw closes it
				s.closeStatements()
			}
		}()
		if s.statements[q] == nil {
			var statement driver.Stmt
			if statement, err = conn.(driver.Conn).Prepare(p.texts[q]); err == nil {
				s.statements[q] = statement
			}
		}
		if err == nil {
			answered, err = s.query(ctx, s.statements[q], args, row)
		}
		lost = false
		return err
	})
	if errors.Is(err, sql.ErrConnDone) { // what panicked before has closed it
		err = driver.ErrBadConn
	}
	if errors.Is(err, driver.ErrBadConn) {
		*s = session{}
	}
	return answered, err
}

func (s *session) query(ctx context.Context, statement driver.Stmt, args []any, row func(Row) error) (answered bool, err error) {
	defer s.forget()
	for i, arg := range args {
		value, err := driver.DefaultParameterConverter.ConvertValue(arg)
		if err != nil {
			return false, err
		}
		s.args[i] = driver.NamedValue{Ordinal: i + 1, Value: value}
	}
	querier, ok := statement.(driver.StmtQueryContext)
	if !ok {
		return false, fmt.Errorf("the driver of Options.Readers must implement driver.StmtQueryContext, and %T does not", statement)
	}
	rows, err := querier.QueryContext(context.WithoutCancel(ctx), s.args[:len(args)])
	if err != nil {
		return false, err
	}
	defer rows.Close()
	columns := len(rows.Columns())
	for {
		s.row = slices.Grow(s.row[:0], columns)[:columns]
		err := rows.Next(s.row)
		if err == io.EOF {
			return answered, nil
		}
		if err == nil {
			err = ctx.Err()
		}
		if err == nil {
			answered = true
			err = row(&s.row)
		}
		if err != nil {
			return answered, err
		}
	}
}

// forget lets go of the arguments and the row, which may be large.
func (s *session) forget() {
	clear(s.args[:])
	clear(s.row)
}

func (s *session) close() {
	if s.conn != nil {
		_ = s.conn.Raw(func(any) error {
			s.closeStatements()
			return nil
		})
		_ = s.conn.Close()
	}
	*s = session{closed: true}
}

// closeStatements must be called in [sql.Conn.Raw], before the connection is closed, which they would keep
// open. database/sql does not know them.
func (s *session) closeStatements() {
	for i, statement := range s.statements {
		if statement != nil {
			_ = statement.Close()
			s.statements[i] = nil
		}
	}
}

// driverRow is a row as a driver returns it.
type driverRow []driver.Value

// Scan reads text and integers, of which all rows consist that are read here.
func (d *driverRow) Scan(dest ...any) error {
	r := *d
	if len(dest) != len(r) {
		return fmt.Errorf("sqlstore: the row has %d columns and not %d", len(r), len(dest))
	}
	for i, to := range dest {
		ok := false
		switch to := to.(type) {
		case *int64:
			*to, ok = r[i].(int64)
		case *string:
			if *to, ok = r[i].(string); !ok {
				var text []byte // which is the driver's
				text, ok = r[i].([]byte)
				*to = string(text)
			}
		}
		if !ok {
			return fmt.Errorf("sqlstore: column %d is a %T and not what a %T takes", i+1, r[i], to)
		}
	}
	return nil
}
