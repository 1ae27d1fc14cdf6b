package sqlite_test

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/privatepkgs/license"
	"github.com/privatepkgs/license/sqlstore/sqlite"
)

func newLicense(key string) *license.License {
	return &license.License{Key: key, Constraint: license.NoConstraint(), Packages: []string{"toolkit"}}
}

// rawDB opens a file without the library.
func rawDB(tb testing.TB, path string) *sql.DB {
	tb.Helper()
	db, err := sql.Open("sqlite", path)
	require.NoError(tb, err)
	return db
}

func execText(tb testing.TB, db *sql.DB, text string) {
	tb.Helper()
	_, err := db.ExecContext(tb.Context(), text)
	require.NoError(tb, err)
}

// snapshot returns the hash of every file in a directory.
func snapshot(tb testing.TB, dir string) map[string]string {
	tb.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(tb, err)
	files := make(map[string]string)
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		require.NoError(tb, err)
		files[e.Name()] = fmt.Sprintf("%x", sha256.Sum256(data))
	}
	return files
}

func TestOpenRefusesFilesThatAreNotItsOwnAndLeavesThemAsTheyAre(t *testing.T) {
	t.Parallel()
	newer := func(t *testing.T, path string) {
		require.NoError(t, open(t, path).Close())
		db := rawDB(t, path)
		execText(t, db, `INSERT INTO pkg_license_migrations VALUES (1000)`)
		require.NoError(t, db.Close())
	}
	for _, test := range []struct {
		name, says string
		make       func(t *testing.T, path string)
	}{
		{"Text", "not a SQLite database", func(t *testing.T, path string) {
			require.NoError(t, os.WriteFile(path, []byte("hello"), 0o600))
		}},
		{"LongText", "not a SQLite database", func(t *testing.T, path string) {
			require.NoError(t, os.WriteFile(path, make([]byte, 100_000), 0o600))
		}},
		{"Damaged", "damaged", func(t *testing.T, path string) {
			require.NoError(t, open(t, path).Close())
			data, err := os.ReadFile(path)
			require.NoError(t, err)
			for i := 100; i < len(data); i++ {
				data[i] = 0xA5
			}
			require.NoError(t, os.WriteFile(path, data, 0o600))
		}},
		{"AnotherApplication", "another application", func(t *testing.T, path string) {
			db := rawDB(t, path)
			execText(t, db, `CREATE TABLE licenses (id TEXT)`)
			require.NoError(t, db.Close())
		}},
		{"AnotherApplicationWithLog", "another application", func(t *testing.T, path string) {
			db := rawDB(t, path)
			execText(t, db, `PRAGMA journal_mode = wal`)
			execText(t, db, `CREATE TABLE licenses (id TEXT)`)
			require.NoError(t, db.Close())
		}},
		{"Newer", "newer version of the library", newer},
		{"NewerWithLogLeftByACrash", "newer version of the library", func(t *testing.T, path string) {
			source := filepath.Join(t.TempDir(), "source.db")
			newer(t, source)
			db := rawDB(t, source)
			defer db.Close()
			execText(t, db, `INSERT INTO pkg_license_migrations VALUES (1001)`)
			for _, suffix := range []string{"", "-wal"} {
				data, err := os.ReadFile(source + suffix)
				require.NoError(t, err)
				require.NotEmpty(t, data)
				require.NoError(t, os.WriteFile(path+suffix, data, 0o600))
			}
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			path := filepath.Join(dir, "licenses.db")
			test.make(t, path)
			before := snapshot(t, dir)
			_, err := sqlite.Open(t.Context(), path)
			require.ErrorContains(t, err, test.says)
			require.ErrorContains(t, err, path)
			after := snapshot(t, dir)
			if test.name == "NewerWithLogLeftByACrash" {
				delete(after, "licenses.db-shm") // an index of the log, made anew at will
			}
			require.Equal(t, before, after)
		})
	}
}

// A newer instance may be at work on the file at the same time.
func TestOpenRefusesNewerFileInUse(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "licenses.db")
	s := open(t, path)
	require.NoError(t, s.Create(t.Context(), newLicense("A")))
	db := rawDB(t, path)
	execText(t, db, `INSERT INTO pkg_license_migrations VALUES (1000)`)
	require.NoError(t, db.Close())
	_, err := sqlite.Open(t.Context(), path)
	require.ErrorContains(t, err, "newer version of the library")
	require.NoError(t, s.Create(t.Context(), newLicense("B")))
}

func TestOpenSaysWhyAPathCannotBeUsed(t *testing.T) {
	t.Parallel()
	for path, says := range map[string]string{
		"":                                       "path is needed",
		":memory:":                               "memstore",
		"a\x00b":                                 "NUL",
		t.TempDir():                              "directory",
		filepath.Join(t.TempDir(), "no", "x.db"): "directory must exist",
	} {
		_, err := sqlite.Open(t.Context(), path)
		assert.ErrorContains(t, err, says, path)
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := sqlite.Open(cancelled, filepath.Join(t.TempDir(), "x.db"))
	require.ErrorIs(t, err, context.Canceled)
}

func TestOpenRefusesWhatItCannotWrite(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("this system has other permissions")
	}
	if os.Getuid() == 0 {
		runAsNobody(t)
		return
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "licenses.db")
	require.NoError(t, open(t, path).Close())
	require.NoError(t, os.Chmod(path, 0o400))
	_, err := sqlite.Open(t.Context(), path)
	require.ErrorContains(t, err, "allowed to write")
	require.NoError(t, os.Chmod(path, 0o600))
	require.NoError(t, os.Chmod(dir, 0o500))
	defer os.Chmod(dir, 0o700)
	for _, name := range []string{path, filepath.Join(dir, "new.db")} {
		_, err = sqlite.Open(t.Context(), name)
		require.ErrorContains(t, err, "allowed to write")
	}
}

