package main

import (
	"encoding/json"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/privatepkgs/license"
	"github.com/privatepkgs/license/examples/internal/process"
	"github.com/privatepkgs/license/examples/internal/serve"
	"github.com/privatepkgs/license/internal/pgtest"
)

func TestServerPrintsWhatOneNeedsToBegin(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := start(t, dir, nil)

	assert.Contains(t, p.Stdout.String(), filepath.Join(dir, "licenses.db"))
	assert.FileExists(t, filepath.Join(dir, "licenses.db"))
	require.NotEmpty(t, p.token)
	status, body, err := p.do(t.Context(), http.MethodGet, "/v1/licenses", p.token, "")
	require.NoError(t, err)
	assert.Equal(t, http.StatusOK, status, body)

	again := start(t, dir, nil)
	assert.NotEqual(t, p.token, again.token, "the token is made anew at each start")
}

func TestServerListensOnTheDocumentedAddress(t *testing.T) {
	t.Parallel()
	c, err := parse(nil, func(string) string { return "" })
	require.NoError(t, err)
	assert.Equal(t, "127.0.0.1:8080", c.Addr)
	assert.Equal(t, "licenses.db", c.DB)
}

func TestServerPrintsACurlLineThatWorksWhenPasted(t *testing.T) {
	t.Parallel()
	process.Needs(t, "curl", "install curl to run the line that the server prints")
	process.Needs(t, "sh", "install a POSIX shell to run the line that the server prints")
	for name, env := range map[string][]string{
		"with a fresh token":       nil,
		"with a configured token":  {serve.TokensVariable + "=first-0123456789abcdef"},
		"with a token and another": {serve.TokensVariable + "=first-0123456789abcdef,second-0123456789abcde"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := start(t, t.TempDir(), env, "-db", "memory:")
			assert.NotContains(t, p.Stdout.String(), "0123456789", "a configured token is not printed")

			sh := exec.Command("sh", "-c", printedCurl.FindStringSubmatch(p.Stdout.String())[1])
			sh.Env = append(os.Environ(), env...)
			out, err := sh.Output()
			require.NoError(t, err)
			var created license.License
			require.NoError(t, json.Unmarshal(out, &created), "%s", out)
			assert.Equal(t, []string{"example-package"}, created.Packages)
			assert.NotEmpty(t, created.Key)
		})
	}
}

func TestServerTakesEveryConfiguredToken(t *testing.T) {
	t.Parallel()
	const first, second = "first-0123456789abcdef", "second-0123456789abcde"
	p := start(t, t.TempDir(), []string{serve.TokensVariable + "=" + first + "," + second}, "-db", "memory:")
	for token, want := range map[string]int{
		first:                http.StatusOK,
		second:               http.StatusOK,
		first + "," + second: http.StatusUnauthorized,
		"another":            http.StatusUnauthorized,
	} {
		status, body, err := p.do(t.Context(), http.MethodGet, "/v1/licenses", token, "")
		require.NoError(t, err)
		assert.Equal(t, want, status, body)
	}
}

func TestServerKeepsLicensesInTheFileAndNotInMemory(t *testing.T) {
	t.Parallel()
	for db, want := range map[string]int{"sold.db": 1, "memory:": 0} {
		t.Run(db, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			p := start(t, dir, nil, "-db", db)
			status, body, err := p.do(t.Context(), http.MethodPost, "/v1/licenses", p.token,
				`{"constraint":{"type":"none"},"packages":["example-package"]}`)
			require.NoError(t, err)
			require.Equal(t, http.StatusCreated, status, body)
			p.Kill()

			p = start(t, dir, nil, "-db", db)
			_, body, err = p.do(t.Context(), http.MethodGet, "/v1/licenses", p.token, "")
			require.NoError(t, err)
			var list struct{ Pagination struct{ Count int } }
			require.NoError(t, json.Unmarshal([]byte(body), &list), body)
			assert.Equal(t, want, list.Pagination.Count)
		})
	}
}

func TestServersOnOnePostgreSQLShareTheirLicenses(t *testing.T) {
	t.Parallel()
	db := pgtest.Shared(t).NewDatabase(t)
	here, there := start(t, t.TempDir(), nil, "-db", db), start(t, t.TempDir(), nil, "-db", db)
	assert.NotContains(t, here.Stdout.String(), db, "the password is not printed")
	status, created, err := here.do(t.Context(), http.MethodPost, "/v1/licenses", here.token,
		`{"constraint":{"type":"none"},"packages":["example-package"]}`)
	require.NoError(t, err)
	require.Equal(t, http.StatusCreated, status, created)
	_, list, err := there.do(t.Context(), http.MethodGet, "/v1/licenses", there.token, "")
	require.NoError(t, err)
	assert.Contains(t, list, "example-package")
}

func TestServerExplainsItselfOnHelp(t *testing.T) {
	t.Parallel()
	p := launch(t, t.TempDir(), nil, "-h")
	assert.Equal(t, 0, p.ExitCode(t))
	for _, word := range []string{"-addr", "-db", "memory:", serve.TokensVariable, "127.0.0.1:8080", "licenses.db"} {
		assert.Contains(t, p.Stdout.String(), word)
	}
	assert.Empty(t, p.Stderr.String())
}

