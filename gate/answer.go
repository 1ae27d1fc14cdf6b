package gate

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/privatepkgs/license"
)

// deny answers in the form that the client shows.
func (c *call) deny(d license.Decision) {
	c.observe(d)
	message := c.o.Message(d)
	line := oneLine(message)
	answer := c.adapter.Deny(c.r, c.res, Denial{Decision: d, Message: message, Line: line})
	if answer.Status == http.StatusTooManyRequests || answer.Status < 200 || answer.Status > 499 {
		answer.Status = http.StatusForbidden
	}
	h := c.w.Header()
	if answer.Challenge != "" {
		h.Set("WWW-Authenticate", answer.Challenge)
	}
	c.send(answer.Status, answer.ContentType, line, answer.Body)
}

// unavailable fails closed: the store could not answer.
func (c *call) unavailable(err error) {
	if !errors.Is(err, context.Canceled) {
		c.o.Logger.ErrorContext(c.r.Context(), "gate: the store of licenses cannot answer", "error", err)
	}
	c.observe(license.Decision{Code: Unavailable})
	c.w.Header().Set("Retry-After", strconv.Itoa(int(c.o.RetryAfter/time.Second)))
	c.sendText(http.StatusServiceUnavailable, "Licenses cannot be checked just now; try again in a minute.")
}

func (c *call) sendText(status int, text string) {
	c.send(status, "text/plain; charset=utf-8", text, []byte(text+"\n"))
}

// send sends an answer of the gate's own, which nobody may keep: the next may be another.
func (c *call) send(status int, contentType, line string, body []byte) {
	h := c.w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Vary", "Authorization, Accept")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Type", contentType)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	if c.r.Method == http.MethodHead {
		body = nil
	}
	if status >= 400 && !c.o.NoReasonPhrase && c.sendWithReason(status, line, body) {
		return
	}
	c.w.WriteHeader(status)
	c.w.Write(body) // an error means that the client has gone
}

// sendWithReason sends the answer with a reason phrase of its own (RFC 9112, section 4),
// which net/http cannot: it takes over the connection, and closes it. It does nothing and
// returns false where there is none, as in HTTP/2, or where the request has a body, which
// would be left unread.
func (c *call) sendWithReason(status int, line string, body []byte) bool {
	if c.r.ProtoMajor != 1 || c.r.ContentLength != 0 || line == "" {
		return false
	}
	conn, buffered, err := http.NewResponseController(c.w).Hijack()
	if err != nil {
		return false
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	h := c.w.Header().Clone()
	h.Set("Date", time.Now().UTC().Format(http.TimeFormat))
	h.Set("Connection", "close")
	h.Del("Transfer-Encoding")
	fmt.Fprintf(buffered, "HTTP/1.1 %d %s\r\n", status, line)
	h.Write(buffered)
	buffered.WriteString("\r\n")
	buffered.Write(body)
	buffered.Flush() // an error means that the client has gone
	return true
}

func (c *call) observe(d license.Decision) {
	e := Event{
		Ecosystem: c.adapter.Ecosystem(),
		Kind:      c.res.Kind,
		Package:   c.res.Package,
		Version:   d.Request.Version,
		Code:      d.Code,
	}
	if d.License != nil {
		e.License = d.License.ID
	}
	c.o.Observe(c.r.Context(), e)
}
