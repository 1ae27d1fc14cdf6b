package serve

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/privatepkgs/license"
)

// HealthTimeout is how long [Health] waits for the store.
const HealthTimeout = 2 * time.Second

// Health answers whether the store answers in time: 200 or 503, to anyone and without detail. The
// cause of a 503 is logged.
func Health(store license.Store, logger *slog.Logger) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), HealthTimeout)
		defer cancel()
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		if _, err := store.List(ctx, license.Query{Limit: 1}); err != nil {
			logger.ErrorContext(ctx, "the store does not answer", "error", err)
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = io.WriteString(w, "unavailable\n")
			return
		}
		_, _ = io.WriteString(w, "ok\n")
	})
}
