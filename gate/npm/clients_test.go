package npm_test

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/privatepkgs/license/internal/gatetest"
)

// A client is a program that installs packages, in its own way.
type client struct {
	name     string
	program  []string
	install  []string // from the lock file, which must not change
	add      []string // and a package
	lockfile string
	config   func(dir, registry, key string) map[string]string // files

	slash     string                                    // how the name of a scoped package is escaped
	denied    func(status int, url, text string) string // what it prints of a denied package
	file      func(status int, url, text string) string // and of a denied tarball
	suspended int                                       // the status of a tarball of a suspended license
	renewed   []string                                  // a command, and then the package, without which it does not ask again
	unknown   string                                    // what it prints of an unknown key, where it hides the answer
	pinned    func(pkg, version, text string) []string  // what it prints of a denied version that is asked for by number
}

// npmrc returns the .npmrc that npm, pnpm and yarn 1 read, with lines that only one of them
// knows.
func npmrc(lines ...string) func(dir, registry, key string) map[string]string {
	return func(dir, registry, key string) map[string]string {
		host := strings.TrimPrefix(registry, "http:")
		text := "registry=" + registry + "\n" + host + ":_authToken=" + key + "\ncache=" + filepath.Join(dir, "cache") + "\n"
		for _, line := range lines {
			text += strings.ReplaceAll(line, "DIR", dir) + "\n"
		}
		return map[string]string{".npmrc": text}
	}
}

func npmClient(t *testing.T) client {
	t.Helper()
	return client{
		name: "npm", suspended: 402, program: []string{lookFor(t, "npm")}, lockfile: "package-lock.json",
		install: []string{"ci"}, add: []string{"install", "--no-fund"}, config: npmrc(), slash: "%2f",
		denied: npmLine, file: npmLine,
		pinned: func(pkg, version, text string) []string {
			return []string{"npm error 403 Could not download " + pkg + "@" + version + " due to policy violations:", "npm error 403 " + text}
		},
	}
}

func npmLine(status int, url, text string) string {
	code := fmt.Sprint(status)
	if status == http.StatusForbidden {
		code += " 403" // as it begins every line about one
	}
	return fmt.Sprintf("npm error %s %s - GET %s - %s", code, text, url, text)
}

func pnpmLine(status int, url, text string) string {
	return fmt.Sprintf("ERR_PNPM_FETCH_%d  GET %s: %s - %d", status, url, text, status)
}

func berryLine(status int, _, text string) string {
	return fmt.Sprintf("Response Code: %d (%s)", status, text)
}

