package pypi_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/privatepkgs/license"
	"github.com/privatepkgs/license/internal/gatetest"
)

// server is a gated toy registry whose licenses can change.
type server struct {
	*httptest.Server
	l *gatetest.Licenses
}

func newServer(t *testing.T, fallback bool) *server {
	s := &server{l: toyLicenses(t, "Toy")}
	s.l.Add("LOCKED", license.NoConstraint(), "Toy") // which is then suspended
	s.Server = httptest.NewServer(http.StripPrefix("/pypi", gated(s.l, fallback, toy(t, "toy"))))
	t.Cleanup(s.Close)
	return s
}

// pip is pip with a cache of its own.
type pip struct {
	t      *testing.T
	python string
	server *server
	dir    string
}

func newPip(t *testing.T, s *server) *pip {
	t.Helper()
	python, err := exec.LookPath("python3")
	if err == nil {
		err = exec.CommandContext(t.Context(), python, "-m", "pip", "--version").Run()
	}
	if err != nil {
		const text = "this test drives the real client: install Python 3 with pip"
		if os.Getenv("CI") == "true" {
			t.Fatal(text)
		}
		t.Skip(text)
	}
	return &pip{t, python, s, t.TempDir()}
}

// run runs pip with a key; all of what it may read or write is in its directory.
func (p *pip) run(key string, args ...string) (output string, err error) {
	p.t.Helper()
	return p.runAs("user:"+key+"@", args...)
}

func (p *pip) runAs(userinfo string, args ...string) (output string, err error) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), 3*time.Minute)
	defer cancel()
	index := p.host(userinfo) + "/pypi/simple/"
	cmd := exec.CommandContext(ctx, p.python, append([]string{"-m", "pip", args[0], "--isolated", "--no-deps",
		"--disable-pip-version-check", "--no-color", "--index-url", index}, args[1:]...)...)
	cmd.Dir = p.dir
	// --isolated has pip ignore its variables in the environment too, so the cache goes by the home.
	cmd.Env = append(os.Environ(), "HOME="+p.dir, "XDG_CACHE_HOME="+filepath.Join(p.dir, "cache"), "NO_PROXY=127.0.0.1")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// host returns the URL of the server, as pip writes it.
func (p *pip) host(userinfo string) string {
	return strings.Replace(p.server.URL, "://", "://"+userinfo, 1)
}

func (p *pip) install(key string, spec ...string) (output string, err error) {
	p.t.Helper()
	return p.run(key, append([]string{"install", "--upgrade", "--target", filepath.Join(p.dir, "site")}, spec...)...)
}

// installed returns the version that is installed, and "" for none.
func (p *pip) installed() string {
	found, err := filepath.Glob(filepath.Join(p.dir, "site", "toy-*.dist-info"))
	require.NoError(p.t, err)
	if len(found) != 1 {
		return strings.Join(found, " ")
	}
	return strings.TrimSuffix(strings.TrimPrefix(filepath.Base(found[0]), "toy-"), ".dist-info")
}

func (p *pip) remove() { require.NoError(p.t, os.RemoveAll(filepath.Join(p.dir, "site"))) }

// short skips what takes pip more than a few seconds.
func short(t *testing.T) {
	t.Helper()
	if os.Getenv("LICENSE_LONG_TESTS") == "" && os.Getenv("CI") != "true" {
		t.Skip("set LICENSE_LONG_TESTS=1 to run more of pip")
	}
}

