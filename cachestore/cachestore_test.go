package cachestore_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/privatepkgs/license"
	"github.com/privatepkgs/license/cachestore"
)

func TestNewRefusesOptionsThatCannotBeMeant(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]cachestore.Options{
		"no staleness":       {},
		"negative staleness": {MaxStaleness: -1},
		"negative licenses":  {MaxStaleness: 1, MaxLicenses: -1},
		"negative unknown":   {MaxStaleness: 1, MaxUnknown: -1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := cachestore.New(newProbe(), o)
			require.Error(t, err)
		})
	}
	_, err := cachestore.New(nil, cachestore.Options{MaxStaleness: 1})
	require.Error(t, err)
}

func TestKnownAndUnknownKeysCostOneQueryEach(t *testing.T) {
	t.Parallel()
	p := newProbe()
	c := newCache(t, p)
	create(t, p, "K")
	for range 100 {
		requireName(t, c, "K", "")
		requireName(t, c.Shared(), "K", "")
		requireUnknown(t, c, "other")
		requireUnknown(t, c.Shared(), "other")
	}
	require.EqualValues(t, 2, p.queries.Load())
}

func TestKeysThatDifferInCaseAreDifferentKeys(t *testing.T) {
	t.Parallel()
	c := newCache(t, newProbe())
	create(t, c, "KEY")
	requireUnknown(t, c, "key")
	requireName(t, c, "KEY", "")
	requireUnknown(t, c, "key")
}

func TestKeysThatNoLicenseCanHaveCostNoQuery(t *testing.T) {
	t.Parallel()
	p := newProbe()
	c := newCache(t, p)
	requireUnknown(t, c, "")
	requireUnknown(t, c, strings.Repeat("K", license.MaxKeyLen+1))
	require.Zero(t, p.queries.Load())
	create(t, c, strings.Repeat("K", license.MaxKeyLen))
	requireName(t, c, strings.Repeat("K", license.MaxKeyLen), "")
}

func TestFloodOfUnknownKeysPushesOutNoLicense(t *testing.T) {
	t.Parallel()
	const licenses = 100
	p := newProbe()
	c, err := cachestore.New(p, cachestore.Options{
		MaxStaleness: time.Hour, MaxLicenses: licenses, MaxUnknown: 50,
	})
	require.NoError(t, err)
	check := func() {
		for i := range licenses {
			requireName(t, c, fmt.Sprintf("K%d", i), "")
		}
	}
	for i := range licenses {
		create(t, p, fmt.Sprintf("K%d", i))
	}
	check()
	for i := range 20_000 {
		requireUnknown(t, c.Shared(), fmt.Sprintf("guess-%d", i))
	}
	p.queries.Store(0)
	check()
	require.Zero(t, p.queries.Load(), "queries for licenses that had been cached")
}

func TestLocalWritesAreSeenAtOnce(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	c := newCache(t, newProbe())
	requireUnknown(t, c, "K")

	l := create(t, c, "K")
	requireName(t, c, "K", "")

	l.Name = "changed"
	require.NoError(t, c.Update(ctx, l))
	requireName(t, c, "K", "changed")

	requireUnknown(t, c, "new")
	l.Key = "new"
	require.NoError(t, c.Update(ctx, l))
	requireUnknown(t, c, "K")
	requireName(t, c, "new", "changed")

	require.NoError(t, c.Delete(ctx, l.ID, 0))
	requireUnknown(t, c, "new")

	second := newLicense("new")
	second.Name = "second"
	require.NoError(t, c.Create(ctx, second))
	requireName(t, c, "new", "second")
}

