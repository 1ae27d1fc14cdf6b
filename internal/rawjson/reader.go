// Package rawjson reads JSON (RFC 8259) without decoding it: it walks over text, checks that
// it is valid, and hands out where its parts stand, so that a large document can be copied
// with a few parts left out or replaced. It is several times faster than decoding, and keeps
// the order of members, numbers, and all else as it was.
//
// It is stricter than encoding/json in one thing, depth: values may nest [MaxDepth] levels. It
// does not look for names that stand twice in one object; its callers do, for those
// that matter to them.
package rawjson

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math/bits"
)

// MaxDepth is how deep values may nest.
const MaxDepth = 512

// Span is where a part stands: the bytes from From up to To.
type Span struct{ From, To int }

// Of returns the part of data that s stands for.
func (s Span) Of(data []byte) []byte { return data[s.From:s.To] }

// Reader walks over one JSON text. After any error it must not be used any more.
type Reader struct {
	data  []byte
	pos   int
	depth int // of the objects and arrays that Object and Array have entered
}

// NewReader returns a Reader at the beginning of data, which must not change meanwhile.
func NewReader(data []byte) *Reader { return &Reader{data: data} }

// Pos returns the offset of what is read next; after a value it is its end.
func (r *Reader) Pos() int { return r.pos }

// Peek returns the first byte of the next value, by which its kind can be told, and 0 at
// the end of the text.
func (r *Reader) Peek() byte {
	r.space()
	if r.pos == len(r.data) {
		return 0
	}
	return r.data[r.pos]
}

// Object reads an object. It calls member at each value with the name of the member,
// unescaped and good until member returns, and the offset at which the member begins with
// its name. Member must read exactly that value, by whatever method. Its error ends the
// walk, and is returned.
func (r *Reader) Object(member func(name []byte, from int) error) error {
	if err := r.enter('{'); err != nil {
		return err
	}
	for first := true; ; first = false {
		if done, err := r.next('}', first); done || err != nil {
			return err
		}
		from := r.pos
		name, err := r.String()
		if err != nil {
			return err
		}
		if err := r.expect(':'); err != nil {
			return err
		}
		if err := member(name, from); err != nil {
			return err
		}
	}
}

// Array reads an array. It calls element at each value, which it must read.
func (r *Reader) Array(element func() error) error {
	if err := r.enter('['); err != nil {
		return err
	}
	for first := true; ; first = false {
		if done, err := r.next(']', first); done || err != nil {
			return err
		}
		if err := element(); err != nil {
			return err
		}
	}
}

// enter goes into an object or array; next comes out again.
func (r *Reader) enter(open byte) error {
	if err := r.expect(open); err != nil {
		return err
	}
	if r.depth++; r.depth > MaxDepth {
		return r.tooDeep()
	}
	return nil
}

// next goes to the next element, over a comma unless it is the first.
func (r *Reader) next(end byte, first bool) (done bool, err error) {
	c := r.Peek()
	if c == end {
		r.pos++
		r.depth--
		return true, nil
	}
	if first {
		return false, nil
	}
	if err := r.expect(','); err != nil {
		return false, err
	}
	r.space()
	return false, nil
}

// String reads a string and returns its value, which may share memory with the text.
// Where half of a surrogate pair is escaped, it has U+FFFD.
func (r *Reader) String() ([]byte, error) {
	if r.Peek() != '"' {
		return nil, r.invalid()
	}
	from := r.pos
	escaped, err := r.skipString()
	if err != nil {
		return nil, err
	}
	if !escaped {
		return r.data[from+1 : r.pos-1], nil
	}
	var text string
	if err := json.Unmarshal(r.data[from:r.pos], &text); err != nil {
		return nil, r.invalid()
	}
	return []byte(text), nil
}

// End checks that nothing but white space follows.
func (r *Reader) End() error {
	if r.space(); r.pos != len(r.data) {
		return r.invalid()
	}
	return nil
}

// Skip reads a value of whatever kind, and returns where it stands.
func (r *Reader) Skip() (Span, error) {
	r.space()
	from := r.pos
	err := r.skip()
	return Span{from, r.pos}, err
}