// clients returns those that are there. In CI, and where LICENSE_LONG_TESTS is set, pnpm
// and yarn are installed into a directory of the test.
func clients(t *testing.T) []client {
	t.Helper()
	all := []client{npmClient(t)}
	if !long() {
		return all
	}
	dir := t.TempDir()
	out, err := runFor(t, download, dir, all[0].program[0], "install", "--fetch-retries=5", "--prefix", dir, "--no-audit", "--no-fund", "--ignore-scripts",
		"npm-8@npm:npm@8.19.4", "pnpm-9@npm:pnpm@9.15.9", "pnpm-12@npm:pnpm@12.21.0", "yarn@1.22.22", "@yarnpkg/cli-dist@4.18.1")
	require.NoError(t, err, out)
	modules := filepath.Join(dir, "node_modules")
	node := lookFor(t, "node")
	npm8 := all[0] // the last that asks for the short form of a packument
	npm8.name, npm8.program = "npm 8", []string{node, filepath.Join(modules, "npm-8/bin/npm-cli.js")}
	pnpm := client{
		suspended: 403, lockfile: "pnpm-lock.yaml",
		install: []string{"install", "--frozen-lockfile"}, add: []string{"add"}, config: npmrc("store-dir=DIR/store"), slash: "%2F",
		denied: pnpmLine, file: pnpmLine,
		pinned: func(pkg, version, _ string) []string {
			return []string{"ERR_PNPM_NO_MATCHING_VERSION  No matching version found for " + pkg + "@" + version}
		},
	}
	pnpm9, pnpm12 := pnpm, pnpm
	pnpm9.name, pnpm9.program = "pnpm 9", []string{node, filepath.Join(modules, "pnpm-9/bin/pnpm.cjs")}
	pnpm12.name, pnpm12.program = "pnpm 12", []string{node, filepath.Join(modules, "pnpm-12/bin/pnpm.mjs")}
	pnpm12.denied = func(status int, _, text string) string {
		return fmt.Sprintf("HTTP status client error (%d %s)", status, text)
	}
	pnpm12.file = func(status int, url, _ string) string {
		return fmt.Sprintf("Tarball server returned HTTP %d for %s", status, url)
	}
	pnpm12.pinned = func(pkg, version, _ string) []string {
		return []string{"No matching version found for " + pkg + "@" + version}
	}
	pnpm12.renewed = []string{"cache", "delete"} // for a day it would not ask again
	young := pnpm12
	young.name, young.renewed = "pnpm 12 without a minimum age", nil // then it asks for the latest alone
	young.config = func(dir, registry, key string) map[string]string {
		files := pnpm12.config(dir, registry, key)
		files["pnpm-workspace.yaml"] = "minimumReleaseAge: 0\n"
		return files
	}
	return append(all, npm8, pnpm9, pnpm12, young, client{
		name: "yarn 1", suspended: 402, program: []string{node, filepath.Join(modules, "yarn/bin/yarn.js")}, lockfile: "yarn.lock",
		install: []string{"install", "--frozen-lockfile", "--non-interactive"}, add: []string{"add", "--non-interactive"}, slash: "%2f",
		denied: func(_ int, url, text string) string { return "Error: " + url + ": " + text },
		file: func(status int, url, _ string) string {
			return fmt.Sprintf("Error: %s: Request failed \"%d %s\"", url, status, http.StatusText(status))
		},
		pinned: func(pkg, version, _ string) []string {
			return []string{fmt.Sprintf("error Couldn't find any versions for %q that matches %q", pkg, version)}
		},
		config: func(dir, registry, key string) map[string]string {
			files := npmrc("always-auth=true")(dir, registry, key)
			files[".yarnrc"] = "registry \"" + registry + "\"\ncache-folder \"" + filepath.Join(dir, "cache") + "\"\n"
			return files
		},
	}, client{
		name: "yarn berry", suspended: 402, program: []string{node, filepath.Join(modules, "@yarnpkg/cli-dist/bin/yarn.js")}, lockfile: "yarn.lock",
		install: []string{"install", "--immutable"}, add: []string{"add"},
		denied: berryLine, file: berryLine, unknown: "Invalid authentication (as an unknown user)",
		pinned: func(pkg, version, _ string) []string {
			return []string{pkg + "@npm:" + version + ": No candidates found"}
		},
		config: func(dir, registry, key string) map[string]string {
			return map[string]string{".yarnrc.yml": "npmRegistryServer: \"" + registry + "\"\nnpmAuthToken: \"" + key + "\"\nnpmAlwaysAuth: true\n" +
				"unsafeHttpWhitelist: [\"127.0.0.1\"]\nglobalFolder: \"" + filepath.Join(dir, "cache") + "\"\nenableGlobalCache: true\n" +
				"nodeLinker: node-modules\nenableTelemetry: false\nenableImmutableInstalls: false\n"}
		},
	})
}

func long() bool { return os.Getenv("LICENSE_LONG_TESTS") != "" || os.Getenv("CI") == "true" }

func lookFor(t *testing.T, program string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		const text = "this test drives real clients: install Node.js with npm"
		if os.Getenv("CI") == "true" {
			t.Fatal(text)
		}
		t.Skip(text)
	}
	return path
}

func run(t *testing.T, dir, program string, args ...string) (output string, err error) {
	t.Helper()
	return runFor(t, 2*time.Minute, dir, program, args...)
}

// download is how long an install from npm's own registry may take.
const download = 15 * time.Minute

func runFor(t *testing.T, limit time.Duration, dir, program string, args ...string) (output string, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "HOME="+dir, "CI=", "NO_COLOR=1", "npm_config_color=false",
		"YARN_ENABLE_COLORS=0", "COREPACK_ENABLE_STRICT=0")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// project is a directory in which a client works.
type project struct {
	t        *testing.T
	c        client
	dir      string
	registry string
}

func newProject(t *testing.T, c client, registry, key string) *project {
	t.Helper()
	p := &project{t: t, c: c, dir: t.TempDir(), registry: registry}
	p.reset()
	p.key(key)
	return p
}

// reset makes the project one that has nothing installed and nothing locked. What the client
// has cached stays.
func (p *project) reset() {
	p.t.Helper()
	require.NoError(p.t, os.RemoveAll(filepath.Join(p.dir, "node_modules")))
	require.NoError(p.t, os.RemoveAll(filepath.Join(p.dir, p.c.lockfile)))
	p.write("package.json", `{"name":"project","version":"1.0.0","private":true}`)
	if p.c.name == "yarn berry" {
		p.write("yarn.lock", "")
	}
}

func (p *project) key(key string) {
	for name, text := range p.c.config(p.dir, p.registry, key) {
		p.write(name, text)
	}
}

func (p *project) write(name, text string) {
	p.t.Helper()
	require.NoError(p.t, os.WriteFile(filepath.Join(p.dir, name), []byte(text), 0o600))
}

