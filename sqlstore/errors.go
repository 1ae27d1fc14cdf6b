package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/privatepkgs/license"
)

// What a Store was about, for its errors.
const (
	opGet           = "getting a license"
	opList          = "listing licenses"
	opCreate        = "creating a license"
	opCreateBatch   = "creating a batch of licenses"
	opUpdate        = "updating a license"
	opDelete        = "deleting a license"
	opMigrate       = "migrating"
	opSchemaVersion = "reading the schema version"
)

var errClosed = fmt.Errorf("the store is closed: %w", license.ErrUnavailable)

func (s *Store) classify(err error) errorClass { return s.traits.classify(err, s.errorCode) }

// failed wraps the error that ended a call so that the contract of license.Store holds.
func (s *Store) failed(ctx context.Context, op string, err error) error {
	switch {
	case errors.Is(err, license.ErrNotFound), errors.Is(err, license.ErrKeyExists),
		errors.Is(err, license.ErrIDExists), errors.Is(err, license.ErrRevisionMismatch),
		errors.Is(err, license.ErrUnknownOutcome), errors.Is(err, errClosed):
		return fmt.Errorf("sqlstore: %s: %w", op, err)
	case done(ctx) != nil:
		return fmt.Errorf("sqlstore: %s: %w", op, withContext(ctx, err))
	case s.closed.Load():
		return fmt.Errorf("sqlstore: %s: %w", op, errClosed)
	}
	switch s.classify(err) {
	case classUnavailable, classRetry:
		return fmt.Errorf("sqlstore: %s: %w: %w", op, license.ErrUnavailable, err)
	default:
		return fmt.Errorf("sqlstore: %s: %w", op, err)
	}
}

// withContext joins err with the error of a context that is done.
func withContext(ctx context.Context, err error) error {
	if end := done(ctx); end != nil && !errors.Is(err, end) {
		return fmt.Errorf("%w: %w", end, err)
	}
	return err
}

// done returns the error of a context that is done. A connection to which a driver has handed the
// context's deadline may notice its end before the context does.
func done(ctx context.Context) error {
	if deadline, ok := ctx.Deadline(); ok && ctx.Err() == nil && !time.Now().Before(deadline) {
		return context.DeadlineExceeded
	}
	return ctx.Err()
}
