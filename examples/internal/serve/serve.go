// Package serve holds what the programs of the examples share: the flags -addr and -db, the API
// tokens of LICENSE_API_TOKENS, the store that -db names, the log of requests, and a start and an
// end as a service manager wants them. A program of your own copies what it needs.
package serve

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// shutdownTimeout is longer than the limits of a server for the API let any request take. A download may take
// longer, and is cut: whoever stops a service does not wait for a quarter of an hour.
const shutdownTimeout = 40 * time.Second

// Program is a program that serves until it gets a signal, with C as its settings.
type Program[C any] struct {
	Name  string // begins each sentence about what went wrong
	Usage string // printed for -h

	// Parse reads the settings. It returns [flag.ErrHelp] for -h.
	Parse func(args []string, getenv func(string) string) (C, error)

	// Serve serves until ctx is done. What helps a person to begin goes to stdout, and the log to stderr.
	Serve func(ctx context.Context, c C, stdout, stderr io.Writer) error
}

// Main runs the program until SIGINT or SIGTERM, and exits: with 0, with 2 when it cannot read its
// settings, else with 1. A second signal ends it at once.
func (p Program[C]) Main() {
	ctx, end := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals
		signal.Stop(signals) // before anybody hears of the end: the next one is not to be lost
		end()
	}()
	os.Exit(p.run(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr))
}

// run returns the exit code.
func (p Program[C]) run(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) int {
	c, err := p.Parse(args, getenv)
	if errors.Is(err, flag.ErrHelp) {
		_, _ = io.WriteString(stdout, p.Usage)
		return 0
	}
	if err != nil {
		_, _ = fmt.Fprintf(stderr, "%s: %v\nRun it with -h to see what it takes.\n", p.Name, err)
		return 2
	}
	if err := p.Serve(ctx, c, stdout, stderr); err != nil {
		_, _ = fmt.Fprintf(stderr, "%s: %v\n", p.Name, err)
		return 1
	}
	return 0
}

// Listen listens on addr, which the named flag has given.
func Listen(ctx context.Context, addr, flag string) (net.Listener, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if err == nil {
		return listener, nil
	}
	if op, ok := errors.AsType[*net.OpError](err); ok {
		err = op.Err // without the address, which is said already
	}
	return nil, fmt.Errorf("cannot listen on %s: %w; choose another address with %s", addr, err, flag)
}

// Until serves until ctx is done, and then finishes what is under way. It closes the listeners.
func Until(ctx context.Context, server *http.Server, logger *slog.Logger, listeners ...net.Listener) error {
	failed := make(chan error, len(listeners))
	for _, l := range listeners {
		go func() { failed <- server.Serve(l) }()
	}
	select {
	case err := <-failed:
		_ = server.Close()
		return err
	case <-ctx.Done():
	}
	logger.Info("finishing what is under way; a second signal ends at once")
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	if err := server.Shutdown(ctx); err != nil {
		_ = server.Close()
		return fmt.Errorf("requests that were still under way after %v were cut: %w", shutdownTimeout, err)
	}
	return nil
}

// Reachable returns the host and port at which addr is reached from this machine, and whether
// other machines may reach it too.
func Reachable(addr net.Addr) (hostport string, elsewhere bool) {
	tcp, ok := addr.(*net.TCPAddr)
	if !ok {
		return addr.String(), false
	}
	host := *tcp
	if host.IP.IsUnspecified() {
		host.IP = net.IPv4(127, 0, 0, 1)
	}
	return host.String(), !tcp.IP.IsLoopback()
}
