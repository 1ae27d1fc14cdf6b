package pypi

import (
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/url"
	"path"
	"strings"
	"time"

	"github.com/privatepkgs/license/gate"
	"github.com/privatepkgs/license/internal/rawjson"
)

// yanked is the reason that a client may show beside a file which the license does not open.
const yanked = "your license does not cover this version"

// page is the page of a project.
type page struct {
	registry *url.URL // Adapter.Files, or nil
	base     *url.URL // what links are relative to
	rooted   bool     // base is a whole URL or path of the registry's own
	files    []file
	elements []element // of JSON: all of its files, those that are not recognised too
	versions []element // of JSON: its list of versions
}

// file is a wheel or source distribution on a page.
type file struct {
	name       string
	version    string
	path       string // escaped, at the upstream
	uploadedAt time.Time
	anchor     anchor // how it stands in HTML
	at         spans  // where it stands in JSON
}

// element is one of a JSON array.
type element struct {
	at      rawjson.Span
	keep    bool
	version string
}

// Rewrite implements [gate.Adapter]. What the upstream says in JSON is turned to HTML for a client
// that reads nothing else, as happens when the times of releases are needed.
func (a Adapter) Rewrite(res gate.Resource, doc *gate.Document, may gate.Filter) ([]byte, error) {
	p, err := a.readPage(res.Package, doc)
	if err != nil {
		return nil, err
	}
	allowed, err := p.judge(may)
	if err != nil {
		return nil, err
	}
	base := doc.Base + "/simple/" + res.Package + "/"
	if isJSON(doc) && res.Accept != acceptHTML {
		return p.writeJSON(doc.Body, base, allowed)
	}
	if isJSON(doc) {
		if err := p.makeAnchors(doc.Body); err != nil {
			return nil, err
		}
		doc.ContentType = "text/html; charset=utf-8"
	}
	return p.writeHTML(res.Package, base, allowed), nil
}

func isJSON(doc *gate.Document) bool {
	kind, _, _ := mime.ParseMediaType(doc.ContentType) // an error leaves it empty
	return kind == jsonType || kind == "application/json"
}

// readPage reads a page in whichever form it is.
func (a Adapter) readPage(project string, doc *gate.Document) (*page, error) {
	p := &page{base: &url.URL{Path: doc.Path}}
	if a.Files != "" {
		var err error
		if p.registry, err = url.Parse(a.Files); err != nil || p.registry.Host == "" {
			return nil, errors.New("pypi: Adapter.Files must be a URL like https://packages.acme.example/pypi")
		}
	}
	if isJSON(doc) {
		return p, p.readJSON(project, doc)
	}
	switch kind, _, _ := mime.ParseMediaType(doc.ContentType); kind {
	case htmlType, "text/html":
		return p, p.readHTML(project, doc)
	default:
		return nil, fmt.Errorf("pypi: %q is no form of a page", doc.ContentType)
	}
}

// judge asks about each version once, with the earliest time at which a file of it was
// uploaded, and returns the allowed ones in the form of Semver, in which two spellings are one.
func (p *page) judge(may gate.Filter) (allowed map[string]bool, err error) {
	type asked struct {
		version string
		at      time.Time
	}
	var order []string
	versions := make(map[string]asked)
	note := func(version string, at time.Time) {
		key := Adapter{}.Semver(version)
		v, ok := versions[key]
		if !ok {
			order = append(order, key)
			v = asked{version, at}
		}
		// A time that is not known leaves the others as they are.
		if v.at.IsZero() || !at.IsZero() && at.Before(v.at) {
			v.at = at
		}
		versions[key] = v
	}
	for _, f := range p.files {
		note(f.version, f.uploadedAt)
	}
	for _, e := range p.versions {
		note(e.version, time.Time{})
	}
	allowed = make(map[string]bool, len(order))
	for _, key := range order {
		if may.Allows(versions[key].version, versions[key].at) {
			allowed[key] = true
		}
	}
	if len(order) > 0 && len(allowed) == 0 {
		return nil, gate.ErrNoneAllowed
	}
	return allowed, nil
}

// isRooted reports whether a link says where at the registry it leads, whatever the page it stands on.
func isRooted(link *url.URL) bool { return link.Host != "" || strings.HasPrefix(link.Path, "/") }

// location splits the URL of a file into the escaped path and the name of the file, which is empty when
// the file is not at the registry.
func (p *page) location(text string) (filePath, name, fragment string, err error) {
	ref, err := url.Parse(text)
	if err != nil {
		return "", "", "", errors.New("pypi: the URL of a file does not parse")
	}
	whole := p.base.ResolveReference(ref)
	filePath = whole.EscapedPath()
	if p.registry != nil && (p.rooted || isRooted(ref)) {
		rest, ok := strings.CutPrefix(filePath, strings.TrimSuffix(p.registry.EscapedPath(), "/")+"/")
		if !ok || whole.Host != "" && !strings.EqualFold(whole.Host, p.registry.Host) {
			return "", "", "", nil
		}
		filePath = "/" + rest
	}
	return filePath, path.Base(whole.Path), whole.Fragment, nil
}

// spans are where the parts of a file stand in JSON.
type spans struct {
	whole, url, yanked rawjson.Span
}

