package license_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/privatepkgs/license"
	"github.com/privatepkgs/license/memstore"
)

// faultyStore is a store whose calls can be watched and made to fail.
type faultyStore struct {
	license.Store
	beforeUpdate func() error // an error is returned in place of the update
	beforeList   func(license.Query) error
}

func (s *faultyStore) Update(ctx context.Context, l *license.License) error {
	if s.beforeUpdate != nil {
		if err := s.beforeUpdate(); err != nil {
			return err
		}
	}
	return s.Store.Update(ctx, l)
}

func (s *faultyStore) List(ctx context.Context, q license.Query) (*license.Page, error) {
	if s.beforeList != nil {
		if err := s.beforeList(q); err != nil {
			return nil, err
		}
	}
	return s.Store.List(ctx, q)
}

// newStore returns a store with n licenses, two of them in each millisecond from 1000 on,
// and what was created, in order.
func newStore(t *testing.T, n int) (*faultyStore, []*license.License) {
	t.Helper()
	s := &faultyStore{Store: memstore.New(memstore.Options{})}
	licenses := make([]*license.License, n)
	for i := range licenses {
		licenses[i] = &license.License{
			ID:         uuid.MustParse(fmt.Sprintf("00000000-0000-7000-8000-%012d", i)),
			Name:       fmt.Sprint(i),
			Constraint: license.NoConstraint(),
			Packages:   []string{"toy"},
			CreatedAt:  time.UnixMilli(int64(1000 + i/2)),
		}
		require.NoError(t, s.Create(t.Context(), licenses[i]))
	}
	return s, licenses
}

func TestModifyReadsChangesAndUpdates(t *testing.T) {
	t.Parallel()
	s, licenses := newStore(t, 1)
	id := licenses[0].ID
	got, err := license.Modify(t.Context(), s, id, func(l *license.License) error {
		l.Suspended = true
		l.ID = uuid.New() // does not move the update elsewhere
		return nil
	})
	require.NoError(t, err)
	assert.Equal(t, int64(2), got.Revision)
	stored, err := s.Get(t.Context(), id)
	require.NoError(t, err)
	assert.Equal(t, stored, got)
	assert.True(t, stored.Suspended)
}

func TestModifyBeginsAgainWhenSomebodyWasFaster(t *testing.T) {
	t.Parallel()
	s, licenses := newStore(t, 1)
	id := licenses[0].ID
	others := 3
	s.beforeUpdate = func() error {
		if others == 0 {
			return nil
		}
		others--
		l, err := s.Get(t.Context(), id)
		require.NoError(t, err)
		l.Name += "x"
		return s.Store.Update(t.Context(), l)
	}
	calls := 0
	got, err := license.Modify(t.Context(), s, id, func(l *license.License) error {
		calls++
		l.Name += "!"
		l.Revision = 0 // does not make the update unconditional
		return nil
	})
	require.NoError(t, err)
	assert.Equal(t, 4, calls)
	assert.Equal(t, "0xxx!", got.Name, "no change is lost")
}

func TestModifyLosesNoChange(t *testing.T) {
	t.Parallel()
	const workers, each = 8, 25
	add := func(l *license.License) error { l.Name += "x"; return nil }
	run := func(t *testing.T, modify func(context.Context, license.Store, uuid.UUID) error) string {
		s, licenses := newStore(t, 1)
		id := licenses[0].ID
		var group sync.WaitGroup
		for range workers {
			group.Go(func() {
				for range each {
					assert.NoError(t, modify(t.Context(), s, id))
				}
			})
		}
		group.Wait()
		l, err := s.Get(t.Context(), id)
		require.NoError(t, err)
		return l.Name
	}
	name := run(t, func(ctx context.Context, s license.Store, id uuid.UUID) error {
		_, err := license.Modify(ctx, s, id, add)
		return err
	})
	assert.Len(t, name, 1+workers*each)

	// The control: without the revision changes are lost.
	name = run(t, func(ctx context.Context, s license.Store, id uuid.UUID) error {
		l, err := s.Get(ctx, id)
		if err != nil {
			return err
		}
		time.Sleep(100 * time.Microsecond)
		l.Revision = 0
		_ = add(l)
		return s.Update(ctx, l)
	})
	assert.Less(t, len(name), 1+workers*each)
}

