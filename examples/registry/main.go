// Registry is a small package registry behind the gate, for npm, go, pip, Composer and cargo:
//
//	go run ./examples/registry
//
// It serves one package in 1.0.0, 1.9.0, 2.0.0-beta.1 and 2.1.0, has four licenses for it (without
// limit, below 2.0.0, expired, suspended), and prints for each client what to paste into an empty
// directory to install it. The license API is mounted beside the registry: suspend a license, and see
// what the next install says.
//
//	/npm/  /go/  /pypi/simple/  /composer/  /cargo/   the registries, each behind its gate
//	/v1/                                              the license API
//	/healthz                                          200 while the store answers
//	/metrics                                          decisions by code, in the format of Prometheus
//
// The flags -addr and -db and the variable LICENSE_API_TOKENS are those of examples/server.
//
// # In front of a registry
//
// With -npm, -go, -pypi, -composer and -cargo, each the root URL of a registry, it is a reverse
// proxy in front of that registry instead:
//
//	go run ./examples/registry -npm http://localhost:4873 -go http://localhost:3000
//
// Only reads go through, and what clients post besides, such as npm's audits; packages are published
// to the registry itself, which customers must not reach. URLs of artifacts in its listings lead
// back to the gate. A registry that wants a password has it in its URL, where whoever may list the
// processes of this machine sees it.
//
// The pages of -pypi are at URL/simple/, and the crate files of -cargo at URL/api/v1/crates/. All files
// are on the host of their listing; for -composer, and for -pypi unless it links them relatively, that
// host has nothing else, and its URL no path.
//
// The four licenses open packages of the toy's names there, if there are any. Licenses for others are
// made through the API.
//
// # TLS
//
// The go command sends credentials over https alone. So everything is served on a second port
// with TLS, with a certificate made at each start for this machine, which the go command is told to
// trust through SSL_CERT_FILE. On macOS and Windows it ignores that variable: add the file to the
// trusted certificates of the system instead.
//
// # How the pieces fit
//
// There is one store, and a cache in front of it which the API writes through and the gates look
// into. What the API of this process writes is seen by the next request. What another process writes
// into the same database is seen after five seconds at most, the MaxStaleness of the cache, and on
// PostgreSQL, which tells of changes, after some milliseconds.
package main

import (
	"errors"
	"flag"
	"fmt"
	"net/url"

	"github.com/privatepkgs/license/examples/internal/serve"
)

const usage = `Serves a package that needs a license to npm, go, pip, Composer and cargo.

  -addr address   where to listen (default 127.0.0.1:8080)
  -tls address    where to listen with TLS, which go needs (default 127.0.0.1:8443)
  -db database    a file for SQLite, made when it is not there (default licenses.db),
                  postgres://USER@HOST/NAME, or memory: to keep nothing

  -npm URL, -go URL, -pypi URL, -composer URL, -cargo URL
                  stand in front of this registry, instead of the toy one

  LICENSE_API_TOKENS   the API tokens, separated by commas; without it a token is made
                       at each start and printed
`

// settings are those of the program.
type settings struct {
	serve.Settings
	tls       string
	upstreams map[string]*url.URL // by ecosystem; those without have a toy
}

func main() {
	serve.Program[settings]{Name: "registry", Usage: usage, Parse: parse, Serve: run}.Main()
}

func parse(args []string, getenv func(string) string) (settings, error) {
	flags := flag.NewFlagSet("registry", flag.ContinueOnError)
	s := settings{upstreams: make(map[string]*url.URL)}
	flags.StringVar(&s.tls, "tls", "127.0.0.1:8443", "")
	urls := make(map[string]*string)
	for _, e := range ecosystems() {
		urls[e.name] = flags.String(e.name, "", "")
	}
	var err error
	if s.Settings, err = serve.Parse(flags, args, getenv); err != nil {
		return settings{}, err
	}
	if s.tls == "" {
		return settings{}, errors.New("-tls must not be empty")
	}
	flags.Visit(func(f *flag.Flag) {
		if text, ok := urls[f.Name]; ok && err == nil {
			s.upstreams[f.Name], err = parseUpstream(f.Name, *text)
		}
	})
	return s, err
}

// parseUpstream returns an error that does not repeat the URL, which may hold a password.
func parseUpstream(flag, text string) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "":
		return nil, fmt.Errorf("-%s must be the URL of a registry, such as http://localhost:4873", flag)
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return nil, fmt.Errorf("-%s must be the root URL of a registry, without ? and #", flag)
	}
	return u, nil
}
