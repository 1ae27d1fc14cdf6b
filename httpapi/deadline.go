package httpapi

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// deadline is a context like those of [context.WithDeadline], but that it starts its timer, and
// waits for its parent, only when somebody waits for it. Most requests are answered by a store
// that only looks at Err now and then: for them a timer is set in vain, and wakes whoever
// sleeps until a later one.
//
// It does not tell by itself that it is over: as soon as it is, or is waited for, a context of the
// standard library takes its place for good.
type deadline struct {
	parent context.Context
	at     time.Time

	mu       sync.Mutex
	canceled bool
	inner    context.Context // in the place of parent and at, once it is not nil
	stop     context.CancelFunc
}

// withTimeout is [context.WithTimeout]; the caller must call cancel.
func withTimeout(parent context.Context, timeout time.Duration) *deadline {
	at := time.Now().Add(timeout)
	if earlier, ok := parent.Deadline(); ok && earlier.Before(at) {
		at = earlier
	}
	return &deadline{parent: parent, at: at}
}

// cancel ends the context, and frees what it holds. If nobody has looked at it before, the reason
// is [context.Canceled] even where its time was over.
func (d *deadline) cancel() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.canceled = true
	if d.stop != nil {
		d.stop()
	}
}

func (d *deadline) Deadline() (time.Time, bool) { return d.at, true }

// String is what fmt prints, which would look at the fields while others change them.
func (d *deadline) String() string { return fmt.Sprintf("%v until %v", d.parent, d.at) }

func (d *deadline) Done() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.started().Done()
}

func (d *deadline) Err() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.inner == nil && !d.canceled && d.parent.Err() == nil && time.Until(d.at) > 0 {
		return nil
	}
	return d.started().Err()
}

// Value asks the context that was started too, as the standard library does when it looks for
// what cancels a context.
func (d *deadline) Value(key any) any {
	d.mu.Lock()
	inner := d.inner
	d.mu.Unlock()
	if inner != nil {
		return inner.Value(key)
	}
	return d.parent.Value(key)
}

// started returns inner. The caller holds mu.
func (d *deadline) started() context.Context {
	if d.inner != nil {
		return d.inner
	}
	if d.canceled {
		d.inner, d.stop = context.WithCancel(context.WithoutCancel(d.parent))
		d.stop()
	} else {
		d.inner, d.stop = context.WithDeadline(d.parent, d.at)
	}
	return d.inner
}
