package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/privatepkgs/license"
)

// harness is what one test works with: a fresh store and its clock.
type harness struct {
	testing.TB
	ctx   context.Context
	store license.Store
	clock *clock
}

func newHarness(tb testing.TB, newStore func(tb testing.TB, now func() time.Time) license.Store) *harness {
	tb.Helper()
	c := new(clock)
	c.set(start)
	store := newStore(tb, c.now)
	if store == nil {
		tb.Fatal("newStore returned no store")
	}
	return &harness{TB: tb, ctx: tb.Context(), store: store, clock: c}
}

// start is finer than a millisecond and in a zone of its own, neither of which a store keeps.
var start = time.Date(2026, time.March, 1, 12, 0, 0, 123_456_789, time.FixedZone("", 19800))

// at returns a time in whole milliseconds, before and after which there is room.
func at(ms int64) time.Time { return time.UnixMilli(1_700_000_000_000 + ms).UTC() }

// clock stands still until it is set, and may be read by many goroutines.
type clock struct{ t atomic.Pointer[time.Time] }

func (c *clock) now() time.Time          { return *c.t.Load() }
func (c *clock) set(t time.Time)         { c.t.Store(&t) }
func (c *clock) advance(d time.Duration) { c.set(c.now().Add(d)) }

// millis is t as a store keeps it.
func millis(t time.Time) time.Time { return time.UnixMilli(t.UnixMilli()).UTC() }

// newLicense returns a small valid license that has neither id, key nor times.
func newLicense() *license.License {
	return &license.License{Constraint: license.NoConstraint(), Packages: []string{"toy"}}
}

// createdAt returns a license as newLicense does, created at(ms).
func createdAt(ms int64) *license.License {
	l := newLicense()
	l.CreatedAt = at(ms)
	return l
}

// create creates l and returns a copy of it as Create left it.
func (h *harness) create(l *license.License) *license.License {
	h.Helper()
	if err := h.store.Create(h.ctx, l); err != nil {
		h.Fatalf("Create of a valid license with a new id and key failed: %v", err)
	}
	return l.Clone()
}

// update updates l and returns a copy of it as Update left it.
func (h *harness) update(l *license.License) *license.License {
	h.Helper()
	if err := h.store.Update(h.ctx, l); err != nil {
		h.Fatalf("Update of license %s failed: %v", l.ID, err)
	}
	return l.Clone()
}

func (h *harness) delete(id uuid.UUID) {
	h.Helper()
	if err := h.store.Delete(h.ctx, id, 0); err != nil {
		h.Fatalf("Delete of license %s without a revision failed: %v", id, err)
	}
}

func (h *harness) get(id uuid.UUID) *license.License {
	h.Helper()
	l, err := h.store.Get(h.ctx, id)
	if err != nil {
		h.Fatalf("Get of license %s failed: %v", id, err)
	}
	if l == nil {
		h.Fatalf("Get of license %s returned neither a license nor an error", id)
	}
	return l
}

func (h *harness) getByKey(key string) *license.License {
	h.Helper()
	l, err := h.store.GetByKey(h.ctx, key)
	if err != nil {
		h.Fatalf("GetByKey(%q) failed: %v", key, err)
	}
	if l == nil {
		h.Fatalf("GetByKey(%q) returned neither a license nor an error", key)
	}
	return l
}

func (h *harness) list(q license.Query) *license.Page {
	h.Helper()
	p, err := h.store.List(h.ctx, q)
	if err != nil {
		h.Fatalf("List(%s) failed: %v", describe(q), err)
	}
	if p == nil {
		h.Fatalf("List(%s) returned neither a page nor an error", describe(q))
	}
	return p
}

// holds checks that the store holds exactly these licenses, however one looks at it.
func (h *harness) holds(want ...*license.License) {
	h.Helper()
	want = slices.Clone(want)
	slices.SortFunc(want, inOrder)
	packages := map[string]bool{}
	for _, w := range want {
		h.same(fmt.Sprintf("Get(%s)", w.ID), w, h.get(w.ID))
		h.same(fmt.Sprintf("GetByKey(%q)", w.Key), w, h.getByKey(w.Key))
		for _, p := range w.Packages[:min(len(w.Packages), 10)] {
			packages[p] = true
		}
	}
	h.lists(license.Query{Limit: license.MaxLimit}, want)
	for _, suspended := range []bool{false, true} {
		h.lists(license.Query{Limit: license.MaxLimit, Suspended: &suspended}, want)
	}
	for p := range packages {
		h.lists(license.Query{Limit: license.MaxLimit, Package: p}, want)
	}
}

// lists checks that List returns all of these licenses that the filters of q select.
func (h *harness) lists(q license.Query, all []*license.License) {
	h.Helper()
	want, got := slices.DeleteFunc(slices.Clone(all), func(l *license.License) bool { return !selects(q, l) }), h.list(q).Licenses
	if len(want) != len(got) {
		h.Fatalf("List(%s) returned %d licenses, want %d:\n got %s\nwant %s",
			describe(q), len(got), len(want), ids(got), ids(want))
	}
	for i := range want {
		h.same(fmt.Sprintf("List(%s), license %d", describe(q), i), want[i], got[i])
	}
}

