package main

import (
	bytesOf "bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/privatepkgs/license"
	"github.com/privatepkgs/license/bench/internal/load"
	"github.com/privatepkgs/license/bench/internal/measure"
	"github.com/privatepkgs/license/gate"
	"github.com/privatepkgs/license/gate/npm"
)

func gateRows() []row {
	return []row{
		packumentRow(),
		compared("gate/artifact", "an npm tarball of 16 KB through the gate, license cached", "the same reverse proxy without the gate",
			ofRequests(0.90), compareArtifact),
	}
}

// compareArtifact gets a tarball with the keys of 200 customers, whose licenses are then in the cache.
func compareArtifact(b *bench) (sides, error) {
	file, err := b.sqliteFile(b.stored)
	if err != nil {
		return sides{}, err
	}
	upstream, err := b.start("registry", "16384")
	if err != nil {
		return sides{}, err
	}
	plain, err := b.start("proxy", upstream.addr)
	if err != nil {
		return sides{}, err
	}
	where, err := json.Marshal(map[string]string{"Registry": upstream.addr, "File": file})
	if err != nil {
		return sides{}, err
	}
	gate, err := b.start("gate", string(where))
	if err != nil {
		return sides{}, err
	}
	var requests []load.Request
	for i := range 500 {
		if i%5 > 1 {
			continue // of the first two in five every version is open
		}
		uri := fmt.Sprintf("/%s/-/%s-1.5.0.tgz", packagesOf(i)[0], strings.TrimPrefix(packagesOf(i)[0], "@acme/"))
		requests = append(requests, load.NewRequest(http.MethodGet, uri, keyOf(i), "", http.StatusOK))
		authorized := http.Header{"Authorization": {"Bearer " + keyOf(i)}}
		through, err := gate.get(uri, authorized)
		if err != nil {
			return sides{}, err
		}
		around, err := plain.get(uri, authorized)
		if err != nil {
			return sides{}, err
		}
		if !bytesOf.Equal(through.Body, around.Body) {
			return sides{}, errors.New("the gate hands out another tarball")
		}
	}
	unknown := http.Header{"Authorization": {"Bearer " + keyOf(-1)}}
	if _, err := gate.get("/@acme/package-00/-/package-00-1.5.0.tgz", unknown); err == nil {
		return sides{}, errors.New("the gate lets an unknown key through")
	}
	next := func(i int) load.Request { return requests[i%len(requests)] }
	return b.both(gate, plain, next, next)
}

func packumentRow() row {
	const subject, baseline = "a packument of 20 MB through gate/npm", "decoding it into maps of raw members"
	faster := timesFaster(8)
	memory := goal{2 << 20, false, "bytes beyond the output"}
	return row{"gate/packument", subject, baseline, []goal{faster, memory}, func(b *bench) ([]result, error) {
		versions := 3300
		if b.stored < full.stored {
			versions = 100
		}
		body := packument(versions)
		c, err := license.VersionConstraint("<2.0.0")
		if err != nil {
			return nil, err
		}
		l := &license.License{Constraint: c, Packages: []string{"@acme/large"}}
		d := l.CheckPackage(license.Request{Package: "@acme/large"})
		may := gate.Filter{
			Allows: func(v string, at time.Time) bool { return d.ForVersion(v, at).Allowed() },
			Denied: func() string { return "Your license for @acme/large covers versions <2.0.0." },
		}
		var output []byte
		rewrite := func(int) (err error) {
			res := gate.Resource{Kind: gate.Listing, Form: "packument", Package: "@acme/large"}
			output, err = npm.Adapter{}.Rewrite(res, &gate.Document{Body: body, Base: "https://packages.acme.example/npm"}, may)
			return err
		}
		kept := 0
		decode := func(int) (err error) {
			kept, err = decodeToMaps(body, may)
			return err
		}
		if err := errors.Join(rewrite(0), decode(0)); err != nil {
			return nil, err
		}
		if n, err := decodeToMaps(output, may); err != nil || n != kept {
			return nil, errors.Join(fmt.Errorf("%d versions are left and not %d", n, kept), err)
		}
		ratio, err := b.compare(faster, func(*bench) (sides, error) {
			return sides{subject: measure.Each(rewrite), baseline: measure.Each(decode)}, nil
		})
		if err != nil {
			return nil, err
		}
		_, allocated, err := measure.Allocations(1, measure.Each(rewrite))
		beyond := allocated - float64(len(output))
		return []result{ratio, {
			value:   measure.Spread{Median: beyond, Min: beyond, Max: beyond},
			subject: fmt.Sprintf("%.0f bytes", allocated), baseline: fmt.Sprintf("%d bytes of output", len(output)),
		}}, err
	}}
}

// decodeToMaps is what a filter has to do at least that is written with encoding/json: decode into
// maps of raw members as far down as the versions. (It would then have to encode again.)
func decodeToMaps(body []byte, may gate.Filter) (kept int, err error) {
	var root, versions map[string]json.RawMessage
	if err := json.Unmarshal(body, &root); err != nil {
		return 0, err
	}
	if err := json.Unmarshal(root["versions"], &versions); err != nil {
		return 0, err
	}
	for v := range versions {
		if may.Allows(v, time.Time{}) {
			kept++
		}
	}
	return kept, nil
}

// packument is like the largest public ones, with some 6 KB for each version.
func packument(n int) []byte {
	var versions, times bytesOf.Buffer
	for i := range n {
		v := fmt.Sprintf("%d.%d.%d", 4*i/n, i/10, i%10)
		if i > 0 {
			versions.WriteByte(',')
			times.WriteByte(',')
		}
		fmt.Fprintf(&times, `"%s":"2023-01-02T03:04:05.678Z"`, v)
		fmt.Fprintf(&versions, `"%s":{"name":"@acme/large","version":"%s","description":"A \"large\" package","main":"./dist/server/next.js",`, v, v)
		versions.WriteString(`"scripts":{"build":"taskfile release","prepublish":"npm run build && npm run typescript"},"dependencies":{`)
		for j := range 60 {
			fmt.Fprintf(&versions, `"@scope/dependency-%d":"^%d.2.3",`, j, j)
		}
		versions.WriteString(`"last":"1"},"devDependencies":{`)
		for j := range 90 {
			fmt.Fprintf(&versions, `"development-dependency-%d":"%d.0.%d",`, j, j, i)
		}
		fmt.Fprintf(&versions, `"last":"1"},"dist":{"shasum":"%040d","tarball":"https://registry.invalid/@acme/large/-/large-%s.tgz",`+
			`"fileCount":7123,"unpackedSize":91234567,"signatures":[{"keyid":"SHA256:jl3bwswu80PjjokCgh0o2w5c2U4LhQAE57gj9cz1kzA","sig":"%s"}]},`+
			`"_npmUser":{"name":"acme","email":"acme@example.com"},"engines":{"node":">=18.17.0"}}`, i, v, strings.Repeat("x", 96))
	}
	return fmt.Appendf(nil, `{"_id":"@acme/large","name":"@acme/large","dist-tags":{"latest":"3.%d.9"},"versions":{%s},"time":{%s},"readme":"%s"}`,
		n/10-1, versions.Bytes(), times.Bytes(), strings.Repeat(`# Large\n\nSome text.\n`, 1000))
}
