package npm

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/privatepkgs/license/gate"
	"github.com/privatepkgs/license/internal/rawjson"
)

// Rewrite implements [gate.Adapter]. A packument keeps its members as they are, but for the
// versions that are denied and dist-tags: a tag of a version that is denied goes, and latest
// moves to the newest allowed one, because pnpm and yarn 1 fail on a latest that is not
// there. Member time stays whole, because pnpm needs it for what is locked. Member
// policyRestrictions tells npm why versions are missing.
func (Adapter) Rewrite(res gate.Resource, doc *gate.Document, may gate.Filter) ([]byte, error) {
	switch res.Form {
	case packument, latest, distTags:
		return rewritePackument(res, doc, may)
	case manifest:
		return rewriteManifest(res, doc, may)
	case search:
		return rewriteSearch(doc, may)
	default:
		return nil, fmt.Errorf("npm: there is no form %q", res.Form)
	}
}

func rewritePackument(res gate.Resource, doc *gate.Document, may gate.Filter) ([]byte, error) {
	s := &scan{r: rawjson.NewReader(doc.Body)}
	if err := s.read(); err != nil {
		return nil, err
	}
	if err := s.judge(doc.Body, may); err != nil {
		return nil, err
	}
	switch res.Form {
	case latest:
		return s.latest(res, doc)
	case distTags:
		return []byte(tagsJSON(s.allowedTags())), nil
	default:
		return s.filter(res, doc, may)
	}
}

// rewriteManifest judges the version that the answer is about: the path may have had a tag.
func rewriteManifest(res gate.Resource, doc *gate.Document, may gate.Filter) ([]byte, error) {
	r := rawjson.NewReader(doc.Body)
	number, tarball, err := readManifest(r)
	if err != nil {
		return nil, err
	}
	if err := r.End(); err != nil {
		return nil, err
	}
	if !validVersion(number) {
		return nil, fmt.Errorf("npm: the manifest has no version but %q", number)
	}
	if !may.Allows(number, time.Time{}) {
		return nil, gate.ErrNoneAllowed
	}
	var edits rawjson.Edits
	redirect(&edits, doc.Body, tarball, tarballDir(res, doc), res.Package, number)
	return edits.Apply(doc.Body)
}

type tag struct {
	name    string
	version string
}

// readManifest reads the manifest of one version: its number, and where the URL of its
// tarball stands.
func readManifest(r *rawjson.Reader) (number string, tarball rawjson.Span, err error) {
	var hasDist, hasVersion bool
	err = r.Object(func(name []byte, _ int) error {
		switch {
		case string(name) == "dist" && hasDist, string(name) == "version" && hasVersion:
			return duplicate(name)
		case string(name) == "dist":
			hasDist = true
			var err error
			tarball, err = readDist(r)
			return err
		case string(name) == "version":
			hasVersion = true
			text, err := r.String()
			number = string(text)
			return err
		default:
			_, err := r.Skip()
			return err
		}
	})
	return number, tarball, err
}

func readDist(r *rawjson.Reader) (tarball rawjson.Span, err error) {
	err = r.Object(func(name []byte, _ int) error {
		if string(name) != "tarball" {
			_, err := r.Skip()
			return err
		}
		if tarball.To > 0 {
			return duplicate(name)
		}
		if r.Peek() != '"' {
			return errors.New("npm: the URL of a tarball is no string")
		}
		var err error
		tarball, err = r.Skip()
		return err
	})
	return tarball, err
}

func readTags(r *rawjson.Reader) (tags []tag, err error) {
	seen := make(map[string]bool)
	err = r.Object(func(name []byte, _ int) error {
		if seen[string(name)] {
			return duplicate(name)
		}
		t := tag{name: string(name)}
		seen[t.name] = true
		text, err := r.String()
		t.version = string(text)
		tags = append(tags, t)
		return err
	})
	return tags, err
}

// duplicate refuses a name that stands twice: clients and the gate could mean different ones.
func duplicate(name []byte) error {
	return fmt.Errorf("npm: %q stands twice in one object", name)
}

// tarballDir returns the directory at the gate that has the tarballs of a package, in quotes.
func tarballDir(res gate.Resource, doc *gate.Document) string {
	return rawjson.Quote(doc.Base + "/" + res.Package + "/-/")
}

// redirect turns the URL of a tarball to the gate. Dir is the directory there, in quotes.
// Where the name of the file is the usual one, or that after a repeated scope, only what
// stands before it is replaced, which costs no memory; any other name is made the usual one,
// for the gate must read the version from it.
func redirect(edits *rawjson.Edits, body []byte, tarball rawjson.Span, dir, pkg, number string) {
	if tarball.To == 0 {
		return
	}
	bare := pkg[strings.IndexByte(pkg, '/')+1:]
	url := tarball.Of(body)
	from := bytes.LastIndexByte(url, '/') + 1
	if !hasParts(url[from:], bare, "-", number, `.tgz"`) {
		edits.Replace(tarball, dir[:len(dir)-1]+bare+"-"+number+`.tgz"`)
		return
	}
	scope := pkg[:len(pkg)-len(bare)]
	if before, ok := bytes.CutSuffix(url[:from], []byte(scope)); ok && bytes.HasSuffix(before, []byte("/-/")) {
		from = len(before)
	}
	edits.Replace(rawjson.Span{From: tarball.From, To: tarball.From + from}, dir[:len(dir)-1])
}

// hasParts reports whether b is the parts one after the other.
func hasParts(b []byte, parts ...string) bool {
	for _, part := range parts {
		if len(b) < len(part) || string(b[:len(part)]) != part {
			return false
		}
		b = b[len(part):]
	}
	return len(b) == 0
}

func tagsJSON(tags []tag) string {
	var b strings.Builder
	b.WriteByte('{')
	for i, t := range tags {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(rawjson.Quote(t.name) + ":" + rawjson.Quote(t.version))
	}
	b.WriteByte('}')
	return b.String()
}
