package storetest

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/privatepkgs/license"
)

var contextTests = []test{
	{"CancelledReachesEveryCall", func(h *harness) {
		ctx, cancel := context.WithCancel(h.ctx)
		cancel()
		h.doneContext(ctx, context.Canceled)
	}},
	{"ExpiredReachesEveryCall", func(h *harness) {
		ctx, cancel := context.WithDeadline(h.ctx, time.Now().Add(-time.Hour))
		defer cancel()
		h.doneContext(ctx, context.DeadlineExceeded)
	}},
	{"CutWhileWritingLeavesAllOrNothing", func(h *harness) {
		began := time.Now()
		stored := []*license.License{h.create(newLicense())}
		step := max(time.Since(began)/20, time.Microsecond) // so that cuts lie before, in and after a Create
		for i := range 40 {
			l := newLicense()
			if err := l.PrepareCreate(h.clock.now()); err != nil {
				h.Fatalf("PrepareCreate failed: %v", err)
			}
			again := l.Clone()
			ctx, cancel := context.WithTimeout(h.ctx, time.Duration(i)*step)
			err := h.store.Create(ctx, l)
			cancel()

			// A commit whose outcome is unknown may still be under way.
			unknown := errors.Is(err, license.ErrUnknownOutcome)
			got, getErr := h.store.Get(h.ctx, l.ID)
			_, keyErr := h.store.GetByKey(h.ctx, l.Key)
			if (getErr == nil) != (keyErr == nil) && !(unknown && keyErr == nil) {
				h.Fatalf("after a Create that was cut (%v) Get returns %v and GetByKey %v: one half of a license", err, getErr, keyErr)
			}
			switch {
			case err == nil:
				if getErr != nil {
					h.Fatalf("a Create that succeeded, just before its context ended, left nothing: %v", getErr)
				}
			case !errors.Is(err, context.DeadlineExceeded):
				h.Fatalf("a Create that was cut by its deadline failed with %q; want an error that wraps context.DeadlineExceeded", err)
			case getErr == nil && !unknown:
				h.Fatalf("a Create that was cut by its deadline failed with %q, and the license is there; such an error must wrap license.ErrUnknownOutcome", err)
			}

			err = h.store.Create(h.ctx, again)
			created, exists := err == nil, errors.Is(err, license.ErrIDExists)
			if !created && !exists || created && getErr == nil || exists && getErr != nil && !unknown {
				h.Fatalf("Create again with the same id: %v, where Get had answered %v; want exactly one license", err, getErr)
			}
			if got == nil {
				got = again
			}
			stored = append(stored, got)
		}
		h.holds(stored...)
	}},
	{"CutWhileUpdatingLeavesAllOrNothing", func(h *harness) {
		h.cutChange("an Update", func(ctx context.Context, l *license.License) error {
			l.Name, l.Packages, l.Suspended = "changed", []string{"changed"}, true
			return h.store.Update(ctx, l)
		}, func(was, is *license.License) bool {
			if is == nil {
				h.Fatalf("an Update that was cut left no license")
			}
			if n := is.Revision - was.Revision; n != 0 && n != 1 || (n == 1) != (is.Name == "changed") {
				h.Fatalf("an Update that was cut made revision %d of %d, with the name %q", is.Revision, was.Revision, is.Name)
			}
			return is.Revision > was.Revision
		})
	}},
	{"CutWhileDeletingLeavesAllOrNothing", func(h *harness) {
		h.cutChange("a Delete", func(ctx context.Context, l *license.License) error {
			return h.store.Delete(ctx, l.ID, l.Revision)
		}, func(_, is *license.License) bool { return is == nil })
	}},
}

// cutChange makes a change of each of many licenses, which is cut at another moment each time, and checks that it is
// whole or none, and that the error says which.
func (h *harness) cutChange(what string, change func(ctx context.Context, l *license.License) error, changed func(was, is *license.License) bool) {
	h.Helper()
	var left []*license.License
	began := time.Now()
	left = append(left, h.create(newLicense()))
	step := max(time.Since(began)/20, time.Microsecond)
	for i := range 40 {
		was := h.create(newLicense())
		ctx, cancel := context.WithTimeout(h.ctx, time.Duration(i)*step)
		err := change(ctx, was.Clone())
		cancel()
		unknown := errors.Is(err, license.ErrUnknownOutcome)
		if err != nil && !errors.Is(err, context.DeadlineExceeded) {
			h.Fatalf("%s that was cut by its deadline failed with %q; want an error that wraps context.DeadlineExceeded", what, err)
		}
		is, getErr := h.store.Get(h.ctx, was.ID)
		if getErr != nil && !errors.Is(getErr, license.ErrNotFound) {
			h.Fatalf("Get failed: %v", getErr)
		}
		happened := changed(was, is)
		if err == nil && !happened {
			h.Fatalf("%s that succeeded, just before its context ended, changed nothing", what)
		}
		if err != nil && happened && !unknown {
			h.Fatalf("%s that was cut by its deadline failed with %q, and it happened; such an error must wrap license.ErrUnknownOutcome", what, err)
		}
		if unknown && !happened { // it may be under way yet: this waits for it, or is the change itself
			if err := change(h.ctx, was.Clone()); err != nil && !errors.Is(err, license.ErrRevisionMismatch) && !errors.Is(err, license.ErrNotFound) {
				h.Fatalf("%s again failed: %v", what, err)
			}
			if is, getErr = h.store.Get(h.ctx, was.ID); !changed(was, is) {
				h.Fatalf("%s again changed nothing (%v)", what, getErr)
			}
		}
		if is != nil {
			left = append(left, is)
		}
	}
	h.holds(left...)
}

// doneContext checks every call with a context that is done.
func (h *harness) doneContext(ctx context.Context, want error) {
	h.Helper()
	l := h.create(newLicense())
	unborn := newLicense()
	unborn.Key = "UNBORN"
	changed := l.Clone()
	changed.Name = "changed"
	type call struct {
		name string
		do   func() (answered bool, err error)
	}
	calls := []call{
		{"Create", func() (bool, error) { return false, h.store.Create(ctx, unborn) }},
		{"Get", func() (bool, error) { got, err := h.store.Get(ctx, l.ID); return got != nil, err }},
		{"GetByKey", func() (bool, error) { got, err := h.store.GetByKey(ctx, l.Key); return got != nil, err }},
		{"List", func() (bool, error) { got, err := h.store.List(ctx, license.Query{}); return got != nil, err }},
		{"Update", func() (bool, error) { return false, h.store.Update(ctx, changed) }},
		{"Delete", func() (bool, error) { return false, h.store.Delete(ctx, l.ID, 0) }},
	}
	if lender, ok := h.store.(license.PageLender); ok {
		calls = append(calls, call{"LendPage", func() (bool, error) {
			lent := false
			got, err := lender.LendPage(ctx, license.Query{}, func(*license.License) { lent = true })
			return got != nil || lent, err
		}})
	}
	for _, call := range calls {
		answered, err := call.do()
		if !errors.Is(err, want) {
			h.Errorf("%s with a context that was done before it began: the error is %v; want one that wraps %q", call.name, err, want)
		}
		if slices.ContainsFunc(sentinels, func(s error) bool { return errors.Is(err, s) }) {
			h.Errorf("%s with a context that was done before it began: the error %q says more than that; nothing was begun", call.name, err)
		}
		if answered {
			h.Errorf("%s with a context that was done before it began returned an answer together with an error", call.name)
		}
	}
	h.holds(l)
}
