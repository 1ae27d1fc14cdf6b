package sqlstore

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/privatepkgs/license"
)

// maxShared is how many writes share a commit, at most. More would save next to nothing, and
// the first of them would wait.
const maxShared = 100

// sharing lets writes that come while a transaction is under way share the next one. A commit
// is a wait for the disk, and as long for many as for one.
type sharing struct {
	mu      sync.Mutex
	waiting []*sharedWrite
	running bool // a goroutine does what waits
}

// sharedWrite is a write that waits for its turn.
type sharedWrite struct {
	ctx  context.Context
	do   func(context.Context, transaction) error
	done chan error // has room for its one element
}

// attemptShared runs fn in a transaction that it may share with others. A caller whose context ends
// before that has begun waits no longer.
func (s *Store) attemptShared(ctx context.Context, q query, fn func(context.Context, transaction) error) error {
	if err := s.ready(ctx); err != nil {
		return err
	}
	if _, err := s.writes.statement(ctx, q); err != nil {
		return err
	}
	w := &sharedWrite{ctx: ctx, do: fn, done: make(chan error, 1)}
	if s.sharing.add(w) {
		go s.runShared()
	}
	select {
	case err := <-w.done:
		return err
	case <-ctx.Done():
		if s.sharing.remove(w) {
			return ctx.Err()
		}
		return <-w.done
	}
}

// add queues w, and reports whether a goroutine has to be started.
func (h *sharing) add(w *sharedWrite) (start bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.waiting = append(h.waiting, w)
	start, h.running = !h.running, true
	return start
}

// remove reports whether w was still waiting; now it is not.
func (h *sharing) remove(w *sharedWrite) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	i := slices.Index(h.waiting, w)
	if i >= 0 {
		h.waiting = slices.Delete(h.waiting, i, i+1)
	}
	return i >= 0
}

// next reports whether anything waits. If not, the goroutine that asks is to end.
func (h *sharing) next() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.running = len(h.waiting) > 0
	return h.running
}

// take removes those whose turn it is.
func (h *sharing) take() []*sharedWrite {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := min(len(h.waiting), maxShared)
	group := slices.Clone(h.waiting[:n])
	h.waiting = slices.Delete(h.waiting, 0, n)
	return group
}

// runShared does what waits until nothing does.
func (s *Store) runShared() {
	for s.sharing.next() {
		s.together(s.sharing.take)
	}
}

// together does in one transaction the writes that take returns once it has begun: while it waits
// for the connection, or for another process, they can still leave. A write that is refused has
// written nothing. After any other failure the transaction may be broken, and is done again write
// by write, so that nobody fails for another.
func (s *Store) together(take func() []*sharedWrite) {
	tx, err := s.db.BeginTx(context.Background(), nil)
	group := take()
	if err != nil {
		for _, w := range group {
			w.done <- err
		}
		return
	}
	outcomes := make([]error, len(group))
	for i, w := range group {
		if outcomes[i] = w.run(transaction{sqlTx{tx}, s.writes}); outcomes[i] == nil || refused(outcomes[i]) {
			continue
		}
		tx.Rollback()
		if len(group) == 1 {
			w.done <- outcomes[i]
			return
		}
		for i := range group {
			s.together(func() []*sharedWrite { return group[i : i+1] })
		}
		return
	}
	err = s.commit(context.Background(), tx)
	for i, w := range group {
		if outcomes[i] == nil {
			outcomes[i] = err
		}
		w.done <- outcomes[i]
	}
}

// run does the write unless its caller has gone. A statement is over in microseconds, and is not cut:
// that would take what others have written with it.
func (w *sharedWrite) run(tx transaction) error {
	if err := w.ctx.Err(); err != nil {
		return err
	}
	return w.do(context.WithoutCancel(w.ctx), tx)
}

// refused reports whether a write ended in a way that leaves its transaction as it was: it does
// not fit what is stored, or has not begun.
func refused(err error) bool {
	for _, reason := range []error{
		license.ErrNotFound, license.ErrIDExists, license.ErrKeyExists, license.ErrRevisionMismatch,
		context.Canceled, context.DeadlineExceeded,
	} {
		if errors.Is(err, reason) {
			return true
		}
	}
	return false
}
