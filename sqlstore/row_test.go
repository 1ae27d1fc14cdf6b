package sqlstore

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/privatepkgs/license"
)

func FuzzPackagesComeBackUnchanged(f *testing.F) {
	f.Add("toolkit", "@acme/widgets")
	f.Add(`a","b`, `\`)
	f.Add(`"`, `",`)
	f.Add(`]`, `["`)
	f.Add("<ü&\u2028>", "\x7f")
	f.Fuzz(func(t *testing.T, a, b string) {
		l := license.License{Key: "K", Constraint: license.NoConstraint(), Packages: []string{a, b}}
		if l.Validate() != nil {
			t.Skip()
		}
		text, err := encodePackages(l.Packages)
		require.NoError(t, err)
		require.NotContains(t, text, "\n")
		got, err := decodePackages(nil, text)
		require.NoError(t, err)
		require.Equal(t, l.Packages, got)
	})
}

func FuzzDecodeRowNeverPanics(f *testing.F) {
	f.Add("1\n2\n3\n0\nKEY\n{\"type\":\"none\"}\n[\"a\"]\n{}\na name\nof two lines")
	f.Add("1\n2\n3")
	f.Fuzz(func(t *testing.T, text string) {
		var l license.License
		st := stored{uuid.New(), text}
		if err := new(Store).decode(&l, st); err != nil {
			return
		}
		created, err := st.createdAt()
		require.NoError(t, err)
		require.Equal(t, l.CreatedAt.UnixMilli(), created)
	})
}
