package httpapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/privatepkgs/license/httpapi"
	"github.com/privatepkgs/license/memstore"
)

// document loads the document as it is served. It is only read after that.
func document(t testing.TB) *openapi3.T {
	t.Helper()
	doc, err := loadDocument()
	require.NoError(t, err)
	return doc
}

var loadDocument = sync.OnceValues(func() (*openapi3.T, error) {
	h, err := httpapi.New(memstore.New(memstore.Options{}), httpapi.Options{Tokens: []string{token}})
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequest("GET", "/v1/openapi.json", nil)
	if err != nil {
		return nil, err
	}
	w := newRecorder()
	h.ServeHTTP(w, r)
	return openapi3.NewLoader().LoadFromData(w.body.Bytes())
})

// recorder is the least that a ResponseWriter can be: no deadlines, no flushing.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func newRecorder() *recorder                       { return &recorder{header: make(http.Header)} }
func (r *recorder) Header() http.Header            { return r.header }
func (r *recorder) WriteHeader(status int)         { r.status = status }
func (r *recorder) Write(data []byte) (int, error) { return r.body.Write(data) }

func TestOpenAPIDocumentIsValid(t *testing.T) {
	t.Parallel()
	doc := document(t)
	require.Equal(t, "3.1.0", doc.OpenAPI)
	require.NoError(t, doc.Validate(t.Context(), openapi3.EnableExamplesValidation()))
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			name := method + " " + path
			assert.NotEmpty(t, op.OperationID, name)
			assert.NotEmpty(t, op.Summary, name)
			for status, response := range op.Responses.Map() {
				for _, media := range response.Value.Content {
					if path != "/v1/openapi.json" || status != "200" {
						assert.NotEmpty(t, media.Examples, "%s %s has an example", name, status)
					}
				}
			}
		}
	}
}

func TestOpenAPIDocumentNamesWhatIsServed(t *testing.T) {
	t.Parallel()
	h, err := httpapi.New(memstore.New(memstore.Options{}), httpapi.Options{Tokens: []string{token}})
	require.NoError(t, err)
	var documented []string
	for path, item := range document(t).Paths.Map() {
		for method := range item.Operations() {
			documented = append(documented, method+" "+path)
		}
	}
	assert.ElementsMatch(t, httpapi.Operations(h), documented)
}

func TestOpenAPIDocumentNamesEveryCode(t *testing.T) {
	t.Parallel()
	codes := document(t).Components.Schemas["Problem"].Value.Properties["code"].Value.Enum
	assert.ElementsMatch(t, codes, []any{
		"unauthorized", "invalid_token", "bad_request", "malformed_json", "invalid_query", "not_found", "method_not_allowed",
		"unsupported_media_type", "body_too_large", "invalid_license", "key_exists", "id_exists", "revision_mismatch",
		"idempotency_mismatch", "outcome_unknown", "unavailable", "internal",
	})
}

// TestTheDocumentIsHeldAgainstAnswers is the control of all other tests: an answer that the
// document does not describe is found.
func TestTheDocumentIsHeldAgainstAnswers(t *testing.T) {
	t.Parallel()
	doc := document(t)
	ok := func() *http.Response {
		return &http.Response{StatusCode: 200, Header: http.Header{
			"Content-Type": {"application/json"}, "Etag": {`"1-2"`},
		}}
	}
	body := `{"id":"0190b6c4-9d2a-7c3e-8f41-5a6b7c8d9e0f","name":"","key":"k","constraint":{"type":"none"},` +
		`"suspended":false,"meta":{},"packages":["p"],"createdAt":1,"updatedAt":1}`
	r, err := http.NewRequest("GET", "/v1/licenses/0190b6c4-9d2a-7c3e-8f41-5a6b7c8d9e0f", nil)
	require.NoError(t, err)
	require.NoError(t, checkDocumented(doc, r, nil, ok(), []byte(body)))

	w := ok()
	w.Header.Del("ETag")
	require.Error(t, checkDocumented(doc, r, nil, w, []byte(body)), "a header is missing")
	w = ok()
	w.StatusCode = 418
	require.Error(t, checkDocumented(doc, r, nil, w, []byte(body)), "an unknown status")
	require.Error(t, checkDocumented(doc, r, nil, ok(), []byte(strings.Replace(body, `"k"`, `"a key"`, 1))), "a wrong value")
	require.Error(t, checkDocumented(doc, r, nil, ok(), []byte(strings.Replace(body, `{"type":"none"}`, `{"type":"date"}`, 1))))
	w = ok()
	w.StatusCode, w.Header = 404, http.Header{"Content-Type": {"application/problem+json"}}
	require.NoError(t, checkDocumented(doc, r, nil, w, []byte(
		`{"type":"about:blank","title":"Not Found","status":404,"detail":"x","code":"not_found"}`)))
	require.Error(t, checkDocumented(doc, r, nil, w, []byte(
		`{"type":"about:blank","title":"Not Found","status":404,"detail":"x","code":"key_exists"}`)), "a code of another status")
	require.Error(t, checkDocumented(doc, r, nil, w, []byte(
		`{"type":"about:blank","title":"Not Found","status":404,"detail":"x","code":"not_found","extra":1}`)))
}

