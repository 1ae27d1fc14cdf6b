package goproxy_test

import (
	"context"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/privatepkgs/license/internal/gatetest"
	"github.com/privatepkgs/license/internal/toyregistry"
)

// project is a module in which the go command works, against a gated toy proxy.
type project struct {
	t    *testing.T
	dir  string
	cert string // file
	url  string // of GOPROXY, with KEY for the key
	key  string
	more []string // of the environment
}

func newServer(t *testing.T, registry http.Handler, l *gatetest.Licenses) *httptest.Server {
	t.Helper()
	s := httptest.NewTLSServer(http.StripPrefix("/go", gated(l, false, registry)))
	t.Cleanup(s.Close)
	return s
}

func newProject(t *testing.T, s *httptest.Server, key string) *project {
	t.Helper()
	if _, err := exec.LookPath("go"); err != nil {
		const text = "this test drives the go command: have it in PATH"
		if os.Getenv("CI") == "true" {
			t.Fatal(text)
		}
		t.Skip(text)
	}
	p := &project{t: t, dir: t.TempDir(), key: key, url: strings.Replace(s.URL, "https://", "https://customer:KEY@", 1) + "/go"}
	p.cert = filepath.Join(p.dir, "cert.pem")
	p.write("cert.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})))
	p.write("go.mod", "module example.org/project\n\ngo 1.21\n")
	// Otherwise the go command leaves a process behind that goes on writing into the directory.
	p.write(".config/go/telemetry/mode", "off")
	return p
}

func (p *project) write(name, text string) {
	p.t.Helper()
	require.NoError(p.t, os.MkdirAll(filepath.Dir(filepath.Join(p.dir, name)), 0o700))
	require.NoError(p.t, os.WriteFile(filepath.Join(p.dir, name), []byte(text), 0o600))
}

func (p *project) read(name string) string {
	p.t.Helper()
	text, err := os.ReadFile(filepath.Join(p.dir, name))
	require.NoError(p.t, err)
	return string(text)
}

func (p *project) run(args ...string) (string, error) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = p.dir
	cmd.Env = append(os.Environ(), "HOME="+p.dir, "GOENV=off", "GOWORK=off", "GOTOOLCHAIN=local", "GOPATH="+filepath.Join(p.dir, "gopath"),
		"GOMODCACHE="+filepath.Join(p.dir, "cache"), "GOCACHE="+filepath.Join(p.dir, "build"), "GOFLAGS=-mod=mod -modcacherw",
		"GOPROXY="+strings.Replace(p.url, "KEY", p.key, 1), "GONOSUMDB=example.com/*", "GOPRIVATE=", "GONOPROXY=none", "GOAUTH=off", "GODEBUG=",
		"XDG_CONFIG_HOME=", "SSL_CERT_FILE="+p.cert, "SSL_CERT_DIR="+p.dir, "http_proxy=", "https_proxy=", "HTTP_PROXY=", "HTTPS_PROXY=")
	cmd.Env = append(cmd.Env, p.more...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// required returns the version of a module in go.mod, and "" for none.
func (p *project) required(mod string) string {
	p.t.Helper()
	for line := range strings.Lines(p.read("go.mod")) {
		fields := strings.Fields(strings.TrimPrefix(line, "require "))
		if len(fields) > 1 && fields[0] == mod {
			return fields[1]
		}
	}
	return ""
}

func lineWith(out, text string) string {
	for line := range strings.Lines(out) {
		if strings.Contains(line, text) {
			return strings.TrimSpace(line)
		}
	}
	return out
}

func TestGoCommand(t *testing.T) {
	t.Parallel()
	l := toyLicenses(t)
	s := newServer(t, toyProxy(t), l)

	t.Run("an unpinned get takes the newest version that is paid for, without a word", func(t *testing.T) {
		t.Parallel()
		for key, want := range map[string]string{"UNLIMITED": "v1.9.0", "BELOW-2": "v1.9.0", "BELOW-1.5": "v1.0.0"} {
			p := newProject(t, s, key)
			out, err := p.run("get", toy)
			require.NoError(t, err, out)
			require.Equal(t, want, p.required(toy), key)
			require.NotContains(t, out, "Your license")
		}
		p := newProject(t, s, "UNLIMITED")
		out, err := p.run("get", toy+"/v2")
		require.NoError(t, err, out)
		require.Equal(t, "v2.1.0", p.required(toy+"/v2"))
	})

	t.Run("a denial reaches the terminal", func(t *testing.T) {
		t.Parallel()
		for _, c := range []struct{ key, get, want string }{
			{"EXPIRED", toy, "Your license for example.com/toy expired on 1 June 2023. Renew it: https://acme.example/renew"},
			{"SUSPENDED", toy, "Your license is suspended. Ask the seller to restore it: https://acme.example/renew"},
			{"FOREIGN", toy, "Your license does not cover example.com/toy. Add it: https://acme.example/renew"},
			{"BELOW-1", toy, "Your license for example.com/toy covers versions <1.0.0; v1.9.0 needs an upgrade: https://acme.example/renew"},
			{"BELOW-2", toy + "/v2", "Your license for example.com/toy/v2 covers versions <2.0.0; v2.1.0 needs an upgrade: https://acme.example/renew"},
			{"UNKNOWN", toy, "No license has the key that was sent. Check that it is complete and current, or get one: https://acme.example/renew"},
		} {
			p := newProject(t, s, c.key)
			out, err := p.run("get", c.get)
			require.Error(t, err, out)
			status := "403"
			if c.key == "UNKNOWN" {
				status = "401"
			}
			require.Contains(t, out, "/go/"+c.get+"/@v/list: "+status+" "+c.want+"\n\tserver response: "+c.want+"\n")
			require.Empty(t, p.required(c.get))
			t.Logf("%s: %s", c.key, lineWith(out, c.want))
		}
	})

	t.Run("a pinned version that is paid for is fetched, with a query for main too", func(t *testing.T) {
		t.Parallel()
		for _, c := range []struct{ key, version, want string }{
			{"BELOW-2", "v1.0.0", "v1.0.0"}, {"BELOW-2", "<v1.9.0", "v1.0.0"}, {"UNLIMITED", "main", "v1.9.0"},
		} {
			p := newProject(t, s, c.key)
			out, err := p.run("get", toy+"@"+c.version)
			require.NoError(t, err, out)
			require.Equal(t, c.want, p.required(toy))
		}
	})

	t.Run("a pinned version that is not paid for is not", func(t *testing.T) {
		t.Parallel()
		for _, c := range []struct{ key, get, version string }{
			{"BELOW-2", toy + "/v2@v2.1.0", "v2.1.0"},
			{"BELOW-2", toy + "/v2@v2.0.0-beta.1", "v2.0.0-beta.1"},
			{"BELOW-1.5", toy + "@v1.9.0", "v1.9.0"},
		} {
			p := newProject(t, s, c.key)
			out, err := p.run("get", c.get)
			require.Error(t, err, out)
			require.Contains(t, out, "/@v/"+c.version+".info: 403 Your license for "+toy)
			require.Contains(t, out, "; "+c.version+" needs an upgrade: https://acme.example/renew\n")
			t.Logf("%s", lineWith(out, "needs an upgrade"))
		}
	})

	t.Run("go mod tidy works although a later version is denied", func(t *testing.T) {
		t.Parallel()
		p := newProject(t, s, "BELOW-1.5")
		p.write("main.go", "package main\n\nimport \"example.com/toy\"\n\nfunc main() { println(toy.Version) }\n")
		out, err := p.run("mod", "tidy")
		require.NoError(t, err, out)
		require.Equal(t, "v1.0.0", p.required(toy))
		out, err = p.run("list", "-m", "-versions", toy)
		require.NoError(t, err, out)
		require.Equal(t, toy+" v1.0.0\n", out)
	})

	t.Run("a version that go.sum has is denied once it is not paid for", func(t *testing.T) {
		t.Parallel()
		p := locked(t, s, toy+"/v2@v2.1.0")
		p.key = "BELOW-2"
		out, err := p.run("mod", "download")
		require.Error(t, err, out)
		require.Contains(t, out, "Your license for example.com/toy/v2 covers versions <2.0.0; v2.1.0 needs an upgrade")
		t.Logf("%s", lineWith(out, "needs an upgrade"))
	})

	t.Run("a renewed license works at once, and a changed key with a warm cache", func(t *testing.T) {
		t.Parallel()
		p := newProject(t, s, "BELOW-1.5")
		for _, c := range []struct{ key, want string }{{"BELOW-1.5", "v1.0.0"}, {"UNLIMITED", "v1.9.0"}, {"BELOW-1.5", "v1.0.0"}} {
			p.key = c.key
			p.write("go.mod", "module example.org/project\n\ngo 1.21\n")
			out, err := p.run("get", toy+"@latest")
			require.NoError(t, err, out)
			require.Equal(t, c.want, p.required(toy))
		}
	})
}

// locked returns a project that has a version in go.mod and go.sum, and nothing cached.
func locked(t *testing.T, s *httptest.Server, get string) *project {
	t.Helper()
	p := newProject(t, s, "UNLIMITED")
	out, err := p.run("get", get)
	require.NoError(t, err, out)
	p.forget()
	return p
}

func (p *project) forget() {
	p.t.Helper()
	require.NoError(p.t, os.RemoveAll(filepath.Join(p.dir, "cache")))
}

func TestGoCommandWithAnExpiredLicenseThatKeepsWhatWasReleasedBefore(t *testing.T) {
	t.Parallel()
	s := httptest.NewTLSServer(http.StripPrefix("/go", gated(toyLicenses(t), true, toyProxy(t))))
	t.Cleanup(s.Close)
	p := newProject(t, s, "EXPIRED")
	out, err := p.run("get", toy)
	require.NoError(t, err, out)
	require.Equal(t, "v1.9.0", p.required(toy))
	require.NotContains(t, out, "Your license")
	out, err = p.run("get", toy+"/v2")
	require.Error(t, err, out)
	require.Contains(t, out, "server response: Your license for example.com/toy/v2 expired on 1 June 2023. Renew it: https://acme.example/renew\n")
}

func TestGoCommandAfterSuspension(t *testing.T) {
	t.Parallel()
	l := toyLicenses(t)
	s := newServer(t, toyProxy(t), l)
	p := locked(t, s, toy+"@v1.9.0")
	out, err := p.run("mod", "download")
	require.NoError(t, err, "the control: before the suspension it is fetched: %s", out)
	p.forget()
	l.Suspend("UNLIMITED")
	out, err = p.run("mod", "download")
	require.Error(t, err, out)
	require.Contains(t, out, "\tserver response: Your license is suspended. Ask the seller to restore it: https://acme.example/renew\n")
	t.Logf("%s", lineWith(out, "suspended"))
}

// The go command asks for every parent of a path, too.
func TestGoCommandWithNestedModulesThatAreSoldApart(t *testing.T) {
	t.Parallel()
	pro, err := toyregistry.Go(toy+"/pro", toyregistry.Releases())
	require.NoError(t, err)
	outer := toyProxy(t)
	registry := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/"+toy+"/pro/") {
			pro.ServeHTTP(w, r)
			return
		}
		outer.ServeHTTP(w, r)
	})
	l := toyLicenses(t)
	l.Add("PRO", gatetest.Versions(t, "<1.5.0"), toy+"/pro")
	s := newServer(t, registry, l)

	p := newProject(t, s, "PRO")
	out, err := p.run("get", toy+"/pro")
	require.NoError(t, err, out)
	require.Equal(t, "v1.0.0", p.required(toy+"/pro"))
	require.NotContains(t, out, "Your license")

	p = newProject(t, s, "UNLIMITED")
	out, err = p.run("get", toy+"/pro")
	require.Error(t, err, out)
	require.Contains(t, out, "Your license does not cover example.com/toy/pro. Add it")
}

