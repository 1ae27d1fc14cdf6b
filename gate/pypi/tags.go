package pypi

import (
	"errors"
	"html"
	"strings"
)

// A tag is a start tag of HTML.
type tag struct {
	name       string // lower case
	attributes []attribute
}

type attribute struct{ name, value string }

// get returns the value of an attribute; as in a browser the first of its name counts.
func (t tag) get(name string) string {
	for _, a := range t.attributes {
		if a.name == name {
			return a.value
		}
	}
	return ""
}

const space = " \t\r\n\f"

var errTag = errors.New("pypi: the page has a tag that does not end")

// tags calls f for the start tags of an HTML page. It knows no more of HTML than the pages of
// an index have use for: comments, scripts and attributes in every form.
func tags(page string, f func(tag) error) error {
	for {
		i := strings.IndexByte(page, '<')
		if i < 0 {
			return nil
		}
		page = page[i+1:]
		switch {
		case strings.HasPrefix(page, "!--"):
			_, rest, ok := strings.Cut(page[1:], "-->")
			if !ok {
				return errTag
			}
			page = rest
		case page != "" && isAlphanumeric(page[0]):
			t, rest, err := cutTag(page)
			if err != nil {
				return err
			}
			if err := f(t); err != nil {
				return err
			}
			page = rest
			if t.name == "script" || t.name == "style" {
				if page, err = cutText(page, t.name); err != nil {
					return err
				}
			}
		}
	}
}

// cutText cuts what precedes the end tag of an element in which there are no tags.
func cutText(page, name string) (rest string, err error) {
	for {
		i := strings.Index(page, "</")
		if i < 0 {
			return "", errTag
		}
		page = page[i:]
		if end := len("</") + len(name); len(page) >= end && strings.EqualFold(page[len("</"):end], name) {
			return page, nil
		}
		page = page[len("</"):]
	}
}

// cutTag cuts a tag, whose < is gone already.
func cutTag(page string) (t tag, rest string, err error) {
	end := strings.IndexAny(page, space+"/>")
	if end < 0 {
		return tag{}, "", errTag
	}
	t.name, page = lowerASCII(page[:end]), page[end:]
	for {
		page = strings.TrimLeft(page, space+"/")
		if page == "" {
			return tag{}, "", errTag
		}
		if page[0] == '>' {
			return t, page[1:], nil
		}
		var a attribute
		if a, page, err = cutAttribute(page); err != nil {
			return tag{}, "", err
		}
		t.attributes = append(t.attributes, a)
	}
}

func cutAttribute(page string) (a attribute, rest string, err error) {
	end := strings.IndexAny(page[1:], space+"/>=") + 1 // a name may even begin with =
	if end == 0 {
		return attribute{}, "", errTag
	}
	a.name, page = lowerASCII(page[:end]), page[end:]
	after, ok := strings.CutPrefix(strings.TrimLeft(page, space), "=")
	if !ok {
		return a, page, nil
	}
	page = strings.TrimLeft(after, space)
	if page == "" {
		return attribute{}, "", errTag
	}
	if quote := page[:1]; quote == `"` || quote == "'" {
		a.value, page, ok = strings.Cut(page[1:], quote)
		if !ok {
			return attribute{}, "", errTag
		}
	} else {
		end := strings.IndexAny(page, space+">")
		if end < 0 {
			return attribute{}, "", errTag
		}
		a.value, page = page[:end], page[end:]
	}
	a.value = html.UnescapeString(a.value)
	return a, page, nil
}
