package licensejson

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/privatepkgs/license"
	"github.com/privatepkgs/license/internal/constraintcache"
)

// A body full of nonsense must not be answered by a larger one.
const (
	maxProblems = license.MaxPackages + 24 // one for each package, and more
	maxNameEcho = 255                      // bytes of an unknown name that a pointer repeats
)

// decoder reads one JSON text. Functions that read return an error only for malformed
// JSON, and otherwise report what is wrong and go on.
type decoder struct {
	data     []byte
	tokens   *jsontext.Decoder
	problems []license.Problem
	settled  map[string]struct{} // pointers whose value is missing for a reason that is known

	constraints *constraintcache.Cache
}

// field is a member that an object may have.
type field struct {
	name        string
	required    bool
	filledLater bool // absent is no problem, although the zero value is one
	read        func(pointer string) error
}

func newDecoder(data []byte) *decoder {
	return &decoder{
		data: data,
		// Repeated names and text that is not Unicode are found here, where they become
		// problems with a pointer; to jsontext they would be errors of syntax.
		tokens: jsontext.NewDecoder(bytes.NewBuffer(data),
			jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)),
		settled:     make(map[string]struct{}),
		constraints: new(constraintcache.Cache),
	}
}

// document reads the whole text, which must be one object.
func (d *decoder) document(fields []field) error {
	if err := d.object("", fields); err != nil {
		return err
	}
	end := d.tokens.InputOffset()
	switch _, err := d.tokens.ReadToken(); {
	case err == nil:
		return &SyntaxError{Offset: end, Reason: "something follows the JSON value"}
	case errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF):
		return nil
	default:
		return d.malformed(err)
	}
}

func (d *decoder) object(pointer string, fields []field) error {
	if opened, err := d.open(jsontext.KindBeginObject, pointer, "an object"); !opened {
		return err
	}
	seen := make(map[string]struct{}, len(fields))
	for d.tokens.PeekKind() != jsontext.KindEndObject {
		raw, err := d.value()
		if err != nil {
			return err
		}
		name, _ := jsontext.AppendUnquote(nil, raw) // an error means U+FFFD, which no field has
		_, repeated := seen[string(name)]
		seen[string(name)] = struct{}{}
		if err := d.member(pointer, string(name), repeated, fields); err != nil {
			return err
		}
	}
	if _, err := d.tokens.ReadToken(); err != nil {
		return d.malformed(err)
	}
	for _, f := range fields {
		if _, ok := seen[f.name]; ok {
			continue
		}
		if f.required {
			d.reject(memberPointer(pointer, f.name), license.CodeRequired, "%s must be given", f.name)
		}
		if f.filledLater {
			d.settle(memberPointer(pointer, f.name))
		}
	}
	return nil
}

// member reads the value of one member. Of repeated ones the first counts.
func (d *decoder) member(object, name string, repeated bool, fields []field) error {
	pointer := memberPointer(object, name)
	i := slices.IndexFunc(fields, func(f field) bool { return f.name == name })
	switch {
	case repeated:
		d.add(pointer, license.CodeDuplicateField, "this name stands twice in one object")
	case i < 0:
		d.add(pointer, license.CodeUnknownField, "%s", unknownField(name, fields))
	default:
		return fields[i].read(pointer)
	}
	return d.skip()
}

func unknownField(name string, fields []field) string {
	for _, f := range fields {
		if strings.EqualFold(f.name, name) {
			return fmt.Sprintf("no field has this name; the case of letters counts: %q", f.name)
		}
	}
	return "no field has this name"
}

// memberPointer returns the pointer to a member, or to its object when the name is too long
// to be repeated.
func memberPointer(object, name string) string {
	if len(name) > maxNameEcho {
		return object
	}
	return string(jsontext.Pointer(object).AppendToken(name))
}

// open reads the beginning of an object or array; anything else it reports and skips.
func (d *decoder) open(kind jsontext.Kind, pointer, want string) (opened bool, err error) {
	switch got := d.tokens.PeekKind(); got {
	case kind:
		_, err := d.tokens.ReadToken()
		return err == nil, d.malformed(err)
	case jsontext.KindInvalid:
		return false, d.skip()
	default:
		d.wrongType(pointer, got, want)
		return false, d.skip()
	}
}

// value reads one value. It is part of the data and stays valid, unlike what jsontext returns.
func (d *decoder) value() (jsontext.Value, error) {
	v, err := d.tokens.ReadValue()
	if err != nil {
		return nil, d.malformed(err)
	}
	end := int(d.tokens.InputOffset())
	return d.data[end-len(v) : end : end], nil
}

func (d *decoder) skip() error { return d.malformed(d.tokens.SkipValue()) }

func (d *decoder) malformed(err error) error {
	var syntactic *jsontext.SyntacticError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &syntactic):
		return &SyntaxError{Offset: syntactic.ByteOffset, Reason: syntactic.Err.Error()}
	case errors.Is(err, io.EOF):
		return &SyntaxError{Offset: int64(len(d.data)), Reason: "there is no JSON value"}
	default:
		return fmt.Errorf("licensejson: reading: %w", err)
	}
}
