// Package memstore keeps licenses in memory: a [license.Store] for tests and small tools.
//
//	store := memstore.New(memstore.Options{})
//	err := store.Create(ctx, &license.License{
//		Constraint: license.NoConstraint(),
//		Packages:   []string{"example-package"},
//	})
//
// Nothing is written to a disk: what the store holds is gone when the process ends. Every
// lookup, and a page of [Store.List] at any depth and with any filter, costs about the same
// however many licenses there are.
package memstore

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/privatepkgs/license"
)

// Options are the choices of a [Store]. The zero value is ready to use.
type Options struct {
	// Now is the clock; nil means [time.Now].
	Now func() time.Time
}

// Store keeps licenses in memory. Make one with [New].
type Store struct {
	now func() time.Time

	// writing is held by the one writer there is at a time, who may therefore read all
	// below without a lock. To change something, a writer holds every lock that belongs to it
	// at once, so that each write happens in one moment; a reader holds only one lock.
	writing sync.Mutex
	byID    shards[uuid.UUID]
	byKey   shards[string]
	listing listing
}

var (
	_ license.Store      = (*Store)(nil)
	_ license.PageLender = (*Store)(nil)
)

// New returns an empty store.
func New(o Options) *Store {
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Store{
		now:     o.Now,
		byID:    newShards[uuid.UUID](),
		byKey:   newShards[string](),
		listing: newListing(),
	}
}

// Create implements [license.Store].
func (s *Store) Create(ctx context.Context, l *license.License) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := l.PrepareCreate(s.now()); err != nil {
		return err
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	if _, err := s.inTheWay(l); err != nil {
		return fmt.Errorf("memstore: creating license %s: %w", l.ID, err)
	}
	s.replace(nil, l)
	return nil
}

// inTheWay returns the record, if any, that has the id or else the key of a new license,
// with the error that says which.
func (s *Store) inTheWay(l *license.License) (*record, error) {
	if r := s.byID.of(l.ID).records[l.ID]; r != nil {
		return r, license.ErrIDExists
	}
	if r := s.byKey.of(l.Key).records[l.Key]; r != nil {
		return r, license.ErrKeyExists
	}
	return nil, nil
}

// Get implements [license.Store].
func (s *Store) Get(ctx context.Context, id uuid.UUID) (*license.License, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	r := s.byID.get(id)
	if r == nil {
		return nil, fmt.Errorf("memstore: getting license %s: %w", id, license.ErrNotFound)
	}
	return r.license(), nil
}

// GetByKey implements [license.Store].
func (s *Store) GetByKey(ctx context.Context, key string) (*license.License, error) {
	r, err := s.getByKey(ctx, key)
	if err != nil {
		return nil, err
	}
	return r.license(), nil
}

func (s *Store) getByKey(ctx context.Context, key string) (*record, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	r := s.byKey.get(key)
	if r == nil {
		return nil, fmt.Errorf("memstore: getting a license by key: %w", license.ErrNotFound)
	}
	return r, nil
}

// List implements [license.Store].
func (s *Store) List(ctx context.Context, q license.Query) (*license.Page, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	q, err := q.Prepare()
	if err != nil {
		return nil, err
	}
	p := new(license.Page)
	p.Licenses = licenses(s.listing.find(q, p))
	return p, nil
}

// LendPage implements [license.PageLender].
func (s *Store) LendPage(ctx context.Context, q license.Query, use func(*license.License)) (*license.Page, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	q, err := q.Prepare()
	if err != nil {
		return nil, err
	}
	p := new(license.Page)
	var lent license.License
	for _, r := range s.listing.find(q, p) {
		r.into(&lent, lent.Packages[:0], lent.Meta[:0])
		use(&lent)
	}
	return p, nil
}

// Update implements [license.Store].
func (s *Store) Update(ctx context.Context, l *license.License) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := l.PrepareUpdate(); err != nil {
		return err
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	old, err := s.current(l.ID, l.Revision)
	if err != nil {
		return fmt.Errorf("memstore: updating license %s: %w", l.ID, err)
	}
	if other := s.byKey.of(l.Key).records[l.Key]; other != nil && other != old {
		return fmt.Errorf("memstore: updating license %s: %w", l.ID, license.ErrKeyExists)
	}
	l.CreatedAt = fromMillis(old.created)
	l.UpdatedAt = fromMillis(max(old.updated, s.now().UnixMilli()))
	l.Revision = old.revision() + 1
	s.replace(old, l)
	return nil
}

// Delete implements [license.Store].
func (s *Store) Delete(ctx context.Context, id uuid.UUID, revision int64) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	old, err := s.current(id, revision)
	if err != nil {
		return fmt.Errorf("memstore: deleting license %s: %w", id, err)
	}
	s.replace(old, nil)
	return nil
}

// current returns the record of a license that has this revision, or any if it is zero.
func (s *Store) current(id uuid.UUID, revision int64) (*record, error) {
	r := s.byID.of(id).records[id]
	if r == nil {
		return nil, license.ErrNotFound
	}
	if revision != 0 && revision != r.revision() {
		return nil, license.ErrRevisionMismatch
	}
	return r, nil
}

// replace puts l in the place of old, either of which may be nil, in one moment.
func (s *Store) replace(old *record, l *license.License) {
	id, oldKey, newKey := uuid.Nil, "", ""
	if old != nil {
		id, oldKey = old.id, old.key()
	}
	if l != nil {
		id, newKey = l.ID, l.Key
	}
	defer s.byID.lock(id, id)()
	defer s.byKey.lock(oldKey, newKey)()
	s.listing.mu.Lock()
	defer s.listing.mu.Unlock()

	if old != nil {
		s.listing.remove(old)
		delete(s.byKey.of(oldKey).records, oldKey)
		delete(s.byID.of(id).records, id)
	}
	if l != nil {
		r := s.listing.add(l)
		s.byKey.of(newKey).records[r.key()] = r
		s.byID.of(id).records[id] = r
	}
}
