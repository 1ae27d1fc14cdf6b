package license

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestCloneIsDeep(t *testing.T) {
	t.Parallel()
	l := newLicense()
	c := l.Clone()
	require.Equal(t, l, c)
	c.Meta[2], c.Packages[0] = 'X', "other"
	assert.Equal(t, newLicense(), l)
	assert.Nil(t, (*License)(nil).Clone())
	assert.Equal(t, &License{}, (&License{}).Clone())
}

func TestJSONIsThatOfTheAPI(t *testing.T) {
	t.Parallel()
	l := newLicense()
	const want = `{"id":"19cb44f0-9016-43c4-b73b-6f0fb34c755f","name":"Default License","key":"12345-12345-ABCDE-SECRET",` +
		`"constraint":{"type":"none"},"suspended":false,"meta":{"key":"value"},"packages":["example-package"],` +
		`"createdAt":1672531200000,"updatedAt":1672531200001}`
	assert.Equal(t, "x"+want, string(l.AppendJSON([]byte("x"))))
	for _, v := range []any{l, *l, []*License{l}} {
		got, err := json.Marshal(v)
		require.NoError(t, err)
		assert.Equal(t, want, strings.Trim(string(got), "[]"))
	}
	l.Meta, l.Packages = nil, nil
	assert.Contains(t, string(l.AppendJSON(nil)), `"meta":{},"packages":[]`)
}

func TestJSONComesBackUnchanged(t *testing.T) {
	t.Parallel()
	version, err := VersionConstraint(">=1.0.0-0 <2.0.0 || ^3")
	require.NoError(t, err)
	for name, change := range map[string]func(*License){
		"as it is":         func(*License) {},
		"not stored":       func(l *License) { l.ID, l.CreatedAt, l.UpdatedAt = uuid.Nil, time.Time{}, time.Time{} },
		"date":             func(l *License) { l.Constraint = DateConstraint(time.UnixMilli(1697095609643)) },
		"version":          func(l *License) { l.Constraint = version },
		"suspended":        func(l *License) { l.Suspended = true },
		"big numbers":      func(l *License) { l.Meta = json.RawMessage(`{"a":9007199254740993,"b":1e400,"c":-0.0,"d":1.10}`) },
		"order of members": func(l *License) { l.Meta = json.RawMessage(`{"z":1,"a":2,"m":{"y":1,"b":2}}`) },
		"escapes in meta":  func(l *License) { l.Meta = json.RawMessage(`{"\u0061":"\/\u00e9\ud83d\ude00"}`) },
		"awkward text":     func(l *License) { l.Name = "\"\\/\b\f\n\r\t\u0001\u007f\u2028\u2029<>&é\U0001F600\ufffd" },
		"awkward names":    func(l *License) { l.Packages = []string{`"\/`, "é", "<>&", "\U0010FFFF"} },
		"awkward key":      func(l *License) { l.Key = `"\/<>&'` },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLicense()
			change(l)
			l.Revision = 0 // not part of the JSON
			var back License
			require.NoError(t, json.Unmarshal(l.AppendJSON(nil), &back))
			assert.Equal(t, *l, back)
			require.NoError(t, back.Validate())
		})
	}
}

