package memstore

import (
	"context"

	"github.com/privatepkgs/license"
)

// Shared returns the view of the store for a [license.Checker]: its GetByKey returns the
// same License to all who ask, until it is changed, and nobody may change it in place. That
// costs no allocation, and the memory of a License for each that was asked for.
func (s *Store) Shared() license.KeyGetter { return shared{s} }

type shared struct{ store *Store }

func (v shared) GetByKey(ctx context.Context, key string) (*license.License, error) {
	return v.store.getByKey(ctx, key, (*slot).share)
}

// share returns the same license to all.
func (s *slot) share() *license.License {
	if l := s.shared.Load(); l != nil {
		return l
	}
	l := s.license()
	s.shared.Store(l) // others may do so as well: one is as good as another
	return l
}
