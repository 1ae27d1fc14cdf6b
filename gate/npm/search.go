package npm

import (
	"errors"
	"strconv"
	"time"

	"github.com/privatepkgs/license"
	"github.com/privatepkgs/license/gate"
	"github.com/privatepkgs/license/internal/rawjson"
)

// rewriteSearch leaves the packages that the license covers, and where the registry says of
// which version it tells, as most do, those of an allowed one.
func rewriteSearch(doc *gate.Document, may gate.Filter) ([]byte, error) {
	r := rawjson.NewReader(doc.Body)
	var found []member
	var total rawjson.Span
	seen := make(map[string]bool)
	err := r.Object(func(name []byte, _ int) error {
		if seen[string(name)] {
			return duplicate(name)
		}
		seen[string(name)] = true
		var err error
		switch string(name) {
		case "objects":
			return r.Array(func() error {
				r.Peek()
				from := r.Pos()
				keep, err := readFound(r, may)
				found = append(found, member{rawjson.Span{From: from, To: r.Pos()}, keep})
				return err
			})
		case "total":
			total, err = r.Skip()
		default:
			_, err = r.Skip()
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if !seen["objects"] {
		return nil, errors.New("npm: the search has no objects")
	}
	if err := r.End(); err != nil {
		return nil, err
	}
	var edits rawjson.Edits
	kept := 0
	edits.Drop(len(found),
		func(i int) rawjson.Span { return found[i].at },
		func(i int) bool { return found[i].keep })
	for _, f := range found {
		if f.keep {
			kept++
		}
	}
	if total.To > 0 {
		edits.Replace(total, strconv.Itoa(kept))
	}
	return edits.Apply(doc.Body)
}

// readFound reads one object of a search and judges the version of which it tells.
func readFound(r *rawjson.Reader, may gate.Filter) (allowed bool, err error) {
	var pkg map[string]string
	err = r.Object(func(name []byte, _ int) error {
		if string(name) != "package" {
			_, err := r.Skip()
			return err
		}
		if pkg != nil {
			return duplicate(name)
		}
		pkg = make(map[string]string, 3)
		return r.Object(func(name []byte, _ int) error {
			switch string(name) {
			case "name", "version", "date":
			default:
				_, err := r.Skip()
				return err
			}
			if _, ok := pkg[string(name)]; ok {
				return duplicate(name)
			}
			text, err := r.String()
			pkg[string(name)] = string(text)
			return err
		})
	})
	if err != nil {
		return false, err
	}
	of, code := may.Package(pkg["name"])
	if number, ok := pkg["version"]; ok {
		releasedAt, _ := time.Parse(time.RFC3339, pkg["date"]) // the zero time when it is none
		return validVersion(number) && of.Allows(number, releasedAt), nil
	}
	return code == license.Valid, nil
}
