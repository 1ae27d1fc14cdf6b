package licensejson_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/privatepkgs/license"
	"github.com/privatepkgs/license/internal/constraintcache"
	"github.com/privatepkgs/license/internal/licensejson"
)

// FuzzBody holds three things for every text: nothing panics; what is accepted is valid, is
// read by encoding/json as the same license, and reads the same when encoded again; what is
// refused is refused in one of the two ways, with pointers and sentences that can be sent. And a
// plain key is no other key.
func FuzzBody(f *testing.F) {
	for _, seed := range []string{
		full, `{}`, `null`, ``, `{}{}`, `{"name":"a","Name":"b"}`,
		good(`"meta":{"big":9007199254740993,"e":1e400,"deep":[[{"a":"\ud83d\ude00"}]]}`),
		good(`"ſuspended":true,"suspended":false,"suspended":true`),
		good(`"name":"\ud800"`), good("\"name\":\"\xff\""), good(`"name":"\u0000\u0041<>&\u2028"`),
		constraint(`{"type":"date","value":1697095609643}`), constraint(`{"type":"date","value":-0}`),
		constraint(`{"type":"version","value":"\u003c2.0.0"}`), constraint(`{"type":"date","value":1e3}`),
		packages(`["a","a",1,null]`),
		` {"key" : "7K3QF-09VTX"}\n`, `{"key":"a","key":"b"}`, `{"key":"\u0041"}`, "{\"key\":\"\x7f\"}", `{"key":"a"}}`,
	} {
		f.Add([]byte(seed))
	}
	id := uuid.MustParse(id)
	f.Fuzz(func(t *testing.T, body []byte) {
		if l, err := licensejson.DecodeNew(body); err == nil {
			checkAccepted(t, body, l)
		} else {
			checkRefused(t, body, err)
		}
		if _, err := licensejson.DecodeReplacement(body, id); err != nil {
			checkRefused(t, body, err)
		}
		key, err := licensejson.AnyKey(body)
		if err != nil {
			checkRefused(t, body, err)
		}
		if plain, ok := licensejson.PlainKey(body); ok && (err != nil || plain != key) {
			t.Fatalf("the plain key %q is %q, %v", plain, key, err)
		}
		l, err := licensejson.DecodeFull(body, new(constraintcache.Cache))
		if err != nil {
			checkRefused(t, body, err)
			return
		}
		checkAccepted(t, body, l)
		again, err := licensejson.DecodeFull(l.AppendJSON(nil), new(constraintcache.Cache))
		if err != nil || string(again.AppendJSON(nil)) != string(l.AppendJSON(nil)) {
			t.Fatalf("%s is read as %s (%v)", l.AppendJSON(nil), again.AppendJSON(nil), err)
		}
	})
}

func checkAccepted(t *testing.T, body []byte, l *license.License) {
	t.Helper()
	var oracle license.License
	if err := json.Unmarshal(body, &oracle); err != nil {
		t.Fatalf("encoding/json refuses what was accepted: %v", err)
	}
	withKey := l.Clone()
	if withKey.Key == "" {
		withKey.Key = "K" // which the store makes
	}
	if err := withKey.Validate(); err != nil {
		t.Fatal(err)
	}
	oracle.Meta, withKey.Meta = metaOf(t, oracle.Meta), metaOf(t, l.Meta)
	oracle.Key = withKey.Key
	if got, want := withKey.AppendJSON(nil), oracle.AppendJSON(nil); string(got) != string(want) {
		t.Fatalf("read as %s, by encoding/json as %s", got, want)
	}
}

// metaOf compacts, so that white space does not count.
func metaOf(t *testing.T, meta json.RawMessage) json.RawMessage {
	t.Helper()
	if len(meta) == 0 {
		return json.RawMessage("{}")
	}
	var b bytes.Buffer
	if err := json.Compact(&b, meta); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func checkRefused(t *testing.T, body []byte, err error) {
	t.Helper()
	var syntax *licensejson.SyntaxError
	if errors.As(err, &syntax) {
		if syntax.Offset < 0 || syntax.Offset > int64(len(body)) || syntax.Reason == "" {
			t.Fatalf("%+v", syntax)
		}
		return
	}
	var invalid *license.ValidationError
	if !errors.As(err, &invalid) || len(invalid.Problems) == 0 {
		t.Fatalf("neither malformed nor invalid: %v", err)
	}
	seen := make(map[string]bool)
	for _, p := range invalid.Problems {
		where := p.Pointer + " " + p.Code
		if seen[where] || p.Code == "" || p.Detail == "" || !utf8.ValidString(where+p.Detail) {
			t.Fatalf("%+v in %+v", p, invalid.Problems)
		}
		seen[where] = true
	}
}
