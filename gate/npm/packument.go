package npm

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/Masterminds/semver/v3"

	"github.com/privatepkgs/license/gate"
	"github.com/privatepkgs/license/internal/rawjson"
)

// scan is where the parts of a packument stand that a filter is about. One walk over the
// text finds them all, for dist-tags and time can stand before versions or after.
type scan struct {
	r        *rawjson.Reader
	members  []member // of the packument
	tagsAt   rawjson.Span
	tags     []tag
	timesAt  rawjson.Span
	versions []version
	index    map[string]int // of versions, by number

	allowed, denied int // how many versions are
}

type member struct {
	at   rawjson.Span
	keep bool
}

type version struct {
	number     string
	from       int          // where the member begins
	manifest   rawjson.Span // its value
	tarball    rawjson.Span // the URL, in quotes; zero when there is none
	releasedAt time.Time
	valid      bool // whether a client would take it for a version
	allowed    bool
}

func (s *scan) read() error {
	seen := make(map[string]bool)
	err := s.r.Object(func(name []byte, from int) error {
		if seen[string(name)] {
			return duplicate(name)
		}
		seen[string(name)] = true
		s.r.Peek()
		value := rawjson.Span{From: s.r.Pos()}
		var err error
		switch string(name) {
		case "versions":
			err = s.readVersions()
		case "dist-tags":
			s.tags, err = readTags(s.r)
		default:
			_, err = s.r.Skip()
		}
		value.To = s.r.Pos()
		keep := true
		switch string(name) {
		case "dist-tags":
			s.tagsAt = value
		case "time":
			s.timesAt = value
		case "_attachments", // the files themselves, in the form of CouchDB
			"stagedVersions", "policyRestrictions": // versions that npm takes from elsewhere than versions
			keep = false
		}
		s.members = append(s.members, member{rawjson.Span{From: from, To: value.To}, keep})
		return err
	})
	if err != nil {
		return err
	}
	if !seen["versions"] {
		return errors.New("npm: the packument has no versions")
	}
	return s.r.End()
}

func (s *scan) readVersions() error {
	s.index = make(map[string]int)
	return s.r.Object(func(name []byte, from int) error {
		if _, ok := s.index[string(name)]; ok {
			return duplicate(name)
		}
		v := version{number: string(name)}
		s.r.Peek()
		v.manifest.From = s.r.Pos()
		number, tarball, err := readManifest(s.r)
		v.valid = validVersion(v.number) && (number == "" || number == v.number)
		v.manifest.To = s.r.Pos()
		v.tarball, v.from = tarball, from
		s.index[v.number] = len(s.versions)
		if len(s.versions) == cap(s.versions) {
			s.versions = slices.Grow(s.versions, max(64, len(s.versions)))
		}
		s.versions = append(s.versions, v)
		return err
	})
}

// readTimes goes over member time again, once the versions are known.
func (s *scan) readTimes(body []byte) error {
	r := rawjson.NewReader(s.timesAt.Of(body))
	if r.Peek() != '{' { // absent, or null
		return nil
	}
	return r.Object(func(name []byte, _ int) error {
		i, ok := s.index[string(name)]
		if !ok || r.Peek() != '"' {
			_, err := r.Skip()
			return err
		}
		text, err := r.String()
		if err != nil {
			return err
		}
		v := &s.versions[i]
		// Where it stands twice the later one counts; where it is no time, nobody knows.
		if t, err := time.Parse(time.RFC3339, string(text)); err == nil && t.After(v.releasedAt) {
			v.releasedAt = t
		}
		return nil
	})
}

// judge asks about each version.
func (s *scan) judge(body []byte, may gate.Filter) error {
	if err := s.readTimes(body); err != nil {
		return err
	}
	for i := range s.versions {
		v := &s.versions[i]
		if !v.valid {
			continue
		}
		if v.allowed = may.Allows(v.number, v.releasedAt); v.allowed {
			s.allowed++
		} else {
			s.denied++
		}
	}
	if s.denied > 0 && s.allowed == 0 {
		return gate.ErrNoneAllowed
	}
	return nil
}

