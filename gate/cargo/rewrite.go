package cargo

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"github.com/privatepkgs/license/gate"
	"github.com/privatepkgs/license/internal/rawjson"
)

// Rewrite implements [gate.Adapter].
func (Adapter) Rewrite(res gate.Resource, doc *gate.Document, may gate.Filter) ([]byte, error) {
	switch res.Form {
	case config:
		return rewriteConfig(doc)
	case index:
		return rewriteIndex(doc, may)
	default:
		return nil, fmt.Errorf("cargo: there is no form %q", res.Form)
	}
}

// rewriteConfig names the gate for downloads, to which cargo also sends the key, and the API of the
// registry, to which it would send the key of a customer, not at all.
func rewriteConfig(doc *gate.Document) ([]byte, error) {
	r := rawjson.NewReader(doc.Body)
	if _, err := r.Skip(); err != nil {
		return nil, err
	}
	if err := r.End(); err != nil {
		return nil, err
	}
	return []byte(`{"dl":` + rawjson.Quote(doc.Base+downloads) + `,"auth-required":true}`), nil
}

// rewriteIndex marks what is denied as yanked, even where that is all: cargo then takes another version,
// or says that there is none, and one that is in Cargo.lock it still asks for.
func rewriteIndex(doc *gate.Document, may gate.Filter) ([]byte, error) {
	var edits rawjson.Edits
	from := 0
	for line := range bytes.Lines(doc.Body) {
		whole := rawjson.Span{From: from, To: from + len(line)}
		from = whole.To
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		v, err := readVersion(line)
		if err != nil {
			return nil, err
		}
		switch {
		case !validVersion(v.number): // cargo would not see it either
			edits.Replace(whole, "")
		case may.Allows(v.number, v.publishedAt):
		case v.yanked.To > 0:
			edits.Replace(rawjson.Span{From: whole.From + v.yanked.From, To: whole.From + v.yanked.To}, "true")
		default:
			at := whole.From + v.first
			edits.Replace(rawjson.Span{From: at, To: at}, `"yanked":true,`)
		}
	}
	return edits.Apply(doc.Body)
}

// version is one line of an index, with offsets in it.
type version struct {
	number      string
	first       int          // the first member
	yanked      rawjson.Span // the value; zero when there is none
	publishedAt time.Time
}

// readVersion reads what a filter is about. A name that stands twice is an error: cargo would leave
// out the line.
func readVersion(line []byte) (version, error) {
	var v version
	var number, publishedAt rawjson.Span
	r := rawjson.NewReader(line)
	err := r.Object(func(name []byte, from int) error {
		if v.first == 0 {
			v.first = from
		}
		value, err := r.Skip()
		var into *rawjson.Span
		switch string(name) {
		case "vers":
			into = &number
		case "yanked":
			into = &v.yanked
		case "pubtime":
			into = &publishedAt
		default:
			return err
		}
		if into.To > 0 {
			return fmt.Errorf("cargo: %q stands twice in a line of the index", name)
		}
		*into = value
		return err
	})
	if err != nil {
		return version{}, err
	}
	if err := r.End(); err != nil {
		return version{}, err
	}
	text, err := rawjson.NewReader(number.Of(line)).String()
	if err != nil {
		return version{}, errors.New("cargo: a line of the index has no vers")
	}
	v.number = string(text)
	if text, err := rawjson.NewReader(publishedAt.Of(line)).String(); err == nil {
		// What is no time is left zero, which means that nobody knows.
		v.publishedAt, _ = time.Parse(time.RFC3339, string(text))
	}
	return v, nil
}
