package ndjson_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/privatepkgs/license"
	"github.com/privatepkgs/license/ndjson"
)

func TestExportAndImportCopyAStore(t *testing.T) {
	t.Parallel()
	from := newMemory()
	var want []*license.License
	for i := range 1100 {
		l := numbered(i)
		require.NoError(t, from.Create(t.Context(), l))
		want = append(want, l)
	}
	text := export(t, from)
	assert.Equal(t, file(0, 1100), text)
	for name, to := range stores(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			result := imports(t, to, text)
			assert.Equal(t, ndjson.Result{Lines: 1100, Bytes: int64(len(text)), Created: 1100}, result)
			var got []*license.License
			for l, err := range license.All(t.Context(), to, license.Query{}) {
				require.NoError(t, err)
				got = append(got, l)
			}
			require.Equal(t, len(want), len(got))
			for i := range want {
				require.Equal(t, want[i], got[i])
			}
		})
	}
}

func TestSecondImportChangesNothingAndSaysSo(t *testing.T) {
	t.Parallel()
	text := file(0, 1050)
	for name, s := range stores(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			imports(t, s, text)
			assert.Equal(t, ndjson.Result{Lines: 1050, Bytes: int64(len(text)), Unchanged: 1050}, imports(t, s, text))
			assert.Equal(t, text, export(t, s))
			l, err := s.Get(t.Context(), numbered(7).ID)
			require.NoError(t, err)
			assert.EqualValues(t, 1, l.Revision, "an unchanged license is not written")
		})
	}
}

func TestLicenseWithOtherContentIsReportedAndLeftAlone(t *testing.T) {
	t.Parallel()
	for name, s := range stores(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			imports(t, s, file(0, 10))
			before := export(t, s)

			changed, sameKey, crossed := numbered(3), numbered(20), numbered(21)
			changed.Suspended, changed.Packages = true, []string{"other"}
			sameKey.Key = numbered(4).Key
			crossed.ID, crossed.Key = numbered(5).ID, numbered(6).Key
			twice := numbered(30)
			twiceID, twiceKey := numbered(31), numbered(32)
			twiceID.ID, twiceKey.Key = twice.ID, twice.Key
			input := []*license.License{numbered(0), changed, sameKey, crossed, twice, twice, twiceID, twiceKey}
			var text strings.Builder
			for _, l := range input {
				text.WriteString(line(l) + "\n")
			}
			var conflicts []ndjson.Conflict
			result, err := ndjson.Import(t.Context(), s, strings.NewReader(text.String()), ndjson.Options{
				Conflict: func(c ndjson.Conflict) { conflicts = append(conflicts, c) },
			})
			require.NoError(t, err)
			assert.Equal(t, ndjson.Result{
				Lines: 8, Bytes: int64(text.Len()), Created: 1, Unchanged: 2, Conflicting: 5,
			}, result)
			assert.Equal(t, before+line(twice)+"\n", export(t, s))

			require.Len(t, conflicts, 5)
			for i, want := range []struct {
				line, other int
				stored      *license.License
				fields      string
			}{
				{2, 0, numbered(3), "/suspended /packages"},
				{3, 0, numbered(4), "/id /name /constraint /suspended /meta /packages /createdAt /updatedAt"},
				{4, 0, numbered(5), "/name /key /constraint /meta /packages /createdAt /updatedAt"},
				{7, 5, twice, "/name /key /constraint /meta /packages /createdAt /updatedAt"},
				{8, 5, twice, "/id /name /constraint /meta /packages /createdAt /updatedAt"},
			} {
				c := conflicts[i]
				assert.Equal(t, want.line, c.Line)
				assert.Equal(t, want.other, c.OtherLine)
				assert.Equal(t, line(want.stored), line(c.Stored))
				assert.Equal(t, line(input[want.line-1]), line(c.License))
				assert.Equal(t, want.fields, strings.Join(c.Fields(), " "))
				assert.NotContains(t, c.String(), "KEY-")
				assert.Equal(t, c.String(), c.LogValue().String())
			}
			assert.Equal(t, "line 2: license "+changed.ID.String()+" is left out, as it is in the store with another /suspended /packages",
				conflicts[0].String())
			assert.Equal(t, "line 8: license "+twiceKey.ID.String()+" is left out, as license "+twice.ID.String()+" on line 5 has its key",
				conflicts[4].String())
		})
	}
}

