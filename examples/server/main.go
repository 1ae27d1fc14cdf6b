// Server serves the v1 license API from an SQLite file, or from PostgreSQL:
//
//	go run ./examples/server
//
// It prints where it listens, which database it keeps, an API token and a curl line to
// try. Flags choose the address and the database; LICENSE_API_TOKENS holds the API tokens,
// separated by commas. It speaks plain HTTP: put something that speaks TLS in front of it
// before it leaves your machine.
//
// It is a small program around package httpapi, to be copied and changed: everything that it
// does is also open to a service that mounts the API on a mux of its own.
package main

import (
	"flag"

	"github.com/privatepkgs/license/examples/internal/serve"
)

const usage = `Serves the v1 license API.

  -addr address   where to listen (default 127.0.0.1:8080)
  -db database    a file for SQLite, made when it is not there (default licenses.db),
                  postgres://USER@HOST/NAME, or memory: to keep nothing

  LICENSE_API_TOKENS   the API tokens, separated by commas; without it a token is made
                       at each start and printed
`

func main() {
	serve.Program[serve.Settings]{Name: "server", Usage: usage, Parse: parse, Serve: run}.Main()
}

func parse(args []string, getenv func(string) string) (serve.Settings, error) {
	return serve.Parse(flag.NewFlagSet("server", flag.ContinueOnError), args, getenv)
}
