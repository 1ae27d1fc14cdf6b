package cachestore_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/privatepkgs/license"
	"github.com/privatepkgs/license/cachestore"
	"github.com/privatepkgs/license/memstore"
)

const maxStaleness = 10 * time.Second

// cache is what is tested, and what the controls do wrong.
type cache interface {
	license.Store
	Invalidate(uuid.UUID)
	InvalidateAll()
}

// probe is the store underneath: it counts the queries by key, and can be told to do
// something in each, after the database was read and before the answer arrives.
type probe struct {
	license.Store
	queries  atomic.Int64
	answered func(ctx context.Context, key string, err error) error
}

func (p *probe) GetByKey(ctx context.Context, key string) (*license.License, error) {
	p.queries.Add(1)
	l, err := p.Store.GetByKey(ctx, key)
	if p.answered != nil {
		if err := p.answered(ctx, key, err); err != nil {
			return nil, err
		}
	}
	return l, err
}

func newProbe() *probe { return &probe{Store: memstore.New(memstore.Options{})} }

func newCache(tb testing.TB, store license.Store) *cachestore.Store {
	tb.Helper()
	c, err := cachestore.New(store, cachestore.Options{MaxStaleness: maxStaleness})
	require.NoError(tb, err)
	return c
}

func newLicense(key string) *license.License {
	return &license.License{Key: key, Constraint: license.NoConstraint(), Packages: []string{"toy"}}
}

func create(tb testing.TB, s license.Store, key string) *license.License {
	tb.Helper()
	l := newLicense(key)
	require.NoError(tb, s.Create(tb.Context(), l))
	return l
}

func requireUnknown(tb testing.TB, s license.KeyGetter, key string) {
	tb.Helper()
	l, err := s.GetByKey(tb.Context(), key)
	require.ErrorIs(tb, err, license.ErrNotFound)
	require.Nil(tb, l)
}

func requireName(tb testing.TB, s license.KeyGetter, key, name string) {
	tb.Helper()
	l, err := s.GetByKey(tb.Context(), key)
	require.NoError(tb, err)
	require.Equal(tb, name, l.Name)
}

// unguarded is a cache as it is often written: each write removes what it changed, and
// a read that misses keeps what it got. It is the control of the tests about races.
type unguarded struct {
	license.Store
	mu    sync.Mutex
	byKey map[string]*license.License // nil for an unknown key
}

func newUnguarded(store license.Store) *unguarded {
	return &unguarded{Store: store, byKey: make(map[string]*license.License)}
}

func (c *unguarded) GetByKey(ctx context.Context, key string) (*license.License, error) {
	c.mu.Lock()
	l, ok := c.byKey[key]
	c.mu.Unlock()
	if !ok {
		var err error
		if l, err = c.Store.GetByKey(ctx, key); err != nil && !errors.Is(err, license.ErrNotFound) {
			return nil, err
		}
		c.mu.Lock()
		c.byKey[key] = l
		c.mu.Unlock()
	}
	if l == nil {
		return nil, license.ErrNotFound
	}
	return l.Clone(), nil
}

func (c *unguarded) Create(ctx context.Context, l *license.License) error {
	defer func() { c.forget(l.ID, l.Key) }()
	return c.Store.Create(ctx, l)
}

func (c *unguarded) Update(ctx context.Context, l *license.License) error {
	defer func() { c.forget(l.ID, l.Key) }()
	return c.Store.Update(ctx, l)
}

func (c *unguarded) Delete(ctx context.Context, id uuid.UUID, revision int64) error {
	defer c.forget(id, "")
	return c.Store.Delete(ctx, id, revision)
}

func (c *unguarded) Invalidate(id uuid.UUID) { c.forget(id, "") }

func (c *unguarded) InvalidateAll() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.byKey)
}

func (c *unguarded) forget(id uuid.UUID, key string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for k, l := range c.byKey {
		if k == key || l == nil && key == "" || l != nil && l.ID == id {
			delete(c.byKey, k)
		}
	}
}
