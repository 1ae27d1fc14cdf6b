// Package reliability holds the tests of what the whole module promises when something dies:
// that each store answers as one license at a time would (linearizability), that servers side
// by side on one PostgreSQL lose and double nothing when it restarts or connections are cut, how
// long a suspension takes to be seen elsewhere, and what a license costs in bytes.
//
// Each test has a short form, for the ordinary run, and a long one with LICENSE_LONG_TESTS=1.
// What the long forms found stands in docs/reliability.md and docs/scaling.md.
//
// The package has no code of its own, and nothing imports it.
package reliability
