package license

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// ConstraintType is the kind of a [Constraint], as it stands in JSON.
type ConstraintType string

// The constraint types. The set is closed.
const (
	ConstraintNone    ConstraintType = "none"    // no restriction
	ConstraintDate    ConstraintType = "date"    // valid before a time
	ConstraintVersion ConstraintType = "version" // valid for versions in a semver range
)

// Constraint restricts a license: not at all, until a time, or to a range of versions.
// Make one with [NoConstraint], [DateConstraint], [VersionConstraint] or from JSON. It is
// immutable and cheap to copy. The zero value is not a valid constraint and allows nothing.
type Constraint struct {
	kind  constraintKind
	until int64 // milliseconds
	rng   *versionRange
}

// constraintKind is a ConstraintType in one byte: a check compares it several times.
type constraintKind uint8

const (
	kindInvalid constraintKind = iota // of the zero value
	kindNone
	kindDate
	kindVersion
)

var constraintTypes = [...]ConstraintType{kindNone: ConstraintNone, kindDate: ConstraintDate, kindVersion: ConstraintVersion}

// NoConstraint returns the constraint that restricts nothing: {"type":"none"}.
func NoConstraint() Constraint { return Constraint{kind: kindNone} }

// DateConstraint returns the constraint that is valid while now is before until, cut
// to the millisecond: {"type":"date","value":1697095609643}. A time before 1970 or after the
// year 9999 is reported when the license is validated.
func DateConstraint(until time.Time) Constraint {
	return Constraint{kind: kindDate, until: millis(until)}
}

// VersionConstraint returns the constraint that is valid for the versions in a semver
// range: {"type":"version","value":"<2.0.0"}. The range is one that
// github.com/Masterminds/semver/v3 understands, of at most [MaxRangeLen] bytes: comparators
// (=, !=, <, <=, >, >=, ~, ^, 1.x, 1.2 - 2.3) joined by space or comma for "and", || for "or".
// Another is a [*ValidationError].
//
// A prerelease is admitted only if the range admits it and a comparator of the same group
// names a prerelease of the same major.minor.patch, as npm has it. So <2.0.0 admits
// neither 2.0.0-beta.1 nor 1.9.0-rc.1, and >=2.0.0-beta.1 <3.0.0 admits 2.0.0-rc.1.
//
// Releases are admitted as Masterminds has it, which is as npm has it but for a few ranges.
// Some of them open more than one would think, so do not sell them unawares:
//   - ~0.0.0 opens every release (npm: below 0.1.0), and so does >* all but 0.0.0 (npm: none);
//   - != alone opens every other release, the later ones too: !=1.5.0 opens 9.0.0;
//   - a number after a wildcard does not count: *.1 opens every release, 1.x.3 all of 1;
//   - a prerelease after fewer than three numbers does not count at the end of a range: <=2.0-rc.1 and
//     1.0 - 2.0-rc.1 open 2.0.7, and 2-rc.1 all of 2 (npm refuses them).
//
// And some open less: ^* only 0.0.0; <=*, and a hyphen range that ends with *, only up to 0.0.
func VersionConstraint(rng string) (Constraint, error) {
	compiled, err := compileRange(rng)
	if err != nil {
		return Constraint{}, err
	}
	return Constraint{kind: kindVersion, rng: compiled}, nil
}

// Type returns the type, and "" for the zero value.
func (c Constraint) Type() ConstraintType { return constraintTypes[c.kind] }

// Until returns the time of a date constraint, in UTC, and the zero time for the others.
func (c Constraint) Until() time.Time {
	if c.kind != kindDate {
		return time.Time{}
	}
	return time.UnixMilli(c.until).UTC()
}

// Range returns the range of a version constraint as it was given, and "" for the others.
func (c Constraint) Range() string {
	if c.rng == nil {
		return ""
	}
	return c.rng.source
}

// String describes the constraint for a person: "none", "until 2026-01-31T00:00:00Z" or
// "versions <2.0.0".
func (c Constraint) String() string {
	switch c.kind {
	case kindNone:
		return "none"
	case kindDate:
		return "until " + c.Until().Format(time.RFC3339Nano)
	case kindVersion:
		return "versions " + c.rng.source
	default:
		return "invalid"
	}
}

// AppendJSON appends the JSON form of c to b: null for the zero value.
func (c Constraint) AppendJSON(b []byte) []byte {
	switch c.kind {
	case kindNone:
		return append(b, `{"type":"none"}`...)
	case kindDate:
		b = append(b, `{"type":"date","value":`...)
		b = strconv.AppendInt(b, c.until, 10)
		return append(b, '}')
	case kindVersion:
		b = append(b, `{"type":"version","value":`...)
		b = appendJSONString(b, c.rng.source)
		return append(b, '}')
	default:
		return append(b, "null"...)
	}
}

