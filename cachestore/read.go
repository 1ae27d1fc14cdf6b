package cachestore

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/privatepkgs/license"
)

var errUnknownKey = fmt.Errorf("cachestore: finding a license by key: %w", license.ErrNotFound)

// find returns the shared license with this key.
func (s *Store) find(ctx context.Context, key string) (*license.License, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if key == "" || len(key) > license.MaxKeyLen {
		return nil, errUnknownKey // no license can have it, and unknown keys stay small
	}
	a := s.contents.get(key)
	if a == nil || !s.fresh(a.began, s.now()) {
		var err error
		if a, err = s.read(ctx, key); err != nil {
			return nil, err
		}
	}
	if a.license == nil {
		return nil, errUnknownKey
	}
	return a.license, nil
}

// fresh reports whether a read that begins now may be answered by one that began then. After a
// clock has gone back it may not.
func (s *Store) fresh(began, now time.Time) bool {
	age := now.Sub(began)
	return age >= 0 && age < s.maxStaleness
}

// flight is a query of the store for one key, and those who wait for it.
type flight struct {
	key    string
	began  time.Time
	seq    uint64 // the newest invalidation when it began
	cancel context.CancelFunc

	// Under Store.mu. A flight that has no waiters is not in Store.flights.
	waiters int
	told    []*answer // by flights that this one replaced, while it was under way
	newer   *answer   // of the last that landed of those that began later, while it was under way

	done     chan struct{} // closed when what follows is set
	answer   *answer
	err      error
	panicked any
}

// read returns the answer of a query that began after the last invalidation: one that is
// under way, or its own.
func (s *Store) read(ctx context.Context, key string) (*answer, error) {
	f, a := s.join(ctx, key)
	if a != nil {
		return a, nil
	}
	select {
	case <-f.done:
	case <-ctx.Done():
		s.leave(f)
		return nil, ctx.Err()
	}
	if f.panicked != nil {
		panic(f.panicked)
	}
	return f.answer, f.err
}

// join returns the flight to wait for, or the answer of one that has just landed.
//
// It does not join a flight that was overtaken by an invalidation of anything: whose key it
// reads is not known before it lands. One that hangs is joined no longer than its answer
// would be good for.
func (s *Store) join(ctx context.Context, key string) (*flight, *answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	if a := s.contents.get(key); a != nil && s.fresh(a.began, now) {
		return nil, a
	}
	if f := s.flights[key]; f != nil && f.seq == s.fence.seq && s.fresh(f.began, now) {
		f.waiters++
		return f, nil
	}
	// The query belongs to all who wait for it, so none of their contexts ends it; it keeps
	// the values of the first, for tracing.
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	f := &flight{
		key:     strings.Clone(key), // it may be a piece of something large
		began:   now,
		seq:     s.fence.seq,
		cancel:  cancel,
		waiters: 1,
		done:    make(chan struct{}),
	}
	s.flights[f.key] = f
	s.air[f.key] = append(s.air[f.key], f)
	go s.fly(ctx, f)
	return f, nil
}

// leave is for those who wait no longer. The last one ends the query.
func (s *Store) leave(f *flight) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f.waiters--
	if f.waiters > 0 {
		return
	}
	if s.flights[f.key] == f {
		delete(s.flights, f.key)
	}
	f.cancel()
}

// fly asks until there is an answer to land with.
func (s *Store) fly(ctx context.Context, f *flight) {
	landed := false
	defer func() {
		if !landed { // runtime.Goexit
			f.answer, f.err = nil, errors.New("cachestore: the store ended the goroutine that asked it")
			s.land(f)
		}
	}()
	for !landed {
		s.ask(ctx, f)
		landed = s.land(f)
	}
}

// ask runs the query. A panic of the store goes on in those who wait, as if each had called
// the store; here it would end the process.
func (s *Store) ask(ctx context.Context, f *flight) {
	defer func() {
		if p := recover(); p != nil {
			f.panicked = fmt.Sprintf("cachestore: the store panicked: %v\n\n%s", p, debug.Stack())
		}
	}()
	l, err := s.store.GetByKey(ctx, f.key)
	if errors.Is(err, license.ErrNotFound) {
		l, err = nil, nil
	} else if err == nil && (l == nil || l.Key != f.key) {
		err = errors.New("cachestore: the store answered with another license than the one asked for")
	}
	f.err = err
	if err == nil {
		f.answer = &answer{license: l, began: f.began, seq: f.seq}
	}
}

// land keeps the answer, unless it was invalidated on the way, and hands it to those who wait:
// they all began before the invalidation. It returns false when the query is to be repeated.
//
// A flight that another has replaced may have read after the other did. Those who are told so
// must not see the state before it in their next read: where the two have read different
// things, what the other has read is given to nobody who comes later, neither from the cache
// nor by its flight.
func (s *Store) land(f *flight) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f.answer != nil && slices.ContainsFunc(f.told, f.answer.differs) {
		f.told, f.newer, f.answer = nil, nil, nil
		f.began, f.seq = s.now(), s.fence.seq
		return false
	}
	defer close(f.done)
	defer f.cancel()
	s.overtake(f)
	newest := s.flights[f.key]
	switch {
	case newest == f:
		delete(s.flights, f.key)
		if f.answer != nil && s.fence.holds(f.key, f.answer) {
			s.contents.put(f.key, f.answer)
		}
	case f.answer != nil && f.waiters > 0:
		if newest != nil {
			newest.told = append(newest.told, f.answer)
		}
		kept := s.contents.get(f.key)
		switch {
		case kept == nil && s.fence.holds(f.key, f.answer) && (f.newer == nil || !f.answer.differs(f.newer)):
			s.contents.put(f.key, f.answer) // or a busy key would never be kept while others are written
		case kept == nil || f.answer.differs(kept):
			s.contents.dropKey(f.key)
			s.fence.markKey(f.key, s.fence.next()) // also against flights that land yet, which may have read before
		}
	}
	return true
}

// overtake takes a flight out of the air, and tells those that began before it what it has read: it may be
// kept no more when they land.
func (s *Store) overtake(f *flight) {
	all := s.air[f.key]
	i := slices.Index(all, f)
	if f.answer != nil {
		for _, older := range all[:i] {
			older.newer = f.answer
		}
	}
	if all = slices.Delete(all, i, i+1); len(all) > 0 {
		s.air[f.key] = all
	} else {
		delete(s.air, f.key)
	}
}
