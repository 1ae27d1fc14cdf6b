package licensejson

import (
	"encoding/json"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"

	"github.com/privatepkgs/license"
)

func (d *decoder) text(to *string) func(string) error {
	return func(pointer string) error {
		raw, err := d.value()
		if err != nil {
			return err
		}
		if text, ok := d.parseText(pointer, raw); ok {
			*to = text
		}
		return nil
	}
}

func (d *decoder) texts(to *[]string) func(string) error {
	return func(pointer string) error {
		if opened, err := d.open(jsontext.KindBeginArray, pointer, "an array of strings"); !opened {
			return err
		}
		for i := 0; d.tokens.PeekKind() != jsontext.KindEndArray; i++ {
			raw, err := d.value()
			if err != nil {
				return err
			}
			if i > license.MaxPackages { // too many, whatever they are
				continue
			}
			text, ok := d.parseText(pointer+"/"+strconv.Itoa(i), raw)
			if !ok {
				text = "\xff" + strconv.Itoa(i) // keeps the place, and equals no text
			}
			*to = append(*to, text)
		}
		if _, err := d.tokens.ReadToken(); err != nil {
			return d.malformed(err)
		}
		return nil
	}
}

func (d *decoder) bool(to *bool) func(string) error {
	return func(pointer string) error {
		raw, err := d.value()
		if err != nil {
			return err
		}
		switch raw.Kind() {
		case jsontext.KindTrue, jsontext.KindFalse:
			*to = raw.Kind() == jsontext.KindTrue
		default:
			d.wrongType(pointer, raw.Kind(), "true or false")
		}
		return nil
	}
}

func (d *decoder) raw(to *json.RawMessage) func(string) error {
	return func(string) error {
		raw, err := d.value()
		*to = json.RawMessage(raw)
		return err
	}
}

func (d *decoder) time(to *time.Time) func(string) error {
	return func(pointer string) error {
		raw, err := d.value()
		if err != nil {
			return err
		}
		if t, ok := d.parseTime(pointer, raw); ok {
			*to = t
		}
		return nil
	}
}

func (d *decoder) id(to *uuid.UUID) func(string) error {
	return func(pointer string) error {
		raw, err := d.value()
		if err != nil {
			return err
		}
		text, ok := d.parseText(pointer, raw)
		if !ok {
			return nil
		}
		id, ok := ParseID(text)
		if !ok || id == uuid.Nil {
			d.reject(pointer, license.CodeInvalidValue, "id must be a UUID like 0190b6c4-9d2a-7c3e-8f41-5a6b7c8d9e0f")
			return nil
		}
		*to = id
		return nil
	}
}

func (d *decoder) sameID(want uuid.UUID) func(string) error {
	return func(pointer string) error {
		var got uuid.UUID
		if err := d.id(&got)(pointer); err != nil {
			return err
		}
		if got != want && !d.isSettled(pointer) {
			d.reject(pointer, license.CodeInvalidValue, "id must be that of the license that is replaced, or be left out")
		}
		return nil
	}
}

// constraint holds the names to the same rules as everywhere, and leaves the rest to the root.
func (d *decoder) constraint(to *license.Constraint) func(string) error {
	return func(pointer string) error {
		var typ, value json.RawMessage
		if err := d.object(pointer, []field{{name: "type", read: d.raw(&typ)}, {name: "value", read: d.raw(&value)}}); err != nil {
			return err
		}
		if d.isSettled(pointer) {
			return nil
		}
		parsed, err := d.constraints.Parse(constraintOf(typ, value))
		if err := d.merge(err); err != nil {
			return err
		}
		*to = parsed
		if to.Type() == "" {
			d.settle(pointer)
		}
		return nil
	}
}

func constraintOf(typ, value json.RawMessage) string {
	switch {
	case typ == nil && value == nil:
		return "{}"
	case typ == nil:
		return `{"value":` + string(value) + "}"
	case value == nil:
		return `{"type":` + string(typ) + "}"
	default:
		return `{"type":` + string(typ) + `,"value":` + string(value) + "}"
	}
}

func (d *decoder) parseText(pointer string, raw jsontext.Value) (string, bool) {
	if raw.Kind() != jsontext.KindString {
		d.wrongType(pointer, raw.Kind(), "a string")
		return "", false
	}
	text, err := jsontext.AppendUnquote(nil, raw)
	if err != nil {
		d.reject(pointer, license.CodeInvalidValue, "the text must be valid Unicode: UTF-8, and no half of a surrogate pair")
		return "", false
	}
	return string(text), true
}

// parseTime leaves the end of time to validation; before 1970 lies the zero time, which is
// not a time to it.
func (d *decoder) parseTime(pointer string, raw jsontext.Value) (time.Time, bool) {
	if raw.Kind() != jsontext.KindNumber {
		d.wrongType(pointer, raw.Kind(), "an integer")
		return time.Time{}, false
	}
	ms, err := strconv.ParseInt(string(raw), 10, 64)
	if err != nil || ms < 0 {
		d.reject(pointer, license.CodeInvalidValue,
			"the time must be milliseconds since 1970 UTC, an integer without fraction or exponent")
		return time.Time{}, false
	}
	return time.UnixMilli(ms).UTC(), true
}

func (d *decoder) wrongType(pointer string, got jsontext.Kind, want string) {
	d.reject(pointer, license.CodeWrongType, "this must be %s, not %s", want, kindName(got))
}

func kindName(k jsontext.Kind) string {
	switch k {
	case jsontext.KindNull:
		return "null"
	case jsontext.KindTrue, jsontext.KindFalse:
		return "true or false"
	case jsontext.KindString:
		return "a string"
	case jsontext.KindNumber:
		return "a number"
	case jsontext.KindBeginArray:
		return "an array"
	default:
		return "an object"
	}
}
