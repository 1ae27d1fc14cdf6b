package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"

	"github.com/privatepkgs/license"
)

// The licenses that everything is measured with are as they are sold: two packages, 120 bytes of
// meta, and three in five with a range of versions. License i is the same in every store, file and
// process, and was created in millisecond firstMilli + i.
const firstMilli = 1_700_000_000_000

var ranges = []string{"<2.0.0", ">=1.0.0 <3.0.0", "^1.2", ">=1.0.0 <2.0.0 || >=4.0.0", "~2.1", "<=5.0.0", "^3", ">=2.0.0-beta.1 <3.0.0"}

// catalogue makes licenses. It has parsed the ranges, as who sells them does once.
type catalogue struct{ constraints []license.Constraint }

func newCatalogue() (catalogue, error) {
	var c catalogue
	for _, text := range ranges {
		rng, err := license.VersionConstraint(text)
		if err != nil {
			return c, err
		}
		c.constraints = append(c.constraints, rng)
	}
	return c, nil
}

func (c catalogue) license(i int) *license.License {
	created := time.UnixMilli(firstMilli + int64(i)).UTC()
	return &license.License{
		ID:         idOf(i),
		Name:       fmt.Sprintf("Customer %07d", i),
		Key:        keyOf(i),
		Constraint: c.constraint(i),
		Packages:   packagesOf(i),
		Meta:       metaOf(i),
		CreatedAt:  created,
		UpdatedAt:  created,
		Revision:   1,
	}
}

func (c catalogue) constraint(i int) license.Constraint {
	switch i % 5 {
	case 0:
		return license.NoConstraint()
	case 1:
		return license.DateConstraint(time.UnixMilli(firstMilli + 1e11 + int64(i)))
	default:
		return c.constraints[i%len(c.constraints)]
	}
}

func packagesOf(i int) []string {
	return []string{fmt.Sprintf("@acme/package-%02d", i%50), fmt.Sprintf("@acme/package-%02d", 50+i%50)}
}

func metaOf(i int) json.RawMessage {
	return fmt.Appendf(nil, `{"order":"ord_%08d","customer":"cus_%08d","plan":"global","seats":%3d,"mail":"someone@example.com","since":2023}`,
		i, 7*i, 100+i%900)
}

// idOf returns a UUID of version 7, as the library makes them.
func idOf(i int) (id uuid.UUID) {
	ms := uint64(firstMilli + i)
	for b := range 6 {
		id[b] = byte(ms >> (40 - 8*b))
	}
	r := random(i, 1)
	a, b := r.Uint64(), r.Uint64()
	for n := range 8 {
		id[6+n] = byte(a >> (8 * n))
	}
	id[14], id[15] = byte(b), byte(b>>8)
	id[6] = id[6]&0x0f | 0x70
	id[8] = id[8]&0x3f | 0x80
	return id
}

// keyOf returns a key like those that [license.GenerateKey] makes.
func keyOf(i int) string {
	const alphabet, length = "0123456789ABCDEFGHJKMNPQRSTVWXYZ", 29
	r := random(i, 2)
	var key [length]byte
	for n := range key {
		if key[n] = '-'; n%6 != 5 {
			key[n] = alphabet[r.Uint64()%32]
		}
	}
	return string(key[:])
}

// random is the same for the same license and use.
func random(i int, use uint64) *rand.PCG { return rand.NewPCG(uint64(i), use) }
