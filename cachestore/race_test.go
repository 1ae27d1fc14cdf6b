package cachestore_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/privatepkgs/license"
)

// overtaking are the writes that may pass a read of "K" which the database has answered and
// which has not arrived. Each leaves "K" either unknown or named "changed".
var overtaking = map[string]func(ctx context.Context, c cache, underneath license.Store, l *license.License) error{
	"update": func(ctx context.Context, c cache, _ license.Store, l *license.License) error {
		l.Name = "changed"
		return c.Update(ctx, l)
	},
	"update of the key": func(ctx context.Context, c cache, _ license.Store, l *license.License) error {
		l.Key = "new"
		return c.Update(ctx, l)
	},
	"delete": func(ctx context.Context, c cache, _ license.Store, l *license.License) error {
		return c.Delete(ctx, l.ID, 0)
	},
	"delete and create": func(ctx context.Context, c cache, underneath license.Store, l *license.License) error {
		if err := underneath.Delete(ctx, l.ID, 0); err != nil {
			return err
		}
		l.ID, l.Name = uuid.Nil, "changed"
		return c.Create(ctx, l)
	},
	"write elsewhere and Invalidate": func(ctx context.Context, c cache, underneath license.Store, l *license.License) error {
		l.Name = "changed"
		err := underneath.Update(ctx, l)
		c.Invalidate(l.ID)
		return err
	},
	"write elsewhere and InvalidateAll": func(ctx context.Context, c cache, underneath license.Store, l *license.License) error {
		l.Name = "changed"
		err := underneath.Update(ctx, l)
		c.InvalidateAll()
		return err
	},
}

// overtakingUnknown are the writes that may pass a read that found "K" unknown. Each leaves
// it known as "changed".
var overtakingUnknown = map[string]func(ctx context.Context, c cache, underneath license.Store, other *license.License) error{
	"create": func(ctx context.Context, c cache, _ license.Store, _ *license.License) error {
		l := newLicense("K")
		l.Name = "changed"
		return c.Create(ctx, l)
	},
	"update that gives the key": func(ctx context.Context, c cache, _ license.Store, other *license.License) error {
		other.Key, other.Name = "K", "changed"
		return c.Update(ctx, other)
	},
	"create elsewhere and Invalidate": func(ctx context.Context, c cache, underneath license.Store, _ *license.License) error {
		l := newLicense("K")
		l.Name = "changed"
		err := underneath.Create(ctx, l)
		c.Invalidate(l.ID)
		return err
	},
	"create elsewhere and InvalidateAll": func(ctx context.Context, c cache, underneath license.Store, _ *license.License) error {
		l := newLicense("K")
		l.Name = "changed"
		err := underneath.Create(ctx, l)
		c.InvalidateAll()
		return err
	},
}

// staleAfterOvertaking holds a read of "K" in the store while a write passes, and says in which
// reads that began after the write the state before it is still seen.
//
// With reads between the write and the end of the held read it is also seen whether they wait
// for it; without them only the held read can fill the cache.
func staleAfterOvertaking(t *testing.T, known, between bool, newCache func(license.Store) cache,
	write func(context.Context, cache, license.Store, *license.License) error,
) (stale []string) {
	ctx := t.Context()
	p := newProbe()
	release := make(chan struct{})
	p.answered = func(_ context.Context, _ string, err error) error {
		if p.queries.Load() == 1 {
			<-release
		}
		return err
	}
	c := newCache(p)
	l := newLicense("other")
	if known {
		l.Key = "K"
	}
	require.NoError(t, p.Create(ctx, l))

	held := make(chan string)
	go func() { held <- seen(ctx, c) }()
	synctest.Wait()
	require.EqualValues(t, 1, p.queries.Load())
	before := "unknown"
	if known {
		before = "known"
	}

	require.NoError(t, write(ctx, c, p.Store, l))
	want := seen(ctx, p.Store)
	require.NotEqual(t, before, want)
	if between {
		if got := seen(ctx, c); got != want {
			stale = append(stale, fmt.Sprintf("before the held read ends: %s instead of %s", got, want))
		}
	}
	close(release)
	require.Equal(t, before, <-held, "the read that began before the write")
	if got := seen(ctx, c); got != want {
		stale = append(stale, fmt.Sprintf("after the held read: %s instead of %s", got, want))
	}
	return stale
}

// seen is what a read of "K" shows: unknown, known, or changed.
func seen(ctx context.Context, c license.KeyGetter) string {
	l, err := c.GetByKey(ctx, "K")
	switch {
	case err != nil:
		return "unknown"
	case l.Name == "":
		return "known"
	}
	return l.Name
}

func TestReadOvertakenByAWriteIsNotKept(t *testing.T) {
	t.Parallel()
	run := func(t *testing.T, known bool, write func(context.Context, cache, license.Store, *license.License) error) {
		t.Parallel()
		for _, between := range []bool{true, false} {
			synctest.Test(t, func(t *testing.T) {
				guarded := func(s license.Store) cache { return newCache(t, s) }
				assert.Empty(t, staleAfterOvertaking(t, known, between, guarded, write))

				control := func(s license.Store) cache { return newUnguarded(s) }
				assert.NotEmpty(t, staleAfterOvertaking(t, known, between, control, write),
					"the control keeps the read that was overtaken, and this test does not notice")
			})
		}
	}
	for name, write := range overtaking {
		t.Run("known/"+name, func(t *testing.T) { run(t, true, write) })
	}
	for name, write := range overtakingUnknown {
		t.Run("unknown/"+name, func(t *testing.T) { run(t, false, write) })
	}
}

