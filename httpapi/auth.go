package httpapi

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/privatepkgs/license"
)

// The errors with which [Options].Authenticate refuses a request.
var (
	// ErrNoCredentials means that the request does not say who sends it.
	ErrNoCredentials = errors.New("httpapi: no credentials")

	// ErrInvalidToken means that the credentials are wrong, expired or revoked.
	ErrInvalidToken = errors.New("httpapi: invalid token")
)

var errMalformedAuthorization = errors.New("httpapi: malformed Authorization header")

const maxTokenLen = 512

// authenticator returns the one way to authenticate that was chosen.
func (o Options) authenticator() (func(*http.Request) (string, error), error) {
	chosen := 0
	for _, given := range []bool{len(o.Tokens) > 0, o.Authenticate != nil, o.AuthenticatedElsewhere} {
		if given {
			chosen++
		}
	}
	switch {
	case chosen == 0:
		return nil, errors.New("httpapi: nobody would be authenticated; " +
			"give Options.Tokens or Options.Authenticate, or set Options.AuthenticatedElsewhere when another layer does it")
	case chosen > 1:
		return nil, errors.New("httpapi: give only one of Options.Tokens, Options.Authenticate and Options.AuthenticatedElsewhere")
	case o.Authenticate != nil:
		return named(o.Authenticate), nil
	case o.AuthenticatedElsewhere:
		return func(*http.Request) (string, error) { return "", nil }, nil
	default:
		return bearer(o.Tokens)
	}
}

// named refuses a principal without a name, whose Idempotency-Keys would be everybody's.
func named(authenticate func(*http.Request) (string, error)) func(*http.Request) (string, error) {
	return func(r *http.Request) (string, error) {
		principal, err := authenticate(r)
		if err == nil && principal == "" {
			err = errors.New("httpapi: Options.Authenticate returned neither a principal nor an error")
		}
		return principal, refusal(err)
	}
}

// refusal leaves an error of Options.Authenticate the one meaning that it may have there. What else it wraps,
// say license.ErrNotFound of a table of sessions, must not pass for what the licenses' store says.
func refusal(err error) error {
	if err == nil {
		return nil
	}
	for _, meaning := range []error{ErrNoCredentials, ErrInvalidToken, license.ErrUnavailable, context.DeadlineExceeded, context.Canceled} {
		if errors.Is(err, meaning) {
			return fmt.Errorf("%w: Options.Authenticate: %v", meaning, err)
		}
	}
	return fmt.Errorf("httpapi: Options.Authenticate: %v", err)
}

// bearer compares the SHA-256 of what is sent with all of the tokens, in a time that depends on
// neither.
func bearer(tokens []string) (func(*http.Request) (string, error), error) {
	var sums [][sha256.Size]byte
	for i, token := range tokens {
		if token == "" || len(token) > maxTokenLen || !isVisibleASCII(token) {
			return nil, fmt.Errorf("httpapi: token %d must have 1 to %d visible ASCII characters and no space; make one with: openssl rand -hex 32",
				i+1, maxTokenLen)
		}
		sums = append(sums, sha256.Sum256([]byte(token)))
	}
	return func(r *http.Request) (string, error) {
		token, err := bearerToken(r.Header["Authorization"])
		if err != nil {
			return "", err
		}
		var room [maxTokenLen]byte // which spares an allocation for each request
		sum := sha256.Sum256(append(room[:0], token...))
		matches := 0
		for i := range sums {
			matches |= subtle.ConstantTimeCompare(sum[:], sums[i][:])
		}
		if matches == 0 {
			return "", ErrInvalidToken
		}
		return "", nil
	}, nil
}

// bearerToken reads the Authorization headers of a request (RFC 6750, sections 2.1 and 3.1). A
// scheme other than Bearer counts as no credentials.
func bearerToken(headers []string) (string, error) {
	switch len(headers) {
	case 0:
		return "", ErrNoCredentials
	case 1:
	default:
		return "", errMalformedAuthorization
	}
	scheme, token, _ := strings.Cut(headers[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return "", ErrNoCredentials
	}
	token = strings.TrimLeft(token, " ")
	if token == "" || !isVisibleASCII(token) {
		return "", errMalformedAuthorization
	}
	return token, nil
}

func isVisibleASCII(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}
