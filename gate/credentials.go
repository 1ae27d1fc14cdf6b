package gate

import (
	"net/http"
	"strings"
)

// Credentials returns the keys that r may carry in its Authorization header, the likeliest
// first: what follows Bearer; of Basic the password and then the user name, for clients
// put a key into either; any other header without a scheme as it is, which is how cargo
// sends a token. It is nil when there is no such header, and when there are several.
func Credentials(r *http.Request) []string {
	headers := r.Header["Authorization"]
	if len(headers) != 1 {
		return nil
	}
	if user, password, ok := r.BasicAuth(); ok {
		return nonEmpty(password, user)
	}
	scheme, rest, found := strings.Cut(headers[0], " ")
	switch {
	case !found:
		return nonEmpty(scheme)
	case strings.EqualFold(scheme, "Bearer"):
		return nonEmpty(strings.TrimSpace(rest))
	default:
		return nil
	}
}

func nonEmpty(keys ...string) []string {
	var given []string
	for _, k := range keys {
		if k != "" {
			given = append(given, k)
		}
	}
	return given
}
