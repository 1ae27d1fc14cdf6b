package cachestore

import (
	"bytes"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/maypok86/otter/v2"
	"github.com/privatepkgs/license"
)

// answer is what the store said about a key. It is never changed.
type answer struct {
	license *license.License // shared by all readers; nil when no license has the key
	began   time.Time        // when the read began, from which its age counts
	seq     uint64           // the newest invalidation when the read began
}

// differs reports whether two answers about one key say different things. The revision alone
// does not tell: a license that was deleted may have been created again with the same id.
func (a *answer) differs(b *answer) bool {
	if a.license == nil || b.license == nil {
		return a.license != b.license
	}
	return a.license.Revision != b.license.Revision ||
		!bytes.Equal(a.license.AppendJSON(nil), b.license.AppendJSON(nil))
}

// contents is what is cached. Licenses and unknown keys are bounded apart. get needs no
// lock; the other methods are called by one goroutine at a time.
type contents struct {
	known   *otter.Cache[string, *answer]
	unknown *otter.Cache[string, *answer]

	// byID finds the answer to drop where only the id is given. It holds, by [uuid.UUID], the
	// answers in known: each is put here before it is put there, and removed after. It has a
	// lock of its own, because otter evicts on whichever goroutine uses it.
	byID sync.Map

	// Answers with a lower seq are void, so that dropping all is one store.
	knownSince, unknownSince atomic.Uint64
}

func newContents(maxLicenses, maxUnknown int) (*contents, error) {
	c := new(contents)
	var err error
	c.known, err = otter.New(&otter.Options[string, *answer]{
		MaximumSize: maxLicenses,
		OnAtomicDeletion: func(e otter.DeletionEvent[string, *answer]) {
			c.byID.CompareAndDelete(e.Value.license.ID, e.Value)
		},
	})
	if err != nil {
		return nil, err
	}
	c.unknown, err = otter.New(&otter.Options[string, *answer]{MaximumSize: maxUnknown})
	if err != nil {
		return nil, err
	}
	return c, nil
}

// get returns the answer about a key, however old, or nil.
func (c *contents) get(key string) *answer {
	if a, ok := c.known.GetIfPresent(key); ok {
		if a.seq >= c.knownSince.Load() {
			return a
		}
		return nil
	}
	if a, ok := c.unknown.GetIfPresent(key); ok && a.seq >= c.unknownSince.Load() {
		return a
	}
	return nil
}

func (c *contents) put(key string, a *answer) {
	if a.license == nil {
		c.known.Invalidate(key)
		c.unknown.Set(key, a)
		return
	}
	if old, ok := c.byID.Load(a.license.ID); ok && old.(*answer).license.Key != key {
		// The key was changed elsewhere. An answer that byID does not find could not be
		// dropped any more.
		c.known.Invalidate(old.(*answer).license.Key)
	}
	c.unknown.Invalidate(key)
	c.byID.Store(a.license.ID, a)
	c.known.Set(key, a)
}

func (c *contents) dropID(id uuid.UUID) {
	if a, ok := c.byID.Load(id); ok {
		c.known.Invalidate(a.(*answer).license.Key)
	}
}

func (c *contents) dropKey(key string) {
	c.known.Invalidate(key)
	c.unknown.Invalidate(key)
}

func (c *contents) dropKnown(seq uint64)   { c.knownSince.Store(seq) }
func (c *contents) dropUnknown(seq uint64) { c.unknownSince.Store(seq) }
