package httpapi_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/privatepkgs/license"
	"github.com/privatepkgs/license/httpapi"
	"github.com/privatepkgs/license/memstore"
)

func (s *service) authorization(t *testing.T, values ...string) answer {
	return s.do(t, request{method: "GET", path: "/v1/licenses", header: http.Header{"Authorization": values}})
}

func TestNoCredentialsAre401WithAChallenge(t *testing.T) {
	onEveryStore(t, func(t *testing.T, s *service) {
		for _, q := range []request{
			{method: "GET", path: "/v1/licenses"},
			{method: "POST", path: "/v1/licenses", body: newBody("K")},
			{method: "DELETE", path: unknownPath},
			{method: "GET", path: "/v1/licenses?access_token=" + token},
			{method: "GET", path: "/nothing"},
			{method: "GET", path: "/v1//licenses"},
			{method: "PATCH", path: "/v1/licenses"},
			{method: "POST", path: "/v1/openapi.json/x"},
		} {
			q.header = http.Header{"Authorization": nil}
			a := s.do(t, q)
			assert.Equal(t, 401, a.status, q.path)
			assert.Equal(t, "unauthorized", a.problem.Code)
			assert.Equal(t, `Bearer realm="licenses"`, a.header.Get("WWW-Authenticate"))
		}
	})
}

func TestAWrongTokenIs401WithInvalidToken(t *testing.T) {
	onEveryStore(t, func(t *testing.T, s *service) {
		for _, wrong := range []string{"x", token + "x", token[1:], strings.ToUpper(token), strings.Repeat("x", 5000), "a.b.c=="} {
			a := s.authorization(t, "Bearer "+wrong)
			assert.Equal(t, 401, a.status, wrong)
			assert.Equal(t, "invalid_token", a.problem.Code)
			assert.Equal(t, `Bearer realm="licenses", error="invalid_token"`, a.header.Get("WWW-Authenticate"))
			assert.NotContains(t, a.body, wrong+`"`)
		}
	})
}

func TestTwoAuthorizationHeadersOrAnotherSchemeAreAnsweredAsRFC6750Says(t *testing.T) {
	onEveryStore(t, func(t *testing.T, s *service) {
		for _, malformed := range [][]string{
			{"Bearer " + token, "Bearer " + token}, {"Basic YTpi", "Bearer " + token}, {"", ""},
			{"Bearer"}, {"Bearer "}, {"Bearer a b"}, {"Bearer " + token + " x"}, {"Bearer tökentökentöken"}, {"Bearer \x80"},
			{"Bearer \t" + token}, {"bearer"},
		} {
			a := s.authorization(t, malformed...)
			assert.Equal(t, 400, a.status, malformed)
			assert.Equal(t, "bad_request", a.problem.Code)
			assert.Equal(t, `Bearer realm="licenses", error="invalid_request"`, a.header.Get("WWW-Authenticate"))
		}
		for _, other := range []string{"Basic YTpi", "Digest x", token, "Bearer:" + token, "", "Bearer" + token, "Token " + token} {
			a := s.authorization(t, other)
			assert.Equal(t, 401, a.status, other)
			assert.Equal(t, "unauthorized", a.problem.Code)
			assert.Equal(t, `Bearer realm="licenses"`, a.header.Get("WWW-Authenticate"))
		}
		for _, good := range []string{"Bearer " + token, "bearer " + token, "BEARER   " + token} {
			assert.Equal(t, 200, s.authorization(t, good).status, good)
		}
	})
}

func TestAnyOfSeveralTokensWorks(t *testing.T) {
	t.Parallel()
	c := newClock()
	store := stores["memstore"](t, c.now)
	h, err := httpapi.New(store, httpapi.Options{Tokens: []string{"first-token-of-several", token, "last-token-of-several"}, Realm: "ACME licenses"})
	require.NoError(t, err)
	s := serveHandler(t, h, store, c)
	for _, good := range []string{"first-token-of-several", token, "last-token-of-several"} {
		assert.Equal(t, 200, s.authorization(t, "Bearer "+good).status)
	}
	a := s.authorization(t, "Bearer first-token-of-severa")
	assert.Equal(t, `Bearer realm="ACME licenses", error="invalid_token"`, a.header.Get("WWW-Authenticate"))
}

