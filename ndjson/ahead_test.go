package ndjson_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/privatepkgs/license"
	"github.com/privatepkgs/license/memstore"
	"github.com/privatepkgs/license/ndjson"
)

// input returns the lines of n licenses.
func input(n int) string {
	var b []byte
	for i := range n {
		b = fmt.Appendf(b, `{"id":"018f0000-0000-7000-8000-%012d","name":"","key":"key-%d","constraint":{"type":"none"},"suspended":false,"meta":{},"packages":["a"],"createdAt":1,"updatedAt":1}`+"\n", i, i)
	}
	return string(b)
}

// counting counts the bytes that are read.
type counting struct {
	io.Reader
	read atomic.Int64
}

func (c *counting) Read(b []byte) (int, error) {
	n, err := c.Reader.Read(b)
	c.read.Add(int64(n))
	return n, err
}

// batching is a store that does something before each batch.
type batching struct {
	*memstore.Store
	before func() error
}

func (s batching) CreateBatch(ctx context.Context, batch []*license.License) ([]*license.License, error) {
	if err := s.before(); err != nil {
		return nil, err
	}
	return s.Store.CreateBatch(ctx, batch)
}

func TestInputIsReadWhileTheStoreWorks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		text := input(100)
		r := &counting{Reader: iotest.OneByteReader(strings.NewReader(text))}
		store := batching{memstore.New(memstore.Options{}), func() error {
			synctest.Wait() // until nothing goes on any more
			require.EqualValues(t, len(text), r.read.Load())
			return nil
		}}
		result, err := ndjson.Import(t.Context(), store, r, ndjson.Options{BatchSize: 10})
		require.NoError(t, err)
		require.Equal(t, 100, result.Created)
	})
}

func TestReadingAheadIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		text := input(20_000)
		r := &counting{Reader: strings.NewReader(text)}
		once := true
		store := batching{memstore.New(memstore.Options{}), func() error {
			synctest.Wait()
			if once {
				require.Less(t, r.read.Load(), int64(len(text)/4))
			}
			once = false
			return nil
		}}
		result, err := ndjson.Import(t.Context(), store, r, ndjson.Options{})
		require.NoError(t, err)
		require.Equal(t, 20_000, result.Created)
	})
}

// An input that comes slowly is imported as it comes.
func TestLineThatHasComeIsNotHeldBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r, w := io.Pipe()
		store, done := memstore.New(memstore.Options{}), make(chan error, 1)
		go func() {
			_, err := ndjson.Import(t.Context(), store, r, ndjson.Options{BatchSize: 1})
			done <- err
		}()
		for i, line := range strings.SplitAfter(strings.TrimSuffix(input(5), "\n"), "\n") {
			_, err := io.WriteString(w, strings.TrimSuffix(line, "\n")+"\n")
			require.NoError(t, err)
			synctest.Wait()
			_, err = store.GetByKey(t.Context(), fmt.Sprintf("key-%d", i))
			require.NoError(t, err)
		}
		require.NoError(t, w.Close())
		require.NoError(t, <-done)
	})
}

// What came while the store worked is imported once it is done, though nothing comes any more.
func TestLinesThatCameAtOnceAreNotHeldBack(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ lines, batch, want int }{{3, 1, 3}, {2500, 1000, 2000}} {
		t.Run(fmt.Sprintf("%d in batches of %d", c.lines, c.batch), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r, w := io.Pipe()
				stored, done := 0, make(chan error, 1)
				store := batching{memstore.New(memstore.Options{}), func() error { time.Sleep(time.Second); return nil }}
				o := ndjson.Options{BatchSize: c.batch, Progress: func(r ndjson.Result) { stored = r.Created }}
				go func() {
					_, err := ndjson.Import(t.Context(), store, r, o)
					done <- err
				}()
				_, err := io.WriteString(w, input(c.lines))
				require.NoError(t, err)
				time.Sleep(time.Hour)
				synctest.Wait()
				require.Equal(t, c.want, stored)
				require.NoError(t, w.Close())
				require.NoError(t, <-done)
			})
		})
	}
}

// What is wrong with a line may take more memory than the line.
func TestBadLinesReadAheadAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var bad strings.Builder
		for i := range 1000 {
			fmt.Fprintf(&bad, `,"%d":1`, i)
		}
		text := input(1000) + strings.Repeat("{"+bad.String()[1:]+"}\n", 2000)
		r := &counting{Reader: strings.NewReader(text)}
		store := batching{memstore.New(memstore.Options{}), func() error {
			synctest.Wait()
			require.Less(t, r.read.Load(), int64(2<<20))
			return nil
		}}
		_, err := ndjson.Import(t.Context(), store, r, ndjson.Options{})
		require.ErrorContains(t, err, "line 1001")
	})
}

func TestNothingIsReadAfterAnImport(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	for name, o := range map[string]ndjson.Options{"small batches": {BatchSize: 1}, "batches": {}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				text := input(50_000)
				r := &counting{Reader: strings.NewReader(text)}
				store := batching{memstore.New(memstore.Options{}), func() error { return broken }}
				_, err := ndjson.Import(t.Context(), store, r, o)
				require.ErrorIs(t, err, broken)
				read := r.read.Load()
				require.Less(t, read, int64(len(text)/4))
				synctest.Wait()
				require.Equal(t, read, r.read.Load())
			})
		})
	}
}

type readFunc func([]byte) (int, error)

func (f readFunc) Read(b []byte) (int, error) { return f(b) }

func TestPanicOfAReaderIsTheCallers(t *testing.T) {
	t.Parallel()
	r := io.MultiReader(strings.NewReader(input(10)), readFunc(func([]byte) (int, error) { panic("of a reader") }))
	require.PanicsWithValue(t, "of a reader", func() {
		_, _ = ndjson.Import(t.Context(), memstore.New(memstore.Options{}), r, ndjson.Options{})
	})
}

func TestPanicOfAReaderIsNotLostWhenTheStoreFails(t *testing.T) {
	t.Parallel()
	reading := make(chan struct{})
	r := io.MultiReader(strings.NewReader(input(1)), readFunc(func([]byte) (int, error) { <-reading; panic("of a reader") }))
	store := batching{memstore.New(memstore.Options{}), func() error { close(reading); return errors.New("broken") }}
	require.PanicsWithValue(t, "of a reader", func() {
		_, _ = ndjson.Import(t.Context(), store, r, ndjson.Options{BatchSize: 1})
	})
}

// A reader of a test may call FailNow, which ends its goroutine. That is not the end of the input.
func TestReaderThatEndsItsGoroutineEndsTheCallers(t *testing.T) {
	t.Parallel()
	r := io.MultiReader(strings.NewReader(input(10)), readFunc(func([]byte) (int, error) { runtime.Goexit(); return 0, nil }))
	returned, ended := false, make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = ndjson.Import(t.Context(), memstore.New(memstore.Options{}), r, ndjson.Options{})
		returned = true
	}()
	<-ended
	require.False(t, returned)
}
