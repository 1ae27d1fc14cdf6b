package reliability

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/stretchr/testify/require"

	"github.com/privatepkgs/license"
)

const clients = 16

// A workload says what clients ask of stores. The clients are spread over the stores, which are
// all of one database.
type workload struct {
	stores []license.Store

	operations, slots int

	// byKeyOnly leaves out what a cache does not promise: a license has its key for ever, and
	// is read by it alone.
	byKeyOnly bool

	// refusals may be, of writes that would wait too long for the other store's: on a slow disk SQLite
	// lets one of two processes wait longer than its busy timeout.
	refusals bool
}

// history is what the clients saw.
type history struct {
	operations                 []porcupine.Operation
	refused                    int // writes that waited too long
	cancelled, undone, unknown int // calls that were cut; writes of these that left nothing, and that may have happened
}

// recorder makes a history.
type recorder struct {
	workload
	places  []*slot
	values  atomic.Int64
	latency [opDelete + 1]atomic.Int64 // of late, in ns, so that contexts end while calls are under way

	// revisions are the newest that a client has seen, so that many conditional writes succeed.
	revisions [][2]atomic.Int64

	mu   sync.Mutex
	seen history
}

// run lets the clients loose. They gather on a few slots at a time, so that their calls meet.
func (w workload) run(t *testing.T) *history {
	t.Helper()
	r := &recorder{workload: w, revisions: make([][2]atomic.Int64, w.slots)}
	for n := range w.slots {
		r.places = append(r.places, newSlot(n))
	}
	for k := range r.latency {
		r.latency[k].Store(int64(time.Millisecond))
	}
	seed := rand.Uint64()
	var begun atomic.Int64
	var failed atomic.Pointer[error]
	var running sync.WaitGroup
	for client := range clients {
		random := rand.New(rand.NewPCG(seed, uint64(client)))
		store := w.stores[client%len(w.stores)]
		running.Go(func() {
			for failed.Load() == nil {
				n := int(begun.Add(1)) - 1
				if n >= w.operations {
					return
				}
				if err := r.perform(store, client, r.choose(n, random), random); err != nil {
					failed.CompareAndSwap(nil, &err)
				}
			}
		})
	}
	running.Wait()
	if err := failed.Load(); err != nil {
		require.NoError(t, *err, "seed %d", seed)
	}
	slices.SortFunc(r.seen.operations, func(a, b porcupine.Operation) int { return cmp.Compare(a.Return, b.Return) })
	return &r.seen
}

// choose decides on the n-th call.
func (r *recorder) choose(n int, random *rand.Rand) call {
	const together = 4
	c := call{
		slot:      (n*len(r.places)/r.operations + random.IntN(together)) % len(r.places),
		license:   random.IntN(2),
		key:       random.IntN(2),
		value:     int(r.values.Add(1)),
		suspended: random.IntN(3) == 0,
	}
	if r.byKeyOnly {
		c.license, c.key = 0, 0
	}
	switch p := random.IntN(100); {
	case p < 15 && !r.byKeyOnly:
		c.kind = opGet
	case p < 25 && !r.byKeyOnly:
		c.kind = opList
	case p < 45:
		c.kind = opGetByKey
	case p < 65:
		c.kind = opCreate
	case p < 90:
		c.kind = opUpdate
	default:
		c.kind = opDelete
	}
	if random.IntN(2) == 0 && (c.kind == opUpdate || c.kind == opDelete) {
		// Sometimes the one before, which must be refused.
		c.revision = max(1, r.revisions[c.slot][c.license].Load()-int64(random.IntN(2)))
	}
	return c
}

// perform does one call and records it.
func (r *recorder) perform(store license.Store, client int, c call, random *rand.Rand) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	cut := random.IntN(8) == 0
	if cut {
		// Some are over before they begin.
		latency := r.latency[c.kind].Load()
		ctx, cancel = context.WithTimeout(ctx, time.Duration(random.Int64N(latency+1)-latency/4))
		defer cancel()
	}
	begin := time.Now()
	a, err := r.places[c.slot].do(ctx, store, c)
	end := time.Now()

	r.mu.Lock()
	defer r.mu.Unlock()
	op := porcupine.Operation{ClientId: client, Input: c, Output: a, Call: r.stamp(begin), Return: r.stamp(end)}
	switch {
	case err == nil:
		r.latency[c.kind].Store((7*r.latency[c.kind].Load() + int64(end.Sub(begin))) / 8)
		r.seen.operations = append(r.seen.operations, op)
		if a.revision > 0 {
			r.revisions[c.slot][c.license].Store(a.revision)
		}
		return nil
	case r.refusals && errors.Is(err, license.ErrUnavailable) && !errors.Is(err, license.ErrUnknownOutcome):
		r.seen.refused++ // and it has left nothing, or what is read later has no explanation
		return nil
	case !cut || !errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%v: %w", c.kind, err)
	}
	r.seen.cancelled++
	switch {
	case !c.kind.writes():
	case errors.Is(err, license.ErrUnknownOutcome):
		r.seen.unknown++
		op.Output, op.Return = answer{unknown: true}, never
		r.seen.operations = append(r.seen.operations, op)
	default:
		// It promises to have left nothing behind, so it is no part of the history: when it
		// did all the same, no other operation explains what is read.
		r.seen.undone++
	}
	return nil
}

func (r *recorder) stamp(t time.Time) int64 { return int64(t.Sub(r.places[0].started)) }

// do carries a call out. An error is one that the model does not know.
func (s *slot) do(ctx context.Context, store license.Store, c call) (answer, error) {
	var a answer
	var err error
	switch c.kind {
	case opGet, opGetByKey:
		var l *license.License
		if c.kind == opGet {
			l, err = store.Get(ctx, s.ids[c.license])
		} else {
			l, err = store.GetByKey(ctx, s.keys[c.key])
		}
		if err == nil {
			err = s.note(&a, l)
		}
	case opList:
		var page *license.Page
		page, err = store.List(ctx, license.Query{Package: s.pkg, Suspended: &c.suspended})
		if err == nil {
			for _, l := range page.Licenses {
				err = errors.Join(err, s.note(&a, l))
			}
		}
	case opDelete:
		err = store.Delete(ctx, s.ids[c.license], c.revision)
	default:
		l := &license.License{
			ID:         s.ids[c.license],
			Key:        s.keys[c.key],
			Name:       strconv.Itoa(c.value),
			Suspended:  c.suspended,
			Constraint: license.NoConstraint(),
			Packages:   []string{s.pkg},
			Revision:   c.revision,
		}
		if c.kind == opCreate {
			err = store.Create(ctx, l)
		} else {
			err = store.Update(ctx, l)
		}
		if err == nil {
			a.revision = l.Revision
		}
	}
	for _, known := range []error{license.ErrNotFound, license.ErrIDExists, license.ErrKeyExists, license.ErrRevisionMismatch} {
		if errors.Is(err, known) {
			return answer{err: known}, nil
		}
	}
	return a, err
}

// note enters a license that was read into the answer.
func (s *slot) note(a *answer, l *license.License) error {
	n, key := slices.Index(s.ids[:], l.ID), slices.Index(s.keys[:], l.Key)
	value, err := strconv.Atoi(l.Name)
	if n < 0 || key < 0 || err != nil || !slices.Equal(l.Packages, []string{s.pkg}) {
		return fmt.Errorf("a license of nobody: %v", l)
	}
	a.found[n] = held{revision: l.Revision, key: key, value: value, suspended: l.Suspended}
	return nil
}
