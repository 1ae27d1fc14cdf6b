package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// ledger is what one writer knows of its licenses, by name: the names are never used twice,
// so that a license is known even when nobody heard its id. Only its writer uses it.
type ledger map[string]*entry

// entry is what was acknowledged of one license, and at most one write whose answer was not heard.
type entry struct {
	id      string   // "" until an acknowledgement tells it
	content document // the last that was acknowledged; nil before the creation and after the deletion
	unheard write
}

// write is a write that was sent.
type write struct {
	kind writeKind
	sent document // the body of a creation or an update
	key  string   // the Idempotency-Key of a creation
}

type writeKind int

const (
	noWrite writeKind = iota
	creation
	update
	deletion
)

// document is a JSON object.
type document map[string]any

func parseDocument(text []byte) (d document, err error) {
	err = json.Unmarshal(text, &d)
	return d, err
}

func (d document) name() string { s, _ := d["name"].(string); return s }
func (d document) id() string   { s, _ := d["id"].(string); return s }

// holds reports whether d has everything that was sent.
func (d document) holds(sent document) bool {
	for field, value := range sent {
		if !reflect.DeepEqual(d[field], value) {
			return false
		}
	}
	return true
}

// compare returns what a store has lost, changed or made up: each acknowledged license must be
// there as it was acknowledged, each acknowledged deletion gone, nothing twice and nothing
// else there. A write whose answer was not heard may have happened or not.
func (l ledger) compare(stored []document) []string {
	var faults []string
	found := make(map[string]document, len(stored))
	for _, d := range stored {
		if _, twice := found[d.name()]; twice {
			faults = append(faults, d.name()+" is there twice")
		}
		found[d.name()] = d
	}
	for _, name := range slices.Sorted(maps.Keys(found)) {
		if l[name] == nil {
			faults = append(faults, name+" was never made")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(l)) {
		if fault := l[name].compare(found[name]); fault != "" {
			faults = append(faults, name+" "+fault)
		}
	}
	return faults
}

// compare returns what is wrong with the stored license, nil when there is none.
func (e *entry) compare(stored document) string {
	switch {
	case reflect.DeepEqual(stored, e.content):
		return ""
	case e.content != nil && stored == nil:
		if e.unheard.kind == deletion {
			return ""
		}
		return fmt.Sprintf("was acknowledged and is lost: %v", e.content)
	case e.content == nil && e.unheard.kind != creation:
		return fmt.Sprintf("was deleted and is there: %v", stored)
	case e.content == nil && !stored.holds(e.unheard.sent):
		return fmt.Sprintf("was made otherwise than sent: %v, sent %v", stored, e.unheard.sent)
	case e.content == nil:
		return ""
	case e.unheard.kind == update && stored.id() == e.id && stored.holds(e.unheard.sent):
		return ""
	default:
		return fmt.Sprintf("has changed: %v, acknowledged %v", stored, e.content)
	}
}

// TestLedgerNoticesEveryLoss is the control of the crash test: one fault at a time.
func TestLedgerNoticesEveryLoss(t *testing.T) {
	t.Parallel()
	stored := func(name, id string, value float64) document {
		return document{"name": name, "id": id, "meta": map[string]any{"v": value}, "updatedAt": value}
	}
	sent := func(name string, value float64) document {
		return document{"name": name, "meta": map[string]any{"v": value}}
	}
	l := ledger{
		"kept":     {id: "1", content: stored("kept", "1", 1)},
		"deleted":  {id: "2"},
		"making":   {unheard: write{kind: creation, sent: sent("making", 3)}},
		"updating": {id: "4", content: stored("updating", "4", 4), unheard: write{kind: update, sent: sent("updating", 5)}},
		"deleting": {id: "6", content: stored("deleting", "6", 6), unheard: write{kind: deletion}},
	}
	kept := stored("kept", "1", 1)
	updating, updated := stored("updating", "4", 4), stored("updating", "4", 5)
	deleting, made := stored("deleting", "6", 6), stored("making", "3", 3)

	for name, all := range map[string][]document{
		"nothing unheard happened":    {kept, updating, deleting},
		"everything unheard happened": {made, kept, updated},
	} {
		assert.Empty(t, l.compare(all), name)
	}
	for _, c := range []struct {
		name   string
		stored []document
		fault  string
	}{
		{"lost", []document{updating, deleting}, "kept was acknowledged and is lost"},
		{"changed", []document{stored("kept", "1", 9), updating, deleting}, "kept has changed"},
		{"another id", []document{stored("kept", "9", 1), updating, deleting}, "kept has changed"},
		{"back from the dead", []document{kept, stored("deleted", "2", 2), updating, deleting}, "deleted was deleted and is there"},
		{"twice", []document{kept, kept, updating, deleting}, "kept is there twice"},
		{"made up", []document{kept, stored("stranger", "9", 9), updating, deleting}, "stranger was never made"},
		{"created otherwise", []document{kept, updating, deleting, stored("making", "3", 9)}, "making was made otherwise"},
		{"updated otherwise", []document{kept, stored("updating", "4", 9), deleting}, "updating has changed"},
		{"updated to another id", []document{kept, stored("updating", "9", 5), deleting}, "updating has changed"},
		{"lost in an update", []document{kept, deleting}, "updating was acknowledged and is lost"},
		{"changed in a deletion", []document{kept, updating, stored("deleting", "6", 9)}, "deleting has changed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			faults := l.compare(c.stored)
			assert.Len(t, faults, 1)
			assert.Contains(t, strings.Join(faults, "\n"), c.fault)
		})
	}
}
