package httpapi_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// bad is an input that must be refused.
type bad struct {
	request
	status   int
	code     string
	pointers string // of an invalid license: pointers and codes
}

// TestBadInputsAreRefusedAndChangeNothing sends each of them and compares all that the store
// holds before and after.
func TestBadInputsAreRefusedAndChangeNothing(t *testing.T) {
	onEveryStore(t, func(t *testing.T, s *service) {
		path, _ := s.create(t, "K1")
		s.create(t, "K2")
		require.Equal(t, 201, s.do(t, once("order-1", newBody("K3"))).status)
		before := s.dump(t)
		inputs := badInputs(path)
		assert.GreaterOrEqual(t, len(inputs), 150)
		for _, in := range inputs {
			a := s.do(t, in.request)
			what := in.method + " " + in.path + " " + in.body
			assert.Equal(t, in.status, a.status, "%.150s: %s", what, a.body)
			assert.Equal(t, in.code, a.problem.Code, "%.150s", what)
			assert.Equal(t, in.pointers, strings.Join(a.problem.pointers(), ","), "%.150s", what)
			assert.Equal(t, "about:blank", a.problem.Type)
			assert.Equal(t, http.StatusText(in.status), a.problem.Title)
			assert.NotEmpty(t, a.problem.Detail)
			assert.Less(t, len(a.body), 200_000, "%.150s", what)
			require.Equal(t, before, s.dump(t), "%.150s", what)
		}
	})
}

func badInputs(path string) []bad {
	return append(append(append(badBodies(path), badQueries(path)...), badHeaders(path)...), badPaths(path)...)
}

