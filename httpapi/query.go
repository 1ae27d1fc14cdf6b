package httpapi

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/privatepkgs/license"
)

// parseQuery reads the query string of a list. (url.ParseQuery would not say which parameter
// is malformed.)
func parseQuery(raw string) (license.Query, error) {
	var q license.Query
	seen := make(map[string]bool)
	for pair := range strings.SplitSeq(raw, "&") {
		if pair == "" {
			continue
		}
		name, value, err := parsePair(pair)
		if err != nil {
			return q, err
		}
		if seen[name] {
			return q, invalidQuery(name, "it is given twice")
		}
		seen[name] = true
		if err := setParameter(&q, name, value); err != nil {
			return q, err
		}
	}
	_, err := q.Prepare()
	if invalid, ok := errors.AsType[*license.ValidationError](err); ok {
		first := invalid.Problems[0]
		return q, invalidQuery(strings.TrimPrefix(first.Pointer, "/"), first.Detail)
	}
	return q, err
}

func parsePair(pair string) (name, value string, err error) {
	rawName, rawValue, _ := strings.Cut(pair, "=")
	name, err = url.QueryUnescape(rawName)
	if err != nil {
		return "", "", invalidQuery(rawName, "the percent-encoding is malformed")
	}
	value, err = url.QueryUnescape(rawValue)
	if err != nil {
		return "", "", invalidQuery(name, "the percent-encoding is malformed")
	}
	if strings.Contains(pair, ";") {
		return "", "", invalidQuery(name, "a semicolon must be written as %3B, and parameters be joined with &")
	}
	return name, value, nil
}

func setParameter(q *license.Query, name, value string) (err error) {
	switch name {
	case "since":
		q.Since, err = parseTime(name, value)
	case "until":
		q.Until, err = parseTime(name, value)
	case "limit":
		q.Limit, err = parseLimit(value)
	case "package":
		if value == "" {
			return invalidQuery(name, "it must not be empty")
		}
		q.Package = value
	case "suspended":
		if value != "true" && value != "false" {
			return invalidQuery(name, "it must be true or false")
		}
		q.Suspended = new(value == "true")
	default:
		return invalidQuery(name, "there is no such parameter; there are since, until, limit, package and suspended")
	}
	return err
}

// parseTime reads milliseconds since 1970 UTC or RFC 3339.
func parseTime(name, value string) (time.Time, error) {
	const end = 253402300799999 // of the year 9999
	if ms, err := strconv.ParseUint(value, 10, 63); err == nil {
		if ms > end {
			return time.Time{}, invalidQuery(name, "it lies after the year 9999")
		}
		return time.UnixMilli(int64(ms)).UTC(), nil
	}
	var t time.Time
	// Unlike RFC 3339, the time package takes a comma before the fraction.
	if err := t.UnmarshalText([]byte(value)); err != nil || strings.Contains(value, ",") {
		return time.Time{}, invalidQuery(name, "it must be milliseconds since 1970 UTC, "+
			"or a time like 2026-01-31T12:00:00Z or 2026-01-31T12:00:00%2B02:00 (the + must be escaped)")
	}
	if t.Before(time.UnixMilli(0)) || !t.Before(time.UnixMilli(end+1)) {
		return time.Time{}, invalidQuery(name, "it must lie between the years 1970 and 9999")
	}
	return t, nil
}

func parseLimit(value string) (int, error) {
	n, err := strconv.ParseUint(value, 10, 16)
	if err != nil || n == 0 {
		return 0, invalidQuery("limit", "it must be an integer from 1 to "+strconv.Itoa(license.MaxLimit))
	}
	return int(n), nil
}

// noQuery refuses parameters where there are none, so that one is not ignored in silence.
func noQuery(r *http.Request) error {
	for pair := range strings.SplitSeq(r.URL.RawQuery, "&") {
		if pair == "" {
			continue
		}
		name, _, err := parsePair(pair)
		if err != nil {
			return err
		}
		return invalidQuery(name, "this path has no parameters")
	}
	return nil
}

func invalidQuery(name, detail string) error {
	return newProblem(http.StatusBadRequest, codeInvalidQuery, "Query parameter %.64q: %s.", name, detail)
}
