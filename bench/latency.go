package main

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/privatepkgs/license/bench/internal/load"
)

// point is how long answers took at some rate.
type point struct {
	rate     float64 // requests a second
	p50, p99 time.Duration
}

// curve is one server under more and more load.
type curve struct {
	server string
	points []point
}

// shares of the most that the server answers.
var shares = []float64{0.1, 0.25, 0.4, 0.55, 0.7, 0.8, 0.9, 0.95}

// latencies measures get by key over HTTP, each server at shares of what it can do.
func (b *bench) latencies(each func(curve)) (curves []curve, err error) {
	path, err := b.sqliteFile(b.peer)
	if err != nil {
		return nil, err
	}
	dir, token, err := b.peerFolder()
	if err != nil {
		return nil, err
	}
	url, err := b.postgresURL(b.peer)
	if err != nil {
		return nil, err
	}
	ours := func(i int) load.Request { return ourGetByKey(b.ofPeer(i)) }
	theirs := func(i int) load.Request { return peer{peerPath, token}.getByKey(b.ofPeer(i)) }
	for _, server := range []struct {
		name  string
		start func() (*child, error)
		next  func(i int) load.Request
	}{
		{"memory", b.startFilled, ours},
		{"SQLite", func() (*child, error) { return b.startServer(path) }, ours},
		{"PostgreSQL", func() (*child, error) { return b.startServer(url) }, ours},
		{peerName, func() (*child, error) { return b.start("pocketbase", dir) }, theirs},
	} {
		c, err := b.curveOf(server.start, server.next)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", server.name, err)
		}
		c.server = server.name
		each(c)
		curves = append(curves, c)
	}
	return curves, nil
}

// startFilled starts the server in memory and creates the licenses.
func (b *bench) startFilled() (*child, error) {
	server, err := b.startServer("memory:")
	if err != nil {
		return nil, err
	}
	client, err := load.NewClient(server.addr, connections)
	if err != nil {
		return nil, err
	}
	return server, errors.Join(client.Send(b.peer, func(i int) load.Request {
		return load.NewRequest(http.MethodPost, "/v1/licenses", apiToken, b.body(i), http.StatusCreated)
	}), client.Close())
}

func (b *bench) curveOf(start func() (*child, error), next func(i int) load.Request) (c curve, err error) {
	defer func() { err = errors.Join(err, b.cleanup()) }()
	server, err := start()
	if err != nil {
		return c, err
	}
	client, err := load.NewClient(server.addr, 4*connections)
	if err != nil {
		return c, err
	}
	b.cleaning(client.Close)
	// The most is what it answers when it is asked without a pause.
	const warm = 200
	if err := client.Send(warm, next); err != nil {
		return c, err
	}
	began := time.Now()
	n := 0
	for time.Since(began) < 4*b.effort.Turn {
		if err := client.Send(warm, func(i int) load.Request { return next(n + i) }); err != nil {
			return c, err
		}
		n += warm
	}
	most := float64(n) / time.Since(began).Seconds()
	for _, share := range shares {
		rate := share * most
		took, err := client.Latency(int(rate*8*b.effort.Turn.Seconds())+1, rate, next)
		if err != nil {
			return c, err
		}
		c.points = append(c.points, point{rate, took[len(took)/2], took[len(took)*99/100]})
	}
	return c, nil
}
