package license

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// nested returns a meta of the given number of levels, all but the first arrays or objects.
func nested(levels int, open, end string) string {
	return `{"a":` + strings.Repeat(open, levels-1) + "1" + strings.Repeat(end, levels-1) + `}`
}

func TestMetaIsWhatAStoreCanKeep(t *testing.T) {
	t.Parallel()
	filled := func(n int) string { return `{"a":"` + strings.Repeat("x", n-len(`{"a":""}`)) + `"}` }
	tests := []struct {
		name, meta string
		want       []string
	}{
		{"absent", ``, nil},
		{"empty", `{}`, nil},
		{"empty with space", " {\t}\r\n", nil},
		{"all types", `{"a":[null,true,false,-1.5e-7,"x",{"":[]}],"b":{"a":1}}`, nil},
		{"numbers beyond a float", `{"a":9007199254740993,"b":1e400,"c":-0,"d":1.0}`, nil},
		{"names that differ in case", `{"a":1,"A":2}`, nil},
		{"one name in two objects", `{"a":{"a":1},"b":{"a":1}}`, nil},
		{"escapes", `{"\u00e9\ud83d\ude00\/\"\\":"\n\u001f\u007f"}`, nil},
		{"an escaped backslash before u", `{"a":"\\ud800"}`, nil},

		{"not JSON", `{`, []string{"/meta invalid_value"}},
		{"something after it", `{}{}`, []string{"/meta invalid_value"}},
		{"white space only", ` `, []string{"/meta invalid_value"}},
		{"not UTF-8", "{\"a\":\"\xff\"}", []string{"/meta invalid_value"}},
		{"a byte order mark", "\ufeff{}", []string{"/meta invalid_value"}},
		{"null", `null`, []string{"/meta wrong_type"}},
		{"array", ` []`, []string{"/meta wrong_type"}},
		{"string", `"{}"`, []string{"/meta wrong_type"}},
		{"number", `1`, []string{"/meta wrong_type"}},

		{"name twice", `{"a":1,"b":2,"a":3}`, []string{"/meta/a duplicate_field"}},
		{"nine names, the first twice", `{"a":1,"b":2,"c":3,"d":4,"e":5,"f":6,"g":7,"h":8,"a":9}`, []string{"/meta/a duplicate_field"}},
		{"ten names, the last twice", `{"a":1,"b":2,"c":3,"d":4,"e":5,"f":6,"g":7,"h":8,"i":9,"i":9}`, []string{"/meta/i duplicate_field"}},
		{"many names, three twice", `{"a":1,"b":2,"c":3,"d":4,"e":5,"f":6,"g":7,"h":8,"i":9,"j":10,"h":8,"a":1,"j":2}`,
			[]string{"/meta/h duplicate_field", "/meta/a duplicate_field", "/meta/j duplicate_field"}},
		{"name twice, once escaped", `{"a":1,"\u0061":3}`, []string{"/meta/a duplicate_field"}},
		{"names twice, deep", `{"x":[0,{"~/":1,"~/":{"b":1,"b":2}}]}`, []string{"/meta/x/1/~0~1 duplicate_field", "/meta/x/1/~0~1/b duplicate_field"}},
		{"empty name twice", `{"":1,"":3}`, []string{"/meta/ duplicate_field"}},

		{"NUL", `{"a":"\u0000"}`, []string{"/meta/a invalid_value"}},
		{"NUL in a name", `{"b":{"\u0000":1}}`, []string{"/meta/b invalid_value"}},
		{"lone high surrogate", `{"a":["\ud800"]}`, []string{"/meta/a/0 invalid_value"}},
		{"lone low surrogate", `{"a":"\udc00x"}`, []string{"/meta/a invalid_value"}},
		{"two high surrogates", `{"a":"\ud83d\ud83d\ude00"}`, []string{"/meta/a invalid_value"}},
		{"surrogates the wrong way round", `{"a":"\ude00\ud83d"}`, []string{"/meta/a invalid_value"}},
		{"a high surrogate before another escape", `{"a":"\ud83d\n12345"}`, []string{"/meta/a invalid_value"}},
		{"a high surrogate before an escaped letter", `{"a":"\ud83d\u0041"}`, []string{"/meta/a invalid_value"}},
		{"a high surrogate before an escape beyond", `{"a":"\ud83d\ue000"}`, []string{"/meta/a invalid_value"}},
		{"lone surrogate in upper case", `{"a":"\uDBFF"}`, []string{"/meta/a invalid_value"}},

		{"32 levels of arrays", nested(32, "[", "]"), nil},
		{"33 levels of arrays", nested(33, "[", "]"), []string{"/meta/a" + strings.Repeat("/0", 31) + " too_long"}},
		{"32 levels of objects", nested(32, `{"a":`, "}"), nil},
		{"33 levels of objects", nested(33, `{"a":`, "}"), []string{"/meta" + strings.Repeat("/a", 32) + " too_long"}},
		{"9000 levels", nested(9000, "[", "]"), []string{"/meta/a" + strings.Repeat("/0", 31) + " too_long"}},
		{"too deep, and what follows", `{"b":` + nested(33, "[", "]") + `,"b":1}`, []string{"/meta/b/a" + strings.Repeat("/0", 30) + " too_long", "/meta/b duplicate_field"}},

		{"64 KiB", filled(64 << 10), nil},
		{"64 KiB and a byte", filled(64<<10 + 1), []string{"/meta too_long"}},
		{"64 KiB and white space", strings.Replace(filled(64<<10), ":", strings.Repeat(" \n", 1000)+":", 1), nil},
		{"64 KiB and a byte and white space", " " + filled(64<<10+1), []string{"/meta too_long"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			l := newLicense()
			l.Meta = json.RawMessage(test.meta)
			assert.Equal(t, test.want, problems(t, l.Validate()))
		})
	}
}

