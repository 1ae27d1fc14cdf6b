package cachestore_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
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

// holding returns a probe whose queries wait for release, or until their context is done.
func holding() (p *probe, release chan struct{}) {
	p, release = newProbe(), make(chan struct{})
	p.answered = func(ctx context.Context, _ string, err error) error {
		select {
		case <-release:
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return p, release
}

func TestConcurrentMissesOfAKeyShareOneQuery(t *testing.T) {
	t.Parallel()
	for key, want := range map[string]error{"K": nil, "unknown": license.ErrNotFound} {
		synctest.Test(t, func(t *testing.T) {
			p, release := holding()
			c := newCache(t, p)
			create(t, p, "K")
			got := make(map[*license.License]bool)
			var mu sync.Mutex
			for range 100 {
				go func() {
					l, err := c.Shared().GetByKey(t.Context(), key)
					assert.ErrorIs(t, err, want)
					mu.Lock()
					defer mu.Unlock()
					got[l] = true
				}()
			}
			synctest.Wait()
			require.EqualValues(t, 1, p.queries.Load())
			close(release)
			synctest.Wait()
			require.Len(t, got, 1, "all have the same license, or none")
			require.EqualValues(t, 1, p.queries.Load())
		})
	}
}

func TestMissesOfDifferentKeysDoNotWaitForEachOther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newProbe()
		release := make(chan struct{})
		p.answered = func(_ context.Context, key string, err error) error {
			if key == "slow" {
				<-release
			}
			return err
		}
		c := newCache(t, p)
		go c.GetByKey(t.Context(), "slow")
		synctest.Wait()
		requireUnknown(t, c, "quick")
		close(release)
	})
}

func TestCancelledCallerFailsNobodyElse(t *testing.T) {
	t.Parallel()
	type traceKey struct{}
	for leaver := range 3 { // 0 is the one whose context the query began with
		synctest.Test(t, func(t *testing.T) {
			p, release := holding()
			var trace any
			held := p.answered
			p.answered = func(ctx context.Context, key string, err error) error {
				trace = ctx.Value(traceKey{})
				return held(ctx, key, err)
			}
			c := newCache(t, p)
			create(t, p, "K")
			ctx, cancel := context.WithCancel(t.Context())
			errs := make([]error, 3)
			for i := range errs {
				own := context.WithValue(t.Context(), traceKey{}, i)
				if i == leaver {
					own = context.WithValue(ctx, traceKey{}, i)
				}
				go func() { _, errs[i] = c.GetByKey(own, "K") }()
				synctest.Wait()
			}
			cancel()
			synctest.Wait()
			require.ErrorIs(t, errs[leaver], context.Canceled, "the caller does not wait for the store")
			close(release)
			synctest.Wait()
			for i, err := range errs {
				if i != leaver {
					require.NoError(t, err)
				}
			}
			require.Equal(t, 0, trace, "the query has the values of the first caller")
			requireName(t, c, "K", "")
			require.EqualValues(t, 1, p.queries.Load())
		})
	}
}

func TestQueryThatNobodyWaitsForIsCancelled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newProbe()
		cancelled := make(chan struct{})
		p.answered = func(ctx context.Context, _ string, err error) error {
			if p.queries.Load() > 1 {
				return err
			}
			<-ctx.Done()
			close(cancelled)
			time.Sleep(time.Second) // slow to stop
			return ctx.Err()
		}
		c := newCache(t, p)
		create(t, p, "K")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		for range 3 {
			go func() {
				_, err := c.GetByKey(ctx, "K")
				assert.ErrorIs(t, err, context.DeadlineExceeded)
			}()
		}
		<-cancelled
		synctest.Wait()
		require.EqualValues(t, 1, p.queries.Load())

		requireName(t, c, "K", "") // does not wait for the one that is stopping
		require.EqualValues(t, 2, p.queries.Load())
		time.Sleep(2 * time.Second)
		requireName(t, c, "K", "")
		require.EqualValues(t, 2, p.queries.Load())
	})
}

func TestCallerWhoseContextIsDoneGetsItsErrorAlsoForWhatIsCached(t *testing.T) {
	t.Parallel()
	p := newProbe()
	c := newCache(t, p)
	create(t, p, "K")
	requireName(t, c, "K", "")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, key := range []string{"K", "unknown"} {
		_, err := c.GetByKey(ctx, key)
		require.ErrorIs(t, err, context.Canceled)
	}
	require.EqualValues(t, 1, p.queries.Load())
}

