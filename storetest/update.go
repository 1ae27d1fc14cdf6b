package storetest

import (
	"encoding/json"
	"time"

	"github.com/google/uuid"
	"github.com/privatepkgs/license"
)

var updateTests = []test{
	{"ReplacesEverythingButIDAndCreatedAt", func(h *harness) {
		other := h.create(newLicense())
		l := h.create(newLicense())
		h.clock.advance(time.Minute)
		changed := &license.License{
			ID:         l.ID,
			Name:       "renamed",
			Key:        "CHANGED",
			Constraint: license.DateConstraint(at(0)),
			Suspended:  true,
			Meta:       json.RawMessage(` { "a" : 1 } `),
			Packages:   []string{"c", "a", "b"},
			CreatedAt:  at(1), // these two must not count
			UpdatedAt:  at(0),
		}
		want := changed.Clone()
		want.Meta = json.RawMessage(`{"a":1}`)
		want.CreatedAt, want.UpdatedAt, want.Revision = l.CreatedAt, millis(h.clock.now()), 2
		h.update(changed)
		h.same("the argument of Update afterwards", want, changed)
		h.holds(other, want)
		h.lists(license.Query{Package: "toy"}, []*license.License{other})
		_, err := h.store.GetByKey(h.ctx, l.Key)
		h.fails("GetByKey of a key that Update has replaced", err, license.ErrNotFound)
	}},
	{"RaisesTheRevisionByOneEachTime", func(h *harness) {
		l := h.create(newLicense())
		for revision := int64(2); revision <= 4; revision++ {
			h.update(l) // nothing is different
			if l.Revision != revision {
				h.Fatalf("Update number %d left Revision %d; want %d, also when nothing else changes", revision-1, l.Revision, revision)
			}
			h.holds(l)
		}
	}},
	{"IsUnconditionalWithoutARevision", func(h *harness) {
		l := h.create(newLicense())
		h.update(l.Clone())
		l.Name, l.Revision = "unconditional", 0
		h.update(l)
		if l.Revision != 3 {
			h.Fatalf("Update with revision 0 left Revision %d; want 3, one more than the stored one", l.Revision)
		}
		h.holds(l)
	}},
	{"RefusesAnotherRevision", func(h *harness) {
		l := h.create(newLicense())
		l = h.update(l)
		for _, revision := range []int64{1, 3, -1, 1 << 40} {
			stale := l.Clone()
			stale.Name, stale.Key, stale.Packages, stale.Revision = "stale", "STALE", []string{"stale"}, revision
			given := stale.Clone()
			h.fails("Update with another revision than the stored one", h.store.Update(h.ctx, stale), license.ErrRevisionMismatch)
			h.same("the argument of an Update that was refused", given, stale)
			h.holds(l)
			h.lists(license.Query{Package: "stale"}, nil)
		}
	}},
	{"ReportsAnUnknownID", func(h *harness) {
		l := h.create(newLicense())
		for _, revision := range []int64{0, 1} {
			unknown := l.Clone() // its key is taken, but there is nothing to update first
			unknown.ID, unknown.Revision = uuid.New(), revision
			h.fails("Update of an unknown id", h.store.Update(h.ctx, unknown), license.ErrNotFound)
		}
		unknown := newLicense()
		unknown.Key = "UNKNOWN"
		h.fails("Update of the zero id", h.store.Update(h.ctx, unknown), license.ErrNotFound)
		h.holds(l)
	}},
	{"RefusesAKeyThatAnotherLicenseHas", func(h *harness) {
		first, second := h.create(newLicense()), h.create(newLicense())
		for _, revision := range []int64{0, 1} {
			taken := second.Clone()
			taken.Key, taken.Name, taken.Packages, taken.Revision = first.Key, "taken", []string{"other"}, revision
			given := taken.Clone()
			h.fails("Update with the key of another license", h.store.Update(h.ctx, taken), license.ErrKeyExists)
			h.same("the argument of an Update that was refused", given, taken)
			h.holds(first, second)
			h.lists(license.Query{Package: "other"}, nil)
		}
		stale := second.Clone()
		stale.Key, stale.Revision = first.Key, 7
		h.fails("Update with both a stale revision and a key that is taken", h.store.Update(h.ctx, stale), license.ErrRevisionMismatch)
	}},
	{"FreesTheOldKey", func(h *harness) {
		first := h.create(newLicense())
		oldKey := first.Key
		first.Key = "ROTATED"
		h.update(first)
		second := newLicense()
		second.Key = oldKey
		h.create(second)
		h.holds(first, second)
	}},
	{"ChangesOnlyTheCaseOfAKey", func(h *harness) {
		l := newLicense()
		l.Key = "lower-case"
		h.create(l)
		l.Key = "LOWER-CASE"
		h.update(l)
		h.holds(l)
		_, err := h.store.GetByKey(h.ctx, "lower-case")
		h.fails("GetByKey of the old key, which differs only in case", err, license.ErrNotFound)
	}},
	{"ReportsAnInvalidLicenseAndChangesNothing", func(h *harness) {
		l := h.create(newLicense())
		for pointer, spoil := range invalidFields {
			if pointer == "/createdAt" || pointer == "/updatedAt" {
				continue // Update sets them, whatever they are
			}
			bad := l.Clone()
			spoil(bad)
			given := bad.Clone()
			h.invalid("Update with a bad "+pointer, h.store.Update(h.ctx, bad), pointer)
			h.same("the argument of an Update that was refused as invalid", given, bad)
		}
		bad := l.Clone()
		bad.Key = ""
		h.invalid("Update without a key", h.store.Update(h.ctx, bad), "/key")
		h.holds(l)
	}},
	{"MovesALicenseBetweenTheFilters", func(h *harness) {
		l := newLicense()
		l.Packages = []string{"a", "b"}
		h.create(l)
		for _, packages := range [][]string{{"b", "c"}, {"b"}, {"a"}} {
			l.Packages, l.Suspended = packages, !l.Suspended
			h.update(l)
			for _, name := range []string{"a", "b", "c"} {
				for _, suspended := range []*bool{nil, new(true), new(false)} {
					h.lists(license.Query{Package: name, Suspended: suspended}, []*license.License{l})
				}
			}
		}
		h.holds(l)
	}},
}