func TestGoCommandSendsTheKeyInEveryWay(t *testing.T) {
	t.Parallel()
	s := httptest.NewUnstartedServer(http.StripPrefix("/go", gated(toyLicenses(t), false, toyProxy(t))))
	s.EnableHTTP2 = true // which has no reason phrase
	s.StartTLS()
	t.Cleanup(s.Close)
	for name, configure := range map[string]func(p *project){
		"user and password": func(*project) {},
		"the key alone":     func(p *project) { p.url = strings.Replace(s.URL, "https://", "https://KEY@", 1) + "/go" },
		"netrc": func(p *project) {
			p.url = s.URL + "/go"
			p.more = []string{"GOAUTH=netrc"}
			p.write(".netrc", "machine "+strings.TrimPrefix(s.URL, "https://")+" login customer password "+p.key+"\n"+
				"machine 127.0.0.1 login customer password "+p.key+"\n")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newProject(t, s, "BELOW-1.5")
			configure(p)
			out, err := p.run("get", toy)
			require.NoError(t, err, out)
			require.Equal(t, "v1.0.0", p.required(toy))
			out, err = p.run("get", toy+"@v1.9.0")
			require.Error(t, err, out)
			require.Contains(t, out, "server response: Your license for example.com/toy covers versions <1.5.0; v1.9.0 needs an upgrade")
		})
	}
}