// skip walks over one value. The kinds of the objects and arrays around the place are bits in
// open, so that depth costs no call.
func (r *Reader) skip() error {
	var open [MaxDepth/64 + 1]uint64 // 1 for an object
	depth := 0
	for {
		r.space()
		if r.pos == len(r.data) {
			return r.invalid()
		}
		c := r.data[r.pos]
		if c == '{' || c == '[' {
			if r.depth+depth >= MaxDepth {
				return r.tooDeep()
			}
			r.pos++
			depth++
			bit := uint64(1) << (depth % 64)
			open[depth/64] &^= bit
			if c == '{' {
				open[depth/64] |= bit
			}
			// In ASCII a closing bracket stands two after the opening one.
			if r.Peek() == c+2 {
				r.pos++
				depth--
			} else if c == '{' {
				if err := r.skipName(); err != nil {
					return err
				}
				continue
			} else {
				continue
			}
		} else if err := r.skipScalar(c); err != nil {
			return err
		}
		for { // after a value
			if depth == 0 {
				return nil
			}
			object := open[depth/64]>>(depth%64)&1 == 1
			c := r.Peek()
			if c == ',' {
				r.pos++
				if object {
					if err := r.skipName(); err != nil {
						return err
					}
				}
				break
			}
			if c != '}' && c != ']' || object != (c == '}') {
				return r.invalid()
			}
			r.pos++
			depth--
		}
	}
}

func (r *Reader) skipName() error {
	if r.Peek() != '"' {
		return r.invalid()
	}
	if _, err := r.skipString(); err != nil {
		return err
	}
	return r.expect(':')
}

func (r *Reader) skipScalar(c byte) error {
	switch {
	case c == '"':
		_, err := r.skipString()
		return err
	case c == 't':
		return r.literal("true")
	case c == 'f':
		return r.literal("false")
	case c == 'n':
		return r.literal("null")
	default:
		return r.number()
	}
}

func (r *Reader) literal(text string) error {
	if len(r.data)-r.pos < len(text) || string(r.data[r.pos:r.pos+len(text)]) != text {
		return r.invalid()
	}
	r.pos += len(text)
	return nil
}

// number reads a number (RFC 8259, section 6).
func (r *Reader) number() error {
	if r.at('-') {
		r.pos++
	}
	if r.at('0') {
		r.pos++
	} else if !r.digits() {
		return r.invalid()
	}
	if r.at('.') {
		r.pos++
		if !r.digits() {
			return r.invalid()
		}
	}
	if r.at('e') || r.at('E') {
		r.pos++
		if r.at('+') || r.at('-') {
			r.pos++
		}
		if !r.digits() {
			return r.invalid()
		}
	}
	return nil
}

func (r *Reader) at(c byte) bool { return r.pos < len(r.data) && r.data[r.pos] == c }

func (r *Reader) digits() bool {
	from := r.pos
	for r.pos < len(r.data) && r.data[r.pos] >= '0' && r.data[r.pos] <= '9' {
		r.pos++
	}
	return r.pos > from
}

// skipString goes over the string at pos, eight bytes at a time: this is where most of the
// time goes.
func (r *Reader) skipString() (escaped bool, err error) {
	const (
		ones  = 0x0101010101010101
		highs = 0x8080808080808080
	)
	data, i := r.data, r.pos+1
	for {
		for i+8 <= len(data) {
			w := binary.LittleEndian.Uint64(data[i:])
			quote, backslash := w^(ones*'"'), w^(ones*'\\')
			// A high bit is set for each byte that is a quote, a backslash or below 0x20.
			// Borrows can set more of them, but only above a true one, so the lowest is
			// right.
			special := ((quote-ones)&^quote | (backslash-ones)&^backslash | (w-ones*0x20)&^w) & highs
			if special != 0 {
				i += bits.TrailingZeros64(special) / 8
				break
			}
			i += 8
		}
		for i < len(data) && data[i] != '"' && data[i] != '\\' && data[i] >= 0x20 {
			i++
		}
		if i == len(data) || data[i] < 0x20 {
			r.pos = i
			return false, r.invalid()
		}
		if data[i] == '"' {
			r.pos = i + 1
			return escaped, nil
		}
		escaped = true
		n := escapeLen(data[i:])
		if n == 0 {
			r.pos = i
			return false, r.invalid()
		}
		i += n
	}
}

// escapeLen returns the length of the escape that data begins with, and 0 if it is none.
func escapeLen(data []byte) int {
	if len(data) < 2 {
		return 0
	}
	switch data[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		if len(data) < 6 {
			return 0
		}
		for _, c := range data[2:6] {
			if !(c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F') {
				return 0
			}
		}
		return 6
	default:
		return 0
	}
}

func (r *Reader) space() {
	for r.pos < len(r.data) {
		switch r.data[r.pos] {
		case ' ', '\t', '\r', '\n':
			r.pos++
		default:
			return
		}
	}
}

func (r *Reader) expect(c byte) error {
	if r.Peek() != c {
		return r.invalid()
	}
	r.pos++
	return nil
}

var (
	errInvalid = errors.New("invalid JSON")
	errTooDeep = errors.New("JSON nested too deep")
)

func (r *Reader) invalid() error { return fmt.Errorf("rawjson: %w at byte %d", errInvalid, r.pos) }

func (r *Reader) tooDeep() error { return fmt.Errorf("rawjson: %w at byte %d", errTooDeep, r.pos) }
