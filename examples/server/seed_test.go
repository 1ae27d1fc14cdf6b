package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/privatepkgs/license/examples/internal/process"
)

// The examples of the v1 API's description, letter by letter.
const (
	seedLicense = `{
  "id": "19cb44f0-9016-43c4-b73b-6f0fb34c755f",
  "name": "Default License",
  "key": "12345-12345-ABCDE",
  "constraint": {
    "type": "none"
  },
  "suspended": false,
  "meta": {
    "key": "value"
  },
  "packages": [
    null
  ],
  "createdAt": 1672531200000,
  "updatedAt": 1672531200000
}`

	seedList = `{
  "pagination": {
    "count": 1,
    "prev": null,
    "next": 1696674097584
  },
  "data": [
    {
      "id": "19cb44f0-9016-43c4-b73b-6f0fb34c755f",
      "name": "Default License",
      "key": "12345-12345-ABCDE",
      "suspended": false,
      "meta": {
        "key": "value"
      },
      "packages": [
        "example-package"
      ],
      "createdAt": 1672531200000,
      "updatedAt": 1672531200000
    }
  ]
}`

	seedBody = `"name":"Default License","key":"12345-12345-ABCDE","suspended":false,"meta":{"key":"value"},"packages":["example-package"]`
)

// TestEveryRequestOfTheDescriptionIsAnsweredAsDescribed sends them with curl.
func TestEveryRequestOfTheDescriptionIsAnsweredAsDescribed(t *testing.T) {
	t.Parallel()
	process.Needs(t, "curl", "install curl to send the requests of the API's description")
	for _, constraint := range []string{
		`{"type":"none"}`,
		`{"type":"date","value":1697095609643}`,
		`{"type":"version","value":"<2.0.0"}`,
	} {
		t.Run(constraint, func(t *testing.T) {
			t.Parallel()
			p := start(t, t.TempDir(), nil)
			body := `{` + seedBody + `,"constraint":` + constraint + `}`

			created := p.curl(t, http.MethodPost, "/v1/licenses", body)
			require.Equal(t, http.StatusCreated, created.status, created.text)
			assertSeedLicense(t, constraint, created.body)
			id, _ := created.body["id"].(string)

			got := p.curl(t, http.MethodGet, "/v1/licenses/"+id, "")
			require.Equal(t, http.StatusOK, got.status, got.text)
			assert.Equal(t, created.body, got.body)

			// A second license, so that the page of the example has a next one.
			second := p.curl(t, http.MethodPost, "/v1/licenses", `{"constraint":{"type":"none"},"packages":["example-package"]}`)
			require.Equal(t, http.StatusCreated, second.status, "only packages and constraint are required: %s", second.text)
			assert.NotEmpty(t, second.body["key"], "a key is made when none is given")
			assertSeedList(t, p, created.body, second.body)

			updated := p.curl(t, http.MethodPut, "/v1/licenses/"+id, body)
			require.Equal(t, http.StatusOK, updated.status, updated.text)
			assertSeedLicense(t, constraint, updated.body)
			assert.Equal(t, created.body["id"], updated.body["id"])
			assert.Equal(t, created.body["createdAt"], updated.body["createdAt"])
			assert.GreaterOrEqual(t, millis(t, updated.body["updatedAt"]), millis(t, created.body["updatedAt"]))

			deleted := p.curl(t, http.MethodDelete, "/v1/licenses/"+id, "")
			assert.Equal(t, http.StatusNoContent, deleted.status)
			assert.Empty(t, deleted.text)
			assert.Equal(t, http.StatusNotFound, p.curl(t, http.MethodGet, "/v1/licenses/"+id, "").status)
		})
	}
}

// assertSeedLicense compares a license with the example: every field but those that only
// the server can know. (The example's "packages": [null] stands for the packages sent.)
func assertSeedLicense(t *testing.T, constraint string, got document) {
	t.Helper()
	want := parseNumbers(t, seedLicense)
	want["constraint"] = parseNumbers(t, `{"c":`+constraint+`}`)["c"]
	want["packages"] = []any{"example-package"}
	assertServerFields(t, got)
	for _, field := range []string{"id", "createdAt", "updatedAt"} {
		want[field] = got[field]
	}
	assert.Equal(t, want, got)
}

