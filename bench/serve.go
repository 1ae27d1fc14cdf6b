package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"runtime/pprof"
	"strconv"
	"sync"
	"time"

	"github.com/privatepkgs/license"
	"github.com/privatepkgs/license/cachestore"
	"github.com/privatepkgs/license/gate"
	"github.com/privatepkgs/license/gate/npm"
	"github.com/privatepkgs/license/httpapi"
	"github.com/privatepkgs/license/sqlstore/sqlite"
)

// A server that is measured is a process of its own: this program, called as
//
//	bench serve KIND ARGUMENT
//
// It prints its address once it listens, and ends when its standard input does.
const serveCommand = "serve"

// apiToken is the API token of every server.
const apiToken = "a-token-of-the-usual-length-0123456789abcdef"

// profileVariable names a folder in which each server writes a profile of its work.
const profileVariable = "BENCH_PROFILE"

// handlers make the handler of each kind of server.
var handlers = map[string]func(argument string) (http.Handler, error){
	"api-memory": apiOnMemory,
	"api-sqlite": func(path string) (http.Handler, error) { return api(sqlite.Open(nothing(), path)) },
	"answers":    answers,
	"pocketbase": pocketBase,
	"registry":   registry,
	"proxy":      reverseProxy,
	"gate":       gated,
}

func serve(args []string) error {
	if len(args) != 2 || handlers[args[0]] == nil {
		return errors.New("usage: bench serve KIND ARGUMENT")
	}
	slog.SetDefault(slog.New(slog.DiscardHandler))
	h, err := handlers[args[0]](args[1])
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	if dir := os.Getenv(profileVariable); dir != "" {
		f, err := os.Create(filepath.Join(dir, args[0]+".pprof"))
		if err != nil {
			return err
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	fmt.Println(listener.Addr())
	server := httpapi.NewServer("", h)
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		_ = server.Close()
	}()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func api[S license.Store](s S, err error) (http.Handler, error) {
	if err != nil {
		return nil, err
	}
	return httpapi.New(s, httpapi.Options{Tokens: []string{apiToken}})
}

func apiOnMemory(count string) (http.Handler, error) {
	n, err := strconv.Atoi(count)
	if err != nil {
		return nil, err
	}
	b := new(bench)
	if b.catalogue, err = newCatalogue(); err != nil {
		return nil, err
	}
	return api(b.memory(n))
}

// answer is one of a server, header and all.
type answer struct {
	Header http.Header
	Body   []byte
}

// answers returns the bare handler: it writes answers that another server gave, which a file holds
// by the URI of the request.
func answers(path string) (http.Handler, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var known map[string]answer
	if err := json.Unmarshal(text, &known); err != nil {
		return nil, err
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a, ok := known[r.RequestURI]
		if !ok {
			http.NotFound(w, r)
			return
		}
		header := w.Header()
		for name, values := range a.Header {
			header[name] = values
		}
		_, _ = w.Write(a.Body)
	}), nil
}

// registry serves one tarball, at whatever path.
func registry(size string) (http.Handler, error) {
	n, err := strconv.Atoi(size)
	if err != nil {
		return nil, err
	}
	tarball := make([]byte, n)
	for i, r := 0, random(n, 4); i < n; i++ {
		tarball[i] = byte(r.Uint64())
	}
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/octet-stream")
		w.Header().Set("Content-Length", size)
		_, _ = w.Write(tarball)
	}), nil
}

// reverseProxy leads to the registry at an address. It has what makes such a proxy a fifth faster: buffers that
// are used again, and of a size that takes a tarball in one piece. With those of 4 KB that net/http has by
// itself, a header that is a few bytes longer, as that of the gate is, may cost a write to the
// network more, or not.
func reverseProxy(addr string) (http.Handler, error) {
	target := &url.URL{Scheme: "http", Host: addr}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 2 * connections
	transport.ReadBufferSize = proxyBuffer
	return &httputil.ReverseProxy{
		Rewrite:    func(r *httputil.ProxyRequest) { r.SetURL(target) },
		Transport:  transport,
		BufferPool: new(bufferPool),
	}, nil
}

const proxyBuffer = 32 << 10

// bufferPool is the [httputil.BufferPool] of a proxy.
type bufferPool struct{ buffers sync.Pool }

func (p *bufferPool) Get() []byte {
	if b, ok := p.buffers.Get().(*[proxyBuffer]byte); ok {
		return b[:]
	}
	return make([]byte, proxyBuffer)
}

func (p *bufferPool) Put(b []byte) { p.buffers.Put((*[proxyBuffer]byte)(b)) }

// gated is the same proxy behind a gate, whose licenses are in SQLite behind a cache. The argument
// is the address and the file.
func gated(argument string) (http.Handler, error) {
	var where struct{ Registry, File string }
	if err := json.Unmarshal([]byte(argument), &where); err != nil {
		return nil, err
	}
	s, err := sqlite.Open(nothing(), where.File)
	if err != nil {
		return nil, err
	}
	cache, err := cachestore.New(s, cachestore.Options{MaxStaleness: 10 * time.Second})
	if err != nil {
		return nil, err
	}
	proxy, err := reverseProxy(where.Registry)
	if err != nil {
		return nil, err
	}
	checker := license.NewChecker(cache.Shared(), license.CheckerOptions{})
	return gate.New(checker, npm.Adapter{}, gate.Options{})(proxy), nil
}