func (p *page) readJSON(project string, doc *gate.Document) error {
	r := rawjson.NewReader(doc.Body)
	seen := make(map[string]bool)
	err := r.Object(func(name []byte, _ int) error {
		if seen[string(name)] {
			return duplicate(name)
		}
		seen[string(name)] = true
		switch string(name) {
		case "files":
			return r.Array(func() error { return p.readFile(r, project) })
		case "versions":
			return r.Array(func() error {
				r.Peek()
				from := r.Pos()
				text, err := r.String()
				p.versions = append(p.versions, element{at: rawjson.Span{From: from, To: r.Pos()}, version: string(text)})
				return err
			})
		default:
			_, err := r.Skip()
			return err
		}
	})
	if err != nil {
		return err
	}
	if !seen["files"] {
		return errors.New("pypi: the page has no files")
	}
	return r.End()
}

// duplicate refuses a name that stands twice: clients and the gate could mean different ones.
func duplicate(name []byte) error {
	return fmt.Errorf("pypi: %q stands twice in one object", name)
}

// readFile reads one file. It is only recognised when its name, and the end of its URL, say so.
func (p *page) readFile(r *rawjson.Reader, project string) error {
	r.Peek()
	f := file{at: spans{whole: rawjson.Span{From: r.Pos()}}}
	var link string
	seen := make(map[string]bool, 4)
	err := r.Object(func(name []byte, _ int) error {
		r.Peek()
		value := rawjson.Span{From: r.Pos()}
		var text []byte
		var err error
		switch string(name) {
		case "filename", "url", "upload-time", "yanked":
			if seen[string(name)] {
				return duplicate(name)
			}
			seen[string(name)] = true
			if r.Peek() == '"' {
				text, err = r.String()
				break
			}
			fallthrough
		default:
			_, err = r.Skip()
		}
		value.To = r.Pos()
		switch string(name) {
		case "filename":
			f.name = string(text)
		case "url":
			link, f.at.url = string(text), value
		case "upload-time":
			f.uploadedAt, _ = time.Parse(time.RFC3339, string(text)) // the zero time when it is none
		case "yanked":
			f.at.yanked = value
		}
		return err
	})
	if err != nil {
		return err
	}
	f.at.whole.To = r.Pos()
	var linked string
	if f.path, linked, _, err = p.location(link); err != nil {
		return err
	}
	f.version = versionOf(project, f.name)
	known := f.version != "" && linked == f.name
	p.elements = append(p.elements, element{at: f.at.whole, keep: known})
	if known {
		p.files = append(p.files, f)
	}
	return nil
}

func (p *page) writeJSON(body []byte, base string, allowed map[string]bool) ([]byte, error) {
	var edits rawjson.Edits
	edits.Grow(2*len(p.files) + len(p.versions))
	for _, f := range p.files {
		edits.Replace(f.at.url, rawjson.Quote(base+f.name))
		switch {
		case allowed[Adapter{}.Semver(f.version)]:
		case f.at.yanked.To > 0:
			edits.Replace(f.at.yanked, rawjson.Quote(yanked))
		default:
			start := f.at.whole.From + 1
			edits.Replace(rawjson.Span{From: start, To: start}, `"yanked":`+rawjson.Quote(yanked)+`,`)
		}
	}
	edits.Drop(len(p.elements),
		func(i int) rawjson.Span { return p.elements[i].at },
		func(i int) bool { return p.elements[i].keep })
	edits.Drop(len(p.versions),
		func(i int) rawjson.Span { return p.versions[i].at },
		func(i int) bool { return allowed[Adapter{}.Semver(p.versions[i].version)] })
	return edits.Apply(body)
}

// makeAnchors gives the files of a JSON page what stands with them in HTML.
func (p *page) makeAnchors(body []byte) error {
	for i := range p.files {
		var f struct {
			Hashes         map[string]string
			RequiresPython string `json:"requires-python"`
			Yanked         json.RawMessage
			CoreMetadata   json.RawMessage `json:"core-metadata"`
			DistInfo       json.RawMessage `json:"dist-info-metadata"`
		}
		if err := json.Unmarshal(p.files[i].at.whole.Of(body), &f); err != nil {
			return fmt.Errorf("pypi: a file on the page: %w", err)
		}
		a := &p.files[i].anchor
		for _, kind := range []string{"sha256", "sha512", "sha384", "sha1", "md5"} {
			if f.Hashes[kind] != "" {
				a.hash = kind + "=" + f.Hashes[kind]
				break
			}
		}
		if f.RequiresPython != "" {
			a.set("data-requires-python", f.RequiresPython)
		}
		if text := strings.TrimSpace(string(f.Yanked)); text != "" && text != "false" && text != "null" {
			var reason string
			_ = json.Unmarshal(f.Yanked, &reason) // true, without a reason
			a.set("data-yanked", reason)
		}
		a.setMetadata("data-core-metadata", f.CoreMetadata)
		a.setMetadata("data-dist-info-metadata", f.DistInfo)
	}
	return nil
}

// setMetadata turns what JSON says of the metadata file, true or its hashes, to HTML.
func (a *anchor) setMetadata(name string, value json.RawMessage) {
	var hashes map[string]string
	switch {
	case string(value) == "true":
		a.set(name, "true")
	case json.Unmarshal(value, &hashes) == nil && hashes["sha256"] != "":
		a.set(name, "sha256="+hashes["sha256"])
	}
}
