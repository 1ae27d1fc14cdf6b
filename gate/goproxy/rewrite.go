package goproxy

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"github.com/privatepkgs/license/gate"
	"github.com/privatepkgs/license/internal/rawjson"
)

// Rewrite implements [gate.Adapter].
func (Adapter) Rewrite(res gate.Resource, doc *gate.Document, may gate.Filter) ([]byte, error) {
	switch res.Form {
	case list:
		return rewriteList(res, doc, may)
	case info:
		return rewriteInfo(res, doc, may)
	default:
		return nil, fmt.Errorf("goproxy: there is no form %q", res.Form)
	}
}

// rewriteList keeps the versions that are allowed and leaves out what is no version, as the go
// command does. A line may have the time of the version after it.
func rewriteList(res gate.Resource, doc *gate.Document, may gate.Filter) ([]byte, error) {
	kept := make([]byte, 0, len(doc.Body))
	asked := false
	for line := range bytes.Lines(doc.Body) {
		fields := strings.Fields(string(line))
		if len(fields) == 0 || !isVersion(res.Package, fields[0]) {
			continue
		}
		var releasedAt time.Time
		if len(fields) > 1 {
			releasedAt = parseTime(fields[1])
		}
		asked = true
		if may.Allows(fields[0], releasedAt) {
			kept = append(kept, fields[0]...)
			kept = append(kept, '\n')
		}
	}
	if asked && len(kept) == 0 {
		return nil, gate.ErrNoneAllowed
	}
	return kept, nil
}

// rewriteInfo judges the version that the answer is about: the path may have had a query.
func rewriteInfo(res gate.Resource, doc *gate.Document, may gate.Filter) ([]byte, error) {
	version, releasedAt, err := readInfo(doc.Body)
	switch {
	case err != nil:
		return nil, err
	case !isVersion(res.Package, version):
		return nil, fmt.Errorf("goproxy: the info has no version of %s but %q", res.Package, version)
	case res.Version != "" && res.Version != version:
		return nil, fmt.Errorf("goproxy: the info of %s is about %s", res.Version, version)
	case !may.Allows(version, releasedAt):
		return nil, gate.ErrNoneAllowed
	default:
		return doc.Body, nil
	}
}

// readInfo reads the version and its time. The go command matches names in any case and takes the
// last of several, so there must be one.
func readInfo(body []byte) (version string, releasedAt time.Time, err error) {
	var released string
	r := rawjson.NewReader(body)
	err = r.Object(func(name []byte, _ int) error {
		var into *string
		switch {
		case bytes.EqualFold(name, []byte("Version")):
			into = &version
		case bytes.EqualFold(name, []byte("Time")):
			into = &released
		}
		if into == nil || r.Peek() != '"' {
			_, err := r.Skip()
			return err
		}
		if *into != "" {
			return fmt.Errorf("goproxy: %s stands twice in the info", name)
		}
		text, err := r.String()
		*into = string(text)
		return err
	})
	if err != nil {
		return "", time.Time{}, err
	}
	return version, parseTime(released), r.End()
}

// parseTime returns the zero time, which means that nobody knows, for what is no time.
func parseTime(text string) time.Time {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}
	}
	return t
}