func badBodies(path string) (list []bad) {
	post := func(body string, status int, code, pointers string) {
		list = append(list, bad{request{method: "POST", path: "/v1/licenses", body: body}, status, code, pointers})
	}
	long := strings.Repeat("x", 256)
	for _, body := range []string{
		"", " ", "{", "}", "[", "nul", "tru", "-", "01", "{}{}", "{} x", "null null", `{"name":"a"`, `{"name":"a",}`, `{"name" "a"}`,
		`{name:"a"}`, `{'name':'a'}`, `{"name":"a" "key":"b"}`, `{"name":"\x"}`, "{\"name\":\"a\nb\"}", "{\"name\":\"a\x00b\"}",
		`{"name":"\u12"}`, `{"packages":["a",]}`, `{"packages":["a"}`, `{"meta":{"a":}}`, `{"meta":{"a":01}}`, `{"meta":{"a":1.}}`,
		`{"meta":{"a":+1}}`, `{"meta":{"a":NaN}}`, `{"meta":{"a":Infinity}}`, `{"meta":{"a":.5}}`, "\xef\xbb\xbf" + newBody("K9"),
		newBody("K9") + "x", newBody("K9") + newBody("K8"), newBody("K9")[:40], "name=ACME&key=K9", "<license/>", "// {}\n{}", "{}//",
		strings.Repeat("[", 20_000), strings.Repeat(`{"a":`, 100_000), `{"meta":` + strings.Repeat("[", 15_000) + strings.Repeat("]", 15_000) + `}`,
	} {
		post(body, 400, "malformed_json", "")
	}
	// Whole values of another type.
	for _, body := range []string{"null", "true", "0", `"x"`, "[]", "[" + newBody("K9") + "]"} {
		post(body, 422, "invalid_license", " wrong_type")
	}
	field := func(json, pointers string) {
		post(`{"constraint":{"type":"none"},"packages":["p"],`+json+`}`, 422, "invalid_license", pointers)
	}
	field(`"name":null`, "/name wrong_type")
	field(`"name":1`, "/name wrong_type")
	field(`"name":["a"]`, "/name wrong_type")
	field(`"name":"`+long+`"`, "/name too_long")
	field(`"name":"`+strings.Repeat("é", 128)+`"`, "/name too_long")
	field(`"name":"a\u0000b"`, "/name invalid_value")
	field(`"name":"\ud800"`, "/name invalid_value")
	field(`"name":"\udc00\ud800"`, "/name invalid_value")
	field("\"name\":\"\xff\"", "/name invalid_value")
	field("\"name\":\"\xed\xa0\x80\"", "/name invalid_value")
	field("\"name\":\"\xc0\x80\"", "/name invalid_value")
	field(`"name":"a","name":"b"`, "/name duplicate_field")
	field(`"name":"a","n\u0061me":"b"`, "/name duplicate_field")
	field(`"Name":"a"`, "/Name unknown_field")
	field(`"NAME":"a"`, "/NAME unknown_field")
	field(`" name":"a"`, "/ name unknown_field")
	field(`"":"a"`, "/ unknown_field")
	field(`"a/b~c":1`, "/a~1b~0c unknown_field")
	field(`"`+long+`":1`, " unknown_field")
	field("\"\xff\":1", "/\ufffd unknown_field")
	field(`"\ud800":1`, "/\ufffd unknown_field")
	field(`"x":{"constraint":1,"constraint":2}`, "/x unknown_field")
	field(`"id":"0190b6c4-9d2a-7c3e-8f41-5a6b7c8d9e0f"`, "/id unknown_field")
	field(`"createdAt":1`, "/createdAt unknown_field")
	field(`"updatedAt":1`, "/updatedAt unknown_field")
	field(`"revision":1`, "/revision unknown_field")
	field(`"__proto__":{}`, "/__proto__ unknown_field")
	field(`"key":null`, "/key wrong_type")
	field(`"key":12345`, "/key wrong_type")
	field(`"key":""`, "/key required")
	field(`"key":" "`, "/key invalid_value")
	field(`"key":"a b"`, "/key invalid_value")
	field(`"key":"a\n"`, "/key invalid_value")
	field(`"key":"é"`, "/key invalid_value")
	field(`"key":"\u007f"`, "/key invalid_value")
	field(`"key":"\u0000"`, "/key invalid_value")
	field(`"key":"`+long+`"`, "/key too_long")
	field(`"suspended":null`, "/suspended wrong_type")
	field(`"suspended":"true"`, "/suspended wrong_type")
	field(`"suspended":1`, "/suspended wrong_type")
	field(`"suspended":{}`, "/suspended wrong_type")
	field(`"Suspended":true`, "/Suspended unknown_field")
	field(`"ſuspended":true`, "/ſuspended unknown_field")
	field(`"suspended":true,"Suspended":false`, "/Suspended unknown_field")
	field(`"suspended":true,"suspended":false`, "/suspended duplicate_field")
	field(`"meta":null`, "/meta wrong_type")
	field(`"meta":[]`, "/meta wrong_type")
	field(`"meta":"{}"`, "/meta wrong_type")
	field(`"meta":1`, "/meta wrong_type")
	field(`"meta":{"a":1,"a":2}`, "/meta/a duplicate_field")
	field(`"meta":{"a":{"b":[{"c":1,"c":1}]}}`, "/meta/a/b/0/c duplicate_field")
	field(`"meta":{"a":"\u0000"}`, "/meta/a invalid_value")
	field(`"meta":{"a":"\ud83d"}`, "/meta/a invalid_value")
	field("\"meta\":{\"a\":\"\xff\"}", "/meta invalid_value")
	field(`"meta":{"a":"`+strings.Repeat("x", 65_530)+`"}`, "/meta too_long")
	field(`"meta":`+strings.Repeat(`{"a":`, 33)+`1`+strings.Repeat("}", 33), "/meta"+strings.Repeat("/a", 32)+" too_long")
	field(`"meta":{"a":`+strings.Repeat("[", 500)+strings.Repeat("]", 500)+`}`, "/meta/a"+strings.Repeat("/0", 31)+" too_long")
	field(`"suspended":1,"name":1,"key":1,"meta":1,"x":1`,
		"/key wrong_type,/meta wrong_type,/name wrong_type,/suspended wrong_type,/x unknown_field")
	constraint := func(json, pointers string) {
		post(`{"packages":["p"],"constraint":`+json+`}`, 422, "invalid_license", pointers)
	}
	constraint(`null`, "/constraint wrong_type")
	constraint(`"none"`, "/constraint wrong_type")
	constraint(`[]`, "/constraint wrong_type")
	constraint(`{}`, "/constraint/type required")
	constraint(`{"value":1}`, "/constraint/type required")
	constraint(`{"type":null}`, "/constraint/type wrong_type")
	constraint(`{"type":1}`, "/constraint/type wrong_type")
	constraint(`{"type":"None"}`, "/constraint/type invalid_value")
	constraint(`{"type":""}`, "/constraint/type invalid_value")
	constraint(`{"Type":"none"}`, "/constraint/Type unknown_field,/constraint/type required")
	constraint(`{"type":"none","type":"none"}`, "/constraint/type duplicate_field")
	constraint(`{"type":"none","value":null}`, "/constraint/value unknown_field")
	constraint(`{"type":"none","until":1}`, "/constraint/until unknown_field")
	constraint(`{"type":"date"}`, "/constraint/value required")
	constraint(`{"type":"date","value":null}`, "/constraint/value wrong_type")
	constraint(`{"type":"date","value":"1697095609643"}`, "/constraint/value wrong_type")
	constraint(`{"type":"date","value":"2026-01-01T00:00:00Z"}`, "/constraint/value wrong_type")
	constraint(`{"type":"date","value":true}`, "/constraint/value wrong_type")
	constraint(`{"type":"date","value":[1]}`, "/constraint/value wrong_type")
	constraint(`{"type":"date","value":-1}`, "/constraint/value invalid_value")
	constraint(`{"type":"date","value":1.5}`, "/constraint/value invalid_value")
	constraint(`{"type":"date","value":1.0}`, "/constraint/value invalid_value")
	constraint(`{"type":"date","value":1e3}`, "/constraint/value invalid_value")
	constraint(`{"type":"date","value":1E400}`, "/constraint/value invalid_value")
	constraint(`{"type":"date","value":253402300800000}`, "/constraint/value invalid_value")
	constraint(`{"type":"date","value":9223372036854775807}`, "/constraint/value invalid_value")
	constraint(`{"type":"date","value":9223372036854775808}`, "/constraint/value invalid_value")
	constraint(`{"type":"date","value":1697095609643,"value":null}`, "/constraint/value duplicate_field")
	constraint(`{"type":"version"}`, "/constraint/value required")
	constraint(`{"type":"version","value":null}`, "/constraint/value wrong_type")
	constraint(`{"type":"version","value":2}`, "/constraint/value wrong_type")
	constraint(`{"type":"version","value":""}`, "/constraint/value invalid_value")
	constraint(`{"type":"version","value":"latest"}`, "/constraint/value invalid_value")
	constraint(`{"type":"version","value":"<<2.0.0"}`, "/constraint/value invalid_value")
	constraint(`{"type":"version","value":"<2.0.0\u0000"}`, "/constraint/value invalid_value")
	constraint(`{"type":"version","value":"<2.0.0||"}`, "/constraint/value invalid_value")
	constraint(`{"type":"version","value":"`+strings.Repeat(" ", 513)+`"}`, "/constraint/value too_long")
	constraint(`{"type":"version","value":"`+strings.Repeat("1||", 150)+`1"}`, "/constraint/value too_many")
	packages := func(json, pointers string) {
		post(`{"constraint":{"type":"none"},"packages":`+json+`}`, 422, "invalid_license", pointers)
	}
	packages(`null`, "/packages wrong_type")
	packages(`"p"`, "/packages wrong_type")
	packages(`{"0":"p"}`, "/packages wrong_type")
	packages(`[]`, "/packages required")
	packages(`[null]`, "/packages/0 wrong_type")
	packages(`["p",1]`, "/packages/1 wrong_type")
	packages(`["p",["q"]]`, "/packages/1 wrong_type")
	packages(`[""]`, "/packages/0 invalid_value")
	packages(`["a b"]`, "/packages/0 invalid_value")
	packages(`["a\t"]`, "/packages/0 invalid_value")
	packages(`["\u00a0"]`, "/packages/0 invalid_value")
	packages(`["\u0085"]`, "/packages/0 invalid_value")
	packages(`["a\u0000"]`, "/packages/0 invalid_value")
	packages(`["`+long+`"]`, "/packages/0 too_long")
	packages(`["p","p"]`, "/packages/1 duplicate_value")
	packages(`["p","\u0070"]`, "/packages/1 duplicate_value")
	packages(`["\ud800","\ud801"]`, "/packages/0 invalid_value,/packages/1 invalid_value")
	packages(`["p"`+strings.Repeat(`,"p"`, 1000)+`]`, "/packages too_many")
	packages(`["p","p",1,""]`, "/packages/1 duplicate_value,/packages/2 wrong_type,/packages/3 invalid_value")
	post(`{}`, 422, "invalid_license", "/constraint required,/packages required")
	post(newBody("K1"), 409, "key_exists", "")

	put := func(body, pointers string) {
		list = append(list, bad{request{method: "PUT", path: path, body: body}, 422, "invalid_license", pointers})
	}
	whole := func(json string) string { return strings.TrimSuffix(putBody("K1"), "}") + "," + json + "}" }
	put(`{"key":"K1"}`, "/constraint required,/name required,/packages required,/suspended required")
	put(strings.Replace(putBody("K1"), `"key":"K1",`, "", 1), "/key required")
	put(strings.Replace(putBody("K1"), `"K1"`, `""`, 1), "/key required")
	put(strings.Replace(putBody("K1"), `true`, `null`, 1), "/suspended wrong_type")
	put(whole(`"id":null`), "/id wrong_type")
	put(whole(`"id":1`), "/id wrong_type")
	put(whole(`"id":"x"`), "/id invalid_value")
	put(whole(`"id":""`), "/id invalid_value")
	put(whole(`"id":"0190b6c4-9d2a-7c3e-8f41-5a6b7c8d9e0f"`), "/id invalid_value")
	put(whole(`"id":"00000000-0000-0000-0000-000000000000"`), "/id invalid_value")
	put(whole(`"id":"\ud800"`), "/id invalid_value")
	put(whole(`"createdAt":"1"`), "/createdAt wrong_type")
	put(whole(`"createdAt":null`), "/createdAt wrong_type")
	put(whole(`"createdAt":1.5`), "/createdAt invalid_value")
	put(whole(`"updatedAt":1e3`), "/updatedAt invalid_value")
	put(whole(`"updatedAt":-1`), "/updatedAt invalid_value")
	put(whole(`"updatedAt":1,"updatedAt":1`), "/updatedAt duplicate_field")
	put(whole(`"revision":1`), "/revision unknown_field")
	put(whole(`"meta":null`), "/meta wrong_type")

	lookup := func(body string, status int, code, pointers string) {
		list = append(list, bad{request{method: "POST", path: "/v1/licenses/lookup", body: body}, status, code, pointers})
	}
	lookup(``, 400, "malformed_json", "")
	lookup(`{"key":"K1"}{}`, 400, "malformed_json", "")
	lookup(`{}`, 422, "invalid_license", "/key required")
	lookup(`{"key":null}`, 422, "invalid_license", "/key wrong_type")
	lookup(`{"key":["K1"]}`, 422, "invalid_license", "/key wrong_type")
	lookup(`{"Key":"K1"}`, 422, "invalid_license", "/Key unknown_field,/key required")
	lookup(`{"key":"K1","key":"K1"}`, 422, "invalid_license", "/key duplicate_field")
	lookup(`{"key":"\ud800"}`, 422, "invalid_license", "/key invalid_value")
	lookup(`{"key":"k1"}`, 404, "not_found", "")
	return list
}

