package main

import (
	"database/sql"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite" // for PRAGMA integrity_check

	"github.com/privatepkgs/license/examples/internal/serve"
)

const (
	crashWriters = 4
	crashToken   = "crash-0123456789abcdef"
)

// TestKillingTheServerLosesNothingAcknowledged kills the server, as kill -9 does, under
// writers that create, update and delete, again and again on one file. It shows that
// whatever was acknowledged outlives the process. That it outlives a power cut rests on
// fsync, which no killed process can show.
func TestKillingTheServerLosesNothingAcknowledged(t *testing.T) {
	t.Parallel()
	rounds := 5
	if longTests() {
		rounds = 300
	}
	c := newCrashTest(t)
	begin := time.Now()
	for round := 0; round < rounds || round < 20*rounds && slices.Min(c.heard[creation:]) <= rounds; round++ {
		window := 200 * time.Millisecond
		if round >= rounds { // on a disk so slow that too little was written yet
			window = 2 * time.Second
		}
		if round%5 == 0 {
			c.killWhileStarting()
		}
		p := c.start()
		c.check(p)
		c.writeUntilKilled(p, window)
		if t.Failed() {
			t.Fatalf("round %d of %d, seed %d", round+1, rounds, c.seed)
		}
	}
	c.check(c.start())
	t.Logf("%d rounds in %v: %d creations, %d updates and %d deletions acknowledged, none lost; of %d unheard writes %d had happened",
		rounds, time.Since(begin).Round(time.Millisecond), c.heard[creation], c.heard[update], c.heard[deletion], c.unheard, c.happened)
	for _, kind := range []writeKind{creation, update, deletion} {
		assert.Greater(t, c.heard[kind], rounds, "too little was written to show anything")
	}
}

// TestKillingTheServerWhileItMakesItsDatabaseDoesNoHarm kills it at random moments of its first
// start: the next start goes on from whatever is there.
func TestKillingTheServerWhileItMakesItsDatabaseDoesNoHarm(t *testing.T) {
	t.Parallel()
	rounds := 10
	if longTests() {
		rounds = 200
	}
	for range rounds {
		c := newCrashTest(t)
		c.killWhileStarting()
		p := c.start()
		require.NoError(t, c.ledgers[0].create(p.client(), newContent()), "seed %d", c.seed)
		c.check(p)
		p.Kill()
	}
}

// TestCrashTestNoticesALostFile is a control: acknowledged licenses that are still in the
// write-ahead log are lost with it.
func TestCrashTestNoticesALostFile(t *testing.T) {
	t.Parallel()
	c := newCrashTest(t)
	p := c.start()
	l := c.ledgers[0]
	for range 5 {
		require.NoError(t, l.create(p.client(), newContent()))
	}
	p.Kill()
	require.NoError(t, os.Remove(filepath.Join(c.dir, "licenses.db-wal")))
	faults := c.merged().compare(c.start().client().list(t))
	assert.Len(t, faults, 5)
}

// TestCrashTestNoticesARetryWithoutItsKey is another control: what keeps a retry from making a
// second license is the Idempotency-Key.
func TestCrashTestNoticesARetryWithoutItsKey(t *testing.T) {
	t.Parallel()
	c := newCrashTest(t)
	p := c.start()
	l := c.ledgers[0]
	require.NoError(t, l.create(p.client(), newContent()))
	for name, e := range l.ledger {
		sent := newContent()
		sent["name"] = name
		e.unheard = write{kind: creation, sent: sent}
		require.ErrorContains(t, e.settle(p.client(), e.content), "the retry made a second license")
		assert.Equal(t, []string{name + " is there twice"}, twice(c.merged().compare(p.client().list(t))))
	}
}

func twice(faults []string) []string {
	return slices.DeleteFunc(faults, func(f string) bool { return !strings.HasSuffix(f, "twice") })
}

func longTests() bool { return os.Getenv("LICENSE_LONG_TESTS") == "1" }

type crashTest struct {
	*testing.T
	dir               string
	seed              uint64
	random            *rand.Rand
	ledgers           [crashWriters]*writer
	heard             [deletion + 1]int
	unheard, happened int
}

