package storetest

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/privatepkgs/license"
)

// contenders is how many goroutines race: enough for a race to show, and few enough for a
// store that takes its time with each write.
const contenders = 8

var raceTests = []test{
	{"CreateOneKey", func(h *harness) {
		for round := range rounds() {
			key := fmt.Sprintf("KEY-%d", round)
			licenses := make([]*license.License, contenders)
			for i := range licenses {
				licenses[i] = newLicense()
				licenses[i].Key, licenses[i].Name = key, strconv.Itoa(i)
			}
			winner := h.oneWins("Create with one key", license.ErrKeyExists, func(i int) error {
				return h.store.Create(h.ctx, licenses[i])
			})
			h.holds(licenses[winner])
			h.delete(licenses[winner].ID)
		}
	}},
	{"CreateOneID", func(h *harness) {
		for range rounds() {
			id := uuid.New()
			licenses := make([]*license.License, contenders)
			for i := range licenses {
				licenses[i] = newLicense()
				licenses[i].ID, licenses[i].Name = id, strconv.Itoa(i)
			}
			winner := h.oneWins("Create with one id", license.ErrIDExists, func(i int) error {
				return h.store.Create(h.ctx, licenses[i])
			})
			h.holds(licenses[winner])
			h.delete(id)
		}
	}},
	{"CreateDifferentLicenses", func(h *harness) {
		licenses := make([]*license.License, 4*contenders)
		for i, err := range race(len(licenses), func(i int) error {
			licenses[i] = newLicense()
			return h.store.Create(h.ctx, licenses[i])
		}) {
			if err != nil {
				h.Fatalf("Create number %d, beside others that have nothing to do with it, failed: %v", i, err)
			}
		}
		h.holds(licenses...)
	}},
	{"UpdateOneRevision", func(h *harness) {
		l := h.create(newLicense())
		for range rounds() {
			licenses := make([]*license.License, contenders)
			for i := range licenses {
				licenses[i] = l.Clone()
				licenses[i].Name = strconv.Itoa(i)
			}
			winner := h.oneWins("Update of one revision", license.ErrRevisionMismatch, func(i int) error {
				return h.store.Update(h.ctx, licenses[i])
			})
			if got, want := licenses[winner].Revision, l.Revision+1; got != want {
				h.Fatalf("the Update that won left Revision %d; want %d", got, want)
			}
			l = licenses[winner]
			h.holds(l)
		}
	}},
	{"UpdateToOneKey", func(h *harness) {
		licenses := make([]*license.License, contenders)
		for i := range licenses {
			licenses[i] = h.create(newLicense())
		}
		want := slices.Clone(licenses)
		changed := make([]*license.License, contenders)
		winner := h.oneWins("Update to one key", license.ErrKeyExists, func(i int) error {
			changed[i] = licenses[i].Clone()
			changed[i].Key = "WANTED"
			return h.store.Update(h.ctx, changed[i])
		})
		want[winner] = changed[winner]
		h.holds(want...)
	}},
	{"UpdateWithoutARevision", func(h *harness) {
		l := h.create(newLicense())
		licenses := make([]*license.License, 2*contenders)
		for i, err := range race(len(licenses), func(i int) error {
			licenses[i] = l.Clone()
			licenses[i].Name, licenses[i].Revision = strconv.Itoa(i), 0
			return h.store.Update(h.ctx, licenses[i])
		}) {
			if err != nil {
				h.Fatalf("unconditional Update number %d, beside others, failed: %v", i, err)
			}
		}
		slices.SortFunc(licenses, func(a, b *license.License) int { return int(a.Revision - b.Revision) })
		for i, l := range licenses {
			if want := int64(i + 2); l.Revision != want {
				h.Fatalf("%d unconditional Updates at once left a Revision %d where %d is due: every one must raise it by one", len(licenses), l.Revision, want)
			}
		}
		h.holds(licenses[len(licenses)-1])
	}},
	{"DeleteOneRevision", func(h *harness) {
		for range rounds() {
			l := h.create(newLicense())
			h.oneWins("Delete of one revision", license.ErrNotFound, func(int) error {
				return h.store.Delete(h.ctx, l.ID, l.Revision)
			})
			h.holds()
		}
	}},
	{"UpdateAndDeleteOneRevision", func(h *harness) {
		for range rounds() {
			l := h.create(newLicense())
			updated := l.Clone()
			updated.Name = "updated"
			errs := race(2, func(i int) error {
				if i == 0 {
					return h.store.Update(h.ctx, updated)
				}
				return h.store.Delete(h.ctx, l.ID, l.Revision)
			})
			switch {
			case errs[0] == nil && errors.Is(errs[1], license.ErrRevisionMismatch):
				h.holds(updated)
				h.delete(l.ID)
			case errs[1] == nil && errors.Is(errs[0], license.ErrNotFound):
				h.holds()
			default:
				h.Fatalf("Update and Delete of one revision at once: Update returned %v and Delete %v; want one to succeed, and the other to see it", errs[0], errs[1])
			}
		}
	}},
	{"ModifyLosesNothing", func(h *harness) {
		l := newLicense()
		l.Meta = json.RawMessage(`{"n":0}`)
		h.create(l)
		const each = 4
		for i, err := range race(contenders, func(int) error {
			for range each {
				if _, err := license.Modify(h.ctx, h.store, l.ID, increment); err != nil {
					return err
				}
			}
			return nil
		}) {
			if err != nil {
				h.Fatalf("license.Modify in goroutine %d failed: %v", i, err)
			}
		}
		got := h.get(l.ID)
		if want := fmt.Sprintf(`{"n":%d}`, contenders*each); string(got.Meta) != want {
			h.Fatalf("%d goroutines incremented a number in meta %d times each by license.Modify: it is %s, want %s: updates were lost", contenders, each, got.Meta, want)
		}
		if want := int64(contenders*each + 1); got.Revision != want {
			h.Fatalf("after %d changes the Revision is %d; want %d", want-1, got.Revision, want)
		}
	}},
	{"ReadersSeeNoHalfOfAnUpdate", func(h *harness) {
		l := h.create(newLicense())
		key, other := l.Key, h.create(newLicense())
		done := make(chan struct{})
		var writer sync.WaitGroup
		writer.Go(func() {
			defer close(done)
			for i := range 40 {
				l.Name = strconv.Itoa(i)
				l.Meta = json.RawMessage(fmt.Sprintf(`{"name":"%d"}`, i))
				l.Packages = []string{"toy", "toy-" + l.Name}
				if err := h.store.Update(h.ctx, l); err != nil {
					h.Errorf("Update beside readers failed: %v", err)
					return
				}
			}
		})
		defer writer.Wait()
		for i := 0; ; i++ {
			select {
			case <-done:
				return
			default:
			}
			var got *license.License
			switch i % 3 {
			case 0:
				got = h.get(other.ID)
				h.same("a license that nobody changes", other, got)
				continue
			case 1:
				got = h.getByKey(key)
			case 2:
				for _, listed := range h.list(license.Query{}).Licenses {
					if listed.Key == key {
						got = listed
					}
				}
				if got == nil {
					h.Fatal("List did not return a license that was being updated")
				}
			}
			if got.Revision == 1 {
				continue
			}
			name := strconv.FormatInt(got.Revision-2, 10)
			if got.Name != name || string(got.Meta) != `{"name":"`+name+`"}` || !slices.Equal(got.Packages, []string{"toy", "toy-" + name}) {
				h.Fatalf("a reader saw revision %d with the name %q, meta %s and packages %q: parts of two updates", got.Revision, got.Name, got.Meta, got.Packages)
			}
		}
	}},
	{"AnAcknowledgedWriteIsSeenAtOnce", func(h *harness) {
		for i, err := range race(contenders, func(int) error {
			for range 4 {
				l := newLicense()
				if err := h.store.Create(h.ctx, l); err != nil {
					return err
				}
				if _, err := h.store.GetByKey(h.ctx, l.Key); err != nil {
					return fmt.Errorf("reading by key right after Create: %w", err)
				}
				if err := h.store.Delete(h.ctx, l.ID, l.Revision); err != nil {
					return fmt.Errorf("deleting right after Create: %w", err)
				}
				if _, err := h.store.Get(h.ctx, l.ID); !errors.Is(err, license.ErrNotFound) {
					return fmt.Errorf("reading right after Delete: the error is %v, want one that wraps %w", err, license.ErrNotFound)
				}
			}
			return nil
		}) {
			if err != nil {
				h.Fatalf("goroutine %d: %v", i, err)
			}
		}
		h.holds()
	}},
}

func rounds() int {
	if testing.Short() {
		return 2
	}
	return 5
}

// race calls f in n goroutines at once, and returns their errors.
func race(n int, f func(i int) error) []error {
	errs := make([]error, n)
	ready := make(chan struct{})
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			<-ready
			errs[i] = f(i)
		})
	}
	close(ready)
	wg.Wait()
	return errs
}

// oneWins races and returns who succeeded: exactly one, while the others see lost.
func (h *harness) oneWins(what string, lost error, f func(i int) error) int {
	h.Helper()
	winner, winners := -1, 0
	for i, err := range race(contenders, f) {
		if err == nil {
			winner = i
			winners++
			continue
		}
		h.fails(what+", by several at once", err, lost)
	}
	if winners != 1 {
		h.Fatalf("%s, by %d at once: %d succeeded; want exactly one", what, contenders, winners)
	}
	return winner
}

// increment adds one to the number in meta.
func increment(l *license.License) error {
	var meta struct {
		N int `json:"n"`
	}
	if err := json.Unmarshal(l.Meta, &meta); err != nil {
		return err
	}
	l.Meta = json.RawMessage(fmt.Sprintf(`{"n":%d}`, meta.N+1))
	return nil
}