func TestLocalWritesUndoWhatWasCachedBeforeAWriteElsewhere(t *testing.T) {
	t.Parallel()
	ctx := t.Context()

	t.Run("key of a license deleted elsewhere is given again", func(t *testing.T) {
		t.Parallel()
		p := newProbe()
		c := newCache(t, p)
		l := create(t, c, "K")
		requireName(t, c, "K", "")
		require.NoError(t, p.Delete(ctx, l.ID, 0))
		again := newLicense("K")
		again.Name = "again"
		require.NoError(t, c.Create(ctx, again))
		requireName(t, c, "K", "again")
	})

	t.Run("license deleted elsewhere is made again under another key", func(t *testing.T) {
		t.Parallel()
		p := newProbe()
		c := newCache(t, p)
		l := create(t, c, "K")
		requireName(t, c, "K", "")
		require.NoError(t, p.Delete(ctx, l.ID, 0))
		again := newLicense("new")
		again.ID = l.ID
		require.NoError(t, c.Create(ctx, again))
		requireUnknown(t, c, "K")
	})

	t.Run("license whose key was changed elsewhere is cached under the new key only", func(t *testing.T) {
		t.Parallel()
		p := newProbe()
		c := newCache(t, p)
		l := create(t, c, "K")
		requireName(t, c, "K", "")
		l.Key = "new"
		require.NoError(t, p.Update(ctx, l))
		requireName(t, c, "new", "")
		require.NoError(t, c.Delete(ctx, l.ID, 0))
		requireUnknown(t, c, "new")
		requireUnknown(t, c, "K")
	})
}

func TestWritesThatFailedAreReadAgain(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	p := newProbe()
	c := newCache(t, lost{p})
	l := create(t, p, "K")

	requireName(t, c, "K", "")
	l.Name = "changed"
	require.ErrorIs(t, c.Update(ctx, l), license.ErrUnknownOutcome)
	requireName(t, c, "K", "changed")

	requireUnknown(t, c, "new")
	require.ErrorIs(t, c.Create(ctx, newLicense("new")), license.ErrUnknownOutcome)
	requireName(t, c, "new", "")

	require.ErrorIs(t, c.Delete(ctx, l.ID, 0), license.ErrUnknownOutcome)
	requireUnknown(t, c, "K")
}

// lost carries out every write and loses its answer.
type lost struct{ license.Store }

func (s lost) Create(ctx context.Context, l *license.License) error {
	return errors.Join(s.Store.Create(ctx, l), license.ErrUnknownOutcome)
}

func (s lost) Update(ctx context.Context, l *license.License) error {
	return errors.Join(s.Store.Update(ctx, l), license.ErrUnknownOutcome)
}

func (s lost) Delete(ctx context.Context, id uuid.UUID, revision int64) error {
	return errors.Join(s.Store.Delete(ctx, id, revision), license.ErrUnknownOutcome)
}

func TestInvalidateShowsWhatWasWrittenElsewhere(t *testing.T) {
	t.Parallel()
	for name, invalidate := range map[string]func(*cachestore.Store, uuid.UUID){
		"Invalidate":    (*cachestore.Store).Invalidate,
		"InvalidateAll": func(c *cachestore.Store, _ uuid.UUID) { c.InvalidateAll() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx := t.Context()
			p := newProbe()
			c := newCache(t, p)
			requireUnknown(t, c, "K")

			l := create(t, p, "K")
			requireUnknown(t, c, "K")
			invalidate(c, l.ID)
			requireName(t, c, "K", "")

			requireUnknown(t, c, "new")
			l.Key, l.Name = "new", "changed"
			require.NoError(t, p.Update(ctx, l))
			requireName(t, c, "K", "")
			requireUnknown(t, c, "new")
			invalidate(c, l.ID)
			requireUnknown(t, c, "K")
			requireName(t, c, "new", "changed")

			require.NoError(t, p.Delete(ctx, l.ID, 0))
			requireName(t, c, "new", "changed")
			invalidate(c, l.ID)
			requireUnknown(t, c, "new")
		})
	}
}

func TestInvalidateLeavesOtherLicensesCached(t *testing.T) {
	t.Parallel()
	p := newProbe()
	c := newCache(t, p)
	create(t, c, "K")
	requireName(t, c, "K", "")
	p.queries.Store(0)
	c.Invalidate(uuid.New())
	c.Invalidate(create(t, c, "other").ID)
	requireName(t, c, "K", "")
	require.Zero(t, p.queries.Load())
}