// documented is a transport that holds each request and answer against the document.
type documented struct {
	t    *testing.T
	next http.RoundTripper
	doc  *openapi3.T

	prefix string // under which the API is mounted
}

func (d *documented) RoundTrip(r *http.Request) (*http.Response, error) {
	var sent []byte
	if r.Body != nil {
		var err error
		if sent, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
		_ = r.Body.Close()
		r.Body = io.NopCloser(bytes.NewReader(sent))
	}
	w, err := d.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	defer w.Body.Close()
	got, err := io.ReadAll(w.Body)
	if err != nil {
		return nil, err
	}
	w.Body = io.NopCloser(bytes.NewReader(got))
	bare := r.Clone(r.Context())
	bare.URL.Path = strings.TrimPrefix(r.URL.EscapedPath(), d.prefix)
	if err := checkDocumented(d.doc, bare, sent, w, got); err != nil {
		d.t.Errorf("%s %s %.200s\nanswered with %d %.200s\nis not as documented: %v", r.Method, r.URL, sent, w.StatusCode, got, err)
	}
	return w, nil
}

func checkDocumented(doc *openapi3.T, r *http.Request, sent []byte, w *http.Response, got []byte) error {
	method := r.Method
	if method == "HEAD" {
		method = "GET"
	}
	input := routeOf(doc, method, r.URL.Path)
	if input == nil || w.StatusCode == http.StatusMethodNotAllowed {
		return checkProblem(doc, w, got)
	}
	input.Request = r.Clone(context.Background())
	input.Request.Body = io.NopCloser(bytes.NewReader(sent))
	input.Options = &openapi3filter.Options{
		AuthenticationFunc:    openapi3filter.NoopAuthenticationFunc,
		IncludeResponseStatus: true,
		ExcludeResponseBody:   r.Method == "HEAD",
		SkipSettingDefaults:   true,
	}
	// What was refused for its form need not have one; anything else must.
	if w.StatusCode < 400 || w.StatusCode == http.StatusConflict || w.StatusCode == http.StatusPreconditionFailed {
		if err := openapi3filter.ValidateRequest(context.Background(), input); err != nil {
			return err
		}
	}
	return openapi3filter.ValidateResponse(context.Background(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: input,
		Status:                 w.StatusCode,
		Header:                 w.Header,
		Body:                   io.NopCloser(bytes.NewReader(got)),
		Options:                input.Options,
	})
}

// routeOf returns nil where the document has nothing.
func routeOf(doc *openapi3.T, method, path string) *openapi3filter.RequestValidationInput {
	params := map[string]string{}
	item := doc.Paths.Map()[path]
	if id, ok := strings.CutPrefix(path, "/v1/licenses/"); item == nil && ok && !strings.Contains(id, "/") {
		path = "/v1/licenses/{id}"
		item, params["id"] = doc.Paths.Map()[path], id
	}
	if item == nil || item.GetOperation(method) == nil {
		return nil
	}
	return &openapi3filter.RequestValidationInput{PathParams: params, Route: &routers.Route{
		Spec: doc, Path: path, PathItem: item, Method: method, Operation: item.GetOperation(method),
	}}
}

// checkProblem is for paths and methods that the document does not have.
func checkProblem(doc *openapi3.T, w *http.Response, got []byte) error {
	if !slices.Contains([]int{http.StatusUnauthorized, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusBadRequest}, w.StatusCode) {
		return fmt.Errorf("status %d where nothing is documented", w.StatusCode)
	}
	if len(got) == 0 {
		return nil // HEAD
	}
	var value any
	if err := json.Unmarshal(got, &value); err != nil {
		return err
	}
	return doc.Components.Schemas["Problem"].Value.VisitJSON(value, openapi3.EnableJSONSchema2020(), openapi3.MultiErrors())
}
