package storetest

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/privatepkgs/license"
)

var getFaults = []fault{
	{"an unknown id gives neither a license nor an error", []string{"Get/ReportsAnUnknownID", "Delete/RemovesALicense"}, func(s *faulty) {
		s.get = func(ctx ctxt, id uuid.UUID) (*lic, error) {
			l, err := s.Store.Get(ctx, id)
			if errors.Is(err, license.ErrNotFound) {
				return nil, nil
			}
			return l, err
		}
	}},
	{"keys are found in any case", []string{"Get/ReportsAKeyThatNoLicenseHas", "Update/ChangesOnlyTheCaseOfAKey"}, func(s *faulty) {
		s.getByKey = func(ctx ctxt, key string) (*lic, error) {
			p, err := s.Store.List(ctx, license.Query{})
			if err != nil {
				return nil, err
			}
			for _, l := range p.Licenses {
				if strings.EqualFold(l.Key, key) {
					return l, nil
				}
			}
			return nil, license.ErrNotFound
		}
	}},
	{"white space around a key is cut off", []string{"Get/ReportsAKeyThatNoLicenseHas"}, func(s *faulty) {
		s.getByKey = func(ctx ctxt, key string) (*lic, error) { return s.Store.GetByKey(ctx, strings.TrimSpace(key)) }
	}},
	{"a key that cannot be is another error", []string{"Get/ReportsAKeyThatNoLicenseHas"}, func(s *faulty) {
		s.getByKey = func(ctx ctxt, key string) (*lic, error) {
			if key == "" || len(key) > license.MaxKeyLen {
				return nil, errors.New("bad key")
			}
			return s.Store.GetByKey(ctx, key)
		}
	}},
	{"a lookup by key finds another license", []string{"Get/FindsByIDAndByKey"}, func(s *faulty) {
		s.getByKey = func(ctx ctxt, _ string) (*lic, error) {
			p, err := s.Store.List(ctx, license.Query{})
			return p.Licenses[0], err
		}
	}},
	{"a lookup by key is served from what was read before", []string{"Update/RaisesTheRevisionByOneEachTime", "Time/NeverGoBackInUpdatedAt"}, func(s *faulty) {
		s.getByKey = func(ctx ctxt, key string) (*lic, error) {
			if l := s.noted(key); l != nil {
				return l.Clone(), nil
			}
			l, err := s.Store.GetByKey(ctx, key)
			s.note(key, l.Clone())
			return l, err
		}
	}},
}

// aliases lets licenses share memory with those that a note by the key holds.
func aliases(s *faulty, l *lic) {
	if n := s.noted(l.Key); n != nil {
		l.Meta, l.Packages = n.Meta, n.Packages
	}
}

var copyFaults = []fault{
	{"create keeps the memory of its argument", []string{"Copies/ArgumentOfCreate"}, func(s *faulty) {
		s.create = func(ctx ctxt, l *lic) error {
			err := s.Store.Create(ctx, l)
			s.note(l.Key, new(*l))
			return err
		}
		s.spoil = func(l *lic) { aliases(s, l) }
	}},
	{"update keeps the memory of its argument", []string{"Copies/ArgumentOfUpdate"}, func(s *faulty) {
		s.update = func(ctx ctxt, l *lic) error {
			err := s.Store.Update(ctx, l)
			s.note(l.Key, new(*l))
			return err
		}
		s.spoil = func(l *lic) { aliases(s, l) }
	}},
	{"reads return the memory of the store", []string{
		"Copies/ResultOfGet", "Copies/ResultOfGetByKey", "Copies/ResultOfList", "Copies/ResultsOfTwoCalls",
	}, func(s *faulty) {
		s.create = func(ctx ctxt, l *lic) error {
			err := s.Store.Create(ctx, l)
			s.note(l.Key, l.Clone())
			return err
		}
		s.spoil = func(l *lic) { aliases(s, l) }
	}},
}

