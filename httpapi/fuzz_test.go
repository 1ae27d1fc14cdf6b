package httpapi_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/privatepkgs/license/httpapi"
	"github.com/privatepkgs/license/memstore"
)

// FuzzQuery holds for every query string that nothing panics, that what is refused is a problem
// document of status 400, and that what is accepted means what url.ParseQuery and a list's
// own links say it means.
func FuzzQuery(f *testing.F) {
	for _, seed := range []string{
		"", "&", "since=1672531200000", "since=2023-01-01T00:00:00.0005Z&until=2023-01-02T00:00:00%2B02:00", "limit=10&limit=10",
		"package=%40acme%2Fui&suspended=true", "since=2&until=1", "since=1;x", "package=a;b", "%zz=1", "limit=%", "limit=1001", "suspended",
		"since=2026-01-31T12:00:00,5Z", "until=9999-12-31T23:59:59.9999Z", "package=\xff", "offset=1", "since=+1", "=",
	} {
		f.Add(seed)
	}
	h, err := httpapi.New(memstore.New(memstore.Options{}), httpapi.Options{AuthenticatedElsewhere: true})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, query string) {
		r := &http.Request{Method: "GET", Header: http.Header{}, URL: &url.URL{Path: "/v1/licenses", RawQuery: query}}
		w := newRecorder()
		h.ServeHTTP(w, r.WithContext(t.Context()))

		q, err := httpapi.ParseQuery(query)
		if err != nil {
			if w.status != 400 || !strings.Contains(w.body.String(), `"code":"invalid_query"`) {
				t.Fatalf("%q: %v is answered with %d %s", query, err, w.status, w.body.String())
			}
			return
		}
		if w.status != 200 {
			t.Fatalf("%q is answered with %d %s", query, w.status, w.body.String())
		}
		values, err := url.ParseQuery(query)
		if err != nil {
			t.Fatalf("%q was accepted: %v", query, err)
		}
		for name, list := range values {
			if len(list) != 1 || list[0] == "" || !strings.Contains(" since until limit package suspended ", " "+name+" ") {
				t.Fatalf("%q was accepted with %q", query, values)
			}
		}
		if q.Package != values.Get("package") || values.Has("limit") != (q.Limit != 0) ||
			values.Has("since") == q.Since.IsZero() || values.Has("until") == q.Until.IsZero() ||
			values.Has("suspended") != (q.Suspended != nil) {
			t.Fatalf("%q was read as %+v", query, q)
		}

		// A link writes whole milliseconds, and reads back as itself.
		prepared, err := q.Prepare()
		if err != nil {
			t.Fatal(err)
		}
		link := httpapi.EncodeQuery(prepared)
		again, err := httpapi.ParseQuery(link)
		if err != nil {
			if prepared.Since.Year() == 10000 {
				return // beyond the last millisecond, where no license is and no link leads
			}
			t.Fatalf("%q: its link %q is refused: %v", query, link, err)
		}
		if got := httpapi.EncodeQuery(again); got != link {
			t.Fatalf("%q is read as %q", link, got)
		}
	})
}
