package ndjson_test

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/privatepkgs/license"
	"github.com/privatepkgs/license/ndjson"
)

const good = `{"id":"0190b6c4-9d2a-7c3e-8f41-5a6b7c8d9e0f","name":"ACME","key":"K","constraint":{"type":"none"},` +
	`"suspended":false,"meta":{},"packages":["p"],"createdAt":1,"updatedAt":2}`

// replaced is good with one part of it replaced.
func replaced(old, new string) string { return strings.Replace(good, old, new, 1) }

func TestBadLineIsReportedWithItsNumberAndFields(t *testing.T) {
	t.Parallel()
	for text, pointers := range map[string]string{
		`{}`:                                 "/constraint /createdAt /id /key /packages /updatedAt",
		`null`:                               "",
		`[` + good + `]`:                     "",
		replaced(`"id":`, `"ID":`):           "/ID /id",
		replaced(`"id":"0190b6c4-`, `"id":`): "malformed",
		replaced(`0190b6c4`, `x190b6c4`):     "/id",
		replaced(`0190b6c4-9d2a-7c3e-8f41-5a6b7c8d9e0f`, `00000000-0000-0000-0000-000000000000`): "/id",
		replaced(`"key":"K"`, `"key":"a b"`):                                                     "/key",
		replaced(`"key":"K"`, `"key":"K","key":"K"`):                                             "/key",
		replaced(`"name":"ACME"`, `"name":null`):                                                 "/name",
		replaced(`"suspended":false`, `"suspended":"no"`):                                        "/suspended",
		replaced(`"suspended":false`, `"suspended":true,"Suspended":false`):                      "/Suspended",
		replaced(`{"type":"none"}`, `{"type":"version","value":"latest"}`):                       "/constraint/value",
		replaced(`{"type":"none"}`, `{"type":"date","value":"2026-01-01"}`):                      "/constraint/value",
		replaced(`"meta":{}`, `"meta":{"a/b":{"c":1,"c":2}}`):                                    "/meta/a~1b/c",
		replaced(`["p"]`, `["p","with space","p"]`):                                              "/packages/1 /packages/2",
		replaced(`"createdAt":1`, `"createdAt":3`):                                               "/updatedAt",
		replaced(`,"updatedAt":2`, ``):                                                           "/updatedAt",
		replaced(`"createdAt":1`, `"createdAt":1e3`):                                             "/createdAt",
		replaced(`"updatedAt":2`, `"updatedAt":2,"revision":3`):                                  "/revision",
		good[:len(good)-1]: "malformed",
		good + good:        "malformed",
		good + `,`:         "malformed",
		`id,name,key`:      "malformed",
		"\x1f\x8b\x08\x00": "malformed",
		"\ufeff" + good:    "malformed", // it belongs at the beginning of a file
	} {
		s := newMemory()
		result, err := ndjson.Import(t.Context(), s, strings.NewReader(file(0, 3)+"\n"+text+"\n"+file(3, 5)), ndjson.Options{})
		var bad *ndjson.LineError
		require.ErrorAs(t, err, &bad, text)
		assert.Equal(t, 5, bad.Line, text)
		assert.Contains(t, err.Error(), "line 5", text)
		assert.Equal(t, 4, result.Lines, "the blank line before it")
		assert.Equal(t, file(0, 3), export(t, s))
		var invalid *license.ValidationError
		if pointers == "malformed" {
			assert.ErrorIs(t, err, ndjson.ErrMalformed, text)
			assert.NotErrorAs(t, err, &invalid)
			continue
		}
		require.ErrorAs(t, err, &invalid, text)
		var got []string
		for _, p := range invalid.Problems {
			got = append(got, p.Pointer)
		}
		assert.Equal(t, pointers, strings.Join(got, " "), text)
	}
}

func TestErrorsOfLinesNameNoKey(t *testing.T) {
	t.Parallel()
	const secret = "SECRET"
	for _, text := range []string{
		replaced(`"K"`, `"SECRET `), replaced(`"K"`, `"SECRET x"`), replaced(`"K"`, `"SECRET","key":"SECRET"`),
		replaced(`"K"`, `SECRET`), replaced(`"p"`, `"SECRET x"`),
	} {
		_, err := ndjson.Import(t.Context(), newMemory(), strings.NewReader(text), ndjson.Options{})
		require.Error(t, err)
		assert.NotContains(t, err.Error(), secret)
	}
}

func TestLinesEndAsFilesDo(t *testing.T) {
	t.Parallel()
	a, b := line(numbered(1)), line(numbered(2))
	for text, lines := range map[string]int{
		a + "\n" + b + "\n":               2,
		a + "\n" + b:                      2,
		a + "\r\n" + b + "\r\n":           2,
		"\ufeff" + a + "\r\n" + b:         2,
		"\ufeff\n" + a + "\n" + b:         3,
		"\n\n" + a + "\n \t\r\n" + b:      5,
		a + "\n" + b + "\n\n\n":           4,
		"  " + a + "\t\n" + b + "  \r\n ": 3,
	} {
		for name, r := range map[string]io.Reader{
			"whole": strings.NewReader(text), "bytes": iotest.OneByteReader(strings.NewReader(text)),
			"end with data": iotest.DataErrReader(strings.NewReader(text)),
		} {
			s := newMemory()
			result, err := ndjson.Import(t.Context(), s, r, ndjson.Options{})
			require.NoError(t, err, "%q %s", text, name)
			assert.Equal(t, ndjson.Result{Lines: lines, Bytes: int64(len(text)), Created: 2}, result, "%q %s", text, name)
			assert.Equal(t, file(1, 3), export(t, s))
		}
	}
	for _, empty := range []string{"", "\n", "\ufeff", "\r\n\r\n"} {
		assert.Zero(t, imports(t, newMemory(), empty).Created)
	}
}

