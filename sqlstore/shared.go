package sqlstore

import (
	"context"
	"database/sql"
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
	running bool // somebody writes, and sees then to what waits
}

// sharedWrite is a write that waits for its turn.
type sharedWrite struct {
	ctx   context.Context
	do    func(context.Context, transaction) error
	alone bool       // it shares no transaction, as one that it was in has broken
	done  chan error // has room for its one element
}

// attemptShared runs fn in a transaction of its own when nobody else writes, and otherwise in one that
// it shares with whoever waits by then. A caller whose context ends before that has begun waits no
// longer.
func (s *Store) attemptShared(ctx context.Context, q query, fn func(context.Context, transaction) error) error {
	if err := s.ready(ctx); err != nil {
		return err
	}
	if _, err := s.writes.statement(ctx, q); err != nil {
		return err
	}
	w := s.sharing.add(ctx, fn)
	if w == nil {
		defer func() {
			if len(s.sharing.next()) > 0 {
				go s.runShared()
			}
		}()
		return s.attempt(ctx, q, fn)
	}
	select {
	case err := <-w.done:
		return outcome(ctx, err)
	case <-ctx.Done():
		if s.sharing.remove(w) {
			return ctx.Err()
		}
		return outcome(ctx, <-w.done)
	}
}

// outcome is what the caller gets of a write that was done.
func outcome(ctx context.Context, err error) error {
	if errors.Is(err, license.ErrUnknownOutcome) {
		return withContext(ctx, err)
	}
	return err
}

// add queues a write. It returns nil when the caller need not wait, as nobody else writes.
func (h *sharing) add(ctx context.Context, do func(context.Context, transaction) error) *sharedWrite {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.running {
		h.running = true
		return nil
	}
	w := &sharedWrite{ctx: ctx, do: do, done: make(chan error, 1)}
	h.waiting = append(h.waiting, w)
	return w
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

// next returns what waits now, for whoever has just written. If nothing does, nobody writes now.
func (h *sharing) next() []*sharedWrite {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.running = len(h.waiting) > 0
	return slices.Clone(h.waiting)
}

// take removes those whose turn it is.
func (h *sharing) take() []*sharedWrite {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := 0
	for n < min(len(h.waiting), maxShared) && !h.waiting[n].alone {
		n++
	}
	if n == 0 && len(h.waiting) > 0 {
		n = 1
	}
	group := slices.Clone(h.waiting[:n])
	h.waiting = slices.Delete(h.waiting, 0, n)
	return group
}

// putBack has each of a group wait for a turn of its own, before all others.
func (h *sharing) putBack(group []*sharedWrite) {
	h.mu.Lock()
	defer h.mu.Unlock()
	group = slices.DeleteFunc(group, func(w *sharedWrite) bool {
		err := w.ctx.Err()
		if err != nil {
			w.done <- err // its caller may have tried to leave in between
		}
		w.alone = true
		return err != nil
	})
	h.waiting = slices.Insert(h.waiting, 0, group...)
}

// runShared does what waits until nothing does.
func (s *Store) runShared() {
	for waiting := s.sharing.next(); len(waiting) > 0; waiting = s.sharing.next() {
		tx, err := s.db.BeginTx(context.Background(), nil) // while this waits, they can leave
		if err == nil {
			s.together(tx, s.sharing.take())
			continue
		}
		for _, w := range waiting {
			if s.sharing.remove(w) {
				w.done <- err
			}
		}
	}
}

// together does a group of writes in a transaction. One that is refused has written nothing. After any
// other failure the transaction may be broken, and each is done again alone, so that nobody fails for
// another. Where the commit fails, not even a refusal is certain: it may be due to a write that
// was lost.
func (s *Store) together(tx *sql.Tx, group []*sharedWrite) {
	errs := make([]error, len(group))
	for i, w := range group {
		errs[i] = w.run(s.writes.transaction(tx))
		if errs[i] == nil || refused(errs[i]) || isDone(errs[i]) {
			continue
		}
		tx.Rollback()
		if len(group) > 1 {
			s.sharing.putBack(group)
		} else {
			w.done <- errs[i]
		}
		return
	}
	err := s.commit(context.Background(), tx)
	for i, w := range group {
		if err != nil && !isDone(errs[i]) {
			errs[i] = err
		}
		w.done <- errs[i]
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

// refused reports whether a write does not fit what is stored.
func refused(err error) bool {
	return errors.Is(err, license.ErrNotFound) || errors.Is(err, license.ErrIDExists) ||
		errors.Is(err, license.ErrKeyExists) || errors.Is(err, license.ErrRevisionMismatch)
}

// isDone reports whether a write was not begun, as its context was done.
func isDone(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}