func TestChangeElsewhereIsSeenAfterMaxStaleness(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newProbe()
		p.answered = func(_ context.Context, _ string, err error) error {
			time.Sleep(4 * time.Second)
			return err
		}
		c := newCache(t, p)
		l := create(t, p, "K")
		began := time.Now()
		time.AfterFunc(time.Second, func() { // while the answers are on their way
			l.Name = "changed"
			assert.NoError(t, p.Update(t.Context(), l))
			create(t, p, "new")
		})
		go c.GetByKey(t.Context(), "new")
		requireName(t, c, "K", "")
		for time.Since(began) < maxStaleness-time.Millisecond {
			requireName(t, c, "K", "") // being used keeps no answer young
			requireUnknown(t, c, "new")
			time.Sleep(time.Millisecond)
		}
		require.EqualValues(t, 2, p.queries.Load())
		time.Sleep(time.Millisecond)
		synctest.Wait()
		require.Equal(t, maxStaleness, time.Since(began))
		var other sync.WaitGroup
		other.Go(func() {
			l, err := c.GetByKey(t.Context(), "K")
			assert.NoError(t, err)
			assert.Equal(t, "changed", l.Name)
		})
		requireName(t, c, "new", "")
		other.Wait()
	})
}

func TestLicenseThatWasReadAgainIsFoundByItsID(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, newProbe())
		l := create(t, c, "K")
		requireName(t, c, "K", "")
		time.Sleep(maxStaleness)
		requireName(t, c, "K", "")
		require.NoError(t, c.Delete(t.Context(), l.ID, 0))
		requireUnknown(t, c, "K")
	})
}

func TestKeyDeletedOrMadeElsewhereIsCachedAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newProbe()
		c := newCache(t, p)
		for range 2 {
			l := create(t, p, "K")
			time.Sleep(maxStaleness)
			for range 10 {
				requireName(t, c, "K", "")
			}
			require.NoError(t, p.Delete(t.Context(), l.ID, 0))
			time.Sleep(maxStaleness)
			for range 10 {
				requireUnknown(t, c, "K")
			}
		}
		require.EqualValues(t, 4, p.queries.Load())
	})
}

func TestReadThatWasSlowToMissTakesTheAnswerThatHasJustArrived(t *testing.T) {
	t.Parallel()
	p := newProbe()
	now, overtake := time.Now(), func() {}
	c, err := cachestore.New(p, cachestore.Options{
		MaxStaleness: maxStaleness,
		Now:          func() time.Time { overtake(); return now },
	})
	require.NoError(t, err)
	create(t, p, "K")
	requireName(t, c, "K", "")
	now = now.Add(maxStaleness)
	overtake = func() { // the first has seen what is too old, and not asked yet
		overtake = func() {}
		requireName(t, c, "K", "")
	}
	requireName(t, c, "K", "")
	require.EqualValues(t, 2, p.queries.Load())
}

func TestClockThatWentBackProlongsNothing(t *testing.T) {
	t.Parallel()
	now := time.Now()
	p := newProbe()
	c, err := cachestore.New(p, cachestore.Options{
		MaxStaleness: maxStaleness, Now: func() time.Time { return now },
	})
	require.NoError(t, err)
	create(t, p, "K")
	requireName(t, c, "K", "")
	now = now.Add(-time.Hour)
	requireName(t, c, "K", "")
	require.EqualValues(t, 2, p.queries.Load())
}

func TestGetByKeyReturnsCopies(t *testing.T) {
	t.Parallel()
	c := newCache(t, newProbe())
	create(t, c, "K")
	for range 3 { // the one who asked the store, and those who did not
		l, err := c.GetByKey(t.Context(), "K")
		require.NoError(t, err)
		require.Equal(t, []string{"toy"}, l.Packages)
		require.False(t, l.Suspended)
		l.Packages[0], l.Suspended = "other", true
	}
}

func TestSharedHitsDoNotAllocate(t *testing.T) {
	p := newProbe()
	c := newCache(t, p)
	create(t, p, "K")
	checker := license.NewChecker(c.Shared(), license.CheckerOptions{})
	ctx := t.Context()
	for key, want := range map[string]license.Code{"K": license.Valid, "unknown": license.NotFound} {
		got := testing.AllocsPerRun(1000, func() {
			d, err := checker.CheckVersion(ctx, key, license.Request{Package: "toy", Version: "1.0.0"})
			if err != nil || d.Code != want {
				t.Fatal(d.Code, err)
			}
		})
		require.Zero(t, got, key)
	}
}