func badQueries(path string) (list []bad) {
	for _, query := range []string{
		"since=", "since", "since=x", "since=-1", "since=1.5", "since=1e3", "since=+1", "since=%2B1", "since=%201", "since=1_000",
		"since=0x10", "since=٣", "since=253402300800000", "since=99999999999999999999", "since=2026-01-31", "since=2026-01-31T12:00:00",
		"since=2026-01-31T12:00:00+02:00", "since=2026-02-30T12:00:00Z", "since=2026-01-31t12:00:00z", "since=2026-01-31 12:00:00Z",
		"since=2026-01-31T24:00:00Z", "since=2026-01-31T12:00:00,5Z", "since=1969-12-31T23:59:59Z", "since=0001-01-01T00:00:00Z",
		"until=", "until=yesterday", "until=9999-12-31T23:59:59-01:00", "until=9999-12-31T23:00:00-01:00", "since=2&until=1",
		"since=1&since=1", "since=1&since=2", "limit=0", "limit=-1", "limit=1001", "limit=100000", "limit=x", "limit=", "limit=1.0",
		"limit=%31%30%3B", "limit=1&limit=1", "package=", "package", "package=a%20b", "package=a+b", "package=%00", "package=%ff",
		"package=" + strings.Repeat("x", 256), "package=a&package=b", "suspended=", "suspended", "suspended=1", "suspended=TRUE",
		"suspended=yes", "suspended=true&suspended=false", "Since=1", "offset=1", "page=2", "=1", "a", "%20since=1", "since%00=1",
		"since=1;x", "since=1;limit=2", "package=a;b", "limit=%zz", "%zz=1", "limit=%", "access_token=secret", strings.Repeat("x", 2000) + "=1", "%ff=1",
	} {
		query = strings.ReplaceAll(query, " ", "%20")
		list = append(list, bad{request{method: "GET", path: "/v1/licenses?" + query}, 400, "invalid_query", ""})
	}
	for _, q := range []request{
		{method: "GET", path: path + "?x=1"},
		{method: "GET", path: path + "?%zz"},
		{method: "DELETE", path: path + "?force=true"},
		{method: "PUT", path: path + "?x", body: putBody("K1")},
		{method: "POST", path: "/v1/licenses?dry=1", body: newBody("K9")},
		{method: "POST", path: "/v1/licenses/lookup?key=K1", body: `{"key":"K1"}`},
		{method: "GET", path: "/v1/openapi.json?x=1"},
	} {
		list = append(list, bad{q, 400, "invalid_query", ""})
	}
	return list
}

