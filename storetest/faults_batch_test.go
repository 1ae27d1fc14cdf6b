package storetest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/privatepkgs/license"
	"github.com/privatepkgs/license/memstore"
)

func (s *faulty) CreateBatch(ctx context.Context, batch []*license.License) ([]*license.License, error) {
	if s.createBatch != nil {
		return s.createBatch(ctx, batch)
	}
	return s.batches().CreateBatch(ctx, batch)
}

// batches is what the store would be without its fault.
func (s *faulty) batches() license.BatchCreator { return s.Store.(license.BatchCreator) }

var batchFaults = []fault{
	{"a batch loses its last license", []string{"Batch/CreatesEveryLicense", "Batch/CutWhileWritingLeavesAllOrNothing"}, func(s *faulty) {
		s.createBatch = func(ctx ctxt, batch []*lic) ([]*lic, error) {
			taken, err := s.batches().CreateBatch(ctx, batch)
			if err == nil && len(batch) > 1 {
				_ = s.Store.Delete(ctx, batch[len(batch)-1].ID, 0)
			}
			return taken, err
		}
	}},
	{"a batch gets the time of now", []string{"Batch/FillsWhatIsZeroAndKeepsTheRest"}, func(s *faulty) {
		s.createBatch = func(ctx ctxt, batch []*lic) ([]*lic, error) {
			for _, l := range batch {
				l.CreatedAt, l.UpdatedAt = time.Time{}, time.Time{}
			}
			return s.batches().CreateBatch(ctx, batch)
		}
	}},
	{"a license that is taken fails the batch", []string{
		"Batch/ReturnsWhatIsInTheWayAndCreatesTheRest", "Batch/IsAsIfCreatedOneAfterAnother", "Batch/AgainCreatesNothing",
	}, func(s *faulty) {
		s.createBatch = func(ctx ctxt, batch []*lic) ([]*lic, error) {
			for _, l := range batch {
				if err := s.Store.Create(ctx, l); err != nil {
					return nil, err
				}
			}
			return make([]*lic, len(batch)), nil
		}
	}},
	{"a batch answers with the license that was given", []string{"Batch/ReturnsWhatIsInTheWayAndCreatesTheRest", "Batch/IsAsIfCreatedOneAfterAnother"}, func(s *faulty) {
		s.createBatch = func(ctx ctxt, batch []*lic) ([]*lic, error) {
			taken, err := s.batches().CreateBatch(ctx, batch)
			for i, l := range taken {
				if l != nil {
					taken[i] = batch[i].Clone()
				}
			}
			return taken, err
		}
	}},
	{"a batch replaces what is in its way", []string{
		"Batch/ReturnsWhatIsInTheWayAndCreatesTheRest", "Batch/AgainCreatesNothing",
	}, func(s *faulty) {
		s.createBatch = func(ctx ctxt, batch []*lic) ([]*lic, error) {
			for _, l := range batch {
				if l.ID != uuid.Nil {
					_ = s.Store.Delete(ctx, l.ID, 0)
				}
			}
			return s.batches().CreateBatch(ctx, batch)
		}
	}},
	{"a batch is stored up to its invalid license", []string{"Batch/ReportsAnInvalidLicenseAndStoresNothing"}, func(s *faulty) {
		s.createBatch = func(ctx ctxt, batch []*lic) ([]*lic, error) {
			taken, err := s.batches().CreateBatch(ctx, batch)
			if v := (*license.ValidationError)(nil); errors.As(err, &v) {
				_ = s.Store.Create(ctx, batch[0])
			}
			return taken, err
		}
	}},
	{"a batch shares what is in its way", []string{"Batch/KeepsCopies"}, func(s *faulty) {
		s.createBatch = func(ctx ctxt, batch []*lic) ([]*lic, error) {
			taken, err := s.batches().CreateBatch(ctx, batch)
			for _, l := range taken {
				if l != nil {
					s.note("shared", l)
				}
			}
			return taken, err
		}
		s.spoil = func(l *lic) {
			if n := s.noted("shared"); n != nil {
				l.Name = n.Name
			}
		}
	}},
	{"a batch looks at its context too late", []string{"Batch/DoneContextCreatesNothing"}, func(s *faulty) {
		s.createBatch = func(ctx ctxt, batch []*lic) ([]*lic, error) {
			if taken, err := s.batches().CreateBatch(context.WithoutCancel(ctx), batch); err != nil {
				return taken, err
			}
			return nil, ctx.Err()
		}
	}},
	{"a batch that is cut leaves a part", []string{"Batch/CutWhileWritingLeavesAllOrNothing"}, func(s *faulty) {
		s.createBatch = func(ctx ctxt, batch []*lic) ([]*lic, error) {
			taken, err := s.batches().CreateBatch(ctx, batch)
			if errors.Is(err, context.DeadlineExceeded) {
				_ = s.Store.Create(context.WithoutCancel(ctx), batch[0].Clone())
			}
			return taken, err
		}
	}},
}

// A store need not take batches, and a decorator can say so late.
func TestStoreThatTakesNoBatchesPasses(t *testing.T) {
	t.Parallel()
	for name, wrap := range map[string]func(s license.Store) license.Store{
		"NoBatchCreator": func(s license.Store) license.Store { return struct{ license.Store }{s} },
		"Unsupported": func(s license.Store) license.Store {
			return &faulty{Store: s, createBatch: func(ctxt, []*lic) ([]*lic, error) { return nil, errors.ErrUnsupported }}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, test := range batchTests {
				t.Run(test.name, func(t *testing.T) {
					t.Parallel()
					test.run(newHarness(t, func(_ testing.TB, now func() time.Time) license.Store {
						return wrap(memstore.New(memstore.Options{Now: now}))
					}))
				})
			}
		})
	}
}
