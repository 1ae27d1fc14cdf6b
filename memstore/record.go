package memstore

import (
	"iter"
	"slices"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/privatepkgs/license"
)

// record is a license as the store keeps it. It never changes what it says, so that a reader needs the
// lock only to find it, and it is small: one allocation for all text of its own, times
// as integers, and what many licenses have in common shared.
type record struct {
	id               uuid.UUID
	text             string // key, name and meta in one
	keyLen, nameLen  uint8  // at most license.MaxKeyLen and MaxNameLen
	suspended        bool
	constraint       *license.Constraint
	packages         [inlinePackages]*packageEntry // nil where there are fewer
	morePackages     *[]*packageEntry              // nil where there are no more
	created, updated int64                         // milliseconds
	revision         int64
	shared           atomic.Pointer[license.License] // what Store.Shared gives, once it was asked
}

// inlinePackages is how many packages most licenses have at most: these cost no
// allocation of their own, neither in a record nor in a license that is read.
const inlinePackages = 2

func (r *record) key() string { return r.text[:r.keyLen] }

func (r *record) setPackages(entries []*packageEntry) {
	if n := copy(r.packages[:], entries); n < len(entries) {
		r.morePackages = new(slices.Clone(entries[n:]))
	}
}

func (r *record) allPackages() iter.Seq[*packageEntry] {
	return func(yield func(*packageEntry) bool) {
		for _, p := range r.packages {
			if p == nil || !yield(p) {
				return
			}
		}
		if r.morePackages == nil {
			return
		}
		for _, p := range *r.morePackages {
			if !yield(p) {
				return
			}
		}
	}
}

// license returns a copy that the caller may change.
func (r *record) license() *license.License {
	c := new(struct {
		license.License
		packages [inlinePackages]string
	})
	c.Packages = c.packages[:0]
	if r.morePackages != nil {
		c.Packages = make([]string, 0, inlinePackages+len(*r.morePackages))
	}
	r.into(&c.License)
	return &c.License
}

// into makes l the license, in the memory that its Packages and Meta have.
func (r *record) into(l *license.License) {
	names := l.Packages[:0]
	for p := range r.allPackages() {
		names = append(names, p.name)
	}
	nameEnd := int(r.keyLen) + int(r.nameLen)
	*l = license.License{
		ID:         r.id,
		Name:       r.text[r.keyLen:nameEnd],
		Key:        r.key(),
		Constraint: *r.constraint,
		Suspended:  r.suspended,
		Meta:       append(l.Meta[:0], r.text[nameEnd:]...),
		Packages:   names,
		CreatedAt:  fromMillis(r.created),
		UpdatedAt:  fromMillis(r.updated),
		Revision:   r.revision,
	}
}

// before is the order of a listing.
func (r *record) before(other *record) bool {
	if r.created != other.created {
		return r.created < other.created
	}
	return string(r.id[:]) < string(other.id[:])
}

func fromMillis(ms int64) time.Time { return time.UnixMilli(ms).UTC() }
