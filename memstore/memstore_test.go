package memstore_test

import (
	"testing"
	"time"

	"github.com/privatepkgs/license"
	"github.com/privatepkgs/license/memstore"
	"github.com/privatepkgs/license/storetest"
)

func newStore(_ testing.TB, now func() time.Time) license.Store {
	return memstore.New(memstore.Options{Now: now})
}

func TestStoreKeepsTheContract(t *testing.T) {
	t.Parallel()
	storetest.Run(t, newStore)
}

func BenchmarkStore(b *testing.B) {
	storetest.Benchmark(b, newStore)
}
