// Package toyregistry is a small registry in memory for each ecosystem, for tests and the
// examples. Every registry serves one package in the versions of [Releases], with no
// license in sight, on paths relative to its own root, and each stands in a file of its own.
//
// Where a listing of an ecosystem has absolute URLs of artifacts, they point to [Origin], at
// which nothing answers: a client that gets through a gate has been given the gate's own.
package toyregistry

import "time"

// Origin is where a toy registry says that it is.
const Origin = "https://registry.invalid"

// Release is one version of the package.
type Release struct {
	Version    string
	ReleasedAt time.Time
}

// Releases returns the versions of the package, a year apart: 1.0.0, 1.9.0, 2.0.0-beta.1
// and 2.1.0, from the beginning of 2022 on.
func Releases() []Release {
	var releases []Release
	for i, version := range []string{"1.0.0", "1.9.0", "2.0.0-beta.1", "2.1.0"} {
		releases = append(releases, Release{version, time.Date(2022+i, 1, 1, 0, 0, 0, 0, time.UTC)})
	}
	return releases
}