func TestModifyEndsWithTheErrorThatItMeets(t *testing.T) {
	t.Parallel()
	s, licenses := newStore(t, 2)
	id := licenses[0].ID
	nothing := func(*license.License) error { return nil }

	_, err := license.Modify(t.Context(), s, uuid.New(), nothing)
	require.ErrorIs(t, err, license.ErrNotFound)

	mine := fmt.Errorf("mine: %w", license.ErrRevisionMismatch)
	_, err = license.Modify(t.Context(), s, id, func(*license.License) error { return mine })
	require.Same(t, mine, err, "an error of change is returned as it is, whatever it wraps")

	_, err = license.Modify(t.Context(), s, id, func(l *license.License) error { l.Key = licenses[1].Key; return nil })
	require.ErrorIs(t, err, license.ErrKeyExists)

	_, err = license.Modify(t.Context(), s, id, func(l *license.License) error { l.Packages = nil; return nil })
	var invalid *license.ValidationError
	require.ErrorAs(t, err, &invalid)

	s.beforeUpdate = func() error { return license.ErrUnknownOutcome }
	_, err = license.Modify(t.Context(), s, id, nothing)
	require.ErrorIs(t, err, license.ErrUnknownOutcome)

	unchanged, err := s.Get(t.Context(), id)
	require.NoError(t, err)
	assert.Equal(t, licenses[0], unchanged)
}

func TestModifyStopsWhenItsContextIsDone(t *testing.T) {
	t.Parallel()
	s, licenses := newStore(t, 1)
	ctx, cancel := context.WithCancel(t.Context())
	calls := 0
	s.beforeUpdate = func() error {
		if calls++; calls == 3 {
			cancel()
		}
		return license.ErrRevisionMismatch
	}
	_, err := license.Modify(ctx, s, licenses[0].ID, func(*license.License) error { return nil })
	require.ErrorIs(t, err, context.Canceled)
	assert.Equal(t, 3, calls)
}

func names(t *testing.T, s license.Store, q license.Query) []string {
	t.Helper()
	var found []string
	for l, err := range license.All(t.Context(), s, q) {
		require.NoError(t, err)
		found = append(found, l.Name)
	}
	return found
}

func TestAllVisitsEveryLicenseOnce(t *testing.T) {
	t.Parallel()
	s, licenses := newStore(t, 25)
	var all []string
	for _, l := range licenses {
		all = append(all, l.Name)
	}
	for _, limit := range []int{0, 1, 2, 3, 7, 24, 25, 26} {
		assert.Equal(t, all, names(t, s, license.Query{Limit: limit}), "limit %d", limit)
	}
	at := time.UnixMilli
	assert.Equal(t, all[:8], names(t, s, license.Query{Limit: 3, Until: at(1003)}), "until alone starts at the oldest")
	assert.Equal(t, all[20:], names(t, s, license.Query{Limit: 3, Since: at(1010)}))
	assert.Equal(t, all[4:8], names(t, s, license.Query{Limit: 1, Since: at(1002), Until: at(1003)}))
	assert.Empty(t, names(t, s, license.Query{Package: "other"}))
	assert.Empty(t, names(t, s, license.Query{Suspended: new(true)}))
	assert.Empty(t, names(t, memstore.New(memstore.Options{}), license.Query{}))
}

func TestAllCanBeWalkedAgain(t *testing.T) {
	t.Parallel()
	s, _ := newStore(t, 7)
	walk := license.All(t.Context(), s, license.Query{Limit: 2})
	for range 2 {
		n := 0
		for _, err := range walk {
			require.NoError(t, err)
			n++
		}
		assert.Equal(t, 7, n)
	}
}

func TestAllReadsNoPageThatIsNotAskedFor(t *testing.T) {
	t.Parallel()
	s, _ := newStore(t, 20)
	pages := 0
	s.beforeList = func(license.Query) error { pages++; return nil }
	walk := license.All(t.Context(), s, license.Query{Limit: 4})
	assert.Zero(t, pages)
	n := 0
	for range walk {
		if n++; n == 6 {
			break
		}
	}
	assert.Equal(t, 2, pages)
}

