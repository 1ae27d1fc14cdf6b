package rawjson

import (
	"cmp"
	"errors"
	"slices"
)

// Edits are replacements of parts of a text, collected in any order. The zero value is none.
type Edits struct {
	list []edit
}

type edit struct {
	Span
	text string
}

// Replace puts text in the place of a part; an empty part is an insertion.
func (e *Edits) Replace(part Span, text string) {
	e.list = append(e.list, edit{part, text})
}

// Grow makes room for n more edits.
func (e *Edits) Grow(n int) { e.list = slices.Grow(e.list, n) }

// Drop leaves out those of the n members of one object, or elements of one array, that keep
// says false of, with the commas that are then too many. At says where each stands; they
// are all that there are, in the order of the text.
func (e *Edits) Drop(n int, at func(i int) Span, keep func(i int) bool) {
	kept := -1 // the last before i
	for i := 0; i < n; i++ {
		if keep(i) {
			kept = i
			continue
		}
		from := i
		for i+1 < n && !keep(i+1) {
			i++
		}
		switch {
		case kept >= 0:
			e.Replace(Span{at(kept).To, at(i).To}, "")
		case i+1 < n:
			e.Replace(Span{at(from).From, at(i + 1).From}, "")
		default:
			e.Replace(Span{at(from).From, at(i).To}, "")
		}
	}
}

// Apply returns data with the edits made, in new memory of exactly that size, or data
// itself when there are none. It is an error if they overlap.
func (e *Edits) Apply(data []byte) ([]byte, error) {
	if len(e.list) == 0 {
		return data, nil
	}
	slices.SortStableFunc(e.list, func(a, b edit) int {
		return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To))
	})
	size, pos := len(data), 0
	for _, edit := range e.list {
		if edit.From < pos || edit.To < edit.From || edit.To > len(data) {
			return nil, errors.New("rawjson: edits overlap")
		}
		size += len(edit.text) - (edit.To - edit.From)
		pos = edit.To
	}
	out, pos := make([]byte, 0, size), 0
	for _, edit := range e.list {
		out = append(out, data[pos:edit.From]...)
		out = append(out, edit.text...)
		pos = edit.To
	}
	return append(out, data[pos:]...), nil
}

// Quote returns text, which should be valid UTF-8, as a JSON string with nothing escaped
// that need not be.
func Quote(text string) string {
	const hex = "0123456789abcdef"
	b := make([]byte, 0, len(text)+2)
	b = append(b, '"')
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c < ' ':
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		default:
			b = append(b, c)
		}
	}
	return string(append(b, '"'))
}
