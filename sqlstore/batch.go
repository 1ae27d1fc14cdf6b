package sqlstore

import (
	"context"
	"errors"

	"github.com/privatepkgs/license"
)

var (
	_ license.BatchCreator = (*Store)(nil)
	_ license.BatchCreator = (*txStore)(nil)
)

// CreateBatch implements [license.BatchCreator].
func (s *Store) CreateBatch(ctx context.Context, batch []*license.License) (taken []*license.License, err error) {
	if err := s.ready(ctx); err != nil {
		return nil, s.failed(ctx, opCreateBatch, err)
	}
	// A transaction prepares nothing, and a batch imported a second time is read throughout.
	for _, q := range []query{queryGet, queryGetByKey} {
		if _, err := s.writes.statement(ctx, q); err != nil {
			return nil, s.failed(ctx, opCreateBatch, err)
		}
	}
	return s.createBatch(ctx, s.writeAlone, batch)
}

// CreateBatch implements [license.BatchCreator].
func (t *txStore) CreateBatch(ctx context.Context, batch []*license.License) (taken []*license.License, err error) {
	return t.s.createBatch(ctx, t.write, batch)
}

func (s *Store) createBatch(ctx context.Context, write writer, batch []*license.License) (taken []*license.License, err error) {
	if err := license.PrepareBatch(batch, s.now()); err != nil {
		return nil, err
	}
	err = write(ctx, queryCreate, func(ctx context.Context, tx transaction) (err error) {
		taken, err = s.insertBatch(ctx, tx, batch)
		return err
	})
	if err != nil {
		return nil, s.failed(ctx, opCreateBatch, err)
	}
	return taken, nil
}

// insertBatch inserts a batch in one statement where the dialect has one, and what that leaves row
// by row, which in process is as good as anything.
func (s *Store) insertBatch(ctx context.Context, tx transaction, batch []*license.License) (taken []*license.License, err error) {
	taken = make([]*license.License, len(batch))
	left := make([]int, len(batch))
	for i := range left {
		left[i] = i
	}
	if s.traits.insertBatch != "" {
		if left, err = s.insertArrays(ctx, tx, batch, taken); err != nil {
			return nil, err
		}
	}
	rowContext := ctx
	if s.traits.inProcess {
		rowContext = context.WithoutCancel(ctx)
	}
	for _, i := range left {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if taken[i], err = s.insert(rowContext, tx, batch[i]); err != nil {
			return nil, err
		}
	}
	return taken, nil
}

// insert inserts l, or returns what stands in its way.
func (s *Store) insert(ctx context.Context, tx transaction, l *license.License) (taken *license.License, err error) {
	args, err := createArgs(l)
	if err != nil {
		return nil, err
	}
	for range maxAttempts {
		n, err := tx.exec(ctx, queryCreate, args)
		if err != nil || n > 0 {
			return nil, err
		}
		taken, err := s.get(ctx, tx, queryGet, l.ID[:])
		if errors.Is(err, license.ErrNotFound) {
			taken, err = s.get(ctx, tx, queryGetByKey, l.Key)
		}
		// Nothing to be found means that somebody has deleted it just now.
		if !errors.Is(err, license.ErrNotFound) {
			return taken, err
		}
	}
	return nil, errNotWritten
}
