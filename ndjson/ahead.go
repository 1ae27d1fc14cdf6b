package ndjson

import (
	"iter"
	"runtime"
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
		r := &readAhead{chunks: make(chan []entry), stop: make(chan struct{}), ended: make(chan struct{})}
		go r.run(entries)
		defer func() {
			close(r.stop)
			<-r.ended
		}()
		for chunk := range r.chunks {
			for _, e := range chunk {
				if !yield(e) {
					return
				}
			}
		}
		switch {
		case r.panicked != nil:
			panic(r.panicked)
		case !r.finished:
			runtime.Goexit() // as the reader did
		}
	}
}

type readAhead struct {
	chunks   chan []entry // not buffered, so that a loop which waits gets at once what there is
	stop     chan struct{}
	ended    chan struct{}
	finished bool // all was read; this and the next are set before chunks is closed
	panicked any
}

func (r *readAhead) run(entries iter.Seq[entry]) {
	defer close(r.ended)
	defer close(r.chunks)
	defer func() { r.panicked = recover() }()
	var chunk []entry
	bytes := 0
	for e := range entries {
		chunk = append(chunk, e)
		bytes += weight(e.license)
		if len(chunk) < maxAhead && bytes < maxAheadBytes {
			select {
			case r.chunks <- chunk:
			case <-r.stop:
				return
			default: // the loop is busy
				continue
			}
		} else if !r.send(chunk) {
			return
		}
		chunk, bytes = nil, 0
	}
	r.finished = len(chunk) == 0 || r.send(chunk)
}

// send waits until the loop takes a chunk, and reports whether it did.
func (r *readAhead) send(chunk []entry) bool {
	select {
	case r.chunks <- chunk:
		return true
	case <-r.stop:
		return false
	}
}
