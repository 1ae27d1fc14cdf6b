package main

import (
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/privatepkgs/license"
	"github.com/privatepkgs/license/examples/internal/serve"
	"github.com/privatepkgs/license/internal/toyregistry"
)

// about is what is known only once everything runs.
type about struct {
	plain, secure net.Addr
	certificate   string // file
	db            string
	licenses      []*license.License
}

// toyVersions names the versions of the toy package, as in a sentence.
func toyVersions() string {
	var names []string
	for _, r := range toyregistry.Releases() {
		names = append(names, r.Version)
	}
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " and " + names[last]
}

// announce tells whoever started the program how to use it.
func announce(w io.Writer, s settings, a about) {
	host, elsewhere := serve.Reachable(a.plain)
	secure, elsewhereToo := serve.Reachable(a.secure)
	authorization, where := s.Authorization()
	var b strings.Builder
	fmt.Fprintf(&b, "The registry is ready at http://%s and https://%s\n\n", host, secure)
	fmt.Fprintf(&b, "  database     %s\n", a.db)
	fmt.Fprintf(&b, "  API token    %s\n", s.AboutTokens())
	fmt.Fprintf(&b, "  certificate  %s\n", a.certificate)
	for _, e := range ecosystems() {
		if u := s.upstreams[e.name]; u != nil {
			shown := *u
			shown.User = nil // either part may be a token
			fmt.Fprintf(&b, "  %-11s  in front of %s\n", e.name, &shown)
		}
	}
	if elsewhere || elsewhereToo {
		fmt.Fprintf(&b, "  network      other machines reach it too\n")
	}
	fmt.Fprintf(&b, "\nThe toy package has %s. There are these licenses for it, each with its key:\n\n", toyVersions())
	for _, l := range a.licenses {
		fmt.Fprintf(&b, "  %s  %s\n", l.Key, describe(l))
	}
	fmt.Fprintf(&b, "\nPaste one of these into a shell in an empty directory, with any of the keys.\n")
	words := strings.NewReplacer("{addr}", host, "{tls}", secure, "{certificate}", a.certificate)
	for _, e := range ecosystems() {
		fmt.Fprintf(&b, "\n%s:\n\n  KEY=%s\n", e.client, a.licenses[1].Key)
		for line := range strings.Lines(strings.TrimPrefix(e.lines, "\n")) {
			b.WriteString("  " + words.Replace(line))
		}
	}
	suspended := a.licenses[0].Clone()
	suspended.Suspended = true
	fmt.Fprintf(&b, "\nSuspend the first license, %s, and see what the next install with its key says:\n\n", where)
	fmt.Fprintf(&b, "  curl -X PUT -H %s -H 'Content-Type: application/json' -d '%s' http://%s/v1/licenses/%s\n\n",
		authorization, strings.ReplaceAll(string(suspended.AppendJSON(nil)), `'`, `'\''`), host, suspended.ID)
	_, _ = io.WriteString(w, b.String())
}
