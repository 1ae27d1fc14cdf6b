package cachestore_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/privatepkgs/license"
	"github.com/privatepkgs/license/cachestore"
	"github.com/privatepkgs/license/memstore"
)

// A registry checks through the cache, and writes through it too. What another instance writes
// is seen after MaxStaleness at the latest, or when this one is told.
func Example() {
	ctx := context.Background()
	database := memstore.New(memstore.Options{}) // any license.Store
	licenses, err := cachestore.New(database, cachestore.Options{MaxStaleness: 10 * time.Second})
	if err != nil {
		log.Fatal(err)
	}
	checker := license.NewChecker(licenses.Shared(), license.CheckerOptions{})
	check := func(when string) {
		d, err := checker.CheckPackage(ctx, "12345-12345-ABCDE", license.Request{Package: "toy"})
		if err != nil {
			log.Fatal(err) // the store could not answer: deny
		}
		fmt.Printf("%s: %s\n", when, d.Code)
	}

	check("before the sale")
	l := &license.License{
		Key:        "12345-12345-ABCDE",
		Constraint: license.NoConstraint(),
		Packages:   []string{"toy"},
	}
	if err := licenses.Create(ctx, l); err != nil {
		log.Fatal(err)
	}
	check("sold here")

	l.Suspended = true
	if err := database.Update(ctx, l); err != nil { // as another instance does
		log.Fatal(err)
	}
	check("suspended elsewhere, within MaxStaleness")
	licenses.Invalidate(l.ID)
	check("after Invalidate")
	// Output:
	// before the sale: NOT_FOUND
	// sold here: VALID
	// suspended elsewhere, within MaxStaleness: VALID
	// after Invalidate: SUSPENDED
}
