package httpapi_test

import (
	"bufio"
	"cmp"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/mock/gomock"

	"github.com/privatepkgs/license"
	"github.com/privatepkgs/license/httpapi"
	"github.com/privatepkgs/license/internal/storemock"
	"github.com/privatepkgs/license/memstore"
)

// pipes is a listener in memory, so that minutes pass at once in a synctest bubble.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { close(p.closed); return nil }
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

// dial serves one connection and returns its other end.
func dial(t *testing.T, server *http.Server) net.Conn {
	t.Helper()
	listener := &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(listener)
	}()
	client, conn := net.Pipe()
	listener.conns <- conn
	t.Cleanup(func() {
		_ = client.Close()
		_ = server.Close()
		<-done
		time.Sleep(time.Second) // net/http lingers on a connection that it refuses
	})
	return client
}

// drip writes the text and then one byte a second, until the server hangs up or an hour has
// passed, and returns how long that took and what the server said.
func drip(t *testing.T, conn net.Conn, text string) (time.Duration, string) {
	t.Helper()
	said := make(chan string)
	go func() {
		all, _ := io.ReadAll(conn)
		said <- string(all)
	}()
	began := time.Now()
	_, err := io.WriteString(conn, text)
	for err == nil && time.Since(began) < time.Hour {
		time.Sleep(time.Second)
		_, err = io.WriteString(conn, "x")
	}
	took := time.Since(began)
	_ = conn.Close()
	return took, <-said
}

const halfHeader = "GET /v1/licenses HTTP/1.1\r\nHost: x\r\nX-Slow: "

const halfBody = "POST /v1/licenses HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n{"

func open(t *testing.T) http.Handler {
	t.Helper()
	h, err := httpapi.New(memstore.New(memstore.Options{}), httpapi.Options{AuthenticatedElsewhere: true})
	require.NoError(t, err)
	return h
}

func TestNewServerHangsUpOnASlowHeader(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		took, _ := drip(t, dial(t, httpapi.NewServer("", open(t))), halfHeader)
		assert.Less(t, took, 10*time.Second)
	})
}

// The control: what is held without the limits.
func TestAServerWithoutLimitsHoldsASlowHeader(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		took, _ := drip(t, dial(t, &http.Server{Handler: open(t)}), halfHeader)
		assert.GreaterOrEqual(t, took, time.Hour)
	})
}

func TestASlowBodyIsGivenUpUnderAnyServer(t *testing.T) {
	t.Parallel()
	for name, newServer := range map[string]func(h http.Handler) *http.Server{
		"NewServer": func(h http.Handler) *http.Server { return httpapi.NewServer("", h) },
		"bare":      func(h http.Handler) *http.Server { return &http.Server{Handler: h} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				took, said := drip(t, dial(t, newServer(open(t))), halfBody)
				assert.Less(t, took, 20*time.Second)
				assert.Contains(t, said, "HTTP/1.1 400 Bad Request")
				assert.Contains(t, said, `"code":"bad_request"`)
			})
		})
	}
}

// The control: the handler's own limit is what gives the body up.
func TestAHandlerWithoutLimitsHoldsASlowBody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.ReadAll(r.Body) })
		took, _ := drip(t, dial(t, &http.Server{Handler: h}), halfBody)
		assert.GreaterOrEqual(t, took, time.Hour)
	})
}

const hugeBody = "POST /v1/licenses HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2000000\r\n"

// curl asks so before it sends a body that is huge.
func TestWhoAsksFirstIsNotToldToSendAHugeBody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		conn := dial(t, httpapi.NewServer("", open(t)))
		_, err := io.WriteString(conn, hugeBody+"Expect: 100-continue\r\n\r\n")
		require.NoError(t, err)
		w, err := http.ReadResponse(bufio.NewReader(conn), nil)
		require.NoError(t, err)
		assert.Equal(t, http.StatusRequestEntityTooLarge, w.StatusCode)
	})
}

func TestABodyThatIsSlowAndHugeIs413(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, said := drip(t, dial(t, httpapi.NewServer("", open(t))), hugeBody+"\r\n{")
		assert.Contains(t, said, "HTTP/1.1 413 Request Entity Too Large")
		assert.Contains(t, said, `"code":"body_too_large"`)
	})
}

func TestABodyThatIsCutOffIs400(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := open(t)
		answered := make(chan string, 1)
		server := &http.Server{Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			w := newRecorder()
			h.ServeHTTP(w, r)
			answered <- w.body.String()
		})}
		conn := dial(t, server)
		_, err := io.WriteString(conn, halfBody)
		require.NoError(t, err)
		require.NoError(t, conn.Close())
		assert.Contains(t, <-answered, `"code":"bad_request"`)
	})
}

// The deadline of a body must not outlive it: it would cancel the context of a store that
// takes its time.
func TestTheDeadlineOfABodyDoesNotCancelTheStore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := storemock.NewStore(gomock.NewController(t))
		store.EXPECT().Create(gomock.Any(), gomock.Any()).DoAndReturn(func(ctx context.Context, l *license.License) error {
			time.Sleep(time.Minute)
			return cmp.Or(ctx.Err(), l.PrepareCreate(time.Now()))
		})
		h, err := httpapi.New(store, httpapi.Options{AuthenticatedElsewhere: true, StoreTimeout: time.Hour})
		require.NoError(t, err)
		conn := dial(t, &http.Server{Handler: h})
		r, err := http.NewRequest("POST", "http://x/v1/licenses", strings.NewReader(newBody("K")))
		require.NoError(t, err)
		r.Header.Set("Content-Type", "application/json")
		require.NoError(t, r.Write(conn))
		w, err := http.ReadResponse(bufio.NewReader(conn), r)
		require.NoError(t, err)
		_, err = io.Copy(io.Discard, w.Body)
		require.NoError(t, err)
		assert.Equal(t, 201, w.StatusCode)
	})
}

func TestNewServerHasEveryLimit(t *testing.T) {
	t.Parallel()
	h := open(t)
	s := httpapi.NewServer("127.0.0.1:8080", h)
	assert.Equal(t, "127.0.0.1:8080", s.Addr)
	assert.Equal(t, h, s.Handler)
	assert.Positive(t, s.ReadHeaderTimeout)
	assert.Greater(t, s.ReadTimeout, s.ReadHeaderTimeout)
	assert.Greater(t, s.WriteTimeout, s.ReadTimeout+httpapi.DefaultStoreTimeout)
	assert.Positive(t, s.IdleTimeout)
	assert.Less(t, s.MaxHeaderBytes, http.DefaultMaxHeaderBytes)
}

func TestNewServerRefusesAHugeHeader(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		conn := dial(t, httpapi.NewServer("", open(t)))
		go func() {
			_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\nX: "+strings.Repeat("x", 64<<10)+"\r\n\r\n")
		}()
		w, err := http.ReadResponse(bufio.NewReader(conn), nil)
		require.NoError(t, err)
		assert.Equal(t, http.StatusRequestHeaderFieldsTooLarge, w.StatusCode)
	})
}
