// Package storetest states the contract of [license.Store] as tests: a store that passes
// [Run] is a store. It uses the standard library and package license only.
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, func(tb testing.TB, now func() time.Time) license.Store {
//			store, err := mystore.Open(tb.Context(), filepath.Join(tb.TempDir(), "licenses.db"), now)
//			if err != nil {
//				tb.Fatal(err)
//			}
//			tb.Cleanup(func() { store.Close() })
//			return store
//		})
//	}
//
// What it cannot show is what happens in a crash or to a broken connection: that an
// acknowledged write survives, and that a write whose outcome is unknown says so. Test
// these where you can cut the power.
package storetest

import (
	"testing"
	"time"

	"github.com/privatepkgs/license"
)

// Run runs every test of the contract against fresh stores, in parallel. It calls newStore
// once for each test, from several goroutines. Each time newStore must return an empty store
// that shares nothing with the others and whose only clock is now; it reports its own
// failures to tb, and registers with tb what is to be cleaned up.
//
// A store that is a [license.BatchCreator] or a [license.PageLender] as well is tested as one. The tests make about
// 1,500 writes in all, and two thirds of these in [testing.Short] mode.
func Run(t *testing.T, newStore func(tb testing.TB, now func() time.Time) license.Store) {
	for _, topic := range topics {
		t.Run(topic.name, func(t *testing.T) {
			t.Parallel()
			for _, test := range topic.tests {
				t.Run(test.name, func(t *testing.T) {
					t.Parallel()
					test.run(newHarness(t, newStore))
				})
			}
		})
	}
}

// test is one rule of the contract, or a few that belong together.
type test struct {
	name string
	run  func(h *harness)
}

var topics = []struct {
	name  string
	tests []test
}{
	{"Create", createTests},
	{"Get", getTests},
	{"Update", updateTests},
	{"Delete", deleteTests},
	{"Copies", copyTests},
	{"Text", textTests},
	{"Time", timeTests},
	{"List", listTests},
	{"Walk", walkTests},
	{"Race", raceTests},
	{"Context", contextTests},
	{"Batch", batchTests},
}
