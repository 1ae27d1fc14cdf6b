// Package httpapi serves the v1 license API over HTTP from any [license.Store]: creating,
// finding, listing, replacing and deleting licenses as JSON.
//
//	api, err := httpapi.New(store, httpapi.Options{Tokens: []string{token}})
//	if err != nil {
//		return err
//	}
//	return httpapi.NewServer("127.0.0.1:8080", api).ListenAndServe()
//
// The handler works on any mux and, with [http.StripPrefix], under any prefix:
//
//	mux.Handle("/licensing/", http.StripPrefix("/licensing", api))
//
// An [http.ServeMux] answers a path such as //v1/licenses itself, with a redirect; without one around
// it the handler answers 404, and 401 before that, as for any path that it does not have.
//
// It describes itself in an OpenAPI 3.1 document at /v1/openapi.json, the only thing that it
// serves without credentials.
//
// # Errors
//
// Every error is a problem document (RFC 9457) with a stable code. What clients did wrong is
// said exactly, all invalid fields of a license together; what went wrong inside (5xx) is
// logged and never sent. An answer of 503 carries Retry-After; after the code outcome_unknown
// a creation is repeated safely with the same Idempotency-Key.
//
// # Limits
//
// A body has at most 1 MiB, and must arrive within 10 seconds where the server under the
// handler lets it say so. The store has [Options].StoreTimeout for each request. What comes
// before the handler is for the server to limit: see [NewServer].
//
// # What it does not do
//
// It does not log requests, limit rates, speak TLS or answer CORS preflights: wrap it with
// what the service around it already has. It does not check licenses: that is done in process
// with [license.Checker].
package httpapi