func TestReportAboutMetaIsBounded(t *testing.T) {
	t.Parallel()
	l := newLicense()
	l.Meta = json.RawMessage(`{"` + strings.Repeat("n", 30_000) + `":{"":0` + strings.Repeat(`,"":0`, 7000) + `}}`)
	err := l.Validate()
	assert.Len(t, problems(t, err), 10)
	assert.Less(t, len(err.Error()), 400_000)
}

// metaOracle is what validateMeta looks for, told by encoding/json's own tokens.
type metaOracle struct {
	duplicate, tooDeep, badText bool
}

func askMetaOracle(meta []byte) (o metaOracle) {
	d := json.NewDecoder(bytes.NewReader(meta))
	d.UseNumber()
	type frame struct {
		names  map[string]bool // nil: an array
		isName bool
	}
	var stack []frame
	for {
		token, err := d.Token()
		if err != nil {
			return o
		}
		top := len(stack) - 1
		if delim, ok := token.(json.Delim); ok && (delim == ']' || delim == '}') {
			stack = stack[:top]
			continue
		}
		if text, ok := token.(string); ok {
			// encoding/json turns a lone surrogate into U+FFFD; one that was sent is told apart below.
			o.badText = o.badText || strings.ContainsRune(text, 0) || strings.ContainsRune(text, utf8.RuneError)
			if top >= 0 && stack[top].names != nil && stack[top].isName {
				o.duplicate = o.duplicate || stack[top].names[text]
				stack[top].names[text] = true
				stack[top].isName = false
				continue
			}
		}
		if top >= 0 {
			stack[top].isName = true
		}
		switch token {
		case json.Delim('{'):
			stack = append(stack, frame{map[string]bool{}, true})
		case json.Delim('['):
			stack = append(stack, frame{})
		}
		o.tooDeep = o.tooDeep || len(stack) > MaxMetaDepth
	}
}