func TestBadLineEndsTheImportThere(t *testing.T) {
	t.Parallel()
	text := file(0, 25) + `{"id":1}` + "\n" + file(25, 50)
	for name, s := range stores(t) {
		for _, size := range []int{0, 1, 10, 25, 26} {
			result, err := ndjson.Import(t.Context(), s, strings.NewReader(text), ndjson.Options{BatchSize: size})
			var bad *ndjson.LineError
			require.ErrorAs(t, err, &bad)
			assert.Equal(t, 26, bad.Line)
			assert.Equal(t, 25, result.Lines, name)
			assert.Equal(t, len(file(0, 25)), int(result.Bytes))
			assert.Equal(t, 25, result.Created+result.Unchanged)
			assert.Equal(t, file(0, 25), export(t, s), "everything before it and nothing after it")
		}
	}
}

func TestBadLinesAreSkippedOnRequest(t *testing.T) {
	t.Parallel()
	huge := strings.Repeat("x", 3<<20)
	text := "{\n" + file(0, 3) + `{"id":1}` + "\n" + huge + "\n" + file(3, 5) + "null"
	for name, s := range stores(t) {
		var skipped []int
		result, err := ndjson.Import(t.Context(), s, strings.NewReader(text), ndjson.Options{
			BatchSize: 2,
			Skip:      func(e *ndjson.LineError) { skipped = append(skipped, e.Line) },
		})
		require.NoError(t, err)
		assert.Equal(t, []int{1, 5, 6, 9}, skipped, name)
		assert.Equal(t, ndjson.Result{Lines: 9, Bytes: int64(len(text)), Created: 5, Skipped: 4}, result)
		assert.Equal(t, file(0, 5), export(t, s))
	}
}

func TestProgressIsReportedAfterEachBatch(t *testing.T) {
	t.Parallel()
	text := file(0, 25)
	for _, s := range stores(t) {
		var reports []ndjson.Result
		result, err := ndjson.Import(t.Context(), s, strings.NewReader(text), ndjson.Options{
			BatchSize: 10,
			Progress:  func(r ndjson.Result) { reports = append(reports, r) },
		})
		require.NoError(t, err)
		assert.Equal(t, []ndjson.Result{
			{Lines: 10, Bytes: int64(len(file(0, 10))), Created: 10},
			{Lines: 20, Bytes: int64(len(file(0, 20))), Created: 20},
			{Lines: 25, Bytes: int64(len(text)), Created: 25},
		}, reports)
		assert.Equal(t, reports[2], result)
	}
}

func TestLargeLicensesMakeSmallBatches(t *testing.T) {
	t.Parallel()
	licenses := func(yield func(*license.License, error) bool) {
		for i := range 150 {
			l := numbered(i)
			l.Meta = []byte(`{"a":"` + strings.Repeat("x", 60<<10) + `"}`)
			if !yield(l, nil) {
				return
			}
		}
	}
	batches := 0
	result, err := ndjson.ImportSeq(t.Context(), newMemory(), licenses, ndjson.Options{
		Progress: func(ndjson.Result) { batches++ },
	})
	require.NoError(t, err)
	assert.Equal(t, 150, result.Created)
	assert.Equal(t, 2, batches, "of 8 MiB each")
}

