package composer

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/privatepkgs/license/gate"
	"github.com/privatepkgs/license/internal/rawjson"
)

// metadata is what a metadata file says of one package.
type metadata struct {
	found    bool // false when the file does not name the package
	minified bool
	entries  []entry
	changes  []change // of all entries, one after the other
}

// entry is one version. Where the file is minified, its changes are the differences to the entry before.
type entry struct {
	from, to int // its changes
	details  details
}

// change is a member of an entry as it stands in the file.
type change struct {
	name  string
	value rawjson.Span
}

// details are the members of a version that matter to the gate, once all changes are applied.
type details struct {
	name       string
	version    string
	normalized string // empty where the file does not say
	releasedAt time.Time
	isMeta     bool // a package without files
	dist       dist
}

// dist is where the archive of a version is. The zero value is none that can be used.
type dist struct {
	kind, url, reference, shasum string
}

// minifiedForm is the value of the member minified, and unset what then stands in the place of the value
// of a member that is there no more.
const (
	minifiedForm = "composer/2.0"
	unset        = "__unset"
)

func readMetadata(pkg string, body []byte) (*metadata, error) {
	m := &metadata{}
	var hasPackages bool
	var minified rawjson.Span
	r := rawjson.NewReader(body)
	err := r.Object(func(name []byte, _ int) (err error) {
		switch string(name) {
		case "packages":
			hasPackages = true
			return m.readPackages(r, pkg)
		case "minified":
			minified, err = r.Skip()
			return err
		default:
			_, err = r.Skip()
			return err
		}
	})
	if err != nil {
		return nil, err
	}
	if err := r.End(); err != nil {
		return nil, err
	}
	if !hasPackages {
		return nil, errors.New("composer: the metadata has no packages")
	}
	if m.minified = minified.To > 0; m.minified && text(body, minified) != minifiedForm {
		return nil, fmt.Errorf("composer: the metadata is minified in an unknown way: %.40q", minified.Of(body))
	}
	return m, m.applyChanges(body)
}

func (m *metadata) readPackages(r *rawjson.Reader, pkg string) error {
	*m = metadata{}
	names := make(map[string]string) // so that each is in memory once
	return members(r, func(name []byte) error {
		if string(name) != pkg {
			_, err := r.Skip()
			return err
		}
		*m = metadata{found: true}
		return members(r, func([]byte) error {
			e := entry{from: len(m.changes)}
			err := members(r, func(name []byte) error {
				known, ok := names[string(name)]
				if !ok {
					known = string(name)
					names[known] = known
				}
				value, err := r.Skip()
				m.changes = append(m.changes, change{known, value})
				return err
			})
			e.to = len(m.changes)
			m.entries = append(m.entries, e)
			return err
		})
	})
}

// members calls f at the value of each member of an object, or each element of an array, which has no
// name: PHP takes one for the other.
func members(r *rawjson.Reader, f func(name []byte) error) error {
	if r.Peek() == '[' {
		return r.Array(func() error { return f(nil) })
	}
	return r.Object(func(name []byte, _ int) error { return f(name) })
}

// applyChanges works out the details of the entries.
func (m *metadata) applyChanges(body []byte) error {
	var d details
	for i := range m.entries {
		e := &m.entries[i]
		if !m.minified {
			d = details{}
		}
		for _, c := range m.changes[e.from:e.to] {
			if err := d.apply(c.name, m.value(body, c)); err != nil {
				return err
			}
		}
		e.details = d
	}
	return nil
}

// value returns the value of a change, and nil where it takes the member away.
func (m *metadata) value(body []byte, c change) []byte {
	const longest = len(`""`) + 6*len(unset) // with each character escaped
	value := c.value.Of(body)
	if m.minified && len(value) <= longest && value[0] == '"' && text(body, c.value) == unset {
		return nil
	}
	return value
}

// text returns the value of a string, and "" for what is none.
func text(body []byte, at rawjson.Span) string { return textOf(at.Of(body)) }

func textOf(value []byte) string {
	r := rawjson.NewReader(value)
	if r.Peek() != '"' {
		return ""
	}
	s, err := r.String()
	if err != nil {
		return ""
	}
	return string(s)
}

func (d *details) apply(name string, value []byte) error {
	switch name {
	case "name":
		d.name = textOf(value)
	case "version":
		d.version = textOf(value)
	case "version_normalized":
		d.normalized = textOf(value)
	case "time":
		d.releasedAt = parseTime(textOf(value))
	case "type":
		d.isMeta = strings.EqualFold(textOf(value), "metapackage")
	case "dist":
		d.dist = dist{}
		if len(value) > 0 && value[0] == '{' {
			return d.dist.read(value)
		}
	}
	return nil
}

func (d *dist) read(value []byte) error {
	r := rawjson.NewReader(value)
	return r.Object(func(name []byte, _ int) error {
		at, err := r.Skip()
		switch string(name) {
		case "type":
			d.kind = text(value, at)
		case "url":
			d.url = text(value, at)
		case "reference":
			d.reference = text(value, at)
		case "shasum":
			d.shasum = text(value, at)
		}
		return err
	})
}

// parseTime returns the zero time for what is none: then nobody knows.
func parseTime(text string) time.Time {
	for _, layout := range []string{time.RFC3339, time.DateTime} {
		if t, err := time.Parse(layout, text); err == nil {
			return t
		}
	}
	return time.Time{}
}

// shown reports whether a version of the file of this form may stand in a listing of pkg, if the license
// opens it: whether it is what it says, and clients can ask for it.
func (a Adapter) shown(pkg, form string, d details) bool {
	if lowerASCII(d.name) != pkg || !validVersion(d.version) || formOf(d.version) != form {
		return false
	}
	// Composer would go by the normalized version, and the gate goes by the version.
	if v, ok := parseVersion(d.version); ok && d.normalized != "" {
		if n, ok := parseVersion(d.normalized); !ok || !n.same(v) {
			return false
		}
	}
	if d.isMeta {
		return true
	}
	_, ok := a.path(d.dist)
	return ok
}

// path returns where the archive is at the registry, escaped.
func (a Adapter) path(d dist) (string, bool) {
	switch d.kind {
	case "zip", "tar", "gzip", "xz", "rar", "phar":
	default: // no archive: the name of the file would matter, or it is on the customer's own disk
		return "", false
	}
	link := d.url
	if a.Archives != "" {
		rest, ok := strings.CutPrefix(link, a.Archives+"/")
		if !ok {
			return "", false
		}
		link = "http://registry/" + rest
	}
	u, err := url.Parse(link)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.RawQuery != "" || len(u.Path) < 2 {
		return "", false
	}
	return u.EscapedPath(), true
}

// file returns the name that the archive has at the gate. It says which commit it is of, as clients
// take for the same what has the same URL.
func (d dist) file() string {
	name := cmp.Or(d.reference, d.shasum, "archive")
	if !validFile(name) || len(name) > 100 {
		sum := sha256.Sum256([]byte(name))
		name = hex.EncodeToString(sum[:20])
	}
	return name + "." + d.kind
}

// Locate implements [gate.Locator].
func (a Adapter) Locate(res gate.Resource, doc *gate.Document) (path string, err error) {
	m, err := readMetadata(res.Package, doc.Body)
	if err != nil {
		return "", err
	}
	for _, e := range m.entries {
		d := e.details
		if d.version == res.Version && !d.isMeta && d.dist.file() == res.Form && a.shown(res.Package, formOf(res.Version), d) {
			path, _ := a.path(d.dist)
			return path, nil
		}
	}
	return "", nil
}
