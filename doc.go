// Package license keeps licenses for package registries and answers, in process, the one
// question that matters: may this key have this version of this package now, and if not,
// why not?
//
// Who sells access to packages gives each customer a [License]: a key that opens certain
// packages without limit, until a date, or for a range of versions. A [Store] keeps
// licenses, a [Checker] goes from a key to a [Decision], and a Decision has a stable code for
// programs and a sentence for the customer.
//
// # A tour
//
//	versions, err := license.VersionConstraint("<2.0.0") // or DateConstraint, or NoConstraint
//	l := &license.License{Name: "Example Ltd", Constraint: versions, Packages: []string{"toy"}}
//	err = store.Create(ctx, l) // fills l.ID and l.Key
//
//	checker := license.NewChecker(store, license.CheckerOptions{})
//	d, err := checker.CheckVersion(ctx, l.Key, license.Request{Package: "toy", Version: "2.1.0"})
//	if err != nil || !d.Allowed() {
//		// Deny. d.Code is VERSION_NOT_ALLOWED, and d.Message() says:
//		// "This license for toy covers versions <2.0.0; 2.1.0 needs an upgrade."
//	}
//
// The store is one of memstore, sqlstore/sqlite and sqlstore/postgres, or one's own, which
// package storetest tries out. Package httpapi makes an HTTP API of any store, and package
// gate enforces licenses in front of a registry. To check a license in hand, as in a unit test,
// there is no need of a store: see [License.CheckVersion].
//
// # What it does not do
//
// It takes no payments, sends no mail, and has no accounts or users: a shop or a billing
// webhook creates and changes licenses. It is no registry and serves no packages. Licenses are looked
// up and not signed: this is no scheme for software that checks its own license offline. It counts no seats,
// machines or downloads.
//
// # Security
//
// Keys are secrets. A generated one has 125 bits from crypto/rand. Under log/slog and fmt a
// License, Decision or Page is printed without the key, see [License.Format] for the exceptions. The JSON form of a License holds it, so do
// not log that, nor a slice of licenses with the JSON handler of log/slog. Neither the errors of
// this package nor the sentences of a Decision quote a key.
//
// Checks fail closed. The zero License, Constraint, Code and Decision allow nothing. When
// the store cannot answer, a Checker returns an error together with the zero Decision. A request
// without a version is never allowed a version, and a date without a time has passed. Checking
// a package and checking a version are two calls, so that a forgotten version opens nothing,
// and what a listing shows by [Decision.ForVersion] is what a download is allowed.
//
// Prereleases are the paid boundary. By precedence 2.0.0-beta.1 is less than 2.0.0, so that
// a range like >=1.0.0-0 <2.0.0 could give it to those who paid for version 1. Here the rule is
// npm's: a range must name a prerelease of the same major.minor.patch, see [VersionConstraint].
//
// A License keeps what it was given: text is valid UTF-8 without NUL, and meta holds no
// name twice, so that every store and every reader sees the same.
//
// # Compatibility
//
// The module follows semantic versioning. Within a major version these do not change: the
// exported API of the packages outside internal; the JSON form of licenses and constraints; the
// values of [Code] and of the codes of a [Problem]; the errors that a Store must return, and
// the order of its listing. New fields of JSON objects, new fields of options, new codes of problems and new
// tests in storetest may come. The texts of errors and messages are for people and
// change freely.
//
// The meaning of version ranges is that of github.com/Masterminds/semver/v3, and a change
// there that changes which releases a range admits is treated as one made here.
package license
