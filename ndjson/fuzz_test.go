package ndjson_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/privatepkgs/license"
	"github.com/privatepkgs/license/ndjson"
)

// FuzzRead holds three things for every text: nothing panics; there is one answer, in order, for
// each line that is not blank; and what is accepted is exported and read again as the same.
func FuzzRead(f *testing.F) {
	for _, seed := range []string{
		"", "\n", good, good + "\n" + good, good + "\r\n\r\n{}", "\ufeff" + good, "{\n" + good,
		file(0, 3), replaced(`"K"`, `"K\u0041"`), replaced("{}", `{"a":[1e400,"\ud83d\ude00"]}`),
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		text = bytes.TrimPrefix(text, []byte("\ufeff"))
		want := 0
		for _, l := range bytes.Split(text, []byte("\n")) {
			if len(bytes.Trim(l, " \t\r")) > 0 {
				want++
			}
		}
		var accepted []*license.License
		got, before := 0, 0
		for l, err := range ndjson.Read(bytes.NewReader(text)) {
			got++
			if err == nil {
				accepted = append(accepted, l)
				continue
			}
			bad, ok := err.(*ndjson.LineError)
			if !ok || bad.Line <= before || l != nil {
				t.Fatalf("%v after line %d", err, before)
			}
			before = bad.Line
		}
		if got != want {
			t.Fatalf("%d answers for %d lines", got, want)
		}
		var exported strings.Builder
		if n, err := ndjson.Export(&exported, sequence(accepted...)); err != nil || n != len(accepted) {
			t.Fatal(n, err)
		}
		i := 0
		for l, err := range ndjson.Read(strings.NewReader(exported.String())) {
			if err != nil || line(l) != line(accepted[i]) {
				t.Fatalf("%s is read as %v (%v)", line(accepted[i]), l, err)
			}
			i++
		}
		if i != len(accepted) {
			t.Fatalf("%d licenses came back of %d", i, len(accepted))
		}
	})
}
