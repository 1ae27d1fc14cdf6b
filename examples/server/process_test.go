package main

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/privatepkgs/license/examples/internal/process"
	"github.com/privatepkgs/license/examples/internal/serve"
)

var binary process.Binary

func TestMain(m *testing.M) { os.Exit(binary.Main(m)) }

// server is a running server.
type server struct {
	*process.Process
	url, token string // as printed; the token is "" when it was configured
}

var (
	printedURL   = regexp.MustCompile(`ready at (http://\S+)`)
	printedToken = regexp.MustCompile(`API token  (\S+) \(made`)
	printedCurl  = regexp.MustCompile(`(?m)^  (curl .*)$`)
)

// launch starts the server in dir and does not wait until it is ready. env adds to the
// environment, in which no tokens are configured.
func launch(t *testing.T, dir string, env []string, args ...string) *server {
	t.Helper()
	return launchCommand(t, dir, env, append([]string{binary.Path(t)}, args...)...)
}

// launchCommand starts the server through a command line that begins with another program.
func launchCommand(t *testing.T, dir string, env []string, args ...string) *server {
	t.Helper()
	return &server{Process: process.Launch(t, dir, append([]string{serve.TokensVariable + "="}, env...), args...)}
}

// start starts the server on a port of its own and waits until it is ready.
func start(t *testing.T, dir string, env []string, args ...string) *server {
	t.Helper()
	p := launch(t, dir, env, append([]string{"-addr", "127.0.0.1:0"}, args...)...)
	p.awaitReady(t)
	return p
}

func (p *server) awaitReady(t *testing.T) {
	t.Helper()
	p.Await(t, "the server to be ready", func() bool {
		return printedCurl.MatchString(p.Stdout.String()) && strings.HasSuffix(p.Stdout.String(), "\n\n")
	})
	p.url = printedURL.FindStringSubmatch(p.Stdout.String())[1]
	if m := printedToken.FindStringSubmatch(p.Stdout.String()); m != nil {
		p.token = m[1]
	}
}

// do sends one request, authorized by token.
func (p *server) do(ctx context.Context, method, path, token, body string) (int, string, error) {
	req, err := http.NewRequestWithContext(ctx, method, p.url+path, strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, "", err
	}
	got, err := io.ReadAll(res.Body)
	return res.StatusCode, string(got), errors.Join(err, res.Body.Close())
}
