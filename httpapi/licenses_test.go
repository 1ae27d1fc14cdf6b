package httpapi_test

import (
	"bytes"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const unknownPath = "/v1/licenses/0190b6c4-9d2a-7c3e-8f41-5a6b7c8d9e0f"

func TestCreateAnswersTheSeed(t *testing.T) {
	onEveryStore(t, func(t *testing.T, s *service) {
		a := s.post(t, `{"name":"Default License","key":"12345-12345-ABCDE","constraint":{"type":"none"},"suspended":false,
			"meta":{"key":"value"},"packages":["example-package"]}`)
		require.Equal(t, http.StatusCreated, a.status)
		assert.Equal(t, `{"id":`+string(a.license["id"])+`,"name":"Default License","key":"12345-12345-ABCDE",`+
			`"constraint":{"type":"none"},"suspended":false,"meta":{"key":"value"},"packages":["example-package"],`+
			`"createdAt":1672531200000,"updatedAt":1672531200000}`, a.body)
		assert.Equal(t, "application/json", a.header.Get("Content-Type"))
	})
}

func TestCreatedCarriesLocationAndETag(t *testing.T) {
	onEveryStore(t, func(t *testing.T, s *service) {
		path, a := s.create(t, "K")
		assert.Equal(t, `"/v1/licenses/`+strings.Trim(string(a.license["id"]), `"`)+`"`, `"`+path+`"`)
		assert.Equal(t, `"1-1672531200000"`, a.header.Get("ETag"))
		got := s.get(t, path)
		assert.Equal(t, a.body, got.body)
		assert.Equal(t, a.header.Get("ETag"), got.header.Get("ETag"))
	})
}

func TestCreateFillsWhatIsNotGiven(t *testing.T) {
	onEveryStore(t, func(t *testing.T, s *service) {
		a := s.post(t, `{"constraint":{"type":"date","value":1697095609643},"packages":["p"]}`)
		require.Equal(t, http.StatusCreated, a.status)
		assert.Regexp(t, `^"[0-9A-HJKMNP-TV-Z]{5}(-[0-9A-HJKMNP-TV-Z]{5}){4}"$`, string(a.license["key"]))
		assert.Equal(t, `{}`, string(a.license["meta"]))
		assert.Equal(t, `""`, string(a.license["name"]))
		assert.Equal(t, `false`, string(a.license["suspended"]))
		assert.Equal(t, byte('7'), a.license["id"][15], "the version of the UUID")
	})
}

func TestMetaIsKeptAsItWasSent(t *testing.T) {
	onEveryStore(t, func(t *testing.T, s *service) {
		a := s.post(t, `{"constraint":{"type":"none"},"packages":["p"],
			"meta": {"z": 9007199254740993, "a": [1e400, 1.10, "\u00e9 <é> \u2028"], "":{}}}`)
		want := `{"z":9007199254740993,"a":[1e400,1.10,"\u00e9 <é> \u2028"],"":{}}`
		assert.Equal(t, want, string(a.license["meta"]))
		assert.Equal(t, want, string(s.get(t, a.header.Get("Location")).license["meta"]))
	})
}

func TestFindByKey(t *testing.T) {
	onEveryStore(t, func(t *testing.T, s *service) {
		path, created := s.create(t, "Key")
		lookup := func(body string) answer {
			return s.do(t, request{method: "POST", path: "/v1/licenses/lookup", body: body})
		}
		a := lookup(`{"key":"Key"}`)
		assert.Equal(t, http.StatusOK, a.status)
		assert.Equal(t, created.body, a.body)
		assert.Equal(t, created.header.Get("ETag"), a.header.Get("ETag"))
		assert.Equal(t, path, a.header.Get("Content-Location"))
		for _, body := range []string{`{"key":"key"}`, `{"key":""}`, `{"key":"a b"}`, `{"key":"é\u0000"}`} {
			a := lookup(body)
			assert.Equal(t, http.StatusNotFound, a.status, body)
			assert.Equal(t, "not_found", a.problem.Code)
		}
		assert.Equal(t, "POST", s.get(t, "/v1/licenses/lookup").header.Get("Allow"))
	})
}

func TestGetOneCarriesAnETagAndIfNoneMatchGives304(t *testing.T) {
	onEveryStore(t, func(t *testing.T, s *service) {
		path, a := s.create(t, "K")
		tag := a.header.Get("ETag")
		for value, want := range map[string]int{
			tag:                      304,
			"W/" + tag:               304,
			`"other", ` + tag:        304,
			`"a,b" ,,W/` + tag + `,`: 304,
			`*`:                      304,
			`"other"`:                200,
			`W/"other"`:              200,
			`"1"`:                    200,
		} {
			for _, method := range []string{"GET", "HEAD"} {
				got := s.do(t, request{method: method, path: path, header: http.Header{"If-None-Match": {value}}})
				assert.Equal(t, want, got.status, "%s %s", method, value)
				assert.Equal(t, tag, got.header.Get("ETag"))
				if want == 304 {
					assert.Empty(t, got.body)
				}
			}
		}
		require.Equal(t, 200, s.put(t, path, putBody("K"), nil).status)
		got := s.do(t, request{method: "GET", path: path, header: http.Header{"If-None-Match": {tag}}})
		assert.Equal(t, 200, got.status, "it has changed")
		assert.Equal(t, 412, s.do(t, request{method: "GET", path: path, header: http.Header{"If-Match": {tag}}}).status)
	})
}

func TestPutReplacesTheWholeLicense(t *testing.T) {
	onEveryStore(t, func(t *testing.T, s *service) {
		a := s.post(t, `{"name":"old","key":"K1","constraint":{"type":"none"},"meta":{"a":1},"packages":["p"]}`)
		path := a.header.Get("Location")
		s.clock.advance(5)
		got := s.put(t, path, `{"name":"new","key":"K2","constraint":{"type":"version","value":"<2.0.0"},"suspended":true,"packages":["q","r"]}`, nil)
		require.Equal(t, http.StatusOK, got.status, got.body)
		assert.Equal(t, `{"id":`+string(a.license["id"])+`,"name":"new","key":"K2","constraint":{"type":"version","value":"<2.0.0"},`+
			`"suspended":true,"meta":{},"packages":["q","r"],"createdAt":1672531200000,"updatedAt":1672531200005}`, got.body)
		assert.Equal(t, `"2-1672531200005"`, got.header.Get("ETag"))
		assert.Equal(t, got.body, s.get(t, path).body)
	})
}

func TestPutTakesBackWhatWasRead(t *testing.T) {
	onEveryStore(t, func(t *testing.T, s *service) {
		path, created := s.create(t, "K")
		s.clock.advance(5)
		assert.Equal(t, 200, s.put(t, path, created.body, nil).status)
		old := strings.ReplaceAll(created.body, "1672531200000", "5")
		got := s.put(t, path, old, nil)
		assert.Equal(t, 200, got.status, "old times")
		assert.Equal(t, "1672531200000", string(got.license["createdAt"]))
		assert.Equal(t, "1672531200005", string(got.license["updatedAt"]))
		upper := strings.Replace(created.body, string(created.license["id"]), strings.ToUpper(string(created.license["id"])), 1)
		assert.Equal(t, 200, s.put(t, path, upper, nil).status)
	})
}

func TestPutOfAnotherIDIs422(t *testing.T) {
	onEveryStore(t, func(t *testing.T, s *service) {
		path, created := s.create(t, "K")
		other := strings.Replace(created.body, string(created.license["id"]), `"0190b6c4-9d2a-7c3e-8f41-5a6b7c8d9e0f"`, 1)
		got := s.put(t, path, other, nil)
		assert.Equal(t, 422, got.status)
		assert.Equal(t, []string{"/id invalid_value"}, got.problem.pointers())
	})
}

func TestPutRequiresAllButMeta(t *testing.T) {
	onEveryStore(t, func(t *testing.T, s *service) {
		path, _ := s.create(t, "K")
		got := s.put(t, path, `{}`, nil)
		assert.Equal(t, 422, got.status)
		assert.Equal(t, []string{
			"/constraint required", "/key required", "/name required", "/packages required", "/suspended required",
		}, got.problem.pointers())
	})
}

func TestIfMatchIsHonouredOnPutAndDelete(t *testing.T) {
	onEveryStore(t, func(t *testing.T, s *service) {
		for _, method := range []string{"PUT", "DELETE"} {
			path, a := s.create(t, "K"+method)
			tag := a.header.Get("ETag")
			do := func(path string, header http.Header) answer {
				q := request{method: method, path: path, header: header}
				if method == "PUT" {
					q.body = putBody("K" + method)
				}
				return s.do(t, q)
			}
			for _, header := range []http.Header{
				{"If-Match": {`"other"`}},
				{"If-Match": {"W/" + tag}},
				{"If-Match": {`"a"`, `"b"`}},
				{"If-None-Match": {tag}},
				{"If-None-Match": {"W/" + tag}},
				{"If-None-Match": {"*"}},
				{"If-Match": {tag}, "If-None-Match": {"*"}},
			} {
				got := do(path, header)
				assert.Equal(t, 412, got.status, "%s %v", method, header)
				assert.Equal(t, "revision_mismatch", got.problem.Code)
			}
			assert.Equal(t, a.body, s.get(t, path).body)
			assert.Equal(t, 404, do(unknownPath, http.Header{"If-Match": {"*"}}).status)
			assert.Equal(t, 404, do(unknownPath, http.Header{"If-Match": {tag}}).status)
			assert.Less(t, do(path, http.Header{"If-Match": {`"x"`, tag}, "If-None-Match": {`"y"`}}).status, 300)
		}
	})
}

func TestIfMatchStarIsTrueOfEveryLicense(t *testing.T) {
	onEveryStore(t, func(t *testing.T, s *service) {
		path, _ := s.create(t, "K")
		assert.Equal(t, 200, s.put(t, path, putBody("K"), http.Header{"If-Match": {" * "}}).status)
		assert.Equal(t, 204, s.do(t, request{method: "DELETE", path: path, header: http.Header{"If-Match": {"*"}}}).status)
	})
}

func TestALicenseMadeAgainDoesNotMatchItsOldETag(t *testing.T) {
	onEveryStore(t, func(t *testing.T, s *service) {
		once := request{method: "POST", path: "/v1/licenses", body: newBody("K"), header: http.Header{"Idempotency-Key": {"order-1"}}}
		first := s.do(t, once)
		path := first.header.Get("Location")
		require.Equal(t, 204, s.do(t, request{method: "DELETE", path: path}).status)
		s.clock.advance(1)
		again := s.do(t, once)
		require.Equal(t, path, again.header.Get("Location"))
		assert.NotEqual(t, first.header.Get("ETag"), again.header.Get("ETag"))
		assert.Equal(t, 412, s.put(t, path, putBody("K"), http.Header{"If-Match": {first.header.Get("ETag")}}).status)
	})
}

func TestDeletedIs204AndAgain404(t *testing.T) {
	onEveryStore(t, func(t *testing.T, s *service) {
		path, _ := s.create(t, "K")
		got := s.do(t, request{method: "DELETE", path: path})
		assert.Equal(t, 204, got.status)
		assert.Empty(t, got.body)
		for _, method := range []string{"DELETE", "GET", "HEAD"} {
			assert.Equal(t, 404, s.do(t, request{method: method, path: path}).status)
		}
		got = s.put(t, path, putBody("K"), nil)
		assert.Equal(t, 404, got.status)
		assert.Equal(t, "not_found", got.problem.Code)
	})
}

func TestHeadIsGetWithoutBody(t *testing.T) {
	onEveryStore(t, func(t *testing.T, s *service) {
		path, _ := s.create(t, "K")
		for _, p := range []string{path, "/v1/licenses", "/v1/openapi.json", unknownPath, "/v1/nothing"} {
			get, head := s.get(t, p), s.do(t, request{method: "HEAD", path: p})
			assert.Equal(t, get.status, head.status, p)
			assert.Empty(t, head.body)
			get.header.Del("Date")
			head.header.Del("Date")
			assert.Equal(t, get.header, head.header, p)
		}
	})
}

func TestOtherMethodsAre405WithAllow(t *testing.T) {
	onEveryStore(t, func(t *testing.T, s *service) {
		path, _ := s.create(t, "K")
		for p, allow := range map[string]string{
			"/v1/licenses":        "GET, HEAD, POST",
			"/v1/licenses/lookup": "POST",
			path:                  "DELETE, GET, HEAD, PUT",
			unknownPath:           "DELETE, GET, HEAD, PUT",
			"/v1/openapi.json":    "GET, HEAD",
		} {
			for _, method := range []string{"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "get", "PROPFIND"} {
				if strings.Contains(", "+allow+",", " "+method+",") {
					continue
				}
				got := s.do(t, request{method: method, path: p, body: "{"})
				assert.Equal(t, 405, got.status, "%s %s", method, p)
				assert.Equal(t, allow, got.header.Get("Allow"), "%s %s", method, p)
				if method != "HEAD" {
					assert.Equal(t, "method_not_allowed", got.problem.Code)
				}
			}
		}
	})
}

func TestAnIDThatIsNotAUUIDIs404AndUpperCaseIsAccepted(t *testing.T) {
	onEveryStore(t, func(t *testing.T, s *service) {
		path, a := s.create(t, "K")
		id := strings.TrimPrefix(path, "/v1/licenses/")
		assert.Equal(t, a.body, s.get(t, "/v1/licenses/"+strings.ToUpper(id)).body)
		assert.Equal(t, 200, s.put(t, "/v1/licenses/"+strings.ToUpper(id), putBody("K"), nil).status)
		for _, other := range []string{
			"x", "1", "null", id + "0", id[1:], strings.ReplaceAll(id, "-", ""), "%7B" + id + "%7D", "urn:uuid:" + id,
			"%2e%2e%2fadmin", "a%2Fb", "%00", "%ff", "'%20OR%201=1", strings.Repeat("a", 3000), id + "%20", "LOOKUP",
			"00000000-0000-0000-0000-000000000000", strings.Replace(id, "-", "0", 1), "g" + id[1:],
		} {
			for _, method := range []string{"GET", "PUT", "DELETE"} {
				q := request{method: method, path: "/v1/licenses/" + other}
				if method == "PUT" {
					q.body = putBody("K")
				}
				got := s.do(t, q)
				assert.Equal(t, 404, got.status, "%s %s", method, other)
				assert.Equal(t, "not_found", got.problem.Code)
			}
		}
	})
}

// TestWhatIsLookedAtFirst takes away one fault after the other: 401, then 404 and 405 of the
// route, 415, 413, 400, 422, 404 of the license, 412, 409.
func TestWhatIsLookedAtFirst(t *testing.T) {
	onEveryStore(t, func(t *testing.T, s *service) {
		path, _ := s.create(t, "K1")
		s.create(t, "K2")
		huge := strings.Repeat("x", 1<<20+1)
		noToken := func(h http.Header) http.Header { h.Set("Authorization", "Bearer wrong-token-wrong-token"); return h }
		bad := func() http.Header { return http.Header{"Content-Type": {"text/plain"}, "If-Match": {"bad"}} }
		wrongTag := http.Header{"If-Match": {`"other"`}}
		for _, step := range []struct {
			q    request
			want int
		}{
			{request{method: "PATCH", path: "/v1/nothing?x=1", body: huge, header: noToken(bad())}, 401},
			{request{method: "PATCH", path: "/v1/nothing?x=1", body: huge, header: bad()}, 404},
			{request{method: "PATCH", path: unknownPath + "?x=1", body: huge, header: bad()}, 405},
			{request{method: "PUT", path: unknownPath + "?x=1", body: huge, header: bad()}, 415},
			{request{method: "PUT", path: unknownPath + "?x=1", body: huge, header: http.Header{"If-Match": {"bad"}}}, 413},
			{request{method: "PUT", path: unknownPath + "?x=1", body: `{}`, header: wrongTag}, 400},
			{request{method: "PUT", path: unknownPath, body: `{}`, header: http.Header{"If-Match": {"bad"}}}, 400},
			{request{method: "PUT", path: unknownPath, body: `{`, header: wrongTag}, 400},
			{request{method: "PUT", path: unknownPath, body: `{}`, header: wrongTag}, 422},
			{request{method: "PUT", path: unknownPath, body: putBody("K2"), header: wrongTag}, 404},
			{request{method: "PUT", path: path, body: putBody("K2"), header: wrongTag}, 412},
			{request{method: "PUT", path: path, body: putBody("K2")}, 409},
			{request{method: "PUT", path: path, body: putBody("K3")}, 200},
		} {
			assert.Equal(t, step.want, s.do(t, step.q).status, "%.60s", step.q.path+" "+step.q.body)
		}
	})
}

func TestKeyTakenIs409(t *testing.T) {
	onEveryStore(t, func(t *testing.T, s *service) {
		s.create(t, "K1")
		path, _ := s.create(t, "K2")
		for _, got := range []answer{s.post(t, newBody("K1")), s.put(t, path, putBody("K1"), nil)} {
			assert.Equal(t, 409, got.status)
			assert.Equal(t, "key_exists", got.problem.Code)
		}
		s.create(t, "k1")
	})
}

func TestABodyOver1MiBIs413(t *testing.T) {
	onEveryStore(t, func(t *testing.T, s *service) {
		body := newBody("K")
		exactly := body + strings.Repeat(" ", 1<<20-len(body))
		assert.Equal(t, 201, s.post(t, exactly).status)
		got := s.post(t, exactly+" ")
		assert.Equal(t, 413, got.status)
		assert.Equal(t, "body_too_large", got.problem.Code)
	})
}

func TestABodyOfAnotherContentTypeIs415(t *testing.T) {
	onEveryStore(t, func(t *testing.T, s *service) {
		send := func(h http.Header) answer {
			return s.do(t, request{method: "POST", path: "/v1/licenses", body: `{}`, header: h})
		}
		for _, good := range []string{"application/json", "Application/JSON", "application/json; charset=UTF-8", `application/json;charset="utf-8"`} {
			assert.Equal(t, 422, send(http.Header{"Content-Type": {good}}).status, good)
		}
		for _, h := range []http.Header{
			{"Content-Type": nil},
			{"Content-Type": {""}},
			{"Content-Type": {"text/plain"}},
			{"Content-Type": {"application/x-www-form-urlencoded"}},
			{"Content-Type": {"application/merge-patch+json"}},
			{"Content-Type": {"application/json; charset=latin1"}},
			{"Content-Type": {"application/json; charset"}},
			{"Content-Type": {"application/json, text/plain"}},
			{"Content-Type": {"application/json", "application/json"}},
			{"Content-Type": {"json"}},
			{"Content-Encoding": {"gzip"}},
		} {
			got := send(h)
			assert.Equal(t, 415, got.status, "%v", h)
			assert.Equal(t, "unsupported_media_type", got.problem.Code)
		}
	})
}

func TestAnswersStayOutOfSharedCaches(t *testing.T) {
	onEveryStore(t, func(t *testing.T, s *service) {
		path, a := s.create(t, "K")
		for _, a := range []answer{a, s.get(t, path), s.get(t, "/v1/licenses"), s.get(t, "/v1/nothing")} {
			assert.Equal(t, "private, no-cache", a.header.Get("Cache-Control"))
			assert.Equal(t, "nosniff", a.header.Get("X-Content-Type-Options"))
		}
	})
}

func TestOpenAPIIsServedToAnyone(t *testing.T) {
	onEveryStore(t, func(t *testing.T, s *service) {
		got := s.do(t, request{method: "GET", path: "/v1/openapi.json", header: http.Header{"Authorization": nil}})
		assert.Equal(t, 200, got.status)
		assert.Equal(t, `"3.1.0"`, string(got.license["openapi"]))
		assert.Equal(t, "application/json", got.header.Get("Content-Type"))
	})
}

func TestLocationAndLinkAreRightUnderAnyPrefix(t *testing.T) {
	t.Parallel()
	for _, prefix := range []string{"", "/licensing", "/a/%C3%BC"} {
		c := newClock()
		store := stores["memstore"](t, c.now)
		plain := newHandler(t, store)
		bare := strings.ReplaceAll(prefix, "%C3%BC", "ü")
		mux := http.NewServeMux()
		mux.Handle(bare+"/", http.StripPrefix(bare, plain))
		mux.HandleFunc("/other", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("other")) })
		s := serveHandler(t, mux, store, c)
		s.client.Transport.(*documented).prefix = prefix

		a := s.do(t, request{method: "POST", path: prefix + "/v1/licenses", body: newBody("K0")})
		require.Equal(t, 201, a.status, prefix)
		path := a.header.Get("Location")
		assert.Equal(t, prefix+"/v1/licenses/"+string(bytes.Trim(a.license["id"], `"`)), path)
		assert.Equal(t, 200, s.get(t, path).status)

		c.advance(1)
		s.do(t, request{method: "POST", path: prefix + "/v1/licenses", body: newBody("K1")})
		next := links(s.get(t, prefix+"/v1/licenses?limit=1").header.Get("Link"))["next"]
		assert.Equal(t, prefix+"/v1/licenses?limit=1&since=1672531200001", next)
		assert.Equal(t, 200, s.get(t, next).status)

		found := s.do(t, request{method: "POST", path: prefix + "/v1/licenses/lookup", body: `{"key":"K0"}`})
		assert.Equal(t, path, found.header.Get("Content-Location"))
		assert.Equal(t, 404, s.get(t, prefix+"/v1/nothing").status)
	}
}

