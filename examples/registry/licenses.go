package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/privatepkgs/license"
)

// exampleLicenses returns the four licenses, without keys. Their ids are fixed, so that a start finds
// those of the last one, with whatever somebody has changed.
func exampleLicenses() ([]*license.License, error) {
	below2, err := license.VersionConstraint("<2.0.0")
	if err != nil {
		return nil, err
	}
	expired := license.DateConstraint(time.Date(2023, 6, 1, 0, 0, 0, 0, time.UTC))
	licenses := []*license.License{
		{Name: "Everything", Constraint: license.NoConstraint()},
		{Name: "Version 1", Constraint: below2},
		{Name: "Not renewed", Constraint: expired},
		{Name: "Not paid", Constraint: license.NoConstraint(), Suspended: true},
	}
	var packages []string
	for _, e := range ecosystems() {
		packages = append(packages, e.pkg)
	}
	slices.Sort(packages)
	packages = slices.Compact(packages)
	for _, l := range licenses {
		l.ID = uuid.NewSHA1(uuid.NameSpaceURL, []byte("https://acme.example/licenses/"+l.Name))
		l.Packages = packages
	}
	return licenses, nil
}

// seed makes those of the four licenses that are missing, each with a key of its own, and returns
// all of them as they are.
func seed(ctx context.Context, store license.Store) ([]*license.License, error) {
	licenses, err := exampleLicenses()
	if err != nil {
		return nil, err
	}
	for i, l := range licenses {
		err := store.Create(ctx, l)
		if errors.Is(err, license.ErrIDExists) {
			licenses[i], err = store.Get(ctx, l.ID)
		}
		if err != nil {
			return nil, fmt.Errorf("making the license %q: %w", l.Name, err)
		}
	}
	return licenses, nil
}

// describe says what a license opens now.
func describe(l *license.License) string {
	c := l.Constraint
	switch {
	case l.Suspended:
		return "suspended"
	case c.Type() == license.ConstraintDate && !time.Now().Before(c.Until()):
		return "expired on " + c.Until().Format("2 January 2006")
	case c.Type() == license.ConstraintNone:
		return "every version"
	default:
		return c.String()
	}
}
