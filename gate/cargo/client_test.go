package cargo_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/privatepkgs/license/internal/gatetest"
)

// project is a package in which cargo works, against a gated toy registry.
type project struct {
	t        *testing.T
	dir      string
	registry string
	key      string
}

func newServer(t *testing.T, l *gatetest.Licenses) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(http.StripPrefix("/cargo", gated(l, false, toyIndex(t))))
	t.Cleanup(s.Close)
	return s
}

func newProject(t *testing.T, s *httptest.Server, key string) *project {
	t.Helper()
	if _, err := exec.LookPath("cargo"); err != nil {
		const text = "this test drives cargo: install Rust, 1.74 or newer"
		if os.Getenv("CI") == "true" {
			t.Fatal(text)
		}
		t.Skip(text)
	}
	p := &project{t: t, dir: t.TempDir(), registry: s.URL + "/cargo/", key: key}
	p.write("src/lib.rs", "")
	p.write("home/config.toml", "[registries.toys]\nindex = \"sparse+"+p.registry+"\"\ncredential-provider = \"cargo:token\"\n")
	p.depend("")
	return p
}

func (p *project) depend(requirement string) {
	text := "[package]\nname = \"project\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\n[dependencies]\n"
	if requirement != "" {
		text += fmt.Sprintf("toy = { version = %q, registry = \"toys\" }\n", requirement)
	}
	p.write("Cargo.toml", text)
}

func (p *project) write(name, text string) {
	p.t.Helper()
	path := filepath.Join(p.dir, name)
	require.NoError(p.t, os.MkdirAll(filepath.Dir(path), 0o700))
	require.NoError(p.t, os.WriteFile(path, []byte(text), 0o600))
}

func (p *project) run(args ...string) (string, error) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "cargo", args...)
	cmd.Dir = p.dir
	cmd.Env = append(os.Environ(), "CARGO_HOME="+filepath.Join(p.dir, "home"), "CARGO_REGISTRIES_TOYS_TOKEN="+p.key,
		"CARGO_TERM_COLOR=never", "RUSTUP_AUTO_INSTALL=0", "http_proxy=", "https_proxy=", "HTTP_PROXY=", "HTTPS_PROXY=")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// fetched returns the versions whose sources cargo has.
func (p *project) fetched() []string {
	p.t.Helper()
	found, err := filepath.Glob(filepath.Join(p.dir, "home/registry/src/*/toy-*"))
	require.NoError(p.t, err)
	for i, dir := range found {
		found[i] = strings.TrimPrefix(filepath.Base(dir), "toy-")
	}
	return found
}

// forget removes what cargo has cached.
func (p *project) forget() {
	p.t.Helper()
	require.NoError(p.t, os.RemoveAll(filepath.Join(p.dir, "home/registry")))
}

func (p *project) unlock() {
	p.t.Helper()
	require.NoError(p.t, os.RemoveAll(filepath.Join(p.dir, "Cargo.lock")))
}

func lineWith(out, text string) string {
	for line := range strings.Lines(out) {
		if strings.Contains(line, text) {
			return strings.TrimSpace(line)
		}
	}
	return out
}

