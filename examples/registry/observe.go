package main

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"

	"github.com/google/uuid"

	"github.com/privatepkgs/license/gate"
)

// logDecision logs who got what, or why not. An event holds no key.
func logDecision(ctx context.Context, logger *slog.Logger, e gate.Event) {
	attrs := []slog.Attr{
		slog.String("code", string(e.Code)),
		slog.String("ecosystem", e.Ecosystem),
		slog.String("kind", e.Kind.String()),
	}
	if e.Package != "" {
		attrs = append(attrs, slog.String("package", e.Package))
	}
	if e.Version != "" {
		attrs = append(attrs, slog.String("version", e.Version))
	}
	if e.License != uuid.Nil {
		attrs = append(attrs, slog.String("license", e.License.String()))
	}
	logger.LogAttrs(ctx, slog.LevelInfo, "decision", attrs...)
}

// metrics answers how often each code was decided, in the text format of Prometheus.
func metrics(counter *gate.Counter) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		fmt.Fprintln(w, "# TYPE license_gate_decisions_total counter")
		counts := counter.Counts()
		for _, code := range slices.Sorted(maps.Keys(counts)) {
			fmt.Fprintf(w, "license_gate_decisions_total{code=%q} %d\n", code, counts[code])
		}
	})
}