func badHeaders(path string) (list []bad) {
	add := func(q request, status int, code string) { list = append(list, bad{q, status, code, ""}) }
	for _, name := range []string{"If-Match", "If-None-Match"} {
		for _, value := range []string{
			"", ",", "x", `"`, `"a`, `a"`, `""x`, `"a" "b"`, `"a";q=1`, `w/"a"`, `W/a`, `W/`, `*, "a"`, `**`, `"a b"`, `'a'`, "W/*",
		} {
			header := http.Header{name: {value}}
			add(request{method: "PUT", path: path, body: putBody("K1"), header: header}, 400, "bad_request")
			add(request{method: "DELETE", path: path, header: header}, 400, "bad_request")
			add(request{method: "GET", path: path, header: header}, 400, "bad_request")
		}
	}
	for _, values := range [][]string{
		{""}, {"a b"}, {"é"}, {"\x80"}, {strings.Repeat("k", 256)}, {"a", "a"}, {"a", "b"},
	} {
		add(request{method: "POST", path: "/v1/licenses", body: newBody("K9"), header: http.Header{"Idempotency-Key": values}}, 400, "bad_request")
	}
	add(once("order-1", newBody("K4")), 422, "idempotency_mismatch")
	for _, values := range [][]string{{"text/plain"}, {"application/xml"}, {"*/*"}, {"application/json; charset=utf-16"}, nil} {
		add(request{method: "POST", path: "/v1/licenses", body: newBody("K9"), header: http.Header{"Content-Type": values}}, 415, "unsupported_media_type")
		add(request{method: "PUT", path: path, body: putBody("K9"), header: http.Header{"Content-Type": values}}, 415, "unsupported_media_type")
	}
	add(request{method: "PUT", path: path, body: putBody("K9"), header: http.Header{"Content-Encoding": {"gzip"}}}, 415, "unsupported_media_type")
	add(request{method: "PUT", path: path, body: putBody("K9") + strings.Repeat(" ", 1<<20)}, 413, "body_too_large")
	add(request{method: "DELETE", path: path, header: http.Header{"If-Match": {`"1-1"`}}}, 412, "revision_mismatch")
	for _, token := range []struct {
		values []string
		status int
		code   string
	}{
		{nil, 401, "unauthorized"}, {[]string{""}, 401, "unauthorized"}, {[]string{"Basic x"}, 401, "unauthorized"},
		{[]string{"Bearer wrong"}, 401, "invalid_token"}, {[]string{"Bearer"}, 400, "bad_request"},
		{[]string{"Bearer " + token, "Bearer " + token}, 400, "bad_request"}, {[]string{"Bearer " + token + " " + token}, 400, "bad_request"},
		{[]string{"Bearer " + token + ","}, 401, "invalid_token"}, {[]string{"Bearer \"" + token + "\""}, 401, "invalid_token"},
	} {
		add(request{method: "DELETE", path: path, header: http.Header{"Authorization": token.values}}, token.status, token.code)
	}
	return list
}

