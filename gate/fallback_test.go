package gate_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/privatepkgs/license/gate"
)

// dated gives the registry a listing that has the days of the releases in its full form only.
func dated(b *bench) {
	b.checker.PerpetualFallback = true
	b.pages["/toy/list"] = func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Accept") != "text/full" {
			text(toyVersions)(w, r)
			return
		}
		text("1_0_0 2022-01-01\n1_9_0 2023-05-31\n2_0_0-beta_1 2023-06-02\n2_1_0 2024-01-01\n3_0_0\n")(w, r)
	}
	b.pages["/toy/file/3_0_0"] = text("3_0_0")
	b.pages["/toy/file/2_0_0-beta_1"] = text("beta")
}

func TestFallbackKeepsWhatWasReleasedBeforeTheDate(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	dated(b)
	require.Equal(t, []string{"1_0_0", "1_9_0"}, shown(b.get("/toy/list", "EXPIRED", "Accept", "text/short")))
	require.Len(t, b.requests(), 1, "the listing itself says it all")
	for version, status := range map[string]int{"1_0_0": 200, "1_9_0": 200, "2_0_0-beta_1": 403, "2_1_0": 403, "3_0_0": 403, "9_9_9": 403} {
		require.Equal(t, status, b.get("/toy/file/"+version, "EXPIRED").Code, version)
	}
}

func TestFallbackCostsNothingWhereItDoesNotMatter(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	dated(b)
	b.get("/toy/list", "UNLIMITED", "Accept", "text/short")
	require.Equal(t, "text/short", b.requests()[0].Header.Get("Accept"))
	b.get("/toy/file/2_1_0", "UNLIMITED")
	b.get("/toy/file/1_9_0", "BELOW-2")
	require.Len(t, b.requests(), 3)

	b.checker.PerpetualFallback = false
	require.Equal(t, http.StatusForbidden, b.get("/toy/file/1_0_0", "EXPIRED").Code, "it is off by default")
	require.Len(t, b.requests(), 3)
}

func TestFallbackAsksForEachVersionWhereTheListingHasNoTimes(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.checker.PerpetualFallback = true
	b.byKey["EXPIRED"].Packages = []string{"by-one", "by-none"}
	for _, pkg := range []string{"by-one", "by-none"} {
		b.pages["/"+pkg+"/list"] = text("1_0_0\n1_9_0\n2_1_0\n")
		b.pages["/"+pkg+"/info/1_0_0"] = text("1_0_0 2022-01-01\n")
		b.pages["/"+pkg+"/info/2_1_0"] = text("2_1_0 2024-01-01\n")
		b.pages["/"+pkg+"/file/1_0_0"] = text("1_0_0")
	}
	require.Equal(t, []string{"1_0_0"}, shown(b.get("/by-one/list", "EXPIRED")))
	require.Equal(t, http.StatusOK, b.get("/by-one/file/1_0_0", "EXPIRED").Code)
	require.Equal(t, http.StatusForbidden, b.get("/by-one/file/1_9_0", "EXPIRED").Code)
	require.Equal(t, []string{"1_0_0"}, shown(b.get("/by-one/info/1_0_0", "EXPIRED")))
	require.Equal(t, http.StatusForbidden, b.get("/by-none/list", "EXPIRED").Code, "nothing tells")
	require.Equal(t, http.StatusForbidden, b.get("/by-none/file/1_0_0", "EXPIRED").Code)

	b.pages["/by-one/info/1_9_0"] = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }
	require.Equal(t, http.StatusInternalServerError, b.get("/by-one/list", "EXPIRED").Code, "it is not known, so nothing is shown")
	require.Equal(t, http.StatusInternalServerError, b.get("/by-one/file/1_9_0", "EXPIRED").Code)
	b.pages["/by-one/info/1_9_0"] = text("\n")
	require.Equal(t, http.StatusBadGateway, b.get("/by-one/file/1_9_0", "EXPIRED").Code)
}

func TestArtifactIsFoundByItsVersionInTheListing(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.pages["/toy/list"] = text("1_9_0 2023-05-31 /blobs/a%2fb\n2_1_0 2024-01-01 /blobs/c\n")
	b.pages["/blobs/a/b"] = text("1.9.0")
	b.pages["/blobs/c"] = text("2.1.0")
	require.Equal(t, "1.9.0", b.get("/toy/dist/1_9_0", "BELOW-2").Body.String())
	require.Equal(t, "/blobs/a%2fb", b.requests()[1].URL.EscapedPath())
	require.Equal(t, http.StatusForbidden, b.get("/toy/dist/2_1_0", "BELOW-2").Code)
	require.Len(t, b.requests(), 2, "a denial asks nobody")
	require.Equal(t, "2.1.0", b.get("/toy/dist/2_1_0", "UNLIMITED").Body.String())
	require.Equal(t, http.StatusNotFound, b.get("/toy/dist/1_0_0", "UNLIMITED").Code)
	b.pages["/odd/list"] = text("<html>")
	b.byKey["UNLIMITED"].Packages = []string{"toy", "odd"}
	require.Equal(t, http.StatusBadGateway, b.get("/odd/dist/1_0_0", "UNLIMITED").Code)
	require.Equal(t, gate.InvalidUpstream, b.events[len(b.events)-1].Code)
	require.Equal(t, http.StatusForbidden, b.get("/blobs/c", "UNLIMITED").Code, "the upstream's own paths are not the gate's")

	b.checker.PerpetualFallback = true
	require.Equal(t, "1.9.0", b.get("/toy/dist/1_9_0", "EXPIRED").Body.String())
	require.Equal(t, http.StatusForbidden, b.get("/toy/dist/2_1_0", "EXPIRED").Code)
}
