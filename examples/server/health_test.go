package main

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/privatepkgs/license"
	"github.com/privatepkgs/license/examples/internal/serve"
	"github.com/privatepkgs/license/memstore"
)

func TestHealthNeedsNoToken(t *testing.T) {
	t.Parallel()
	p := start(t, t.TempDir(), nil)
	for method, want := range map[string]string{http.MethodGet: "ok\n", http.MethodHead: ""} {
		req, err := http.NewRequestWithContext(t.Context(), method, p.url+"/healthz", nil)
		require.NoError(t, err)
		res, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		defer res.Body.Close()
		var body bytes.Buffer
		_, err = body.ReadFrom(res.Body)
		require.NoError(t, err)
		assert.Equal(t, http.StatusOK, res.StatusCode)
		assert.Equal(t, want, body.String())
	}
}

// sickStore answers no listing: at once with an error, or never.
type sickStore struct {
	license.Store
	err error
}

func (s sickStore) List(ctx context.Context, _ license.Query) (*license.Page, error) {
	if s.err != nil {
		return nil, s.err
	}
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestHealthIsUnavailableWhenTheStoreDoesNotAnswer(t *testing.T) {
	t.Parallel()
	for name, err := range map[string]error{"failing": errors.New("disk on fire"), "hanging": nil} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var log bytes.Buffer
				store := sickStore{memstore.New(memstore.Options{}), err}
				handler, err := newHandler(store, []string{"token-0123456789abcdef"}, slog.New(slog.NewTextHandler(&log, nil)), &log)
				require.NoError(t, err)

				begin := time.Now()
				w := httptest.NewRecorder()
				handler.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/healthz", nil))
				assert.Equal(t, http.StatusServiceUnavailable, w.Code)
				assert.Equal(t, "unavailable\n", w.Body.String(), "the cause is not told")
				assert.LessOrEqual(t, time.Since(begin), serve.HealthTimeout)
				assert.Contains(t, log.String(), "the store does not answer")
				assert.Contains(t, log.String(), "path=/healthz status=503")
			})
		})
	}
}