func newCrashTest(t *testing.T) *crashTest {
	seed := rand.Uint64()
	c := &crashTest{T: t, dir: t.TempDir(), seed: seed, random: rand.New(rand.NewPCG(seed, 0))}
	for i := range c.ledgers {
		c.ledgers[i] = &writer{number: i, ledger: ledger{}, random: rand.New(rand.NewPCG(seed, uint64(i+1)))}
	}
	return c
}

func (c *crashTest) start() *server {
	return start(c.T, c.dir, []string{serve.TokensVariable + "=" + crashToken})
}

// killWhileStarting kills a server that may be opening, recovering or serving the file.
func (c *crashTest) killWhileStarting() {
	p := launch(c.T, c.dir, nil, "-addr", "127.0.0.1:0")
	time.Sleep(time.Duration(c.random.Int64N(int64(60 * time.Millisecond))))
	p.Kill()
}

// writeUntilKilled lets the writers write, and kills the server at a random moment within the window.
func (c *crashTest) writeUntilKilled(p *server, window time.Duration) {
	var writing sync.WaitGroup
	for _, w := range c.ledgers {
		writing.Go(func() {
			if err := w.writeUntilCut(p.client()); err != nil {
				c.Errorf("writer %d: %v", w.number, err)
			}
		})
	}
	time.Sleep(time.Duration(c.random.Int64N(int64(window))))
	p.Kill()
	writing.Wait()
}

// check compares the store with the ledgers, settles what was unheard, and compares again.
func (c *crashTest) check(p *server) {
	client := p.client()
	all := c.merged()
	stored := client.list(c.T)
	require.Empty(c, all.compare(stored), "seed %d", c.seed)
	for id := range c.deletedIDs() {
		status, body, err := client.send(http.MethodGet, "/v1/licenses/"+id, "", nil)
		require.NoError(c, err)
		require.Equal(c, http.StatusNotFound, status, body)
	}
	byName := make(map[string]document)
	for _, d := range stored {
		byName[d.name()] = d
	}
	for _, w := range c.ledgers {
		for kind, n := range w.heard {
			c.heard[kind] += n
		}
		w.heard = [deletion + 1]int{}
		for name, e := range w.ledger {
			if e.unheard.kind != noWrite {
				c.unheard++
				if !sameState(byName[name], e.content) {
					c.happened++
				}
				require.NoError(c, e.settle(client, byName[name]))
			}
			if e.content == nil {
				delete(w.ledger, name) // from here on its name is that of a stranger
			}
		}
	}
	require.Empty(c, c.merged().compare(client.list(c.T)), "after the retries; seed %d", c.seed)
	c.checkIntegrity()
}

func sameState(a, b document) bool { return (a == nil) == (b == nil) && a.holds(b) }

// settle makes certain what was unheard: a creation is retried with its Idempotency-Key,
// anything else is read.
func (e *entry) settle(client crashClient, stored document) error {
	unheard := e.unheard
	e.unheard = write{}
	if unheard.kind != creation {
		e.content = stored
		return nil
	}
	status, body, err := client.send(http.MethodPost, "/v1/licenses", unheard.key, unheard.sent)
	if err != nil || status != http.StatusCreated {
		return fmt.Errorf("retrying a creation: %d %s %w", status, body, err)
	}
	e.content, err = parseDocument([]byte(body))
	e.id = e.content.id()
	if stored != nil && stored.id() != e.id {
		return fmt.Errorf("the retry made a second license: %v, and before %v", e.content, stored)
	}
	return err
}

func (c *crashTest) merged() ledger {
	all := ledger{}
	for _, w := range c.ledgers {
		maps.Copy(all, w.ledger)
	}
	return all
}

// deletedIDs are the licenses whose deletion was acknowledged since the last check.
func (c *crashTest) deletedIDs() map[string]struct{} {
	ids := make(map[string]struct{})
	for _, e := range c.merged() {
		if e.content == nil && e.id != "" {
			ids[e.id] = struct{}{}
		}
	}
	return ids
}

func (c *crashTest) checkIntegrity() {
	db, err := sql.Open("sqlite", "file:"+filepath.ToSlash(filepath.Join(c.dir, "licenses.db"))+"?mode=ro")
	require.NoError(c, err)
	defer db.Close()
	var result string
	require.NoError(c, db.QueryRowContext(c.Context(), "PRAGMA integrity_check").Scan(&result))
	require.Equal(c, "ok", result)
}
