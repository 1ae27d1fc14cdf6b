package cachestore

import (
	"context"
	"errors"
	"fmt"

	"github.com/privatepkgs/license"
)

var _ license.BatchCreator = (*Store)(nil)

// CreateBatch implements [license.BatchCreator] where the store underneath does; otherwise the
// error wraps [errors.ErrUnsupported]. Its keys are known to every read that begins after it.
func (s *Store) CreateBatch(ctx context.Context, batch []*license.License) (taken []*license.License, err error) {
	store, ok := s.store.(license.BatchCreator)
	if !ok {
		return nil, fmt.Errorf("cachestore: creating a batch: %w by the store underneath", errors.ErrUnsupported)
	}
	defer func() {
		for _, l := range batch {
			s.wrote(l.ID, l.Key, err)
		}
	}()
	return store.CreateBatch(ctx, batch)
}