func assertServerFields(t *testing.T, got document) {
	t.Helper()
	id, _ := got["id"].(string)
	assert.NoError(t, uuid.Validate(id))
	assert.GreaterOrEqual(t, millis(t, got["updatedAt"]), millis(t, got["createdAt"]))
}

// assertSeedList asks for pages as described. An item also has its constraint, which the
// example leaves out.
func assertSeedList(t *testing.T, p *server, first, second document) {
	t.Helper()
	firstAt, secondAt := millis(t, first["createdAt"]), millis(t, second["createdAt"])
	want := parseNumbers(t, seedList)
	want["data"] = []any{map[string]any(first)}
	want["pagination"].(map[string]any)["next"] = second["createdAt"]
	page := p.curl(t, http.MethodGet, "/v1/licenses?limit=1", "")
	require.Equal(t, http.StatusOK, page.status, page.text)
	if firstAt != secondAt { // else both are on the page: it never splits a millisecond
		assert.Equal(t, want, page.body)
	}
	for query, ids := range map[string][]any{
		"":                                    {first["id"], second["id"]},
		fmt.Sprintf("?since=%d", firstAt):     {first["id"], second["id"]},
		fmt.Sprintf("?until=%d", secondAt):    {first["id"], second["id"]},
		fmt.Sprintf("?until=%d", firstAt-1):   {},
		fmt.Sprintf("?since=%d", secondAt+1):  {},
		"?since=2020-01-01T00:00:00Z&limit=9": {first["id"], second["id"]},
	} {
		page := p.curl(t, http.MethodGet, "/v1/licenses"+query, "")
		require.Equal(t, http.StatusOK, page.status, page.text)
		pagination := page.body["pagination"].(map[string]any)
		assert.ElementsMatch(t, []string{"pagination", "data"}, slices.Collect(maps.Keys(page.body)), query)
		assert.ElementsMatch(t, []string{"count", "prev", "next"}, slices.Collect(maps.Keys(pagination)), query)
		got := []any{}
		for _, item := range page.body["data"].([]any) {
			got = append(got, item.(map[string]any)["id"])
		}
		assert.Equal(t, ids, got, query)
		assert.Equal(t, json.Number(strconv.Itoa(len(ids))), pagination["count"], query)
	}
}

func TestTheDescribedAuthenticationIsRequired(t *testing.T) {
	t.Parallel()
	process.Needs(t, "curl", "install curl to send the requests of the API's description")
	p := start(t, t.TempDir(), nil, "-db", "memory:")
	p.token = ""
	for _, request := range []string{"GET /v1/licenses", "POST /v1/licenses", "GET /v1/licenses/" + uuid.NewString(),
		"PUT /v1/licenses/" + uuid.NewString(), "DELETE /v1/licenses/" + uuid.NewString()} {
		method, path, _ := strings.Cut(request, " ")
		answer := p.curl(t, method, path, "")
		assert.Equal(t, http.StatusUnauthorized, answer.status, request)
		assert.Equal(t, "application/problem+json", answer.contentType, request)
	}
}

type answer struct {
	status      int
	contentType string
	text        string
	body        document // nil without JSON
}

// curl sends a request with curl, as a person would.
func (p *server) curl(t *testing.T, method, path, body string) answer {
	t.Helper()
	args := []string{"-sS", "-i", "-X", method, p.url + path}
	if p.token != "" {
		args = append(args, "-H", "Authorization: Bearer "+p.token)
	}
	if body != "" {
		args = append(args, "-H", "Content-Type: application/json", "-d", body)
	}
	out, err := exec.Command("curl", args...).Output()
	require.NoError(t, err)
	res, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(out)), nil)
	require.NoError(t, err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	a := answer{status: res.StatusCode, contentType: res.Header.Get("Content-Type"), text: string(text)}
	if len(text) > 0 {
		a.body = parseNumbers(t, a.text)
	}
	return a
}

// parseNumbers keeps numbers as they were written: 1672531200000 and not 1.6725312e+12.
func parseNumbers(t *testing.T, text string) document {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var object document
	require.NoError(t, d.Decode(&object), text)
	return object
}

func millis(t *testing.T, v any) int64 {
	t.Helper()
	n, ok := v.(json.Number)
	require.True(t, ok, "%v is not a number", v)
	ms, err := n.Int64()
	require.NoError(t, err)
	return ms
}