func TestHangingQueryIsNotJoinedForLongerThanMaxStaleness(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newProbe()
		release := make(chan struct{})
		p.answered = func(_ context.Context, _ string, err error) error {
			if p.queries.Load() == 1 {
				<-release
			}
			return err
		}
		c := newCache(t, p)
		l := create(t, p, "K")
		go requireNameInBackground(t, c, "")
		synctest.Wait()
		l.Name = "changed"
		require.NoError(t, p.Update(t.Context(), l))
		time.Sleep(maxStaleness - time.Nanosecond)
		go requireNameInBackground(t, c, "")
		synctest.Wait()
		require.EqualValues(t, 1, p.queries.Load())
		time.Sleep(time.Nanosecond)
		requireName(t, c, "K", "changed")
		close(release)
		synctest.Wait()
		requireName(t, c, "K", "changed")
		requireName(t, c, "K", "changed")
		require.EqualValues(t, 3, p.queries.Load(), "which of two answers is the newer is asked, once")
	})
}

func requireNameInBackground(t *testing.T, c license.Store, name string) {
	l, err := c.GetByKey(t.Context(), "K")
	assert.NoError(t, err)
	assert.Equal(t, name, l.Name)
}

func TestErrorsOfTheStoreAreNotKept(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newProbe()
		c := newCache(t, p)
		create(t, p, "K")
		fail := func(context.Context, string, error) error {
			return fmt.Errorf("down: %w", license.ErrUnavailable)
		}
		p.answered = fail
		for range 3 {
			_, err := c.GetByKey(t.Context(), "K")
			require.ErrorIs(t, err, license.ErrUnavailable)
			require.NotErrorIs(t, err, license.ErrNotFound)
		}
		p.answered = nil
		requireName(t, c, "K", "")

		p.answered = fail
		time.Sleep(maxStaleness)
		_, err := c.GetByKey(t.Context(), "K")
		require.ErrorIs(t, err, license.ErrUnavailable, "too old, and the store is down")
	})
}

func TestAnswerAboutAnotherKeyIsAnError(t *testing.T) {
	t.Parallel()
	p := newProbe()
	c := newCache(t, confused{p})
	create(t, p, "k")
	_, err := c.GetByKey(t.Context(), "K")
	require.Error(t, err)
	require.NotErrorIs(t, err, license.ErrNotFound)
}

// confused finds keys whatever their case.
type confused struct{ license.Store }

func (s confused) GetByKey(ctx context.Context, _ string) (*license.License, error) {
	return s.Store.GetByKey(ctx, "k")
}

func TestStoreThatPanicsOrExitsLeavesNobodyWaiting(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(){
		"panic":          func() { panic("broken") },
		"runtime.Goexit": runtime.Goexit,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := newProbe()
				p.answered = func(_ context.Context, _ string, err error) error {
					time.Sleep(time.Second)
					if p.queries.Load() == 1 {
						end()
					}
					return err
				}
				c := newCache(t, p)
				create(t, p, "K")
				ends := make([]any, 3)
				for i := range ends {
					go func() {
						defer func() {
							if p := recover(); p != nil {
								ends[i] = p
							}
						}()
						_, err := c.GetByKey(t.Context(), "K")
						ends[i] = err
					}()
				}
				time.Sleep(2 * time.Second)
				synctest.Wait()
				for _, got := range ends {
					if name == "panic" {
						require.Contains(t, got, "broken")
						require.Contains(t, got, "flight_test.go", "the stack of the store")
					} else {
						require.Implements(t, (*error)(nil), got)
						require.False(t, errors.Is(got.(error), license.ErrNotFound))
					}
				}
				requireName(t, c, "K", "")
			})
		})
	}
}

func TestPanicInAWriteForgetsWhatItMayHaveWritten(t *testing.T) {
	t.Parallel()
	p := newProbe()
	c := newCache(t, panicking{p})
	l := create(t, p, "K")
	requireName(t, c, "K", "")
	l.Name = "changed"
	require.Panics(t, func() { c.Update(t.Context(), l) })
	requireName(t, c, "K", "changed")
}

// panicking panics after it has written.
type panicking struct{ license.Store }

func (s panicking) Update(ctx context.Context, l *license.License) error {
	panic(fmt.Sprint("broken: ", s.Store.Update(ctx, l)))
}

// crossing is a store in which the first query reads late, and the second answers late.
type crossing struct {
	*probe
	read, answer, written chan struct{} // closed to let each go on
}

func (s crossing) GetByKey(ctx context.Context, key string) (*license.License, error) {
	n := s.queries.Add(1)
	if n == 1 {
		<-s.read
	}
	l, err := s.Store.GetByKey(ctx, key)
	if n == 2 {
		<-s.answer
	}
	return l, err
}

func (s crossing) Update(ctx context.Context, l *license.License) error {
	err := s.Store.Update(ctx, l)
	<-s.written
	return err
}

