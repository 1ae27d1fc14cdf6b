package main

import (
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/privatepkgs/license"
	"github.com/privatepkgs/license/bench/internal/measure"
	"github.com/privatepkgs/license/sqlstore/postgres"
)

func sqliteRows() []row {
	const byHand = "the prepared statement by hand, plain strings"
	return storeRows("sqlite", "SQLite", byHand, (*bench).sqlitePair)
}

func postgresRows() []row {
	const byHand = "the statement by hand on pgx through database/sql, plain strings"
	return storeRows("postgres", "PostgreSQL", byHand, (*bench).postgresPair)
}

func storeRows(name, database, baseline string, open func(b *bench) (license.Store, *byHand, error)) []row {
	of := func(call string, prepare func(b *bench, s license.Store, h *byHand) (sides, error)) row {
		return compared(name+"/"+call, call+" on "+database, baseline, ofTime(1.2), func(b *bench) (sides, error) {
			s, h, err := open(b)
			if err != nil {
				return sides{}, err
			}
			return prepare(b, s, h)
		})
	}
	return []row{
		of("Get", compareGet),
		of("GetByKey", compareGetByKey),
		of("Create", compareCreate),
		of("Update", compareUpdate),
		compared(name+"/page", "page of 100 at nine tenths of the depth, "+database, "the first page", ofTime(1.2), func(b *bench) (sides, error) {
			s, _, err := open(b)
			return b.comparePages(s, err)
		}),
	}
}

// sqlitePair returns both ways to one file.
func (b *bench) sqlitePair() (license.Store, *byHand, error) {
	s, path, err := b.openSQLite(b.stored)
	if err != nil {
		return nil, nil, err
	}
	h, err := openSQLiteByHand(path)
	if err == nil {
		b.cleaning(h.close)
	}
	return s, h, err
}

// openSQLiteByHand opens a file with the driver and the pragmas of package sqlstore/sqlite.
func openSQLiteByHand(path string) (*byHand, error) {
	connect := func(size int, parameters string) (*sql.DB, error) {
		db, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(10000)&"+parameters)
		if err == nil {
			db.SetMaxOpenConns(size)
			db.SetMaxIdleConns(size)
		}
		return db, err
	}
	writes, err := connect(1, "_txlock=immediate&_pragma=synchronous(full)&_pragma=wal_autocheckpoint(10000)&_pragma=temp_store(memory)")
	if err != nil {
		return nil, err
	}
	reads, err := connect(max(4, runtime.GOMAXPROCS(0)), "_pragma=query_only(1)&_pragma=mmap_size(268435456)&_pragma=cache_size(-16000)")
	if err != nil {
		return nil, errors.Join(err, writes.Close())
	}
	return newByHand(reads, writes)
}

// postgresPair returns both ways to one database.
func (b *bench) postgresPair() (license.Store, *byHand, error) {
	url, err := b.postgresURL(b.stored)
	if err != nil {
		return nil, nil, err
	}
	s, err := postgres.Open(nothing(), url)
	if err != nil {
		return nil, nil, err
	}
	b.cleaning(s.Close)
	h, err := openPostgresByHand(url)
	if err == nil {
		b.cleaning(h.close)
	}
	return s, h, err
}

func openPostgresByHand(url string) (*byHand, error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, err
	}
	db := stdlib.OpenDB(*config)
	db.SetMaxOpenConns(postgres.DefaultMaxConns)
	db.SetMaxIdleConns(postgres.DefaultMaxConns)
	return newByHand(db, db)
}

func compareGet(b *bench, s license.Store, h *byHand) (sides, error) {
	ids := func(i int) any { id := idOf(i); return id[:] }
	if err := b.sameReads(s, h.get, ids); err != nil {
		return sides{}, err
	}
	return sides{
		subject:  measure.Each(func(int) error { _, err := s.Get(nothing(), idOf(rand.IntN(b.stored))); return err }),
		baseline: measure.Each(func(int) error { _, err := read(nothing(), h.get, ids(rand.IntN(b.stored))); return err }),
	}, nil
}

func compareGetByKey(b *bench, s license.Store, h *byHand) (sides, error) {
	keys := func(i int) any { return keyOf(i) }
	if err := b.sameReads(s, h.getByKey, keys); err != nil {
		return sides{}, err
	}
	return sides{
		subject:  measure.Each(func(int) error { _, err := s.GetByKey(nothing(), keyOf(rand.IntN(b.stored))); return err }),
		baseline: measure.Each(func(int) error { _, err := read(nothing(), h.getByKey, keys(rand.IntN(b.stored))); return err }),
	}, nil
}

// sameReads reports whether what is read by hand is what the store reads, which is what was stored.
func (b *bench) sameReads(s license.Store, stmt *sql.Stmt, argument func(i int) any) error {
	for i := b.stored / 2; i < b.stored; i += b.stored / 20 { // updates are made in the first half
		want := b.catalogue.license(i)
		l, err := s.GetByKey(nothing(), want.Key)
		if err != nil {
			return err
		}
		got, err := read(nothing(), stmt, argument(i))
		if err != nil {
			return err
		}
		columns, err := bareOf(l)
		if err != nil {
			return err
		}
		if got != columns {
			return fmt.Errorf("by hand %+v was read, by the store %+v", got, columns)
		}
		if err := same(l, want); err != nil {
			return err
		}
	}
	return nil
}

func compareCreate(b *bench, s license.Store, h *byHand) (sides, error) {
	return sides{
		subject: b.creating(func(l *license.License) error { return s.Create(nothing(), l) }),
		baseline: b.creating(func(l *license.License) error {
			columns, err := bareOf(l)
			if err != nil {
				return err
			}
			return h.create(nothing(), columns)
		}),
	}, nil
}

// creating creates licenses that there are not yet.
func (b *bench) creating(create func(*license.License) error) measure.Side {
	return measure.Each(func(int) error { return create(b.catalogue.license(b.unused())) })
}

var names = []string{"Example Ltd", "Example GmbH"}

func compareUpdate(b *bench, s license.Store, h *byHand) (sides, error) {
	// Of the licenses each side has its own, which it knows as one does who has just read them.
	known := min(1000, b.stored/4)
	ours, byHand := make([]*license.License, known), make([]bare, known)
	for i := range known {
		id := idOf(known + i)
		var err error
		if ours[i], err = s.Get(nothing(), idOf(i)); err != nil {
			return sides{}, err
		}
		if byHand[i], err = read(nothing(), h.get, id[:]); err != nil {
			return sides{}, err
		}
	}
	return sides{
		subject: measure.Each(func(i int) error {
			l := ours[i%known]
			l.Name = names[i/known%2]
			return s.Update(nothing(), l)
		}),
		baseline: measure.Each(func(i int) error {
			l := &byHand[i%known]
			l.name = names[i/known%2]
			err := h.replace(nothing(), *l)
			l.revision++
			return err
		}),
	}, nil
}
