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
)

// stored is a license as a row has it. Its text shares the memory of what was read.
type stored struct {
	id                              uuid.UUID
	createdAt, updatedAt, revision  int64
	suspended                       bool
	key, constraint, packages, meta string
	name                            string
}

// scanLicense reads the license of a row.
func (s *Store) scanLicense(row Row) (*license.License, error) {
	var text string
	if err := row.Scan(&text); err != nil {
		return nil, err
	}
	var st stored
	r := lines{rest: text}
	if err := r.read(&st); err != nil {
		return nil, err
	}
	if r.rest != "" {
		return nil, st.unreadable(errors.New("something follows it"))
	}
	l := new(license.License)
	if err := s.decode(l, &st); err != nil {
		return nil, err
	}
	return l, nil
}

// decode makes l the license, in the memory that its Packages and Meta have.
func (s *Store) decode(l *license.License, st *stored) (err error) {
	*l = license.License{
		ID:        st.id,
		Name:      st.name,
		Key:       st.key,
		Suspended: st.suspended,
		Meta:      append(l.Meta[:0], st.meta...),
		Packages:  l.Packages[:0],
		CreatedAt: time.UnixMilli(st.createdAt).UTC(),
		UpdatedAt: time.UnixMilli(st.updatedAt).UTC(),
		Revision:  st.revision,
	}
	if l.Constraint, err = s.constraints.Parse(st.constraint); err != nil {
		return st.unreadable(err)
	}
	if l.Packages, err = decodePackages(l.Packages, st.packages); err != nil {
		return st.unreadable(err)
	}
	return nil
}

func (st *stored) unreadable(err error) error {
	return fmt.Errorf("the stored license %s cannot be read: %w", st.id, err)
}

// decodeAll returns the licenses, side by side: a few large allocations rather than some for each.
func (s *Store) decodeAll(found []stored) ([]*license.License, error) {
	names, bytes := 0, 0
	for i := range found {
		names += countPackages(found[i].packages)
		bytes += len(found[i].meta)
	}
	packages, meta := make([]string, 0, names), make([]byte, 0, bytes)
	licenses, page := make([]license.License, len(found)), make([]*license.License, len(found))
	for i := range found {
		l := &licenses[i]
		l.Packages, l.Meta = packages, meta
		if err := s.decode(l, &found[i]); err != nil {
			return nil, err
		}
		packages, meta = l.Packages[len(l.Packages):], l.Meta[len(l.Meta):]
		l.Packages, l.Meta = slices.Clip(l.Packages), slices.Clip(l.Meta)
		page[i] = l
	}
	return page, nil
}

// readRows reads the texts of licenses, one after the other. There are limit of them at most.
func readRows(text string, limit int) ([]stored, error) {
	const minRow = 64 // bytes; no license takes fewer
	rows, r := make([]stored, 0, min(limit, len(text)/minRow+1)), lines{rest: text}
	for r.rest != "" {
		rows = append(rows, stored{})
		if err := r.read(&rows[len(rows)-1]); err != nil {
			if n := len(rows); n > 1 { // the fault may be that one has more lines than it should
				err = fmt.Errorf("after license %s: %w", rows[n-2].id, err)
			}
			return nil, err
		}
	}
	return rows, nil
}

// lines reads a text line by line, and keeps the first error.
type lines struct {
	rest string
	err  error
}

// read reads a license, as row_text has it.
func (r *lines) read(st *stored) error {
	st.id = r.id()
	st.createdAt, st.updatedAt, st.revision = r.integer(), r.integer(), r.integer()
	st.suspended = r.boolean()
	st.name = r.text(r.integer())
	st.key, st.constraint, st.packages, st.meta = r.line(), r.line(), r.line(), r.line()
	if r.err != nil {
		return st.unreadable(r.err)
	}
	return nil
}

func (r *lines) line() (line string) {
	if r.rest == "" {
		r.fail(errors.New("a column is missing"))
	}
	end := strings.IndexByte(r.rest, '\n')
	if end < 0 {
		line, r.rest = r.rest, ""
		return line
	}
	line, r.rest = r.rest[:end], r.rest[end+1:]
	return line
}

func (r *lines) integer() int64 {
	n := int64(0)
	for i := range min(len(r.rest), 19) { // with more digits it may be too large
		if r.rest[i] == '\n' && i > 0 {
			r.rest = r.rest[i+1:]
			return n
		}
		if digit := r.rest[i] - '0'; digit <= 9 {
			n = 10*n + int64(digit)
			continue
		}
		break
	}
	n, err := strconv.ParseInt(r.line(), 10, 64)
	r.fail(err)
	return n
}

func (r *lines) boolean() bool {
	b, err := strconv.ParseBool(r.line())
	r.fail(err)
	return b
}

// id reads 16 bytes in hex.
func (r *lines) id() (id uuid.UUID) {
	line := r.line()
	if len(line) != hex.EncodedLen(len(id)) {
		r.fail(errors.New("the id is not of 16 bytes"))
		return id
	}
	_, err := hex.Decode(id[:], []byte(line))
	r.fail(err)
	return id
}

// text reads so many bytes and the end of their line.
func (r *lines) text(n int64) string {
	if n < 0 || n >= int64(len(r.rest)) || r.rest[n] != '\n' {
		r.fail(errors.New("the name is cut"))
		return ""
	}
	text := r.rest[:n]
	r.rest = r.rest[n+1:]
	return text
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
	between := strings.Count(inner, `","`)
	if ok && !strings.Contains(inner, `\`) && strings.Count(inner, `"`) == 2*between {
		names = slices.Grow(names, between+1)
		for more := true; more; {
			var name string
			name, inner, more = strings.Cut(inner, `","`)
			names = append(names, name)
		}
		return names, nil
	}
	var escaped []string
	if err := json.Unmarshal([]byte(text), &escaped); err != nil {
		return nil, fmt.Errorf("reading packages: %w", err)
	}
	return append(names, escaped...), nil
}

// countPackages is how many names there are, or a few more where one of them looks like two.
func countPackages(text string) int { return 1 + strings.Count(text, `","`) }

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
