package httpapi_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/privatepkgs/license/httpapi"
)

// TestDeadlineIsAsOfTheStandardLibrary asks both contexts the same, in a bubble that also fails
// when a goroutine is left.
func TestDeadlineIsAsOfTheStandardLibrary(t *testing.T) {
	t.Parallel()
	type made struct {
		context.Context
		cancel func()
		parent context.CancelCauseFunc
	}
	const timeout = 10 * time.Second
	gone := errors.New("the parent is gone")
	wait := func(d time.Duration) {
		time.Sleep(d)
		synctest.Wait() // for what the standard library does then
	}
	steps := map[string]func(c made){
		"nothing":                           func(made) {},
		"time is left":                      func(made) { wait(timeout - 1) },
		"the time is over":                  func(made) { wait(timeout) },
		"canceled":                          func(c made) { c.cancel() },
		"canceled twice":                    func(c made) { c.cancel(); c.cancel() },
		"canceled, then the time is over":   func(c made) { c.cancel(); wait(timeout) },
		"canceled, then the parent is":      func(c made) { c.cancel(); c.parent(gone) },
		"the time is over, then canceled":   func(c made) { wait(timeout); _ = c.Err(); c.cancel() },
		"the parent is canceled":            func(c made) { c.parent(gone) },
		"the parent, then the time is over": func(c made) { c.parent(gone); _ = c.Err(); wait(timeout) },
		"the time is over, then the parent": func(c made) { wait(timeout); _ = c.Err(); c.parent(gone) },
	}
	parents := map[string]func() (context.Context, context.CancelFunc){
		"none": func() (context.Context, context.CancelFunc) { return context.Background(), func() {} },
		"shorter timeout": func() (context.Context, context.CancelFunc) {
			return context.WithTimeout(context.Background(), timeout/2)
		},
		"longer timeout": func() (context.Context, context.CancelFunc) {
			return context.WithTimeout(context.Background(), timeout*2)
		},
	}
	makers := map[string]func(context.Context) (context.Context, func()){
		"ours": func(parent context.Context) (context.Context, func()) { return httpapi.WithTimeout(parent, timeout) },
		"standard": func(parent context.Context) (context.Context, func()) {
			ctx, cancel := context.WithTimeout(parent, timeout)
			return ctx, cancel
		},
	}
	// What is seen of a context, before and after a step.
	type seen struct {
		deadline           time.Time
		ok                 bool
		err, cause         error
		done               bool
		child, childCause  error
		called, wasStopped bool
		detached           error
		value              any
	}
	type key struct{}
	for parentName, newParent := range parents {
		for stepName, step := range steps {
			for _, watched := range []bool{false, true} {
				name := parentName + "/" + stepName
				if watched {
					name += "/watched"
				}
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					got := make(map[string]seen)
					for maker, newContext := range makers {
						synctest.Test(t, func(t *testing.T) {
							outer, stop := newParent()
							defer stop()
							parent, cancelParent := context.WithCancelCause(context.WithValue(outer, key{}, "value"))
							defer cancelParent(nil)
							ctx, cancel := newContext(parent)
							defer cancel()
							var (
								s         seen
								child     context.Context
								stopChild context.CancelFunc
								stopFunc  func() bool
							)
							watch := func() {
								child, stopChild = context.WithCancel(ctx)
								stopFunc = context.AfterFunc(ctx, func() { s.called = true })
							}
							if watched {
								watch()
							}
							step(made{ctx, cancel, cancelParent})
							if !watched {
								watch()
							}
							defer stopChild()
							synctest.Wait()
							s.deadline, s.ok = ctx.Deadline()
							s.err, s.cause = ctx.Err(), context.Cause(ctx)
							select {
							case <-ctx.Done():
								s.done = true
							default:
							}
							s.child, s.childCause = child.Err(), context.Cause(child)
							s.wasStopped = stopFunc()
							s.detached = context.WithoutCancel(ctx).Err()
							s.value = ctx.Value(key{})
							got[maker] = s
						})
					}
					assert.Equal(t, got["standard"], got["ours"])
				})
			}
		}
	}
}

func TestDeadlineThatNobodyWaitsForHasNoTimer(t *testing.T) {
	type key struct{}
	parent, stop := context.WithCancel(t.Context())
	defer stop()
	assert.LessOrEqual(t, testing.AllocsPerRun(100, func() {
		ctx, cancel := httpapi.WithTimeout(parent, time.Minute)
		_, _, _ = ctx.Err(), ctx.Value(key{}), context.WithoutCancel(ctx)
		cancel()
	}), 3.0) // itself, the function that cancels it, and the context without its end
}

func TestDeadlineIsSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	for range 200 {
		ctx, cancel := httpapi.WithTimeout(t.Context(), 50*time.Microsecond)
		var all sync.WaitGroup
		for _, f := range []func(){
			func() { <-ctx.Done() },
			func() {
				for ctx.Err() == nil {
					_ = ctx.Value(t)
				}
			},
			func() {
				child, stop := context.WithCancel(ctx)
				defer stop()
				<-child.Done()
			},
			cancel,
		} {
			all.Go(f)
		}
		all.Wait()
		assert.Error(t, ctx.Err())
		assert.Equal(t, ctx.Err(), context.Cause(ctx))
	}
}
