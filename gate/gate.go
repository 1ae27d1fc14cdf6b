package gate

import (
	"net/http"
	"strings"

	"github.com/privatepkgs/license"
)

// New returns a middleware that serves from the registry behind it what the license of a
// customer opens, and denies everything else. New panics when checker or adapter is nil,
// and on a BaseURL that is no URL of http or https, or has a query.
//
// The paths that the gate sees must be relative to the root of the registry: mount it below
// [http.StripPrefix]. The registry behind it gets plain GET requests for what is rewritten,
// without conditional headers and, unless Options.ForwardKey says so, without the key, and must be reachable
// only through the gate.
//
// When the store of licenses cannot answer, the gate answers 503 with Retry-After at
// once, and opens nothing; the package comment says what clients then do.
func New(checker *license.Checker, adapter Adapter, o Options) func(http.Handler) http.Handler {
	if checker == nil || adapter == nil {
		panic("gate: New needs a checker and an adapter")
	}
	if u := o.BaseURL; u != nil && (u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "") {
		panic("gate: Options.BaseURL must begin with http:// or https://, name a host, and have no ? or #")
	}
	g := &gate{checker: checker, adapter: adapter, o: o.withDefaults()}
	return func(registry http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			c := &call{gate: g, registry: registry, w: w, r: r}
			c.serve()
		})
	}
}

type gate struct {
	checker *license.Checker
	adapter Adapter
	o       Options
}

// call is one request on its way through the gate.
type call struct {
	*gate
	registry http.Handler
	w        http.ResponseWriter
	r        *http.Request
	res      Resource
}

func (c *call) serve() {
	if !c.recognise() {
		c.deny(license.Decision{Code: NotRecognized})
		return
	}
	d, err := c.decide(c.r.Context(), c.res)
	if err != nil {
		c.unavailable(err)
		return
	}
	switch {
	case c.res.Kind == Service:
		c.service(d)
	case d.Code == license.PackageNotCovered && c.res.Probe && !c.inRegistry():
		d.Code = NotInRegistry
		c.deny(d)
	case !d.Allowed():
		d.Request.Version = c.res.Version
		c.deny(d)
	case c.res.Kind == Listing:
		c.listing(d)
	case c.res.Kind == Artifact:
		c.artifact(d)
	default:
		c.pass(d, c.res.Path)
	}
}

// recognise parses the request and reports whether there is anything to decide about.
func (c *call) recognise() bool {
	if !plainPath(c.r.URL.Path) {
		return false
	}
	c.res = c.adapter.Parse(c.r)
	reads := c.r.Method == http.MethodGet || c.r.Method == http.MethodHead
	switch c.res.Kind {
	case Service:
		return reads || !c.res.Rewrite
	case Listing, Metadata, Artifact:
		return reads && c.res.Package != ""
	default:
		return false
	}
}

// plainPath reports whether no server can read the path in another way than the adapter.
func plainPath(path string) bool {
	if !strings.HasPrefix(path, "/") || strings.Contains(path, "//") {
		return false
	}
	for segment := range strings.SplitSeq(path, "/") {
		if segment == "." || segment == ".." {
			return false
		}
	}
	return !strings.ContainsFunc(path, func(c rune) bool { return c < ' ' || c == 0x7f || c == '\\' || c == '%' })
}

// service lets through what is about no package. Any license will do.
func (c *call) service(d license.Decision) {
	if d.License == nil && !c.res.Open {
		c.deny(d)
		return
	}
	if c.res.Rewrite {
		c.listing(d)
		return
	}
	d.Code = license.Valid
	c.pass(d, c.res.Path)
}

func (c *call) artifact(d license.Decision) {
	d, doc, err := c.decideArtifact(d)
	if err != nil {
		c.upstreamFailed(d, err)
		return
	}
	if !d.Allowed() {
		c.deny(d)
		return
	}
	path := c.res.Path
	if c.res.Locate {
		if path, err = c.locate(doc); err != nil {
			c.upstreamFailed(d, err)
			return
		}
	}
	c.pass(d, path)
}

func (c *call) locate(doc *Document) (string, error) {
	locator, ok := c.adapter.(Locator)
	if !ok || doc == nil {
		return "", &upstreamError{status: http.StatusNotFound}
	}
	path, err := locator.Locate(c.res, doc)
	if err != nil {
		return "", &upstreamError{status: http.StatusOK, cause: err}
	}
	if path == "" {
		return "", &upstreamError{status: http.StatusNotFound}
	}
	return path, nil
}
