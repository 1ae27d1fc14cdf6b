package license_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"os"
	"time"

	"github.com/google/uuid"

	"github.com/privatepkgs/license"
	"github.com/privatepkgs/license/memstore"
)

// A license is made by filling a struct and giving it to a store, which adds the id and,
// unless there is one, a random key.
func Example() {
	ctx := context.Background()
	store := memstore.New(memstore.Options{})

	versions, err := license.VersionConstraint("<2.0.0")
	if err != nil {
		log.Fatal(err)
	}
	l := &license.License{
		Name:       "Example Ltd",
		Constraint: versions,
		Packages:   []string{"toy", "@acme/toy"},
		Meta:       json.RawMessage(`{"order": 1234}`),
	}
	if err := store.Create(ctx, l); err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(l.Key), l.Revision, string(l.Meta))
	// Output: 29 1 {"order":1234}
}

// A unit test needs no store and no server: five lines decide.
func ExampleLicense_CheckVersion() {
	until := time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC)
	l := &license.License{Constraint: license.DateConstraint(until), Packages: []string{"toy"}}
	for _, now := range []time.Time{until.Add(-time.Millisecond), until} {
		d := l.CheckVersion(license.Request{Package: "toy", Version: "1.2.3", Time: now})
		fmt.Println(d.Allowed(), d.Code)
	}
	// Output:
	// true VALID
	// false EXPIRED
}

// A listing asks once about the package, then about each version that it might show.
func ExampleDecision_ForVersion() {
	versions, _ := license.VersionConstraint(">=1.0.0 <2.0.0")
	l := &license.License{Constraint: versions, Packages: []string{"toy"}}
	d := l.CheckPackage(license.Request{Package: "toy"})
	for _, v := range []string{"0.9.0", "1.0.0", "1.9.0", "2.0.0-beta.1", "2.1.0"} {
		if d.ForVersion(v, time.Time{}).Allowed() {
			fmt.Println(v)
		}
	}
	// Output:
	// 1.0.0
	// 1.9.0
}

// Each answer has a sentence that tells the customer what to do.
func ExampleDecision_Message() {
	versions, _ := license.VersionConstraint("<2.0.0")
	l := &license.License{Constraint: versions, Packages: []string{"toy"}}
	fmt.Println(l.CheckVersion(license.Request{Package: "toy", Version: "2.1.0"}).Message())
	fmt.Println(l.CheckVersion(license.Request{Package: "game", Version: "1.0.0"}).Message())
	// Output:
	// This license for toy covers versions <2.0.0; 2.1.0 needs an upgrade.
	// This license does not cover game.
}

// A Checker goes from a customer's key to a decision. An error means that the store could not
// answer, and that nothing is allowed.
func ExampleChecker() {
	ctx := context.Background()
	store := memstore.New(memstore.Options{})
	err := store.Create(ctx, &license.License{
		Key:        "12345-12345-ABCDE",
		Constraint: license.DateConstraint(time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC)),
		Packages:   []string{"toy"},
	})
	if err != nil {
		log.Fatal(err)
	}

	checker := license.NewChecker(store, license.CheckerOptions{
		Now: func() time.Time { return time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC) },
		// What was released while the license was valid stays open for ever.
		PerpetualFallback: true,
	})
	for _, r := range []license.Request{
		{Package: "toy", Version: "1.0.0", ReleasedAt: time.Date(2025, 12, 1, 0, 0, 0, 0, time.UTC)},
		{Package: "toy", Version: "1.1.0", ReleasedAt: time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC)},
	} {
		d, err := checker.CheckVersion(ctx, "12345-12345-ABCDE", r)
		if err != nil {
			log.Fatal(err) // deny
		}
		fmt.Println(d.Code, d.Message())
	}
	d, err := checker.CheckVersion(ctx, "another", license.Request{Package: "toy", Version: "1.0.0"})
	fmt.Println(d.Code, err)
	// Output:
	// VALID This license covers toy 1.0.0.
	// EXPIRED This license for toy was valid until 2026-01-31 00:00 UTC. It keeps the versions released before; renew it for 1.1.0.
	// NOT_FOUND <nil>
}

// All pages by itself.
func ExampleAll() {
	ctx := context.Background()
	store := memstore.New(memstore.Options{})
	for i, name := range []string{"Ada", "Bob", "Cyd"} {
		err := store.Create(ctx, &license.License{
			Name:       name,
			Constraint: license.NoConstraint(),
			Packages:   []string{"toy"},
			CreatedAt:  time.UnixMilli(int64(1672531200000 + i)),
		})
		if err != nil {
			log.Fatal(err)
		}
	}
	for l, err := range license.All(ctx, store, license.Query{Package: "toy"}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(l.Name, l.CreatedAt.UnixMilli())
	}
	// Output:
	// Ada 1672531200000
	// Bob 1672531200001
	// Cyd 1672531200002
}

// Modify suspends a license without losing what somebody else changes meanwhile.
func ExampleModify() {
	ctx := context.Background()
	store := memstore.New(memstore.Options{})
	l := &license.License{Constraint: license.NoConstraint(), Packages: []string{"toy"}}
	if err := store.Create(ctx, l); err != nil {
		log.Fatal(err)
	}

	suspend := func(l *license.License) error { l.Suspended = true; return nil }
	changed, err := license.Modify(ctx, store, l.ID, suspend)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(changed.Suspended, changed.Revision)

	_, err = license.Modify(ctx, store, uuid.New(), suspend)
	fmt.Println(errors.Is(err, license.ErrNotFound))
	// Output:
	// true 2
	// true
}

// Everything that is wrong with a license is reported together.
func ExampleValidationError() {
	l := &license.License{Key: "with space", Packages: []string{"toy", "toy"}}
	var invalid *license.ValidationError
	if errors.As(l.Validate(), &invalid) {
		for _, p := range invalid.Problems {
			fmt.Printf("%s: %s: %s\n", p.Pointer, p.Code, p.Detail)
		}
	}
	// Output:
	// /key: invalid_value: key may hold only visible ASCII characters, and no space
	// /constraint: required: constraint must be given: none, date or version
	// /packages/1: duplicate_value: this package is already named at /packages/0
}

// A license may be logged: its key is not shown.
func ExampleLicense_LogValue() {
	logger := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{
		ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
			if len(groups) == 0 && (a.Key == slog.TimeKey || a.Key == slog.LevelKey) {
				return slog.Attr{}
			}
			return a
		},
	}))
	l := &license.License{Name: "Ada", Key: "7K3QF-09VTX-M4R8A-ZC2YW-5HJ6N", Constraint: license.NoConstraint(), Packages: []string{"toy"}}
	logger.Info("created", "license", l)
	// Output:
	// msg=created license.id=00000000-0000-0000-0000-000000000000 license.name=Ada license.key=7K3Q*** license.constraint=none license.suspended=false license.packages=1 license.revision=0
}
