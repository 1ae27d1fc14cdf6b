package main

import (
	"net"
	"net/http"
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/privatepkgs/license/examples/internal/serve"
	"github.com/privatepkgs/license/internal/pgtest"
)

func TestRegistryRefusesToStart(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = taken.Close() })
	const free = "127.0.0.1:0"
	for _, c := range []struct {
		name string
		args []string
		says []string
	}{
		{"on a port that is taken", []string{"-addr", taken.Addr().String(), "-tls", free}, []string{"cannot listen on " + taken.Addr().String(), "-addr"}},
		{"on a TLS port that is taken", []string{"-addr", free, "-tls", taken.Addr().String()}, []string{"cannot listen on " + taken.Addr().String(), "-tls"}},
		{"on an empty TLS address", []string{"-tls", ""}, []string{"-tls must not be empty"}},
		{"on a registry that is no URL", []string{"-npm", "verdaccio"}, []string{"-npm must be the URL of a registry"}},
		{"on a registry without a scheme", []string{"-go", "localhost:3000"}, []string{"-go must be the URL of a registry"}},
		{"on a registry without a host", []string{"-pypi", "http://:3141"}, []string{"-pypi must be the URL of a registry"}},
		{"on a registry with another scheme", []string{"-cargo", "ssh://user:hunter2@host"}, []string{"-cargo must be the URL of a registry"}},
		{"on a registry with a bad port", []string{"-cargo", "http://user:hunter2@host:port"}, []string{"-cargo must be the URL of a registry"}},
		{"on a registry that is empty", []string{"-npm", ""}, []string{"-npm must be the URL of a registry"}},
		{"on a registry with a query", []string{"-npm", "http://host/?token=hunter2"}, []string{"-npm", "without ? and #"}},
		{"on a registry with a fragment", []string{"-npm", "http://host/#hunter2"}, []string{"-npm", "without ? and #"}},
		{"on an unknown flag", []string{"-gem", "http://host"}, []string{"not defined: -gem", "-h"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			p := launch(t, dir, []string{"TMPDIR=" + dir}, c.args...)
			assert.NotEqual(t, 0, p.ExitCode(t))
			said := p.Stderr.String()
			assert.True(t, strings.HasPrefix(said, "registry: "), said)
			assert.LessOrEqual(t, strings.Count(said, "\n"), 2, "it says it in a sentence: %s", said)
			for _, words := range c.says {
				assert.Contains(t, said, words)
			}
			assert.NotContains(t, said, "hunter2", "no secret is repeated")
			assert.Empty(t, p.Stdout.String(), "nothing looks as if it had started")
			left, err := os.ReadDir(dir)
			require.NoError(t, err)
			assert.Empty(t, left, "nothing is left behind")
		})
	}
}

func TestRegistryListensOnTheDocumentedAddresses(t *testing.T) {
	t.Parallel()
	s, err := parse(nil, func(string) string { return "" })
	require.NoError(t, err)
	assert.Equal(t, "127.0.0.1:8080", s.Addr)
	assert.Equal(t, "127.0.0.1:8443", s.tls)
	assert.Equal(t, "licenses.db", s.DB)
	assert.Empty(t, s.upstreams)
}

func TestRegistryPrintsHelpThatNamesEveryFlag(t *testing.T) {
	t.Parallel()
	p := launch(t, t.TempDir(), nil, "-h")
	assert.Equal(t, 0, p.ExitCode(t))
	for _, flag := range []string{"-addr", "-tls", "-db", serve.TokensVariable} {
		assert.Contains(t, p.Stdout.String(), flag)
	}
	for _, e := range ecosystems() {
		assert.Contains(t, p.Stdout.String(), "-"+e.name+" URL")
	}
}

func TestRegistryEndsInOrderAndLeavesNothingBehindButItsDatabase(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	temporary := t.TempDir()
	p := start(t, dir, []string{"TMPDIR=" + temporary})
	p.Signal(t, syscall.SIGTERM)
	assert.Equal(t, 0, p.ExitCode(t))
	left, err := os.ReadDir(temporary)
	require.NoError(t, err)
	assert.Empty(t, left)
	assert.FileExists(t, dir+"/licenses.db")
}