var textFaults = []fault{
	{"names are trimmed", []string{"Text/Names"}, func(s *faulty) {
		s.spoil = func(l *lic) { l.Name = strings.TrimSpace(l.Name) }
	}},
	{"names are in one normal form", []string{"Text/Names"}, func(s *faulty) {
		s.spoil = func(l *lic) { l.Name = strings.ReplaceAll(l.Name, "e\u0301", "\u00e9") }
	}},
	{"keys are cut to 64 bytes", []string{"Text/Keys"}, func(s *faulty) {
		s.spoil = func(l *lic) { l.Key = l.Key[:min(len(l.Key), 64)] }
	}},
	{"packages are sorted", []string{"Text/Packages", "Update/ReplacesEverythingButIDAndCreatedAt"}, func(s *faulty) {
		s.spoil = func(l *lic) { slices.Sort(l.Packages) }
	}},
	{"packages are joined by commas", []string{"Text/Packages"}, func(s *faulty) {
		s.spoil = func(l *lic) { l.Packages = strings.Split(strings.Join(l.Packages, ","), ",") }
	}},
	{"the package filter ignores case", []string{"Text/Packages"}, func(s *faulty) {
		s.list = func(ctx ctxt, q license.Query) (*license.Page, error) {
			p, err := s.Store.List(ctx, q)
			if err == nil && len(p.Licenses) == 0 && q.Package != "" {
				q.Package = strings.ToLower(q.Package)
				return s.Store.List(ctx, q)
			}
			return p, err
		}
	}},
	{"numbers in meta become floating point", []string{"Text/Meta"}, func(s *faulty) {
		s.spoil = func(l *lic) {
			var v any
			if json.Unmarshal(l.Meta, &v) == nil {
				l.Meta, _ = json.Marshal(v)
			}
		}
	}},
	{"meta is escaped for HTML", []string{"Text/Meta"}, func(s *faulty) {
		s.spoil = func(l *lic) { l.Meta, _ = json.Marshal(l.Meta) }
	}},
	{"meta that was absent is null", []string{"Text/MetaWithoutItsWhiteSpace", "Create/FillsWhatIsZeroInItsArgument"}, func(s *faulty) {
		s.spoil = func(l *lic) {
			if string(l.Meta) == "{}" {
				l.Meta = nil
			}
		}
	}},
	{"ranges are tidied", []string{"Text/Constraints"}, func(s *faulty) {
		s.spoil = func(l *lic) {
			if r := strings.Join(strings.Fields(l.Constraint.Range()), " "); r != "" {
				l.Constraint, _ = license.VersionConstraint(r)
			}
		}
	}},
}

var timeFaults = []fault{
	{"times are kept in seconds", []string{"Time/AreCutToTheMillisecond", "Time/HaveTheWholeRange"}, func(s *faulty) {
		s.spoil = func(l *lic) {
			l.CreatedAt, l.UpdatedAt = l.CreatedAt.Truncate(time.Second), l.UpdatedAt.Truncate(time.Second)
		}
	}},
	{"times are rounded", []string{"Time/AreCutToTheMillisecond"}, func(s *faulty) {
		s.create = func(ctx ctxt, l *lic) error {
			l.CreatedAt, l.UpdatedAt = l.CreatedAt.Round(time.Millisecond), l.UpdatedAt.Round(time.Millisecond)
			return s.Store.Create(ctx, l)
		}
	}},
	{"the clock is another one", []string{"Create/FillsWhatIsZeroInItsArgument"}, func(s *faulty) {
		s.create = func(ctx ctxt, l *lic) error {
			if l.CreatedAt.IsZero() {
				l.CreatedAt = time.Now()
			}
			return s.Store.Create(ctx, l)
		}
	}},
	{"createdAt never goes back", []string{"Time/ListByCreationWhenTheClockHasGoneBack"}, func(s *faulty) {
		s.create = func(ctx ctxt, l *lic) error {
			if last := s.noted("last"); last != nil && l.CreatedAt.IsZero() && s.now().Before(last.CreatedAt) {
				l.CreatedAt = last.CreatedAt
			}
			err := s.Store.Create(ctx, l)
			s.note("last", l.Clone())
			return err
		}
	}},
	{"updatedAt is the clock, also when that has gone back", []string{"Time/NeverGoBackInUpdatedAt", "Time/NeverPutUpdatedAtBeforeCreatedAt"}, func(s *faulty) {
		s.update = func(ctx ctxt, l *lic) error {
			err := s.Store.Update(ctx, l)
			l.UpdatedAt = millis(s.now())
			s.note(l.Key, l.Clone())
			return err
		}
		s.spoil = func(l *lic) {
			if n := s.noted(l.Key); n != nil {
				l.UpdatedAt = n.UpdatedAt
			}
		}
	}},
}