// While a write is under way, reads may see it or not; but what one has seen, every later one
// sees as well.
func TestNoReadGoesBackBehindAnEarlierOne(t *testing.T) {
	t.Parallel()
	for _, late := range []bool{false, true} { // whether the second query answers after the first
		synctest.Test(t, func(t *testing.T) {
			s := crossing{newProbe(), make(chan struct{}), make(chan struct{}), make(chan struct{})}
			c := newCache(t, s)
			l := create(t, s.Store, "K")
			first, second := make(chan string, 1), make(chan string, 1)
			go func() { first <- seen(t.Context(), c) }()
			synctest.Wait()
			c.Invalidate(uuid.New()) // of something else, so that the next read begins a query of its own
			go func() { second <- seen(t.Context(), c) }()
			synctest.Wait()
			require.EqualValues(t, 2, s.queries.Load())

			l.Name = "changed"
			go c.Update(t.Context(), l)
			synctest.Wait()
			if !late {
				close(s.answer)
				require.Equal(t, "known", <-second)
			}
			close(s.read)
			require.Equal(t, "changed", <-first)
			third := make(chan string, 1)
			go func() { third <- seen(t.Context(), c) }()
			synctest.Wait()
			if late {
				close(s.answer)
				require.Equal(t, "changed", <-second, "it was repeated")
			}
			require.Equal(t, "changed", <-third)
			require.Equal(t, "changed", seen(t.Context(), c))
			require.EqualValues(t, 3, s.queries.Load(), "the answer is kept")
			close(s.written)
		})
	}
}

// held is a store whose first queries read, and then answer, when each is told to.
type held struct {
	*probe
	read   []chan struct{}
	answer []chan error
}

func newHeld(queries int) held {
	s := held{probe: newProbe()}
	for range queries {
		s.read, s.answer = append(s.read, make(chan struct{})), append(s.answer, make(chan error, 1))
	}
	return s
}

func (s held) GetByKey(ctx context.Context, key string) (*license.License, error) {
	n := int(s.queries.Add(1)) - 1
	if n >= len(s.read) {
		return s.Store.GetByKey(ctx, key)
	}
	select {
	case <-s.read[n]:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	l, err := s.Store.GetByKey(context.WithoutCancel(ctx), key)
	return l, errors.Join(err, <-s.answer[n])
}

// crossed are three queries for one key that are under way at once. What one of them has read and shown is not
// followed by anything older, in whatever order they read and land.
type crossed struct {
	held
	cache   *cachestore.Store
	license *license.License
	answers [3]<-chan string
	giveUp  context.CancelFunc // of who waits for the third
}

// newCrossed begins the queries. Between two something is invalidated: the first time what they ask for, if so wished.
func newCrossed(t *testing.T, overtaken bool) *crossed {
	s := &crossed{held: newHeld(3)}
	s.cache = newCache(t, s.held)
	s.license = create(t, s.Store, "K")
	s.answers[0] = s.ask(t.Context())
	if overtaken {
		s.cache.Invalidate(s.license.ID)
	} else {
		s.cache.Invalidate(uuid.New())
	}
	s.answers[1] = s.ask(t.Context())
	s.cache.Invalidate(uuid.New())
	ctx, giveUp := context.WithCancel(t.Context())
	t.Cleanup(giveUp)
	s.giveUp, s.answers[2] = giveUp, s.ask(ctx)
	require.EqualValues(t, 3, s.queries.Load())
	return s
}

func (s *crossed) ask(ctx context.Context) <-chan string {
	answer := make(chan string, 1)
	go func() { answer <- seen(ctx, s.cache) }()
	synctest.Wait()
	return answer
}

// reads has a query read what is there now.
func (s *crossed) reads(n int) {
	close(s.read[n])
	synctest.Wait()
}

// lands has a query that has read answer, and returns what its reader sees.
func (s *crossed) lands(n int, err error) string {
	s.answer[n] <- err
	synctest.Wait()
	return <-s.answers[n]
}

func (s *crossed) change(t *testing.T) {
	s.license.Name = "changed"
	require.NoError(t, s.Store.Update(t.Context(), s.license)) // elsewhere
}

func TestAnswerThatWasSeenIsNotFollowedByAnOlderOne(t *testing.T) {
	t.Parallel()
	for name, run := range map[string]func(t *testing.T, s *crossed){
		"the third lands before": func(t *testing.T, s *crossed) {
			s.reads(2)
			s.change(t)
			require.Equal(t, "known", s.lands(2, nil))
			s.reads(0)
			require.Equal(t, "changed", s.lands(0, nil))
		},
		"the third lands later": func(t *testing.T, s *crossed) {
			s.change(t)
			s.reads(0)
			require.Equal(t, "changed", s.lands(0, nil))
		},
		"the third fails before": func(t *testing.T, s *crossed) {
			s.reads(2)
			s.change(t)
			s.lands(2, errors.New("boom"))
			s.reads(0)
			require.Equal(t, "changed", s.lands(0, nil))
		},
		"the third fails later": func(t *testing.T, s *crossed) {
			s.reads(2)
			s.change(t)
			s.reads(0)
			require.Equal(t, "changed", s.lands(0, nil))
			s.lands(2, errors.New("boom"))
		},
		"the third is given up before": func(t *testing.T, s *crossed) {
			s.giveUp()
			s.change(t)
			s.reads(0)
			require.Equal(t, "changed", s.lands(0, nil))
		},
		"the third is given up later": func(t *testing.T, s *crossed) {
			s.change(t)
			s.reads(0)
			require.Equal(t, "changed", s.lands(0, nil))
			s.giveUp()
		},
	} {
		for _, overtaken := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				s := newCrossed(t, overtaken)
				s.reads(1)
				run(t, s)
				require.Equal(t, "known", s.lands(1, nil), "it began before")
				last := s.ask(t.Context())
				select {
				case <-s.read[2]:
				default:
					close(s.read[2])
				}
				select {
				case s.answer[2] <- nil:
				default:
				}
				require.Equal(t, "changed", <-last, "%s, overtaken %t", name, overtaken)
			})
		}
	}
}

