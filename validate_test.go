package license

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// newLicense returns a license that is valid and has all its fields set.
func newLicense() *License {
	return &License{
		ID:         uuid.MustParse("19cb44f0-9016-43c4-b73b-6f0fb34c755f"),
		Name:       "Default License",
		Key:        "12345-12345-ABCDE-SECRET",
		Constraint: NoConstraint(),
		Meta:       json.RawMessage(`{"key":"value"}`),
		Packages:   []string{"example-package"},
		CreatedAt:  time.UnixMilli(1672531200000).UTC(),
		UpdatedAt:  time.UnixMilli(1672531200001).UTC(),
		Revision:   3,
	}
}

// problems returns each problem of err as "pointer code".
func problems(t *testing.T, err error) []string {
	t.Helper()
	if err == nil {
		return nil
	}
	var invalid *ValidationError
	require.ErrorAs(t, err, &invalid)
	require.NotEmpty(t, invalid.Problems)
	found := make([]string, len(invalid.Problems))
	for i, p := range invalid.Problems {
		found[i] = p.Pointer + " " + p.Code
		assert.NotEmpty(t, p.Detail)
		assert.Contains(t, err.Error(), p.Detail)
	}
	return found
}

func manyPackages(n int) []string {
	packages := make([]string, n)
	for i := range packages {
		packages[i] = fmt.Sprintf("package-%d", i)
	}
	return packages
}

