package reliability

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/privatepkgs/license"
	"github.com/privatepkgs/license/memstore"
)

// TestSeededFaultsAreNoticed is the control of the check: stores that break the contract now and
// then, each in another way.
func TestSeededFaultsAreNoticed(t *testing.T) {
	t.Parallel()
	for name, faulty := range map[string]func(license.Store) license.Store{
		"stale read":                        func(s license.Store) license.Store { return &staleReads{Store: s, seen: map[string]*license.License{}} },
		"lost update":                       func(s license.Store) license.Store { return lostUpdates{s} },
		"update over another's":             func(s license.Store) license.Store { return unconditional{s} },
		"cancelled write that happened":     func(s license.Store) license.Store { return deaf{s} },
		"deletion that leaves it in a list": func(s license.Store) license.Store { return &undead{Store: s} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := workload{
				stores:     []license.Store{faulty(memstore.New(memstore.Options{}))},
				operations: 8000, // in memory that is nothing, and no fault gets away
				slots:      20,
			}.run(t)
			require.ErrorContains(t, check(h.operations), "is not linearizable")
		})
	}
}

// TestLostUpdateIsNoticedOnEveryStore seeds one of the faults on the stores that are checked.
func TestLostUpdateIsNoticedOnEveryStore(t *testing.T) {
	t.Parallel()
	for name, open := range newStores {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			stores := open(t)
			for i := range stores {
				stores[i] = lostUpdates{stores[i]}
			}
			h := workload{stores: stores, operations: 1000, slots: 2, refusals: name == "SQLite"}.run(t)
			require.ErrorContains(t, check(h.operations), "is not linearizable")
		})
	}
}

func now() bool { return rand.IntN(10) == 0 }

// staleReads sometimes answers with what was there at the reading before.
type staleReads struct {
	license.Store
	mu   sync.Mutex
	seen map[string]*license.License
}

func (s *staleReads) GetByKey(ctx context.Context, key string) (*license.License, error) {
	l, err := s.Store.GetByKey(ctx, key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if before := s.seen[key]; before != nil && now() {
		return before.Clone(), nil
	}
	s.seen[key] = l.Clone()
	return l, err
}

// lostUpdates sometimes acknowledges an update that it does not write.
type lostUpdates struct{ license.Store }

func (s lostUpdates) Update(ctx context.Context, l *license.License) error {
	if !now() {
		return s.Store.Update(ctx, l)
	}
	stored, err := s.Store.Get(ctx, l.ID)
	if err != nil || l.Revision != 0 && l.Revision != stored.Revision {
		return s.Store.Update(ctx, l)
	}
	l.Revision = stored.Revision + 1
	return nil
}

// unconditional sometimes updates whatever the revision is.
type unconditional struct{ license.Store }

func (s unconditional) Update(ctx context.Context, l *license.License) error {
	if now() {
		l.Revision = 0
	}
	return s.Store.Update(ctx, l)
}

// deaf carries a cancelled write out and says that it did not.
type deaf struct{ license.Store }

func (s deaf) Create(ctx context.Context, l *license.License) error {
	if err := s.Store.Create(context.WithoutCancel(ctx), l); err != nil {
		return err
	}
	return ctx.Err()
}

func (s deaf) Update(ctx context.Context, l *license.License) error {
	if err := s.Store.Update(context.WithoutCancel(ctx), l); err != nil {
		return err
	}
	return ctx.Err()
}

// undead sometimes lists what was deleted last.
type undead struct {
	license.Store
	mu   sync.Mutex
	last *license.License
}

func (s *undead) Delete(ctx context.Context, id uuid.UUID, revision int64) error {
	l, _ := s.Get(ctx, id)
	err := s.Store.Delete(ctx, id, revision)
	if err == nil && l != nil {
		s.mu.Lock()
		s.last = l
		s.mu.Unlock()
	}
	return err
}

func (s *undead) List(ctx context.Context, q license.Query) (*license.Page, error) {
	page, err := s.Store.List(ctx, q)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil && s.last != nil && s.last.Packages[0] == q.Package && len(page.Licenses) == 0 {
		page.Licenses = append(page.Licenses, s.last.Clone())
	}
	return page, err
}
