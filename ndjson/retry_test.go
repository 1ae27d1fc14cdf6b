package ndjson_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/mock/gomock"

	"github.com/privatepkgs/license"
	"github.com/privatepkgs/license/internal/storemock"
	"github.com/privatepkgs/license/memstore"
	"github.com/privatepkgs/license/ndjson"
)

// flaky is a store where every third write fails, until enough have: with nothing written, or with
// an outcome that is unknown, the write having happened or not.
type flaky struct {
	*memstore.Store
	random *rand.Rand
	fails  int
}

const mostFails = 10

func (s *flaky) write(do func() error) error {
	if s.fails == mostFails {
		return do()
	}
	switch s.random.IntN(9) {
	case 0:
		s.fails++
		return fmt.Errorf("flaky: %w", license.ErrUnavailable)
	case 1:
		s.fails++
		return fmt.Errorf("flaky: %w", license.ErrUnknownOutcome)
	case 2:
		if err := do(); err != nil {
			return err
		}
		s.fails++
		return fmt.Errorf("flaky: %w", license.ErrUnknownOutcome)
	default:
		return do()
	}
}

func (s *flaky) Create(ctx context.Context, l *license.License) error {
	return s.write(func() error { return s.Store.Create(ctx, l) })
}

func (s *flaky) CreateBatch(ctx context.Context, batch []*license.License) (taken []*license.License, err error) {
	err = s.write(func() (err error) {
		taken, err = s.Store.CreateBatch(ctx, batch)
		return err
	})
	if err != nil {
		return nil, err
	}
	return taken, nil
}

func TestSameImportAgainConvergesOnAStoreThatFails(t *testing.T) {
	t.Parallel()
	text := file(0, 100)
	for seed := range uint64(6) {
		for _, batches := range []bool{true, false} {
			broken := &flaky{Store: newMemory(), random: rand.New(rand.NewPCG(seed, 0))}
			var s license.Store = broken
			if !batches {
				s = onlyStore{broken}
			}
			for attempt := 0; ; attempt++ {
				require.Less(t, attempt, 1000)
				result, err := ndjson.Import(t.Context(), s, strings.NewReader(text), ndjson.Options{BatchSize: 7})
				if err == nil {
					assert.Equal(t, 100, result.Created+result.Unchanged)
					break
				}
				require.True(t, errors.Is(err, license.ErrUnavailable) || errors.Is(err, license.ErrUnknownOutcome), err)
				assert.Equal(t, file(0, result.Lines), export(t, s)[:len(file(0, result.Lines))], "what is said to be done is done")
				beyond := strings.Count(export(t, s), "\n") - result.Lines
				switch {
				case attempt > 0: // what is beyond may be from before
				case !errors.Is(err, license.ErrUnknownOutcome):
					assert.Zero(t, beyond)
				case batches:
					assert.Contains(t, []int{0, 7}, beyond)
				default:
					assert.Contains(t, []int{0, 1}, beyond)
				}
			}
			assert.Equal(t, mostFails, broken.fails)
			assert.Equal(t, text, export(t, s), "exactly one license each")
		}
	}
}

func TestErrorNamesTheLinesThatAreInDoubt(t *testing.T) {
	t.Parallel()
	fail := fmt.Errorf("cut: %w", license.ErrUnknownOutcome)
	mock := storemock.NewStore(gomock.NewController(t))
	gomock.InOrder(
		mock.EXPECT().Create(gomock.Any(), gomock.Any()).Return(nil).Times(3),
		mock.EXPECT().Create(gomock.Any(), gomock.Any()).Return(fail),
	)
	result, err := ndjson.Import(t.Context(), mock, strings.NewReader(file(0, 10)), ndjson.Options{})
	require.ErrorIs(t, err, license.ErrUnknownOutcome)
	assert.ErrorContains(t, err, "line 4:")
	assert.Equal(t, 3, result.Lines)

	batches := batchesThat{mock, func(n int) ([]*license.License, error) {
		if n == 2 {
			return nil, fail
		}
		return make([]*license.License, n), nil
	}}
	result, err = ndjson.Import(t.Context(), batches, strings.NewReader(file(0, 10)), ndjson.Options{BatchSize: 4})
	require.ErrorIs(t, err, license.ErrUnknownOutcome)
	assert.ErrorContains(t, err, "lines 9 to 10:")
	assert.Equal(t, 8, result.Lines)
}

// batchesThat answers for batches by their size.
type batchesThat struct {
	license.Store
	answer func(n int) ([]*license.License, error)
}

func (s batchesThat) CreateBatch(_ context.Context, batch []*license.License) ([]*license.License, error) {
	return s.answer(len(batch))
}

func TestAnswerOfAnotherLengthIsAnError(t *testing.T) {
	t.Parallel()
	s := batchesThat{newMemory(), func(int) ([]*license.License, error) { return nil, nil }}
	result, err := ndjson.Import(t.Context(), s, strings.NewReader(file(0, 10)), ndjson.Options{})
	require.Error(t, err)
	assert.Zero(t, result)
}

// Somebody deletes what was in the way, between the answer and the look at it.
func TestLicenseThatVanishesIsCreatedAfterAll(t *testing.T) {
	t.Parallel()
	mock := storemock.NewStore(gomock.NewController(t))
	exists := fmt.Errorf("store: %w", license.ErrIDExists)
	taken := fmt.Errorf("store: %w", license.ErrKeyExists)
	none := fmt.Errorf("store: %w", license.ErrNotFound)
	gomock.InOrder(
		mock.EXPECT().Create(gomock.Any(), gomock.Any()).Return(exists),
		mock.EXPECT().Get(gomock.Any(), numbered(0).ID).Return(nil, none),
		mock.EXPECT().Create(gomock.Any(), gomock.Any()).Return(taken),
		mock.EXPECT().GetByKey(gomock.Any(), numbered(0).Key).Return(nil, none),
		mock.EXPECT().Create(gomock.Any(), gomock.Any()).Return(nil),
	)
	assert.Equal(t, 1, imports(t, mock, file(0, 1)).Created)

	mock.EXPECT().Create(gomock.Any(), gomock.Any()).Return(exists).MaxTimes(100)
	mock.EXPECT().Get(gomock.Any(), gomock.Any()).DoAndReturn(func(context.Context, uuid.UUID) (*license.License, error) {
		return nil, none
	}).MaxTimes(100)
	_, err := ndjson.Import(t.Context(), mock, strings.NewReader(file(0, 1)), ndjson.Options{})
	require.ErrorIs(t, err, license.ErrIDExists, "a store that contradicts itself")
}
