package serve

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/privatepkgs/license"
	"github.com/privatepkgs/license/memstore"
	"github.com/privatepkgs/license/sqlstore"
	"github.com/privatepkgs/license/sqlstore/postgres"
	"github.com/privatepkgs/license/sqlstore/sqlite"
)

// Database is an open store, with what a person calls it.
type Database struct {
	Store    license.Store // not embedded: what else it can do, such as [license.PageLender], would be lost
	Name     string
	Close    func() error
	Notifies bool // [postgres.Listen] tells of changes
}

// IsFile reports whether -db names a file for SQLite.
func IsFile(arg string) bool {
	scheme, rest, found := strings.Cut(arg, ":")
	return arg != "" && arg != ":memory:" && !(found && (scheme == "memory" && rest == "" || strings.HasPrefix(rest, "//")))
}

// OpenStore opens what -db says: its scheme decides which store that is. The options are for
// PostgreSQL.
func OpenStore(ctx context.Context, arg string, o postgres.Options) (Database, error) {
	scheme, _, _ := strings.Cut(arg, ":")
	switch {
	case IsFile(arg):
		name, err := filepath.Abs(arg)
		if err != nil {
			name = arg
		}
		store, err := sqlite.Open(ctx, arg)
		return opened(store, name, err)
	case arg == "":
		return Database{}, errors.New("-db must not be empty")
	case arg == "memory:":
		return Database{
			Store: memstore.New(memstore.Options{}),
			Name:  "in memory, gone when the server ends",
			Close: func() error { return nil },
		}, nil
	case scheme == "postgres" || scheme == "postgresql":
		store, err := o.Open(ctx, arg)
		db, err := opened(store, "PostgreSQL", err)
		db.Notifies = o.Notify
		return db, err
	case arg == ":memory:":
		return Database{}, errors.New("-db has no :memory:; give memory: to keep nothing")
	default:
		return Database{}, fmt.Errorf("-db has the unknown scheme %s://; give a file, postgres:// or memory: instead", scheme)
	}
}

func opened(store *sqlstore.Store, name string, err error) (Database, error) {
	if err != nil {
		return Database{}, fmt.Errorf("cannot open the database: %w", err)
	}
	return Database{Store: store, Name: name, Close: store.Close}, nil
}