func TestAHandlerWithoutOneWayToAuthenticateDoesNotStart(t *testing.T) {
	t.Parallel()
	store := memstore.New(memstore.Options{})
	authenticate := func(*http.Request) (string, error) { return "me", nil }
	tokens := []string{token}
	for name, o := range map[string]httpapi.Options{
		"none":                     {},
		"empty list":               {Tokens: []string{}},
		"tokens and authenticator": {Tokens: tokens, Authenticate: authenticate},
		"tokens and elsewhere":     {Tokens: tokens, AuthenticatedElsewhere: true},
		"authenticator, elsewhere": {Authenticate: authenticate, AuthenticatedElsewhere: true},
		"all":                      {Tokens: tokens, Authenticate: authenticate, AuthenticatedElsewhere: true},
		"empty token":              {Tokens: []string{token, ""}},
		"long token":               {Tokens: []string{strings.Repeat("x", 513)}},
		"token with a space":       {Tokens: []string{"a token with a space"}},
		"token with a line end":    {Tokens: []string{token + "\n"}},
		"token not ASCII":          {Tokens: []string{"tökentökentöken"}},
		"realm with a quote":       {Tokens: tokens, Realm: `a"b`},
		"realm with a line end":    {Tokens: tokens, Realm: "a\r\nX: y"},
		"negative timeout":         {Tokens: tokens, StoreTimeout: -1},
	} {
		h, err := httpapi.New(store, o)
		require.ErrorContains(t, err, "httpapi: ", name)
		assert.Nil(t, h)
		for _, secret := range o.Tokens {
			if secret != "" {
				assert.NotContains(t, err.Error(), secret, "errors are logged")
			}
		}
	}
	_, err := httpapi.New(nil, httpapi.Options{Tokens: tokens})
	require.Error(t, err)
	for name, o := range map[string]httpapi.Options{
		"tokens":        {Tokens: []string{"x", strings.Repeat("x", 512)}},
		"authenticator": {Authenticate: authenticate},
		"elsewhere":     {AuthenticatedElsewhere: true},
	} {
		_, err := httpapi.New(store, o)
		require.NoError(t, err, name)
	}
}

func TestTheEmbeddersAuthenticatorDecides(t *testing.T) {
	t.Parallel()
	c := newClock()
	store := stores["memstore"](t, c.now)
	var answers = map[string]error{
		"good":    nil,
		"none":    fmt.Errorf("no cookie: %w", httpapi.ErrNoCredentials),
		"expired": fmt.Errorf("expired: %w", httpapi.ErrInvalidToken),
		"down":    fmt.Errorf("sessions: %w", license.ErrUnavailable),
		"slow":    fmt.Errorf("identities: %w", context.DeadlineExceeded),
		"broken":  errors.New("boom"),
		"gone":    fmt.Errorf("session: %w", license.ErrNotFound), // its own, and no license's
		"stale":   fmt.Errorf("session: %w", license.ErrRevisionMismatch),
		"odd":     fmt.Errorf("session: %w", license.ErrUnknownOutcome),
		"invalid": new(license.License).Validate(),
	}
	h, err := httpapi.New(store, httpapi.Options{Authenticate: func(r *http.Request) (string, error) {
		who := r.Header.Get("X-Session")
		if who == "panic" {
			panic("boom")
		}
		if who == "nameless" {
			return "", nil
		}
		return "me", answers[who]
	}})
	require.NoError(t, err)
	s := serveHandler(t, h, store, c)
	for who, want := range map[string]struct {
		status          int
		code, challenge string
	}{
		"good":     {200, "", ""},
		"none":     {401, "unauthorized", `Bearer realm="licenses"`},
		"expired":  {401, "invalid_token", `Bearer realm="licenses", error="invalid_token"`},
		"down":     {503, "unavailable", ""},
		"slow":     {503, "unavailable", ""},
		"broken":   {500, "internal", ""},
		"gone":     {500, "internal", ""},
		"stale":    {500, "internal", ""},
		"odd":      {500, "internal", ""},
		"invalid":  {500, "internal", ""},
		"nameless": {500, "internal", ""},
		"panic":    {500, "internal", ""},
	} {
		a := s.do(t, request{method: "GET", path: "/v1/licenses", header: http.Header{"X-Session": {who}}})
		assert.Equal(t, want.status, a.status, who)
		assert.Equal(t, want.code, a.problem.Code, who)
		assert.Equal(t, want.challenge, a.header.Get("WWW-Authenticate"), who)
	}
}

func TestAnotherLayerMayAuthenticate(t *testing.T) {
	t.Parallel()
	c := newClock()
	store := stores["memstore"](t, c.now)
	h, err := httpapi.New(store, httpapi.Options{AuthenticatedElsewhere: true})
	require.NoError(t, err)
	s := serveHandler(t, h, store, c)
	assert.Equal(t, 200, s.authorization(t).status)
	assert.Equal(t, 200, s.authorization(t, "Basic x", "y").status, "not looked at")
}