func TestPip(t *testing.T) {
	t.Parallel()
	s := newServer(t, false)

	t.Run("an unpinned install takes the newest version that is paid for, without a word", func(t *testing.T) {
		t.Parallel()
		for key, want := range map[string]string{"UNLIMITED": "2.1.0", "BELOW-2": "1.9.0"} {
			p := newPip(t, s)
			out, err := p.install(key, "toy")
			require.NoError(t, err, out)
			require.Equal(t, want, p.installed())
			require.NotContains(t, out, "license")
		}
	})

	t.Run("an expired license keeps what was released before, where the seller says so", func(t *testing.T) {
		t.Parallel()
		short(t)
		p := newPip(t, newServer(t, true))
		out, err := p.install("EXPIRED", "toy")
		require.NoError(t, err, out)
		require.Equal(t, "1.9.0", p.installed())
	})

	t.Run("nor does a prerelease come with --pre", func(t *testing.T) {
		t.Parallel()
		short(t)
		p := newPip(t, s)
		out, err := p.install("BELOW-2", "--pre", "toy>=1.0")
		require.NoError(t, err, out)
		require.Equal(t, "1.9.0", p.installed())
	})

	t.Run("a denial reaches the terminal", func(t *testing.T) {
		t.Parallel()
		short(t)
		for key, want := range map[string]string{
			"EXPIRED":   "Your license for toy expired on 1 June 2023. Renew it: https://acme.example/renew",
			"SUSPENDED": "Your license is suspended. Ask the seller to restore it: https://acme.example/renew",
			"FOREIGN":   "Your license does not cover toy. Add it: https://acme.example/renew",
			"BELOW-1":   "Your license for toy covers versions <1.0.0; 2.1.0 needs an upgrade: https://acme.example/renew",
			"UNKNOWN":   "", // pip asks for another password instead, or without a terminal finds nothing
		} {
			p := newPip(t, s)
			out, err := p.install(key, "toy", "--no-input")
			require.Error(t, err, out)
			if want != "" {
				require.Contains(t, out, "WARNING: Skipping page "+p.host("user:****@")+"/pypi/simple/toy/ because the GET request got Content-Type: text/plain; "+want+". The only supported")
			}
			require.Contains(t, out, "ERROR: No matching distribution found for toy\n")
			require.Empty(t, p.installed())
			t.Logf("%s: %s", key, out)
		}
	})

	t.Run("a pinned version that is paid for is installed", func(t *testing.T) {
		t.Parallel()
		short(t)
		p := newPip(t, s)
		out, err := p.install("BELOW-2", "toy==1.0.0")
		require.NoError(t, err, out)
		require.Equal(t, "1.0.0", p.installed())
	})

	t.Run("a pinned version that is not paid for is denied with the reason", func(t *testing.T) {
		t.Parallel()
		for i, version := range []string{"2.1.0", "2.0.0b1"} {
			if i > 0 {
				short(t)
			}
			p := newPip(t, s)
			out, err := p.install("BELOW-2", "toy=="+version)
			require.Error(t, err, out)
			require.Empty(t, p.installed())
			require.Contains(t, out, "403 Client Error: Your license for toy covers versions <2.0.0; "+version+" needs an upgrade: https://acme.example/renew for url: "+
				p.host("")+"/pypi"+wheelPath(version)+".metadata\n")
			t.Log(out)
		}
	})

	t.Run("what is locked with hashes is not installed after suspension", func(t *testing.T) {
		t.Parallel()
		short(t)
		p := newPip(t, s)
		out, err := p.run("LOCKED", "download", "toy==2.1.0", "-d", filepath.Join(p.dir, "files"))
		require.NoError(t, err, out)
		lock := filepath.Join(p.dir, "requirements.txt")
		require.NoError(t, os.WriteFile(lock, []byte("toy==2.1.0 --hash=sha256:"+digest(t, filepath.Join(p.dir, "files/toy-2.1.0-py3-none-any.whl"))+"\n"), 0o600))
		out, err = p.install("LOCKED", "-r", lock)
		require.NoError(t, err, out)
		require.Equal(t, "2.1.0", p.installed(), "the control: before the suspension it does")
		p.remove()

		s.l.Suspend("LOCKED")
		out, err = p.install("LOCKED", "-r", lock)
		require.Error(t, err, out)
		require.Contains(t, out, "got Content-Type: text/plain; Your license is suspended. Ask the seller to restore it: https://acme.example/renew. The only")
		require.Empty(t, p.installed())
		t.Log(out)

		wheel := p.host("user:LOCKED@") + "/pypi" + wheelPath("2.1.0")
		out, err = p.install("LOCKED", "toy @ "+wheel)
		require.Error(t, err, out)
		require.Contains(t, out, "HTTP error 402 Client Error: Your license is suspended. Ask the seller to restore it: https://acme.example/renew for url: ",
			"also where the lock file names the file")
		t.Log(out)
	})

	t.Run("a changed key works at once with a warm cache", func(t *testing.T) {
		t.Parallel()
		short(t)
		p := newPip(t, s)
		for _, step := range []struct{ key, want string }{{"BELOW-2", "1.9.0"}, {"UNLIMITED", "2.1.0"}, {"BELOW-2", "1.9.0"}} {
			out, err := p.install(step.key, "toy")
			require.NoError(t, err, out)
			require.Equal(t, step.want, p.installed())
			p.remove()
		}
	})

	t.Run("the key comes in the URL without a user too, and from .netrc", func(t *testing.T) {
		t.Parallel()
		short(t)
		for _, userinfo := range []string{"BELOW-2@", "BELOW-2:@", ""} {
			p := newPip(t, s)
			if userinfo == "" {
				netrc := "machine 127.0.0.1 login anyone password BELOW-2\n"
				require.NoError(t, os.WriteFile(filepath.Join(p.dir, ".netrc"), []byte(netrc), 0o600))
			}
			out, err := p.runAs(userinfo, "download", "--no-input", "toy", "-d", filepath.Join(p.dir, "files"))
			require.NoError(t, err, out)
			require.FileExists(t, filepath.Join(p.dir, "files/toy-1.9.0-py3-none-any.whl"))
		}
	})

	t.Run("fast-deps reads parts of a wheel", func(t *testing.T) {
		t.Parallel()
		short(t)
		p := newPip(t, s)
		out, err := p.install("BELOW-2", "--use-feature=fast-deps", "toy")
		require.NoError(t, err, out)
		require.Equal(t, "1.9.0", p.installed())
	})

	t.Run("a source distribution is gated as its wheel is", func(t *testing.T) {
		t.Parallel()
		short(t)
		p := newPip(t, s)
		files := filepath.Join(p.dir, "files")
		out, err := p.run("BELOW-2", "download", "--no-binary", ":all:", "--no-build-isolation", "toy==2.1.0", "-d", files)
		require.Error(t, err, out)
		require.Contains(t, out, "Your license for toy covers versions <2.0.0; 2.1.0 needs an upgrade")
	})
}

func digest(t *testing.T, file string) string {
	t.Helper()
	content, err := os.ReadFile(file)
	require.NoError(t, err)
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}
