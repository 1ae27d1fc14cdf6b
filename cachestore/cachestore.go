package cachestore

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/privatepkgs/license"
)

// The bounds where [Options] has none.
const (
	DefaultMaxLicenses = 10_000
	DefaultMaxUnknown  = 10_000
)

// Options are the choices of a [Store]. MaxStaleness must be given.
type Options struct {
	// MaxStaleness is the longest time a change made elsewhere, such as a suspension or a
	// new key, can take to be seen here: a check that begins this long after it sees it. It
	// must be positive. No default would be right for every seller; with 10 seconds, a
	// key in constant use costs 6 queries a minute.
	MaxStaleness time.Duration

	// MaxLicenses is how many licenses are kept; 0 means [DefaultMaxLicenses]. Beyond it, those
	// that are used least go first. A license of ordinary size takes less than 1 KB.
	MaxLicenses int

	// MaxUnknown is how many unknown keys are kept; 0 means [DefaultMaxUnknown]. One takes
	// less than 500 bytes.
	MaxUnknown int

	// Now is the clock; nil means [time.Now].
	Now func() time.Time
}

// Store is a [license.Store] that remembers what GetByKey of another answered. Make one with
// [New]. It is safe for concurrent use and has nothing to close: the goroutines that it starts run a
// query that somebody waits for, or tidy the cache, and end by themselves.
type Store struct {
	store        license.Store
	maxStaleness time.Duration
	now          func() time.Time
	contents     *contents // read without a lock, changed under mu

	mu      sync.Mutex
	flights map[string]*flight   // the newest query for each key that somebody waits for
	air     map[string][]*flight // all queries that are under way, in the order in which they began
	fence   fence
}

var _ license.Store = (*Store)(nil)

// New returns a cache in front of store. An option that is negative, and a MaxStaleness of
// zero, is an error.
func New(store license.Store, o Options) (*Store, error) {
	if store == nil {
		return nil, errors.New("cachestore: the store to put a cache in front of is nil")
	}
	if o.MaxStaleness <= 0 {
		return nil, errors.New("cachestore: Options.MaxStaleness must be positive: it is how long a suspension made elsewhere may go unseen here")
	}
	if o.MaxLicenses < 0 || o.MaxUnknown < 0 {
		return nil, errors.New("cachestore: Options.MaxLicenses and MaxUnknown must not be negative")
	}
	if o.MaxLicenses == 0 {
		o.MaxLicenses = DefaultMaxLicenses
	}
	if o.MaxUnknown == 0 {
		o.MaxUnknown = DefaultMaxUnknown
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	contents, err := newContents(o.MaxLicenses, o.MaxUnknown)
	if err != nil {
		return nil, fmt.Errorf("cachestore: %w", err)
	}
	return &Store{
		store:        store,
		maxStaleness: o.MaxStaleness,
		now:          o.Now,
		contents:     contents,
		flights:      make(map[string]*flight),
		air:          make(map[string][]*flight),
		fence:        fence{seed: maphash.MakeSeed()},
	}, nil
}

// Create implements [license.Store]. Its key is known to every read that begins after it.
func (s *Store) Create(ctx context.Context, l *license.License) (err error) {
	defer func() { s.wrote(l.ID, l.Key, err) }()
	return s.store.Create(ctx, l)
}

// Get implements [license.Store]. It is not cached.
func (s *Store) Get(ctx context.Context, id uuid.UUID) (*license.License, error) {
	return s.store.Get(ctx, id)
}

// GetByKey implements [license.Store]: it returns a copy of what is cached. A
// [license.Checker] needs no copy, see [Store.Shared].
func (s *Store) GetByKey(ctx context.Context, key string) (*license.License, error) {
	l, err := s.find(ctx, key)
	return l.Clone(), err
}

// List implements [license.Store]. It is not cached.
func (s *Store) List(ctx context.Context, q license.Query) (*license.Page, error) {
	return s.store.List(ctx, q)
}

// Update implements [license.Store]. Every read that begins after it sees what it wrote; a
// key that it took from the license no longer leads to it.
func (s *Store) Update(ctx context.Context, l *license.License) (err error) {
	defer func() { s.wrote(l.ID, l.Key, err) }()
	return s.store.Update(ctx, l)
}

// Delete implements [license.Store]. No read that begins after it finds the license.
func (s *Store) Delete(ctx context.Context, id uuid.UUID, revision int64) (err error) {
	defer func() { s.wrote(id, "", err) }()
	return s.store.Delete(ctx, id, revision)
}

// Shared returns the view of the cache for a [license.Checker]: its GetByKey returns the
// cached license itself, which others are reading, and so must not be changed. A license
// that is cached costs no allocation.
func (s *Store) Shared() license.KeyGetter { return shared{s} }

type shared struct{ *Store }

func (s shared) GetByKey(ctx context.Context, key string) (*license.License, error) {
	return s.find(ctx, key)
}

// Invalidate forgets the license with this id, whatever its key was: no read that begins after
// it is answered with what the license was before. It is for writes that did not go through s, and may be
// called for an id that is new, deleted or unknown here, at any time and from any goroutine.
//
// As the license may have a key now that was unknown before, all unknown keys are forgotten as
// well. The cost does not depend on how much is cached.
func (s *Store) Invalidate(id uuid.UUID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	seq := s.fence.next()
	s.fence.markID(id, seq)
	s.contents.dropID(id)
	s.contents.dropUnknown(seq)
}

// InvalidateAll forgets everything: for when it is not known what was written elsewhere. It
// may be called at any time and from any goroutine, and its cost does not depend on how much
// is cached.
func (s *Store) InvalidateAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	seq := s.fence.next()
	s.contents.dropKnown(seq)
	s.contents.dropUnknown(seq)
}

// wrote follows every write, also one that failed, as it may have happened all the same. Only
// the write's own id and key can answer otherwise now: the id under whatever key it had, and
// the key, which may have been unknown, or of a license deleted elsewhere. No key is "".
//
// An error that tells that there is a license with this id may tell of a write that is still under
// way, and whose key passes for unknown. Which one that is, is not known here.
func (s *Store) wrote(id uuid.UUID, key string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	seq := s.fence.next()
	s.fence.markID(id, seq)
	s.contents.dropID(id)
	if key != "" {
		s.fence.markKey(key, seq)
		s.contents.dropKey(key)
	}
	if errors.Is(err, license.ErrIDExists) || errors.Is(err, license.ErrRevisionMismatch) {
		s.contents.dropUnknown(seq)
	}
}
