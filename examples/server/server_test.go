package main

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/privatepkgs/license/memstore"
)

func TestOddPathsAreAnsweredAsAllOthers(t *testing.T) {
	t.Parallel()
	const token = "tok-0123456789"
	h, err := newHandler(memstore.New(memstore.Options{}), []string{token}, slog.New(slog.DiscardHandler), io.Discard)
	require.NoError(t, err)
	for _, path := range []string{"//v1/licenses", "/v1//licenses", "/v1/licenses/../licenses", "/./healthz", "//healthz", "*"} {
		for authorization, want := range map[string]int{"": http.StatusUnauthorized, "Bearer " + token: http.StatusNotFound} {
			r, w := httptest.NewRequest(http.MethodGet, path, nil), httptest.NewRecorder()
			r.Header.Set("Authorization", authorization)
			h.ServeHTTP(w, r)
			assert.Equal(t, want, w.Code, path)
			assert.Equal(t, "application/problem+json", w.Header().Get("Content-Type"), path)
		}
	}
}
