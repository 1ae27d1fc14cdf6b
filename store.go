package license

import (
	"context"
	"errors"

	"github.com/google/uuid"
)

// The errors of a [Store]. A store wraps them; match them with [errors.Is]. Input that
// breaks a rule is reported as a [*ValidationError] instead.
var (
	// ErrNotFound means that no license has the id or key.
	ErrNotFound = errors.New("license: not found")

	// ErrKeyExists means that another license has the key.
	ErrKeyExists = errors.New("license: key exists")

	// ErrIDExists means that another license has the id.
	ErrIDExists = errors.New("license: id exists")

	// ErrRevisionMismatch means that the license was changed since it was read: read it
	// again and decide anew, see [Modify].
	ErrRevisionMismatch = errors.New("license: revision mismatch")

	// ErrUnknownOutcome means that a write was cut while it was being committed, so that it
	// may have happened or not. Creating again with the same id gives exactly one license.
	ErrUnknownOutcome = errors.New("license: outcome unknown")

	// ErrUnavailable means that the store cannot answer now, and that nothing was
	// written; the same call may succeed later.
	ErrUnavailable = errors.New("license: store unavailable")
)

// Store keeps licenses. Package storetest states this contract as tests.
//
// A Store is safe for concurrent use. What goes in and what comes out are copies: changing
// a License that was given or returned changes nothing in the store.
//
// Every context is honoured: a call whose context is done returns the context's error,
// joined with [ErrUnknownOutcome] when it was cut while committing. An acknowledged write
// survives a crash of a store that has a disk. A failed write left nothing behind, unless
// its error wraps ErrUnknownOutcome.
type Store interface {
	// Create adds a license. It keeps an ID, Key, CreatedAt and UpdatedAt that are given
	// and fills what is zero in l before it writes (see [License.PrepareCreate]), so that
	// the caller knows the id even when the outcome is unknown. Revision becomes 1.
	//
	// It must return an error for which errors.Is(err, ErrIDExists) when the id is taken,
	// ErrKeyExists when only the key is, and a *ValidationError when l is not valid.
	Create(ctx context.Context, l *License) error

	// Get returns the license with this id, or an error that wraps ErrNotFound.
	Get(ctx context.Context, id uuid.UUID) (*License, error)

	// GetByKey returns the license with exactly this key, or an error that wraps
	// ErrNotFound, also for a key that no license can have.
	GetByKey(ctx context.Context, key string) (*License, error)

	// List returns one page of licenses, see [Query] and [Page]. It must return a
	// *ValidationError for a Query that is not valid. [All] walks over all pages.
	List(ctx context.Context, q Query) (*Page, error)

	// Update replaces the license with l.ID by l, all but its CreatedAt. UpdatedAt becomes
	// now, or stays when the clock has gone back, and Revision becomes one more; both, and
	// CreatedAt, are set in l on success, and l is unchanged otherwise except for white space
	// in Meta.
	//
	// It must return an error that wraps ErrNotFound when there is no such license;
	// ErrRevisionMismatch when l.Revision is not zero and not the stored one; ErrKeyExists when
	// another license has the key; and a *ValidationError when l is not valid.
	Update(ctx context.Context, l *License) error

	// Delete removes a license. It must return an error that wraps ErrNotFound when there is
	// no such license, and ErrRevisionMismatch when revision is not zero and not the stored one.
	Delete(ctx context.Context, id uuid.UUID, revision int64) error
}

// Modify reads the license with this id, lets change change it, and updates it; when
// somebody else was faster it begins again, until ctx is done. It returns the license as it
// was stored. An error of change ends it, and is returned as it is; so is any error of
// the store but [ErrRevisionMismatch]. Change may be called more than once and must depend
// on nothing but the license it is given.
func Modify(ctx context.Context, s Store, id uuid.UUID, change func(*License) error) (*License, error) {
	for {
		l, err := s.Get(ctx, id)
		if err != nil {
			return nil, err
		}
		revision := l.Revision
		if err := change(l); err != nil {
			return nil, err
		}
		l.ID, l.Revision = id, revision
		err = s.Update(ctx, l)
		if err == nil {
			return l, nil
		}
		if !errors.Is(err, ErrRevisionMismatch) {
			return nil, err
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
}