var contextFaults = []fault{
	{"contexts are ignored", []string{"Context/CancelledReachesEveryCall", "Context/ExpiredReachesEveryCall"}, func(s *faulty) {
		free := context.WithoutCancel
		s.create = func(ctx ctxt, l *lic) error { return s.Store.Create(free(ctx), l) }
		s.get = func(ctx ctxt, id uuid.UUID) (*lic, error) { return s.Store.Get(free(ctx), id) }
		s.getByKey = func(ctx ctxt, key string) (*lic, error) { return s.Store.GetByKey(free(ctx), key) }
		s.list = func(ctx ctxt, q license.Query) (*license.Page, error) { return s.Store.List(free(ctx), q) }
		s.update = func(ctx ctxt, l *lic) error { return s.Store.Update(free(ctx), l) }
		s.delete = func(ctx ctxt, id uuid.UUID, revision int64) error { return s.Store.Delete(free(ctx), id, revision) }
	}},
	{"a call that was never begun has an unknown outcome", []string{"Context/CancelledReachesEveryCall"}, func(s *faulty) {
		s.delete = func(ctx ctxt, id uuid.UUID, revision int64) error {
			err := s.Store.Delete(ctx, id, revision)
			if errors.Is(err, context.Canceled) {
				return errors.Join(err, license.ErrUnknownOutcome)
			}
			return err
		}
	}},
	{"a write that was cut does not say that it may have happened", []string{"Context/CutWhileWritingLeavesAllOrNothing"}, func(s *faulty) {
		s.create = func(ctx ctxt, l *lic) error {
			err := s.Store.Create(context.WithoutCancel(ctx), l)
			if _, ok := ctx.Deadline(); ok {
				<-ctx.Done()
				return ctx.Err()
			}
			return err
		}
	}},
	{"an update that was cut does not say that it may have happened", []string{"Context/CutWhileUpdatingLeavesAllOrNothing"}, func(s *faulty) {
		s.update = func(ctx ctxt, l *lic) error {
			err := s.Store.Update(context.WithoutCancel(ctx), l)
			if _, ok := ctx.Deadline(); ok {
				<-ctx.Done()
				return ctx.Err()
			}
			return err
		}
	}},
	{"an update that was cut leaves a half", []string{"Context/CutWhileUpdatingLeavesAllOrNothing"}, func(s *faulty) {
		s.update = func(ctx ctxt, l *lic) error {
			if _, ok := ctx.Deadline(); ok {
				l.Name = ""
				if err := s.Store.Update(context.WithoutCancel(ctx), l); err != nil {
					return err
				}
				<-ctx.Done()
				return errors.Join(ctx.Err(), license.ErrUnknownOutcome)
			}
			return s.Store.Update(ctx, l)
		}
	}},
	{"a deletion that was cut does not say that it may have happened", []string{"Context/CutWhileDeletingLeavesAllOrNothing"}, func(s *faulty) {
		s.delete = func(ctx ctxt, id uuid.UUID, revision int64) error {
			err := s.Store.Delete(context.WithoutCancel(ctx), id, revision)
			if _, ok := ctx.Deadline(); ok {
				<-ctx.Done()
				return ctx.Err()
			}
			return err
		}
	}},
	{"a deletion that was cut is acknowledged and lost", []string{"Context/CutWhileDeletingLeavesAllOrNothing"}, func(s *faulty) {
		s.delete = func(ctx ctxt, id uuid.UUID, revision int64) error {
			if _, ok := ctx.Deadline(); ok {
				return nil
			}
			return s.Store.Delete(ctx, id, revision)
		}
	}},
	{"a lent page looks at no context", []string{"Context/CancelledReachesEveryCall", "Context/ExpiredReachesEveryCall"}, func(s *faulty) {
		s.lend = func(ctx ctxt, q license.Query, use func(*lic)) (*license.Page, error) {
			return s.Store.(license.PageLender).LendPage(context.WithoutCancel(ctx), q, use)
		}
	}},
	{"a lent page is of whatever query", []string{"List/RefusesAnInvalidQuery"}, func(s *faulty) {
		s.lend = func(ctx ctxt, q license.Query, use func(*lic)) (*license.Page, error) {
			if _, err := q.Prepare(); err != nil {
				q = license.Query{}
			}
			return s.Store.(license.PageLender).LendPage(ctx, q, use)
		}
	}},
	{"a lent page is none", []string{"List/HoldsAHundredUnlessAsked"}, func(s *faulty) {
		s.lend = func(ctxt, license.Query, func(*lic)) (*license.Page, error) { return nil, nil }
	}},
	{"a write that was cut is acknowledged and lost", []string{"Context/CutWhileWritingLeavesAllOrNothing"}, func(s *faulty) {
		s.create = func(ctx ctxt, l *lic) error {
			if _, ok := ctx.Deadline(); ok {
				return nil
			}
			return s.Store.Create(ctx, l)
		}
	}},
}
