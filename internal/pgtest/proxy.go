package pgtest

import (
	"fmt"
	"io"
	"net"
	"net/url"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
)

// A Proxy stands between a client and a database and breaks the connection when it is
// told to. It is a few lines of our own because a library costs more than it gives: the
// known one, toxiproxy, is a service with an HTTP API, metrics and a command line, and has
// 109 modules in its graph, for one feature of the dozen that it has.
//
// Its methods may be called from any goroutine.
type Proxy struct {
	// URL is the database's, through the proxy.
	URL string

	address, target string

	mu       sync.Mutex
	listener net.Listener              // nil while refusing
	conns    map[net.Conn]*atomic.Bool // each with whether what is written to it gets lost
	running  sync.WaitGroup
}

// NewProxy returns a proxy to the database at a URL. It ends with the test.
func NewProxy(tb testing.TB, databaseURL string) *Proxy {
	tb.Helper()
	u, err := url.Parse(databaseURL)
	if err != nil {
		tb.Fatalf("pgtest: %v", err)
	}
	port, err := freePort()
	if err != nil {
		tb.Fatal(err)
	}
	p := &Proxy{
		address: net.JoinHostPort("127.0.0.1", strconv.Itoa(port)),
		target:  u.Host,
		conns:   make(map[net.Conn]*atomic.Bool),
	}
	p.URL = via(*u, p.address)
	if err := p.Accept(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		p.Refuse()
		p.running.Wait()
	})
	return p
}

// Cut breaks every connection there is, both ends of it, whatever is under way. New ones
// are still accepted.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut()
}

// Refuse is [Proxy.Cut], and refuses new connections until [Proxy.Accept].
func (p *Proxy) Refuse() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.listener != nil {
		_ = p.listener.Close()
		p.listener = nil
	}
	p.cut()
}

// Silence loses whatever is sent over the connections that there are from now on, and tells neither
// end: as a network does that has forgotten them. New ones are not concerned.
func (p *Proxy) Silence() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, silent := range p.conns {
		silent.Store(true)
	}
}

// Accept ends [Proxy.Refuse]. The address stays the same.
func (p *Proxy) Accept() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.listener != nil {
		return nil
	}
	l, err := net.Listen("tcp", p.address)
	if err != nil {
		return fmt.Errorf("pgtest: %w", err)
	}
	p.listener = l
	p.running.Go(func() { p.serve(l) })
	return nil
}

func (p *Proxy) cut() {
	for c := range p.conns {
		abort(c)
		delete(p.conns, c)
	}
}

// abort resets a connection, so that neither end takes it for an orderly goodbye.
func abort(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = c.Close()
}

func (p *Proxy) serve(l net.Listener) {
	for {
		client, err := l.Accept()
		if err != nil {
			return // closed by Refuse
		}
		p.running.Go(func() { p.forward(l, client) })
	}
}

func (p *Proxy) forward(l net.Listener, client net.Conn) {
	server, err := net.Dial("tcp", p.target)
	if err != nil {
		abort(client)
		return
	}
	var silent atomic.Bool
	if !p.add(l, &silent, client, server) {
		return
	}
	defer p.drop(client, server)

	// One direction that ends, ends both: PostgreSQL has no half-closed connections.
	var up sync.WaitGroup
	up.Go(func() {
		_, _ = io.Copy(lossy{server, &silent}, client)
		_ = server.Close()
	})
	_, _ = io.Copy(lossy{client, &silent}, server)
	_ = client.Close()
	up.Wait()
}

// lossy is a connection that may lose what is written to it.
type lossy struct {
	net.Conn
	silent *atomic.Bool
}

func (l lossy) Write(b []byte) (int, error) {
	if l.silent.Load() {
		return len(b), nil
	}
	return l.Conn.Write(b)
}

// add notes a new pair to cut later, or cuts it now when its listener has closed meanwhile.
func (p *Proxy) add(l net.Listener, silent *atomic.Bool, pair ...net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range pair {
		if p.listener != l {
			abort(c)
			continue
		}
		p.conns[c] = silent
	}
	return p.listener == l
}

func (p *Proxy) drop(pair ...net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range pair {
		delete(p.conns, c)
	}
}