func TestServerRefusesToStart(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = taken.Close() })
	const free = "127.0.0.1:0"

	for _, c := range []struct {
		name, tokens string
		args         []string
		says         []string // all on standard error
	}{
		{"on a taken port", "", []string{"-addr", taken.Addr().String()}, []string{"cannot listen on " + taken.Addr().String(), "-addr"}},
		{"on an address without a port", "", []string{"-addr", "localhost"}, []string{"cannot listen on localhost", "missing port"}},
		{"on a port beyond all ports", "", []string{"-addr", "127.0.0.1:99999"}, []string{"cannot listen on 127.0.0.1:99999", "invalid port"}},
		{"on an address of another machine", "", []string{"-addr", "192.0.2.1:8080"}, []string{"cannot listen on 192.0.2.1:8080"}},
		{"on an empty address", "", []string{"-addr", ""}, []string{"-addr must not be empty"}},
		{"on a file in a missing directory", "", []string{"-addr", free, "-db", "no/such/licenses.db"}, []string{"cannot open the database", "no/such/licenses.db"}},
		{"on a directory", "", []string{"-addr", free, "-db", "."}, []string{"cannot open the database", "directory"}},
		{"on a file that is not a database", "", []string{"-addr", free, "-db", "prose.txt"}, []string{"cannot open the database", "prose.txt", "not a database"}},
		{"on an empty database name", "", []string{"-addr", free, "-db", ""}, []string{"-db must not be empty"}},
		{"on an unknown scheme", "", []string{"-addr", free, "-db", "mysql://user:hunter2@host/db"}, []string{"unknown scheme mysql://"}},
		{"on SQLite's own name for memory", "", []string{"-addr", free, "-db", ":memory:"}, []string{"give memory:"}},
		{"on a PostgreSQL that does not answer", "", []string{"-addr", free, "-db", "postgres://user:hunter2@127.0.0.1:1/db"}, []string{"cannot open the database", "127.0.0.1:1"}},
		{"on a PostgreSQL URL that does not parse", "", []string{"-addr", free, "-db", "postgres://user:hunter2@127.0.0.1:port/db"}, []string{"cannot open the database"}},
		{"on an unknown flag", "", []string{"-port", "1"}, []string{"not defined: -port", "-h"}},
		{"on a flag without its value", "", []string{"-addr"}, []string{"needs an argument: -addr"}},
		{"on an argument that is no flag", "", []string{"serve"}, []string{`"serve"`, "-h"}},
		{"on an empty token", "hunter2-0123456789abcdef,", []string{"-addr", free}, []string{serve.TokensVariable, "token 2"}},
		{"on a token with a space", "first-0123456789abcdef, hunter2", []string{"-addr", free}, []string{serve.TokensVariable, "token 2"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			const prose = "This file is not a database; it holds prose, and must stay as it is."
			require.NoError(t, os.WriteFile(filepath.Join(dir, "prose.txt"), []byte(prose), 0o600))

			p := launch(t, dir, []string{serve.TokensVariable + "=" + c.tokens}, c.args...)
			assert.NotEqual(t, 0, p.ExitCode(t))
			said := p.Stderr.String()
			assert.True(t, strings.HasPrefix(said, "server: "), said)
			assert.LessOrEqual(t, strings.Count(said, "\n"), 3, "it says it in a sentence: %s", said)
			for _, words := range c.says {
				assert.Contains(t, said, words)
			}
			assert.NotContains(t, said, "hunter2", "no secret is repeated")
			assert.Empty(t, p.Stdout.String(), "nothing looks as if it had started")

			files, err := os.ReadDir(dir)
			require.NoError(t, err)
			assert.Len(t, files, 1, "nothing is left behind")
			kept, err := os.ReadFile(filepath.Join(dir, "prose.txt"))
			require.NoError(t, err)
			assert.Equal(t, prose, string(kept))
		})
	}
}

func TestServerRefusesAFileThatItMayNotWrite(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := start(t, dir, nil)
	p.Signal(t, syscall.SIGTERM)
	require.Equal(t, 0, p.ExitCode(t))
	file := filepath.Join(dir, "licenses.db")
	require.NoError(t, os.Chmod(file, 0o444))

	path := binary.Path(t)
	command := []string{path, "-addr", "127.0.0.1:0"}
	if os.Geteuid() == 0 { // who may write everywhere
		process.Needs(t, "setpriv", "install util-linux, or run the tests as another user than root")
		for _, readable := range []string{filepath.Dir(path), filepath.Dir(dir), dir} {
			require.NoError(t, os.Chmod(readable, 0o755))
		}
		command = append([]string{"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"}, command...)
	}
	p = launchCommand(t, dir, nil, command...)
	assert.Equal(t, 1, p.ExitCode(t))
	assert.Contains(t, p.Stderr.String(), "server: cannot open the database: ")
	assert.Contains(t, p.Stderr.String(), "must be allowed to write")
	assert.Empty(t, p.Stdout.String())
}