func TestAllYieldsTheErrorOfAPageAndEnds(t *testing.T) {
	t.Parallel()
	s, _ := newStore(t, 20)
	down := errors.New("down")
	pages := 0
	s.beforeList = func(license.Query) error {
		if pages++; pages == 3 {
			return down
		}
		return nil
	}
	var licenses, failures int
	for l, err := range license.All(t.Context(), s, license.Query{Limit: 4}) {
		if err != nil {
			failures++
			require.Equal(t, down, err)
			require.Nil(t, l)
			continue
		}
		licenses++
	}
	assert.Equal(t, 8, licenses)
	assert.Equal(t, 1, failures)

	for _, err := range license.All(t.Context(), s, license.Query{Limit: -1}) {
		var invalid *license.ValidationError
		require.ErrorAs(t, err, &invalid)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, err := range license.All(ctx, s, license.Query{}) {
		require.ErrorIs(t, err, context.Canceled)
	}
}

func TestQueryIsPrepared(t *testing.T) {
	t.Parallel()
	at := func(ms int64) time.Time { return time.UnixMilli(ms).UTC() }
	year1 := time.Time{}.Add(1)
	tests := []struct {
		name    string
		q, want license.Query
		wrong   []string
	}{
		{"zero", license.Query{}, license.Query{Limit: 100}, nil},
		{"limits", license.Query{Limit: 1}, license.Query{Limit: 1}, nil},
		{"largest limit", license.Query{Limit: 1000}, license.Query{Limit: 1000}, nil},
		{"limit too large", license.Query{Limit: 1001}, license.Query{}, []string{"/limit invalid_value"}},
		{"limit below zero", license.Query{Limit: -1}, license.Query{}, []string{"/limit invalid_value"}},
		{"since rises to the millisecond, until falls", license.Query{Since: at(5).Add(1), Until: at(7).Add(999_999)}, license.Query{Since: at(6), Until: at(7), Limit: 100}, nil},
		{"whole milliseconds stand", license.Query{Since: at(5), Until: at(5)}, license.Query{Since: at(5), Until: at(5), Limit: 100}, nil},
		{"times in UTC", license.Query{Since: at(5).In(time.FixedZone("", 60))}, license.Query{Since: at(5), Limit: 100}, nil},
		{"an empty span between two milliseconds", license.Query{Since: at(5).Add(1), Until: at(5).Add(2)}, license.Query{}, []string{"/since invalid_value"}},
		{"since after until", license.Query{Since: at(6), Until: at(5)}, license.Query{}, []string{"/since invalid_value"}},
		{"before all licenses", license.Query{Since: year1}, license.Query{Since: at(-1), Limit: 100}, nil},
		{"package", license.Query{Package: "@acme/toy"}, license.Query{Package: "@acme/toy", Limit: 100}, nil},
		{"package that no license can have", license.Query{Package: "a b"}, license.Query{}, []string{"/package invalid_value"}},
		{"package not UTF-8", license.Query{Package: "\xff"}, license.Query{}, []string{"/package invalid_value"}},
		{"all at once", license.Query{Limit: 5000, Package: "a\x00", Since: at(6), Until: at(5)}, license.Query{}, []string{"/limit invalid_value", "/package invalid_value", "/since invalid_value"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, err := test.q.Prepare()
			if test.wrong != nil {
				var invalid *license.ValidationError
				require.ErrorAs(t, err, &invalid)
				var wrong []string
				for _, p := range invalid.Problems {
					wrong = append(wrong, p.Pointer+" "+p.Code)
				}
				assert.Equal(t, test.wrong, wrong)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, test.want, got)
		})
	}
}

func TestQueryBeyondAllTimesSelectsAllOrNothing(t *testing.T) {
	t.Parallel()
	s, _ := newStore(t, 5)
	never := time.Unix(1<<62, 0)
	assert.Len(t, names(t, s, license.Query{Until: never}), 5)
	assert.Empty(t, names(t, s, license.Query{Since: never}))
	assert.Len(t, names(t, s, license.Query{Since: time.Unix(-1<<40, 0)}), 5)
	assert.Empty(t, names(t, s, license.Query{Until: time.Unix(-5, 0)}))
}
