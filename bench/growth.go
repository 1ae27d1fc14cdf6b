package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"time"

	"github.com/privatepkgs/license"
	"github.com/privatepkgs/license/bench/internal/measure"
	"github.com/privatepkgs/license/memstore"
	"github.com/privatepkgs/license/sqlstore/postgres"
	"github.com/privatepkgs/license/sqlstore/sqlite"
)

// calls are what is measured while a store grows.
var calls = []string{"get by key", "page of 100", "create"}

// stage is what the calls take in a store of some size.
type stage struct {
	store    string
	licenses int
	nanos    []measure.Spread // of each call
}

// growingStore is a store that is filled further and further.
type growingStore struct {
	license.Store
	fill func(from, to int) error
}

var growing = []struct {
	name string
	open func(b *bench) (growingStore, error)
}{
	{"memory", growingMemory},
	{"SQLite", growingSQLite},
	{"PostgreSQL", growingPostgres},
}

func growingMemory(b *bench) (growingStore, error) {
	s := memstore.New(memstore.Options{})
	return growingStore{s, func(from, to int) error { return b.grow(s, from, to) }}, nil
}

func growingSQLite(b *bench) (growingStore, error) {
	s, err := sqlite.Open(nothing(), filepath.Join(b.dir, "growing.db"))
	if err != nil {
		return growingStore{}, err
	}
	b.cleaning(s.Close)
	return growingStore{s, func(from, to int) error { return b.fill(s, from, to) }}, nil
}

func growingPostgres(b *bench) (growingStore, error) {
	url, err := b.newDatabase()
	if err != nil {
		return growingStore{}, err
	}
	s, err := postgres.Open(nothing(), url)
	if err != nil {
		return growingStore{}, err
	}
	b.cleaning(s.Close)
	return growingStore{s, func(from, to int) error { return errors.Join(b.fill(s, from, to), b.vacuum(url)) }}, nil
}

// growth measures each store at each size.
func (b *bench) growthOf(each func(stage)) (stages []stage, err error) {
	for _, g := range growing {
		s, err := g.open(b)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", g.name, err)
		}
		from := 0
		for _, n := range b.growth {
			if err := s.fill(from, n); err != nil {
				return nil, fmt.Errorf("filling %s: %w", g.name, err)
			}
			from = n
			st := stage{store: g.name, licenses: n}
			for _, side := range b.sidesOf(s, n) {
				nanos, err := measure.Time(b.effort, side)
				if err != nil {
					return nil, fmt.Errorf("%s with %d licenses: %w", g.name, n, err)
				}
				st.nanos = append(st.nanos, nanos)
			}
			each(st)
			stages = append(stages, st)
		}
		if err := b.cleanup(); err != nil {
			return nil, err
		}
	}
	return stages, nil
}

// sidesOf returns the calls, on random licenses of the n in a store.
func (b *bench) sidesOf(s license.Store, n int) []measure.Side {
	return []measure.Side{
		measure.Each(func(int) error { _, err := s.GetByKey(nothing(), keyOf(rand.IntN(n))); return err }),
		measure.Each(func(int) error {
			since := time.UnixMilli(firstMilli + int64(rand.IntN(max(1, n-100))))
			p, err := s.List(nothing(), license.Query{Since: since})
			if err == nil && len(p.Licenses) != 100 {
				err = errors.New("the page is not full")
			}
			return err
		}),
		b.creating(func(l *license.License) error { return s.Create(nothing(), l) }),
	}
}
