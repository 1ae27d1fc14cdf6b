// Package licensejson decodes licenses that strangers send, in the v1 JSON form.
//
// Where encoding/json guesses, it refuses: a name that is unknown, wrongly cased or
// repeated, null, a value of another type, a number that is not written as an integer, text
// that is not Unicode. It reports everything that is wrong with one text together, and
// knows text only: what a value may be is for [license.License.Validate] to say, whose
// problems are merged with those found here.
//
// An integer is a number without fraction and exponent: 1000, and neither 1e3 nor 1000.0.
//
// What is decoded shares no memory with the text.
package licensejson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/privatepkgs/license"
	"github.com/privatepkgs/license/internal/constraintcache"
)

// DecodeNew decodes the license of a creation. Constraint and packages are required; id and
// times have no place in it. A key that is absent is left empty, for the store to make.
//
// The error is a [*SyntaxError] or a [*license.ValidationError]; so it is for the other
// functions of this package.
func DecodeNew(data []byte) (*license.License, error) {
	var l license.License
	d := newDecoder(data)
	return d.license(&l, []field{
		{name: "name", read: d.text(&l.Name)},
		{name: "key", read: d.text(&l.Key), filledLater: true},
		{name: "constraint", read: d.constraint(&l.Constraint), required: true},
		{name: "suspended", read: d.bool(&l.Suspended)},
		{name: "meta", read: d.raw(&l.Meta)},
		{name: "packages", read: d.texts(&l.Packages), required: true},
	})
}

// DecodeReplacement decodes the whole license that replaces the one with this id. Everything
// is required but meta. The id and the times may be given as they were read: their form is
// checked, and an id other than this one is refused.
func DecodeReplacement(data []byte, id uuid.UUID) (*license.License, error) {
	var (
		l      license.License
		unused time.Time
	)
	d := newDecoder(data)
	return d.license(&l, []field{
		{name: "id", read: d.sameID(id)},
		{name: "name", read: d.text(&l.Name), required: true},
		{name: "key", read: d.text(&l.Key), required: true},
		{name: "constraint", read: d.constraint(&l.Constraint), required: true},
		{name: "suspended", read: d.bool(&l.Suspended), required: true},
		{name: "meta", read: d.raw(&l.Meta)},
		{name: "packages", read: d.texts(&l.Packages), required: true},
		{name: "createdAt", read: d.time(&unused)},
		{name: "updatedAt", read: d.time(&unused)},
	})
}

// DecodeFull decodes a license as it was exported, and keeps its id, key and times. Name,
// suspended and meta may be absent as in a creation; the rest is required. Constraints that are
// known need not be parsed.
func DecodeFull(data []byte, known *constraintcache.Cache) (*license.License, error) {
	var l license.License
	d := newDecoder(data)
	d.constraints = known
	return d.license(&l, []field{
		{name: "id", read: d.id(&l.ID), required: true},
		{name: "name", read: d.text(&l.Name)},
		{name: "key", read: d.text(&l.Key), required: true},
		{name: "constraint", read: d.constraint(&l.Constraint), required: true},
		{name: "suspended", read: d.bool(&l.Suspended)},
		{name: "meta", read: d.raw(&l.Meta)},
		{name: "packages", read: d.texts(&l.Packages), required: true},
		{name: "createdAt", read: d.time(&l.CreatedAt), required: true},
		{name: "updatedAt", read: d.time(&l.UpdatedAt), required: true},
	})
}

// DecodeKey decodes {"key": "..."}. The key may be one that no license can have.
func DecodeKey(data []byte) (string, error) {
	if key, ok := plainKey(data); ok {
		return key, nil
	}
	return anyKey(data)
}

func anyKey(data []byte) (string, error) {
	var key string
	d := newDecoder(data)
	if err := d.document([]field{{name: "key", read: d.text(&key), required: true}}); err != nil {
		return "", err
	}
	return key, d.invalid()
}

// plainKey decodes what nearly all clients send, a key of ASCII without escapes, in a fraction of
// the time. It says nothing about other texts.
func plainKey(data []byte) (key string, ok bool) {
	for _, token := range []string{"{", `"key"`, ":", `"`} {
		if data, ok = bytes.CutPrefix(trimSpace(data), []byte(token)); !ok {
			return "", false
		}
	}
	text, data, ok := bytes.Cut(data, []byte(`"`))
	if !ok || bytes.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' || r == '\\' }) {
		return "", false
	}
	data, ok = bytes.CutPrefix(trimSpace(data), []byte("}"))
	return string(text), ok && len(trimSpace(data)) == 0
}

func trimSpace(data []byte) []byte { return bytes.TrimLeft(data, " \t\r\n") }

// ParseID parses the usual form of a UUID, 8-4-4-4-12 hexadecimal digits in either case, and
// none of the other forms that [uuid.Parse] takes.
func ParseID(s string) (id uuid.UUID, ok bool) {
	if len(s) != 36 {
		return uuid.Nil, false
	}
	id, err := uuid.Parse(s)
	return id, err == nil
}

// SyntaxError says that a text is not one JSON value.
type SyntaxError struct {
	Offset int64  // the byte at which it was seen, from 0
	Reason string // for people
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("licensejson: malformed JSON at byte %d: %s", e.Offset, e.Reason)
}

// license decodes the document into l, into which the fields read, and validates it.
func (d *decoder) license(l *license.License, fields []field) (*license.License, error) {
	if err := d.document(fields); err != nil {
		return nil, err
	}
	if err := d.merge(l.Validate()); err != nil {
		return nil, err
	}
	if err := d.invalid(); err != nil {
		return nil, err
	}
	meta, err := compact(l.Meta)
	if err != nil {
		return nil, err
	}
	l.Meta = meta
	return l, nil
}

// merge adds the problems of the values to those of the text, but not what follows from one
// that is known: a key of the wrong type is not reported as missing too.
func (d *decoder) merge(err error) error {
	if err == nil {
		return nil
	}
	var invalid *license.ValidationError
	if !errors.As(err, &invalid) {
		return err
	}
	for _, p := range invalid.Problems {
		if !d.isSettled(p.Pointer) {
			d.report(p)
		}
	}
	return nil
}

func compact(meta json.RawMessage) (json.RawMessage, error) {
	if len(meta) == 0 {
		return nil, nil
	}
	var b bytes.Buffer
	b.Grow(len(meta))
	if err := json.Compact(&b, meta); err != nil {
		return nil, fmt.Errorf("licensejson: compacting meta: %w", err)
	}
	return b.Bytes(), nil
}
