package license

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// scanMeta looks in JSON that is known to be valid for what RFC 8259 permits and a store could
// not keep faithfully: one name twice in an object, text that is not Unicode (a lone
// surrogate) or holds NUL, and nesting without bounds.
func scanMeta(e *ValidationError, meta []byte) {
	s := metaScanner{e: e, data: meta}
	s.value()
}

// The report holds a pointer for each problem: 64 KiB of repeated names below a long one would make
// 200 MB of it.
const (
	maxMetaProblems = 10
	maxMetaPointer  = 1024 // bytes, twice that where all has to be escaped; a longer one is cut at the object above
)

type metaScanner struct {
	e        *ValidationError
	data     []byte
	pos      int
	path     []pathElement // from the meta object to the value at pos
	problems int
	tooDeep  bool
}

// pathElement is one step down: to the member of a name, or to an element of an array.
type pathElement struct {
	name  []byte
	index int // -1: name counts
}

// value scans one value.
func (s *metaScanner) value() {
	s.space()
	switch s.data[s.pos] {
	case '{':
		s.enter()
		s.object()
	case '[':
		s.enter()
		s.array()
	case '"':
		s.text()
	default:
		for s.pos < len(s.data) && strings.IndexByte(",]} \t\r\n", s.data[s.pos]) < 0 {
			s.pos++
		}
	}
}

func (s *metaScanner) enter() {
	if len(s.path) >= MaxMetaDepth && !s.tooDeep {
		s.tooDeep = true
		s.report(CodeTooLong, fmt.Sprintf("meta is nested deeper than %d levels", MaxMetaDepth))
	}
	s.pos++
}

func (s *metaScanner) object() {
	var names nameSet
	for s.next('}') {
		name := s.text()
		s.path = append(s.path, pathElement{name, -1})
		if !names.add(name) {
			s.report(CodeDuplicateField, "this name stands twice in one object")
		}
		s.space()
		s.pos++ // the colon
		s.value()
		s.path = s.path[:len(s.path)-1]
	}
}

// nameSet holds the names of one object. Few are compared one by one, which takes less than a map.
type nameSet struct {
	few  [8][]byte
	n    int
	many map[string]struct{}
}

// add reports whether the name is new.
func (s *nameSet) add(name []byte) bool {
	if s.many == nil {
		for _, other := range s.few[:s.n] {
			if bytes.Equal(name, other) {
				return false
			}
		}
		if s.n < len(s.few) {
			s.few[s.n] = name
			s.n++
			return true
		}
		s.many = make(map[string]struct{})
		for _, other := range s.few {
			s.many[string(other)] = struct{}{}
		}
	}
	_, twice := s.many[string(name)]
	s.many[string(name)] = struct{}{}
	return !twice
}

func (s *metaScanner) array() {
	for i := 0; s.next(']'); i++ {
		s.path = append(s.path, pathElement{index: i})
		s.value()
		s.path = s.path[:len(s.path)-1]
	}
}

// next moves to the next element of an object or array and reports whether there is one.
func (s *metaScanner) next(end byte) bool {
	s.space()
	if s.data[s.pos] == ',' {
		s.pos++
		s.space()
	}
	if s.data[s.pos] == end {
		s.pos++
		return false
	}
	return true
}

func (s *metaScanner) space() {
	for s.pos < len(s.data) {
		switch s.data[s.pos] {
		case ' ', '\t', '\r', '\n':
			s.pos++
		default:
			return
		}
	}
}

// text scans a string and returns its value, in memory of data where it can.
func (s *metaScanner) text() []byte {
	start := s.pos
	escaped := false
	for s.pos++; s.data[s.pos] != '"'; s.pos++ {
		if s.data[s.pos] == '\\' {
			escaped = true
			s.pos++
		}
	}
	s.pos++
	raw := s.data[start:s.pos]
	if !escaped {
		return raw[1 : len(raw)-1]
	}
	var text string
	if err := json.Unmarshal(raw, &text); err != nil || strings.ContainsRune(text, 0) || loneSurrogate(raw) {
		s.report(CodeInvalidValue, "text in meta must be Unicode without the NUL character and without lone surrogates")
	}
	return []byte(text)
}

// report adds a problem with the value at hand.
func (s *metaScanner) report(code, detail string) {
	if s.problems++; s.problems > maxMetaProblems {
		return
	}
	pointer := []byte("/meta")
	for _, p := range s.path {
		if len(pointer)+len(p.name) > maxMetaPointer {
			break
		}
		pointer = append(pointer, '/')
		if p.index >= 0 {
			pointer = strconv.AppendInt(pointer, int64(p.index), 10)
		} else {
			pointer = append(pointer, escapePointer(string(p.name))...)
		}
	}
	s.e.Problems = append(s.e.Problems, Problem{string(pointer), code, detail})
}

// loneSurrogate reports whether the JSON string raw escapes half of a surrogate pair.
func loneSurrogate(raw []byte) bool {
	for i := 0; i < len(raw); i++ {
		if raw[i] != '\\' {
			continue
		}
		i++
		if raw[i] != 'u' {
			continue
		}
		unit := hexUnit(raw[i+1:])
		i += 4
		switch {
		case unit >= 0xDC00 && unit <= 0xDFFF:
			return true
		case unit >= 0xD800 && unit <= 0xDBFF:
			rest := raw[i+1:]
			if len(rest) < 6 || rest[0] != '\\' || rest[1] != 'u' {
				return true
			}
			if low := hexUnit(rest[2:]); low < 0xDC00 || low > 0xDFFF {
				return true
			}
			i += 6
		}
	}
	return false
}

// hexUnit reads the four hexadecimal digits that valid JSON has after \u.
func hexUnit(digits []byte) uint16 {
	n, _ := strconv.ParseUint(string(digits[:4]), 16, 16)
	return uint16(n)
}

// escapePointer escapes one reference token of a JSON pointer (RFC 6901, section 3).
func escapePointer(token string) string {
	if !strings.ContainsAny(token, "~/") {
		return token
	}
	return strings.ReplaceAll(strings.ReplaceAll(token, "~", "~0"), "/", "~1")
}
