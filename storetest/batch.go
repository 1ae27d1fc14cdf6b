package storetest

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/privatepkgs/license"
)

// batchTests are skipped for a store that takes no batches.
var batchTests = []test{
	{"CreatesEveryLicense", func(h *harness) {
		old := h.create(newLicense())
		h.createBatch(nil)
		batch := newBatch(30)
		for i, l := range h.createBatch(batch) {
			if l != nil {
				h.Fatalf("CreateBatch says that license %d was in the way of a license with a new id and key: %s", i, l)
			}
		}
		h.holds(append(clones(batch), old)...)
	}},
	{"FillsWhatIsZeroAndKeepsTheRest", func(h *harness) {
		given := createdAt(3)
		given.ID, given.Key, given.UpdatedAt, given.Revision = uuid.UUID{15: 1}, "GIVEN", at(5), 42
		want := given.Clone()
		want.Revision, want.Meta = 1, []byte("{}")
		empty := newLicense()
		h.createBatch([]*license.License{given, empty})
		h.same("a license created in a batch with its own id, key and times", want, given)
		if now := millis(h.clock.now()); empty.ID == uuid.Nil || empty.Key == "" || !empty.CreatedAt.Equal(now) || empty.Revision != 1 {
			h.Fatalf("CreateBatch left a license as %s; want what is zero filled in as by Create", empty)
		}
		h.holds(given.Clone(), empty.Clone())
	}},
	{"ReturnsWhatIsInTheWayAndCreatesTheRest", func(h *harness) {
		first, second := h.create(createdAt(1)), h.create(createdAt(2))
		sameID, sameKey, mixed := createdAt(3), createdAt(4), createdAt(5)
		sameID.ID = first.ID
		sameKey.Key = second.Key
		mixed.ID, mixed.Key = first.ID, second.Key
		free := createdAt(6)
		taken := h.createBatch([]*license.License{sameID, sameKey, first.Clone(), free, mixed})
		h.takenBy("a license whose id is taken", first, taken[0])
		h.takenBy("a license whose key is taken", second, taken[1])
		h.takenBy("a license that is there already", first, taken[2])
		h.takenBy("a license that is new", nil, taken[3])
		h.takenBy("a license whose id and key are taken by different ones", first, taken[4])
		h.holds(first, second, free.Clone())
	}},
	{"IsAsIfCreatedOneAfterAnother", func(h *harness) {
		a, again, sameID, sameKey := createdAt(1), createdAt(1), createdAt(2), createdAt(3)
		a.ID, a.Key = uuid.UUID{15: 1}, "A"
		again.ID, again.Key = a.ID, a.Key
		sameID.ID = a.ID
		sameKey.Key = a.Key
		taken := h.createBatch([]*license.License{a, again, sameID, sameKey})
		h.takenBy("the first of several in one batch", nil, taken[0])
		h.takenBy("the same license twice in one batch", a, taken[1])
		h.takenBy("an id twice in one batch", a, taken[2])
		h.takenBy("a key twice in one batch", a, taken[3])
		h.holds(a.Clone())
	}},
	{"AgainCreatesNothing", func(h *harness) {
		batch := newBatch(30)
		h.createBatch(batch)
		for i, l := range h.createBatch(clones(batch)) {
			h.takenBy("a license of a batch that is created again", batch[i], l)
		}
		h.holds(clones(batch)...)
	}},
	{"ReportsAnInvalidLicenseAndStoresNothing", func(h *harness) {
		for pointer, spoil := range invalidFields {
			batch := newBatch(3)
			spoil(batch[1])
			taken, err := h.batches().CreateBatch(h.ctx, batch)
			h.invalid("CreateBatch with a bad "+pointer, err, "/1"+pointer)
			if taken != nil {
				h.Fatalf("CreateBatch with a bad %s returned both an answer and an error", pointer)
			}
		}
		h.holds()
	}},
	{"KeepsCopies", func(h *harness) {
		l := withMemory()
		h.createBatch([]*license.License{l})
		want := l.Clone()
		scribble(l)
		h.holds(want)
		scribble(h.createBatch([]*license.License{want.Clone()})[0])
		h.holds(want)
	}},
	{"DoneContextCreatesNothing", func(h *harness) {
		ctx, cancel := context.WithCancel(h.ctx)
		cancel()
		taken, err := h.batches().CreateBatch(ctx, newBatch(3))
		if taken != nil || !errors.Is(err, context.Canceled) || errors.Is(err, license.ErrUnknownOutcome) {
			h.Fatalf("CreateBatch with a context that was done before it began: %v, %v; want nothing but an error that wraps context.Canceled", taken, err)
		}
		h.holds()
	}},
	{"CutWhileWritingLeavesAllOrNothing", func(h *harness) {
		var all []*license.License
		for i := range 20 {
			batch := newBatch(20)
			ctx, cancel := context.WithTimeout(h.ctx, time.Duration(i)*100*time.Microsecond)
			_, err := h.batches().CreateBatch(ctx, batch)
			cancel()
			there := h.found(batch)
			if errors.Is(err, license.ErrUnknownOutcome) && there != 0 {
				there = h.found(batch) // it may have been committed between two of the reads
			}
			switch {
			case there != 0 && there != len(batch):
				h.Fatalf("a CreateBatch that was cut (%v) left %d licenses of %d", err, there, len(batch))
			case err == nil && there == 0:
				h.Fatal("a CreateBatch that succeeded, just before its context ended, left nothing")
			case err != nil && there > 0 && !errors.Is(err, license.ErrUnknownOutcome):
				h.Fatalf("a CreateBatch that was cut by its deadline failed with %q, and its licenses are there; such an error must wrap license.ErrUnknownOutcome", err)
			}
			h.createBatch(batch)
			all = append(all, batch...)
		}
		h.holds(clones(all)...)
	}},
}