// lacks checks that the store has no license with this id, nor with this key.
func (h *harness) lacks(id uuid.UUID, key string) {
	h.Helper()
	_, err := h.store.Get(h.ctx, id)
	h.fails(fmt.Sprintf("Get(%s) of a license that must not be there", id), err, license.ErrNotFound)
	_, err = h.store.GetByKey(h.ctx, key)
	h.fails(fmt.Sprintf("GetByKey(%q) of a license that must not be there", key), err, license.ErrNotFound)
}

var sentinels = []error{
	license.ErrNotFound, license.ErrKeyExists, license.ErrIDExists, license.ErrRevisionMismatch,
	license.ErrUnknownOutcome, license.ErrUnavailable,
}

// fails checks that err wraps want and no other error of the contract.
func (h *harness) fails(what string, err, want error) {
	h.Helper()
	if err == nil {
		h.Fatalf("%s succeeded; want an error that wraps %q", what, want)
	}
	if !errors.Is(err, want) {
		h.Fatalf("%s: the error is %q; want one that wraps %q", what, err, want)
	}
	for _, other := range sentinels {
		if other != want && errors.Is(err, other) {
			h.Fatalf("%s: the error %q wraps %q, and must not wrap %q as well", what, err, want, other)
		}
	}
}

// invalid checks that err is a *license.ValidationError which names this pointer.
func (h *harness) invalid(what string, err error, pointer string) {
	h.Helper()
	var v *license.ValidationError
	if !errors.As(err, &v) {
		h.Fatalf("%s: the error is %v; want a *license.ValidationError for %s", what, err, pointer)
	}
	if !slices.ContainsFunc(v.Problems, func(p license.Problem) bool { return p.Pointer == pointer }) {
		h.Fatalf("%s: the error is %v; want a problem with the pointer %s", what, err, pointer)
	}
}

// same checks that two licenses are equal in every field.
func (h *harness) same(what string, want, got *license.License) {
	h.Helper()
	if d := diff(want, got); d != "" {
		h.Fatalf("%s is not what was stored:%s", what, d)
	}
}

// diff returns a line for each field that differs.
func diff(want, got *license.License) string {
	if got == nil {
		return "\n\tit is nil"
	}
	var b strings.Builder
	field := func(name string, equal bool, want, got any) {
		if !equal {
			fmt.Fprintf(&b, "\n\t%-10s is %s\n\t%-10s want %s", name, shorten(got), "", shorten(want))
		}
	}
	field("ID", want.ID == got.ID, want.ID, got.ID)
	field("Name", want.Name == got.Name, want.Name, got.Name)
	field("Key", want.Key == got.Key, want.Key, got.Key)
	wantConstraint, gotConstraint := string(want.Constraint.AppendJSON(nil)), string(got.Constraint.AppendJSON(nil))
	field("Constraint", wantConstraint == gotConstraint, wantConstraint, gotConstraint)
	field("Suspended", want.Suspended == got.Suspended, want.Suspended, got.Suspended)
	field("Meta", bytes.Equal(want.Meta, got.Meta), string(want.Meta), string(got.Meta))
	field("Packages", slices.Equal(want.Packages, got.Packages), want.Packages, got.Packages)
	field("CreatedAt", want.CreatedAt.Equal(got.CreatedAt), want.CreatedAt, got.CreatedAt)
	field("UpdatedAt", want.UpdatedAt.Equal(got.UpdatedAt), want.UpdatedAt, got.UpdatedAt)
	field("Revision", want.Revision == got.Revision, want.Revision, got.Revision)
	return b.String()
}

func shorten(v any) string {
	s := fmt.Sprintf("%+q", fmt.Sprint(v))
	const most = 300
	if len(s) > most {
		return fmt.Sprintf("%s... (%d bytes)", s[:most], len(s))
	}
	return s
}

// inOrder compares two licenses as a listing orders them.
func inOrder(a, b *license.License) int {
	if c := a.CreatedAt.Compare(b.CreatedAt); c != 0 {
		return c
	}
	return bytes.Compare(a.ID[:], b.ID[:])
}

// selects reports whether l passes the filters of q.
func selects(q license.Query, l *license.License) bool {
	return (q.Package == "" || slices.Contains(l.Packages, q.Package)) &&
		(q.Suspended == nil || *q.Suspended == l.Suspended)
}

// describe writes a query as short as it can; times are milliseconds after at(0).
func describe(q license.Query) string {
	var parts []string
	add := func(format string, v any) { parts = append(parts, fmt.Sprintf(format, v)) }
	if !q.Since.IsZero() {
		add("since=%s", describeTime(q.Since))
	}
	if !q.Until.IsZero() {
		add("until=%s", describeTime(q.Until))
	}
	if q.Limit != 0 {
		add("limit=%d", q.Limit)
	}
	if q.Package != "" {
		add("package=%q", q.Package)
	}
	if q.Suspended != nil {
		add("suspended=%t", *q.Suspended)
	}
	return strings.Join(parts, " ")
}

func describeTime(t time.Time) string {
	if t.IsZero() {
		return "null"
	}
	return fmt.Sprint(t.Sub(at(0)))
}

// ids lists at most a few licenses, each with its time after at(0).
func ids(licenses []*license.License) string {
	var b strings.Builder
	b.WriteByte('[')
	for i, l := range licenses {
		if i == 20 {
			fmt.Fprintf(&b, " ... %d in all", len(licenses))
			break
		}
		if i > 0 {
			b.WriteByte(' ')
		}
		fmt.Fprintf(&b, "%s@%s", l.ID, describeTime(l.CreatedAt))
	}
	return b.String() + "]"
}
