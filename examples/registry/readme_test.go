package main

import (
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/privatepkgs/license/cachestore"
	"github.com/privatepkgs/license/examples/internal/process"
	"github.com/privatepkgs/license/examples/internal/serve"
	"github.com/privatepkgs/license/memstore"
)

// block is what stands between two fences in README.md.
type block struct {
	file     string // where a reader puts it, if it is a file
	language string
	text     string
}

// readmeSection returns the blocks below a heading.
func readmeSection(t *testing.T, heading string) []block {
	t.Helper()
	text, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	_, section, ok := strings.Cut(string(text), "\n### "+heading+"\n")
	require.True(t, ok, heading)
	section, _, _ = strings.Cut(section, "\n## ")
	section, _, _ = strings.Cut(section, "\n### ")
	var blocks []block
	for _, m := range regexp.MustCompile("(?ms)(?:`([^`\n]+)`:\n\n)?^```(\\w+)\n(.*?)^```$").FindAllStringSubmatch(section, -1) {
		blocks = append(blocks, block{m[1], m[2], m[3]})
	}
	require.NotEmpty(t, blocks)
	return blocks
}

// TestReadmeConfiguresEachClient does what the README tells a customer, word by word, with a license
// that is good for version 1 and one that has expired.
func TestReadmeConfiguresEachClient(t *testing.T) {
	t.Parallel()
	site := newSite(t)
	const npmProject = "echo '{}' > package.json"
	for _, c := range []struct {
		name    string // in the README
		npm     string // where the client is from, if not from the machine
		project string // what is there already
		client
	}{
		{"npm", "", npmProject, clients["npm"]},
		{"pnpm", "pnpm@9.15.9", npmProject, clients["npm"]},
		{"pnpm", "pnpm@12.21.0", npmProject, clients["npm"]},
		{"yarn 1", "yarn@1.22.22", npmProject, clients["npm"]},
		{"yarn berry", "@yarnpkg/cli-dist@4.9.2", npmProject + "; touch yarn.lock", client{
			"npm", "install Node.js with npm", "yarn.lock", `@acme/toy@.*\n  version: (.*)`}},
		{"go", "", "go mod init example.org/project", clients["go"]},
		{"pip", "", "", clients["pip"]},
		{"Composer", "", `echo '{"name": "acme/project"}' > composer.json`, clients["Composer"]},
		{"cargo", "", "cargo init --name project", clients["cargo"]},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			process.Needs(t, c.program, c.needs+" to do what the README says")
			path := os.Getenv("PATH")
			if c.npm != "" {
				path = fromNPM(t, c.npm) + string(filepath.ListSeparator) + path
			}
			blocks := readmeSection(t, c.name)
			for opens, key := range map[string]string{below2: site.keys[below2], expired: site.keys[expired]} {
				dir, home := t.TempDir(), t.TempDir()
				var said, shown string
				run := func(lines string) {
					said += runShell(t, dir, home, lines, append([]string{"PATH=" + path, "ACME_KEY=" + key}, site.env...)...) + " "
				}
				run(c.project)
				for _, b := range blocks {
					switch {
					case b.file != "":
						file := filepath.Join(dir, b.file)
						if under, ok := strings.CutPrefix(b.file, "~/"); ok {
							file = filepath.Join(home, under)
						}
						require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o700))
						require.NoError(t, os.WriteFile(file, []byte(b.text), 0o600))
					case b.language == "sh":
						run(b.text)
					case b.language == "text":
						shown = strings.Join(strings.Fields(b.text), " ")
					}
				}
				if opens == below2 {
					assert.Equal(t, []string{"1.9.0"}, c.installed(t, dir), said)
				} else {
					assert.Empty(t, c.installed(t, dir), said)
					require.NotEmpty(t, shown)
					for part := range strings.SplitSeq(shown, "[...]") {
						assert.Contains(t, said, strings.TrimSpace(part))
					}
				}
			}
		})
	}
}

// fromNPM installs a client and returns the directory in which its program is.
func fromNPM(t *testing.T, pkg string) string {
	t.Helper()
	if os.Getenv("LICENSE_LONG_TESTS") == "" && os.Getenv("CI") != "true" {
		t.Skipf("set LICENSE_LONG_TESTS=1 to install %s from npm and do what the README says", pkg)
	}
	dir := t.TempDir()
	shell(t, "npm install --prefix '"+dir+"' --no-audit --no-fund --ignore-scripts "+pkg)
	return filepath.Join(dir, "node_modules", ".bin")
}

// site is the seller's, https://packages.acme.example, to whoever uses its environment.
type site struct {
	keys map[string]string // by what the license opens
	env  []string
}

// newSite serves in this process, for the name. The public registries, to which some clients go
// too, have nothing.
func newSite(t *testing.T) *site {
	t.Helper()
	const host = "packages.acme.example"
	store, err := cachestore.New(memstore.New(memstore.Options{}), cachestore.Options{MaxStaleness: maxStaleness})
	require.NoError(t, err)
	licenses, err := seed(t.Context(), store)
	require.NoError(t, err)
	registry, err := newHandler(store, settings{Settings: serve.Settings{Tokens: []string{"token-0123456789"}}}, slog.New(slog.DiscardHandler), io.Discard)
	require.NoError(t, err)
	mux := http.NewServeMux()
	mux.HandleFunc("/", http.NotFound)
	mux.Handle(host+"/", registry)

	file := filepath.Join(t.TempDir(), "site.pem")
	cert, err := newCertificate(file, host, "proxy.golang.org", "pypi.org", "registry.npmjs.org", "repo.packagist.org")
	require.NoError(t, err)
	server := httptest.NewUnstartedServer(mux)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{cert}}
	server.StartTLS()
	t.Cleanup(server.Close)
	proxy := httptest.NewServer(tunnelTo(server.Listener.Addr().String()))
	t.Cleanup(proxy.Close)

	s := &site{keys: make(map[string]string)}
	for _, l := range licenses {
		s.keys[describe(l)] = l.Key
	}
	for _, name := range []string{"HTTPS_PROXY", "https_proxy", "YARN_HTTPS_PROXY"} {
		s.env = append(s.env, name+"="+proxy.URL)
	}
	for _, name := range []string{"NODE_EXTRA_CA_CERTS", "npm_config_cafile", "SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE", "CARGO_HTTP_CAINFO"} {
		s.env = append(s.env, name+"="+file)
	}
	s.env = append(s.env, "NO_PROXY=", "no_proxy=", "npm_config_fetch_retries=0")
	return s
}

// tunnelTo is a proxy that leads to one address, whatever host is asked for.
func tunnelTo(addr string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		to, err := new(net.Dialer).DialContext(r.Context(), "tcp", addr)
		if err != nil || r.Method != http.MethodConnect {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		defer to.Close()
		from, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer from.Close()
		_, _ = io.WriteString(from, "HTTP/1.1 200 OK\r\n\r\n")
		go func() {
			_, _ = io.Copy(to, from)
			_ = to.(*net.TCPConn).CloseWrite()
		}()
		_, _ = io.Copy(from, to)
	})
}