func TestContextEndsTheImportBetweenBatches(t *testing.T) {
	t.Parallel()
	for name, s := range stores(t) {
		ctx, cancel := context.WithCancel(t.Context())
		result, err := ndjson.Import(ctx, s, strings.NewReader(file(0, 100)), ndjson.Options{
			BatchSize: 10,
			Progress: func(r ndjson.Result) {
				if r.Lines == 30 {
					cancel()
				}
			},
		})
		cancel()
		require.ErrorIs(t, err, context.Canceled, name)
		assert.NotErrorIs(t, err, license.ErrUnknownOutcome)
		assert.Equal(t, 30, result.Lines)
		assert.Equal(t, file(0, 30), export(t, s))
		assert.Equal(t, 70, imports(t, s, file(0, 100)).Created)
	}
}

func TestContextEndsTheReadingOfABatch(t *testing.T) {
	t.Parallel()
	for _, s := range stores(t) {
		ctx, cancel := context.WithCancel(t.Context())
		read := 0
		result, err := ndjson.ImportSeq(ctx, s, func(yield func(*license.License, error) bool) {
			for yield(numbered(read), nil) {
				if read++; read == 15 {
					cancel()
				}
			}
		}, ndjson.Options{BatchSize: 10})
		cancel()
		require.ErrorIs(t, err, context.Canceled)
		assert.Equal(t, 10, result.Lines)
		assert.Equal(t, 15, read, "and not to the end of the batch")
		assert.Equal(t, file(0, 10), export(t, s))
	}
}

func TestContextThatIsDoneImportsNothing(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, s := range stores(t) {
		result, err := ndjson.Import(ctx, s, strings.NewReader(file(0, 5)), ndjson.Options{})
		require.ErrorIs(t, err, context.Canceled)
		assert.Zero(t, result)
		assert.Empty(t, export(t, s))
	}
}

// What is cut off is no line: it might be a license that is valid and not the one that was meant.
func TestReaderThatFailsEndsTheImportAfterTheLastWholeLine(t *testing.T) {
	t.Parallel()
	broken := errors.New("the network is gone")
	for _, s := range stores(t) {
		r := io.MultiReader(strings.NewReader(file(0, 5)+line(numbered(5))), iotest.ErrReader(broken))
		result, err := ndjson.Import(t.Context(), s, r, ndjson.Options{})
		require.ErrorIs(t, err, broken)
		assert.Equal(t, ndjson.Result{Lines: 5, Bytes: int64(len(file(0, 5))), Created: 5}, result)
		assert.Equal(t, file(0, 5), export(t, s))
	}
}

func TestNegativeBatchSizeIsRefused(t *testing.T) {
	t.Parallel()
	_, err := ndjson.Import(t.Context(), newMemory(), strings.NewReader(file(0, 1)), ndjson.Options{BatchSize: -1})
	require.ErrorContains(t, err, "BatchSize")
}

func TestSequenceIsImportedFromAnotherStore(t *testing.T) {
	t.Parallel()
	from := newMemory()
	imports(t, from, file(0, 250))
	for _, s := range stores(t) {
		result, err := ndjson.ImportSeq(t.Context(), s, license.All(t.Context(), from, license.Query{}), ndjson.Options{})
		require.NoError(t, err)
		assert.Equal(t, ndjson.Result{Lines: 250, Created: 250}, result)
		assert.Equal(t, file(0, 250), export(t, s))
	}
}

func sequence(licenses ...*license.License) iter.Seq2[*license.License, error] {
	return func(yield func(*license.License, error) bool) {
		for _, l := range licenses {
			if !yield(l, nil) {
				return
			}
		}
	}
}

