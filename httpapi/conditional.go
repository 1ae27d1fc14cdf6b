package httpapi

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/privatepkgs/license"
)

// etag makes the entity tag of a license. The time is in it so that a license that was
// deleted and made again under its old id does not match the former one.
func etag(l *license.License) string {
	b := make([]byte, 0, 40)
	b = append(b, '"')
	b = strconv.AppendInt(b, l.Revision, 10)
	b = append(b, '-')
	b = strconv.AppendInt(b, l.UpdatedAt.UnixMilli(), 10)
	return string(append(b, '"'))
}

// conditions are those of a request (RFC 9110, section 13). Licenses have no Last-Modified,
// so that conditions on dates are ignored (sections 13.1.3 and 13.1.4).
type conditions struct {
	match, noneMatch *tagList // nil when not given
}

// tagList is the value of If-Match or If-None-Match.
type tagList struct {
	any  bool     // *
	tags []string // as sent, W/ included
}

func parseConditions(h http.Header) (c conditions, err error) {
	if c.match, err = parseTags(h, "If-Match"); err != nil {
		return c, err
	}
	c.noneMatch, err = parseTags(h, "If-None-Match")
	return c, err
}

// parseTags is strict: a condition that is not understood must not let a change through.
func parseTags(h http.Header, name string) (*tagList, error) {
	values, ok := h[name]
	if !ok {
		return nil, nil
	}
	malformed := newProblem(http.StatusBadRequest, codeBadRequest,
		`%s must be * or a list of entity tags in double quotes, as ETag has them.`, name)
	text := strings.Join(values, ",")
	if strings.Trim(text, " \t") == "*" {
		return &tagList{any: true}, nil
	}
	list := new(tagList)
	for {
		text = strings.TrimLeft(text, " \t,")
		if text == "" {
			break
		}
		tag, rest, ok := cutTag(text)
		if !ok {
			return nil, malformed
		}
		list.tags = append(list.tags, tag)
		if text = strings.TrimLeft(rest, " \t"); text != "" && text[0] != ',' {
			return nil, malformed
		}
	}
	if len(list.tags) == 0 {
		return nil, malformed
	}
	return list, nil
}

// cutTag cuts one entity tag (RFC 9110, section 8.8.3) off s.
func cutTag(s string) (tag, rest string, ok bool) {
	opaque := strings.TrimPrefix(s, "W/")
	if opaque == "" || opaque[0] != '"' {
		return "", "", false
	}
	end := strings.IndexByte(opaque[1:], '"')
	if end < 0 || strings.ContainsFunc(opaque[1:1+end], func(r rune) bool { return r <= ' ' || r == 0x7f }) {
		return "", "", false
	}
	length := len(s) - len(opaque) + end + 2
	return s[:length], s[length:], true
}

// hasStrong and hasWeak compare as RFC 9110, section 8.8.3.2 has it; tag is strong.
func (t *tagList) hasStrong(tag string) bool { return t.any || slices.Contains(t.tags, tag) }

func (t *tagList) hasWeak(tag string) bool {
	return t.any || slices.ContainsFunc(t.tags, func(s string) bool { return strings.TrimPrefix(s, "W/") == tag })
}

// allowRead reports whether a license that was asked for has changed.
func (c conditions) allowRead(tag string) (modified bool, err error) {
	if c.match != nil && !c.match.hasStrong(tag) {
		return false, license.ErrRevisionMismatch
	}
	return c.noneMatch == nil || !c.noneMatch.hasWeak(tag), nil
}

// revision returns the one that the license must have for a change to be made: zero when
// there is no condition that it need be read for. (If-Match: * asks that there be a license,
// without which every change is a 404.)
func (a *api) revision(ctx context.Context, id uuid.UUID, c conditions) (int64, error) {
	if (c.match == nil || c.match.any) && c.noneMatch == nil {
		return 0, nil
	}
	l, err := a.store.Get(ctx, id)
	if err != nil {
		return 0, err
	}
	tag := etag(l)
	if c.match != nil && !c.match.hasStrong(tag) || c.noneMatch != nil && c.noneMatch.hasWeak(tag) {
		return 0, license.ErrRevisionMismatch
	}
	return l.Revision, nil
}
