package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/privatepkgs/license"
)

// Create implements [license.Store].
func (s *Store) Create(ctx context.Context, l *license.License) error {
	return s.create(ctx, s.write, l)
}

// Update implements [license.Store].
func (s *Store) Update(ctx context.Context, l *license.License) error {
	return s.update(ctx, s.write, l)
}

// Delete implements [license.Store].
func (s *Store) Delete(ctx context.Context, id uuid.UUID, revision int64) error {
	return s.delete(ctx, s.write, id, revision)
}

// writer runs fn in a transaction so that a failed one leaves nothing behind. It may run
// fn more than once. The query is the one that fn begins with.
type writer func(ctx context.Context, q query, fn func(context.Context, transaction) error) error

func (s *Store) create(ctx context.Context, write writer, l *license.License) error {
	if err := l.PrepareCreate(s.now()); err != nil {
		return err
	}
	args, err := createArgs(l)
	if err != nil {
		return s.failed(ctx, opCreate, err)
	}
	err = write(ctx, queryCreate, func(ctx context.Context, tx transaction) error {
		for range maxAttempts {
			n, err := tx.exec(ctx, queryCreate, args)
			if err != nil || n > 0 {
				return err
			}
			// No conflict to be seen means that somebody has deleted it just now.
			if err := conflict(ctx, tx, l); err != nil {
				return err
			}
		}
		return errNotWritten
	})
	if err != nil {
		return s.failed(ctx, opCreate, err)
	}
	return nil
}

func conflict(ctx context.Context, tx transaction, l *license.License) error {
	var idExists, keyExists bool
	err := tx.each(ctx, queryConflict, []any{l.ID[:], l.Key}, func(row Row) error {
		return row.Scan(&idExists, &keyExists)
	})
	switch {
	case err != nil:
		return err
	case idExists:
		return license.ErrIDExists
	case keyExists:
		return license.ErrKeyExists
	default:
		return nil
	}
}

func (s *Store) update(ctx context.Context, write writer, l *license.License) error {
	if err := l.PrepareUpdate(); err != nil {
		return err
	}
	args, err := writeArgs(l, 4)
	if err != nil {
		return s.failed(ctx, opUpdate, err)
	}
	now := s.now().UnixMilli()
	// A license that was read and changed mostly has the times with which it was read, and then nothing need be
	// returned. What returns something is a query, for which database/sql starts a goroutine in a transaction: an
	// eighth of the work.
	expected := written{l.CreatedAt.UnixMilli(), max(l.UpdatedAt.UnixMilli(), now), l.Revision + 1}
	known := append(slices.Clone(args), expected.updated, l.Revision, expected.created, l.UpdatedAt.UnixMilli())
	args = append(args, now, l.Revision)
	first := queryUpdate
	if s.traits.inProcess && l.Revision != 0 && !l.CreatedAt.IsZero() && !l.UpdatedAt.IsZero() {
		first = queryUpdateKnown
	}
	var w written
	err = write(ctx, first, func(ctx context.Context, tx transaction) error {
		if first == queryUpdateKnown {
			n, err := tx.exec(ctx, queryUpdateKnown, known)
			if err != nil || n > 0 {
				w = expected
				return s.keyTaken(err)
			}
			if err := mismatch(ctx, tx, l.ID, l.Revision); err != nil {
				return err
			}
			// It has other times.
		}
		for range maxAttempts {
			found := false
			err := tx.each(ctx, queryUpdate, args, func(row Row) error {
				found = true
				return row.Scan(&w.created, &w.updated, &w.revision)
			})
			if err != nil || found {
				return s.keyTaken(err)
			}
			// A license that is there after all was made, or changed back, just now.
			if err := mismatch(ctx, tx, l.ID, l.Revision); err != nil {
				return err
			}
		}
		return errNotWritten
	})
	if err != nil {
		return s.failed(ctx, opUpdate, err)
	}
	l.CreatedAt, l.UpdatedAt = time.UnixMilli(w.created).UTC(), time.UnixMilli(w.updated).UTC()
	l.Revision = w.revision
	return nil
}

// written is what a store sets in a license that was updated.
type written struct{ created, updated, revision int64 }

