package ndjson_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/privatepkgs/license"
	"github.com/privatepkgs/license/memstore"
	"github.com/privatepkgs/license/ndjson"
)

const exampleFile = `{"id":"0190b6c4-9d2a-7c3e-8f41-5a6b7c8d9e0f","name":"ACME","key":"12345-12345-ABCDE","constraint":{"type":"none"},"suspended":false,"meta":{},"packages":["toy"],"createdAt":1672531200000,"updatedAt":1672531200000}
{"id":"0190b6c4-9d2b-7d10-a2c6-1f2e3d4c5b6a","name":"Example Ltd","key":"12345-12345-FGHJK","constraint":{"type":"version","value":"<2.0.0"},"suspended":false,"meta":{"order":1234},"packages":["toy"],"createdAt":1672531200000,"updatedAt":1672531200000}
`

// All licenses of a store, or those that a query selects, become lines.
func ExampleExport() {
	ctx := context.Background()
	store := memstore.New(memstore.Options{})
	if _, err := ndjson.Import(ctx, store, strings.NewReader(exampleFile), ndjson.Options{}); err != nil {
		log.Fatal(err)
	}
	n, err := ndjson.Export(os.Stdout, license.All(ctx, store, license.Query{Package: "toy"}))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(n, "licenses")
	// Output:
	// {"id":"0190b6c4-9d2a-7c3e-8f41-5a6b7c8d9e0f","name":"ACME","key":"12345-12345-ABCDE","constraint":{"type":"none"},"suspended":false,"meta":{},"packages":["toy"],"createdAt":1672531200000,"updatedAt":1672531200000}
	// {"id":"0190b6c4-9d2b-7d10-a2c6-1f2e3d4c5b6a","name":"Example Ltd","key":"12345-12345-FGHJK","constraint":{"type":"version","value":"<2.0.0"},"suspended":false,"meta":{"order":1234},"packages":["toy"],"createdAt":1672531200000,"updatedAt":1672531200000}
	// 2 licenses
}

// The second import finds everything done, and one license that was changed in the meantime.
func ExampleImport() {
	ctx := context.Background()
	store := memstore.New(memstore.Options{})
	for range 2 {
		result, err := ndjson.Import(ctx, store, strings.NewReader(exampleFile), ndjson.Options{
			Conflict: func(c ndjson.Conflict) { fmt.Println(c) },
		})
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(result.Created, "created,", result.Unchanged, "unchanged,", result.Conflicting, "left out")

		l, err := store.GetByKey(ctx, "12345-12345-FGHJK")
		if err != nil {
			log.Fatal(err)
		}
		l.Suspended = true
		if err := store.Update(ctx, l); err != nil {
			log.Fatal(err)
		}
	}
	// Output:
	// 2 created, 0 unchanged, 0 left out
	// line 2: license 0190b6c4-9d2b-7d10-a2c6-1f2e3d4c5b6a is left out, as it is in the store with another /suspended /updatedAt
	// 0 created, 1 unchanged, 1 left out
}

// A bad line ends the import. What the lines before it say is done, and once the line is mended
// the same file again does the rest.
func ExampleLineError() {
	ctx := context.Background()
	store := memstore.New(memstore.Options{})
	file := strings.Replace(exampleFile, `"<2.0.0"`, `"latest"`, 1)
	result, err := ndjson.Import(ctx, store, strings.NewReader(file), ndjson.Options{})
	if bad, ok := errors.AsType[*ndjson.LineError](err); ok {
		fmt.Println("line", bad.Line, "is bad, and", result.Lines, "before it is settled")
	}
	if invalid, ok := errors.AsType[*license.ValidationError](err); ok {
		for _, p := range invalid.Problems {
			fmt.Println(p.Pointer, p.Code)
		}
	}
	// Output:
	// line 2 is bad, and 1 before it is settled
	// /constraint/value invalid_value
}

// Another system's customers become licenses on the way. It has no ids of this kind, so each is
// made from what identifies a customer there: importing again finds the same licenses.
func ExampleImportSeq() {
	ctx := context.Background()
	store := memstore.New(memstore.Options{})
	customers := []struct {
		number  int
		serial  string
		expires time.Time
		since   time.Time
	}{
		{1001, "AAAA-1111", time.Date(2027, 1, 31, 0, 0, 0, 0, time.UTC), time.Date(2024, 1, 31, 0, 0, 0, 0, time.UTC)},
		{1002, "BBBB-2222", time.Date(2026, 6, 30, 0, 0, 0, 0, time.UTC), time.Date(2025, 6, 30, 0, 0, 0, 0, time.UTC)},
	}
	namespace := uuid.MustParse("6f1c7f8a-55a4-4c0e-9d57-0f0e2c1b7a90") // made once, for this shop
	licenses := func(yield func(*license.License, error) bool) {
		for _, c := range customers {
			l := &license.License{
				ID:         uuid.NewSHA1(namespace, fmt.Appendf(nil, "customer %d", c.number)),
				Key:        c.serial,
				Constraint: license.DateConstraint(c.expires),
				Meta:       fmt.Appendf(nil, `{"customer":%d}`, c.number),
				Packages:   []string{"toy"},
				CreatedAt:  c.since,
				UpdatedAt:  c.since,
			}
			if !yield(l, nil) {
				return
			}
		}
	}
	for range 2 {
		result, err := ndjson.ImportSeq(ctx, store, licenses, ndjson.Options{})
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(result.Created, "created,", result.Unchanged, "unchanged")
	}
	// Output:
	// 2 created, 0 unchanged
	// 0 created, 2 unchanged
}
