package postgres_test

import (
	"bytes"
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/privatepkgs/license"
	"github.com/privatepkgs/license/cachestore"
	"github.com/privatepkgs/license/internal/pgtest"
	"github.com/privatepkgs/license/sqlstore/postgres"
)

// told records what a listener is told.
type told struct {
	mu  sync.Mutex
	ids []uuid.UUID
	all int
}

func (i *told) Invalidate(id uuid.UUID) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.ids = append(i.ids, id)
}

func (i *told) InvalidateAll() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.all++
}

func (i *told) count() (ids, all int) {
	i.mu.Lock()
	defer i.mu.Unlock()
	return len(i.ids), i.all
}

// journal is a log that a test reads while it is written.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

// listen listens until the test ends, and returns the log.
func listen(t *testing.T, url string, to postgres.Invalidator) *journal {
	t.Helper()
	log := new(journal)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() {
		ended <- postgres.Listen(ctx, url, to, postgres.ListenOptions{Logger: slog.New(slog.NewTextHandler(log, nil))})
	}()
	t.Cleanup(func() {
		cancel()
		assert.ErrorIs(t, <-ended, context.Canceled)
	})
	return log
}

const patience, tick = 20 * time.Second, 2 * time.Millisecond

// instance is what each of several has: a store, and a cache in front of it.
func instance(t *testing.T, url string, maxStaleness time.Duration, o postgres.Options) *cachestore.Store {
	t.Helper()
	cached, err := cachestore.New(open(t, url, o), cachestore.Options{MaxStaleness: maxStaleness})
	require.NoError(t, err)
	return cached
}

func check(t *testing.T, s *cachestore.Store, key string) license.Code {
	t.Helper()
	d, err := license.NewChecker(s.Shared(), license.CheckerOptions{}).CheckPackage(t.Context(), key, license.Request{Package: "toolkit"})
	require.NoError(t, err)
	return d.Code
}

func TestSuspensionOnOneInstanceIsDeniedOnAnotherAtOnce(t *testing.T) {
	t.Parallel()
	url := pgtest.Shared(t).NewDatabase(t)
	here := instance(t, url, time.Hour, postgres.Options{Notify: true})
	there := instance(t, url, time.Hour, postgres.Options{})
	log := listen(t, url, there)
	require.Eventually(t, func() bool { return log.String() != "" }, patience, tick)
	assert.Contains(t, log.String(), "level=INFO")

	var longest time.Duration
	for range 5 {
		l := newLicense("")
		require.NoError(t, l.PrepareCreate(time.Now()))
		require.Equal(t, license.NotFound, check(t, there, l.Key))
		require.NoError(t, here.Create(t.Context(), l))
		require.Eventually(t, func() bool { return check(t, there, l.Key) == license.Valid }, patience, tick)
		l.Suspended = true
		began := time.Now()
		require.NoError(t, here.Update(t.Context(), l))
		require.Eventually(t, func() bool { return check(t, there, l.Key) == license.Suspended }, patience, tick)
		longest = max(longest, time.Since(began))
		require.NoError(t, here.Delete(t.Context(), l.ID, 0))
		require.Eventually(t, func() bool { return check(t, there, l.Key) == license.NotFound }, patience, tick)
	}
	t.Logf("a suspension was denied elsewhere after %v at most, the Update included", longest)
}

// The control of the test above: without a listener, and with one that is cut off, the
// suspension is seen when the cache's greatest staleness is over, and not before.
func TestSuspensionIsDeniedWithinMaxStalenessWithoutAListener(t *testing.T) {
	t.Parallel()
	const maxStaleness = 700 * time.Millisecond
	url := pgtest.Shared(t).NewDatabase(t)
	proxy := pgtest.NewProxy(t, url)
	here := instance(t, url, maxStaleness, postgres.Options{Notify: true})
	there := instance(t, url, maxStaleness, postgres.Options{})
	log := listen(t, proxy.URL, there)
	require.Eventually(t, func() bool { return log.String() != "" }, patience, tick)
	proxy.Refuse()
	require.Eventually(t, func() bool { return bytes.Contains([]byte(log.String()), []byte("level=WARN")) }, patience, tick)

	l := newLicense("")
	require.NoError(t, here.Create(t.Context(), l))
	began := time.Now()
	require.Equal(t, license.Valid, check(t, there, l.Key))
	l.Suspended = true
	require.NoError(t, here.Update(t.Context(), l))
	if code := check(t, there, l.Key); time.Since(began) < maxStaleness {
		require.Equal(t, license.Valid, code, "nobody has told the cache")
	}
	time.Sleep(time.Until(began.Add(maxStaleness + 100*time.Millisecond)))
	require.Equal(t, license.Suspended, check(t, there, l.Key))
}

func TestListenConnectsAgainAndForgetsAll(t *testing.T) {
	t.Parallel()
	url := pgtest.Shared(t).NewDatabase(t)
	proxy := pgtest.NewProxy(t, url)
	s := open(t, url, postgres.Options{Notify: true})
	to := new(told)
	listen(t, proxy.URL, to)
	for round := 1; round <= 3; round++ {
		require.Eventually(t, func() bool { _, all := to.count(); return all == round }, patience, tick)
		l := newLicense("")
		require.NoError(t, s.Create(t.Context(), l))
		require.Eventually(t, func() bool { ids, _ := to.count(); return ids == round }, patience, tick)
		assert.Equal(t, l.ID, to.ids[round-1])
		proxy.Cut()
	}
}

