package license

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// BatchCreator is what a [Store] may be as well: one that creates many licenses in one
// transaction. Package ndjson imports faster into such a store, with the same result, and
// package storetest tests it.
type BatchCreator interface {
	// CreateBatch adds the licenses of batch whose id and key are both free, all of them or
	// none. What it does is what Create would do with one after another, but that a license
	// whose id or key is taken is passed over and fails nothing. It fills what is zero in each
	// license before it writes, passed over or not.
	//
	// When err is nil, taken has the length of batch: taken[i] is nil when batch[i] was created,
	// and otherwise a copy of the license that stands in its way, which is the one with
	// its ID or, when there is none, the one with its Key. It may be an earlier one of the batch.
	//
	// When err is not nil, taken is nil and nothing was added; or, when err wraps
	// ErrUnknownOutcome, all or nothing, and the same batch again finds out which. It must
	// return a *ValidationError when a license is not valid (see [PrepareBatch]). One that
	// cannot take batches after all, such as a cache in front of a store that is no
	// BatchCreator, must return an error that wraps [errors.ErrUnsupported], also for a batch
	// that is empty.
	CreateBatch(ctx context.Context, batch []*License) (taken []*License, err error)
}

// PrepareBatch is for implementers of [BatchCreator]: the first thing that CreateBatch calls.
// It calls [License.PrepareCreate] for each license. The first that is not valid ends it, with
// a [*ValidationError] whose pointers begin with the place in the batch: /3/key.
func PrepareBatch(batch []*License, now time.Time) error {
	for i, l := range batch {
		err := l.PrepareCreate(now)
		invalid, ok := errors.AsType[*ValidationError](err)
		if ok {
			return invalid.within("/" + strconv.Itoa(i))
		}
		if err != nil {
			return fmt.Errorf("license: license %d of the batch: %w", i, err)
		}
	}
	return nil
}

// within returns e with its pointers below another one.
func (e *ValidationError) within(pointer string) *ValidationError {
	below := &ValidationError{Problems: make([]Problem, len(e.Problems))}
	for i, p := range e.Problems {
		p.Pointer = pointer + p.Pointer
		below.Problems[i] = p
	}
	return below
}
