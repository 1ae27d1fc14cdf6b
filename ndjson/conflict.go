package ndjson

import (
	"bytes"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/privatepkgs/license"
)

// Conflict is a license that was left out because its id or its key is taken by a license with
// another content.
type Conflict struct {
	Line    int              // where it stands in the input
	License *license.License // as it stands there
	Stored  *license.License // what is in its way, as it is in the store

	// OtherLine is where Stored stands in the input, if that is earlier in the same batch, and
	// otherwise 0.
	OtherLine int
}

// Fields returns a JSON pointer for each field in which the two licenses differ. Without /id
// among them the license is in the store and has changed, here or there; with it the key
// belongs to another license.
func (c Conflict) Fields() []string {
	a, b := c.License, c.Stored
	var fields []string
	add := func(pointer string, same bool) {
		if !same {
			fields = append(fields, pointer)
		}
	}
	add("/id", a.ID == b.ID)
	add("/name", a.Name == b.Name)
	add("/key", a.Key == b.Key)
	add("/constraint", bytes.Equal(a.Constraint.AppendJSON(nil), b.Constraint.AppendJSON(nil)))
	add("/suspended", a.Suspended == b.Suspended)
	add("/meta", bytes.Equal(metaOf(a), metaOf(b)))
	add("/packages", slices.Equal(a.Packages, b.Packages))
	add("/createdAt", a.CreatedAt.UnixMilli() == b.CreatedAt.UnixMilli())
	add("/updatedAt", a.UpdatedAt.UnixMilli() == b.UpdatedAt.UnixMilli())
	return fields
}

// String says it in a sentence, without a key.
func (c Conflict) String() string {
	stored := "in the store"
	if c.OtherLine > 0 {
		stored = fmt.Sprintf("on line %d", c.OtherLine)
	}
	if c.License.ID != c.Stored.ID {
		return fmt.Sprintf("line %d: license %s is left out, as license %s %s has its key", c.Line, c.License.ID, c.Stored.ID, stored)
	}
	return fmt.Sprintf("line %d: license %s is left out, as it is %s with another %s",
		c.Line, c.License.ID, stored, strings.Join(c.Fields(), " "))
}

// LogValue makes log/slog print it as String does.
func (c Conflict) LogValue() slog.Value { return slog.StringValue(c.String()) }

// sameContent compares two licenses in everything but the revision.
func sameContent(a, b *license.License) bool {
	return bytes.Equal(a.AppendJSON(nil), b.AppendJSON(nil))
}

func metaOf(l *license.License) []byte {
	if len(l.Meta) == 0 {
		return []byte("{}")
	}
	return l.Meta
}
