package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/privatepkgs/license/internal/pgtest"
)

const two = `{"id":"0190b6c4-9d2a-7c3e-8f41-5a6b7c8d9e0f","name":"A","key":"A","constraint":{"type":"none"},"suspended":false,"meta":{},"packages":["toy"],"createdAt":1,"updatedAt":1}
{"id":"0190b6c4-9d2b-7d10-a2c6-1f2e3d4c5b6a","name":"B","key":"B","constraint":{"type":"none"},"suspended":false,"meta":{},"packages":["toy"],"createdAt":2,"updatedAt":2}
`

func TestWhatIsImportedIsExported(t *testing.T) {
	t.Parallel()
	for name, newDatabase := range map[string]func(*testing.T) string{
		"SQLite":     func(t *testing.T) string { return filepath.Join(t.TempDir(), "licenses.db") },
		"PostgreSQL": func(t *testing.T) string { return pgtest.Shared(t).NewDatabase(t) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := newDatabase(t)
			for _, want := range []string{"2 created, 0 unchanged, 0 left out", "0 created, 2 unchanged, 0 left out"} {
				var stdout, stderr strings.Builder
				require.NoError(t, run(t.Context(), []string{"-db", db}, strings.NewReader(two), &stdout, &stderr))
				assert.Contains(t, stderr.String(), want)
				assert.Empty(t, stdout.String())
			}
			var stdout, stderr strings.Builder
			require.NoError(t, run(t.Context(), []string{"-db", db, "-export"}, strings.NewReader(""), &stdout, &stderr))
			assert.Equal(t, two, stdout.String())
			assert.Equal(t, "2 licenses exported\n", stderr.String())
		})
	}
}

func TestBadLineIsNamed(t *testing.T) {
	t.Parallel()
	var stdout, stderr strings.Builder
	db := filepath.Join(t.TempDir(), "licenses.db")
	err := run(t.Context(), []string{"-db", db}, strings.NewReader(two+`{"id":1}`), &stdout, &stderr)
	require.ErrorContains(t, err, "line 3")
	assert.Contains(t, stderr.String(), "done up to line 2\n")
}

func TestLicensesThatAreLeftOutAreAnError(t *testing.T) {
	t.Parallel()
	var stdout, stderr strings.Builder
	db := filepath.Join(t.TempDir(), "licenses.db")
	require.NoError(t, run(t.Context(), []string{"-db", db}, strings.NewReader(two), &stdout, &stderr))
	other := strings.Replace(two, `"name":"A"`, `"name":"C"`, 1)
	require.ErrorContains(t, run(t.Context(), []string{"-db", db}, strings.NewReader(other), &stdout, &stderr), "left out: 1,")
	assert.Contains(t, stderr.String(), "0 created, 1 unchanged, 1 left out")
}

func TestWhatCannotBeMeantIsRefused(t *testing.T) {
	t.Parallel()
	missing := filepath.Join(t.TempDir(), "misspelt.db")
	for want, args := range map[string][]string{
		"flag provided but not defined": {"-nonsense"},
		`"licenses.ndjson" is none`:     {"-db", missing, "licenses.ndjson"},
		`"all" is none`:                 {"-db", missing, "all", "-export"},
		"there is nothing to export":    {"-db", missing, "-export"},
		"must not be empty":             {"-db", "", "-export"},
		"keeps nothing":                 {"-db", "memory:"},
	} {
		var stdout, stderr strings.Builder
		require.ErrorContains(t, run(t.Context(), args, strings.NewReader(two), &stdout, &stderr), want)
		assert.NoFileExists(t, missing)
	}
}