// A path that begins with two slashes would name a host.
func TestLocationNeverNamesAHost(t *testing.T) {
	t.Parallel()
	r, err := http.NewRequest("POST", "/v1/licenses", strings.NewReader(newBody("K")))
	require.NoError(t, err)
	r.RequestURI = "//other.example/v1/licenses" // as a layer that strips //other.example leaves it
	r.Header.Set("Content-Type", "application/json")
	w := newRecorder()
	open(t).ServeHTTP(w, r)
	require.Equal(t, 201, w.status, w.body.String())
	assert.Regexp(t, "^/other.example/v1/licenses/", w.header.Get("Location"))
}

func TestContentLocationOfAPathInAnotherEncodingIsThatOfTheLicense(t *testing.T) {
	t.Parallel()
	h := open(t)
	send := func(path, body string) *recorder {
		r, err := http.NewRequest("POST", path, strings.NewReader(body))
		require.NoError(t, err)
		r.RequestURI = path
		r.Header.Set("Content-Type", "application/json")
		w := newRecorder()
		h.ServeHTTP(w, r)
		return w
	}
	created := send("/v1/licenses", newBody("K"))
	found := send("/v1/licenses/%6cookup", `{"key":"K"}`)
	require.Equal(t, 200, found.status, found.body.String())
	assert.Equal(t, created.header.Get("Location"), found.header.Get("Content-Location"))
}

