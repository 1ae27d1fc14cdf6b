package httpapi_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/privatepkgs/license"
	"github.com/privatepkgs/license/httpapi"
	"github.com/privatepkgs/license/memstore"
)

// BenchmarkHTTP compares the handler with a bare one that writes the same bytes: as a call
// (handler) and over a connection (server).
func BenchmarkHTTP(b *testing.B) {
	store := memstore.New(memstore.Options{})
	path := fillStore(b, store)
	h, err := httpapi.New(store, httpapi.Options{Tokens: []string{token}})
	require.NoError(b, err)
	for name, path := range map[string]string{"get": path, "list100": "/v1/licenses"} {
		r, err := http.NewRequest("GET", path, nil)
		require.NoError(b, err)
		r.Header.Set("Authorization", "Bearer "+token)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		require.Equal(b, http.StatusOK, w.Code)
		body := w.Body.Bytes()
		bare := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Content-Length", fmt.Sprint(len(body)))
			_, _ = w.Write(body)
		})
		for kind, h := range map[string]http.Handler{"api": h, "bare": bare} {
			b.Run(name+"/handler/"+kind, func(b *testing.B) {
				b.ReportAllocs()
				w := discard{make(http.Header)}
				for b.Loop() {
					clear(w.header)
					h.ServeHTTP(w, r)
				}
			})
			b.Run(name+"/server/"+kind, func(b *testing.B) { benchmarkServer(b, h, path) })
		}
	}
}

type discard struct{ header http.Header }

func (d discard) Header() http.Header            { return d.header }
func (d discard) WriteHeader(int)                {}
func (d discard) Write(data []byte) (int, error) { return len(data), nil }

func benchmarkServer(b *testing.B, h http.Handler, path string) {
	server := httptest.NewServer(h)
	defer server.Close()
	r, err := http.NewRequest("GET", server.URL+path, nil)
	require.NoError(b, err)
	r.Header.Set("Authorization", "Bearer "+token)
	client := server.Client()
	for b.Loop() {
		w, err := client.Do(r)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, w.Body); err != nil {
			b.Fatal(err)
		}
		_ = w.Body.Close()
	}
}

func fillStore(b *testing.B, store license.Store) (path string) {
	b.Helper()
	at := time.UnixMilli(start)
	for i := range 1000 {
		l := &license.License{
			Name:       fmt.Sprint("Customer ", i),
			Constraint: license.NoConstraint(),
			Meta:       []byte(`{"order":"20231007-1138","customer":"cus_Np7TmP3Qk2VxYz","seats":25,"plan":"team, billed yearly"}`),
			Packages:   []string{"@acme/ui", "@acme/charts"},
			CreatedAt:  at.Add(time.Duration(i) * time.Millisecond),
		}
		require.NoError(b, store.Create(b.Context(), l))
		path = "/v1/licenses/" + l.ID.String()
	}
	return path
}