// MarshalJSON returns the JSON form of c. The zero value is an error.
func (c Constraint) MarshalJSON() ([]byte, error) {
	if c.kind == kindInvalid {
		return nil, errors.New("license: the zero Constraint has no JSON form")
	}
	return c.AppendJSON(nil), nil
}

// UnmarshalJSON reads the JSON form and is strict: an unknown type, a field that is unknown,
// repeated or written in another case, a value that is absent, superfluous, null or of
// the wrong type, and a range that does not parse are each a [*ValidationError].
func (c *Constraint) UnmarshalJSON(data []byte) error {
	fields, err := constraintFields(data)
	if err != nil {
		return err
	}
	parsed, err := parseConstraint(fields["type"], fields["value"])
	if err != nil {
		return err
	}
	*c = parsed
	return nil
}

// constraintFields reads the fields of a constraint as they stand. (Reading into a struct,
// encoding/json would ignore case and let a repeated field win.)
func constraintFields(data []byte) (map[string]json.RawMessage, error) {
	if !json.Valid(data) {
		return nil, errors.New("license: a constraint must be valid JSON")
	}
	d := json.NewDecoder(bytes.NewReader(data))
	if open, _ := d.Token(); open != json.Delim('{') {
		return nil, problem("/constraint", CodeWrongType, "constraint must be an object")
	}
	fields := make(map[string]json.RawMessage, 2)
	e := new(ValidationError)
	for d.More() {
		token, _ := d.Token() // a string, as the JSON is valid
		name, _ := token.(string)
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, fmt.Errorf("license: reading a constraint: %w", err)
		}
		pointer := "/constraint/" + escapePointer(name)
		if name != "type" && name != "value" {
			e.add(pointer, CodeUnknownField, "a constraint has only type and value")
			continue
		}
		if _, ok := fields[name]; ok {
			e.add(pointer, CodeDuplicateField, "this field is given twice")
		}
		fields[name] = value
	}
	return fields, e.errOrNil()
}

func parseConstraint(typ, value json.RawMessage) (Constraint, error) {
	if typ == nil {
		return Constraint{}, problem("/constraint/type", CodeRequired, "the constraint type must be given: none, date or version")
	}
	kind, ok := unquote(typ)
	if !ok {
		return Constraint{}, problem("/constraint/type", CodeWrongType, "the constraint type must be a string")
	}
	switch ConstraintType(kind) {
	case ConstraintNone:
		if value != nil {
			return Constraint{}, problem("/constraint/value", CodeUnknownField, `a constraint of type "none" has no value`)
		}
		return NoConstraint(), nil
	case ConstraintDate:
		return parseDate(value)
	case ConstraintVersion:
		if value == nil {
			return Constraint{}, problem("/constraint/value", CodeRequired, "a version constraint must have a value: the range")
		}
		rng, ok := unquote(value)
		if !ok {
			return Constraint{}, problem("/constraint/value", CodeWrongType, "the value of a version constraint must be a string")
		}
		return VersionConstraint(rng)
	default:
		return Constraint{}, problem("/constraint/type", CodeInvalidValue, `the constraint type must be "none", "date" or "version"`)
	}
}

func parseDate(value json.RawMessage) (Constraint, error) {
	detail := fmt.Sprintf("the value of a date constraint must be an integer from 0 to %d, in milliseconds", int64(maxMillis))
	switch {
	case value == nil:
		return Constraint{}, problem("/constraint/value", CodeRequired, detail)
	case value[0] != '-' && !isDigit(value[0]):
		return Constraint{}, problem("/constraint/value", CodeWrongType, detail)
	}
	until, err := strconv.ParseInt(string(value), 10, 64)
	if err != nil || !validMillis(until) {
		return Constraint{}, problem("/constraint/value", CodeInvalidValue, detail)
	}
	return Constraint{kind: kindDate, until: until}, nil
}

func unquote(value json.RawMessage) (s string, ok bool) {
	ok = value[0] == '"' && json.Unmarshal(value, &s) == nil
	return s, ok
}

func problem(pointer, code, detail string) *ValidationError {
	return &ValidationError{Problems: []Problem{{pointer, code, detail}}}
}

func (c Constraint) validate(e *ValidationError) {
	switch c.kind {
	case kindInvalid:
		e.add("/constraint", CodeRequired, "constraint must be given: none, date or version")
	case kindDate:
		if !validMillis(c.until) {
			e.add("/constraint/value", CodeInvalidValue,
				"the date must be from 0 to %d milliseconds since 1970 UTC", int64(maxMillis))
		}
	}
}
