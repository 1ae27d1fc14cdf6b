package httpapi_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/privatepkgs/license/httpapi"
	"github.com/privatepkgs/license/memstore"
)

func Example() {
	store := memstore.New(memstore.Options{})
	api, err := httpapi.New(store, httpapi.Options{Tokens: []string{"a-long-random-secret-of-yours"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	server := httptest.NewServer(api) // in a service: httpapi.NewServer(addr, api).ListenAndServe()
	defer server.Close()

	r, _ := http.NewRequest("POST", server.URL+"/v1/licenses", strings.NewReader(
		`{"name":"ACME","key":"12345-12345-ABCDE","constraint":{"type":"version","value":"<2.0.0"},"packages":["@acme/ui"]}`))
	r.Header.Set("Authorization", "Bearer a-long-random-secret-of-yours")
	r.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer response.Body.Close()
	fmt.Println(response.Status)

	// Without a token nobody gets in.
	response, err = http.Get(server.URL + "/v1/licenses")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer response.Body.Close()
	problem, _ := io.ReadAll(response.Body)
	fmt.Print(string(problem))
	// Output:
	// 201 Created
	// {"type":"about:blank","title":"Unauthorized","status":401,"detail":"Send an API token: Authorization: Bearer TOKEN.","code":"unauthorized"}
}

// A service that has users and sessions of its own mounts the API beside the rest of it, and
// lets its own authentication decide.
func Example_existingService() {
	users := map[string]string{"session-of-anna": "anna"} // what the service has

	api, err := httpapi.New(memstore.New(memstore.Options{}), httpapi.Options{
		Authenticate: func(r *http.Request) (string, error) {
			cookie, err := r.Cookie("session")
			if errors.Is(err, http.ErrNoCookie) {
				return "", httpapi.ErrNoCredentials
			}
			user, ok := users[cookie.Value]
			if !ok {
				return "", httpapi.ErrInvalidToken
			}
			return user, nil
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}

	mux := http.NewServeMux() // the service's own
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "the shop") })
	mux.Handle("/licensing/", http.StripPrefix("/licensing", api))

	r := httptest.NewRequest("POST", "/licensing/v1/licenses", strings.NewReader(
		`{"constraint":{"type":"none"},"packages":["@acme/ui"]}`))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Idempotency-Key", "order-1138") // so that a repetition makes no second license
	r.AddCookie(&http.Cookie{Name: "session", Value: "session-of-anna"})
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, r)
	fmt.Println(w.Code, w.Header().Get("Location"))
	// Output: 201 /licensing/v1/licenses/245d98a6-74b4-844d-bbe3-bb1daf37853f
}