// After a 404 the go command goes on to the next entry of GOPROXY, from which somebody
// else's module of that name could come.
func TestGoCommandDoesNotGoElsewhereWhenDenied(t *testing.T) {
	t.Parallel()
	toyElsewhere := toyProxy(t)
	var mu sync.Mutex
	var asked []string
	elsewhere := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		asked = append(asked, r.URL.Path)
		mu.Unlock()
		toyElsewhere.ServeHTTP(w, r)
	}))
	t.Cleanup(elsewhere.Close)
	s := newServer(t, toyProxy(t), toyLicenses(t))
	for key, get := range map[string]string{
		"SUSPENDED": toy, "EXPIRED": toy, "FOREIGN": toy, "UNKNOWN": toy, "BELOW-1": toy, "BELOW-2": toy + "/v2@v2.1.0",
		"UNLIMITED": "example.com/nothing",
	} {
		p := newProject(t, s, key)
		p.url += "," + elsewhere.URL
		out, err := p.run("get", get)
		require.Error(t, err, out)
	}
	mu.Lock()
	defer mu.Unlock()
	require.Contains(t, asked, "/example.com/nothing/@v/list", "the control: what the registry has not, it looks for elsewhere")
	for _, path := range asked {
		require.NotContains(t, path, "/toy/")
	}
}
