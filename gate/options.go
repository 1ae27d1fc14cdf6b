package gate

import (
	"context"
	"log/slog"
	"math"
	"net/url"
	"time"

	"github.com/google/uuid"

	"github.com/privatepkgs/license"
)

// Options are the choices of a gate. The zero value is ready to use.
type Options struct {
	// Message words a denial for the customer, who sees it in the terminal. It may be
	// called with every code but [license.Valid], also with those of this package. Nil
	// means [DefaultMessage] with RenewalURL. One line of ASCII reaches the most clients.
	Message func(license.Decision) string

	// RenewalURL is where a customer buys, renews or upgrades; the default Message ends
	// with it where that would help. Empty means none.
	RenewalURL string

	// PackageName maps a package of an ecosystem, in canonical form, to the name that
	// licenses use, for instance ("npm", "toy") to "npm:toy", so that packages of one name
	// in two ecosystems are sold apart. Nil means the name itself. An empty name is covered
	// by no license.
	PackageName func(ecosystem, pkg string) string

	// BaseURL is the URL at which clients reach the gate, prefix and all, for the URLs of
	// artifacts inside listings. Nil means to take it from each request: its Host, https if
	// it came over TLS or a proxy says so (X-Forwarded-Proto), and whatever [http.StripPrefix]
	// has cut off. Set it behind a proxy that changes the Host or the path, or ends TLS and
	// says nothing: URLs with http would have clients send their keys in the clear.
	BaseURL *url.URL

	// MaxListing is the most bytes that a listing may have, compressed or not; a larger one is
	// answered with 502. Zero means [DefaultMaxListing].
	MaxListing int64

	// ForwardKey leaves the Authorization header, which holds the customer's key, in what
	// the upstream gets. By default it is removed.
	ForwardKey bool

	// NoReasonPhrase leaves the reason phrase of a denial as it is. By default the gate
	// puts the message there on HTTP/1, for pnpm, yarn and pip show nothing else; it has to
	// take over the connection for that, which it then closes, and a middleware around it
	// that notes the status sees none. Observe does.
	NoReasonPhrase bool

	// RetryAfter is how long a client is asked to wait when the store cannot answer, in whole
	// seconds. Zero means ten seconds.
	RetryAfter time.Duration

	// Observe is told of every request once it is decided. It is called before the answer
	// is sent, by many goroutines at once, and should be quick. Nil means nobody.
	// [Counter.Observe] is one.
	Observe func(context.Context, Event)

	// Logger gets what goes wrong behind the gate: the store, or the upstream. Nil means
	// [slog.Default].
	Logger *slog.Logger
}

// DefaultMaxListing is the most bytes of a listing unless [Options.MaxListing] says another
// number. The largest public ones have some 21 MB.
const DefaultMaxListing = 64 << 20

func (o Options) withDefaults() Options {
	if o.Message == nil {
		o.Message = DefaultMessage(o.RenewalURL)
	}
	if o.PackageName == nil {
		o.PackageName = func(_, pkg string) string { return pkg }
	}
	if o.MaxListing <= 0 {
		o.MaxListing = DefaultMaxListing
	}
	o.MaxListing = min(o.MaxListing, math.MaxInt64-1) // one byte more is read, to see that it is too many
	if o.RetryAfter < time.Second {
		o.RetryAfter = 10 * time.Second
	}
	if o.Observe == nil {
		o.Observe = func(context.Context, Event) {}
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return o
}

// Event is a decision as it is told to [Options.Observe]. It never holds a key.
type Event struct {
	Ecosystem string       // of the Adapter
	Kind      Kind         // of what was asked for
	Package   string       // in canonical form; empty for a Service
	Version   string       // as the ecosystem writes it; empty unless one version was decided about
	Code      license.Code // the decision, [license.Valid] when the request was allowed
	License   uuid.UUID    // the zero UUID when there is none
}
