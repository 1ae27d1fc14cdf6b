package composer_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/privatepkgs/license/internal/gatetest"
)

// project is one in which Composer works, against a gated toy registry.
type project struct {
	t    *testing.T
	dir  string
	host string
	url  string
}

func newServer(t *testing.T, l *gatetest.Licenses) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(http.StripPrefix("/composer", gated(l, false, toyRegistry(t))))
	t.Cleanup(s.Close)
	return s
}

func newProject(t *testing.T, s *httptest.Server, key string) *project {
	t.Helper()
	if _, err := exec.LookPath("composer"); err != nil {
		const text = "this test drives Composer: install PHP and Composer 2"
		if os.Getenv("CI") == "true" {
			t.Fatal(text)
		}
		t.Skip(text)
	}
	p := &project{t: t, dir: t.TempDir(), host: strings.TrimPrefix(s.URL, "http://"), url: s.URL + "/composer"}
	p.configure(nil)
	p.setKey(key)
	return p
}

// configure writes composer.json, which requires nothing yet.
func (p *project) configure(more map[string]any) {
	p.t.Helper()
	manifest := map[string]any{
		"name": "customer/project", "require": map[string]string{},
		"repositories": []any{map[string]string{"type": "composer", "url": p.url}, map[string]bool{"packagist.org": false}},
		"config":       map[string]any{"secure-http": false},
	}
	for name, value := range more {
		manifest[name] = value
	}
	p.writeJSON("composer.json", manifest)
}

func (p *project) setKey(key string) {
	p.t.Helper()
	p.writeJSON("home/auth.json", map[string]any{"http-basic": map[string]any{p.host: map[string]string{"username": "user", "password": key}}})
}

func (p *project) writeJSON(name string, value any) {
	p.t.Helper()
	text, err := json.Marshal(value)
	require.NoError(p.t, err)
	path := filepath.Join(p.dir, name)
	require.NoError(p.t, os.MkdirAll(filepath.Dir(path), 0o700))
	require.NoError(p.t, os.WriteFile(path, text, 0o600))
}

func (p *project) run(args ...string) (string, error) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "composer", append([]string{"--no-interaction", "--no-ansi"}, args...)...)
	cmd.Dir = p.dir
	cmd.Env = append(os.Environ(), "COMPOSER_HOME="+filepath.Join(p.dir, "home"), "COMPOSER_CACHE_DIR="+filepath.Join(p.dir, "cache"),
		"COMPOSER_ALLOW_SUPERUSER=1", "COMPOSER_AUTH=", "COLUMNS=500", "http_proxy=", "https_proxy=", "HTTP_PROXY=", "HTTPS_PROXY=")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// installed returns the version of the toy that is there, and "" for none.
func (p *project) installed() string {
	p.t.Helper()
	source, err := os.ReadFile(filepath.Join(p.dir, "vendor/acme/toy/toy.php"))
	if os.IsNotExist(err) {
		return ""
	}
	require.NoError(p.t, err)
	return string(regexp.MustCompile(`TOY_VERSION = '(.*)'`).FindSubmatch(source)[1])
}

// remove takes away what is installed, so that it has to be fetched again.
func (p *project) remove(more ...string) {
	p.t.Helper()
	for _, name := range append([]string{"vendor"}, more...) {
		require.NoError(p.t, os.RemoveAll(filepath.Join(p.dir, name)))
	}
}

func lineWith(out, text string) string {
	for line := range strings.Lines(out) {
		if strings.Contains(line, text) {
			return strings.TrimSpace(line)
		}
	}
	return out
}