func badPaths(path string) (list []bad) {
	for _, p := range []string{
		"/", "/v1", "/v1/", "/v1/licenses/", "/v1/license", "/v2/licenses", "/V1/licenses", "/v1/Licenses", "/v1//licenses",
		"//v1/licenses", "/v1/./licenses", "/v1/../v1/licenses", "/v1/licenses//", path + "/", path + "/x", "/v1/licenses/" + "x/" + path,
		"/v1/licenses/%2e%2e%2fadmin", "/v1/licenses/..%2f..", "/v1/licenses/%00", "/v1/licenses/%ff", "/v1%2Flicenses", path + "%00",
		path + "%2F", "/v1/licenses/..", "/v1/licenses/.", "/v1/licenses/0", path[:len(path)-1], path + "0", "/v1/licenses.json",
		"/v1/licenses/lookup/", "/v1/openapi.yaml", "/v1/licenses/*", "/v1/licenses/{id}", strings.Replace(path, "-", "", 1),
	} {
		list = append(list, bad{request{method: "GET", path: p}, 404, "not_found", ""}, bad{request{method: "DELETE", path: p}, 404, "not_found", ""})
	}
	for _, q := range []request{
		{method: "DELETE", path: "/v1/licenses"}, {method: "PUT", path: "/v1/licenses", body: putBody("K9")},
		{method: "PATCH", path: path, body: `{"name":"x"}`}, {method: "POST", path: path, body: newBody("K9")},
		{method: "OPTIONS", path: path}, {method: "DELETE", path: "/v1/licenses/lookup"}, {method: "GET", path: "/v1/licenses/lookup"},
	} {
		list = append(list, bad{q, 405, "method_not_allowed", ""})
	}
	return list
}

