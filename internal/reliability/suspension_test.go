package reliability

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/privatepkgs/license"
	"github.com/privatepkgs/license/cachestore"
	"github.com/privatepkgs/license/internal/pgtest"
	"github.com/privatepkgs/license/sqlstore/postgres"
)

// change is something that one instance does and another sees later: to the license of a round,
// which before is not there or valid, and the answer that it leads to.
type change struct {
	before, after license.Code
	do            func(context.Context, license.Store, *license.License) error
}

var changes = map[string]change{
	"suspension": {license.Valid, license.Suspended, func(ctx context.Context, s license.Store, l *license.License) error {
		l.Suspended = true
		return s.Update(ctx, l)
	}},
	"deletion": {license.Valid, license.NotFound, func(ctx context.Context, s license.Store, l *license.License) error {
		return s.Delete(ctx, l.ID, 0)
	}},
	"key just made": {license.NotFound, license.Valid, func(ctx context.Context, s license.Store, l *license.License) error {
		return s.Create(ctx, l)
	}},
}

// see makes the change on one instance and asks another, which knows the state before, until its
// answer has changed. It returns how long that took from the moment when the write was acknowledged,
// and an error when a check that began later than promised still gave the old answer.
func (c change) see(ctx context.Context, writer license.Store, checker *license.Checker, promised time.Duration) (time.Duration, error) {
	l := &license.License{Key: license.GenerateKey(), Constraint: license.NoConstraint(), Packages: []string{"toolkit"}}
	if c.before == license.Valid {
		if err := writer.Create(ctx, l); err != nil {
			return 0, err
		}
	}
	check := func() (license.Code, error) {
		d, err := checker.CheckVersion(ctx, l.Key, license.Request{Package: "toolkit", Version: "1.0.0"})
		return d.Code, err
	}
	if code, err := check(); err != nil || code != c.before {
		return 0, fmt.Errorf("before the change: %s %w", code, err)
	}
	time.Sleep(rand.N(min(promised, time.Second))) // the answer that is cached may be of any age
	if err := c.do(ctx, writer, l); err != nil {
		return 0, err
	}
	done := time.Now()
	for {
		begin := time.Now()
		code, err := check()
		switch {
		case err != nil:
			return 0, err
		case code == c.after:
			return time.Since(done), nil
		case begin.Sub(done) >= promised:
			return 0, fmt.Errorf("%v after the change was acknowledged the answer is still %s", begin.Sub(done), code)
		}
		time.Sleep(time.Millisecond)
	}
}

// delays lets many changes be seen, several at a time, and returns how long each took, in order.
func delays(t *testing.T, c change, writer license.Store, reader *cachestore.Store, rounds int, promised time.Duration) []time.Duration {
	t.Helper()
	together := min(rounds, 32) // they mostly wait
	checker := license.NewChecker(reader.Shared(), license.CheckerOptions{})
	var mu sync.Mutex
	var all []time.Duration
	var running sync.WaitGroup
	for range together {
		running.Go(func() {
			for range rounds / together {
				took, err := c.see(t.Context(), writer, checker, promised)
				if !assert.NoError(t, err) {
					return
				}
				mu.Lock()
				all = append(all, took)
				mu.Unlock()
			}
		})
	}
	running.Wait()
	require.NotEmpty(t, all)
	slices.Sort(all)
	return all
}

func logDelays(t *testing.T, what string, all []time.Duration) {
	t.Helper()
	t.Logf("%s: %d rounds, median %v, 99 %% %v, max %v", what, len(all),
		all[len(all)/2].Round(10*time.Microsecond), all[len(all)*99/100].Round(10*time.Microsecond), all[len(all)-1].Round(10*time.Microsecond))
}

// TestChangesElsewhereAreSeenWithinMaxStaleness lets one instance suspend, delete and create, and
// another, with a cache and no word from the first, check.
func TestChangesElsewhereAreSeenWithinMaxStaleness(t *testing.T) {
	t.Parallel()
	promised, rounds := 50*time.Millisecond, 16
	if long() {
		promised, rounds = time.Second, 400
	}
	for _, database := range []string{"SQLite", "PostgreSQL"} {
		t.Run(database, func(t *testing.T) {
			t.Parallel()
			instances := newStores[database](t)
			for what, c := range changes {
				t.Run(what, func(t *testing.T) {
					t.Parallel()
					reader := newCache(t, instances[1], promised)
					logDelays(t, what, delays(t, c, instances[0], reader, rounds, promised))
				})
			}
		})
	}
}

// TestStaleAnswersAreNoticed is a control: a cache that keeps answers for longer than promised.
func TestStaleAnswersAreNoticed(t *testing.T) {
	t.Parallel()
	for what, c := range changes {
		store := newStores["memory"](t)[0]
		checker := license.NewChecker(newCache(t, store, time.Hour).Shared(), license.CheckerOptions{})
		_, err := c.see(t.Context(), store, checker, 20*time.Millisecond)
		require.ErrorContains(t, err, "the answer is still", what)
	}
}

// TestChangesElsewhereAreSeenAtOnceWithAListener has caches that keep answers for an hour, so that
// nothing but what PostgreSQL tells them explains what they see.
func TestChangesElsewhereAreSeenAtOnceWithAListener(t *testing.T) {
	t.Parallel()
	promised, rounds := 20*time.Second, 16 // the ordinary run may be on a machine that has more to do
	if long() {
		promised, rounds = time.Second, 800
	}
	url := pgtest.Shared(t).NewDatabase(t)
	writer, err := postgres.Options{Notify: true}.Open(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, writer.Close()) })
	reader := &listening{Store: newCache(t, openPostgres(t, url), time.Hour), began: make(chan struct{})}
	go func() { _ = postgres.Listen(t.Context(), url, reader, postgres.ListenOptions{}) }() // until the test ends
	<-reader.began
	for what, c := range changes {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			logDelays(t, what, delays(t, c, writer, reader.Store, rounds, promised))
		})
	}
}

// listening says when a listener has begun.
type listening struct {
	*cachestore.Store
	once  sync.Once
	began chan struct{}
}

func (l *listening) InvalidateAll() {
	l.Store.InvalidateAll()
	l.once.Do(func() { close(l.began) })
}
