package cachestore_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/privatepkgs/license"
	"github.com/privatepkgs/license/cachestore"
)

const benchLicenses = 10_000

func benchKeys() []string {
	keys := make([]string, benchLicenses)
	for i := range keys {
		keys[i] = license.GenerateKey()
	}
	return keys
}

// BenchmarkHit compares what a cached key costs with the least it could: a lookup in a map
// that nobody writes to.
func BenchmarkHit(b *testing.B) {
	keys := benchKeys()
	p := newProbe()
	c, err := cachestore.New(p, cachestore.Options{MaxStaleness: time.Hour, MaxLicenses: 2 * benchLicenses})
	if err != nil {
		b.Fatal(err)
	}
	bare := make(map[string]*license.License, len(keys))
	for _, key := range keys {
		bare[key] = create(b, p, key)
		requireName(b, c, key, "")
	}
	ctx, cancel := context.WithCancel(b.Context()) // as a request has it
	defer cancel()
	checker := license.NewChecker(c.Shared(), license.CheckerOptions{})
	request := license.Request{Package: "toy", Version: "1.2.3"}

	for _, bench := range []struct {
		name string
		get  func(key string) bool
	}{
		{"map", func(key string) bool { return bare[key] != nil }},
		{"Shared", func(key string) bool { l, err := c.Shared().GetByKey(ctx, key); return err == nil && l != nil }},
		{"GetByKey", func(key string) bool { l, err := c.GetByKey(ctx, key); return err == nil && l != nil }},
		{"Checker", func(key string) bool {
			d, err := checker.CheckVersion(ctx, key, request)
			return err == nil && d.Allowed()
		}},
	} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if !bench.get(keys[i%len(keys)]) {
					b.Fatal("not found")
				}
			}
		})
		b.Run(bench.name+"/parallel", func(b *testing.B) {
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for i := rand.IntN(len(keys)); pb.Next(); i++ {
					if !bench.get(keys[i%len(keys)]) {
						b.Error("not found")
					}
				}
			})
		})
	}
	if got := p.queries.Load(); got != benchLicenses {
		b.Fatalf("%d queries; what is measured is not all hits", got)
	}
}

// BenchmarkUnknown is a key that was unknown a moment ago.
func BenchmarkUnknown(b *testing.B) {
	c := newCache(b, newProbe())
	b.ReportAllocs()
	for b.Loop() {
		c.Shared().GetByKey(b.Context(), "unknown")
	}
}

// BenchmarkMiss is what the cache adds to a query of a store: here one in memory, of which
// "store" is the cost alone.
func BenchmarkMiss(b *testing.B) {
	p := newProbe()
	c := newCache(b, p)
	create(b, p, "K")
	b.Run("store", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			requireName(b, p, "K", "")
		}
	})
	b.Run("cache", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			c.InvalidateAll()
			requireName(b, c.Shared(), "K", "")
		}
	})
}

// BenchmarkInvalidate is a notice of a change elsewhere, in a full cache.
func BenchmarkInvalidate(b *testing.B) {
	p := newProbe()
	c := newCache(b, p)
	var l *license.License
	for i := range benchLicenses {
		l = create(b, p, fmt.Sprint("K", i))
		requireName(b, c, l.Key, "")
	}
	b.ReportAllocs()
	for b.Loop() {
		c.Invalidate(l.ID)
	}
}
