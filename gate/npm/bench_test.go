package npm_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/privatepkgs/license"
	"github.com/privatepkgs/license/gate"
	"github.com/privatepkgs/license/gate/npm"
)

// largePackument is like the largest public ones: 3,400 versions in some 20 MB.
func largePackument() []byte {
	var versions, times bytes.Buffer
	const n = 3400
	for i := range n {
		v := fmt.Sprintf("%d.%d.%d", i/1000, i/10%100, i%10)
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
	return fmt.Appendf(nil, `{"_id":"@acme/large","name":"@acme/large","dist-tags":{"latest":"3.39.9","next":"3.39.8"},"versions":{%s},"time":{%s},"readme":"%s"}`,
		versions.Bytes(), times.Bytes(), strings.Repeat(`# Large\n\nSome text.\n`, 1000))
}

func atMost(tb testing.TB, rng string) gate.Filter {
	tb.Helper()
	c, err := license.VersionConstraint(rng)
	require.NoError(tb, err)
	l := &license.License{Constraint: c, Packages: []string{"@acme/large"}}
	d := l.CheckPackage(license.Request{Package: "@acme/large"})
	return filter(func(v string, at time.Time) bool { return d.ForVersion(v, at).Allowed() })
}

// decoded is what a filter has to do at least when it is written with encoding/json: decode
// into maps of raw members as far down as the versions. (It would then have to encode again.)
func decoded(tb testing.TB, body []byte, may gate.Filter) (kept int) {
	var root, versions map[string]json.RawMessage
	require.NoError(tb, json.Unmarshal(body, &root))
	require.NoError(tb, json.Unmarshal(root["versions"], &versions))
	for v := range versions {
		if may.Allows(v, time.Time{}) {
			kept++
		}
	}
	return kept
}

func rewriteLarge(tb testing.TB, body []byte, may gate.Filter) []byte {
	res := gate.Resource{Kind: gate.Listing, Form: "packument", Package: "@acme/large"}
	out, err := npm.Adapter{}.Rewrite(res, &gate.Document{Body: body, Base: "https://packages.acme.example/npm"}, may)
	require.NoError(tb, err)
	return out
}

// BenchmarkRewrite filters a packument of 21 MB, and beside it decodes it into maps of raw
// members. It reports how often faster the first is, and the memory it takes beyond its
// output, and fails where that is less than 8 times, or more than 2 MB.
func BenchmarkRewrite(b *testing.B) {
	body := largePackument()
	for _, rng := range []string{"<2.0.0", "<9.0.0"} {
		may := atMost(b, rng)
		b.Run(rng, func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			var ours, maps time.Duration
			var output int
			for b.Loop() {
				start := time.Now()
				output = len(rewriteLarge(b, body, may))
				ours += time.Since(start)
				b.StopTimer()
				start = time.Now()
				decoded(b, body, may)
				maps += time.Since(start)
				b.StartTimer()
			}
			faster := float64(maps) / float64(ours)
			beyond := int64(allocated(func() { rewriteLarge(b, body, may) })) - int64(output)
			b.ReportMetric(faster, "times-faster")
			b.ReportMetric(float64(beyond), "B-beyond-output")
			if faster < 8 || beyond > 2<<20 {
				b.Errorf("%.1f times faster with %d bytes beyond the output", faster, beyond)
			}
		})
		b.Run(rng+"/maps", func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				decoded(b, body, may)
			}
		})
	}
}

// allocated returns the bytes that f allocates, whether or not they are freed meanwhile.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// How fast it is, BenchmarkRewrite shows.
func TestRewriteOfALargePackumentTakesLittleMoreMemoryThanItsOutput(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector takes memory of its own")
	}
	body := largePackument()
	for _, rng := range []string{"<2.0.0", "<9.0.0"} {
		may := atMost(t, rng)
		var output int
		beyond := int64(allocated(func() { output = len(rewriteLarge(t, body, may)) })) - int64(output)
		require.Less(t, beyond, int64(2<<20), "bytes beyond the output under %s", rng)
	}
}