func TestComposer(t *testing.T) {
	t.Parallel()
	s := newServer(t, toyLicenses(t))

	t.Run("an unpinned require takes the newest version that is paid for, without a word", func(t *testing.T) {
		t.Parallel()
		for key, want := range map[string]string{"UNLIMITED": "2.1.0", "BELOW-2": "1.9.0", "BELOW-1.5": "1.0.0"} {
			p := newProject(t, s, key)
			out, err := p.run("require", "acme/toy")
			require.NoError(t, err, out)
			require.Equal(t, want, p.installed(), out)
			require.NotContains(t, out, "Warning from")
			require.NotContains(t, out, "license for")
		}
	})

	t.Run("nor does it take another where development versions are wanted", func(t *testing.T) {
		t.Parallel()
		for _, preferStable := range []bool{true, false} {
			p := newProject(t, s, "BELOW-2")
			p.configure(map[string]any{"minimum-stability": "dev", "prefer-stable": preferStable})
			out, err := p.run("require", "acme/toy")
			require.NoError(t, err, out)
			require.Equal(t, "1.9.0", p.installed(), out)
		}
	})

	t.Run("nor does it say a word at an update", func(t *testing.T) {
		t.Parallel()
		p := newProject(t, s, "BELOW-2")
		for _, args := range [][]string{{"require", "acme/toy:*"}, {"update"}, {"outdated"}, {"install"}} {
			out, err := p.run(args...)
			require.NoError(t, err, out)
			require.NotContains(t, out, "license for")
		}
		require.Equal(t, "1.9.0", p.installed())
	})

	t.Run("a denial reaches the terminal", func(t *testing.T) {
		t.Parallel()
		for key, want := range map[string]string{
			"EXPIRED":   "Your license for acme/toy expired on 1 June 2023. Renew it: https://acme.example/renew",
			"SUSPENDED": "Your license is suspended. Ask the seller to restore it: https://acme.example/renew",
			"FOREIGN":   "Your license does not cover acme/toy. Add it: https://acme.example/renew",
			"BELOW-1":   "Your license for acme/toy covers versions <1.0.0; 2.1.0 needs an upgrade: https://acme.example/renew",
			"UNKNOWN":   "No license has the key that was sent. Check that it is complete and current, or get one: https://acme.example/renew",
		} {
			p := newProject(t, s, key)
			out, err := p.run("require", "acme/toy")
			require.Error(t, err, out)
			require.Contains(t, out, "Warning from ")
			require.Contains(t, out, want)
			require.Empty(t, p.installed())
			t.Logf("%s: %s", key, lineWith(out, want))
		}
	})

	t.Run("a version that is paid for is installed, one that is not is not", func(t *testing.T) {
		t.Parallel()
		p := newProject(t, s, "BELOW-2")
		out, err := p.run("require", "acme/toy:1.0.0")
		require.NoError(t, err, out)
		require.Equal(t, "1.0.0", p.installed())
		for _, version := range []string{"2.1.0", "2.0.0-beta.1", "dev-main", "2.0.0-beta.1@dev"} {
			p := newProject(t, s, "BELOW-2")
			out, err := p.run("require", "acme/toy:"+version)
			require.Error(t, err, out)
			require.Empty(t, p.installed())
			require.Contains(t, out, "found acme/toy[1.0.0, 1.9.0] but it does not match the constraint") // Composer's own words
			require.Contains(t, out, "Your license for acme/toy covers versions <2.0.0; dev-main needs an upgrade: https://acme.example/renew")
			t.Log(lineWith(out, "acme/toy "+version), lineWith(out, "Info from"))
		}
	})

	t.Run("whoever is not limited gets prereleases and branches", func(t *testing.T) {
		t.Parallel()
		for _, version := range []string{"2.0.0-beta.1", "dev-main"} {
			p := newProject(t, s, "UNLIMITED")
			out, err := p.run("require", "acme/toy:"+version)
			require.NoError(t, err, out)
			require.Equal(t, version, p.installed())
		}
	})

	t.Run("the key may also be a user name, a bearer token or in the URL", func(t *testing.T) {
		t.Parallel()
		for _, config := range [][]string{
			{"http-basic." + strings.TrimPrefix(s.URL, "http://"), "user", "BELOW-2"},
			{"http-basic." + strings.TrimPrefix(s.URL, "http://"), "BELOW-2", ""},
			{"bearer." + strings.TrimPrefix(s.URL, "http://"), "BELOW-2"},
		} {
			p := newProject(t, s, "")
			require.NoError(t, os.Remove(filepath.Join(p.dir, "home/auth.json")))
			out, err := p.run(append([]string{"config", "--global"}, config...)...)
			require.NoError(t, err, out)
			out, err = p.run("require", "acme/toy")
			require.NoError(t, err, out)
			require.Equal(t, "1.9.0", p.installed())
		}

		p := newProject(t, s, "")
		require.NoError(t, os.Remove(filepath.Join(p.dir, "home/auth.json")))
		p.url = strings.Replace(p.url, "://", "://user:BELOW-2@", 1)
		p.configure(nil)
		out, err := p.run("require", "acme/toy")
		require.NoError(t, err, out)
		require.Equal(t, "1.9.0", p.installed())
		require.NotContains(t, out, "BELOW-2")
		lock, err := os.ReadFile(filepath.Join(p.dir, "composer.lock"))
		require.NoError(t, err)
		require.Contains(t, string(lock), s.URL+"/composer/dist/acme/toy/1.9.0/")
		require.NotContains(t, string(lock), "BELOW-2")
	})

	t.Run("there is no way to the sources", func(t *testing.T) {
		t.Parallel()
		p := newProject(t, s, "UNLIMITED")
		out, err := p.run("require", "--prefer-source", "acme/toy:dev-main")
		require.NoError(t, err, out)
		require.Equal(t, "dev-main", p.installed())
		lock, err := os.ReadFile(filepath.Join(p.dir, "composer.lock"))
		require.NoError(t, err)
		require.NotContains(t, string(lock), "registry.invalid")
	})

	t.Run("a locked version is denied once it is not paid for", func(t *testing.T) {
		t.Parallel()
		p := newProject(t, s, "UNLIMITED")
		out, err := p.run("require", "acme/toy")
		require.NoError(t, err, out)
		p.remove("cache")
		p.setKey("BELOW-2")
		out, err = p.run("install")
		require.Error(t, err, out)
		require.Contains(t, out, "Your license for acme/toy covers versions <2.0.0; 2.1.0 needs an upgrade: https://acme.example/renew")
		require.Empty(t, p.installed())
		t.Log(lineWith(out, "Warning from"))
	})

	t.Run("a changed key works at once with a warm cache", func(t *testing.T) {
		t.Parallel()
		p := newProject(t, s, "")
		for _, step := range []struct{ key, want string }{{"BELOW-2", "1.9.0"}, {"UNLIMITED", "2.1.0"}, {"BELOW-2", "1.9.0"}} {
			p.setKey(step.key)
			p.configure(nil)
			p.remove("composer.lock")
			out, err := p.run("require", "acme/toy")
			require.NoError(t, err, out)
			require.Equal(t, step.want, p.installed())
		}
		p.setKey("EXPIRED")
		p.configure(nil)
		p.remove("composer.lock")
		out, err := p.run("require", "acme/toy")
		require.Error(t, err, out)
		require.Contains(t, out, "Your license for acme/toy expired on 1 June 2023.")
	})

	t.Run("the registry is asked for no packages of others", func(t *testing.T) {
		t.Parallel()
		p := newProject(t, s, "BELOW-2")
		out, err := p.run("require", "else/where")
		require.Error(t, err, out)
		require.Contains(t, out, "Could not find a matching version of package else/where")
		require.NotContains(t, out, "Warning from")
	})

	t.Run("a package is found and shown", func(t *testing.T) {
		t.Parallel()
		p := newProject(t, s, "BELOW-2")
		out, err := p.run("show", "--all", "acme/toy")
		require.NoError(t, err, out)
		require.Contains(t, out, "versions : 1.9.0, 1.0.0")
		out, err = p.run("search", "toy")
		require.NoError(t, err, out)
		require.Contains(t, out, "acme/toy")
	})
}

func TestComposerAfterSuspension(t *testing.T) {
	t.Parallel()
	l := toyLicenses(t)
	p := newProject(t, newServer(t, l), "UNLIMITED")
	out, err := p.run("require", "acme/toy")
	require.NoError(t, err, out)
	p.remove("cache")
	out, err = p.run("install")
	require.NoError(t, err, "the control: before the suspension it is installed: %s", out)
	require.Equal(t, "2.1.0", p.installed())
	p.remove("cache")
	l.Suspend("UNLIMITED")
	out, err = p.run("install")
	require.Error(t, err, out)
	require.Contains(t, out, "Your license is suspended. Ask the seller to restore it: https://acme.example/renew")
	require.Empty(t, p.installed())
	t.Log(lineWith(out, "Warning from"))
}
