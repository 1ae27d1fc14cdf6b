package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/privatepkgs/license"
	"github.com/privatepkgs/license/bench/internal/measure"
	"github.com/privatepkgs/license/sqlstore"
	"github.com/privatepkgs/license/sqlstore/postgres"
	"github.com/privatepkgs/license/sqlstore/sqlite"
)

// size is how much is measured with.
type size struct {
	effort   measure.Effort
	stored   int   // licenses in a store
	imported int   // licenses in a file
	peer     int   // licenses in PocketBase, and in the store beside it
	pairs    int   // of a range and a version
	growth   []int // licenses in a store, ascending
}

var (
	full = size{
		effort: measure.Effort{Rounds: 11, Turn: 400 * time.Millisecond},
		stored: 1_000_000, imported: 100_000, peer: 100_000, pairs: 10_000_000,
		growth: []int{1_000, 10_000, 100_000, 1_000_000, 10_000_000},
	}
	quick = size{
		effort: measure.Effort{Rounds: 3, Turn: 40 * time.Millisecond},
		stored: 20_000, imported: 5_000, peer: 5_000, pairs: 100_000,
		growth: []int{1_000, 10_000, 100_000},
	}
	tiny = size{ // for the tests
		effort: measure.Effort{Rounds: 1, Turn: time.Millisecond},
		stored: 2_000, imported: 500, peer: 300, pairs: 5_000,
		growth: []int{100, 1_000},
	}
)

// bench is one run. What its rows need is made when it is first needed, in a folder that goes
// with it.
type bench struct {
	size
	catalogue catalogue
	dir       string
	server    *postgresServer
	urls      map[int]string // of databases by the number of licenses in them
	cleanups  []func() error // of the row that is being measured
	created   int            // licenses that were made beyond those in the stores
}

func newBench(s size) (*bench, error) {
	c, err := newCatalogue()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "license-bench-")
	if err != nil {
		return nil, err
	}
	return &bench{size: s, catalogue: c, dir: dir, urls: make(map[int]string)}, nil
}

func (b *bench) close() error {
	err := b.cleanup()
	if b.server != nil {
		b.server.close()
	}
	return errors.Join(err, os.RemoveAll(b.dir))
}

// cleaning has something closed when the row is done.
func (b *bench) cleaning(f func() error) { b.cleanups = append(b.cleanups, f) }

func (b *bench) cleanup() error {
	var errs []error
	for _, f := range slices.Backward(b.cleanups) {
		errs = append(errs, f())
	}
	b.cleanups = nil
	return errors.Join(errs...)
}

// run measures one row.
func (b *bench) run(r row) (values []result, err error) {
	defer func() { err = errors.Join(err, b.cleanup()) }()
	values, err = r.measure(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r.name, err)
	}
	return values, nil
}

// nothing is the context of every call: one that cannot be cancelled, with which drivers do the least.
func nothing() context.Context { return context.Background() }

// sqliteFile returns a file with n licenses, the same one whenever it is asked for.
func (b *bench) sqliteFile(n int) (path string, err error) {
	path = filepath.Join(b.dir, fmt.Sprintf("licenses-%d.db", n))
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	s, err := sqlite.Open(nothing(), path)
	if err != nil {
		return "", err
	}
	return path, errors.Join(b.fill(s, 0, n), s.Close())
}

func (b *bench) openSQLite(n int) (*sqlstore.Store, string, error) {
	path, err := b.sqliteFile(n)
	if err != nil {
		return nil, "", err
	}
	s, err := sqlite.Open(nothing(), path)
	if err == nil {
		b.cleaning(s.Close)
	}
	return s, path, err
}

// postgresURL returns the URL of a database with n licenses, the same one whenever it is asked for.
func (b *bench) postgresURL(n int) (url string, err error) {
	if url := b.urls[n]; url != "" {
		return url, nil
	}
	if url, err = b.newDatabase(); err != nil {
		return "", err
	}
	s, err := postgres.Open(nothing(), url)
	if err != nil {
		return "", err
	}
	if err := errors.Join(b.fill(s, 0, n), s.Close()); err != nil {
		return "", err
	}
	b.urls[n] = url
	return url, b.vacuum(url)
}

// batchCreator is a store that takes many licenses at once.
type batchCreator interface {
	license.Store
	license.BatchCreator
}

// fill creates the licenses from one number up to another.
func (b *bench) fill(s batchCreator, from, to int) error {
	const batch = 1000
	for from < to {
		var licenses []*license.License
		for ; from < to && len(licenses) < batch; from++ {
			licenses = append(licenses, b.catalogue.license(from))
		}
		taken, err := s.CreateBatch(nothing(), licenses)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(taken, func(l *license.License) bool { return l != nil }) {
			return errors.New("a license that is to be created is there already")
		}
	}
	return nil
}

// unused returns the number of a license that no store has yet.
func (b *bench) unused() int {
	b.created++
	return 100_000_000 + b.created
}