// found returns how many of some licenses the store has.
func (h *harness) found(licenses []*license.License) (n int) {
	for _, l := range licenses {
		if _, err := h.store.Get(h.ctx, l.ID); err == nil {
			n++
		}
	}
	return n
}

// batches returns the store as one that takes batches, and skips the test if it is none.
func (h *harness) batches() license.BatchCreator {
	h.Helper()
	store, ok := h.store.(license.BatchCreator)
	if !ok {
		h.Skip("the store is no license.BatchCreator, and need not be one")
	}
	if _, err := store.CreateBatch(h.ctx, nil); errors.Is(err, errors.ErrUnsupported) {
		h.Skip("the store says that it takes no batches, and need not")
	}
	return store
}

func (h *harness) createBatch(batch []*license.License) (taken []*license.License) {
	h.Helper()
	taken, err := h.batches().CreateBatch(h.ctx, batch)
	if err != nil {
		h.Fatalf("CreateBatch of %d valid licenses failed: %v", len(batch), err)
	}
	if len(taken) != len(batch) {
		h.Fatalf("CreateBatch returned %d answers for %d licenses", len(taken), len(batch))
	}
	return taken
}

// takenBy checks what CreateBatch said stands in the way of a license.
func (h *harness) takenBy(what string, want, got *license.License) {
	h.Helper()
	switch {
	case want == nil && got != nil:
		h.Fatalf("CreateBatch says that license %s stands in the way of %s; nothing does", got.ID, what)
	case want != nil && got == nil:
		h.Fatalf("CreateBatch says that it created %s; license %s stands in its way", what, want.ID)
	case want != nil:
		h.same("what CreateBatch says stands in the way of "+what, want, got)
	}
}

// newBatch returns licenses with ids, keys and different times.
func newBatch(n int) []*license.License {
	batch := make([]*license.License, n)
	for i := range batch {
		batch[i] = createdAt(int64(i))
		batch[i].ID, batch[i].Key = uuid.New(), license.GenerateKey()
	}
	return batch
}

func clones(licenses []*license.License) []*license.License {
	copies := slices.Clone(licenses)
	for i, l := range copies {
		copies[i] = l.Clone()
	}
	return copies
}
