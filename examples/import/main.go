// Import brings licenses from NDJSON into an SQLite file or PostgreSQL, and out of it again:
//
//	go run ./examples/import -db licenses.db < licenses.ndjson
//	(umask 077; go run ./examples/import -db licenses.db -export > licenses.ndjson)
//	go run ./examples/import -db postgres://app@db.example.com/shop < licenses.ndjson
//
// It may be run while examples/server serves the same database. When it ends early, run it again: it
// does what is left to do. Its status is 1 when anything was left out. The file holds every key.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"

	"github.com/privatepkgs/license"
	"github.com/privatepkgs/license/examples/internal/serve"
	"github.com/privatepkgs/license/ndjson"
	"github.com/privatepkgs/license/sqlstore/postgres"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	context.AfterFunc(ctx, stop) // a read that waits is not cut, so a second signal ends at once
	err := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("import", flag.ContinueOnError)
	flags.SetOutput(stderr)
	db := flags.String("db", "licenses.db", "the `database`: a file for SQLite, made when it is not there, or postgres://USER@HOST/NAME")
	export := flags.Bool("export", false, "write the licenses to standard output instead")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("there are flags only, and %q is none; licenses come from standard input: < licenses.ndjson", flags.Arg(0))
	}
	if *db == "memory:" {
		return errors.New("-db memory: keeps nothing; give a file or postgres://")
	}
	if *export && serve.IsFile(*db) {
		if _, err := os.Stat(*db); err != nil {
			return fmt.Errorf("there is nothing to export: %w", err)
		}
	}
	database, err := serve.OpenStore(ctx, *db, postgres.Options{})
	if err != nil {
		return err
	}
	defer database.Close()

	if *export {
		n, err := ndjson.Export(stdout, license.All(ctx, database.Store, license.Query{}))
		fmt.Fprintln(stderr, n, "licenses exported")
		return err
	}
	result, err := ndjson.Import(ctx, database.Store, stdin, ndjson.Options{
		Conflict: func(c ndjson.Conflict) { fmt.Fprintln(stderr, c) },
		Progress: func(r ndjson.Result) { fmt.Fprintln(stderr, r.Lines, "lines") },
	})
	fmt.Fprintf(stderr, "%d created, %d unchanged, %d left out; done up to line %d\n",
		result.Created, result.Unchanged, result.Conflicting, result.Lines)
	if err == nil && result.Conflicting > 0 {
		err = fmt.Errorf("left out: %d, as others with their id or key are there", result.Conflicting)
	}
	return err
}
