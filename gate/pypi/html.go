package pypi

import (
	"bytes"
	"errors"
	"fmt"
	"html"
	"net/url"
	"regexp"
	"strings"

	"github.com/privatepkgs/license/gate"
)

// anchor is what an HTML page says of a file besides its URL.
type anchor struct {
	hash       string // the fragment, like sha256=...
	attributes []attribute
}

func (a *anchor) set(name, value string) { a.attributes = append(a.attributes, attribute{name, value}) }

// kept are the attributes of an anchor that go on: those of PEP 503, 592, 658 and 714.
var kept = map[string]bool{
	"data-requires-python": true, "data-yanked": true, "data-core-metadata": true, "data-dist-info-metadata": true,
}

var hash = regexp.MustCompile(`^(sha256|sha512|sha384|sha224|sha1|md5)=[0-9a-f]+$`)

// readHTML takes the anchors of a page and nothing else.
func (p *page) readHTML(project string, doc *gate.Document) error {
	isPage := false
	err := tags(string(doc.Body), func(t tag) error {
		switch t.name {
		case "html", "body":
			isPage = true
		case "base":
			if ref, err := url.Parse(t.get("href")); err == nil {
				p.base, p.rooted = p.base.ResolveReference(ref), p.rooted || isRooted(ref)
			}
		case "a":
			isPage = true
			return p.readAnchor(t, project)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if !isPage {
		return errors.New("pypi: the page is no HTML")
	}
	return nil
}

func (p *page) readAnchor(t tag, project string) error {
	filePath, name, fragment, err := p.location(strings.TrimSpace(t.get("href")))
	if err != nil {
		return err
	}
	f := file{name: name, path: filePath, version: versionOf(project, name)}
	if f.version == "" {
		return nil
	}
	if hash.MatchString(fragment) {
		f.anchor.hash = fragment
	}
	seen := make(map[string]bool, 4)
	for _, a := range t.attributes {
		if kept[a.name] && !seen[a.name] {
			seen[a.name] = true
			f.anchor.attributes = append(f.anchor.attributes, a)
		}
	}
	p.files = append(p.files, f)
	return nil
}

// writeHTML makes a page anew, so that nothing stands on it but what was read.
func (p *page) writeHTML(project, base string, allowed map[string]bool) []byte {
	var b bytes.Buffer
	b.WriteString("<!DOCTYPE html>\n<html>\n<head>\n<meta name=\"pypi:repository-version\" content=\"1.0\">\n")
	fmt.Fprintf(&b, "<title>Links for %s</title>\n</head>\n<body>\n", html.EscapeString(project))
	for _, f := range p.files {
		link := base + f.name
		if f.anchor.hash != "" {
			link += "#" + f.anchor.hash
		}
		fmt.Fprintf(&b, `<a href="%s"`, html.EscapeString(link))
		open := allowed[Adapter{}.Semver(f.version)]
		for _, a := range f.anchor.attributes {
			if a.name != "data-yanked" || open {
				fmt.Fprintf(&b, ` %s="%s"`, a.name, html.EscapeString(a.value))
			}
		}
		if !open {
			fmt.Fprintf(&b, ` data-yanked="%s"`, yanked)
		}
		fmt.Fprintf(&b, ">%s</a><br>\n", html.EscapeString(f.name))
	}
	b.WriteString("</body>\n</html>\n")
	return b.Bytes()
}
