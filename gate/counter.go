package gate

import (
	"context"
	"maps"
	"sync"

	"github.com/privatepkgs/license"
)

// Counter counts decisions by code, for an embedder to export. The zero value is ready
// to use, and safe for concurrent use:
//
//	var counter gate.Counter
//	gate.Options{Observe: counter.Observe}
type Counter struct {
	mu     sync.Mutex
	counts map[license.Code]uint64
}

// Observe counts one event; it is fit for [Options.Observe].
func (c *Counter) Observe(_ context.Context, e Event) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.counts == nil {
		c.counts = make(map[license.Code]uint64)
	}
	c.counts[e.Code]++
}

// Counts returns how often each code was decided, as a copy. Codes that never were are
// absent.
func (c *Counter) Counts() map[license.Code]uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.counts)
}
