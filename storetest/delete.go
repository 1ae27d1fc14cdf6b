package storetest

import (
	"github.com/google/uuid"
	"github.com/privatepkgs/license"
)

var deleteTests = []test{
	{"RemovesALicense", func(h *harness) {
		first, second := h.create(newLicense()), h.create(newLicense())
		h.delete(first.ID)
		h.lacks(first.ID, first.Key)
		h.holds(second)
		h.fails("Delete of a license that is gone", h.store.Delete(h.ctx, first.ID, 0), license.ErrNotFound)
		h.fails("Update of a license that is gone", h.store.Update(h.ctx, first.Clone()), license.ErrNotFound)
		h.holds(second)
	}},
	{"RefusesAnotherRevision", func(h *harness) {
		l := h.create(newLicense())
		h.update(l)
		for _, revision := range []int64{1, 3, -1} {
			h.fails("Delete with another revision than the stored one", h.store.Delete(h.ctx, l.ID, revision), license.ErrRevisionMismatch)
		}
		h.holds(l)
		if err := h.store.Delete(h.ctx, l.ID, l.Revision); err != nil {
			h.Fatalf("Delete with the stored revision failed: %v", err)
		}
		h.holds()
		h.fails("Delete of a license that is gone, with its revision", h.store.Delete(h.ctx, l.ID, l.Revision), license.ErrNotFound)
	}},
	{"ReportsAnUnknownID", func(h *harness) {
		l := h.create(newLicense())
		for _, revision := range []int64{0, 1} {
			h.fails("Delete of an unknown id", h.store.Delete(h.ctx, uuid.New(), revision), license.ErrNotFound)
			h.fails("Delete of the zero id", h.store.Delete(h.ctx, uuid.Nil, revision), license.ErrNotFound)
		}
		h.holds(l)
	}},
	{"FreesIDAndKey", func(h *harness) {
		l := h.create(newLicense())
		l = h.update(l)
		h.delete(l.ID)
		again := h.create(l)
		if again.Revision != 1 {
			h.Fatalf("a license made again under the id of a deleted one has Revision %d; want 1", again.Revision)
		}
		h.holds(again)
	}},
}
