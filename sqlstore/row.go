package sqlstore

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/privatepkgs/license"
	"github.com/privatepkgs/license/internal/constraintcache"
)

// scanLicense reads the license of a row.
func (s *Store) scanLicense(row Row) (*license.License, error) {
	var text string
	if err := row.Scan(&text); err != nil {
		return nil, err
	}
	l, r := new(license.License), s.rowReader(text)
	if err := r.read(l); err != nil {
		return nil, err
	}
	return l, r.end()
}

// readLicenses reads as many licenses as a text holds.
func (s *Store) readLicenses(count int, text string) ([]*license.License, error) {
	licenses, found, r := make([]license.License, count), make([]*license.License, count), s.rowReader(text)
	for i := range found {
		found[i] = &licenses[i]
		if err := r.read(found[i]); err != nil {
			return nil, err
		}
	}
	return found, r.end()
}

// rowReader reads what the constant rowText makes, license by license, and keeps the first error.
// What it reads shares the memory of the text.
type rowReader struct {
	constraints *constraintcache.Cache
	rest        string
	err         error

	// What the caller of a Store may change has memory of its own: that of many licenses in one.
	packages []string
	meta     []byte
}

func (s *Store) rowReader(text string) *rowReader {
	return &rowReader{constraints: &s.constraints, rest: text}
}

// read makes l the next license.
func (r *rowReader) read(l *license.License) error {
	*l = license.License{
		ID:        r.id(),
		CreatedAt: time.UnixMilli(r.integer()).UTC(),
		UpdatedAt: time.UnixMilli(r.integer()).UTC(),
		Revision:  r.integer(),
		Suspended: r.boolean(),
		Key:       r.line(),
	}
	l.Constraint = r.constraint()
	l.Packages = r.names()
	l.Meta = r.bytes()
	l.Name = r.sized()
	if r.err != nil {
		return fmt.Errorf("the stored license %s cannot be read: %w", l.ID, r.err)
	}
	return nil
}

// end returns an error unless all of the text was read.
func (r *rowReader) end() error {
	if r.rest != "" {
		return errors.New("what is stored cannot be read: something follows the last license")
	}
	return nil
}

func (r *rowReader) line() string {
	line, rest, ok := strings.Cut(r.rest, "\n")
	if !ok {
		r.fail(errors.New("a column is missing"))
	}
	r.rest = rest
	return line
}

func (r *rowReader) id() (id uuid.UUID) {
	line := r.line()
	if len(line) != hex.EncodedLen(len(id)) {
		r.fail(errors.New("the id is not of 16 bytes"))
		return id
	}
	_, err := hex.Decode(id[:], []byte(line))
	r.fail(err)
	return id
}

func (r *rowReader) integer() int64 {
	n, err := strconv.ParseInt(r.line(), 10, 64)
	r.fail(err)
	return n
}

func (r *rowReader) boolean() bool {
	b, err := strconv.ParseBool(r.line())
	r.fail(err)
	return b
}

func (r *rowReader) constraint() license.Constraint {
	c, err := r.constraints.Parse(r.line())
	r.fail(err)
	return c
}

func (r *rowReader) names() []string {
	line := r.line()
	if n := 1 + strings.Count(line, `","`); n > cap(r.packages) {
		r.packages = make([]string, 0, n+len(r.rest)/256)
	}
	names, err := decodePackages(r.packages, line)
	r.fail(err)
	r.packages = names[len(names):]
	return slices.Clip(names)
}

func (r *rowReader) bytes() []byte {
	line := r.line()
	if len(line) > cap(r.meta) {
		r.meta = make([]byte, 0, len(line)+len(r.rest)/4) // and those of what is likely to follow
	}
	meta := append(r.meta, line...)
	r.meta = meta[len(meta):]
	return slices.Clip(meta)
}

// sized reads a text whose length stands in a line before it.
func (r *rowReader) sized() string {
	n := r.integer()
	if n < 0 || n > int64(len(r.rest)) {
		r.fail(errors.New("the name is cut"))
		return ""
	}
	text := r.rest[:n]
	r.rest = r.rest[n:]
	return text
}

func (r *rowReader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
}

// encodePackages returns names as a JSON array without white space.
func encodePackages(names []string) (string, error) {
	text, err := json.Marshal(names)
	return string(text), err
}

// decodePackages appends to names what encodePackages wrote. Names without escapes, which nearly
// all are, are cut out of the text.
func decodePackages(names []string, text string) ([]string, error) {
	inner, ok := strings.CutPrefix(text, `["`)
	if ok {
		inner, ok = strings.CutSuffix(inner, `"]`)
	}
	if ok && !strings.Contains(inner, `\`) {
		for name := range strings.SplitSeq(inner, `","`) {
			names = append(names, name)
		}
		return names, nil
	}
	if err := json.Unmarshal([]byte(text), &names); err != nil {
		return nil, fmt.Errorf("reading packages: %w", err)
	}
	return names, nil
}

// writeArgs returns the arguments that create and update begin with, id to packages.
func writeArgs(l *license.License, room int) ([]any, error) {
	packages, err := encodePackages(l.Packages)
	if err != nil {
		return nil, err
	}
	args := make([]any, 0, 7+room)
	return append(args, l.ID[:], l.Key, l.Name, string(l.Constraint.AppendJSON(nil)), l.Suspended,
		string(l.Meta), packages), nil
}

// createArgs returns the arguments of queryCreate.
func createArgs(l *license.License) ([]any, error) {
	args, err := writeArgs(l, 2)
	if err != nil {
		return nil, err
	}
	return append(args, l.CreatedAt.UnixMilli(), l.UpdatedAt.UnixMilli()), nil
}
