package storetest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/privatepkgs/license"
)

type (
	ctxt = context.Context
	lic  = license.License
)

var createFaults = []fault{
	{"create leaves its argument as it was", []string{"Create/FillsWhatIsZeroInItsArgument"}, func(s *faulty) {
		s.create = func(ctx ctxt, l *lic) error { return s.Store.Create(ctx, l.Clone()) }
	}},
	{"create fills its argument only after it wrote", []string{"Create/FillsItsArgumentBeforeItWrites"}, func(s *faulty) {
		s.create = func(ctx ctxt, l *lic) error {
			c := l.Clone()
			if err := s.Store.Create(ctx, c); err != nil {
				return err
			}
			*l = *c
			return nil
		}
	}},
	{"create makes an id of its own", []string{"Create/KeepsAnIDKeyAndTimesThatAreGiven", "Create/GivesExactlyOneLicenseWhenRetriedWithTheSameID"}, func(s *faulty) {
		s.create = func(ctx ctxt, l *lic) error {
			l.ID = uuid.Nil
			err := s.Store.Create(ctx, l)
			if errors.Is(err, license.ErrKeyExists) {
				l.Key = ""
				err = s.Store.Create(ctx, l)
			}
			return err
		}
	}},
	{"create sets the times to now", []string{"Create/KeepsAnIDKeyAndTimesThatAreGiven", "Time/HaveTheWholeRange"}, func(s *faulty) {
		s.create = func(ctx ctxt, l *lic) error {
			l.CreatedAt, l.UpdatedAt = time.Time{}, time.Time{}
			return s.Store.Create(ctx, l)
		}
	}},
	{"create replaces the license that has the key", []string{"Create/RefusesAKeyThatIsTaken", "Race/CreateOneKey"}, func(s *faulty) {
		s.create = func(ctx ctxt, l *lic) error {
			err := s.Store.Create(ctx, l)
			for errors.Is(err, license.ErrKeyExists) {
				if old, err := s.Store.GetByKey(ctx, l.Key); err == nil {
					_ = s.Store.Delete(ctx, old.ID, 0)
				}
				err = s.Store.Create(ctx, l)
			}
			return err
		}
	}},
	{"create replaces the license that has the id", []string{"Create/RefusesAnIDThatIsTaken", "Create/GivesExactlyOneLicenseWhenRetriedWithTheSameID", "Race/CreateOneID"}, func(s *faulty) {
		s.create = func(ctx ctxt, l *lic) error {
			err := s.Store.Create(ctx, l)
			for errors.Is(err, license.ErrIDExists) {
				_ = s.Store.Delete(ctx, l.ID, 0)
				err = s.Store.Create(ctx, l)
			}
			return err
		}
	}},
	{"a create that fails keeps its key", []string{"Create/RefusesAnIDThatIsTaken"}, func(s *faulty) {
		s.create = func(ctx ctxt, l *lic) error {
			if s.noted(l.Key) != nil {
				return license.ErrKeyExists
			}
			err := s.Store.Create(ctx, l)
			if errors.Is(err, license.ErrIDExists) {
				s.note(l.Key, l)
			}
			return err
		}
	}},
	{"create looks at the key before the id", []string{"Create/NamesTheIDWhenIDAndKeyAreTaken"}, func(s *faulty) {
		s.create = func(ctx ctxt, l *lic) error {
			if _, err := s.Store.GetByKey(ctx, l.Key); err == nil {
				return license.ErrKeyExists
			}
			return s.Store.Create(ctx, l)
		}
	}},
	{"keys are kept in lower case", []string{"Create/KeepsApartKeysThatDifferOnlyInCase", "Text/Keys", "Update/ChangesOnlyTheCaseOfAKey"}, func(s *faulty) {
		s.create = func(ctx ctxt, l *lic) error {
			l.Key = strings.ToLower(l.Key)
			return s.Store.Create(ctx, l)
		}
		s.update = func(ctx ctxt, l *lic) error {
			l.Key = strings.ToLower(l.Key)
			return s.Store.Update(ctx, l)
		}
	}},
	{"validation errors are hidden", []string{"Create/ReportsAnInvalidLicenseAndStoresNothing", "Update/ReportsAnInvalidLicenseAndChangesNothing", "List/RefusesAnInvalidQuery"}, func(s *faulty) {
		hide := func(err error) error {
			if v := (*license.ValidationError)(nil); errors.As(err, &v) {
				return errors.New("bad input")
			}
			return err
		}
		s.create = func(ctx ctxt, l *lic) error { return hide(s.Store.Create(ctx, l)) }
		s.update = func(ctx ctxt, l *lic) error { return hide(s.Store.Update(ctx, l)) }
		s.list = func(ctx ctxt, q license.Query) (*license.Page, error) {
			p, err := s.Store.List(ctx, q)
			return p, hide(err)
		}
	}},
	{"an invalid license is stored nevertheless", []string{"Create/ReportsAnInvalidLicenseAndStoresNothing"}, func(s *faulty) {
		s.create = func(ctx ctxt, l *lic) error {
			err := s.Store.Create(ctx, l)
			if v := (*license.ValidationError)(nil); errors.As(err, &v) {
				stub := newLicense()
				stub.ID = l.ID
				_ = s.Store.Create(ctx, stub)
			}
			return err
		}
	}},
	{"two racing creates of different licenses collide", []string{"Race/CreateDifferentLicenses"}, func(s *faulty) {
		busy := make(chan struct{}, 1)
		s.create = func(ctx ctxt, l *lic) error {
			select {
			case busy <- struct{}{}:
				defer func() { <-busy }()
				time.Sleep(time.Millisecond)
				return s.Store.Create(ctx, l)
			default:
				return license.ErrUnavailable
			}
		}
	}},
}

