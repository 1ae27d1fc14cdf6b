package storetest

import (
	"encoding/json"

	"github.com/privatepkgs/license"
)

var copyTests = []test{
	{"ArgumentOfCreate", func(h *harness) {
		l := withMemory()
		want := h.create(l)
		scribble(l)
		h.holds(want)
	}},
	{"ArgumentOfUpdate", func(h *harness) {
		l := h.create(withMemory())
		want := h.update(l)
		scribble(l)
		h.holds(want)
	}},
	{"ResultOfGet", func(h *harness) {
		want := h.create(withMemory())
		scribble(h.get(want.ID))
		h.holds(want)
	}},
	{"ResultOfGetByKey", func(h *harness) {
		want := h.create(withMemory())
		scribble(h.getByKey(want.Key))
		h.holds(want)
	}},
	{"ResultOfList", func(h *harness) {
		want := h.create(withMemory())
		for _, q := range []license.Query{{}, {Package: want.Packages[0]}, {Until: want.CreatedAt}} {
			page := h.list(q)
			for _, l := range page.Licenses {
				scribble(l)
			}
			clear(page.Licenses)
		}
		h.holds(want)
	}},
	{"ResultsOfTwoCalls", func(h *harness) {
		want := h.create(withMemory())
		reads := map[string]func() *license.License{
			"Get":      func() *license.License { return h.get(want.ID) },
			"GetByKey": func() *license.License { return h.getByKey(want.Key) },
			"List":     func() *license.License { return h.list(license.Query{}).Licenses[0] },
		}
		for a, first := range reads {
			for b, second := range reads {
				kept := second()
				scribble(first())
				h.same("a license that "+b+" had returned, after one from "+a+" was changed,", want, kept)
			}
		}
	}},
}

// withMemory returns a license in which nothing that could be shared is empty.
func withMemory() *license.License {
	l := newLicense()
	l.Name = "original"
	l.Meta = json.RawMessage(`{"original":true}`)
	l.Packages = append(make([]string, 0, 8), "a", "b")
	return l
}

// scribble changes whatever l refers to.
func scribble(l *license.License) {
	for i := range l.Meta {
		l.Meta[i] = 'X'
	}
	for i := range l.Packages {
		l.Packages[i] = "scribbled"
	}
	_ = append(l.Packages, "scribbled")
	_ = append(l.Meta, 'X')
	*l = license.License{Name: "scribbled"}
}
