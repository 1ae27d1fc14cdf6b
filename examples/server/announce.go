package main

import (
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/privatepkgs/license/examples/internal/serve"
)

// announce tells whoever started the server how to use it.
func announce(w io.Writer, s serve.Settings, addr net.Addr, db string) {
	host, elsewhere := serve.Reachable(addr)
	authorization, where := s.Authorization()
	var b strings.Builder
	fmt.Fprintf(&b, "The license API is ready at http://%s\n\n", host)
	fmt.Fprintf(&b, "  database   %s\n", db)
	fmt.Fprintf(&b, "  API token  %s\n", s.AboutTokens())
	if elsewhere {
		fmt.Fprintf(&b, "  network    other machines reach it too, without TLS: put a proxy in front\n")
	}
	fmt.Fprintf(&b, "\nMake a license, %s:\n\n", where)
	fmt.Fprintf(&b, "  curl -H %s -H 'Content-Type: application/json' -d '%s' http://%s/v1/licenses\n\n",
		authorization, `{"constraint":{"type":"none"},"packages":["example-package"]}`, host)
	_, _ = io.WriteString(w, b.String())
}