var updateFaults = []fault{
	{"update takes over createdAt", []string{"Update/ReplacesEverythingButIDAndCreatedAt"}, func(s *faulty) {
		s.update = func(ctx ctxt, l *lic) error {
			created := l.CreatedAt
			err := s.Store.Update(ctx, l)
			if err == nil {
				s.note(l.Key, &lic{CreatedAt: created})
			}
			return err
		}
		s.spoil = func(l *lic) {
			if n := s.noted(l.Key); n != nil {
				l.CreatedAt = n.CreatedAt
			}
		}
	}},
	{"update leaves revision and times in its argument as they were", []string{"Update/ReplacesEverythingButIDAndCreatedAt", "Race/UpdateWithoutARevision"}, func(s *faulty) {
		s.update = func(ctx ctxt, l *lic) error { return s.Store.Update(ctx, l.Clone()) }
	}},
	{"an update that changes nothing raises no revision", []string{"Update/RaisesTheRevisionByOneEachTime"}, func(s *faulty) {
		s.update = func(ctx ctxt, l *lic) error {
			if old, err := s.Store.Get(ctx, l.ID); err == nil && diff(old, l) == "" {
				return nil
			}
			return s.Store.Update(ctx, l)
		}
	}},
	{"a zero revision is a revision", []string{"Update/IsUnconditionalWithoutARevision", "Race/UpdateWithoutARevision"}, func(s *faulty) {
		s.update = func(ctx ctxt, l *lic) error {
			if _, err := s.Store.Get(ctx, l.ID); err == nil && l.Revision == 0 {
				return license.ErrRevisionMismatch
			}
			return s.Store.Update(ctx, l)
		}
	}},
	{"the revision is not checked", []string{"Update/RefusesAnotherRevision", "Delete/RefusesAnotherRevision", "Race/UpdateOneRevision"}, func(s *faulty) {
		s.update = func(ctx ctxt, l *lic) error {
			l.Revision = 0
			return s.Store.Update(ctx, l)
		}
		s.delete = func(ctx ctxt, id uuid.UUID, _ int64) error { return s.Store.Delete(ctx, id, 0) }
	}},
	{"an update that fails changes its argument", []string{"Update/RefusesAnotherRevision", "Update/RefusesAKeyThatAnotherLicenseHas"}, func(s *faulty) {
		s.update = func(ctx ctxt, l *lic) error {
			l.Revision++
			c := l.Clone()
			c.Revision--
			if err := s.Store.Update(ctx, c); err != nil {
				return err
			}
			*l = *c
			return nil
		}
	}},
	{"update creates what is not there", []string{"Update/ReportsAnUnknownID"}, func(s *faulty) {
		s.update = func(ctx ctxt, l *lic) error {
			err := s.Store.Update(ctx, l)
			if errors.Is(err, license.ErrNotFound) {
				l.Key = ""
				return s.Store.Create(ctx, l)
			}
			return err
		}
	}},
	{"an update that fails for its key changes the rest", []string{"Update/RefusesAKeyThatAnotherLicenseHas"}, func(s *faulty) {
		s.update = func(ctx ctxt, l *lic) error {
			err := s.Store.Update(ctx, l)
			if errors.Is(err, license.ErrKeyExists) {
				half := l.Clone()
				old, _ := s.Store.Get(ctx, l.ID)
				half.Key = old.Key
				_ = s.Store.Update(ctx, half)
			}
			return err
		}
	}},
	{"update takes the key from another license", []string{"Update/RefusesAKeyThatAnotherLicenseHas", "Race/UpdateToOneKey"}, func(s *faulty) {
		s.update = func(ctx ctxt, l *lic) error {
			err := s.Store.Update(ctx, l)
			for errors.Is(err, license.ErrKeyExists) {
				if other, err := s.Store.GetByKey(ctx, l.Key); err == nil {
					_ = s.Store.Delete(ctx, other.ID, 0)
				}
				err = s.Store.Update(ctx, l)
			}
			return err
		}
	}},
	{"a key that was replaced stays taken", []string{"Update/FreesTheOldKey"}, func(s *faulty) {
		s.update = func(ctx ctxt, l *lic) error {
			if old, err := s.Store.Get(ctx, l.ID); err == nil && old.Key != l.Key {
				s.note(old.Key, old)
			}
			return s.Store.Update(ctx, l)
		}
		s.create = func(ctx ctxt, l *lic) error {
			if s.noted(l.Key) != nil {
				return license.ErrKeyExists
			}
			return s.Store.Create(ctx, l)
		}
	}},
	{"the package filter knows only the packages of creation", []string{"Update/MovesALicenseBetweenTheFilters"}, func(s *faulty) {
		s.create = func(ctx ctxt, l *lic) error {
			err := s.Store.Create(ctx, l)
			s.note(l.ID.String(), l.Clone())
			return err
		}
		s.list = func(ctx ctxt, q license.Query) (*license.Page, error) {
			p, err := s.Store.List(ctx, license.Query{Suspended: q.Suspended})
			p.Licenses = slices.DeleteFunc(p.Licenses, func(l *lic) bool {
				return !selects(license.Query{Package: q.Package}, s.noted(l.ID.String()))
			})
			return p, err
		}
	}},
	{"an update is lost when others are under way", []string{"Race/ModifyLosesNothing"}, func(s *faulty) {
		busy := make(chan struct{}, 1)
		s.update = func(ctx ctxt, l *lic) error {
			select {
			case busy <- struct{}{}:
				defer func() { <-busy }()
				time.Sleep(time.Millisecond)
				return s.Store.Update(ctx, l)
			default:
				return nil
			}
		}
	}},
	{"update checks the revision and then writes", []string{"Race/UpdateOneRevision", "Race/ModifyLosesNothing"}, func(s *faulty) {
		s.update = func(ctx ctxt, l *lic) error {
			old, err := s.Store.Get(ctx, l.ID)
			if err != nil {
				return err
			}
			if l.Revision != 0 && l.Revision != old.Revision {
				return license.ErrRevisionMismatch
			}
			time.Sleep(time.Millisecond)
			l.Revision = 0
			return s.Store.Update(ctx, l)
		}
	}},
	{"update writes half, and then the other half", []string{"Race/ReadersSeeNoHalfOfAnUpdate"}, func(s *faulty) {
		s.update = func(ctx ctxt, l *lic) error {
			s.note(l.Key, &lic{Name: l.Name})
			time.Sleep(time.Millisecond)
			err := s.Store.Update(ctx, l)
			s.note(l.Key, nil)
			return err
		}
		s.spoil = func(l *lic) {
			if n := s.noted(l.Key); n != nil {
				l.Name = n.Name
			}
		}
	}},
}

