// Package sqlstore keeps licenses in a SQL database through database/sql. It imports no
// driver. For the embedded default, a SQLite file, use package sqlstore/sqlite, which opens
// one ready for use. To keep licenses in a database that you have open already, with your own
// driver, pool and tables:
//
//	store, err := sqlstore.New(db, sqlstore.SQLite, sqlstore.Options{})
//	if err != nil {
//		return err
//	}
//	if err := store.Migrate(ctx); err != nil {
//		return err
//	}
//
// An order and its license are both there or neither when they share a transaction:
//
//	tx, err := db.BeginTx(ctx, nil)
//	...
//	err = store.InTx(tx).Create(ctx, &license.License{...})
//	...
//	err = tx.Commit()
//
// # Schema
//
// The tables pkg_licenses, pkg_license_packages and pkg_license_migrations belong to this
// package. Reading them is welcome; who changes a row by hand keeps each JSON column on one line. The
// database must be in UTF-8, as it is unless somebody has chosen otherwise. Triggers keep pkg_license_packages, from which licenses are
// found by package. Every query finds its rows by an index and reads them in order, so
// that a page costs the same at any depth, under every filter.
//
// # Reliability
//
// A write is one transaction, which begins with its write. When it is acknowledged it is
// committed. A call that fails left nothing behind, except that one cut while it was being
// committed wraps [license.ErrUnknownOutcome]. A database that is busy, full, read-only or
// gone is [license.ErrUnavailable], unless the commit is the first to notice, as it mostly is with
// a disk that is full. Errors are told apart by the driver's codes and never by text; the driver's
// error is wrapped, so do not show it to strangers.
package sqlstore