func TestValidateHoldsEachRuleAtItsLimits(t *testing.T) {
	t.Parallel()
	year10000 := time.UnixMilli(maxMillis + 1)
	tests := []struct {
		name   string
		change func(*License)
		want   []string // nil: valid
	}{
		{"as it is", func(*License) {}, nil},
		{"not stored yet", func(l *License) { l.ID, l.CreatedAt, l.UpdatedAt, l.Revision = uuid.Nil, time.Time{}, time.Time{}, 0 }, nil},

		{"no name", func(l *License) { l.Name = "" }, nil},
		{"name of 255 bytes", func(l *License) { l.Name = strings.Repeat("é", 127) + "x" }, nil},
		{"name of 256 bytes", func(l *License) { l.Name = strings.Repeat("é", 128) }, []string{"/name too_long"}},
		{"name of any text", func(l *License) { l.Name = "a b\tc\n\u2028\U0001F600\u0001" }, nil},
		{"name with NUL", func(l *License) { l.Name = "a\x00b" }, []string{"/name invalid_value"}},
		{"name not UTF-8", func(l *License) { l.Name = "a\xffb" }, []string{"/name invalid_value"}},
		{"name with an encoded surrogate", func(l *License) { l.Name = "\xed\xa0\x80" }, []string{"/name invalid_value"}},
		{"name wrong in two ways", func(l *License) { l.Name = strings.Repeat("\x00", 256) }, []string{"/name too_long", "/name invalid_value"}},

		{"no key", func(l *License) { l.Key = "" }, []string{"/key required"}},
		{"key of one character", func(l *License) { l.Key = "!" }, nil},
		{"key of all that is visible", func(l *License) {
			l.Key = ""
			for c := byte('!'); c <= '~'; c++ {
				l.Key += string(rune(c))
			}
		}, nil},
		{"key of 255 bytes", func(l *License) { l.Key = strings.Repeat("k", 255) }, nil},
		{"key of 256 bytes", func(l *License) { l.Key = strings.Repeat("k", 256) }, []string{"/key too_long"}},
		{"key with space", func(l *License) { l.Key = "a b" }, []string{"/key invalid_value"}},
		{"key with a control character", func(l *License) { l.Key = "a\x1f" }, []string{"/key invalid_value"}},
		{"key with DEL", func(l *License) { l.Key = "a\x7f" }, []string{"/key invalid_value"}},
		{"key beyond ASCII", func(l *License) { l.Key = "é" }, []string{"/key invalid_value"}},

		{"no constraint", func(l *License) { l.Constraint = Constraint{} }, []string{"/constraint required"}},
		{"date at the epoch", func(l *License) { l.Constraint = DateConstraint(time.UnixMilli(0)) }, nil},
		{"date before the epoch", func(l *License) { l.Constraint = DateConstraint(time.UnixMilli(-1)) }, []string{"/constraint/value invalid_value"}},
		{"date at the end of 9999", func(l *License) { l.Constraint = DateConstraint(time.UnixMilli(maxMillis)) }, nil},
		{"date after 9999", func(l *License) { l.Constraint = DateConstraint(year10000) }, []string{"/constraint/value invalid_value"}},
		{"the zero date", func(l *License) { l.Constraint = DateConstraint(time.Time{}) }, []string{"/constraint/value invalid_value"}},
		{"never, as a date", func(l *License) { l.Constraint = DateConstraint(time.Unix(1<<62, 0)) }, []string{"/constraint/value invalid_value"}},
		{"the last time there is, as a date", func(l *License) { l.Constraint = DateConstraint(time.Unix(math.MaxInt64, 0)) }, []string{"/constraint/value invalid_value"}},
		{"a date whose milliseconds overflow into the valid", func(l *License) {
			l.Constraint = DateConstraint(time.Unix(math.MaxUint64/1000+1700000000, 0))
		}, []string{"/constraint/value invalid_value"}},

		{"no packages", func(l *License) { l.Packages = nil }, []string{"/packages required"}},
		{"1000 packages", func(l *License) { l.Packages = manyPackages(1000) }, nil},
		{"1001 packages", func(l *License) { l.Packages = manyPackages(1001) }, []string{"/packages too_many"}},
		{"package of 255 bytes", func(l *License) { l.Packages = []string{strings.Repeat("p", 255)} }, nil},
		{"package of 256 bytes", func(l *License) { l.Packages = []string{strings.Repeat("p", 256)} }, []string{"/packages/0 too_long"}},
		{"packages that differ in case", func(l *License) { l.Packages = []string{"toy", "Toy"} }, nil},
		{"package names of all ecosystems", func(l *License) {
			l.Packages = []string{"@acme/toy", "npm:toy", "example.com/toy/v2", "acme/toy", "größe", "包"}
		}, nil},
		{"package twice", func(l *License) { l.Packages = []string{"a", "b", "a", "a"} }, []string{"/packages/2 duplicate_value", "/packages/3 duplicate_value"}},
		{"bad packages", func(l *License) {
			l.Packages = []string{"", "a b", "a\u00a0b", "a\u2003b", "a\nb", "a\x00b", "a\u0085", "\xff", "ok"}
		}, []string{
			"/packages/0 invalid_value", "/packages/1 invalid_value", "/packages/2 invalid_value", "/packages/3 invalid_value",
			"/packages/4 invalid_value", "/packages/5 invalid_value", "/packages/6 invalid_value", "/packages/7 invalid_value",
		}},

		{"times at the ends", func(l *License) { l.CreatedAt, l.UpdatedAt = time.UnixMilli(0), time.UnixMilli(maxMillis) }, nil},
		{"times beyond the ends", func(l *License) { l.CreatedAt, l.UpdatedAt = time.UnixMilli(-1), year10000 }, []string{"/createdAt invalid_value", "/updatedAt invalid_value"}},
		{"updated when created", func(l *License) { l.UpdatedAt = l.CreatedAt }, nil},
		{"updated before created", func(l *License) { l.UpdatedAt = l.CreatedAt.Add(-1) }, []string{"/updatedAt invalid_value"}},

		{"everything at once", func(l *License) {
			*l = License{Name: "\x00", Key: "a b", Meta: json.RawMessage(`[]`), Packages: []string{"a b"},
				CreatedAt: year10000, UpdatedAt: time.UnixMilli(5)}
		}, []string{
			"/name invalid_value", "/key invalid_value", "/constraint required", "/meta wrong_type",
			"/packages/0 invalid_value", "/createdAt invalid_value", "/updatedAt invalid_value",
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			l := newLicense()
			test.change(l)
			assert.Equal(t, test.want, problems(t, l.Validate()))
		})
	}
}