// A query that hangs has read what was there before, and lands when what others have read since is not
// kept any more.
func TestAnswerThatIsNoLongerKeptIsNotFollowedByAnOlderOne(t *testing.T) {
	t.Parallel()
	for name, forget := range map[string]func(c *cachestore.Store){
		"all unknown keys were forgotten": func(c *cachestore.Store) { c.Invalidate(uuid.New()) },
		"everything was forgotten":        func(c *cachestore.Store) { c.InvalidateAll() },
	} {
		synctest.Test(t, func(t *testing.T) {
			s := newHeld(1)
			c := newCache(t, s)
			l := create(t, s.Store, "K")
			first := make(chan string, 1)
			go func() { first <- seen(t.Context(), c) }()
			synctest.Wait()
			close(s.read[0])
			synctest.Wait()
			c.Invalidate(uuid.New())
			require.NoError(t, s.Store.Delete(t.Context(), l.ID, 0)) // elsewhere
			require.Equal(t, "unknown", seen(t.Context(), c))
			forget(c)
			s.answer[0] <- nil
			require.Equal(t, "known", <-first, "it began before")
			require.Equal(t, "unknown", seen(t.Context(), c), name)
		})
	}
}

// late is a store whose creations happen, and answer later.
type late struct {
	*probe
	written chan struct{}
}

func (s late) Create(ctx context.Context, l *license.License) error {
	err := s.Store.Create(ctx, l)
	<-s.written
	return err
}

func TestKeyIsKnownOnceAnErrorHasToldThatTheLicenseIsThere(t *testing.T) {
	t.Parallel()
	for name, write := range map[string]func(c *cachestore.Store, l *license.License) error{
		"Delete": func(c *cachestore.Store, l *license.License) error { return c.Delete(t.Context(), l.ID, 7) },
		"Update": func(c *cachestore.Store, l *license.License) error {
			l.Key, l.Revision = "other", 7
			return c.Update(t.Context(), l)
		},
		"Create": func(c *cachestore.Store, l *license.License) error {
			l.Key = "other"
			return c.Create(t.Context(), l)
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := late{newProbe(), make(chan struct{})}
			c := newCache(t, s)
			requireUnknown(t, c, "K")
			l := newLicense("K")
			l.ID = uuid.New()
			go c.Create(t.Context(), l.Clone())
			synctest.Wait()
			requireUnknown(t, c, "K") // nobody has been told of it
			result := make(chan error)
			go func() { result <- write(c, l) }()
			synctest.Wait()
			if name == "Create" {
				close(s.written)
			}
			require.Error(t, <-result, name)
			requireName(t, c, "K", "")
			if name != "Create" {
				close(s.written)
			}
		})
	}
}

func TestBusyKeyIsKeptWhileOthersAreWritten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newProbe()
		p.answered = func(_ context.Context, _ string, err error) error {
			time.Sleep(5 * time.Millisecond)
			return err
		}
		c := newCache(t, p)
		create(t, p, "K")
		const reads = 1000
		for range reads {
			c.Invalidate(uuid.New())
			go requireNameInBackground(t, c, "")
			time.Sleep(time.Millisecond)
		}
		time.Sleep(time.Second)
		require.Less(t, p.queries.Load(), int64(reads/10))
	})
}