// slotState is what one license is after a write. A slot has two keys and at most one license.
type slotState struct {
	key  string // "" when there is no license
	name string
}

func (s slotState) explains(key, name string, found bool) bool {
	if s.key != key {
		return !found
	}
	return found && s.name == name
}

// slot is written by one goroutine, and read by many. A state is appended before its
// write begins, and acknowledged after it.
type slot struct {
	id   uuid.UUID
	keys [2]string

	mu     sync.Mutex
	states []slotState
	acked  int
}

func (s *slot) begin(next slotState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.states = append(s.states, next)
}

func (s *slot) acknowledge() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.acked = len(s.states) - 1
}

func (s *slot) lastAcked() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.acked
}

// possible reports whether a read that began when only the states since were possible, and
// ends now, may have seen this.
func (s *slot) possible(since int, key, name string, found bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, state := range s.states[since:] {
		if state.explains(key, name, found) {
			return true
		}
	}
	return false
}

// write makes a random change of the slot, through the cache, or underneath it followed by
// Invalidate.
func (s *slot) write(ctx context.Context, c cache, underneath license.Store, r *rand.Rand, n int) error {
	now := s.states[len(s.states)-1]
	to, elsewhere := license.Store(c), r.IntN(3) == 0
	if elsewhere {
		to = underneath
	}
	l := newLicense(s.keys[r.IntN(2)])
	l.ID, l.Name = s.id, fmt.Sprint(n)
	var err error
	switch {
	case now.key == "":
		s.begin(slotState{l.Key, l.Name})
		err = to.Create(ctx, l)
	case r.IntN(4) == 0:
		s.begin(slotState{})
		err = to.Delete(ctx, l.ID, 0)
	default:
		s.begin(slotState{l.Key, l.Name})
		err = to.Update(ctx, l)
	}
	if elsewhere {
		c.Invalidate(s.id)
	}
	s.acknowledge()
	return err
}

// countStale lets four writers and eight readers loose on a cache over a store whose answers
// take their time, in the time of a synctest bubble, and counts the reads that show what
// an acknowledged write had already replaced.
func countStale(t *testing.T, newCache func(license.Store) cache, writes int) (reads, queries, stale int64) {
	const writers, readers = 4, 8
	p := newProbe()
	p.answered = func(_ context.Context, _ string, err error) error {
		time.Sleep(rand.N(2 * time.Millisecond))
		return err
	}
	c := newCache(p)
	slots := make([]*slot, writers)
	for i := range slots {
		slots[i] = &slot{id: uuid.New(), states: make([]slotState, 1), keys: [2]string{fmt.Sprint("A", i), fmt.Sprint("B", i)}}
	}
	var reading, staleReads atomic.Int64
	var writing, all sync.WaitGroup
	done := make(chan struct{})
	for i, s := range slots {
		writing.Go(func() {
			r := rand.New(rand.NewPCG(1, uint64(i)))
			for n := range writes {
				assert.NoError(t, s.write(t.Context(), c, p.Store, r, n))
				time.Sleep(time.Duration(r.Int64N(int64(4 * time.Millisecond))))
			}
		})
	}
	for i := range readers {
		all.Go(func() {
			r := rand.New(rand.NewPCG(2, uint64(i)))
			for {
				select {
				case <-done:
					return
				default:
				}
				s := slots[r.IntN(len(slots))]
				key := s.keys[r.IntN(2)]
				since := s.lastAcked()
				l, err := c.GetByKey(t.Context(), key)
				var name string
				if err == nil {
					name = l.Name
				}
				if !s.possible(since, key, name, err == nil) {
					staleReads.Add(1)
				}
				reading.Add(1)
				time.Sleep(time.Duration(r.Int64N(int64(100 * time.Microsecond))))
			}
		})
	}
	writing.Wait()
	close(done)
	all.Wait()
	return reading.Load(), p.queries.Load(), staleReads.Load()
}

func TestNoReadAfterAnAcknowledgedWriteShowsTheStateBefore(t *testing.T) {
	t.Parallel()
	writes := 1000
	if os.Getenv("LICENSE_LONG_TESTS") == "1" {
		writes = 10_000
	}
	synctest.Test(t, func(t *testing.T) {
		reads, queries, stale := countStale(t, func(s license.Store) cache { return newCache(t, s) }, writes)
		t.Logf("cachestore: %d stale of %d reads, %d queries", stale, reads, queries)
		require.Zero(t, stale)
		require.Less(t, queries, reads/2, "it caches")
	})
	synctest.Test(t, func(t *testing.T) {
		reads, queries, stale := countStale(t, func(s license.Store) cache { return newUnguarded(s) }, 100)
		t.Logf("control: %d stale of %d reads, %d queries", stale, reads, queries)
		require.NotZero(t, stale, "the control is a cache without a guard, and this test does not notice")
	})
}
