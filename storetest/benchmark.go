package storetest

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/privatepkgs/license"
)

// Benchmark measures a store that holds ten thousand licenses: reads by id and by key, a
// page at the beginning and in the depth, with filters, and writes. Each part fills one
// store, which newStore makes as for [Run], and leaves that out of the time.
func Benchmark(b *testing.B, newStore func(tb testing.TB, now func() time.Time) license.Store) {
	const size = 10_000
	h := newHarness(b, newStore)
	stored := make([]*license.License, size)
	for i := range stored {
		stored[i] = benchmarkLicense(i)
		h.create(stored[i])
	}
	random := func() *license.License { return stored[rand.IntN(size)] }

	b.Run("Get", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := h.store.Get(h.ctx, random().ID); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("GetByKey", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := h.store.GetByKey(h.ctx, random().Key); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("GetByKeyParallel", func(b *testing.B) {
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if _, err := h.store.GetByKey(h.ctx, random().Key); err != nil {
					b.Error(err)
					return
				}
			}
		})
	})
	for _, list := range []struct {
		name  string
		query license.Query
	}{
		{"First", license.Query{}},
		{"Deep", license.Query{Since: at(size * 9 / 10)}},
		{"Backwards", license.Query{Until: at(size * 9 / 10)}},
		{"Package", license.Query{Since: at(size / 2), Package: "package-7"}},
		{"Suspended", license.Query{Since: at(size / 2), Suspended: new(true)}},
	} {
		b.Run("List"+list.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := h.store.List(h.ctx, list.query); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("Update", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := h.store.Update(h.ctx, random()); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("CreateAndDelete", func(b *testing.B) {
		b.ReportAllocs()
		l := benchmarkLicense(size)
		for b.Loop() {
			l.ID = uuid.Nil
			if err := h.store.Create(h.ctx, l); err != nil {
				b.Fatal(err)
			}
			if err := h.store.Delete(h.ctx, l.ID, 0); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// benchmarkLicense is of the size that licenses have: two packages and 120 bytes of meta.
func benchmarkLicense(i int) *license.License {
	l := createdAt(int64(i))
	l.Name = fmt.Sprintf("Customer %d", i)
	l.Key = license.GenerateKey()
	l.Suspended = i%20 == 0
	l.Packages = []string{fmt.Sprintf("package-%d", i%50), fmt.Sprintf("package-%d", 50+i%50)}
	l.Meta = fmt.Appendf(nil, `{"customer":"cus_%08d","order":"ord_%08d","plan":"business","seats":%3d,"email":"someone@example.com","vat":"DE%09d"}`, i, i, i%500, i)
	return l
}
