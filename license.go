package license

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"
)

// Limits of a [License]. Lengths are in bytes.
const (
	MaxNameLen    = 255
	MaxKeyLen     = 255
	MaxRangeLen   = 512
	MaxMetaLen    = 64 << 10
	MaxMetaDepth  = 32 // the meta object itself is the first level
	MaxPackages   = 1000
	MaxPackageLen = 255
)

// License is the right of whoever holds its Key to certain packages.
//
// The zero value is not a valid license: Constraint and Packages are required. A
// [Store] fills ID, Key, CreatedAt and UpdatedAt where they are zero.
type License struct {
	// ID identifies the license for ever. The zero UUID means "not stored yet".
	ID uuid.UUID

	// Name is for people: at most [MaxNameLen] bytes of UTF-8, and may be empty.
	Name string

	// Key is the customer's secret: 1 to [MaxKeyLen] visible ASCII characters, unique
	// and case-sensitive.
	Key string

	// Constraint says when, or for which versions, the license is valid.
	Constraint Constraint

	// Suspended denies every package until it is taken back.
	Suspended bool

	// Packages are the names that the license opens: 1 to [MaxPackages], distinct, each 1
	// to [MaxPackageLen] bytes without spaces and control characters.
	Packages []string

	// Meta is a JSON object of the seller's own, kept as it was given except for
	// insignificant white space: big numbers, the order of members and all. At most
	// [MaxMetaLen] bytes and [MaxMetaDepth] levels. Nil means {}.
	Meta json.RawMessage

	// CreatedAt and UpdatedAt are kept in whole milliseconds.
	CreatedAt, UpdatedAt time.Time

	// Revision is 1 when the license is created and one more at each change. It is
	// kept by the Store and is not part of the JSON form.
	Revision int64
}

// Clone returns a deep copy of l, and nil for nil.
func (l *License) Clone() *License {
	if l == nil {
		return nil
	}
	c := *l
	c.Meta = bytes.Clone(l.Meta)
	c.Packages = slices.Clone(l.Packages)
	return &c
}

// GenerateKey returns a new random key: 125 bits from crypto/rand as five groups of
// five characters of Crockford's base 32, for instance "7K3QF-09VTX-M4R8A-ZC2YW-5HJ6N".
func GenerateKey() string {
	const (
		alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
		groups   = 5
		groupLen = 5
	)
	var random [groups * groupLen]byte
	_, _ = rand.Read(random[:]) // never fails, see crypto/rand
	key := make([]byte, 0, len(random)+groups-1)
	for i, b := range random {
		if i > 0 && i%groupLen == 0 {
			key = append(key, '-')
		}
		key = append(key, alphabet[b%32]) // 32 divides 256, so each letter is as likely
	}
	return string(key)
}

// LogValue makes log/slog print a license without its key: only the first characters of
// a long one are shown, enough to recognise it and too few to use it. (log/slog does not
// look into slices and structs, where its JSON handler shows the JSON form, key and all: log
// licenses one by one.)
func (l License) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("id", l.ID.String()),
		slog.String("name", l.Name),
		slog.String("key", redactKey(l.Key)),
		slog.String("constraint", l.Constraint.String()),
		slog.Bool("suspended", l.Suspended),
		slog.Int("packages", len(l.Packages)),
		slog.Int64("revision", l.Revision),
	)
}

// Format makes fmt print a license as log/slog does, without its key, wherever fmt asks it: under every verb but
// %w and %p, and not for a License in an unexported field of a struct, to which fmt has no access. There the
// key is printed; a pointer to a License in such a field is safe.
func (l License) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, l.LogValue().String())
}

func redactKey(key string) string {
	const shown = 4
	if len(key) <= 4*shown {
		return "***"
	}
	return key[:shown] + "***"
}

