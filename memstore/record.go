package memstore

import (
	"iter"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/privatepkgs/license"
)

// record is a license as the store keeps it. It is small: one allocation for all text of its own,
// times as integers, and what many licenses have in common shared. What it refers to never changes, so
// a copy says the same for ever.
type record struct {
	text             string // key, name and meta in one
	keyLen, nameLen  uint8  // at most license.MaxKeyLen and MaxNameLen
	suspended        bool
	revisionHigh     uint8 // 40 bits, for as many updates as one license has in weeks of nothing else
	revisionLow      uint32
	constraint       *license.Constraint
	packages         [inlinePackages]*packageEntry // nil where there are fewer
	morePackages     *[]*packageEntry              // nil where there are no more
	id               uuid.UUID
	created, updated int64 // milliseconds
}

// inlinePackages is how many packages most licenses have at most: these cost no
// allocation of their own, neither in a record nor in a license that is read.
const inlinePackages = 2

func (r *record) key() string  { return r.text[:r.keyLen] }
func (r *record) meta() string { return r.text[int(r.keyLen)+int(r.nameLen):] }

func (r *record) revision() int64 { return int64(r.revisionHigh)<<32 | int64(r.revisionLow) }

func (r *record) packageCount() int {
	n := 0
	for range r.allPackages() {
		n++
	}
	return n
}

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
		packages [inlinePackages]string // first, as they are beside what a check reads
		license.License
	})
	r.into(&c.License, c.packages[:0], nil)
	return &c.License
}

// licenses returns copies that the caller may change. They lie side by side: a few large allocations
// rather than some for each.
func licenses(records []record) []*license.License {
	packages, meta := 0, 0
	for i := range records {
		r := &records[i]
		packages += r.packageCount()
		meta += len(r.meta())
	}
	copies, names, metas := make([]license.License, len(records)), make([]string, 0, packages), make([]byte, 0, meta)
	page := make([]*license.License, len(records))
	for i := range records {
		l := &copies[i]
		records[i].into(l, names, metas)
		names, metas = l.Packages[len(l.Packages):], l.Meta[len(l.Meta):]
		l.Packages, l.Meta = slices.Clip(l.Packages), slices.Clip(l.Meta)
		page[i] = l
	}
	return page
}

// into makes l the license, and appends what a caller may change to names and meta.
func (r *record) into(l *license.License, names []string, meta []byte) {
	for p := range r.allPackages() {
		names = append(names, p.name)
	}
	*l = license.License{
		ID:         r.id,
		Name:       r.text[r.keyLen:][:r.nameLen],
		Key:        r.key(),
		Constraint: *r.constraint,
		Suspended:  r.suspended,
		Meta:       append(meta, r.meta()...),
		Packages:   names,
		CreatedAt:  fromMillis(r.created),
		UpdatedAt:  fromMillis(r.updated),
		Revision:   r.revision(),
	}
}

func fromMillis(ms int64) time.Time { return time.UnixMilli(ms).UTC() }