// What stands around the handler can count requests by r.Pattern, as under a ServeMux.
func TestPatternIsThatOfTheResource(t *testing.T) {
	t.Parallel()
	h := open(t)
	for path, want := range map[string]string{
		"/v1/licenses": "/v1/licenses", unknownPath: "/v1/licenses/{id}", "/v1/licenses/lookup": "/v1/licenses/lookup",
		"/v1/openapi.json": "/v1/openapi.json", "/v1/nothing": "",
	} {
		r, err := http.NewRequest("GET", path, nil)
		require.NoError(t, err)
		h.ServeHTTP(newRecorder(), r)
		assert.Equal(t, want, r.Pattern, path)
	}
}

// A layer that strips a prefix from URL.Path alone leaves a RawPath that says nothing any more.
func TestRawPathThatIsNotOfThePathIsIgnored(t *testing.T) {
	t.Parallel()
	r, err := http.NewRequest("GET", "/v1/licenses", nil)
	require.NoError(t, err)
	r.URL.RawPath = "/a%2Fb/v1/licenses"
	w := newRecorder()
	open(t).ServeHTTP(w, r)
	assert.Equal(t, 200, w.status)
}

// A server takes the body of an answer to HEAD away; another ResponseWriter may not.
func TestHeadHasNoBodyUnderAnyServer(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/v1/licenses", "/v1/openapi.json", unknownPath} {
		r, err := http.NewRequest("HEAD", path, nil)
		require.NoError(t, err)
		w := newRecorder()
		open(t).ServeHTTP(w, r)
		assert.Empty(t, w.body.String(), path)
		assert.NotEmpty(t, w.header.Get("Content-Length"), path)
	}
}
