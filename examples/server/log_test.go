package main

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/privatepkgs/license/examples/internal/serve"
)

// TestLogHoldsNoSecret sends secrets wherever a careless client may put them.
func TestLogHoldsNoSecret(t *testing.T) {
	t.Parallel()
	const token, key = "tok-SECRET-0123456789", "KEY-SECRET-12345-ABCDE"
	p := start(t, t.TempDir(), []string{serve.TokensVariable + "=" + token})
	license := func(key string) string {
		return `{"name":"n","key":"` + key + `","suspended":false,"constraint":{"type":"none"},"packages":["example-package"]}`
	}
	send := func(method, path, token, body string) {
		t.Helper()
		_, _, err := p.do(t.Context(), method, path, token, body)
		require.NoError(t, err)
	}
	send(http.MethodPost, "/v1/licenses", token, license(key))
	send(http.MethodPost, "/v1/licenses", token, license(key)) // taken
	send(http.MethodPost, "/v1/licenses", token, license("two "+key))
	send(http.MethodPost, "/v1/licenses", token, `{"key":"`+key)
	send(http.MethodPost, "/v1/licenses/lookup", token, `{"key":"`+key+`"}`)
	send(http.MethodGet, "/v1/licenses/"+key, token, "")
	send(http.MethodGet, "/"+key, token, "")
	send(http.MethodGet, "/v1/licenses?key="+key+"&access_token="+token, token, "")
	send(http.MethodGet, "/v1/licenses", token+"-wrong", "")
	send(http.MethodPut, "/v1/licenses/019a0000-0000-7000-8000-000000000000", token, license(key))
	p.Await(t, "ten requests to be logged", func() bool { return strings.Count(p.Stderr.String(), "msg=request") == 10 })

	assert.NotContains(t, p.Stdout.String()+p.Stderr.String(), "SECRET")
	assert.Regexp(t, `level=INFO msg=request method=POST path=/v1/licenses status=201 duration=\S+`, p.Stderr.String())
	assert.Contains(t, p.Stderr.String(), "path=/v1/licenses/lookup status=200")
	assert.Contains(t, p.Stderr.String(), "path=/v1/licenses/* status=404")
}
