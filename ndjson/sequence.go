package ndjson

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/privatepkgs/license"
)

// entriesOf makes entries of a sequence that anybody may have made.
func entriesOf(licenses iter.Seq2[*license.License, error]) iter.Seq[entry] {
	return func(yield func(entry) bool) {
		place := 0
		for l, err := range licenses {
			place++
			e := entry{at: position{line: place}}
			if err == nil {
				e.license, e.err = prepare(l, place)
			} else if _, bad := errors.AsType[*LineError](err); bad {
				e.err = err
			} else {
				yield(entry{err: fmt.Errorf("ndjson: after license %d of the sequence: %w", place-1, err), at: e.at})
				return
			}
			if !yield(e) {
				return
			}
		}
	}
}

// prepare returns l as a store keeps it, if it is all there and valid. It leaves l as it is.
func prepare(l *license.License, place int) (*license.License, error) {
	err := complete(l)
	if err != nil {
		return nil, &LineError{place, err}
	}
	prepared := *l
	prepared.Packages = slices.Clone(l.Packages) // which the sequence may use again; Meta is copied as it is prepared
	if err := prepared.PrepareCreate(time.Time{}); err != nil {
		return nil, &LineError{place, err}
	}
	return &prepared, nil
}

// complete reports what a store would make up, and would make up anew in another import.
func complete(l *license.License) error {
	if l == nil {
		return required("")
	}
	var missing []string
	if l.ID == uuid.Nil {
		missing = append(missing, "/id")
	}
	if l.Key == "" {
		missing = append(missing, "/key")
	}
	if l.CreatedAt.IsZero() {
		missing = append(missing, "/createdAt")
	}
	if l.UpdatedAt.IsZero() {
		missing = append(missing, "/updatedAt")
	}
	if len(missing) == 0 {
		return nil
	}
	return required(missing...)
}

func required(pointers ...string) *license.ValidationError {
	e := new(license.ValidationError)
	for _, p := range pointers {
		e.Problems = append(e.Problems, license.Problem{
			Pointer: p, Code: license.CodeRequired, Detail: "this must be given, so that importing again finds the same license",
		})
	}
	return e
}
