package storetest

import (
	"encoding/json"
	"errors"
	"time"

	"github.com/google/uuid"
	"github.com/privatepkgs/license"
)

var createTests = []test{
	{"FillsWhatIsZeroInItsArgument", func(h *harness) {
		l := newLicense()
		h.create(l)
		now := millis(h.clock.now())
		if l.ID == uuid.Nil || l.Key == "" || !l.CreatedAt.Equal(now) || !l.UpdatedAt.Equal(now) {
			h.Fatalf("Create left the license as %+v; want its ID, Key, CreatedAt and UpdatedAt filled in, the times from the store's clock (%v)", l, now)
		}
		if l.Revision != 1 {
			h.Fatalf("Create left Revision %d; want 1", l.Revision)
		}
		if string(l.Meta) != "{}" {
			h.Fatalf("Create left Meta %q; want {} for nil", l.Meta)
		}
		h.holds(l)
	}},
	{"FillsItsArgumentBeforeItWrites", func(h *harness) {
		h.create(&license.License{Key: "TAKEN", Constraint: license.NoConstraint(), Packages: []string{"toy"}})
		l := newLicense()
		l.Key = "TAKEN"
		h.fails("Create with a key that is taken", h.store.Create(h.ctx, l), license.ErrKeyExists)
		if l.ID == uuid.Nil {
			h.Fatal("a Create that failed while writing left no ID in its argument: the caller could not retry with the same one")
		}
	}},
	{"KeepsAnIDKeyAndTimesThatAreGiven", func(h *harness) {
		var want []*license.License
		for i, times := range [][2]time.Time{
			{at(0), at(5)},
			{at(7), {}},
			{h.clock.now().Add(time.Hour), h.clock.now().Add(2 * time.Hour)}, // an import from a faster clock
			{time.UnixMilli(0), time.UnixMilli(0)},
		} {
			l := newLicense()
			l.ID = uuid.UUID{0: byte(i), 15: 1} // not of a version that the library makes
			l.Key = "GIVEN-" + string(rune('A'+i))
			l.CreatedAt, l.UpdatedAt = times[0], times[1]
			l.Revision = 42
			given := l.Clone()
			h.create(l)
			if given.UpdatedAt.IsZero() {
				given.UpdatedAt = given.CreatedAt
			}
			given.CreatedAt, given.UpdatedAt = millis(given.CreatedAt), millis(given.UpdatedAt)
			given.Meta = json.RawMessage("{}")
			given.Revision = 1
			h.same("a license created with its own id, key and times", given, l)
			want = append(want, given)
		}
		h.holds(want...)
	}},
	{"RefusesAKeyThatIsTaken", func(h *harness) {
		first := h.create(newLicense())
		second := newLicense()
		second.ID = uuid.New()
		second.Key = first.Key
		second.Packages = []string{"other"}
		h.fails("Create with a key that is taken", h.store.Create(h.ctx, second), license.ErrKeyExists)
		h.holds(first)
		h.lists(license.Query{Package: "other"}, nil)

		second.Key = "FREE"
		h.holds(first, h.create(second))
	}},
	{"RefusesAnIDThatIsTaken", func(h *harness) {
		first := h.create(newLicense())
		second := newLicense()
		second.ID = first.ID
		second.Key = "FREE"
		second.Packages = []string{"other"}
		h.fails("Create with an id that is taken", h.store.Create(h.ctx, second), license.ErrIDExists)
		h.holds(first)
		h.lists(license.Query{Package: "other"}, nil)

		second.ID = uuid.New()
		h.holds(first, h.create(second))
	}},
	{"NamesTheIDWhenIDAndKeyAreTaken", func(h *harness) {
		first, second := h.create(newLicense()), h.create(newLicense())
		h.fails("Create of the same license again", h.store.Create(h.ctx, first.Clone()), license.ErrIDExists)
		mixed := newLicense()
		mixed.ID, mixed.Key = first.ID, second.Key
		h.fails("Create with the id of one license and the key of another", h.store.Create(h.ctx, mixed), license.ErrIDExists)
		h.holds(first, second)
	}},
	{"KeepsApartKeysThatDifferOnlyInCase", func(h *harness) {
		var want []*license.License
		for _, key := range []string{"abc-def", "ABC-DEF", "Abc-Def"} {
			l := newLicense()
			l.Key = key
			want = append(want, h.create(l))
		}
		h.holds(want...)
	}},
	{"ReportsAnInvalidLicenseAndStoresNothing", func(h *harness) {
		for pointer, spoil := range invalidFields {
			l := newLicense()
			l.ID = uuid.New()
			l.Key = "INVALID"
			spoil(l)
			given := l.Clone()
			err := h.store.Create(h.ctx, l)
			h.invalid("Create of a license with a bad "+pointer, err, pointer)
			h.same("the argument of a Create that was refused as invalid", given, l)
			h.lacks(l.ID, "INVALID")
		}
		l := newLicense()
		invalidFields["/name"](l)
		invalidFields["/packages"](l)
		err := h.store.Create(h.ctx, l)
		h.invalid("Create of a license with a bad name and no packages", err, "/name")
		h.invalid("Create of a license with a bad name and no packages", err, "/packages")
		h.holds()
	}},
	{"GivesExactlyOneLicenseWhenRetriedWithTheSameID", func(h *harness) {
		first := h.create(newLicense())
		for range 3 {
			if err := h.store.Create(h.ctx, first.Clone()); !errors.Is(err, license.ErrIDExists) {
				h.Fatalf("Create again with the same id: the error is %v; want one that wraps %q", err, license.ErrIDExists)
			}
		}
		h.holds(first)
	}},
}

// invalidFields spoils a license so that the problem is at the pointer.
var invalidFields = map[string]func(*license.License){
	"/name":       func(l *license.License) { l.Name = "\xff" },
	"/key":        func(l *license.License) { l.Key = "with space" },
	"/constraint": func(l *license.License) { l.Constraint = license.Constraint{} },
	"/meta":       func(l *license.License) { l.Meta = json.RawMessage(`{"unfinished`) },
	"/meta/a":     func(l *license.License) { l.Meta = json.RawMessage(`{"a":1,"a":2}`) },
	"/packages":   func(l *license.License) { l.Packages = nil },
	"/packages/1": func(l *license.License) { l.Packages = []string{"toy", "toy"} },
	"/createdAt":  func(l *license.License) { l.CreatedAt = time.UnixMilli(-1) },
	"/updatedAt":  func(l *license.License) { l.CreatedAt, l.UpdatedAt = at(1), at(0) },
}