// runAsNobody runs the test once more as a user whom permissions bind, unlike root.
func runAsNobody(t *testing.T) {
	t.Helper()
	setpriv, err := exec.LookPath("setpriv")
	if err != nil {
		const text = "permissions do not bind root: run this test as an ordinary user, or install setpriv (util-linux)"
		if os.Getenv("CI") == "true" {
			t.Fatal(text)
		}
		t.Skip(text)
	}
	dir, err := os.MkdirTemp("", "license-nobody-") // t.TempDir lies in a folder that others cannot enter
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	require.NoError(t, os.Chmod(dir, 0o777))
	self, err := os.Executable()
	require.NoError(t, err)
	program, err := os.ReadFile(self)
	require.NoError(t, err)
	self = filepath.Join(dir, "test")
	require.NoError(t, os.WriteFile(self, program, 0o755))
	cmd := exec.CommandContext(t.Context(), setpriv, "--reuid=65534", "--regid=65534", "--clear-groups",
		self, "-test.v", "-test.run", "^"+t.Name()+"$")
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "TMPDIR="+dir)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Contains(t, string(out), "--- PASS: "+t.Name())
}

func TestOpenTakesEveryFileName(t *testing.T) {
	t.Parallel()
	names := []string{"plain.db", "with space.db", "a?mode=ro&x=1", "a#b", "100%25", "%2e", "a+b&c", "ünïcode", "file:x", "'quoted'"}
	dir := t.TempDir()
	for _, name := range names {
		s := open(t, filepath.Join(dir, name))
		require.NoError(t, s.Create(t.Context(), newLicense("")))
		require.NoError(t, s.Close())
		s = open(t, filepath.Join(dir, name))
		page, err := s.List(t.Context(), license.Query{})
		require.NoError(t, err)
		require.Len(t, page.Licenses, 1)
		require.NoError(t, s.Close())
	}
	var found []string
	for name := range snapshot(t, dir) {
		found = append(found, name)
	}
	require.ElementsMatch(t, names, found, "each its own file, and no log left")
}

func TestNewFileIsReadByItsOwnerOnly(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("this system has other permissions")
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "licenses.db")
	s := open(t, path)
	require.NoError(t, s.Create(t.Context(), newLicense("")))
	for _, name := range []string{path, path + "-wal"} {
		info, err := os.Stat(name)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), name)
	}
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 3) // the file, its log and the index of the log
}

func TestOpenFollowsALink(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "licenses.db")
	require.NoError(t, open(t, path).Create(t.Context(), newLicense("A")))
	link := filepath.Join(t.TempDir(), "link.db")
	require.NoError(t, os.Symlink(path, link))
	_, err := open(t, link).GetByKey(t.Context(), "A")
	require.NoError(t, err)
}

func TestOpenMakesTheFileThatALinkLeadsTo(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "data", "v1", "deep"), 0o700))
	require.NoError(t, os.Symlink(filepath.Join("data", "v1"), filepath.Join(dir, "current")))
	require.NoError(t, os.Symlink(filepath.Join("v1", "deep"), filepath.Join(dir, "data", "deep")))
	require.NoError(t, os.Symlink("../deep/../../../made.db", filepath.Join(dir, "data", "v1", "a.db"))) // .. of v1/deep
	require.NoError(t, os.Symlink(filepath.Join(dir, "current", "a.db"), filepath.Join(dir, "b.db")))
	require.NoError(t, open(t, filepath.Join(dir, "b.db")).Create(t.Context(), newLicense("A")))
	for _, name := range []string{"made.db", "made.db-wal"} {
		info, err := os.Lstat(filepath.Join(dir, name))
		require.NoError(t, err)
		require.True(t, info.Mode().IsRegular())
		if runtime.GOOS != "windows" {
			require.Zero(t, info.Mode().Perm()&0o077, name)
		}
	}
	require.NoError(t, os.Symlink("circle.db", filepath.Join(dir, "circle.db")))
	_, err := sqlite.Open(t.Context(), filepath.Join(dir, "circle.db"))
	require.Error(t, err)

	// .. behind a link to a folder leads to the parent of that folder.
	_, err = open(t, dir+"/data/deep/../../../made.db").GetByKey(t.Context(), "A")
	require.NoError(t, err)
}

func TestOpenTakesAnEmptyFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "licenses.db")
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	require.NoError(t, open(t, path).Create(t.Context(), newLicense("A")))
}

func TestTenInstancesOpenOneNewFileAtOnce(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "licenses.db")
	var wg sync.WaitGroup
	for i := range 10 {
		wg.Go(func() {
			s, err := sqlite.Open(t.Context(), path)
			if !assert.NoError(t, err) {
				return
			}
			assert.NoError(t, s.Create(t.Context(), newLicense(fmt.Sprint("KEY-", i))))
			assert.NoError(t, s.Close())
		})
	}
	wg.Wait()
	page, err := open(t, path).List(t.Context(), license.Query{})
	require.NoError(t, err)
	require.Len(t, page.Licenses, 10)
}

func TestClockOfOptionsIsUsed(t *testing.T) {
	t.Parallel()
	noon := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	s, err := sqlite.Options{Now: func() time.Time { return noon }}.Open(t.Context(), filepath.Join(t.TempDir(), "x.db"))
	require.NoError(t, err)
	defer s.Close()
	l := newLicense("A")
	require.NoError(t, s.Create(t.Context(), l))
	require.Equal(t, noon, l.CreatedAt)
}
