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
	return getByKey(ctx, key, v.store.byKey.shared)
}
