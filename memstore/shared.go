package memstore

import (
	"context"
	"slices"
	"unsafe"

	"github.com/privatepkgs/license"
)

// Shared returns the view of the store for a [license.Checker]: its GetByKey returns the
// same License to all who ask, until it is changed, and nobody may change it in place. That
// costs no allocation, and the memory of a License for each that was asked for.
func (s *Store) Shared() license.KeyGetter { return shared{s} }

type shared struct{ store *Store }

func (v shared) GetByKey(ctx context.Context, key string) (*license.License, error) {
	return getByKey(ctx, key, v.store.byKey.shared)
}

// sharedLicense is a license that all are given, with its key and packages beside it. A check of one
// among a million waits for memory rather than for the processor, and so it waits for one place and not
// for three.
type sharedLicense struct {
	key      [sharedKeyLen]byte
	packages [inlinePackages]string
	license.License
	next *sharedLicense // another of the same hash
}

// sharedKeyLen has room for the keys that [license.GenerateKey] makes. A longer one is left in the record's text.
const sharedKeyLen = 32

func newSharedLicense(r *record, next *sharedLicense) *sharedLicense {
	l := &sharedLicense{next: next}
	r.into(&l.License, l.packages[:0], nil)
	l.Packages, l.Meta = slices.Clip(l.Packages), slices.Clip(l.Meta) // who appends gets a slice of their own
	if n := copy(l.key[:], l.Key); n == len(l.Key) {
		l.Key = unsafe.String(&l.key[0], n) // nobody changes the bytes, and the string keeps all of l alive
	}
	return l
}

// find returns the license with a key, nil if it is not in the chain.
func (l *sharedLicense) find(key string) *license.License {
	for ; l != nil; l = l.next {
		if l.Key == key {
			return &l.License
		}
	}
	return nil
}

// shared is license, but that all are given the same copy, until the license changes.
func (x index) shared(key string) *license.License {
	hash := x.hash(key)
	p := x.part(hash)
	p.mu.RLock()
	l := p.shared[hash].find(key)
	unknown := l == nil && x.findHashed(hash, key) == 0
	p.mu.RUnlock()
	if l != nil || unknown {
		return l
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if l = p.shared[hash].find(key); l == nil {
		if at := x.findHashed(hash, key); at != 0 {
			made := newSharedLicense(&x.records.at(at).record, p.shared[hash])
			p.shared[hash], l = made, &made.License
		}
	}
	return l
}

// unshare forgets the license with a key, which has changed. The caller holds the lock.
func (p *part) unshare(hash uint32, key string) {
	first := p.shared[hash]
	switch {
	case first == nil:
	case first.Key != key:
		for l := first; l.next != nil; l = l.next {
			if l.next.Key == key {
				l.next = l.next.next
				return
			}
		}
	case first.next != nil:
		p.shared[hash] = first.next
	default:
		delete(p.shared, hash)
	}
}
