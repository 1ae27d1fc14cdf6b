package composer

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/privatepkgs/license"
	"github.com/privatepkgs/license/gate"
	"github.com/privatepkgs/license/internal/rawjson"
)

// Rewrite implements [gate.Adapter]. Both kinds of file are made anew, so that nothing stands in them
// but what was read; the members of a version are copied as they are.
func (a Adapter) Rewrite(res gate.Resource, doc *gate.Document, may gate.Filter) ([]byte, error) {
	switch res.Form {
	case root:
		return rewriteRoot(doc, may)
	case releases, branches:
		return a.rewriteMetadata(res, doc, may)
	default:
		return nil, fmt.Errorf("composer: there is no form %q", res.Form)
	}
}

// rewriteRoot has Composer ask the gate for metadata, and for that of no packages but the registry's.
// It names the packages that the license opens, and the vendors of all others: one that is asked for by its
// name is then denied in words, and no customer sees the names of what others have bought.
func rewriteRoot(doc *gate.Document, may gate.Filter) ([]byte, error) {
	var metadataURL, names, patterns rawjson.Span
	r := rawjson.NewReader(doc.Body)
	err := r.Object(func(name []byte, _ int) error {
		value, err := r.Skip()
		switch string(name) {
		case "metadata-url":
			metadataURL = value
		case "available-packages":
			names = value
		case "available-package-patterns":
			patterns = value
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := r.End(); err != nil {
		return nil, err
	}
	if text(doc.Body, metadataURL) == "" {
		return nil, errors.New("composer: packages.json has no metadata-url, so it is for Composer 1 alone")
	}
	var open, vendors []string
	err = eachText(doc.Body, names, func(name string) {
		name = lowerASCII(name)
		if !validName(name) {
			return
		}
		vendors = append(vendors, vendorOf(name))
		if _, code := may.Package(name); code == license.Valid || code == license.Expired {
			open = append(open, name)
		}
	})
	if err != nil {
		return nil, err
	}
	err = eachText(doc.Body, patterns, func(pattern string) {
		if pattern = lowerASCII(pattern); pattern != "" && madeOf(pattern, "._-*/") {
			vendors = append(vendors, vendorOf(pattern))
		}
	})
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	b.WriteString(`{"packages":[],"metadata-url":` + rawjson.Quote(doc.Base+"/p2/%package%.json"))
	writeTexts(&b, "available-packages", open)
	writeTexts(&b, "available-package-patterns", vendors)
	b.WriteByte('}')
	return b.Bytes(), nil
}

// vendorOf returns the pattern of all packages of a vendor.
func vendorOf(name string) string {
	vendor, _, ok := strings.Cut(name, "/")
	if !ok {
		return vendor
	}
	return vendor + "/*"
}

// eachText calls f for each string of a list, which may be absent.
func eachText(body []byte, list rawjson.Span, f func(string)) error {
	if list.To == 0 || body[list.From] != '[' && body[list.From] != '{' {
		return nil
	}
	r := rawjson.NewReader(list.Of(body))
	return members(r, func([]byte) error {
		value, err := r.Skip()
		f(text(list.Of(body), value))
		return err
	})
}

// writeTexts writes a member that is a list, sorted, unless it is empty: Composer takes an empty one for none.
func writeTexts(b *bytes.Buffer, name string, texts []string) {
	slices.Sort(texts)
	texts = slices.Compact(texts)
	if len(texts) == 0 {
		return
	}
	b.WriteString(`,` + rawjson.Quote(name) + `:[`)
	for i, t := range texts {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(rawjson.Quote(t))
	}
	b.WriteByte(']')
}

func (a Adapter) rewriteMetadata(res gate.Resource, doc *gate.Document, may gate.Filter) ([]byte, error) {
	m, err := readMetadata(res.Package, doc.Body)
	if err != nil {
		return nil, err
	}
	if !m.found { // so that a client may look elsewhere
		return []byte(`{"packages":[]}`), nil
	}
	m.keep(func(d details) bool { return a.shown(res.Package, res.Form, d) })
	allowed := m.judge(may)
	info := ""
	if res.Form == branches {
		info = may.Denied()
	} else if len(m.entries) > 0 && len(allowed) == 0 {
		return nil, gate.ErrNoneAllowed
	}
	m.keep(func(d details) bool { return allowed[d.version] })
	return m.write(doc.Body, res.Package, doc.Base+archives+res.Package+"/", info), nil
}

// keep leaves out the entries of which which says false. Where the file is minified, their changes go to the next
// that stays.
func (m *metadata) keep(which func(details) bool) {
	kept := m.entries[:0]
	to := 0 // of the last that stays
	for _, e := range m.entries {
		if !which(e.details) {
			continue
		}
		if m.minified {
			e.from = to
		}
		to = e.to
		kept = append(kept, e)
	}
	m.entries = kept
}

// judge asks about each version once, with the earliest of its times, and returns the allowed ones. Two
// spellings are one version. The first of a file, which is the newest in most, is the last that is asked
// about, for the denial may be about that one.
func (m *metadata) judge(may gate.Filter) (allowed map[string]bool) {
	keys := make([]string, len(m.entries))
	times := make(map[string]time.Time, len(m.entries))
	for i, e := range m.entries {
		keys[i] = Adapter{}.Semver(e.details.version)
		at, ok := times[keys[i]]
		// A time that is not known leaves the others as they are.
		if !ok || at.IsZero() || !e.details.releasedAt.IsZero() && e.details.releasedAt.Before(at) {
			times[keys[i]] = e.details.releasedAt
		}
	}
	allowed = make(map[string]bool, len(m.entries))
	answers := make(map[string]bool, len(m.entries))
	for i, e := range slices.Backward(m.entries) {
		answer, ok := answers[keys[i]]
		if !ok {
			answer = may.Allows(e.details.version, times[keys[i]])
			answers[keys[i]] = answer
		}
		if answer {
			allowed[e.details.version] = true
		}
	}
	return allowed
}

// dropped are the members of a version that lead past the gate. The archive is added anew.
var dropped = map[string]bool{"source": true, "notification-url": true, "dist": true}

// writer writes a metadata file.
type writer struct {
	bytes.Buffer
	m     *metadata
	body  []byte          // of the registry's
	base  string          // below which archives are
	known map[string]bool // the members that the entry before has, where the file is minified
	last  map[string]int  // where the last change of a member of this entry is
}

// write returns a file with the entries, minified if it was. Archives are below base. Composer prints the info,
// unless it is empty.
func (m *metadata) write(body []byte, pkg, base, info string) []byte {
	w := &writer{m: m, body: body, base: base, known: make(map[string]bool), last: make(map[string]int)}
	w.Grow(w.bound())
	w.WriteString(`{"packages":{` + rawjson.Quote(pkg) + `:[`)
	for i, e := range m.entries {
		if i > 0 {
			w.WriteByte(',')
		}
		w.WriteByte('{')
		if !m.minified {
			clear(w.known)
		}
		w.members(e)
		w.dist(e.details)
		w.WriteByte('}')
	}
	w.WriteString(`]}`)
	if m.minified {
		w.WriteString(`,"minified":"` + minifiedForm + `"`)
	}
	if info != "" {
		w.WriteString(`,"info":` + rawjson.Quote(strings.ToValidUTF8(info, "\ufffd")))
	}
	w.WriteByte('}')
	return w.Bytes()
}

// bound returns about how many bytes will be written, rather more than less.
func (w *writer) bound() int {
	n := 200
	for _, e := range w.m.entries {
		d := e.details
		n += 100 + len(w.base) + len(d.version) + 2*len(d.dist.reference) + 2*len(d.dist.shasum)
		for _, c := range w.m.changes[e.from:e.to] {
			if !dropped[c.name] {
				n += len(`"":,`) + len(c.name) + c.value.To - c.value.From
			}
		}
	}
	return n
}

// members writes the members of an entry but the archive. Of a member that was changed more than once on
// the way from the entry before, the last change counts.
func (w *writer) members(e entry) {
	changes := w.m.changes[e.from:e.to]
	clear(w.last)
	for i, c := range changes {
		w.last[c.name] = i
	}
	for i, c := range changes {
		if w.last[c.name] != i || dropped[c.name] {
			continue
		}
		if value := w.m.value(w.body, c); value != nil {
			w.member(c.name)
			w.Write(value)
		} else {
			w.remove(c.name)
		}
	}
}

// dist writes where the gate has the archive, or that there is none.
func (w *writer) dist(d details) {
	if d.isMeta {
		w.remove("dist")
		return
	}
	w.member("dist")
	w.WriteString(`{"type":` + rawjson.Quote(d.dist.kind) + `,"url":` + rawjson.Quote(w.base+d.version+"/"+d.dist.file()))
	if d.dist.reference != "" {
		w.WriteString(`,"reference":` + rawjson.Quote(d.dist.reference))
	}
	if d.dist.shasum != "" {
		w.WriteString(`,"shasum":` + rawjson.Quote(d.dist.shasum))
	}
	w.WriteByte('}')
}

// member begins a member, whose value follows.
func (w *writer) member(name string) {
	if w.Bytes()[w.Len()-1] != '{' {
		w.WriteByte(',')
	}
	w.WriteString(rawjson.Quote(name) + ":")
	w.known[name] = true
}

// remove takes a member away, if there is one.
func (w *writer) remove(name string) {
	if w.known[name] {
		w.member(name)
		w.WriteString(`"` + unset + `"`)
		delete(w.known, name)
	}
}
