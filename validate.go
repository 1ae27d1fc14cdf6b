package license

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"
)

// The codes of a [Problem]. They are stable: programs may depend on them.
const (
	CodeRequired       = "required"        // a field that must be given is not
	CodeUnknownField   = "unknown_field"   // no field has this name
	CodeDuplicateField = "duplicate_field" // one name twice in one object
	CodeWrongType      = "wrong_type"      // the JSON type is another one, or null
	CodeTooLong        = "too_long"        // more bytes, or levels, than allowed
	CodeTooMany        = "too_many"        // more elements than allowed
	CodeInvalidValue   = "invalid_value"   // the right type, and not a permitted value
	CodeDuplicateValue = "duplicate_value" // one element twice in a set
)

// Problem is one thing that is wrong with an input.
type Problem struct {
	Pointer string // where: a JSON pointer (RFC 6901) into the v1 JSON form; "" is the whole
	Code    string // what: one of the codes above
	Detail  string // a sentence that says what is permitted
}

// ValidationError reports everything that is wrong with one input. Match it with
// [errors.As].
type ValidationError struct {
	Problems []Problem // at least one
}

// Error names every problem with its place.
func (e *ValidationError) Error() string {
	var b strings.Builder
	b.WriteString("license: invalid: ")
	for i, p := range e.Problems {
		if i > 0 {
			b.WriteString("; ")
		}
		if p.Pointer != "" {
			b.WriteString(p.Pointer)
			b.WriteString(": ")
		}
		b.WriteString(p.Detail)
	}
	return b.String()
}

func (e *ValidationError) add(pointer, code, format string, args ...any) {
	e.Problems = append(e.Problems, Problem{pointer, code, fmt.Sprintf(format, args...)})
}

func (e *ValidationError) errOrNil() error {
	if len(e.Problems) == 0 {
		return nil
	}
	return e
}

// Validate reports all problems of l together as a [*ValidationError], or nil; of Meta the
// first ten. ID, Revision and times that are zero are no problem; an empty Key is.
func (l *License) Validate() error {
	e := new(ValidationError)
	validateName(e, l.Name)
	validateKey(e, l.Key)
	l.Constraint.validate(e)
	validateMeta(e, l.Meta)
	validatePackages(e, l.Packages)
	validateTimes(e, l.CreatedAt, l.UpdatedAt)
	return e.errOrNil()
}

// PrepareCreate is for implementers of [Store]: the first thing that Create calls. It
// fills the ID (UUID version 7), Key, CreatedAt and UpdatedAt of l where they are zero,
// sets Revision to 1, cuts times to milliseconds, removes white space from Meta, and
// validates. When it returns an error, a [*ValidationError], l is unchanged.
func (l *License) PrepareCreate(now time.Time) error {
	c := *l
	if c.ID == uuid.Nil {
		id, err := uuid.NewV7()
		if err != nil {
			return fmt.Errorf("license: making an id: %w", err)
		}
		c.ID = id
	}
	if c.Key == "" {
		c.Key = GenerateKey()
	}
	switch {
	case c.CreatedAt.IsZero() && c.UpdatedAt.IsZero():
		c.CreatedAt, c.UpdatedAt = now, now
	case c.CreatedAt.IsZero():
		c.CreatedAt = c.UpdatedAt
		if now.Before(c.CreatedAt) {
			c.CreatedAt = now
		}
	case c.UpdatedAt.IsZero():
		c.UpdatedAt = c.CreatedAt
	}
	c.CreatedAt, c.UpdatedAt = truncateMillis(c.CreatedAt), truncateMillis(c.UpdatedAt)
	c.Revision = 1
	if err := c.Validate(); err != nil {
		return err
	}
	c.Meta = compactMeta(c.Meta)
	*l = c
	return nil
}

// PrepareUpdate is for implementers of [Store]: the first thing that Update calls. It
// validates, and removes white space from Meta. CreatedAt and UpdatedAt are not looked at, as
// Update sets them. When it returns an error, a [*ValidationError], l is unchanged.
func (l *License) PrepareUpdate() error {
	c := *l
	c.CreatedAt, c.UpdatedAt = time.Time{}, time.Time{}
	if err := c.Validate(); err != nil {
		return err
	}
	l.Meta = compactMeta(l.Meta)
	return nil
}

// truncateMillis cuts t to the millisecond in which it lies.
func truncateMillis(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return time.UnixMilli(millis(t)).UTC()
}

func validateName(e *ValidationError, name string) {
	if len(name) > MaxNameLen {
		e.add("/name", CodeTooLong, "name has %d bytes; at most %d are allowed", len(name), MaxNameLen)
	}
	if !utf8.ValidString(name) || strings.ContainsRune(name, 0) {
		e.add("/name", CodeInvalidValue, "name must be valid UTF-8 without the NUL character")
	}
}

