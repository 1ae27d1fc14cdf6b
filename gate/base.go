package gate

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
)

// maxHost is the most bytes of a name and a port (RFC 1035, section 2.3.4). The client chooses them, and each artifact
// in a listing gets them.
const maxHost = 253 + len(":65535")

// base returns the URL at which the client has reached the gate.
func (c *call) base() (string, error) {
	if c.o.BaseURL != nil {
		return strings.TrimSuffix(c.o.BaseURL.String(), "/"), nil
	}
	valid := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune(".-_:[]", r)
	}
	if c.r.Host == "" || len(c.r.Host) > maxHost || strings.ContainsFunc(c.r.Host, func(r rune) bool { return !valid(r) }) {
		return "", errors.New("the request has no usable Host; set Options.BaseURL")
	}
	scheme := "http://"
	if c.r.TLS != nil || forwardedAsHTTPS(c.r) {
		scheme = "https://"
	}
	return scheme + c.r.Host + c.prefix(), nil
}

// forwardedAsHTTPS reports whether a proxy in front says that it ends TLS. A client can say so too, and
// then gets URLs with https, to which it sends its key in no worse a way.
func forwardedAsHTTPS(r *http.Request) bool {
	first, _, _ := strings.Cut(r.Header.Get("X-Forwarded-Proto"), ",")
	return strings.EqualFold(strings.TrimSpace(first), "https")
}

// prefix returns what a handler around the gate has cut off the path, escaped.
func (c *call) prefix() string {
	whole, err := url.ParseRequestURI(c.r.RequestURI)
	if err != nil {
		return ""
	}
	prefix, ok := strings.CutSuffix(whole.EscapedPath(), c.r.URL.EscapedPath())
	if !ok {
		return ""
	}
	return strings.TrimSuffix(prefix, "/")
}
