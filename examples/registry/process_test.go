package main

import (
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/privatepkgs/license/examples/internal/process"
	"github.com/privatepkgs/license/examples/internal/serve"
)

var binary process.Binary

func TestMain(m *testing.M) { os.Exit(binary.Main(m)) }

// registry is the program as it runs, and what it has printed.
type registry struct {
	*process.Process
	url, tls string
	opens    []string          // what each license opens
	keys     map[string]string // by that
	lines    map[string]string // to paste, by client
	suspend  string            // the curl line
}

var (
	printedURLs    = regexp.MustCompile(`ready at (http://\S+) and (https://\S+)`)
	printedLicense = regexp.MustCompile(`(?m)^  (\w{5}(?:-\w{5}){4})  (.*)$`)
	printedLines   = regexp.MustCompile(`(?m)^(\w+):\n\n((?:  .*\n)+)`)
	printedCurl    = regexp.MustCompile(`(?m)^  (curl .*)$`)
)

// The licenses, as the program describes them.
const (
	unlimited = "every version"
	below2    = "versions <2.0.0"
	expired   = "expired on 1 June 2023"
	suspended = "suspended"
)

// launch starts the program in dir and does not wait until it is ready. env adds to the environment, in
// which no tokens are configured.
func launch(t *testing.T, dir string, env []string, args ...string) *process.Process {
	t.Helper()
	return process.Launch(t, dir, append([]string{serve.TokensVariable + "="}, env...), append([]string{binary.Path(t)}, args...)...)
}

// start starts the program on ports of its own and waits until it is ready.
func start(t *testing.T, dir string, env []string, args ...string) *registry {
	t.Helper()
	p := &registry{
		Process: launch(t, dir, env, append([]string{"-addr", "127.0.0.1:0", "-tls", "127.0.0.1:0"}, args...)...),
		keys:    make(map[string]string),
		lines:   make(map[string]string),
	}
	p.Await(t, "the registry to be ready", func() bool {
		return printedCurl.MatchString(p.Stdout.String()) && strings.HasSuffix(p.Stdout.String(), "\n\n")
	})
	said := p.Stdout.String()
	urls := printedURLs.FindStringSubmatch(said)
	p.url, p.tls = urls[1], urls[2]
	for _, m := range printedLicense.FindAllStringSubmatch(said, -1) {
		p.opens = append(p.opens, m[2])
		p.keys[m[2]] = m[1]
	}
	require.Len(t, p.opens, 4)
	for _, m := range printedLines.FindAllStringSubmatch(said, -1) {
		p.lines[m[1]] = m[2]
	}
	p.suspend = printedCurl.FindStringSubmatch(said)[1]
	return p
}

// shell runs lines in a POSIX shell, and returns what they print.
func shell(t *testing.T, lines string) string {
	t.Helper()
	process.Needs(t, "sh", "install a POSIX shell to run the lines that the program prints")
	process.Needs(t, "curl", "install curl to run the lines that the program prints")
	out, err := exec.CommandContext(t.Context(), "sh", "-c", lines).Output()
	require.NoError(t, err)
	return string(out)
}

// get asks as a client would, with a key unless it is "".
func (p *registry) get(t *testing.T, path, key string) (status int, body string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.url+path, nil)
	require.NoError(t, err)
	if key != "" {
		r.SetBasicAuth("user", key)
	}
	answer, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	return answer.StatusCode, string(text)
}