func (s *scan) filter(res gate.Resource, doc *gate.Document, may gate.Filter) ([]byte, error) {
	var edits rawjson.Edits
	edits.Grow(2*s.allowed + len(s.members))
	dir := tarballDir(res, doc)
	for _, v := range s.versions {
		if v.allowed {
			redirect(&edits, doc.Body, v.tarball, dir, res.Package, v.number)
		}
	}
	edits.Drop(len(s.versions),
		func(i int) rawjson.Span { return rawjson.Span{From: s.versions[i].from, To: s.versions[i].manifest.To} },
		func(i int) bool { return s.versions[i].allowed })
	edits.Drop(len(s.members),
		func(i int) rawjson.Span { return s.members[i].at },
		func(i int) bool { return s.members[i].keep })
	start := rawjson.Span{From: s.members[0].at.From, To: s.members[0].at.From}
	if tags := tagsJSON(s.allowedTags()); s.tagsAt.To > 0 {
		edits.Replace(s.tagsAt, tags)
	} else {
		edits.Replace(start, `"dist-tags":`+tags+`,`)
	}
	if s.denied > 0 {
		edits.Replace(start, `"policyRestrictions":`+s.restrictions(may.Denied())+`,`)
	}
	return edits.Apply(doc.Body)
}

// latest returns the manifest of the version that is the latest of those allowed.
func (s *scan) latest(res gate.Resource, doc *gate.Document) ([]byte, error) {
	for _, t := range s.allowedTags() {
		if t.name != "latest" {
			continue
		}
		v := s.versions[s.index[t.version]]
		body, tarball := v.manifest.Of(doc.Body), v.tarball
		if tarball.To > 0 {
			tarball.From -= v.manifest.From
			tarball.To -= v.manifest.From
		}
		var edits rawjson.Edits
		redirect(&edits, body, tarball, tarballDir(res, doc), res.Package, v.number)
		return edits.Apply(body)
	}
	return nil, errors.New("npm: the packument has no version that is the latest")
}

// restrictions returns the denied versions in the form in which npm looks for one that is
// asked for by number and is not among versions: then it shows the message. Nothing else of
// the versions is there, and no other client reads it.
func (s *scan) restrictions(message string) string {
	b := make([]byte, 0, 64+len(message)+s.denied*48)
	b = append(b, `{"message":`+rawjson.Quote(strings.ToValidUTF8(message, "\ufffd"))+`,"versions":`...)
	separator := byte('{')
	for _, v := range s.versions {
		if v.valid && !v.allowed {
			b = append(b, separator, '"')
			b = append(b, v.number...)
			b = append(b, `":{"version":"`...)
			b = append(b, v.number...)
			b = append(b, `"}`...)
			separator = ','
		}
	}
	return string(append(b, "}}"...))
}

// allowedTags returns the tags of allowed versions, and latest in any case.
func (s *scan) allowedTags() []tag {
	var tags []tag
	latest := false
	for _, t := range s.tags {
		if i, ok := s.index[t.version]; ok && s.versions[i].allowed {
			tags = append(tags, t)
			latest = latest || t.name == "latest"
		}
	}
	if latest {
		return tags
	}
	if number := s.newest(); number != "" {
		tags = append(tags, tag{"latest", number})
	}
	return tags
}

// newest returns the newest release that is allowed, or the newest prerelease where no
// release is.
func (s *scan) newest() string {
	var best *semver.Version
	for _, v := range s.versions {
		if !v.allowed {
			continue
		}
		parsed, err := semver.StrictNewVersion(v.number)
		if err == nil && (best == nil || newer(parsed, best)) {
			best = parsed
		}
	}
	if best == nil {
		return ""
	}
	return best.Original()
}

func newer(a, b *semver.Version) bool {
	if release := a.Prerelease() == ""; release != (b.Prerelease() == "") {
		return release
	}
	return a.GreaterThan(b)
}
