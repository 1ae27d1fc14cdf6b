package npm_test

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The registry that nobody here wrote: Verdaccio behind a reverse proxy behind the gate, and
// packages that npm itself has published, past the gate.
func TestVerdaccioBehindTheGate(t *testing.T) {
	t.Parallel()
	if !long() {
		t.Skip("set LICENSE_LONG_TESTS=1 to install Verdaccio from npm and stand the gate in front of it")
	}
	const pkg = "@acme/toy"
	upstream := startVerdaccio(t)
	publish(t, upstream, pkg)
	s := &server{l: toyLicenses(t, pkg)}
	h := gated(s.l, false, &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(upstream) }})
	s.Server = httptest.NewServer(http.StripPrefix("/npm", h))
	t.Cleanup(s.Close)
	registry := s.URL + "/npm/"
	npm := npmClient(t)

	for key, want := range map[string]string{"UNLIMITED": "2.1.0", "BELOW-2": "1.9.0"} {
		p := newProject(t, npm, registry, key)
		out, err := p.add(pkg)
		require.NoError(t, err, out)
		require.Equal(t, want, p.installed(pkg))
		lock, err := os.ReadFile(filepath.Join(p.dir, npm.lockfile))
		require.NoError(t, err)
		require.Contains(t, string(lock), registry+"@acme/toy/-/toy-"+want+".tgz", "the lock file points to the gate")
	}
	for key, want := range map[string]string{
		"BELOW-1":   "Your license for @acme/toy covers versions <1.0.0; 2.1.0 needs an upgrade",
		"EXPIRED":   "Your license for @acme/toy expired on 1 June 2023.",
		"SUSPENDED": "Your license is suspended.",
	} {
		out, err := newProject(t, npm, registry, key).add(pkg)
		require.Error(t, err, out)
		require.Contains(t, unwrapped(out), unwrapped(want))
	}

	p := newProject(t, npm, registry, "UNLIMITED")
	out, err := p.add(pkg + "@2.0.0-beta.1")
	require.NoError(t, err, out)
	p.forget()
	p.key("BELOW-2")
	out, err = p.run(npm.install...)
	require.Error(t, err, out)
	require.Contains(t, out, "2.0.0-beta.1 needs an upgrade")

	for key, found := range map[string]int{"UNLIMITED": 1, "BELOW-2": 1, "EXPIRED": 0, "FOREIGN": 0} {
		out, err = newProject(t, npm, registry, key).run("search", "toy", "--json")
		require.NoError(t, err, out)
		require.Equal(t, found, strings.Count(strings.ReplaceAll(out, " ", ""), `"name":"`+pkg+`"`), out)
	}

	p = newProject(t, npm, registry, "UNLIMITED")
	p.write("package.json", `{"name":"@acme/toy","version":"3.0.0"}`)
	out, err = p.run("publish")
	require.Error(t, err, out)
	require.Contains(t, out, "publish to the registry itself", "nothing is published through the gate")
}

func startVerdaccio(t *testing.T) *url.URL {
	t.Helper()
	dir := t.TempDir()
	write := func(name, text string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	// The override is for mirrors that lack the dist-tag which Verdaccio names.
	write("package.json", `{"private":true,"dependencies":{"verdaccio":"6.5.2"},"overrides":{"node-fetch":"2.7.0"}}`)
	out, err := runFor(t, download, dir, lookFor(t, "npm"), "install", "--fetch-retries=5", "--no-audit", "--no-fund", "--ignore-scripts")
	require.NoError(t, err, out)

	free, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := free.Addr().String()
	require.NoError(t, free.Close())
	write("config.yaml", "storage: ./storage\nauth:\n  htpasswd:\n    file: ./htpasswd\npackages:\n  '**':\n    access: $all\n    publish: $all\n"+
		"log: {type: stdout, level: warn}\n")
	cmd := exec.CommandContext(t.Context(), lookFor(t, "node"), filepath.Join(dir, "node_modules/verdaccio/bin/verdaccio"),
		"--config", filepath.Join(dir, "config.yaml"), "--listen", address)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "HOME="+dir)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	base := &url.URL{Scheme: "http", Host: address}
	require.Eventually(t, func() bool {
		answer, err := http.Get(base.String() + "/-/ping")
		if err != nil {
			return false
		}
		answer.Body.Close()
		return answer.StatusCode == http.StatusOK
	}, time.Minute, 100*time.Millisecond, "Verdaccio does not start")
	return base
}

func publish(t *testing.T, registry *url.URL, pkg string) {
	t.Helper()
	for _, version := range []string{"1.0.0", "1.9.0", "2.0.0-beta.1", "2.1.0"} {
		dir := t.TempDir()
		files := map[string]string{
			"package.json": fmt.Sprintf(`{"name":%q,"version":%q,"license":"UNLICENSED"}`, pkg, version),
			"index.js":     fmt.Sprintf("module.exports = %q\n", version),
			".npmrc":       fmt.Sprintf("registry=%s/\n//%s/:_authToken=anyone\n", registry, registry.Host),
		}
		for name, text := range files {
			require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
		}
		tag := "latest"
		if version == "2.0.0-beta.1" {
			tag = "next"
		}
		out, err := run(t, dir, lookFor(t, "npm"), "publish", "--tag", tag)
		require.NoError(t, err, out)
	}
}