// keyTaken returns the error of an update, of which only the key can be another license's.
func (s *Store) keyTaken(err error) error {
	if err != nil && s.classify(err) == classUnique {
		return license.ErrKeyExists
	}
	return err
}

func (s *Store) delete(ctx context.Context, write writer, id uuid.UUID, revision int64) error {
	err := write(ctx, queryDelete, func(ctx context.Context, tx transaction) error {
		for range maxAttempts {
			n, err := tx.exec(ctx, queryDelete, []any{id[:], revision})
			if err != nil || n > 0 {
				return err
			}
			if err := mismatch(ctx, tx, id, revision); err != nil {
				return err
			}
		}
		return errNotWritten
	})
	if err != nil {
		return s.failed(ctx, opDelete, err)
	}
	return nil
}

// mismatch says why the license with this id and revision was not there to be written. It
// returns nil when it is there now.
func mismatch(ctx context.Context, tx transaction, id uuid.UUID, revision int64) error {
	stored := int64(0)
	err := tx.each(ctx, queryRevision, []any{id[:]}, func(row Row) error {
		return row.Scan(&stored)
	})
	switch {
	case err != nil:
		return err
	case stored == 0:
		return license.ErrNotFound
	case revision != 0 && revision != stored:
		return license.ErrRevisionMismatch
	default:
		return nil
	}
}

// errNotWritten means that a statement wrote nothing, again and again, for no reason that a
// look at the tables shows.
var errNotWritten = errors.New("the database writes nothing and reports no error: look for a trigger or rule on pkg_licenses")

// The bounds of trying again: a transaction, and a statement in it.
const (
	maxAttempts  = 10
	firstBackoff = 2 * time.Millisecond
	maxBackoff   = 250 * time.Millisecond
)

// write runs fn, of which one statement writes, or none, in a transaction that it may share with others, and
// again where the dialect says so.
func (s *Store) write(ctx context.Context, q query, fn func(context.Context, transaction) error) error {
	if s.traits.inProcess {
		return s.retry(ctx, q, fn, s.attemptShared)
	}
	return s.retry(ctx, q, fn, s.attempt)
}

// writeAlone is write for a transaction of its own, with any number of statements.
func (s *Store) writeAlone(ctx context.Context, q query, fn func(context.Context, transaction) error) error {
	return s.retry(ctx, q, fn, s.attempt)
}

func (s *Store) retry(ctx context.Context, q query, fn func(context.Context, transaction) error, attempt writer) error {
	for backoff := newBackoff(); ; {
		err := attempt(ctx, q, fn)
		if err == nil || errors.Is(err, license.ErrUnknownOutcome) || !s.again(err) || !backoff.wait(ctx) {
			return err
		}
	}
}

// again reports whether what failed before it was committed may be tried again at once. A bad
// connection is one that others have left behind: database/sql looks for a better one too, and gives
// up early where many calls are cut.
func (s *Store) again(err error) bool {
	return s.classify(err) == classRetry || errors.Is(err, driver.ErrBadConn)
}

// backoff is how long to wait before something is tried again.
type backoff struct {
	attempts int
	next     time.Duration
}

func newBackoff() *backoff { return &backoff{maxAttempts, firstBackoff} }

// wait waits a random time, which doubles. It reports whether to try again.
func (b *backoff) wait(ctx context.Context) bool {
	if b.attempts--; b.attempts == 0 {
		return false
	}
	timer := time.NewTimer(b.next/2 + rand.N(b.next))
	defer timer.Stop()
	b.next = min(2*b.next, maxBackoff)
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func (s *Store) attempt(ctx context.Context, q query, fn func(context.Context, transaction) error) error {
	if err := s.ready(ctx); err != nil {
		return err
	}
	if _, err := s.writes.statement(ctx, q); err != nil {
		return err
	}
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	err = fn(ctx, s.writes.transaction(tx))
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		tx.Rollback()
		return err
	}
	return s.commit(ctx, tx)
}

func (s *Store) commit(ctx context.Context, tx *sql.Tx) error {
	err := tx.Commit()
	if err == nil || s.classify(err) == classRetry {
		return err
	}
	return fmt.Errorf("committing: %w: %w", license.ErrUnknownOutcome, withContext(ctx, err))
}
