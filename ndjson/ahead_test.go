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