// AppendJSON appends the v1 JSON form of l to b. Names and values are those of the
// HTTP API: times are integers in milliseconds since 1970 UTC, and Meta is copied as it
// is. The form of an invalid license is not defined.
func (l *License) AppendJSON(b []byte) []byte {
	b = append(b, `{"id":"`...)
	b = appendUUID(b, l.ID)
	b = append(b, `","name":`...)
	b = appendJSONString(b, l.Name)
	b = append(b, `,"key":`...)
	b = appendJSONString(b, l.Key)
	b = append(b, `,"constraint":`...)
	b = l.Constraint.AppendJSON(b)
	b = append(b, `,"suspended":`...)
	b = strconv.AppendBool(b, l.Suspended)
	b = append(b, `,"meta":`...)
	if len(l.Meta) == 0 {
		b = append(b, "{}"...)
	} else {
		b = append(b, l.Meta...)
	}
	b = append(b, `,"packages":[`...)
	for i, p := range l.Packages {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendJSONString(b, p)
	}
	created, updated := l.CreatedAt.UnixMilli(), l.UpdatedAt.UnixMilli()
	b = append(b, `],"createdAt":`...)
	from := len(b)
	b = strconv.AppendInt(b, created, 10)
	to := len(b)
	b = append(b, `,"updatedAt":`...)
	if updated == created { // true of most licenses; formatting a number is the slow part
		b = append(b, b[from:to]...)
	} else {
		b = strconv.AppendInt(b, updated, 10)
	}
	return append(b, '}')
}

// MarshalJSON returns the v1 JSON form, see [License.AppendJSON]. (encoding/json then
// escapes <, > and & in it, which changes no value.)
func (l License) MarshalJSON() ([]byte, error) {
	return l.AppendJSON(nil), nil
}

// UnmarshalJSON reads the v1 JSON form as encoding/json reads it: unknown fields are
// ignored, and what is absent is left zero. It does not validate, so call
// [License.Validate], and do not use it on input from strangers.
func (l *License) UnmarshalJSON(data []byte) error {
	var v struct {
		ID         uuid.UUID       `json:"id"`
		Name       string          `json:"name"`
		Key        string          `json:"key"`
		Constraint Constraint      `json:"constraint"`
		Suspended  bool            `json:"suspended"`
		Meta       json.RawMessage `json:"meta"`
		Packages   []string        `json:"packages"`
		CreatedAt  *int64          `json:"createdAt"`
		UpdatedAt  *int64          `json:"updatedAt"`
	}
	if err := json.Unmarshal(data, &v); err != nil {
		return fmt.Errorf("license: reading JSON: %w", err)
	}
	*l = License{
		ID:         v.ID,
		Name:       v.Name,
		Key:        v.Key,
		Constraint: v.Constraint,
		Suspended:  v.Suspended,
		Meta:       v.Meta,
		Packages:   v.Packages,
		CreatedAt:  timeFromMillis(v.CreatedAt),
		UpdatedAt:  timeFromMillis(v.UpdatedAt),
	}
	return nil
}

func timeFromMillis(ms *int64) time.Time {
	if ms == nil {
		return time.Time{}
	}
	return time.UnixMilli(*ms).UTC()
}

func appendUUID(b []byte, id uuid.UUID) []byte {
	const hex = "0123456789abcdef"
	for i, c := range id {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			b = append(b, '-')
		}
		b = append(b, hex[c>>4], hex[c&15])
	}
	return b
}

// escaped has the bytes that a JSON string must not have as they are.
var escaped = func() (table [256]bool) {
	for c := range 0x20 {
		table[c] = true
	}
	table['"'], table['\\'] = true, true
	return table
}()

// appendJSONString appends s, which is valid UTF-8, as a JSON string (RFC 8259,
// section 7) with nothing escaped that need not be.
func appendJSONString(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if !escaped[c] {
			continue
		}
		b = append(b, s[start:i]...)
		start = i + 1
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\b':
			b = append(b, `\b`...)
		case '\f':
			b = append(b, `\f`...)
		case '\n':
			b = append(b, `\n`...)
		case '\r':
			b = append(b, `\r`...)
		case '\t':
			b = append(b, `\t`...)
		default:
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
	}
	b = append(b, s[start:]...)
	return append(b, '"')
}
