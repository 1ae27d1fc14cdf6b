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
	"cmp"
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

	// writing is held by the one writer there is at a time, who may therefore read all below
	// without a lock, but for what readers share (part.shared). To change something, a writer holds
	// every lock that belongs to it at once, so that each write happens in one moment; a reader
	// holds only one lock.
	writing sync.Mutex
	records slab
	byID    index
	byKey   index
	listing listing
	pages   sync.Pool // of *[]record
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
	s := &Store{now: o.Now}
	s.byID, s.byKey = newIndex(&s.records, ofIDs), newIndex(&s.records, ofKeys)
	s.listing = newListing(&s.records)
	return s
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
	s.replace(0, l)
	return nil
}

// inTheWay returns the record, if any, that has the id or else the key of a new license,
// with the error that says which.
func (s *Store) inTheWay(l *license.License) (ref, error) {
	if r := s.byID.find(string(l.ID[:])); r != 0 {
		return r, license.ErrIDExists
	}
	if r := s.byKey.find(l.Key); r != 0 {
		return r, license.ErrKeyExists
	}
	return 0, nil
}

// Get implements [license.Store].
func (s *Store) Get(ctx context.Context, id uuid.UUID) (*license.License, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if l := s.byID.license(string(id[:])); l != nil {
		return l, nil
	}
	return nil, fmt.Errorf("memstore: getting license %s: %w", id, license.ErrNotFound)
}

// GetByKey implements [license.Store].
func (s *Store) GetByKey(ctx context.Context, key string) (*license.License, error) {
	return getByKey(ctx, key, s.byKey.license)
}

func getByKey(ctx context.Context, key string, find func(key string) *license.License) (*license.License, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if l := find(key); l != nil {
		return l, nil
	}
	return nil, fmt.Errorf("memstore: getting a license by key: %w", license.ErrNotFound)
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
	records := s.takeRecords()
	defer s.returnRecords(records)
	*records = s.listing.find(q, p, *records)
	p.Licenses = licenses(*records)
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
	records := s.takeRecords()
	defer s.returnRecords(records)
	*records = s.listing.find(q, p, *records)
	var lent license.License
	for i := range *records {
		(*records)[i].into(&lent, lent.Packages[:0], lent.Meta[:0])
		use(&lent)
	}
	return p, nil
}

// takeRecords returns room for the records of a page.
func (s *Store) takeRecords() *[]record {
	if records, ok := s.pages.Get().(*[]record); ok {
		return records
	}
	return new([]record)
}

func (s *Store) returnRecords(records *[]record) {
	if cap(*records) > 2*license.MaxLimit { // one huge page must not stay in memory for ever
		return
	}
	clear(*records) // they would keep the text of what may be deleted
	*records = (*records)[:0]
	s.pages.Put(records)
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
	at, old, err := s.current(l.ID, l.Revision)
	if err != nil {
		return fmt.Errorf("memstore: updating license %s: %w", l.ID, err)
	}
	if other := s.byKey.find(l.Key); other != 0 && other != at {
		return fmt.Errorf("memstore: updating license %s: %w", l.ID, license.ErrKeyExists)
	}
	l.CreatedAt = fromMillis(old.created)
	l.UpdatedAt = fromMillis(max(old.updated, s.now().UnixMilli()))
	l.Revision = old.revision() + 1
	s.replace(at, l)
	return nil
}

// Delete implements [license.Store].
func (s *Store) Delete(ctx context.Context, id uuid.UUID, revision int64) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	at, _, err := s.current(id, revision)
	if err != nil {
		return fmt.Errorf("memstore: deleting license %s: %w", id, err)
	}
	s.replace(at, nil)
	return nil
}

// current returns the record of a license that has this revision, or any if it is zero.
func (s *Store) current(id uuid.UUID, revision int64) (ref, *record, error) {
	at := s.byID.find(string(id[:]))
	if at == 0 {
		return 0, nil, license.ErrNotFound
	}
	r := &s.records.at(at).record
	if revision != 0 && revision != r.revision() {
		return 0, nil, license.ErrRevisionMismatch
	}
	return at, r, nil
}

// replace puts l in the place of the record at old, either of which may be nothing, in one moment.
func (s *Store) replace(old ref, l *license.License) {
	var id, oldKey, newKey string
	if old != 0 {
		r := s.records.at(old)
		id, oldKey = string(r.id[:]), r.key()
	}
	if l != nil {
		id, newKey = string(l.ID[:]), l.Key
	}
	defer s.byID.lock(id, id)()
	defer s.byKey.lock(cmp.Or(oldKey, newKey), cmp.Or(newKey, oldKey))()
	s.listing.mu.Lock()
	defer s.listing.mu.Unlock()

	if old != 0 {
		s.listing.remove(old)
		s.byKey.remove(oldKey, old)
		s.byID.remove(id, old)
		s.records.release(old)
	}
	if l != nil {
		at := s.listing.add(l)
		s.byKey.add(newKey, at)
		s.byID.add(id, at)
	}
}
