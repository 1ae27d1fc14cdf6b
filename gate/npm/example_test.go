package npm_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"

	"github.com/privatepkgs/license"
	"github.com/privatepkgs/license/gate"
	"github.com/privatepkgs/license/gate/npm"
	"github.com/privatepkgs/license/memstore"
)

// A gate in front of a registry that runs elsewhere. Customers use /npm/ as their registry.
func Example() {
	store := memstore.New(memstore.Options{})
	below2, err := license.VersionConstraint("<2.0.0")
	if err != nil {
		panic(err)
	}
	err = store.Create(context.Background(), &license.License{
		Key:        "7K3QF-09VTX-M4R8A-ZC2YW-5HJ6N",
		Constraint: below2,
		Packages:   []string{"@acme/ui"},
	})
	if err != nil {
		panic(err)
	}

	registry := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(&url.URL{Scheme: "http", Host: "verdaccio.internal:4873"})
	}}
	var counter gate.Counter
	protect := gate.New(
		license.NewChecker(store, license.CheckerOptions{}),
		npm.Adapter{},
		gate.Options{RenewalURL: "https://acme.example/renew", Observe: counter.Observe},
	)
	mux := http.NewServeMux()
	mux.Handle("/npm/", http.StripPrefix("/npm", protect(registry)))

	r := httptest.NewRequest(http.MethodGet, "/npm/@acme/ui/-/ui-2.1.0.tgz", nil)
	r.Header.Set("Authorization", "Bearer 7K3QF-09VTX-M4R8A-ZC2YW-5HJ6N")
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, r)
	fmt.Println(w.Code, w.Body)
	fmt.Println(counter.Counts())
	// Output:
	// 403 {"error":"Your license for @acme/ui covers versions <2.0.0; 2.1.0 needs an upgrade: https://acme.example/renew"}
	// map[VERSION_NOT_ALLOWED:1]
}
