package storetest

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/privatepkgs/license"
)

// textTests write text of every awkward kind and want all of its bytes back.
var textTests = []test{
	{"Names", func(h *harness) {
		var want []*license.License
		for _, name := range awkwardText {
			l := newLicense()
			l.Name = name
			want = append(want, h.create(l))
		}
		h.holds(want...)
	}},
	{"Keys", func(h *harness) {
		var visible strings.Builder
		for c := byte('!'); c <= '~'; c++ {
			visible.WriteByte(c)
		}
		var want []*license.License
		for _, key := range []string{
			visible.String(), strings.Repeat("k", license.MaxKeyLen), "k", "K", "%", "_", "?", "$1", "'", `"`, `\`, "--", "NULL", "0", "00", "1e3", "k%", "K_",
		} {
			l := newLicense()
			l.Key = key
			want = append(want, h.create(l))
		}
		h.holds(want...)
	}},
	{"Packages", func(h *harness) {
		awkward := newLicense()
		awkward.Packages = []string{
			"z", "a", "m", // not sorted
			"toy", "Toy", "TOY", // differ only in case
			"caf\u00e9", "cafe\u0301", // differ only in their normal form
			"@acme/toy", "example.com/toy/v2", "npm:toy", "a,b", `a"b`, `a\b`, "a'b", "[a]", "{a}", "%", "_", "null", "0",
			"\U0001F4E6", "\u202Etoy", strings.Repeat("p", license.MaxPackageLen), strings.Repeat("\u20ac", license.MaxPackageLen/3),
		}
		many := newLicense()
		many.Packages = nil
		for i := range license.MaxPackages {
			many.Packages = append(many.Packages, fmt.Sprintf("package-%d", (i*7)%license.MaxPackages))
		}
		h.create(awkward)
		h.create(many)
		h.holds(awkward, many)
		for _, name := range append(awkward.Packages, "tO", "TOy", "caf", "a", "package-999", "package-1000", "*", "p%") {
			h.lists(license.Query{Package: name}, []*license.License{awkward, many})
		}
	}},
	{"Meta", func(h *harness) {
		var want []*license.License
		for _, meta := range awkwardMeta() {
			l := newLicense()
			l.Meta = json.RawMessage(meta)
			want = append(want, h.create(l))
			if string(l.Meta) != meta {
				h.Fatalf("Create changed meta that has no white space to remove:\n\tis   %s\n\twant %s", shorten(string(l.Meta)), shorten(meta))
			}
		}
		h.holds(want...)
		for i, l := range want[:5] { // once more through Update, with meta that is another's
			l.Meta = want[len(want)-1-i].Meta
			h.update(l)
		}
		h.holds(want...)
	}},
	{"MetaWithoutItsWhiteSpace", func(h *harness) {
		l := newLicense()
		l.Meta = json.RawMessage("{ \"z\" :\t[ 1 ,\r\n 2.0 ] , \"a b\" : \" c \" }\n")
		h.create(l)
		l.Meta = json.RawMessage(`{"z":[1,2.0],"a b":" c "}`)
		h.holds(l)
		l.Meta = nil
		h.update(l)
		l.Meta = json.RawMessage(`{}`)
		h.holds(l)
	}},
	{"Constraints", func(h *harness) {
		constraints := []license.Constraint{
			license.NoConstraint(),
			license.DateConstraint(time.UnixMilli(0)),
			license.DateConstraint(at(1)),
			license.DateConstraint(lastMillisecond),
		}
		for _, rng := range []string{
			"<2.0.0", " >=1.0.0-beta.1 ,  <2 || ^3.1 ", "1.2 - 2.3", "*", "~1.2.3", "!=1.5.0",
			">=1.0.0" + strings.Repeat(" ", license.MaxRangeLen-len(">=1.0.0<2.0.0")) + "<2.0.0",
		} {
			c, err := license.VersionConstraint(rng)
			if err != nil {
				h.Fatalf("the range %q: %v", rng, err)
			}
			constraints = append(constraints, c)
		}
		var want []*license.License
		for _, c := range constraints {
			l := newLicense()
			l.Constraint = c
			want = append(want, h.create(l))
		}
		h.holds(want...)
		for _, w := range want {
			for _, version := range []string{"1.5.0", "2.0.0", "3.0.0"} {
				r := license.Request{Package: "toy", Version: version, Time: at(0)}
				if got, want := h.getByKey(w.Key).CheckVersion(r).Code, w.CheckVersion(r).Code; got != want {
					h.Errorf("a stored license with the constraint %s answers %s for %s; want %s", w.Constraint, got, version, want)
				}
			}
		}
	}},
}

// lastMillisecond is the latest time that a license can hold.
var lastMillisecond = time.Date(9999, time.December, 31, 23, 59, 59, 999_000_000, time.UTC)

var awkwardText = []string{
	"", " ", "  leading and trailing  ", "\t\r\n", "\x01\x02\x1b[31m\x7f", "\u0080\u009f",
	`"quoted" 'quoted' \back\ /slash/`, "'; DROP TABLE licenses; --", "%s %d $1 ?1 :a @b", "100%_", "null", "NULL", "0", "<script>&amp;",
	"caf\u00e9", "cafe\u0301", // the same to a person, and not the same bytes
	"\u212b \u00c5", "\ufb01", "Stra\u00dfe \u0130\u0131", // letters that case and compatibility fold
	"\u202eright to left", "\u05e9\u05dc\u05d5\u05dd", "\u65e5\u672c\u8a9e", "a\u200bb\u00a0c\u2028d\ufeff",
	"\ufffd", "\ufffe\uffff", "\U0001F469\u200d\U0001F4BB", "\U0010FFFF",
	strings.Repeat("n", license.MaxNameLen), strings.Repeat("\U0001F4A9", license.MaxNameLen/4),
}

// awkwardMeta returns objects without insignificant white space.
func awkwardMeta() []string {
	fill := license.MaxMetaLen - len(`{"a":""}`)
	return []string{
		`{}`,
		`{"z":1,"a":2,"m":{"z":1,"a":2}}`,
		`{"a":1,"A":2}`,
		`{"":{"":[]}}`,
		`{"n":[9007199254740993,18446744073709551616,123456789012345678901234567890]}`,
		`{"n":[1e400,-1E-400,1.0,1.10,-0,0.1e+1,3.141592653589793238462643383279]}`,
		`{"s":["\u00e9","` + "\u00e9" + `","e` + "\u0301" + `","\/","/","\u002f"]}`,
		`{"s":"\u0001\u001f\u007f\ud83d\ude00\ufffd\b\f\n\r\t\"\\"}`,
		`{"s":"` + "<>&\u2028\u2029\ufeff\u202e\U0010FFFF\x7f" + `"}`,
		`{"s":" white  space\t"}`,
		`{"s":"'; DROP TABLE licenses; -- $1 ?"}`,
		`{"t":[true,false,null,[],{}]}`,
		`{"a":` + strings.Repeat("[", license.MaxMetaDepth-1) + strings.Repeat("]", license.MaxMetaDepth-1) + `}`,
		`{"a":"` + strings.Repeat("x", fill) + `"}`,
		`{"a":"` + strings.Repeat("\u00e9", fill/2) + `"}`,
	}
}
