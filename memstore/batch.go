package memstore

import (
	"context"

	"github.com/privatepkgs/license"
)

var _ license.BatchCreator = (*Store)(nil)

// CreateBatch implements [license.BatchCreator]. Readers may see a part of the batch while it
// is under way.
func (s *Store) CreateBatch(ctx context.Context, batch []*license.License) (taken []*license.License, err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := license.PrepareBatch(batch, s.now()); err != nil {
		return nil, err
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	taken = make([]*license.License, len(batch))
	for i, l := range batch {
		if r, err := s.inTheWay(l); err != nil {
			taken[i] = s.records.at(r).license()
			continue
		}
		s.replace(0, l)
	}
	return taken, nil
}