func TestLicensesAreFoundAgainAsSomebodyHasChangedThem(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := start(t, dir, nil)
	out := shell(t, p.suspend)
	require.Contains(t, out, `"suspended":true`)
	p.Signal(t, syscall.SIGTERM)
	require.Equal(t, 0, p.ExitCode(t))

	again := start(t, dir, nil)
	assert.Equal(t, []string{suspended, below2, expired, suspended}, again.opens)
	assert.Equal(t, p.keys[below2], again.keys[below2])
}

func TestInstancesOnOneDatabaseTellEachOther(t *testing.T) {
	t.Parallel()
	db := pgtest.Shared(t).NewDatabase(t)
	p := start(t, t.TempDir(), nil, "-db", db)
	other := start(t, t.TempDir(), nil, "-db", db)
	require.Equal(t, p.keys, other.keys, "the licenses are the same")
	other.Await(t, "the other instance to listen", func() bool { return strings.Contains(other.Stderr.String(), "listening for changes") })
	const archive = "/npm/@acme/toy/-/toy-2.1.0.tgz"
	status, body := other.get(t, archive, p.keys[unlimited])
	require.Equal(t, http.StatusOK, status, body)
	shell(t, p.suspend)
	require.Eventually(t, func() bool {
		status, body = other.get(t, archive, p.keys[unlimited])
		return status == http.StatusPaymentRequired
	}, time.Minute, time.Millisecond)
	assert.Contains(t, body, "Your license is suspended.")
}

func TestDecisionsAreLoggedAndCountedAndNoKeyIsShown(t *testing.T) {
	t.Parallel()
	p := start(t, t.TempDir(), nil, "-db", "memory:")
	for _, c := range []struct {
		path, key string
		want      int
	}{
		{"/npm/@acme/toy", p.keys[unlimited], http.StatusOK},
		{"/npm/@acme/toy/-/toy-2.1.0.tgz", p.keys[below2], http.StatusForbidden},
		{"/npm/-/" + p.keys[below2], p.keys[below2], http.StatusForbidden},
		{"/go/example.com/toy/@v/list", p.keys[expired], http.StatusForbidden},
		{"/pypi/simple/toy/", p.keys[suspended], http.StatusPaymentRequired},
		{"/cargo/config.json", "", http.StatusUnauthorized},
		{"/cargo/config.json", "somebody-elses", http.StatusUnauthorized},
		{"/healthz", "", http.StatusOK},
		{"/v1/licenses", p.keys[unlimited], http.StatusUnauthorized},
		{"/rubygems/specs.4.8.gz", p.keys[unlimited], http.StatusUnauthorized}, // the API's, as all the rest
	} {
		status, body := p.get(t, c.path, c.key)
		assert.Equal(t, c.want, status, "%s: %s", c.path, body)
	}

	_, metrics := p.get(t, "/metrics", "")
	for code, count := range map[string]string{
		"VALID": "1", "VERSION_NOT_ALLOWED": "1", "EXPIRED": "1", "SUSPENDED": "1", "NO_KEY": "1", "NOT_FOUND": "1", "NOT_RECOGNIZED": "1",
	} {
		assert.Contains(t, metrics, `license_gate_decisions_total{code="`+code+`"} `+count+"\n")
	}
	log := p.Stderr.String()
	assert.Regexp(t, `msg=decision code=VERSION_NOT_ALLOWED ecosystem=npm kind=artifact package=@acme/toy version=2.1.0 license=[0-9a-f-]{36}\n`, log)
	for opens, key := range p.keys {
		assert.NotContains(t, log+metrics, key, opens)
	}
	assert.NotContains(t, log, "somebody-elses")
	token := regexp.MustCompile(`API token +(\S+)`).FindStringSubmatch(p.Stdout.String())[1]
	assert.NotContains(t, log, token)
}
