package pgtest

import (
	"context"
	"database/sql"
	"sync"
	"testing"
)

// A Pool lends databases of the shared server to tests, and lends each again when a test is done
// with it: to make a database takes half a second, to empty one some milliseconds.
type Pool struct {
	// Empty is the statement that empties a database when a test is done with it.
	Empty string

	mu   sync.Mutex
	free []string // names
}

// Lend returns the URL of a database for one test. It has not been used, or been emptied.
func (p *Pool) Lend(tb testing.TB) string {
	tb.Helper()
	s := Shared(tb)
	name := p.take()
	if name == "" {
		name = s.createDatabase(tb, "")
	}
	url := s.url(owner, name)
	tb.Cleanup(func() {
		if err := empty(url, p.Empty); err != nil {
			tb.Errorf("pgtest: emptying a database: %v", err)
			return
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		p.free = append(p.free, name)
	})
	return url
}

func (p *Pool) take() (name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := len(p.free); n > 0 {
		name, p.free = p.free[n-1], p.free[:n-1]
	}
	return name
}

func empty(url, statement string) error {
	db, err := sql.Open("pgx", url)
	if err != nil {
		return err
	}
	defer db.Close()
	_, err = db.ExecContext(context.Background(), statement)
	return err
}