func (p *project) run(args ...string) (string, error) {
	p.t.Helper()
	return run(p.t, p.dir, p.c.program[0], append(append([]string{}, p.c.program[1:]...), args...)...)
}

func (p *project) add(spec string) (string, error) { return p.run(append(p.c.add, spec)...) }

// installed returns the version that the project has, and "" for none.
func (p *project) installed(pkg string) string {
	p.t.Helper()
	text, err := os.ReadFile(filepath.Join(p.dir, "node_modules", pkg, "package.json"))
	if err != nil {
		return ""
	}
	var manifest struct{ Version string }
	require.NoError(p.t, json.Unmarshal(text, &manifest))
	return manifest.Version
}

// forget removes what is installed, and all that the client has cached.
func (p *project) forget() {
	for _, name := range []string{"node_modules", "cache", "store", ".yarn", ".cache", ".local"} {
		require.NoError(p.t, os.RemoveAll(filepath.Join(p.dir, name)))
	}
}

// server is a gated toy registry whose licenses can change.
type server struct {
	*httptest.Server
	l *gatetest.Licenses

	mu    sync.Mutex
	asked map[string]int // how often, by key and path
}

func newServer(t *testing.T, pkg string, fallback bool) *server {
	s := &server{l: toyLicenses(t, pkg), asked: make(map[string]int)}
	s.l.Add("LOCKED", gatetest.Versions(t, "<2.0.0"), pkg) // which is then suspended
	h := http.StripPrefix("/npm", gated(s.l, fallback, toy(t, pkg)))
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.asked[r.Header.Get("Authorization")+" "+r.URL.EscapedPath()]++
		s.mu.Unlock()
		h.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *server) timesAsked(key, url string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked["Bearer "+key+" "+strings.TrimPrefix(url, s.URL)]
}

func TestRealClients(t *testing.T) {
	t.Parallel()
	for _, c := range clients(t) {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			t.Run("unscoped", func(t *testing.T) { testInstall(t, c, newServer(t, "toy", false), "toy") })
			t.Run("scoped", func(t *testing.T) { testClient(t, c, "@acme/toy") })
		})
	}
}

func testInstall(t *testing.T, c client, s *server, pkg string) {
	t.Run("an unpinned install takes the newest version that is paid for, without a word", func(t *testing.T) {
		t.Parallel()
		for key, want := range map[string]string{"UNLIMITED": "2.1.0", "BELOW-2": "1.9.0"} {
			p := newProject(t, c, s.URL+"/npm/", key)
			out, err := p.add(pkg)
			require.NoError(t, err, out)
			require.Equal(t, want, p.installed(pkg))
			require.NotContains(t, out, "Your license")
		}
	})
}

const renew = ": https://acme.example/renew"

