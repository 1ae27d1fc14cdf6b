// Package gate puts licenses in front of a package registry: a middleware with which a
// customer's key decides what npm, go, pip, Composer and cargo can fetch.
//
// It stands before an in-process registry, or an [net/http/httputil.ReverseProxy] to any
// other, and takes an [Adapter] for the ecosystem from one of the packages below this one:
//
//	checker := license.NewChecker(store, license.CheckerOptions{})
//	protect := gate.New(checker, npm.Adapter{}, gate.Options{RenewalURL: "https://acme.example/renew"})
//	mux.Handle("/npm/", http.StripPrefix("/npm", protect(registry)))
//
// With chi, mount the gate with Handle and not with Mount: below Mount a chi registry goes by chi's own path,
// and not by that of the request.
//
// A listing shows the versions that the license opens, so that an unpinned install takes
// the newest one that was paid for. The artifacts are the real gate, for an install from a
// lock file goes straight to them; a version is listed if and only if it is served. A
// denial is a sentence in the form that the client of the ecosystem shows to a person.
//
// # Security
//
// What an adapter does not recognise is denied. The registry is asked for the path that was
// judged, with neither the customer's key and cookies nor headers by which it could answer
// about something else; it must not be reachable past the gate by customers. The gate reads;
// packages are published to the registry itself. Answers are marked private, so that a cache
// between does not show one customer what another has bought, and rewritten listings have an ETag
// of their content, so that a client with a warm cache sees what a changed key opens.
//
// A listing is held in memory while it is rewritten: as it came, decompressed, and rewritten. Before it is
// rewritten it may have [Options.MaxListing] bytes; a larger one is refused. The gate sets no timeouts, limits
// no rates and compresses nothing: the server around it does.
//
// # When something fails
//
// The gate fails closed, and tries nothing twice:
//
//   - The store of licenses cannot answer: 503 with Retry-After, and the code [Unavailable].
//   - The listing of the registry cannot be read, is cut off or too large: 502, and the code
//     [InvalidUpstream]. What the registry itself says with 404, 410, 429 or 5xx is handed on, in
//     words of the gate's own.
//   - The registry refuses the gate an artifact or its metadata, with 401 or 403: 502 and [InvalidUpstream]
//     as well. With [Options.ForwardKey] it is the customer who is refused, and is told.
//
// Clients repeat a request that is answered with 5xx, so a short failure of the store is a pause
// in an install, and a longer one an error. Measured with [Options.RetryAfter] at its 10 seconds:
// npm and pnpm ask again after 10 and 70 seconds whatever it says, pip five times and cargo three
// times in that distance, the go command not at all. A cache of licenses in front of the store, like
// [github.com/privatepkgs/license/cachestore], answers meanwhile for the keys that it has seen lately.
// A denial is never 429 or 5xx, and is shown at once.
//
// # Perpetual fallback
//
// With [license.CheckerOptions] PerpetualFallback, a license that has expired keeps the
// versions released before its date. The gate then asks the registry for the form of a
// listing that has the times of releases, and looks the time up before it serves an
// artifact, which costs such a customer one more request to the registry; the list of a Go module
// costs one for each version, because only its .info has the time. A version whose time nobody knows
// is denied.
package gate