func TestLineIsBounded(t *testing.T) {
	t.Parallel()
	padded := func(n int) string { return good + strings.Repeat(" ", n-len(good)) }
	for _, end := range []string{"\n", "\r\n", ""} {
		result := imports(t, newMemory(), padded(ndjson.MaxLineLen)+end)
		assert.Equal(t, 1, result.Created)
		for _, long := range []string{padded(ndjson.MaxLineLen + 1), padded(ndjson.MaxLineLen) + "\rx", padded(ndjson.MaxLineLen) + "\r\r"} {
			_, err := ndjson.Import(t.Context(), newMemory(), strings.NewReader(long+end), ndjson.Options{})
			var bad *ndjson.LineError
			require.ErrorAs(t, err, &bad)
			assert.ErrorIs(t, err, ndjson.ErrLineTooLong)
			assert.Equal(t, 1, bad.Line)
		}
	}
}

// The largest line that Export can write is one that Import takes.
func TestLargestLicenseFitsOnALine(t *testing.T) {
	t.Parallel()
	l := numbered(1)
	l.Name = strings.Repeat("\x01", license.MaxNameLen)
	l.Key = strings.Repeat(`"`, license.MaxKeyLen)
	l.Constraint, _ = license.VersionConstraint("<2.0.0")
	l.Meta = []byte(`{"a":"` + strings.Repeat("x", license.MaxMetaLen-8) + `"}`)
	l.Packages = nil
	for i := range license.MaxPackages {
		digits := strings.NewReplacer("0", `"`, "1", `\`).Replace(strings.Repeat("0", license.MaxPackageLen-10) + binary(i))
		l.Packages = append(l.Packages, digits)
	}
	from, to := newMemory(), newMemory()
	require.NoError(t, from.Create(t.Context(), l))
	text := export(t, from)
	assert.Greater(t, len(text), 500<<10)
	assert.Equal(t, 1, imports(t, to, text).Created)
	assert.Equal(t, text, export(t, to))
}

// binary writes i with ten digits.
func binary(i int) string {
	var b strings.Builder
	for bit := 9; bit >= 0; bit-- {
		b.WriteByte("01"[i>>bit&1])
	}
	return b.String()
}

func TestReadGoesOnAfterABadLine(t *testing.T) {
	t.Parallel()
	var names []string
	var bad []int
	for l, err := range ndjson.Read(strings.NewReader(file(0, 2) + "\n{}\n" + file(2, 3))) {
		if e, ok := errors.AsType[*ndjson.LineError](err); ok {
			assert.Nil(t, l)
			bad = append(bad, e.Line)
			continue
		}
		require.NoError(t, err)
		names = append(names, l.Name)
	}
	assert.Equal(t, []string{"Customer 0", "Customer 1", "Customer 2"}, names)
	assert.Equal(t, []int{4}, bad)
}

func TestReadEndsWithTheErrorOfItsReader(t *testing.T) {
	t.Parallel()
	broken := errors.New("the disk is gone")
	n := 0
	for l, err := range ndjson.Read(io.MultiReader(strings.NewReader(good), iotest.ErrReader(broken))) {
		n++
		assert.Nil(t, l)
		assert.ErrorIs(t, err, broken)
	}
	assert.Equal(t, 1, n)
}

func TestExportEndsWithTheErrorOfItsSequence(t *testing.T) {
	t.Parallel()
	broken := errors.New("no such table")
	var b strings.Builder
	n, err := ndjson.Export(&b, func(yield func(*license.License, error) bool) {
		_ = yield(numbered(1), nil) && yield(nil, broken)
	})
	require.ErrorIs(t, err, broken)
	assert.Equal(t, 1, n)
	assert.Equal(t, file(1, 2), b.String())
}

func TestExportWritesALineForALicenseWhateverItsWhiteSpace(t *testing.T) {
	t.Parallel()
	spaced := numbered(1)
	want := string(spaced.AppendJSON(nil)) + "\n"
	for _, space := range []string{"\n", "\r\n", strings.Repeat(" ", ndjson.MaxLineLen)} {
		l := spaced.Clone()
		l.Meta = append([]byte("{"+space), l.Meta[1:]...)
		require.NoError(t, l.Validate())
		var b strings.Builder
		n, err := ndjson.Export(&b, sequence(l))
		require.NoError(t, err)
		assert.Equal(t, 1, n)
		assert.Equal(t, want, b.String())
	}
}

func TestExportReportsThatItCannotWrite(t *testing.T) {
	t.Parallel()
	full := errors.New("no space")
	r, w := io.Pipe()
	require.NoError(t, r.CloseWithError(full))
	_, err := ndjson.Export(w, sequence(numbered(1)))
	require.ErrorIs(t, err, full)
	n, err := ndjson.Export(w, func(yield func(*license.License, error) bool) {
		for yield(numbered(1), nil) {
		}
	})
	require.ErrorIs(t, err, full, "an endless sequence ends too")
	assert.Positive(t, n)
}
