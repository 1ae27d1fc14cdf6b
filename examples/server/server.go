package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"

	"github.com/privatepkgs/license"
	"github.com/privatepkgs/license/examples/internal/serve"
	"github.com/privatepkgs/license/httpapi"
	"github.com/privatepkgs/license/sqlstore/postgres"
)

// run takes the port before it opens the database, so that a start that fails for the port
// leaves no file behind.
func run(ctx context.Context, s serve.Settings, stdout, stderr io.Writer) (err error) {
	logger := slog.New(slog.NewTextHandler(stderr, nil))
	listener, err := serve.Listen(ctx, s.Addr, "-addr")
	if err != nil {
		return err
	}
	defer func() { _ = listener.Close() }() // closed already when the server has run
	db, err := serve.OpenStore(ctx, s.DB, postgres.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	handler, err := newHandler(db.Store, s.Tokens, logger, stderr)
	if err != nil {
		return err
	}
	server := httpapi.NewServer("", handler)
	server.ErrorLog = slog.NewLogLogger(logger.Handler(), slog.LevelWarn)
	announce(stdout, s, listener.Addr(), db.Name)
	return serve.Until(ctx, server, logger, listener)
}

func newHandler(store license.Store, tokens []string, logger *slog.Logger, requests io.Writer) (http.Handler, error) {
	api, err := httpapi.New(store, httpapi.Options{Tokens: tokens, Logger: logger})
	if err != nil {
		return nil, err
	}
	health := serve.Health(store, logger)
	// No ServeMux: it would answer paths such as //v1/licenses itself, with a redirect and to anyone.
	routes := func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/healthz" && (r.Method == http.MethodGet || r.Method == http.MethodHead) {
			health.ServeHTTP(w, r)
			return
		}
		api.ServeHTTP(w, r)
	}
	return serve.LogRequests(requests, http.HandlerFunc(routes)), nil
}