// A connection on which nothing comes is tried now and then. One that is well goes on to tell; one that
// the network has lost without a word is replaced.
func TestListenTriesASilentConnection(t *testing.T) {
	t.Parallel()
	url := pgtest.Shared(t).NewDatabase(t)
	proxy := pgtest.NewProxy(t, url)
	s := open(t, url, postgres.Options{Notify: true})
	to := new(told)
	const heartbeat = 20 * time.Millisecond
	go func() { _ = postgres.ListenWith(t.Context(), proxy.URL, to, heartbeat, patience) }() // until the test ends
	require.Eventually(t, func() bool { _, all := to.count(); return all == 1 }, patience, tick)
	time.Sleep(10 * heartbeat)
	require.NoError(t, s.Create(t.Context(), newLicense("")))
	require.Eventually(t, func() bool { ids, _ := to.count(); return ids == 1 }, patience, tick)
	_, all := to.count()
	assert.Equal(t, 1, all, "still the same connection")

	silent := new(told)
	go func() { _ = postgres.ListenWith(t.Context(), proxy.URL, silent, heartbeat, time.Second) }()
	require.Eventually(t, func() bool { _, all := silent.count(); return all == 1 }, patience, tick)
	_, before := silent.count()
	proxy.Silence()
	require.Eventually(t, func() bool { _, all := silent.count(); return all > before }, patience, tick)
	require.Eventually(t, func() bool { // one that falls between two connections is told by none
		assert.NoError(t, s.Create(t.Context(), newLicense("")))
		ids, _ := silent.count()
		return ids > 0
	}, patience, 20*time.Millisecond)
}

func TestEveryWayToChangeALicenseIsTold(t *testing.T) {
	t.Parallel()
	url := pgtest.Shared(t).NewDatabase(t)
	s := open(t, url, postgres.Options{Notify: true})
	to := new(told)
	listen(t, url, to)
	require.Eventually(t, func() bool { _, all := to.count(); return all == 1 }, patience, tick)
	db := connect(t, url)
	l := newLicense("")
	tx, err := db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	require.NoError(t, s.InTx(tx).Create(t.Context(), l))
	require.NoError(t, tx.Commit())
	for _, statement := range []string{
		`UPDATE pkg_licenses SET suspended = TRUE`,
		`DELETE FROM pkg_licenses`,
	} {
		_, err := db.ExecContext(t.Context(), statement)
		require.NoError(t, err)
	}
	require.Eventually(t, func() bool { ids, _ := to.count(); return ids == 3 }, patience, tick)
	assert.Equal(t, []uuid.UUID{l.ID, l.ID, l.ID}, to.ids)

	// Somebody dropped one of the triggers: the next to open makes it again.
	_, err = db.ExecContext(t.Context(), `DROP TRIGGER pkg_licenses_notify_all ON pkg_licenses`)
	require.NoError(t, err)
	open(t, url, postgres.Options{Notify: true})

	for i, statement := range []string{`NOTIFY pkg_licenses, 'not an id'`, `TRUNCATE pkg_licenses`} {
		_, err = db.ExecContext(t.Context(), statement)
		require.NoError(t, err)
		require.Eventually(t, func() bool { _, all := to.count(); return all == 2+i }, patience, tick, statement)
	}
}

func TestBothIdsOfALicenseAreToldWhenSomebodyChangesItsID(t *testing.T) {
	t.Parallel()
	url := pgtest.Shared(t).NewDatabase(t)
	s := open(t, url, postgres.Options{Notify: true})
	l := newLicense("")
	require.NoError(t, s.Create(t.Context(), l))
	to := new(told)
	listen(t, url, to)
	require.Eventually(t, func() bool { _, all := to.count(); return all == 1 }, patience, tick)
	_, err := connect(t, url).ExecContext(t.Context(), `UPDATE pkg_licenses SET id = $1`, uuid.Max[:])
	require.NoError(t, err)
	require.Eventually(t, func() bool { ids, _ := to.count(); return ids == 2 }, patience, tick)
	assert.ElementsMatch(t, []uuid.UUID{l.ID, uuid.Max}, to.ids)
}

func TestListenSaysWhatLooksAsIfNothingWouldCome(t *testing.T) {
	t.Parallel()
	t.Run("no trigger", func(t *testing.T) {
		t.Parallel()
		url := pgtest.Shared(t).NewDatabase(t)
		open(t, url, postgres.Options{})
		log := listen(t, url, new(told))
		require.Eventually(t, func() bool { return log.String() != "" }, patience, tick)
		assert.Contains(t, log.String(), "Options.Notify")
	})
	t.Run("proxy", func(t *testing.T) {
		t.Parallel()
		url := pgtest.Shared(t).NewDatabase(t)
		open(t, url, postgres.Options{Notify: true})
		log := listen(t, pgtest.PgBouncer(t, url), new(told))
		require.Eventually(t, func() bool { return log.String() != "" }, patience, tick)
		assert.Contains(t, log.String(), "proxy")
	})
	t.Run("bad URL", func(t *testing.T) {
		t.Parallel()
		require.Error(t, postgres.Listen(t.Context(), "localhost:5432", new(told), postgres.ListenOptions{}))
	})
}

func TestInstancesThatStartTogetherMakeOneTrigger(t *testing.T) {
	t.Parallel()
	url := pgtest.Shared(t).NewDatabase(t)
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() {
			s, err := postgres.Options{Notify: true, MaxConns: 1}.Open(t.Context(), url)
			if assert.NoError(t, err) {
				assert.NoError(t, s.Close())
			}
		})
	}
	wg.Wait()
	var triggers int
	require.NoError(t, connect(t, url).QueryRowContext(t.Context(),
		`SELECT count(*) FROM pg_trigger WHERE tgname = 'pkg_licenses_notify'`).Scan(&triggers))
	assert.Equal(t, 1, triggers)
}