func TestJSONOfEveryLicenseIsWhatEncodingJSONWrites(t *testing.T) {
	t.Parallel()
	l := newLicense()
	l.Name = "\"\\/\b\f\n\r\t\u0001\u007fé\U0001F600 <>&"
	l.Packages = []string{"a", `b"\`}
	reference, err := json.Marshal(map[string]any{
		"id": l.ID, "name": l.Name, "key": l.Key, "constraint": map[string]any{"type": "none"}, "suspended": l.Suspended,
		"meta": l.Meta, "packages": l.Packages, "createdAt": l.CreatedAt.UnixMilli(), "updatedAt": l.UpdatedAt.UnixMilli(),
	})
	require.NoError(t, err)
	assert.JSONEq(t, string(reference), string(l.AppendJSON(nil)))
}

func TestUnmarshalJSONRefusesWhatItCannotKeep(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"a broken id":       `{"id":"x"}`,
		"a wrong type":      `{"name":1}`,
		"a null constraint": `{"constraint":null}`,
		"a broken range":    `{"constraint":{"type":"version","value":"latest"}}`,
		"a time not whole":  `{"createdAt":1.5}`,
		"a time too large":  `{"createdAt":1e400}`,
		"an array":          `[]`,
	} {
		l := newLicense()
		require.Error(t, json.Unmarshal([]byte(text), l), name)
		assert.Equal(t, newLicense(), l, name)
	}
	var invalid *ValidationError
	err := json.Unmarshal([]byte(`{"constraint":{"type":"version","value":"latest"}}`), new(License))
	require.ErrorAs(t, err, &invalid)
	assert.Equal(t, "/constraint/value", invalid.Problems[0].Pointer)

	var l License
	require.NoError(t, json.Unmarshal([]byte(`{"meta":null,"name":"n"}`), &l))
	assert.Contains(t, problems(t, l.Validate()), "/meta wrong_type")
}

func TestEveryCodePointIsWrittenAsEncodingJSONReadsIt(t *testing.T) {
	t.Parallel()
	for r := rune(0); r <= utf8.MaxRune; r++ {
		if !utf8.ValidRune(r) {
			continue
		}
		text := "a" + string(r) + "b"
		written := appendJSONString(nil, text)
		if r >= ' ' && r != '"' && r != '\\' {
			if string(written) != `"`+text+`"` {
				t.Fatalf("%U is written as %s, although it needs no escape", r, written)
			}
			if r > 0x3000 && r%251 != 0 {
				continue // reading back all of them takes a second
			}
		}
		var back string
		if err := json.Unmarshal(written, &back); err != nil || back != text {
			t.Fatalf("%U is written as %s and read as %q: %v", r, written, back, err)
		}
	}
}

func FuzzJSONString(f *testing.F) {
	f.Add("")
	f.Add("\"\\\x00\x1f\u2028<>&\U0001F600")
	f.Fuzz(func(t *testing.T, text string) {
		if !utf8.ValidString(text) {
			return
		}
		var want bytes.Buffer
		e := json.NewEncoder(&want)
		e.SetEscapeHTML(false)
		require.NoError(t, e.Encode(text))
		var a, b string
		written := appendJSONString([]byte("x"), text)
		require.NoError(t, json.Unmarshal(written[1:], &a))
		require.NoError(t, json.Unmarshal(want.Bytes(), &b))
		require.Equal(t, b, a)
		require.LessOrEqual(t, len(written)-1, want.Len(), "escapes more than encoding/json")
	})
}

func TestGeneratedKeysAreReadableAndUnique(t *testing.T) {
	t.Parallel()
	const n = 20_000
	form := regexp.MustCompile(`^[0-9A-HJKMNP-TV-Z]{5}(-[0-9A-HJKMNP-TV-Z]{5}){4}$`)
	seen := make(map[string]bool, n)
	for range n {
		key := GenerateKey()
		require.Regexp(t, form, key)
		require.True(t, validKey(key))
		require.False(t, seen[key], "the same key twice")
		seen[key] = true
	}
}

// A key of 25 characters has 125 bits only if each letter is as likely at each place. The
// bounds are eight standard deviations wide: chance breaks them once in 10^12 runs, and a letter that
// is a tenth likelier than the others always does.
func TestGeneratedKeysHaveNoBias(t *testing.T) {
	t.Parallel()
	const n = 200_000
	var counts [29]['Z' + 1]int
	for range n {
		for i, c := range []byte(GenerateKey()) {
			counts[i][c]++
		}
	}
	const p = 1.0 / 32
	mean, sigma := n*p, math.Sqrt(n*p*(1-p))
	for i := range counts {
		if i%6 == 5 {
			require.Equal(t, n, counts[i]['-'])
			continue
		}
		for _, c := range []byte("0123456789ABCDEFGHJKMNPQRSTVWXYZ") {
			require.InDelta(t, mean, counts[i][c], 8*sigma, "%c at %d", c, i)
		}
	}
}

func TestNoLogShowsTheKey(t *testing.T) {
	t.Parallel()
	l := newLicense()
	l.Constraint = DateConstraint(time.UnixMilli(5))
	decision := l.CheckVersion(Request{Package: "example-package", Version: "1.0.0", Time: time.Now()})
	short := newLicense()
	short.Key = "SECRET"
	values := map[string]any{
		"License":           *l,
		"*License":          l,
		"short key":         short,
		"Decision":          decision,
		"*Decision":         &decision,
		"Decision without":  Decision{Code: NotFound},
		"Page":              Page{Licenses: []*License{l}, Next: time.UnixMilli(5)},
		"*Page":             &Page{Licenses: []*License{l}},
		"slog.GroupValue":   slog.GroupValue(slog.Any("license", l)),
		"Decision.Message":  decision.Message(),
		"Decision.Request":  decision.Request,
		"License.Validate":  func() error { l := newLicense(); l.Key += " "; return l.Validate() }(),
		"License.LogValue":  l.LogValue(),
		"Constraint":        l.Constraint,
		"license in a text": fmt.Sprint("license: ", l),
	}
	for name, value := range values {
		var out bytes.Buffer
		for _, handler := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
			logger := slog.New(handler)
			logger.Info("m", "value", value)
			logger.With("value", value).WithGroup("g").Info("m", slog.Any("value", value))
		}
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x"} {
			_, _ = fmt.Fprintf(&out, verb, value)
		}
		assert.NotContains(t, out.String(), "SECRET", name)
		assert.NotContains(t, strings.ToUpper(out.String()), "534543524554", name) // in hexadecimal
		assert.NotContains(t, out.String(), "PANIC", name)
	}
}

func TestLogsTellLicensesApart(t *testing.T) {
	t.Parallel()
	l := newLicense()
	want := `[id=19cb44f0-9016-43c4-b73b-6f0fb34c755f name=Default License key=1234*** constraint=none suspended=false packages=1 revision=3]`
	assert.Equal(t, want, l.LogValue().String())
	assert.Equal(t, want, fmt.Sprintf("%+v", l))
	l.Key = "1234567890123456"
	assert.Contains(t, l.LogValue().String(), "key=*** ")
}
