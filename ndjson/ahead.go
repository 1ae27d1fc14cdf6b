package ndjson

import (
	"iter"
	"runtime"
	"sync"
)

// The bounds of what is read ahead, so that a store always finds a batch ready.
const (
	maxAhead      = 2 * DefaultBatchSize
	maxAheadBytes = maxBatchBytes
)

// ahead yields what entries does, from another goroutine, which reads on while the loop is busy: most of an
// import is waiting for the store. When the loop ends early it waits for that goroutine, which may be in the
// middle of a read; nothing is read afterwards.
func ahead(entries iter.Seq[entry]) iter.Seq[entry] {
	return func(yield func(entry) bool) {
		r := &readAhead{ended: make(chan struct{})}
		r.changed.L = &r.mu
		go r.run(entries)
		defer r.end()
		var taken []entry
		for {
			if taken = r.take(taken); len(taken) == 0 {
				return
			}
			for _, e := range taken {
				if !yield(e) {
					return
				}
			}
		}
	}
}

// readAhead is what was read and not taken yet.
type readAhead struct {
	mu      sync.Mutex
	changed sync.Cond // of what follows
	queue   []entry
	bytes   int // of memory, about, that queue takes
	stopped bool
	read    bool // to the end

	ended    chan struct{}
	returned bool // rather than panicked or ended its goroutine; this and the next are set before ended is closed
	panicked any
}

func (r *readAhead) run(entries iter.Seq[entry]) {
	defer close(r.ended)
	defer func() {
		r.panicked = recover()
		r.mu.Lock()
		defer r.mu.Unlock()
		r.read = true
		r.changed.Broadcast()
	}()
	for e := range entries {
		if !r.put(e) {
			break
		}
	}
	r.returned = true
}

// put waits for room, and reports whether to go on.
func (r *readAhead) put(e entry) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.queue = append(r.queue, e)
	r.bytes += e.weight()
	r.changed.Broadcast()
	for !r.stopped && (len(r.queue) >= maxAhead || r.bytes >= maxAheadBytes) {
		r.changed.Wait()
	}
	return !r.stopped
}

// take waits for entries and returns all there are, or none after the last. What it returned before is used
// again.
func (r *readAhead) take(used []entry) []entry {
	clear(used)
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(r.queue) == 0 && !r.read {
		r.changed.Wait()
	}
	taken := r.queue
	r.queue, r.bytes = used[:0], 0
	r.changed.Broadcast()
	return taken
}

// end ends the reading. What ended it before is the caller's.
func (r *readAhead) end() {
	r.mu.Lock()
	r.stopped = true
	r.changed.Broadcast()
	r.mu.Unlock()
	<-r.ended
	switch {
	case r.panicked != nil:
		panic(r.panicked)
	case !r.returned:
		runtime.Goexit()
	}
}
