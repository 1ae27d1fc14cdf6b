package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"runtime"
	"time"

	"github.com/privatepkgs/license"
	"github.com/privatepkgs/license/bench/internal/measure"
	"github.com/privatepkgs/license/memstore"
)

func memoryRows() []row {
	return []row{
		compared("memory/decision", "key to Decision in memory, random keys", "the look-up in a map alone", ofTime(2), compareDecision),
		memoryPerLicenseRow(),
		compared("memory/page", "page of 100 at nine tenths of the depth, in memory", "the first page", ofTime(1.2), func(b *bench) (sides, error) {
			s, err := b.memory(b.stored)
			pages, err := b.comparePages(s, err)
			pages.collects = true
			return pages, err
		}),
	}
}

// memory returns a store in memory with n licenses.
func (b *bench) memory(n int) (*memstore.Store, error) {
	s := memstore.New(memstore.Options{})
	return s, b.grow(s, 0, n)
}

// grow creates the licenses from one number up to another, one by one.
func (b *bench) grow(s license.Store, from, to int) error {
	for i := from; i < to; i++ {
		if err := s.Create(nothing(), b.catalogue.license(i)); err != nil {
			return err
		}
	}
	return nil
}

// shuffledKeys returns the keys of n licenses in random order, as requests bring them: each a string of
// its own.
func shuffledKeys(n int) []string {
	keys := make([]string, n)
	for at, i := range rand.New(random(n, 3)).Perm(n) {
		keys[at] = keyOf(i)
	}
	return keys
}

func compareDecision(b *bench) (sides, error) {
	s, err := b.memory(b.stored)
	if err != nil {
		return sides{}, err
	}
	shared := s.Shared()
	bare := make(map[string]*license.License, b.stored)
	for l, err := range license.All(nothing(), s, license.Query{Limit: license.MaxLimit}) {
		if err == nil {
			_, err = shared.GetByKey(nothing(), l.Key) // so that all have been asked for, not in the order that follows
		}
		if err != nil {
			return sides{}, err
		}
		bare[l.Key] = l
	}
	keys := shuffledKeys(b.stored)
	checker := license.NewChecker(shared, license.CheckerOptions{})
	r := license.Request{Package: checkedPackage, Version: "1.5.0"}
	check := func(i int) error {
		d, err := checker.CheckVersion(nothing(), keys[i%len(keys)], r)
		if err == nil && d.Code == license.NotFound {
			err = license.ErrNotFound
		}
		return err
	}
	return sides{
		subject: measure.Each(check),
		baseline: measure.Each(func(i int) error {
			if bare[keys[i%len(keys)]] == nil {
				return license.ErrNotFound
			}
			return nil
		}),
	}, nil
}

func memoryPerLicenseRow() row {
	return row{"memory/license", "memory for a license in memory, indexes included", "what it holds", []goal{bytes(450)}, func(b *bench) ([]result, error) {
		payload := 0
		for i := range 1000 {
			l := b.catalogue.license(i)
			payload += len(l.ID) + len(l.Name) + len(l.Key) + len(l.Constraint.Range()) + 1 + len(l.Meta) + 8 + 8 + 8
			for _, p := range l.Packages {
				payload += len(p)
			}
		}
		before := measure.Heap()
		s, err := b.memory(b.stored)
		if err != nil {
			return nil, err
		}
		v := float64(measure.Heap()-before) / float64(b.stored)
		runtime.KeepAlive(s)
		return []result{{
			value:   measure.Spread{Median: v, Min: v, Max: v},
			subject: fmt.Sprintf("%.0f bytes", v), baseline: fmt.Sprintf("%d bytes", payload/1000),
		}}, nil
	}}
}

// comparePages compares a page in the depth of a store with its first.
func (b *bench) comparePages(s license.Store, err error) (sides, error) {
	if err != nil {
		return sides{}, err
	}
	const limit = 100
	page := func(since int) measure.Side {
		q := license.Query{Limit: limit}
		if since > 0 {
			q.Since = time.UnixMilli(firstMilli + int64(since))
		}
		return measure.Each(func(int) error {
			p, err := s.List(nothing(), q)
			if err == nil && (len(p.Licenses) != limit || p.Licenses[0].ID != idOf(since)) {
				err = errors.New("the page is another one")
			}
			return err
		})
	}
	return sides{subject: page(b.stored / 10 * 9), baseline: page(0)}, nil
}

// same reports what differs between two licenses.
func same(got, want *license.License) error {
	if !reflect.DeepEqual(got, want) {
		return fmt.Errorf("the license is not the one that was stored:\n%+v\n%+v", got, want)
	}
	return nil
}