// Whole pointers would make the first report twenty times as long as its meta, and the second one too.
func TestReportOnMetaIsBounded(t *testing.T) {
	t.Parallel()
	var twice []string
	for c := 'a'; c <= 'z'; c++ {
		twice = append(twice, fmt.Sprintf(`"%c":1,"%c":1`, c, c))
	}
	members := "{" + strings.Join(twice, ",") + "}"
	for _, meta := range []string{
		`{"` + strings.Repeat("~", 64_000) + `":` + members + `}`,
		strings.Repeat(`{"`+strings.Repeat("~", 255)+`":`, 31) + members + strings.Repeat("}", 31),
	} {
		l := newLicense()
		l.Meta = []byte(meta)
		var invalid *ValidationError
		require.ErrorAs(t, l.Validate(), &invalid)
		require.Len(t, invalid.Problems, maxMetaProblems)
		for _, p := range invalid.Problems {
			require.LessOrEqual(t, len(p.Pointer), 2*maxMetaPointer)
			require.True(t, strings.HasPrefix(p.Pointer, "/meta"))
		}
	}
}

func FuzzMeta(f *testing.F) {
	for _, seed := range []string{
		``, `{}`, ` { } `, `[]`, `null`, `{"a":1,"a":2}`, `{"a":{"b":[1,{"c":1,"\u0063":2}]}}`, `{"a":"\ud800"}`, `{"a":"\ud83d\ude00"}`,
		`{"\u0000":""}`, `{"a":1e400,"b":9007199254740993,"c":[true,false,null,-0.0]}`, `{"a":"\\\"\\ud800"}`, nested(32, "[", "]"), nested(33, "[", "]"),
		nested(33, `{"a":`, "}"), `{"a" : [ ] , "b" : { } }`, `{"~1":1,"/":2}`, "{\"a\":\"\xff\"}",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, meta []byte) {
		l := newLicense()
		l.Meta = meta
		var got metaOracle
		var invalid *ValidationError
		err := l.Validate()
		if len(meta) == 0 || !utf8.Valid(meta) || !json.Valid(meta) || bytes.TrimSpace(meta)[0] != '{' {
			if (err == nil) != (len(meta) == 0) {
				t.Fatalf("%q: %v", meta, err)
			}
			return
		}
		if len(compactMeta(meta)) > MaxMetaLen || bytes.ContainsRune(meta, utf8.RuneError) || bytes.Contains(bytes.ToLower(meta), []byte(`\ufffd`)) {
			return // the oracle cannot tell U+FFFD from what encoding/json makes of a lone surrogate
		}
		if err != nil {
			require.ErrorAs(t, err, &invalid)
			if len(invalid.Problems) == maxMetaProblems {
				return
			}
			for _, p := range invalid.Problems {
				switch p.Code {
				case CodeDuplicateField:
					got.duplicate = true
				case CodeTooLong:
					got.tooDeep = true
				case CodeInvalidValue:
					got.badText = true
				}
				if !strings.HasPrefix(p.Pointer, "/meta") {
					t.Fatalf("%q: pointer %q", meta, p.Pointer)
				}
			}
		}
		if want := askMetaOracle(meta); got != want {
			t.Fatalf("%q: found %+v, encoding/json %+v", meta, got, want)
		}
		if err == nil {
			require.NoError(t, l.PrepareUpdate())
			var before, after any
			require.Equal(t, decode(meta, &before), decode(l.Meta, &after))
			require.Equal(t, before, after)
		}
	})
}

func decode(data []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	return d.Decode(into)
}

func TestEverySurrogateIsToldApart(t *testing.T) {
	t.Parallel()
	for unit := range 1 << 16 {
		raw := []byte(`"\u` + strconv.FormatUint(uint64(0x10000+unit), 16)[1:] + `"`)
		require.Equal(t, utf16.IsSurrogate(rune(unit)), loneSurrogate(raw), "%s", raw)
	}
}
