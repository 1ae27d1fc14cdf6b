package sqlite_test

import (
	"context"
	"database/sql"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/privatepkgs/license"
	"github.com/privatepkgs/license/sqlstore"
	"github.com/privatepkgs/license/sqlstore/sqlite"
)

func ExampleOpen() {
	dir, err := os.MkdirTemp("", "licenses")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)

	ctx := context.Background()
	store, err := sqlite.Open(ctx, filepath.Join(dir, "licenses.db"))
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()

	l := &license.License{
		Key:        "12345-12345-ABCDE",
		Constraint: license.NoConstraint(),
		Packages:   []string{"example-package"},
	}
	if err := store.Create(ctx, l); err != nil {
		log.Fatal(err)
	}
	found, err := store.GetByKey(ctx, "12345-12345-ABCDE")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(found.Packages, found.Revision)
	// Output: [example-package] 1
}

// An order and its license are both there or neither, when licenses are kept in the shop's own
// database.
func Example_inTheTransactionOfAnOrder() {
	dir, err := os.MkdirTemp("", "shop")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)

	ctx := context.Background()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "shop.db")+
		"?_txlock=immediate&_pragma=busy_timeout(10000)&_pragma=journal_mode(wal)&_pragma=synchronous(full)")
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(ctx, `CREATE TABLE orders (number INTEGER PRIMARY KEY, license TEXT)`); err != nil {
		log.Fatal(err)
	}
	store, err := sqlstore.New(db, sqlstore.SQLite, sqlstore.Options{})
	if err != nil {
		log.Fatal(err)
	}
	if err := store.Migrate(ctx); err != nil {
		log.Fatal(err)
	}

	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer tx.Rollback()
	l := &license.License{Constraint: license.NoConstraint(), Packages: []string{"example-package"}}
	if err := store.InTx(tx).Create(ctx, l); err != nil {
		log.Fatal(err)
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO orders VALUES (1, $1)`, l.ID); err != nil {
		log.Fatal(err)
	}
	if err := tx.Commit(); err != nil {
		log.Fatal(err)
	}

	_, err = store.Get(ctx, l.ID)
	fmt.Println(err)
	// Output: <nil>
}
