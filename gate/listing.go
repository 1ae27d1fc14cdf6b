package gate

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/privatepkgs/license"
)

// listing serves what is rewritten: the versions of a package, or a service that names
// packages.
func (c *call) listing(d license.Decision) {
	doc, err := c.fetch(c.res, needsReleases(d))
	if err != nil {
		c.upstreamFailed(d, err)
		return
	}
	f := &filter{call: c, d: d}
	body, err := c.adapter.Rewrite(c.res, doc, f.public())
	switch {
	case f.err != nil:
		c.upstreamFailed(d, f.err)
	case isNoneAllowed(err) && f.denied.Code != "":
		c.deny(f.denied)
	case err != nil:
		c.upstreamFailed(d, &upstreamError{status: http.StatusOK, cause: err})
	default:
		if c.res.Kind == Service {
			d.Code = license.Valid
		}
		c.observe(d)
		c.sendListing(doc.ContentType, body)
	}
}

// sendListing sends a rewritten body. What the upstream said of the body it had (its ETag,
// age, length, digests) is not true of this one, and a client whose key has changed must
// not be shown what it was given for another: so it always asks, and the ETag is made of
// the content.
func (c *call) sendListing(contentType string, body []byte) {
	sum := sha256.Sum256(body)
	etag := `"` + hex.EncodeToString(sum[:16]) + `"`
	h := c.w.Header()
	h.Set("ETag", etag)
	h.Set("Cache-Control", "private, no-cache")
	h.Set("Vary", "Authorization, Accept")
	h.Set("X-Content-Type-Options", "nosniff")
	if matches(c.r.Header.Values("If-None-Match"), etag) {
		c.w.WriteHeader(http.StatusNotModified)
		return
	}
	if contentType == "" {
		contentType = "application/octet-stream"
	}
	h.Set("Content-Type", contentType)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	c.w.WriteHeader(http.StatusOK)
	if c.r.Method != http.MethodHead {
		c.w.Write(body) // an error means that the client has gone
	}
}

// matches compares weakly, as RFC 9110, section 13.1.2 has it for If-None-Match. No ETag of
// the gate holds a comma.
func matches(headers []string, etag string) bool {
	for _, header := range headers {
		for tag := range strings.SplitSeq(header, ",") {
			tag = strings.TrimPrefix(strings.TrimSpace(tag), "W/")
			if tag == etag || tag == "*" {
				return true
			}
		}
	}
	return false
}

// upstreamFailed answers when there is nothing to serve. It fails closed: no byte of what
// the upstream sent is passed on.
func (c *call) upstreamFailed(d license.Decision, err error) {
	status := http.StatusBadGateway
	var e *upstreamError
	if errors.As(err, &e) && e.passesOn() {
		status = e.status
		if e.retryAfter != "" {
			c.w.Header().Set("Retry-After", e.retryAfter)
		}
	}
	if status == http.StatusNotFound || status == http.StatusGone {
		c.observe(d)
		c.sendText(status, "The registry has no such thing.")
		return
	}
	if c.r.Context().Err() == nil {
		c.o.Logger.ErrorContext(c.r.Context(), "gate: the registry gave no answer that can be used",
			"ecosystem", c.adapter.Ecosystem(), "package", c.res.Package, "error", err)
	}
	d.Code = InvalidUpstream
	c.observe(d)
	c.sendText(status, "The registry gave no answer that can be used.")
}

// passesOn reports whether the status of the upstream is for the client. What the
// upstream refuses the gate (401, 403) or tells it alone (206, 304) is not.
func (e *upstreamError) passesOn() bool {
	switch e.status {
	case http.StatusNotFound, http.StatusGone, http.StatusTooManyRequests:
		return true
	default:
		return e.status >= 500 && e.status <= 599
	}
}