var deleteFaults = []fault{
	{"a deleted license is still listed", []string{"Delete/RemovesALicense", "Race/AnAcknowledgedWriteIsSeenAtOnce", "Race/DeleteOneRevision", "Race/UpdateAndDeleteOneRevision"}, func(s *faulty) {
		s.delete = func(ctx ctxt, id uuid.UUID, revision int64) error {
			old, _ := s.Store.Get(ctx, id)
			err := s.Store.Delete(ctx, id, revision)
			if err == nil {
				s.note("ghost", old)
			}
			return err
		}
		s.list = func(ctx ctxt, q license.Query) (*license.Page, error) {
			p, err := s.Store.List(ctx, q)
			if ghost := s.noted("ghost"); err == nil && ghost != nil {
				p.Licenses = append(p.Licenses, ghost.Clone())
			}
			return p, err
		}
	}},
	{"deleting what is not there succeeds", []string{"Delete/ReportsAnUnknownID", "Delete/RemovesALicense", "Race/DeleteOneRevision"}, func(s *faulty) {
		s.delete = func(ctx ctxt, id uuid.UUID, revision int64) error {
			err := s.Store.Delete(ctx, id, revision)
			if errors.Is(err, license.ErrNotFound) {
				return nil
			}
			return err
		}
	}},
	{"the key of a deleted license stays taken", []string{"Delete/FreesIDAndKey"}, func(s *faulty) {
		s.delete = func(ctx ctxt, id uuid.UUID, revision int64) error {
			if old, err := s.Store.Get(ctx, id); err == nil {
				s.note(old.Key, old)
			}
			return s.Store.Delete(ctx, id, revision)
		}
		s.create = func(ctx ctxt, l *lic) error {
			if s.noted(l.Key) != nil {
				return license.ErrKeyExists
			}
			return s.Store.Create(ctx, l)
		}
	}},
}
