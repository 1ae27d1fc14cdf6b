package sqlstore

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/privatepkgs/license"
)

// stored is a license as a row has it.
type stored struct {
	id   uuid.UUID
	text string // what the constant rowText makes
}

// columns are what to scan a row into.
func (st *stored) columns() []any { return []any{&st.id, &st.text} }

// scanLicense reads the license of a row.
func (s *Store) scanLicense(row Row) (*license.License, error) {
	var st stored
	if err := row.Scan(st.columns()...); err != nil {
		return nil, err
	}
	l := new(license.License)
	if err := s.decode(l, st); err != nil {
		return nil, err
	}
	return l, nil
}

// createdAt returns the time of creation, which comes first in the text.
func (st stored) createdAt() (int64, error) {
	first, _, _ := strings.Cut(st.text, "\n")
	ms, err := strconv.ParseInt(first, 10, 64)
	if err != nil {
		return 0, st.unreadable(err)
	}
	return ms, nil
}

func (st stored) unreadable(err error) error {
	return fmt.Errorf("the stored license %s cannot be read: %w", st.id, err)
}

// decode makes l the license of a row, in the memory that its Packages and Meta have. The rest
// shares that of the row.
func (s *Store) decode(l *license.License, st stored) error {
	r := lines{rest: st.text}
	*l = license.License{
		ID:        st.id,
		CreatedAt: time.UnixMilli(r.integer()).UTC(),
		UpdatedAt: time.UnixMilli(r.integer()).UTC(),
		Revision:  r.integer(),
		Suspended: r.boolean(),
		Key:       r.line(),
		Packages:  l.Packages[:0],
		Meta:      l.Meta[:0],
	}
	constraint, packages := r.line(), r.line()
	l.Meta = append(l.Meta, r.line()...)
	l.Name = r.rest
	if r.err != nil {
		return st.unreadable(r.err)
	}
	var err error
	if l.Constraint, err = s.constraints.Parse(constraint); err != nil {
		return st.unreadable(err)
	}
	if l.Packages, err = decodePackages(l.Packages, packages); err != nil {
		return st.unreadable(err)
	}
	return nil
}

// lines reads a text line by line, and keeps the first error.
type lines struct {
	rest string
	err  error
}

func (r *lines) line() string {
	line, rest, ok := strings.Cut(r.rest, "\n")
	if !ok {
		r.fail(errors.New("a column is missing"))
	}
	r.rest = rest
	return line
}

func (r *lines) integer() int64 {
	n, err := strconv.ParseInt(r.line(), 10, 64)
	r.fail(err)
	return n
}

func (r *lines) boolean() bool {
	b, err := strconv.ParseBool(r.line())
	r.fail(err)
	return b
}

func (r *lines) fail(err error) {
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
		names = slices.Grow(names, 1+strings.Count(inner, `","`))
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
