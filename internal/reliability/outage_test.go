package reliability

import (
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/privatepkgs/license/internal/pgtest"
)

// recoveryTime is how soon writes must succeed again after the database does. The ordinary run may be
// on a machine that has more to do.
func recoveryTime() time.Duration {
	if long() {
		return 5 * time.Second
	}
	return 20 * time.Second
}

// A stage is a PostgreSQL with servers in front of it, and what can be done to them.
type stage struct {
	database *pgtest.Server
	proxies  []*pgtest.Proxy
	servers  []*server
}

// newStage has two servers on one new database, each over connections that can be cut.
func newStage(t *testing.T, database *pgtest.Server, url string) *stage {
	s := &stage{database: database}
	for range 2 {
		s.servers = append(s.servers, startServers(t, 1, s.proxy(t, url))...)
	}
	return s
}

// newPooledStage has PgBouncer in between, and can also cut it off from PostgreSQL.
func newPooledStage(t *testing.T, database *pgtest.Server) *stage {
	behind := new(stage)
	s := newStage(t, database, pgtest.PgBouncer(t, behind.proxy(t, database.NewDatabase(t))))
	s.proxies = append(s.proxies, behind.proxies...)
	return s
}

func (s *stage) proxy(t *testing.T, url string) string {
	p := pgtest.NewProxy(t, url)
	s.proxies = append(s.proxies, p)
	return p.URL
}

// An outage is over when the database, or the server, takes connections again.
type outage struct {
	what        string
	begin, over time.Time
}

// kill kills one of the servers and starts it again.
func (s *stage) kill(t *testing.T, n int) outage {
	o := outage{what: "kill", begin: time.Now()}
	s.servers[n%len(s.servers)].restart(t)
	o.over = time.Now()
	return o
}

func (s *stage) restart(t *testing.T) outage {
	o := outage{what: "restart", begin: time.Now()}
	assert.NoError(t, s.database.Restart(pgtest.Immediate))
	o.over = time.Now()
	return o
}

func (s *stage) cut(n int) outage {
	o := outage{what: "cut", begin: time.Now()}
	s.proxies[n%len(s.proxies)].Cut()
	o.over = time.Now()
	return o
}

// sell lets the shops write until so many writes are acknowledged, and meanwhile, evenly spread,
// lets so many outages of each kind happen.
func (s *stage) sell(t *testing.T, shops []*shop, writes, ofEach int) []outage {
	t.Helper()
	var done atomic.Int64
	var failed atomic.Bool
	var selling sync.WaitGroup
	for _, shop := range shops {
		selling.Go(func() {
			for !failed.Load() && done.Load() < int64(writes) {
				if err := shop.write(); !assert.NoError(t, err) {
					failed.Store(true)
				}
				done.Add(1)
			}
		})
	}
	var outages []outage
	for n := range 3 * ofEach {
		next := int64(writes * (n + 1) / (3*ofEach + 1))
		for done.Load() < next && !failed.Load() {
			time.Sleep(time.Millisecond)
		}
		switch n % 3 {
		case 0:
			outages = append(outages, s.restart(t))
		case 1:
			outages = append(outages, s.cut(n/3))
		case 2:
			outages = append(outages, s.kill(t, n/3))
		}
	}
	selling.Wait()
	if failed.Load() {
		for _, server := range s.servers {
			t.Log(tail(server.stderr))
		}
		t.FailNow()
	}
	return outages
}

// recoveries returns, for each kind of outage, how long after its end a shop heard its last
// error, and how long the slowest shop waited for its first success.
func recoveries(shops []*shop, outages []outage) (lastError, firstSuccess map[string]time.Duration) {
	lastError, firstSuccess = make(map[string]time.Duration), make(map[string]time.Duration)
	for n, o := range outages {
		next := time.Now()
		if n+1 < len(outages) {
			next = outages[n+1].begin
		}
		for _, s := range shops {
			heard := false
			for _, seen := range s.seen {
				after := seen.at.Sub(o.over)
				switch {
				case after < 0 || seen.at.After(next):
				case !seen.done:
					lastError[o.what] = max(lastError[o.what], after)
				case !heard:
					heard = true
					firstSuccess[o.what] = max(firstSuccess[o.what], after)
				}
			}
		}
	}
	return lastError, firstSuccess
}

