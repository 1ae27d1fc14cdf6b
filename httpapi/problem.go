package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"

	"github.com/privatepkgs/license"
	"github.com/privatepkgs/license/internal/licensejson"
)

// The codes of problem documents. They are stable, and listed in the OpenAPI document.
const (
	codeUnauthorized         = "unauthorized"
	codeInvalidToken         = "invalid_token"
	codeBadRequest           = "bad_request"
	codeMalformedJSON        = "malformed_json"
	codeInvalidQuery         = "invalid_query"
	codeNotFound             = "not_found"
	codeMethodNotAllowed     = "method_not_allowed"
	codeUnsupportedMediaType = "unsupported_media_type"
	codeBodyTooLarge         = "body_too_large"
	codeInvalidLicense       = "invalid_license"
	codeKeyExists            = "key_exists"
	codeIDExists             = "id_exists"
	codeRevisionMismatch     = "revision_mismatch"
	codeIdempotencyMismatch  = "idempotency_mismatch"
	codeOutcomeUnknown       = "outcome_unknown"
	codeUnavailable          = "unavailable"
	codeInternal             = "internal"
)

// outcomes says how an error is answered: the first row that it matches counts, and an error
// that matches none is answered with 500.
var outcomes = []struct {
	err    error
	status int
	code   string
	detail string
}{
	{ErrNoCredentials, 401, codeUnauthorized, "Send an API token: Authorization: Bearer TOKEN."},
	{ErrInvalidToken, 401, codeInvalidToken, "The API token is not valid."},
	{errMalformedAuthorization, 400, codeBadRequest, "Send one Authorization header of the form: Bearer TOKEN."},
	{license.ErrUnknownOutcome, 503, codeOutcomeUnknown, "The change may have been made or not. Read to find out; " +
		"a creation can be repeated with the same Idempotency-Key."},
	{license.ErrUnavailable, 503, codeUnavailable, "The licenses cannot be reached now. Nothing was changed; try again later."},
	{context.DeadlineExceeded, 503, codeUnavailable, "The licenses could not be reached in time. Nothing was changed; try again later."},
	{context.Canceled, 503, codeUnavailable, "The request was given up. Nothing was changed."},
	{license.ErrNotFound, 404, codeNotFound, "There is no such license."},
	{license.ErrRevisionMismatch, 412, codeRevisionMismatch, "The license was changed since it was read. Read it again and decide anew."},
	{errIdempotencyMismatch, 422, codeIdempotencyMismatch, "This Idempotency-Key was used before, with another body."},
	{license.ErrIDExists, 409, codeIDExists, "Another license has this id."},
	{license.ErrKeyExists, 409, codeKeyExists, "Another license has this key."},
}

// challenges says which problems carry WWW-Authenticate, and what it says after the realm
// (RFC 6750, section 3).
var challenges = map[error]string{
	ErrNoCredentials:          "",
	ErrInvalidToken:           `, error="invalid_token"`,
	errMalformedAuthorization: `, error="invalid_request"`,
}

// problem is a problem document (RFC 9457).
type problem struct {
	Type   string         `json:"type"`
	Title  string         `json:"title"`
	Status int            `json:"status"`
	Detail string         `json:"detail"`
	Code   string         `json:"code"`
	Errors []fieldProblem `json:"errors,omitempty"`

	allow     string // the header Allow
	challenge error  // a key of challenges
}

type fieldProblem struct {
	Pointer string `json:"pointer"`
	Code    string `json:"code"`
	Detail  string `json:"detail"`
}

func (p *problem) Error() string { return "httpapi: " + p.Code + ": " + p.Detail }

func newProblem(status int, code, format string, args ...any) *problem {
	return &problem{
		Type:   "about:blank",
		Title:  http.StatusText(status),
		Status: status,
		Code:   code,
		Detail: strings.ToValidUTF8(fmt.Sprintf(format, args...), "\ufffd"),
	}
}

// problemOf says how err is answered.
func problemOf(err error) *problem {
	if p, ok := errors.AsType[*problem](err); ok {
		return p
	}
	if syntax, ok := errors.AsType[*licensejson.SyntaxError](err); ok {
		return newProblem(http.StatusBadRequest, codeMalformedJSON,
			"The body is not one JSON value, seen at byte %d: %s.", syntax.Offset, syntax.Reason)
	}
	if invalid, ok := errors.AsType[*license.ValidationError](err); ok {
		p := newProblem(http.StatusUnprocessableEntity, codeInvalidLicense, "The body is not valid; errors says where and why.")
		for _, e := range invalid.Problems {
			p.Errors = append(p.Errors, fieldProblem(e))
		}
		return p
	}
	for _, o := range outcomes {
		if !errors.Is(err, o.err) {
			continue
		}
		p := newProblem(o.status, o.code, "%s", o.detail)
		if _, ok := challenges[o.err]; ok {
			p.challenge = o.err
		}
		return p
	}
	return newProblem(http.StatusInternalServerError, codeInternal, "Something went wrong inside. It was logged.")
}

// fail answers with the problem document of err, and logs what it does not say.
func (a *api) fail(w http.ResponseWriter, r *http.Request, err error) {
	p := problemOf(err)
	if p.Status >= http.StatusInternalServerError {
		level := slog.LevelError
		if r.Context().Err() != nil {
			level = slog.LevelInfo // the client is gone, which is nobody's fault here
		}
		a.log.LogAttrs(r.Context(), level, "httpapi: request failed", slog.String("method", r.Method),
			slog.String("path", r.URL.Path), slog.Int("status", p.Status), slog.String("code", p.Code), slog.Any("error", err))
	}
	var body bytes.Buffer
	enc := json.NewEncoder(&body)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(p); err != nil {
		panic(err) // strings and integers only
	}
	h := w.Header()
	if p.allow != "" {
		h.Set("Allow", p.allow)
	}
	if p.challenge != nil {
		h.Set("WWW-Authenticate", `Bearer realm="`+a.realm+`"`+challenges[p.challenge])
	}
	if p.Status == http.StatusServiceUnavailable {
		h.Set("Retry-After", "1")
	}
	_ = sendBytes(w, r, p.Status, "application/problem+json", body.Bytes())
}
