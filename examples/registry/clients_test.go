package main

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/privatepkgs/license/examples/internal/process"
)

// client is a program that installs packages, as its users run it.
type client struct {
	program, needs string // on the machine
	file, pattern  string // which say what is installed
}

// clients are those for which the program prints lines, by the name that it gives them.
var clients = map[string]client{
	"npm":      {"npm", "install Node.js with npm", "node_modules/@acme/toy/package.json", `"version":"(.*?)"`},
	"go":       {"go", "install Go", "go.mod", `example\.com/toy(?:/v2)? v(\S+)`},
	"pip":      {"python3", "install Python 3 with pip", "site/toy.py", `version = "(.*)"`},
	"Composer": {"composer", "install PHP with Composer 2", "vendor/composer/installed.json", `"name": "acme/toy",\s+"version": "(.*?)"`},
	"cargo":    {"cargo", "install Rust, 1.74 or newer", "Cargo.lock", `name = "toy"\nversion = "(.*)"`},
}

// installed returns the versions that are in a directory.
func (c client) installed(t *testing.T, dir string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, c.file))
	if !os.IsNotExist(err) {
		require.NoError(t, err)
	}
	var found []string
	for _, m := range regexp.MustCompile(c.pattern).FindAllStringSubmatch(string(text), -1) {
		found = append(found, m[1])
	}
	return found
}

// pasted is a shell in which the lines for a client were pasted.
type pasted struct {
	client    string
	dir, home string
	output    string // with single spaces
}

// paste pastes the printed lines, with another key, into a shell in an empty directory.
func (p *registry) paste(t *testing.T, client, key string) *pasted {
	t.Helper()
	process.Needs(t, "sh", "install a POSIX shell to run the lines that the program prints")
	process.Needs(t, clients[client].program, clients[client].needs+" to run the lines that the program prints")
	require.Contains(t, p.lines, client)
	s := &pasted{client: client, dir: t.TempDir(), home: t.TempDir()}
	lines := strings.ReplaceAll(p.lines[client], p.keys[below2], key)
	require.Contains(t, lines, "KEY="+key+"\n")
	s.run(t, lines)
	return s
}

func (s *pasted) run(t *testing.T, lines string) {
	t.Helper()
	s.output = runShell(t, s.dir, s.home, lines, "NO_PROXY=127.0.0.1", "no_proxy=127.0.0.1")
}

// runShell runs lines that may fail, and returns what they print, with single spaces. The home is one of
// the test, so that nothing of whoever runs it is read or changed.
func runShell(t *testing.T, dir, home, lines string, env ...string) string {
	t.Helper()
	rustup := os.Getenv("RUSTUP_HOME")
	if rustup == "" {
		person, err := os.UserHomeDir()
		require.NoError(t, err)
		rustup = filepath.Join(person, ".rustup")
	}
	// Otherwise the go command leaves a process behind that goes on writing into its home.
	telemetry := filepath.Join(home, ".config", "go", "telemetry")
	require.NoError(t, os.MkdirAll(telemetry, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(telemetry, "mode"), []byte("off"), 0o600))
	cmd := exec.CommandContext(t.Context(), "sh", "-c", lines)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "HOME="+home, "XDG_CACHE_HOME="+home, "XDG_CONFIG_HOME=", "CI=", "NO_COLOR=1",
		"CARGO_HOME="+home, "RUSTUP_HOME="+rustup, "COMPOSER_HOME="+home, "COMPOSER_ALLOW_SUPERUSER=1", "COMPOSER_AUTH=", "COLUMNS=500",
		"GOPATH="+filepath.Join(home, "go"), "GOMODCACHE=", "GOCACHE=", "GOENV="+filepath.Join(home, "goenv"), "GOWORK=off",
		"GOTOOLCHAIN=local", "GOFLAGS=-modcacherw")
	// Taken out, and not emptied: go env -w does not like what the environment says otherwise.
	cmd.Env = slices.DeleteFunc(cmd.Env, func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return slices.Contains([]string{"GOPROXY", "GOSUMDB", "GONOSUMDB", "GOPRIVATE", "GONOPROXY", "GOAUTH"}, name)
	})
	cmd.Env = append(cmd.Env, env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		require.ErrorAs(t, err, new(*exec.ExitError))
	}
	return strings.Join(strings.Fields(string(out)), " ")
}

// requireInstalled requires that the newest of these versions is there, as the ecosystem has it: to the
// go command version 2 is another module.
func (s *pasted) requireInstalled(t *testing.T, versions ...string) {
	t.Helper()
	if s.client != "go" && len(versions) > 1 {
		versions = versions[len(versions)-1:]
	}
	require.Equal(t, versions, clients[s.client].installed(t, s.dir), s.output)
}

func TestPastedLinesInstallWhatTheLicenseOpens(t *testing.T) {
	t.Parallel()
	p := start(t, t.TempDir(), nil, "-db", "memory:")
	require.ElementsMatch(t, slices.Collect(maps.Keys(clients)), slices.Collect(maps.Keys(p.lines)))
	for c := range clients {
		t.Run(c, func(t *testing.T) {
			t.Parallel()
			t.Run("without limit", func(t *testing.T) {
				t.Parallel()
				s := p.paste(t, c, p.keys[unlimited])
				s.requireInstalled(t, "1.9.0", "2.1.0")
				assert.Contains(t, s.output, "2.1.0", "a person sees which version it is")
				assert.NotContains(t, s.output, "license for")
			})
			t.Run("below 2.0.0", func(t *testing.T) {
				t.Parallel()
				s := p.paste(t, c, p.keys[below2])
				s.requireInstalled(t, "1.9.0")
				if c == "go" { // for which version 2 is asked for by name
					assert.Contains(t, s.output, "Your license for example.com/toy/v2 covers versions <2.0.0; v2.1.0 needs an upgrade: https://acme.example/renew")
				} else {
					assert.NotContains(t, s.output, "license for")
				}
			})
			t.Run("expired", func(t *testing.T) {
				t.Parallel()
				s := p.paste(t, c, p.keys[expired])
				s.requireInstalled(t)
				assert.Regexp(t, `Your license for \S*toy expired on 1 June 2023. Renew it: https://acme.example/renew`, s.output)
			})
			t.Run("suspended", func(t *testing.T) {
				t.Parallel()
				s := p.paste(t, c, p.keys[suspended])
				s.requireInstalled(t)
				assert.Contains(t, s.output, "Your license is suspended. Ask the seller to restore it: https://acme.example/renew")
			})
		})
	}
}

func TestPastedSuspensionIsSeenByTheNextInstall(t *testing.T) {
	t.Parallel()
	p := start(t, t.TempDir(), nil)
	s := p.paste(t, "npm", p.keys[unlimited])
	s.requireInstalled(t, "2.1.0")

	require.Contains(t, shell(t, p.suspend), `"suspended":true`)

	s.run(t, "npm cache clean --force && rm -r node_modules && npm ci")
	s.requireInstalled(t)
	assert.Contains(t, s.output, "Your license is suspended.", "a lock file is no way around")
	again := p.paste(t, "npm", p.keys[unlimited])
	again.requireInstalled(t)
	assert.Contains(t, again.output, "Your license is suspended.")
}
