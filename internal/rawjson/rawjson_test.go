package rawjson_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/privatepkgs/license/internal/rawjson"
)

func valid(data []byte) bool {
	r := rawjson.NewReader(data)
	span, err := r.Skip()
	return err == nil && r.End() == nil && span.To == r.Pos()-trailing(data)
}

func trailing(data []byte) int { return len(data) - len(bytes.TrimRight(data, " \t\r\n")) }

func TestSkipAcceptsExactlyJSON(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		`0`, `-0`, `1.5e+10`, `1E5`, `-12.25`, `true`, `false`, `null`, `""`, `"a\"\\\/\b\f\n\r\t\u12aF"`, `{}`, `[]`, ` [ ] `,
		`{"a":[1,{"b":{}},[]],"c":"d"}`, "\t{ \"a\" :\r\n1 }", `"é日\u2028"`, `[[[[]]],{}]`, `"12345678"`, `"1234567"`, `"123456789"`,
		"", " ", `{`, `}`, `[`, `]`, `{"a"}`, `{"a":}`, `{"a":1,}`, `{,}`, `{a:1}`, `{1:2}`, `[1,]`, `[,1]`, `[1 2]`, `{"a":1 "b":2}`, `{"a":1]`, `[1}`,
		`01`, `1.`, `.5`, `+1`, `-`, `1e`, `1e+`, `0x1`, `NaN`, `tru`, `truex`, `nulll`, `"`, `"a`, `"\`, `"\u12"`, `"\u12g4"`, `"\x"`, "\"\n\"", "\"1234567\x00\"", "\"\x1f\"", "\"\x7f\"",
		`1 2`, `{}{}`, `"a""b"`, "\xef\xbb\xbf{}", "\"\xff\"", `//x`, `'a'`,
	} {
		require.Equal(t, json.Valid([]byte(text)), valid([]byte(text)), "%q", text)
	}
}

func FuzzSkip(f *testing.F) {
	for _, seed := range []string{`{"a":[1,-2.5e3,"\u00e9",true,null]}`, `[[[{"":""}]]]`, `"\`, `{"a":1,}`, "\"12345678\x01\"", `01`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		want := json.Valid(data)
		if got := valid(data); got != want && !(want && depth(data) > rawjson.MaxDepth) {
			t.Fatalf("%q: %v, encoding/json says %v", data, got, want)
		}
	})
}

// depth returns how deep valid JSON nests.
func depth(data []byte) (deepest int) {
	d, level := json.NewDecoder(bytes.NewReader(data)), 0
	for {
		token, err := d.Token()
		if err != nil {
			return deepest
		}
		switch token {
		case json.Delim('{'), json.Delim('['):
			level++
			deepest = max(deepest, level)
		case json.Delim('}'), json.Delim(']'):
			level--
		}
	}
}

func TestDepthIsBounded(t *testing.T) {
	t.Parallel()
	nested := func(n int) []byte { return []byte(strings.Repeat(`[`, n) + strings.Repeat(`]`, n)) }
	require.True(t, valid(nested(rawjson.MaxDepth)))
	require.False(t, valid(nested(rawjson.MaxDepth+1)))
	require.False(t, valid([]byte(strings.Repeat(`{"a":`, 1<<20))))

	var walk func(r *rawjson.Reader) error
	walk = func(r *rawjson.Reader) error { return r.Array(func() error { return walk(r) }) }
	require.Error(t, walk(rawjson.NewReader([]byte(strings.Repeat(`[`, 1<<20)))))

	inside := func(n int) error { // an object that is entered counts too
		return rawjson.NewReader([]byte(`{"a":` + string(nested(n)) + `}`)).Object(func([]byte, int) error { return nil })
	}
	require.Error(t, inside(1), "a member that is not read is an error")
	r := rawjson.NewReader([]byte(`{"a":` + string(nested(rawjson.MaxDepth)) + `}`))
	require.Error(t, r.Object(func([]byte, int) error { _, err := r.Skip(); return err }))
}

func TestObjectSaysWhereMembersStand(t *testing.T) {
	t.Parallel()
	const text = ` { "a" : [1, 2] , "\u0062":{"x":null},"c":"d" } `
	r := rawjson.NewReader([]byte(text))
	var members []string
	require.NoError(t, r.Object(func(name []byte, from int) error {
		value, err := r.Skip()
		members = append(members, string(name)+"|"+text[from:value.To]+"|"+string(value.Of([]byte(text))))
		return err
	}))
	require.NoError(t, r.End())
	require.Equal(t, []string{`a|"a" : [1, 2]|[1, 2]`, `b|"\u0062":{"x":null}|{"x":null}`, `c|"c":"d"|"d"`}, members)

	stop := errors.New("stop")
	require.ErrorIs(t, rawjson.NewReader([]byte(`{"a":1}`)).Object(func([]byte, int) error { return stop }), stop)
}

func TestStringUnescapes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{`"a"`: "a", `""`: "", `"\u00e9\n\"\\"`: "é\n\"\\", `"\ud83d\ude00"`: "😀", `"\ud800"`: "\ufffd"} {
		got, err := rawjson.NewReader([]byte(text)).String()
		require.NoError(t, err)
		require.Equal(t, want, string(got))
	}
	_, err := rawjson.NewReader([]byte(`1`)).String()
	require.Error(t, err)
}

// Every way of dropping some of four members leaves exactly the others.
func TestDropLeavesTheOthers(t *testing.T) {
	t.Parallel()
	const text = `{ "a":1 , "b":2,"c":3 ,"d":4 }`
	for mask := range 16 {
		r := rawjson.NewReader([]byte(text))
		var members []rawjson.Span
		require.NoError(t, r.Object(func(_ []byte, from int) error {
			value, err := r.Skip()
			members = append(members, rawjson.Span{From: from, To: value.To})
			return err
		}))
		var edits rawjson.Edits
		edits.Drop(len(members), func(i int) rawjson.Span { return members[i] }, func(i int) bool { return mask>>i&1 == 1 })
		out, err := edits.Apply([]byte(text))
		require.NoError(t, err)
		var left map[string]int
		require.NoError(t, json.Unmarshal(out, &left), string(out))
		want := map[string]int{}
		for i, name := range []string{"a", "b", "c", "d"} {
			if mask>>i&1 == 1 {
				want[name] = i + 1
			}
		}
		require.Equal(t, want, left, string(out))
	}
}

func TestEditsInAnyOrderAndNeverOverlapping(t *testing.T) {
	t.Parallel()
	var e rawjson.Edits
	e.Replace(rawjson.Span{From: 4, To: 5}, "")
	e.Replace(rawjson.Span{From: 2, To: 3}, "CCC")
	e.Replace(rawjson.Span{From: 0, To: 0}, "<")
	out, err := e.Apply([]byte("abcde"))
	require.NoError(t, err)
	require.Equal(t, "<abCCCd", string(out))
	require.Equal(t, len(out), cap(out))
	e.Replace(rawjson.Span{From: 1, To: 3}, "x")
	_, err = e.Apply([]byte("abcde"))
	require.Error(t, err)
	_, err = new(rawjson.Edits).Apply(nil)
	require.NoError(t, err)
}

func TestQuote(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "a", `"\`, "\x00\n\x1f", "é/<>&"} {
		var back string
		require.NoError(t, json.Unmarshal([]byte(rawjson.Quote(text)), &back))
		require.Equal(t, text, back)
	}
}
