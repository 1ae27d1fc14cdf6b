package main

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/privatepkgs/license"
	"github.com/privatepkgs/license/cachestore"
	"github.com/privatepkgs/license/examples/internal/serve"
	"github.com/privatepkgs/license/gate"
	"github.com/privatepkgs/license/httpapi"
	"github.com/privatepkgs/license/sqlstore/postgres"
)

const (
	// maxStaleness is how long a license that another process has suspended goes on working, where
	// nobody tells.
	maxStaleness = 5 * time.Second

	// downloadTimeout is the longest time for which somebody may download one artifact.
	downloadTimeout = 15 * time.Minute

	renewalURL = "https://acme.example/renew"
)

// run takes the ports before it opens the database, so that a start that fails for a port leaves
// no file behind.
func run(ctx context.Context, s settings, stdout, stderr io.Writer) (err error) {
	logger := slog.New(slog.NewTextHandler(stderr, nil))
	plain, err := serve.Listen(ctx, s.Addr, "-addr")
	if err != nil {
		return err
	}
	defer func() { _ = plain.Close() }() // closed already when the server has run
	secure, err := serve.Listen(ctx, s.tls, "-tls")
	if err != nil {
		return err
	}
	defer func() { _ = secure.Close() }()
	dir, err := os.MkdirTemp("", "license-registry-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	certFile := filepath.Join(dir, "localhost.pem")
	host, _, _ := net.SplitHostPort(secure.Addr().String()) // of a listener, so it has both
	cert, err := newCertificate(certFile, "localhost", "127.0.0.1", "::1", host)
	if err != nil {
		return err
	}
	db, err := serve.OpenStore(ctx, s.DB, postgres.Options{Notify: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	licenses, err := seed(ctx, db.Store)
	if err != nil {
		return err
	}
	cached, err := cachestore.New(db.Store, cachestore.Options{MaxStaleness: maxStaleness})
	if err != nil {
		return err
	}
	if db.Notifies {
		go func() { _ = postgres.Listen(ctx, s.DB, cached, postgres.ListenOptions{Logger: logger}) }() // until ctx is done
	}
	handler, err := newHandler(cached, s, logger, stderr)
	if err != nil {
		return err
	}
	server := httpapi.NewServer("", handler)
	server.WriteTimeout = downloadTimeout
	server.ErrorLog = slog.NewLogLogger(logger.Handler(), slog.LevelWarn)
	announce(stdout, s, about{plain.Addr(), secure.Addr(), certFile, db.Name, licenses})
	// Without HTTP/2, which has no reason phrase for the gate to put its message into.
	secured := tls.NewListener(secure, &tls.Config{Certificates: []tls.Certificate{cert}})
	return serve.Until(ctx, server, logger, plain, secured)
}

// newHandler mounts the API and the registries, which share one cache: what the API writes, the
// gates see at once.
func newHandler(cached *cachestore.Store, s settings, logger *slog.Logger, requests io.Writer) (http.Handler, error) {
	api, err := httpapi.New(cached, httpapi.Options{Tokens: s.Tokens, Logger: logger})
	if err != nil {
		return nil, err
	}
	var counter gate.Counter
	mux := http.NewServeMux()
	mux.Handle("/", serve.LogRequests(requests, api))
	mux.Handle("GET /healthz", serve.Health(cached, logger))
	mux.Handle("GET /metrics", metrics(&counter))

	checker := license.NewChecker(cached.Shared(), license.CheckerOptions{})
	options := gate.Options{
		RenewalURL: renewalURL,
		Logger:     logger,
		Observe: func(ctx context.Context, e gate.Event) {
			counter.Observe(ctx, e)
			logDecision(ctx, logger, e)
		},
	}
	for _, e := range ecosystems() {
		registry, err := e.registry(s.upstreams[e.name], logger)
		if err != nil {
			return nil, err
		}
		protect := gate.New(checker, e.adapter, options)
		mux.Handle("/"+e.name+"/", http.StripPrefix("/"+e.name, protect(registry)))
	}
	return mux, nil
}
