package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/privatepkgs/license"
	"github.com/privatepkgs/license/internal/constraintcache"
)

// Options are the choices of a [Store]. The zero value is ready to use.
type Options struct {
	// Now is the clock; nil means [time.Now].
	Now func() time.Time

	// Readers, unless nil, is a second pool of connections to the same database, on which
	// everything is read. On SQLite, set its size with SetMaxOpenConns before New: then the Store
	// keeps all of its connections from when they are first needed until [Store.Close], whatever
	// lifetime was set for them, and calls their driver, which must implement
	// [driver.StmtQueryContext]. Nobody else gets one meanwhile, not even for a Ping. A query on them
	// looks at its context before and after, which is milliseconds at most as long as nobody
	// locks the database against readers.
	Readers *sql.DB

	// CloseDB makes [Store.Close] close the database and Readers too.
	CloseDB bool

	// ErrorCode returns SQLite's extended result code of a driver's error, and 0 for another
	// error. Nil understands errors with a method Code() int, as those of
	// modernc.org/sqlite. Other dialects do not use it.
	ErrorCode func(error) int
}

// Store keeps licenses in a database. It is safe for concurrent use, also by several processes.
type Store struct {
	db          *sql.DB
	dialect     Dialect
	traits      *traits
	now         func() time.Time
	errorCode   func(error) int
	writes      *pool
	sharing     sharing       // of transactions in writes
	reads       closingReader // writes, where there are no readers
	readers     *sql.DB
	closeDB     bool
	closed      atomic.Bool
	constraints constraintcache.Cache
}

var _ license.Store = (*Store)(nil)

// New returns a Store on db, which stays the caller's. It neither connects nor touches the
// schema: call [Store.Migrate], or apply [Dialect.Migrations] with a tool of your own.
func New(db *sql.DB, d Dialect, o Options) (*Store, error) {
	t := d.traits()
	if t == nil {
		return nil, fmt.Errorf("sqlstore: %q is not a dialect; use sqlstore.SQLite or sqlstore.PostgreSQL", string(d))
	}
	if db == nil {
		return nil, errors.New("sqlstore: New needs a database")
	}
	if o.Readers == db {
		return nil, errors.New("sqlstore: Options.Readers must be a pool of its own; leave it nil to read on the database's")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	s := &Store{
		db:        db,
		dialect:   d,
		traits:    t,
		now:       o.Now,
		errorCode: o.ErrorCode,
		writes:    &pool{db: db, texts: t.texts, prepare: t.prepare},
		closeDB:   o.CloseDB,
	}
	s.reads = s.writes
	if o.Readers != nil {
		s.readers = o.Readers
		s.reads = &pool{db: o.Readers, texts: t.texts, prepare: t.prepare}
		if n := o.Readers.Stats().MaxOpenConnections; n > 0 && t.inProcess {
			s.reads = newSessions(o.Readers, t.texts, n)
		}
	}
	return s, nil
}

// Close releases what the Store has prepared and the connections of Readers; every later call fails. Do not
// call it while other calls are under way: whether it waits for them depends on the database. The database
// stays open, unless [Options].CloseDB says otherwise: close it after the Store. To close twice is no error.
func (s *Store) Close() error {
	if s.closed.Swap(true) {
		return nil
	}
	s.reads.close()
	s.writes.close()
	if !s.closeDB {
		return nil
	}
	var errReaders error
	if s.readers != nil {
		errReaders = s.readers.Close()
	}
	// The writer goes last: the last connection to a SQLite file tidies up, and must be
	// allowed to write.
	if err := errors.Join(errReaders, s.db.Close()); err != nil {
		return fmt.Errorf("sqlstore: closing: %w", err)
	}
	return nil
}

// Get implements [license.Store].
func (s *Store) Get(ctx context.Context, id uuid.UUID) (*license.License, error) {
	return s.get(ctx, s.reads, queryGet, id[:])
}

// GetByKey implements [license.Store].
func (s *Store) GetByKey(ctx context.Context, key string) (*license.License, error) {
	return s.getByKey(ctx, s.reads, key)
}

func (s *Store) getByKey(ctx context.Context, on reader, key string) (*license.License, error) {
	if !possibleKey(key) {
		if err := s.ready(ctx); err != nil {
			return nil, s.failed(ctx, opGet, err)
		}
		return nil, s.failed(ctx, opGet, license.ErrNotFound)
	}
	return s.get(ctx, on, queryGetByKey, key)
}

// possibleKey reports whether a license can have this key. Databases differ in what they
// make of other text: PostgreSQL refuses NUL.
func possibleKey(key string) bool {
	for i := range len(key) {
		if key[i] <= ' ' || key[i] > '~' {
			return false
		}
	}
	return key != "" && len(key) <= license.MaxKeyLen
}

func (s *Store) get(ctx context.Context, on reader, q query, arg any) (*license.License, error) {
	if err := s.ready(ctx); err != nil {
		return nil, s.failed(ctx, opGet, err)
	}
	var found *license.License
	err := on.each(ctx, q, []any{arg}, func(row Row) (err error) {
		found, err = s.scanLicense(row)
		return err
	})
	if err == nil && found == nil {
		err = license.ErrNotFound
	}
	if err != nil {
		return nil, s.failed(ctx, opGet, err)
	}
	return found, nil
}

// ready reports why nothing can be asked of the Store.
func (s *Store) ready(ctx context.Context) error {
	if s.closed.Load() {
		return errClosed
	}
	return ctx.Err()
}
