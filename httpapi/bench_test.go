package httpapi_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
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
	last := fillStore(b, store)
	h, err := httpapi.New(store, httpapi.Options{Tokens: []string{token}})
	require.NoError(b, err)
	for _, request := range []struct{ name, method, path, body string }{
		{"get", "GET", "/v1/licenses/" + last.ID.String(), ""},
		{"lookup", "POST", "/v1/licenses/lookup", `{"key":"` + last.Key + `"}`},
		{"list100", "GET", "/v1/licenses", ""},
	} {
		newRequest := func(host string) (r *http.Request, rewind func()) {
			body := strings.NewReader(request.body)
			r, err := http.NewRequest(request.method, host+request.path, body)
			require.NoError(b, err)
			r.RequestURI = request.path
			r.Header.Set("Authorization", "Bearer "+token)
			if request.body == "" {
				return r, func() {}
			}
			r.Header.Set("Content-Type", "application/json")
			sent := r.Body
			return r, func() {
				body.Reset(request.body)
				r.Body = sent
			}
		}
		r, rewind := newRequest("")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		require.Equal(b, http.StatusOK, w.Code)
		answer := w.Body.Bytes()
		bare := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Content-Length", fmt.Sprint(len(answer)))
			_, _ = w.Write(answer)
		})
		for kind, h := range map[string]http.Handler{"api": h, "bare": bare} {
			b.Run(request.name+"/handler/"+kind, func(b *testing.B) {
				b.ReportAllocs()
				w := discard{make(http.Header)}
				for b.Loop() {
					clear(w.header)
					rewind()
					h.ServeHTTP(w, r)
				}
			})
			b.Run(request.name+"/server/"+kind, func(b *testing.B) {
				server := httptest.NewServer(h)
				defer server.Close()
				r, rewind := newRequest(server.URL)
				r.RequestURI = ""
				client := server.Client()
				for b.Loop() {
					rewind()
					w, err := client.Do(r)
					if err != nil {
						b.Fatal(err)
					}
					if _, err := io.Copy(io.Discard, w.Body); err != nil {
						b.Fatal(err)
					}
					_ = w.Body.Close()
				}
			})
		}
	}
}

type discard struct{ header http.Header }

func (d discard) Header() http.Header            { return d.header }
func (d discard) WriteHeader(int)                {}
func (d discard) Write(data []byte) (int, error) { return len(data), nil }

// fillStore returns the last license.
func fillStore(b *testing.B, store license.Store) (last *license.License) {
	b.Helper()
	at := time.UnixMilli(start)
	for i := range 1000 {
		last = &license.License{
			Name:       fmt.Sprint("Customer ", i),
			Constraint: license.NoConstraint(),
			Meta:       []byte(`{"order":"20231007-1138","customer":"cus_Np7TmP3Qk2VxYz","seats":25,"plan":"team, billed yearly"}`),
			Packages:   []string{"@acme/ui", "@acme/charts"},
			CreatedAt:  at.Add(time.Duration(i) * time.Millisecond),
		}
		require.NoError(b, store.Create(b.Context(), last))
	}
	return last
}
