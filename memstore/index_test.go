package memstore

import (
	"testing"
	"time"

	"github.com/privatepkgs/license"
	"github.com/privatepkgs/license/storetest"
)

// Hashes are the same too seldom to wait for it.
func TestStoreKeepsTheContractWhereHashesAreTheSame(t *testing.T) {
	t.Parallel()
	for name, hash := range map[string]func(string) uint32{
		"all":              func(string) uint32 { return 1 },
		"many":             func(name string) uint32 { return uint32(len(name) % 3) },
		"many in one part": func(name string) uint32 { return uint32(len(name)%3) * partCount },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			storetest.Run(t, func(_ testing.TB, now func() time.Time) license.Store {
				s := New(Options{Now: now})
				s.byID.hash, s.byKey.hash = hash, hash
				return s
			})
		})
	}
}