func validateKey(e *ValidationError, key string) {
	switch {
	case key == "":
		e.add("/key", CodeRequired, "key must not be empty")
	case len(key) > MaxKeyLen:
		e.add("/key", CodeTooLong, "key has %d bytes; at most %d are allowed", len(key), MaxKeyLen)
	case !isVisibleASCII(key):
		e.add("/key", CodeInvalidValue, "key may hold only visible ASCII characters, and no space")
	}
}

// validKey reports whether a license could have this key, so that one that cannot be
// found is not looked for.
func validKey(key string) bool {
	return key != "" && len(key) <= MaxKeyLen && isVisibleASCII(key)
}

func isVisibleASCII(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

func validatePackages(e *ValidationError, packages []string) {
	if len(packages) == 0 {
		e.add("/packages", CodeRequired, "packages must name at least one package")
		return
	}
	if len(packages) > MaxPackages {
		e.add("/packages", CodeTooMany, "packages has too many names; at most %d are allowed", MaxPackages)
		return
	}
	seen := make(map[string]int, len(packages))
	for i, name := range packages {
		pointer := "/packages/" + strconv.Itoa(i)
		validatePackage(e, pointer, name)
		if first, ok := seen[name]; ok {
			e.add(pointer, CodeDuplicateValue, "this package is already named at /packages/%d", first)
			continue
		}
		seen[name] = i
	}
}

func validatePackage(e *ValidationError, pointer, name string) {
	switch {
	case name == "":
		e.add(pointer, CodeInvalidValue, "a package name must not be empty")
	case len(name) > MaxPackageLen:
		e.add(pointer, CodeTooLong, "the package name has %d bytes; at most %d are allowed", len(name), MaxPackageLen)
	case !utf8.ValidString(name):
		e.add(pointer, CodeInvalidValue, "a package name must be valid UTF-8")
	case strings.ContainsFunc(name, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }):
		e.add(pointer, CodeInvalidValue, "a package name must not hold spaces or control characters")
	}
}

func validateTimes(e *ValidationError, created, updated time.Time) {
	validateTime(e, "/createdAt", created)
	validateTime(e, "/updatedAt", updated)
	if !created.IsZero() && !updated.IsZero() && updated.Before(created) {
		e.add("/updatedAt", CodeInvalidValue, "updatedAt must not be before createdAt")
	}
}

func validateTime(e *ValidationError, pointer string, t time.Time) {
	if !t.IsZero() && !validMillis(millis(t)) {
		e.add(pointer, CodeInvalidValue, "the time must be from 0 to %d milliseconds since 1970 UTC", int64(maxMillis))
	}
}

// maxMillis is 9999-12-31T23:59:59.999Z.
const maxMillis = 253402300799999

func validMillis(ms int64) bool { return ms >= 0 && ms <= maxMillis }

// millis returns t in milliseconds since 1970, and for a time that no license can have the
// nearest that is not valid: [time.Time.UnixMilli] would overflow for a time like
// time.Unix(1<<62, 0), which people write for "never", and could come out valid.
func millis(t time.Time) int64 {
	switch s := t.Unix(); {
	case s < 0:
		return -1
	case s > maxMillis/1000:
		return maxMillis + 1
	default:
		return s*1000 + int64(t.Nanosecond()/1e6)
	}
}

func validateMeta(e *ValidationError, meta json.RawMessage) {
	switch {
	case len(meta) == 0:
		return
	case !utf8.Valid(meta):
		e.add("/meta", CodeInvalidValue, "meta must be valid UTF-8")
	case !json.Valid(meta):
		e.add("/meta", CodeInvalidValue, "meta must be valid JSON")
	case firstByte(meta) != '{':
		e.add("/meta", CodeWrongType, "meta must be a JSON object")
	default:
		if len(meta) > MaxMetaLen {
			if n := len(compactMeta(meta)); n > MaxMetaLen {
				e.add("/meta", CodeTooLong, "meta has %d bytes; at most %d are allowed", n, MaxMetaLen)
				return
			}
		}
		scanMeta(e, meta)
	}
}

func firstByte(data []byte) byte {
	return bytes.TrimLeft(data, " \t\r\n")[0]
}

// compactMeta returns a copy of meta, which is valid or empty, without white space.
func compactMeta(meta json.RawMessage) json.RawMessage {
	if len(meta) == 0 {
		return json.RawMessage("{}")
	}
	b := bytes.NewBuffer(make([]byte, 0, len(meta)))
	if err := json.Compact(b, meta); err != nil {
		return bytes.Clone(meta)
	}
	return b.Bytes()
}
