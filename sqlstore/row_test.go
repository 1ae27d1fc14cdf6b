package sqlstore

import (
	"testing"

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
	const row = "00112233445566778899AABBCCDDEEFF\n1\n2\n3\n0\n19\na name\nof two lines\nKEY\n{\"type\":\"none\"}\n[\"a\"]\n{}"
	f.Add(row)
	f.Add(row + "\n" + row)
	f.Add("00112233445566778899aabbccddeeff\n1\n2\n3")
	f.Fuzz(func(t *testing.T, text string) {
		found, err := readRows(text, 1)
		if err == nil {
			_, _ = new(Store).decodeAll(found)
		}
	})
}