func TestCargo(t *testing.T) {
	t.Parallel()
	s := newServer(t, toyLicenses(t))

	t.Run("an unpinned fetch takes the newest version that is paid for, without a word", func(t *testing.T) {
		t.Parallel()
		for key, want := range map[string]string{"UNLIMITED": "2.1.0", "BELOW-2": "1.9.0", "Bearer BELOW-1.5": "1.0.0"} {
			p := newProject(t, s, key)
			out, err := p.run("add", "toy", "--registry", "toys")
			require.NoError(t, err, out)
			require.NotContains(t, out, "license")
			out, err = p.run("fetch")
			require.NoError(t, err, out)
			require.Equal(t, []string{want}, p.fetched(), "%s: %s", key, out)
			require.NotContains(t, out, "license")
		}
	})

	t.Run("a denial reaches the terminal", func(t *testing.T) {
		t.Parallel()
		for key, want := range map[string]string{
			"EXPIRED":   "Your license for toy expired on 1 June 2023. Renew it: https://acme.example/renew",
			"SUSPENDED": "Your license is suspended. Ask the seller to restore it: https://acme.example/renew",
			"FOREIGN":   "Your license does not cover toy. Add it: https://acme.example/renew",
			"UNKNOWN":   "No license has the key that was sent. Check that it is complete and current, or get one: https://acme.example/renew",
		} {
			p := newProject(t, s, key)
			p.depend("*")
			out, err := p.run("fetch")
			require.Error(t, err, out)
			if key == "UNKNOWN" {
				require.Contains(t, out, "token rejected for `toys`, please run `cargo login --registry toys`")
				require.Contains(t, out, p.registry+"config.json`, got 401\n  body:\n  "+want+"\n")
			} else {
				require.Contains(t, out, p.registry+"3/t/toy` (127.0.0.1), got 403\n  body:\n  "+want+"\n")
			}
			require.Empty(t, p.fetched())
			t.Logf("%s: %s", key, want)
		}
	})

	t.Run("a version that is paid for is fetched, one that is not is not", func(t *testing.T) {
		t.Parallel()
		p := newProject(t, s, "BELOW-2")
		p.depend("=1.0.0")
		out, err := p.run("fetch")
		require.NoError(t, err, out)
		require.Equal(t, []string{"1.0.0"}, p.fetched())
		for _, version := range []string{"2.1.0", "2.0.0-beta.1"} {
			p := newProject(t, s, "BELOW-2")
			p.depend("=" + version)
			out, err := p.run("fetch")
			require.Error(t, err, out)
			require.Empty(t, p.fetched())
			require.Contains(t, out, "version "+version+" is yanked") // nothing else could be said here
		}
	})

	t.Run("where all versions are denied, there is none", func(t *testing.T) {
		t.Parallel()
		p := newProject(t, s, "BELOW-1")
		p.depend("*")
		out, err := p.run("fetch")
		require.Error(t, err, out)
		require.Empty(t, p.fetched())
		require.Contains(t, out, "version 2.1.0 is yanked")
	})

	t.Run("a locked version is denied once it is not paid for", func(t *testing.T) {
		t.Parallel()
		p := newProject(t, s, "UNLIMITED")
		p.depend("*")
		out, err := p.run("fetch")
		require.NoError(t, err, out)
		p.forget()
		p.key = "BELOW-2"
		out, err = p.run("fetch", "--locked")
		require.Error(t, err, out)
		require.Contains(t, out, p.registry+"api/v1/crates/toy/2.1.0/download` (127.0.0.1), got 403\n  body:\n  "+
			"Your license for toy covers versions <2.0.0; 2.1.0 needs an upgrade: https://acme.example/renew\n")
		require.Empty(t, p.fetched())
		t.Logf("%s", lineWith(out, "needs an upgrade"))
	})

	t.Run("a renewed license works at once, and a changed key with a warm cache", func(t *testing.T) {
		t.Parallel()
		p := newProject(t, s, "BELOW-2")
		p.depend("*")
		for _, c := range []struct{ key, want string }{{"BELOW-2", "1.9.0"}, {"UNLIMITED", "2.1.0"}, {"BELOW-2", "1.9.0"}} {
			p.key = c.key
			p.unlock()
			require.NoError(t, os.RemoveAll(filepath.Join(p.dir, "home/registry/src"))) // the index stays
			out, err := p.run("fetch")
			require.NoError(t, err, out)
			require.Equal(t, []string{c.want}, p.fetched())
		}
	})
}

// Where the index says when a version was published, as the newest registries do.
func TestCargoWithAnExpiredLicenseThatKeepsWhatWasReleasedBefore(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.StripPrefix("/cargo", gated(toyLicenses(t), true, toyIndex(t))))
	t.Cleanup(s.Close)
	p := newProject(t, s, "EXPIRED")
	p.depend("*")
	out, err := p.run("fetch")
	require.NoError(t, err, out)
	require.Equal(t, []string{"1.9.0"}, p.fetched())
}

func TestCargoAfterSuspension(t *testing.T) {
	t.Parallel()
	l := toyLicenses(t)
	p := newProject(t, newServer(t, l), "UNLIMITED")
	p.depend("*")
	out, err := p.run("fetch")
	require.NoError(t, err, out)
	p.forget()
	out, err = p.run("fetch", "--locked")
	require.NoError(t, err, "the control: before the suspension it is fetched: %s", out)
	p.forget()
	l.Suspend("UNLIMITED")
	out, err = p.run("fetch", "--locked")
	require.Error(t, err, out)
	require.Contains(t, out, "got 403\n  body:\n  Your license is suspended. Ask the seller to restore it: https://acme.example/renew\n")
	require.Empty(t, p.fetched())
	t.Logf("%s", lineWith(out, "suspended"))
}
