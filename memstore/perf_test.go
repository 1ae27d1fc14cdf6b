package memstore_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/privatepkgs/license"
	"github.com/privatepkgs/license/memstore"
	"github.com/stretchr/testify/require"
)

// fill returns a store of n licenses as they are sold: two packages, a range, 120 bytes of
// meta. License i has the key that keyOf(i) gives, and was created in millisecond i.
func fill(tb testing.TB, n int) *memstore.Store {
	tb.Helper()
	var ranges []license.Constraint
	for _, r := range []string{"<2.0.0", ">=1.0.0 <3.0.0", "^1.2"} {
		c, err := license.VersionConstraint(r)
		require.NoError(tb, err)
		ranges = append(ranges, c)
	}
	store := memstore.New(memstore.Options{})
	for i := range n {
		require.NoError(tb, store.Create(context.Background(), &license.License{
			Name:       fmt.Sprintf("Customer %d", i),
			Key:        keyOf(i),
			Constraint: ranges[i%len(ranges)],
			Packages:   []string{fmt.Sprintf("package-%d", i%50), fmt.Sprintf("package-%d", 50+i%50)},
			Meta:       fmt.Appendf(nil, `{"customer":"cus_%08d","order":"ord_%08d","plan":"business","seats":%3d,"mail":"someone@example.com","x":%d}`, i, i, i%500, i%10),
			CreatedAt:  time.UnixMilli(int64(i)),
		}))
	}
	return store
}

// keyOf returns a key of the usual length, with the digits that differ at the front.
func keyOf(i int) string { return fmt.Sprintf("%05d-%05d-ABCDE-FGHJK-MNPQR", i%100_000, i/100_000) }

func longTests() bool { return os.Getenv("LICENSE_LONG_TESTS") != "" }

// Not parallel, so that the heap is this test's own.
func TestStoreNeedsAtMost450BytesPerLicense(t *testing.T) {
	n := 100_000
	if longTests() {
		n = 1_000_000
	}
	before := heap()
	store := fill(t, n)
	perLicense := float64(heap()-before) / float64(n)
	t.Logf("%.0f bytes per license, %d licenses", perLicense, n)
	require.LessOrEqual(t, perLicense, 450.0)
	runtime.KeepAlive(store)
}

func TestReadsAllocateOnlyTheCopy(t *testing.T) {
	store, ctx := fill(t, 1000), context.Background()
	key := keyOf(500)
	const perLicense = 2 // the license with its packages, and its meta
	require.LessOrEqual(t, testing.AllocsPerRun(100, func() {
		_, err := store.GetByKey(ctx, key)
		require.NoError(t, err)
	}), float64(perLicense))
	require.LessOrEqual(t, testing.AllocsPerRun(100, func() {
		_, err := store.List(ctx, license.Query{Since: time.UnixMilli(500), Limit: 100})
		require.NoError(t, err)
	}), float64(100*perLicense+30))
}

// A page in the depth may cost a few steps more in a tree that is a level deeper, and not
// the thousand times that reading past all before it would take.
func TestPageCostsTheSameAtAnyDepth(t *testing.T) {
	n := 50_000
	if longTests() {
		n = 1_000_000
	}
	store, ctx := fill(t, n), context.Background()
	deep := time.UnixMilli(int64(n) * 9 / 10)
	for name, q := range map[string]license.Query{
		"forwards":   {Since: deep},
		"backwards":  {Until: deep},
		"package":    {Since: deep, Package: "package-7"},
		"active":     {Since: deep, Suspended: new(false)},
		"suspended":  {Since: deep, Suspended: new(true)}, // there is none
		"no package": {Since: deep, Package: "unknown"},
	} {
		first, later := fastest(t, store, ctx, license.Query{Package: q.Package, Suspended: q.Suspended}), fastest(t, store, ctx, q)
		t.Logf("%-10s first page %v, deep page %v", name, first, later)
		require.Less(t, later, 5*first+100*time.Microsecond, name)
	}
}

// fastest returns the shortest time of many, which a busy machine disturbs least.
func fastest(t *testing.T, store *memstore.Store, ctx context.Context, q license.Query) time.Duration {
	t.Helper()
	best := time.Hour
	for range 200 {
		start := time.Now()
		_, err := store.List(ctx, q)
		best = min(best, time.Since(start))
		require.NoError(t, err)
	}
	return best
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// BenchmarkMillion compares what a store of a million licenses takes with a bare map.
func BenchmarkMillion(b *testing.B) {
	const n = 1_000_000
	store, ctx := fill(b, n), context.Background()
	keys := make([]string, 1<<16)
	for i := range keys {
		keys[i] = keyOf(rand.IntN(n))
	}
	b.Run("BareMap", func(b *testing.B) {
		bare := make(map[string]int, n)
		for i := range n {
			bare[keyOf(i)] = i
		}
		i := 0
		for b.Loop() {
			if _, ok := bare[keys[i%len(keys)]]; !ok {
				b.Fatal("not found")
			}
			i++
		}
	})
	b.Run("Check", func(b *testing.B) {
		b.ReportAllocs()
		checker := license.NewChecker(store, license.CheckerOptions{})
		i := 0
		for b.Loop() {
			if _, err := checker.CheckVersion(ctx, keys[i%len(keys)], license.Request{Package: "package-7", Version: "1.2.3"}); err != nil {
				b.Fatal(err)
			}
			i++
		}
	})
	for name, since := range map[string]int64{"FirstPage": 0, "PageAt900000": 900_000} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := store.List(ctx, license.Query{Since: time.UnixMilli(since)}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkReadersBesideWrites shows what a write in a thousand calls costs the reads.
func BenchmarkReadersBesideWrites(b *testing.B) {
	const n = 100_000
	store, ctx := fill(b, n), context.Background()
	for _, writeEvery := range []int{0, 1000} {
		b.Run(fmt.Sprintf("WriteEvery%d", writeEvery), func(b *testing.B) {
			b.RunParallel(func(pb *testing.PB) {
				for i := 1; pb.Next(); i++ {
					l, err := store.GetByKey(ctx, keyOf(rand.IntN(n)))
					if err == nil && writeEvery > 0 && i%writeEvery == 0 {
						l.Revision = 0
						err = store.Update(ctx, l)
					}
					if err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
}
