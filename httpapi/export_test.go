package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/privatepkgs/license"
)

// IdempotentID is what a test holds to be the same for ever.
var IdempotentID = idempotentID

// ParseQuery is what a fuzz test reads queries with.
var ParseQuery = parseQuery

// EncodeQuery is how Link writes a query.
func EncodeQuery(q license.Query) string { return string(appendQuery(nil, q)) }

// Operations lists "METHOD path" of all that a handler serves.
func Operations(h http.Handler) []string {
	var list []string
	for _, res := range h.(*api).resources {
		for method := range res.methods {
			list = append(list, method+" "+res.path)
		}
	}
	return list
}

// WithTimeout returns the context that a store gets.
func WithTimeout(parent context.Context, timeout time.Duration) (ctx context.Context, cancel func()) {
	d := withTimeout(parent, timeout)
	return d, d.cancel
}