func TestSequenceMustNameWhatAStoreWouldMakeUp(t *testing.T) {
	t.Parallel()
	empty := &license.License{Constraint: license.NoConstraint(), Packages: []string{"toy"}}
	invalid := numbered(2)
	invalid.Packages = []string{"with space"}
	for pointers, l := range map[string]*license.License{
		"/id /key /createdAt /updatedAt": empty,
		"/packages/0":                    invalid,
		"":                               nil,
	} {
		s := newMemory()
		result, err := ndjson.ImportSeq(t.Context(), s, sequence(numbered(1), l, numbered(3)), ndjson.Options{})
		var bad *ndjson.LineError
		var fields *license.ValidationError
		require.ErrorAs(t, err, &bad)
		require.ErrorAs(t, err, &fields)
		var got []string
		for _, p := range fields.Problems {
			got = append(got, p.Pointer)
		}
		assert.Equal(t, pointers, strings.Join(got, " "))
		assert.Equal(t, 2, bad.Line)
		assert.Equal(t, ndjson.Result{Lines: 1, Created: 1}, result)
	}
	assert.Equal(t, uuid.Nil, empty.ID)
}

func TestSequenceIsNotChanged(t *testing.T) {
	t.Parallel()
	l := numbered(1)
	l.Meta = []byte(`{ "a": 1 }`)
	l.Revision = 7
	want := l.Clone()
	for _, s := range stores(t) {
		result, err := ndjson.ImportSeq(t.Context(), s, sequence(l, l), ndjson.Options{})
		require.NoError(t, err)
		assert.Equal(t, 1, result.Created)
		assert.Equal(t, 1, result.Unchanged)
		assert.Equal(t, want, l)
	}
}

func TestSequenceMayUseItsLicenseAgain(t *testing.T) {
	t.Parallel()
	var want strings.Builder
	licenses := []*license.License{numbered(1), numbered(2), numbered(3)}
	for i, l := range licenses {
		l.Packages = []string{fmt.Sprint("package-", i)}
	}
	_, err := ndjson.Export(&want, sequence(licenses...))
	require.NoError(t, err)
	for _, s := range stores(t) {
		var one license.License
		result, err := ndjson.ImportSeq(t.Context(), s, func(yield func(*license.License, error) bool) {
			for _, l := range licenses {
				packages, meta := append(one.Packages[:0], l.Packages...), append(one.Meta[:0], l.Meta...)
				one = *l
				one.Packages, one.Meta = packages, meta
				if !yield(&one, nil) {
					return
				}
			}
		}, ndjson.Options{})
		require.NoError(t, err)
		assert.Equal(t, 3, result.Created)
		assert.Equal(t, want.String(), export(t, s))
	}
}

func TestErrorOfASequenceEndsTheImport(t *testing.T) {
	t.Parallel()
	broken := errors.New("no such table")
	s := newMemory()
	result, err := ndjson.ImportSeq(t.Context(), s, func(yield func(*license.License, error) bool) {
		_ = yield(numbered(1), nil) && yield(nil, broken) && yield(numbered(2), nil)
	}, ndjson.Options{Skip: func(*ndjson.LineError) { t.Error("it is no bad line") }})
	require.ErrorIs(t, err, broken)
	assert.Equal(t, ndjson.Result{Lines: 1, Created: 1}, result)
	assert.Equal(t, file(1, 2), export(t, s))
}

func TestReadFeedsASequenceThatChangesLicenses(t *testing.T) {
	t.Parallel()
	s := newMemory()
	renamed := func(yield func(*license.License, error) bool) {
		for l, err := range ndjson.Read(strings.NewReader(file(0, 2) + "\n{}\n" + file(2, 3))) {
			if l != nil {
				l.Packages = []string{"npm:" + l.Packages[0]}
			}
			if !yield(l, err) {
				return
			}
		}
	}
	var skipped []int
	result, err := ndjson.ImportSeq(t.Context(), s, renamed, ndjson.Options{
		Skip: func(e *ndjson.LineError) { skipped = append(skipped, e.Line) },
	})
	require.NoError(t, err)
	assert.Equal(t, 3, result.Created)
	assert.Equal(t, []int{4}, skipped, "the line of the file")
	page, err := s.List(t.Context(), license.Query{Package: "npm:package-2"})
	require.NoError(t, err)
	assert.Len(t, page.Licenses, 1)
}
