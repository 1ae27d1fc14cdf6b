// Package constraintcache remembers the version constraints that it has parsed. To parse a range costs
// more than to read the license that it stands in, and a seller has a few ranges, not
// thousands.
package constraintcache

import (
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/privatepkgs/license"
)

// maxConstraints bounds a cache.
const maxConstraints = 1024

// Cache holds version constraints by their JSON. The zero value is ready to use, by many at
// once.
type Cache struct {
	mu     sync.RWMutex
	parsed map[string]license.Constraint
}

// Parse is [license.Constraint.UnmarshalJSON]. It is quick for the form without white space
// that [license.Constraint.AppendJSON] has, and for what it has parsed before.
func (c *Cache) Parse(text string) (license.Constraint, error) {
	if text == `{"type":"none"}` {
		return license.NoConstraint(), nil
	}
	if until, ok := parseDate(text); ok {
		return license.DateConstraint(until), nil
	}
	c.mu.RLock()
	constraint, ok := c.parsed[text]
	c.mu.RUnlock()
	if ok {
		return constraint, nil
	}
	if err := constraint.UnmarshalJSON([]byte(text)); err != nil {
		return license.Constraint{}, err
	}
	if constraint.Type() == license.ConstraintVersion {
		c.add(strings.Clone(text), constraint)
	}
	return constraint, nil
}

func (c *Cache) add(text string, constraint license.Constraint) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.parsed == nil {
		c.parsed = make(map[string]license.Constraint)
	}
	if len(c.parsed) >= maxConstraints {
		for old := range c.parsed { // any one: the order of a map is random
			delete(c.parsed, old)
			break
		}
	}
	c.parsed[text] = constraint
}

// parseDate reads a date of which nobody can say that it is none: of 1 to 14 digits, without a
// zero before others, so before the year 5138.
func parseDate(text string) (time.Time, bool) {
	digits, ok := strings.CutPrefix(text, `{"type":"date","value":`)
	if !ok {
		return time.Time{}, false
	}
	digits, ok = strings.CutSuffix(digits, "}")
	if !ok || len(digits) > 14 || len(digits) > 1 && digits[0] == '0' {
		return time.Time{}, false
	}
	ms, err := strconv.ParseUint(digits, 10, 63)
	return time.UnixMilli(int64(ms)), err == nil
}
