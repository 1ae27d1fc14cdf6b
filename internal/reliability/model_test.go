package reliability

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/google/uuid"

	"github.com/privatepkgs/license"
)

// A slot is two licenses that compete for two keys, and the unit of the check: nothing that
// happens in one slot shows in another. Each slot has a package of its own, so that a listing can
// be part of the history too.
type slot struct {
	ids     [2]uuid.UUID
	keys    [2]string
	pkg     string
	started time.Time
}

func newSlot(n int) *slot {
	s := &slot{pkg: "slot-" + strconv.Itoa(n), started: time.Now()}
	for i := range s.ids {
		s.ids[i] = uuid.Must(uuid.NewV7())
		s.keys[i] = license.GenerateKey()
	}
	return s
}

// held is a license as the model has it. The zero value is one that is not there.
type held struct {
	revision  int64
	key       int
	value     int // different in every write; stored as the name
	suspended bool
}

// state is what a slot holds. Values are compared with ==.
type state [2]held

type kind int

const (
	opGet kind = iota
	opGetByKey
	opList
	opCreate
	opUpdate
	opDelete
)

func (k kind) String() string {
	return [...]string{"get", "getByKey", "list", "create", "update", "delete"}[k]
}

func (k kind) writes() bool { return k >= opCreate }

// call is the input of an operation on a slot.
type call struct {
	slot      int
	kind      kind
	license   int   // 0 or 1
	key       int   // 0 or 1
	revision  int64 // what an update or a deletion insists on; 0 is anything
	value     int   // what a creation or an update writes
	suspended bool  // what it writes, and the filter of a listing
}

// answer is the output of an operation.
type answer struct {
	found    state // what a reading found; the other license is left out
	revision int64 // what an update made
	err      error // one of the sentinels of the root package, or nil
	unknown  bool  // the write may have happened, or may yet
}

// step says whether a slot in this state may give this answer, and what state it is in then. An
// unknown write always may: it does what it can. In the history it has no end, so that the checker
// may also put it after everything else, where it has done nothing to anybody.
func step(s state, c call, a answer) (bool, state) {
	expected, next := s.apply(c)
	if a.unknown {
		return true, next
	}
	return a == expected, next
}

// apply is the contract of license.Store in short.
func (s state) apply(c call) (answer, state) {
	at, other := s[c.license], s[1-c.license]
	taken := other.revision != 0 && other.key == c.key
	switch c.kind {
	case opGet:
		var found state
		found[c.license] = at
		return answer{found: found, err: missing(at)}, s
	case opGetByKey:
		for i, h := range s {
			if h.revision != 0 && h.key == c.key {
				var found state
				found[i] = h
				return answer{found: found}, s
			}
		}
		return answer{err: license.ErrNotFound}, s
	case opList:
		var found state
		for i, h := range s {
			if h.revision != 0 && h.suspended == c.suspended {
				found[i] = h
			}
		}
		return answer{found: found}, s
	case opCreate:
		switch {
		case at.revision != 0:
			return answer{err: license.ErrIDExists}, s
		case taken:
			return answer{err: license.ErrKeyExists}, s
		}
		s[c.license] = held{revision: 1, key: c.key, value: c.value, suspended: c.suspended}
		return answer{revision: 1}, s
	default:
		switch {
		case at.revision == 0:
			return answer{err: license.ErrNotFound}, s
		case c.revision != 0 && c.revision != at.revision:
			return answer{err: license.ErrRevisionMismatch}, s
		case c.kind == opDelete:
			s[c.license] = held{}
			return answer{}, s
		case taken:
			return answer{err: license.ErrKeyExists}, s
		}
		s[c.license] = held{revision: at.revision + 1, key: c.key, value: c.value, suspended: c.suspended}
		return answer{revision: at.revision + 1}, s
	}
}

func missing(h held) error {
	if h.revision == 0 {
		return license.ErrNotFound
	}
	return nil
}

// never is when an operation ends whose outcome nobody knows.
const never = math.MaxInt64

// check returns nil when the history is linearizable, and otherwise an error that shows the
// slots where it is not.
func check(history []porcupine.Operation) error {
	var errs []error
	for n, partition := range partitions(history) {
		switch porcupine.CheckOperationsTimeout(model, partition, time.Minute) {
		case porcupine.Unknown:
			errs = append(errs, fmt.Errorf("slot %d: no verdict on %d operations within a minute", n, len(partition)))
		case porcupine.Illegal:
			errs = append(errs, fmt.Errorf("slot %d is not linearizable:\n%s", n, excerpt(partition)))
		}
	}
	return errors.Join(errs...)
}

func partitions(history []porcupine.Operation) map[int][]porcupine.Operation {
	bySlot := make(map[int][]porcupine.Operation)
	for _, op := range history {
		n := op.Input.(call).slot
		bySlot[n] = append(bySlot[n], op)
	}
	return bySlot
}

var model = porcupine.Model{
	Init: func() any { return state{} },
	Step: func(s, in, out any) (bool, any) {
		ok, next := step(s.(state), in.(call), out.(answer))
		return ok, next
	},
	Equal: func(a, b any) bool { return a.(state) == b.(state) },
}

// excerpt shows where the longest beginning that is linearizable ends.
func excerpt(partition []porcupine.Operation) string {
	const before, after = 8, 8
	_, info := porcupine.CheckOperationsVerbose(model, partition, time.Minute)
	longest := 0
	for _, orders := range info.PartialLinearizations() {
		for _, order := range orders {
			longest = max(longest, len(order))
		}
	}
	var b strings.Builder
	for i, op := range partition { // in the order in which they ended
		if i < longest-before || i > longest+after {
			continue
		}
		in, out := op.Input.(call), op.Output.(answer)
		fmt.Fprintf(&b, "  client %2d  %d to %d  %v %+v: %+v\n", op.ClientId, op.Call, op.Return, in.kind, in, out)
	}
	return b.String()
}
