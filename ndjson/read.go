package ndjson

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/privatepkgs/license"
	"github.com/privatepkgs/license/internal/constraintcache"
	"github.com/privatepkgs/license/internal/licensejson"
)

// MaxLineLen is how many bytes a line may have, its end aside. No line that [Export] writes for
// a valid license has as many.
const MaxLineLen = 1 << 20

var (
	// ErrMalformed means that a line is not one JSON value. Its text says where and why.
	ErrMalformed = errors.New("malformed JSON")

	// ErrLineTooLong means that a line has more than [MaxLineLen] bytes.
	ErrLineTooLong = fmt.Errorf("the line has more than %d bytes", MaxLineLen)
)

// LineError says what is wrong with one line.
type LineError struct {
	// Line is its number, from 1, blank lines included. In a sequence it is the place of the license.
	Line int

	// Err wraps [ErrMalformed] or [ErrLineTooLong], or is a [*license.ValidationError], which names
	// each field with a JSON pointer (RFC 6901).
	Err error
}

func (e *LineError) Error() string { return fmt.Sprintf("ndjson: line %d: %v", e.Line, e.Err) }

func (e *LineError) Unwrap() error { return e.Err }

// Read returns the licenses that r holds, one of each line, in their order. It is for those who
// want to look at licenses or change them on the way, to then give them to [ImportSeq]; for a
// file as it is, use [Import].
//
// A bad line is yielded as a [*LineError] with a nil license, and whoever goes on gets the lines
// after it. Any other error is one of r, and the last. The sequence can be walked once.
func Read(r io.Reader) iter.Seq2[*license.License, error] {
	return func(yield func(*license.License, error) bool) {
		for e := range newLines(r).entries() {
			if e.blank() {
				continue
			}
			if !yield(e.license, e.err) {
				return
			}
		}
	}
}

// entry is what is on a line, or at a place of a sequence: a license, an error or nothing.
type entry struct {
	license *license.License
	err     error // a *LineError, or another one, which ends the input
	at      position
}

func (e entry) blank() bool { return e.license == nil && e.err == nil }

// weight is about how many bytes of memory it takes.
func (e entry) weight() int {
	n := 200
	if l := e.license; l != nil {
		n += 200 + len(l.Name) + len(l.Key) + len(l.Meta)
		for _, p := range l.Packages {
			n += 16 + len(p)
		}
	}
	if invalid, ok := errors.AsType[*license.ValidationError](e.err); ok {
		for _, p := range invalid.Problems {
			n += 48 + len(p.Pointer) + len(p.Detail)
		}
	}
	return n
}

// position is how far the input was read: to the end of which line, and how many bytes.
type position struct {
	line  int
	bytes int64
}

// lines reads lines of bounded length.
type lines struct {
	r    *bufio.Reader
	at   position
	line []byte // the last one; its memory is used again

	constraints constraintcache.Cache
}

func newLines(r io.Reader) *lines {
	return &lines{r: bufio.NewReaderSize(r, 64<<10)}
}

// entries yields what is on each line.
func (s *lines) entries() iter.Seq[entry] {
	return func(yield func(entry) bool) {
		for {
			err := s.next()
			if err == io.EOF {
				return
			}
			e := entry{err: err, at: s.at}
			if err == nil && len(bytes.TrimLeft(s.line, " \t\r")) > 0 {
				e.license, e.err = s.decode()
			}
			_, goOn := errors.AsType[*LineError](err)
			if !yield(e) || err != nil && !goOn {
				return
			}
		}
	}
}

// next reads one line. The error is [io.EOF] after the last, a [*LineError], or one of the reader,
// of which the beginning of a line that came before it is no part of the input.
func (s *lines) next() error {
	s.line = s.line[:0]
	length := int64(0)
	for {
		part, err := s.r.ReadSlice('\n')
		length += int64(len(part))
		if len(s.line) <= MaxLineLen+len("\r\n") {
			s.line = append(s.line, part...)
		}
		switch {
		case err == bufio.ErrBufferFull:
			continue
		case err == io.EOF && length == 0:
			return io.EOF
		case err != nil && err != io.EOF:
			return fmt.Errorf("ndjson: reading after line %d: %w", s.at.line, err)
		}
		break
	}
	s.at.line++
	s.at.bytes += length
	s.line = bytes.TrimSuffix(s.line, []byte("\n"))
	s.line = bytes.TrimSuffix(s.line, []byte("\r"))
	if len(s.line) > MaxLineLen {
		return &LineError{s.at.line, ErrLineTooLong}
	}
	if s.at.line == 1 {
		s.line = bytes.TrimPrefix(s.line, []byte("\ufeff"))
	}
	return nil
}

// decode reads the license of the last line, of which it keeps nothing.
func (s *lines) decode() (*license.License, error) {
	l, err := licensejson.DecodeFull(s.line, &s.constraints)
	if err == nil {
		return l, nil
	}
	if syntax, ok := errors.AsType[*licensejson.SyntaxError](err); ok {
		err = fmt.Errorf("%w at byte %d: %s", ErrMalformed, syntax.Offset, syntax.Reason)
	}
	return nil, &LineError{s.at.line, err}
}