// TestNothingIsLostOrDoubledWhateverDies lets shops write through two servers, which are killed now
// and then, on one PostgreSQL that restarts without a goodbye, and over connections that are cut.
func TestNothingIsLostOrDoubledWhateverDies(t *testing.T) {
	t.Parallel()
	database := pgtest.Start(t, pgtest.Options{Settings: map[string]string{
		// For the control. A commit that is acknowledged waits for neither.
		"wal_writer_delay": "10s", "wal_writer_flush_after": "1GB",
	}})
	t.Run("PostgreSQL", func(t *testing.T) {
		surviveOutages(t, newStage(t, database, database.NewDatabase(t)))
	})
	t.Run("PostgreSQL through PgBouncer", func(t *testing.T) {
		surviveOutages(t, newPooledStage(t, database))
	})
	t.Run("control: commits that nobody waits for are lost", func(t *testing.T) {
		url := database.NewDatabase(t)
		openPostgres(t, url) // or the tables are lost as well
		s := newStage(t, database, url+"&synchronous_commit=off")
		shops := newShops(s.servers, 4)
		s.sell(t, shops, 100, 0)
		s.restart(t)
		require.NoError(t, shops[0].create()) // as soon as the server has noticed
		found := audit(shops, listAll(t, s.servers[0]))
		assert.False(t, found.none(), "%v", found)
	})
}

func surviveOutages(t *testing.T, s *stage) {
	writes, ofEach := 300, 1
	if long() {
		writes, ofEach = 22_000, 10
	}
	shops := newShops(s.servers, 8)
	for _, shop := range shops {
		shop.deadly = true
	}
	begin := time.Now()
	happened := s.sell(t, shops, writes, ofEach)
	took := time.Since(begin)

	sum := tally(shops)
	t.Logf("%d writes acknowledged in %v; sent again: %d answered with 503, %d of these with an unknown outcome, %d that a killed server did not answer, and %d whose answer got lost; the slowest answer took %v",
		sum.acknowledged, took.Round(time.Millisecond), sum.refused, sum.unknown, sum.unanswered, sum.dropped, sum.slowest.Round(time.Millisecond))
	assert.GreaterOrEqual(t, sum.acknowledged, writes)
	lastError, firstSuccess := recoveries(shops, happened)
	for _, what := range []string{"restart", "cut", "kill"} {
		t.Logf("after a %s: the last error within %v, every shop's first success within %v", what,
			lastError[what].Round(time.Millisecond), firstSuccess[what].Round(time.Millisecond))
		assert.Less(t, lastError[what], recoveryTime())
		assert.Less(t, firstSuccess[what], 2*recoveryTime(), "the end of the errors, and a write on a disk that has more to do")
	}
	for _, server := range s.servers {
		found := audit(shops, listAll(t, server))
		assert.True(t, found.none(), "%v", found)
	}
}

// sum is what the shops went through.
type sum struct {
	acknowledged, refused, unknown, unanswered, dropped int
	slowest                                             time.Duration
}

func tally(shops []*shop) sum {
	var all sum
	for _, s := range shops {
		for _, seen := range s.seen {
			if seen.done {
				all.acknowledged++
			} else {
				all.refused++
			}
			all.slowest = max(all.slowest, seen.took)
		}
		all.refused -= s.unanswered
		all.unanswered += s.unanswered
		all.unknown += s.unknownOutcomes
		all.dropped += s.droppedAnswers
	}
	return all
}

// TestAuditNoticesRetriesWithoutTheirKey is the control for duplicates: where answers get lost on their
// way, it is the Idempotency-Key that keeps a creation that is sent again from making a second
// license.
func TestAuditNoticesRetriesWithoutTheirKey(t *testing.T) {
	t.Parallel()
	for _, keyless := range []bool{false, true} {
		t.Run(fmt.Sprintf("keyless %v", keyless), func(t *testing.T) {
			t.Parallel()
			s := &stage{servers: startServers(t, 2, filepath.Join(t.TempDir(), "licenses.db"))}
			shops := newShops(s.servers, 2)
			for _, shop := range shops {
				shop.keyless, shop.dropped = keyless, 200
			}
			s.sell(t, shops, 100, 0)
			found := audit(shops, listAll(t, s.servers[0]))
			if keyless {
				assert.NotEmpty(t, found.doubled, "%v", found)
			} else {
				assert.True(t, found.none(), "%v", found)
			}
		})
	}
}

// TestAuditNoticesEveryFault is the control of the audit itself: one fault at a time.
func TestAuditNoticesEveryFault(t *testing.T) {
	t.Parallel()
	a, b := content{ID: "1", Name: "a", Key: "A"}, content{ID: "2", Name: "b", Key: "B"}
	changed := b
	changed.Meta.Changes++
	shops := []*shop{{alive: []content{a}, gone: []string{"9"}}, {alive: []content{b}}}
	for name, c := range map[string]struct {
		stored []content
		want   faults
	}{
		"none":    {[]content{a, b}, faults{}},
		"lost":    {[]content{b}, faults{lost: []string{"a"}}},
		"changed": {[]content{a, changed}, faults{changed: []string{"b"}}},
		"doubled": {[]content{a, a, b}, faults{doubled: []string{"a"}}},
		"undead":  {[]content{a, b, {ID: "9", Name: "dead"}}, faults{undead: []string{"dead"}}},
		"strange": {[]content{a, b, {ID: "8", Name: "c"}}, faults{strange: []string{"c"}}},
	} {
		assert.Equal(t, c.want, audit(shops, c.stored), name)
	}
}
