package gate

import (
	"fmt"
	"strings"

	"github.com/privatepkgs/license"
)

// DefaultMessage returns the function that words a denial where [Options.Message] is nil,
// in one line of plain words, which ends with renewalURL where the customer can do
// something there:
//
//	Your license for @acme/ui covers versions <2.0.0; 2.1.0 needs an upgrade: https://acme.example/renew
func DefaultMessage(renewalURL string) func(license.Decision) string {
	at := func(text string) string {
		if renewalURL == "" {
			return text + "."
		}
		return text + ": " + renewalURL
	}
	return func(d license.Decision) string {
		pkg, version := d.Request.Package, d.Request.Version
		switch d.Code {
		case NoKey:
			return at("This registry needs a license key, and the request carries none. Set the key for this registry in the configuration of your client, or get one")
		case license.NotFound:
			return at("No license has the key that was sent. Check that it is complete and current, or get one")
		case license.Suspended:
			return at("Your license is suspended. Ask the seller to restore it")
		case license.PackageNotCovered, NotInRegistry:
			return at(fmt.Sprintf("Your license does not cover %s. Add it", pkg))
		case license.Expired:
			return at(fmt.Sprintf("Your license for %s expired on %s. Renew it", pkg,
				d.License.Constraint.Until().Format("2 January 2006")))
		case license.VersionNotAllowed, license.VersionInvalid: // a branch is as little in the range as 2.1.0
			return at(fmt.Sprintf("Your license for %s covers %s; %s needs an upgrade", pkg, d.License.Constraint, version))
		case NotRecognized:
			return "There is nothing to install at this address. Check the URL of the registry; to publish a package, publish to the registry itself."
		default:
			return "Denied."
		}
	}
}

// oneLine makes text fit for a header or a status line: visible ASCII and single spaces,
// at most maxLine bytes.
func oneLine(text string) string {
	const maxLine = 400
	var b strings.Builder
	for word := range strings.FieldsSeq(text) {
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		for _, c := range word {
			if c <= ' ' || c > '~' {
				c = '?'
			}
			b.WriteRune(c)
		}
	}
	return b.String()[:min(b.Len(), maxLine)]
}