func TestPrepareCreateFillsWhatIsZero(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 678_999_999, time.FixedZone("", 3600))
	nowMillis := time.Date(2026, 1, 2, 2, 4, 5, 678_000_000, time.UTC)
	l := &License{Constraint: NoConstraint(), Packages: []string{"toy"}, Revision: 9}
	require.NoError(t, l.PrepareCreate(now))
	assert.Equal(t, uuid.Version(7), l.ID.Version())
	assert.Len(t, l.Key, 29)
	assert.Equal(t, nowMillis, l.CreatedAt)
	assert.Equal(t, nowMillis, l.UpdatedAt)
	assert.Equal(t, int64(1), l.Revision)
	assert.Equal(t, "{}", string(l.Meta))
}

func TestPrepareCreateKeepsWhatIsGiven(t *testing.T) {
	t.Parallel()
	l := newLicense()
	l.CreatedAt = l.CreatedAt.Add(999_999)
	l.Meta = json.RawMessage(" {\n\"a\" : [ 1 , \" \" ] }")
	require.NoError(t, l.PrepareCreate(time.Unix(1, 0)))
	want := newLicense()
	want.Revision = 1
	want.Meta = json.RawMessage(`{"a":[1," "]}`)
	assert.Equal(t, want, l)
}

func TestPrepareCreateNeverUpdatesBeforeItCreates(t *testing.T) {
	t.Parallel()
	early, now, late := time.UnixMilli(1000).UTC(), time.UnixMilli(2000).UTC(), time.UnixMilli(3000).UTC()
	for _, test := range []struct{ created, updated, wantCreated, wantUpdated time.Time }{
		{time.Time{}, early, early, early},
		{time.Time{}, late, now, late},
		{early, time.Time{}, early, early},
		{late, time.Time{}, late, late},
	} {
		l := newLicense()
		l.CreatedAt, l.UpdatedAt = test.created, test.updated
		require.NoError(t, l.PrepareCreate(now))
		assert.Equal(t, test.wantCreated, l.CreatedAt)
		assert.Equal(t, test.wantUpdated, l.UpdatedAt)
	}
}

func TestPrepareChangesNothingOnError(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]func(*License) error{
		"create": func(l *License) error { return l.PrepareCreate(time.Now()) },
		"update": (*License).PrepareUpdate,
	} {
		l := &License{Name: "\x00", Meta: json.RawMessage(" {} ")}
		assert.Contains(t, problems(t, prepare(l)), "/name invalid_value", name)
		assert.Equal(t, &License{Name: "\x00", Meta: json.RawMessage(" {} ")}, l, name)
	}
}

func TestPrepareUpdateTouchesOnlyMeta(t *testing.T) {
	t.Parallel()
	l := newLicense()
	l.Meta = json.RawMessage(" {} ")
	l.UpdatedAt = time.UnixMilli(-5) // Update sets it
	want := l.Clone()
	want.Meta = json.RawMessage("{}")
	require.NoError(t, l.PrepareUpdate())
	assert.Equal(t, want, l)

	l.Key = ""
	assert.Equal(t, []string{"/key required"}, problems(t, l.PrepareUpdate()))
}

func TestPrepareTakesNoMemoryOfTheCaller(t *testing.T) {
	t.Parallel()
	meta := []byte(`{"a":1}`)
	l := newLicense()
	l.Meta = meta
	require.NoError(t, l.PrepareUpdate())
	meta[2] = 'b'
	assert.Equal(t, `{"a":1}`, string(l.Meta))
}

func TestValidationErrorNamesEveryPlace(t *testing.T) {
	t.Parallel()
	err := fmt.Errorf("wrapped: %w", (&License{}).Validate())
	var invalid *ValidationError
	require.True(t, errors.As(err, &invalid))
	assert.Equal(t, "wrapped: license: invalid: /key: key must not be empty; "+
		"/constraint: constraint must be given: none, date or version; "+
		"/packages: packages must name at least one package", err.Error())
}
