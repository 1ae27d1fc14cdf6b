package storetest

import (
	"context"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/privatepkgs/license"
)

// faulty is a store whose calls can be replaced, and whose answers can be spoiled.
type faulty struct {
	license.Store
	now func() time.Time

	create   func(ctx context.Context, l *license.License) error
	get      func(ctx context.Context, id uuid.UUID) (*license.License, error)
	getByKey func(ctx context.Context, key string) (*license.License, error)
	list     func(ctx context.Context, q license.Query) (*license.Page, error)
	update   func(ctx context.Context, l *license.License) error
	delete   func(ctx context.Context, id uuid.UUID, revision int64) error

	lend func(ctx context.Context, q license.Query, use func(*license.License)) (*license.Page, error) // makes it a lender

	createBatch func(ctx context.Context, batch []*license.License) ([]*license.License, error)

	spoil func(l *license.License) // applied to every license that a read returns

	mu    sync.Mutex
	notes map[string]*license.License // whatever a fault wants to remember
}

// note remembers a license, and noted recalls it.
func (s *faulty) note(name string, l *license.License) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.notes == nil {
		s.notes = map[string]*license.License{}
	}
	s.notes[name] = l
}

func (s *faulty) noted(name string) *license.License {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.notes[name]
}

func (s *faulty) Create(ctx context.Context, l *license.License) error {
	if s.create != nil {
		return s.create(ctx, l)
	}
	return s.Store.Create(ctx, l)
}

func (s *faulty) Get(ctx context.Context, id uuid.UUID) (*license.License, error) {
	get := s.Store.Get
	if s.get != nil {
		get = s.get
	}
	l, err := get(ctx, id)
	return s.spoiled(l), err
}

func (s *faulty) GetByKey(ctx context.Context, key string) (*license.License, error) {
	getByKey := s.Store.GetByKey
	if s.getByKey != nil {
		getByKey = s.getByKey
	}
	l, err := getByKey(ctx, key)
	return s.spoiled(l), err
}

func (s *faulty) List(ctx context.Context, q license.Query) (*license.Page, error) {
	list := s.Store.List
	if s.list != nil {
		list = s.list
	}
	p, err := list(ctx, q)
	if err != nil {
		return p, err
	}
	for _, l := range p.Licenses {
		s.spoiled(l)
	}
	return p, nil
}

func (s *faulty) Update(ctx context.Context, l *license.License) error {
	if s.update != nil {
		return s.update(ctx, l)
	}
	return s.Store.Update(ctx, l)
}

func (s *faulty) Delete(ctx context.Context, id uuid.UUID, revision int64) error {
	if s.delete != nil {
		return s.delete(ctx, id, revision)
	}
	return s.Store.Delete(ctx, id, revision)
}

// lending is a faulty store that lends pages.
type lending struct{ *faulty }

func (s lending) LendPage(ctx context.Context, q license.Query, use func(*license.License)) (*license.Page, error) {
	return s.lend(ctx, q, use)
}

func (s *faulty) spoiled(l *license.License) *license.License {
	if s.spoil != nil && l != nil {
		s.spoil(l)
	}
	return l
}