func testClient(t *testing.T, c client, pkg string) {
	t.Parallel()
	s := newServer(t, pkg, false)
	registry := s.URL + "/npm/"
	listing := registry + strings.Replace(pkg, "/", c.slash, 1)
	tarball := func(version string) string {
		return registry + strings.TrimPrefix(tarballPath(pkg, "toy", version), "/")
	}
	upgrade := "Your license for " + pkg + " covers versions <2.0.0; 2.1.0 needs an upgrade" + renew
	said := func(t *testing.T, out string, lines ...string) { // one of them
		t.Helper()
		i := slices.IndexFunc(lines, func(line string) bool { return strings.Contains(unwrapped(out), unwrapped(line)) })
		require.GreaterOrEqual(t, i, 0, "%s\n\nhas none of %q", out, lines)
		t.Log(lines[i])
	}

	testInstall(t, c, s, pkg)

	t.Run("an expired license keeps what was released before, where the seller says so", func(t *testing.T) {
		t.Parallel()
		p := newProject(t, c, newServer(t, pkg, true).URL+"/npm/", "EXPIRED")
		out, err := p.add(pkg)
		require.NoError(t, err, out)
		require.Equal(t, "1.9.0", p.installed(pkg))
		require.NotContains(t, out, "Your license")
	})

	t.Run("a denial reaches the terminal", func(t *testing.T) {
		t.Parallel()
		for key, want := range map[string]string{
			"EXPIRED":   c.denied(402, listing, "Your license for "+pkg+" expired on 1 June 2023. Renew it"+renew),
			"SUSPENDED": c.denied(402, listing, "Your license is suspended. Ask the seller to restore it"+renew),
			"FOREIGN":   c.denied(403, listing, "Your license does not cover "+pkg+". Add it"+renew),
			"BELOW-1":   c.denied(403, listing, "Your license for "+pkg+" covers versions <1.0.0; 2.1.0 needs an upgrade"+renew),
			"UNKNOWN":   cmp.Or(c.unknown, c.denied(401, listing, "No license has the key that was sent. Check that it is complete and current, or get one"+renew)),
		} {
			p := newProject(t, c, registry, key)
			out, err := p.add(pkg)
			require.Error(t, err, out)
			require.Empty(t, p.installed(pkg))
			said(t, out, want)
		}
	})

	t.Run("a pinned version that is paid for is installed", func(t *testing.T) {
		t.Parallel()
		p := newProject(t, c, registry, "BELOW-2")
		out, err := p.add(pkg + "@1.0.0")
		require.NoError(t, err, out)
		require.Equal(t, "1.0.0", p.installed(pkg))
	})

	t.Run("a pinned version that is not paid for is not", func(t *testing.T) {
		t.Parallel()
		for _, version := range []string{"2.1.0", "2.0.0-beta.1"} {
			p := newProject(t, c, registry, "BELOW-2")
			out, err := p.add(pkg + "@" + version)
			require.Error(t, err, out)
			require.Empty(t, p.installed(pkg))
			for _, line := range c.pinned(pkg, version, upgrade) {
				said(t, out, line)
			}
		}
	})

	t.Run("a locked version is denied at the tarball once it is not paid for", func(t *testing.T) {
		t.Parallel()
		p := newProject(t, c, registry, "UNLIMITED")
		out, err := p.add(pkg)
		require.NoError(t, err, out)
		p.forget()
		p.key("BELOW-2")
		out, err = p.run(c.install...)
		require.Error(t, err, out)
		require.Empty(t, p.installed(pkg))
		said(t, out, c.file(403, tarball("2.1.0"), upgrade))
	})

	t.Run("a license renewed after a denial works at once, and a changed key with a warm cache", func(t *testing.T) {
		t.Parallel()
		p := newProject(t, c, registry, "EXPIRED")
		out, err := p.add(pkg)
		require.Error(t, err, out)
		for _, step := range []struct{ key, want string }{{"BELOW-2", "1.9.0"}, {"UNLIMITED", "2.1.0"}, {"BELOW-2", "1.9.0"}} {
			p.reset()
			p.key(step.key)
			if c.renewed != nil {
				out, err = p.run(append(slices.Clone(c.renewed), pkg)...)
				require.NoError(t, err, out)
			}
			out, err = p.add(pkg)
			require.NoError(t, err, out)
			require.Equal(t, step.want, p.installed(pkg))
		}
	})

	t.Run("a lock file does not install after suspension", func(t *testing.T) {
		t.Parallel()
		p := newProject(t, c, registry, "LOCKED")
		out, err := p.add(pkg + "@1.9.0")
		require.NoError(t, err, out)
		p.forget()
		out, err = p.run(c.install...)
		require.NoError(t, err, out)
		require.Equal(t, "1.9.0", p.installed(pkg), "the control: before the suspension it does")
		p.forget()
		s.l.Suspend("LOCKED")
		before := s.timesAsked("LOCKED", tarball("1.9.0"))
		out, err = p.run(c.install...)
		require.Error(t, err, out)
		require.Empty(t, p.installed(pkg))
		const suspended = "Your license is suspended. Ask the seller to restore it" + renew
		said(t, out, c.file(c.suspended, tarball("1.9.0"), suspended), c.denied(402, listing, suspended)) // pnpm 12 asks for both at once
		require.LessOrEqual(t, s.timesAsked("LOCKED", tarball("1.9.0")), before+1, "a denial is not asked for again")
	})
}

func TestNpmSendsTheKeyInEveryWay(t *testing.T) {
	t.Parallel()
	const pkg = "@acme/toy"
	s := newServer(t, pkg, false)
	encode := func(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }
	for name, lines := range map[string][]string{
		"_authToken": {"_authToken=BELOW-2"},
		"_auth":      {"_auth=" + encode("anyone:BELOW-2")},
		"_password":  {"username=anyone", "_password=" + encode("BELOW-2")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newProject(t, npmClient(t), s.URL+"/npm/", "")
			config := "registry=" + p.registry + "\ncache=" + filepath.Join(p.dir, "cache") + "\n"
			for _, line := range lines {
				config += strings.TrimPrefix(p.registry, "http:") + ":" + line + "\n"
			}
			p.write(".npmrc", config)
			out, err := p.add(pkg)
			require.NoError(t, err, out)
			require.Equal(t, "1.9.0", p.installed(pkg))
		})
	}
}

// unwrapped undoes the breaking of lines, which some clients do even inside of a URL.
func unwrapped(out string) string {
	out = strings.NewReplacer("│", "", "npm ERR!", "npm error").Replace(out) // as npm 8 begins a line
	return strings.Join(strings.Fields(out), "")
}