// A query that is refused is refused by name.
func TestAQueryParameterThatIsRefusedIsNamed(t *testing.T) {
	onEveryStore(t, func(t *testing.T, s *service) {
		for query, name := range map[string]string{
			"since=x": `"since"`, "until=x": `"until"`, "limit=x": `"limit"`, "package=a%20b": `"package"`, "suspended=x": `"suspended"`,
			"offset=1": `"offset"`, "limit=1&limit=1": `"limit"`, "since=2&until=1": `"since"`, "limit=1001": `"limit"`,
			"since=1;x": `"since"`, "limit=%zz": `"limit"`,
		} {
			a := s.get(t, "/v1/licenses?"+query)
			assert.Equal(t, 400, a.status, query)
			assert.Contains(t, a.problem.Detail, name, query)
		}
	})
}

func TestNotJSONCutOffOrFollowedBySomethingIs400(t *testing.T) {
	onEveryStore(t, func(t *testing.T, s *service) {
		for body, at := range map[string]string{
			"name=ACME": "byte 1", `{"name":"ACME"`: "byte 14", `{} {}`: "byte 2", ``: "byte 0", `{"name":tru}`: "byte 11",
		} {
			a := s.post(t, body)
			assert.Equal(t, 400, a.status, body)
			assert.Equal(t, "malformed_json", a.problem.Code)
			assert.Contains(t, a.problem.Detail, at, body)
		}
	})
}

func TestEveryProblemOfABodyIsAnsweredTogether(t *testing.T) {
	onEveryStore(t, func(t *testing.T, s *service) {
		a := s.post(t, `{"Name":"x","key":"a b","constraint":{"type":"version","value":"latest"},"suspended":null,"packages":["p","p"],"packages":[]}`)
		assert.Equal(t, 422, a.status)
		assert.Equal(t, "invalid_license", a.problem.Code)
		assert.Equal(t, []string{
			"/Name unknown_field", "/constraint/value invalid_value", "/key invalid_value", "/packages duplicate_field",
			"/packages/1 duplicate_value", "/suspended wrong_type",
		}, a.problem.pointers())
	})
}
