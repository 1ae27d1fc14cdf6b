package main

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// slowRequest is a creation whose body the server is waiting for.
type slowRequest struct {
	conn net.Conn
	r    *bufio.Reader
	rest string
}

// beginSlowRequest returns when the server has begun to handle the request: only the
// handler, reading the body, answers "100 Continue".
func beginSlowRequest(t *testing.T, p *server) slowRequest {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(p.url, "http://"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(20*time.Second)))
	const body = `{"constraint":{"type":"none"},"packages":["slow-package"]}`
	_, err = fmt.Fprintf(conn, "POST /v1/licenses HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer %s\r\n"+
		"Content-Type: application/json\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n", p.token, len(body))
	require.NoError(t, err)
	r := bufio.NewReader(conn)
	line, err := r.ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "HTTP/1.1 100 Continue\r\n", line)
	_, err = r.ReadString('\n')
	require.NoError(t, err)
	return slowRequest{conn, r, body}
}

func TestServerFinishesWhatIsUnderWayOnASignal(t *testing.T) {
	t.Parallel()
	for _, sig := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		t.Run(sig.String(), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			p := start(t, dir, nil)
			slow := beginSlowRequest(t, p)
			p.Signal(t, sig)
			p.Await(t, "the shutdown to begin", func() bool { return strings.Contains(p.Stderr.String(), "finishing what is under way") })
			p.Await(t, "the listener to close", func() bool { // nothing new is taken
				conn, err := net.Dial("tcp", strings.TrimPrefix(p.url, "http://"))
				if err == nil {
					_ = conn.Close()
				}
				return err != nil
			})

			_, err := slow.conn.Write([]byte(slow.rest))
			require.NoError(t, err)
			res, err := http.ReadResponse(slow.r, nil)
			require.NoError(t, err)
			defer res.Body.Close()
			assert.Equal(t, http.StatusCreated, res.StatusCode)
			assert.Equal(t, 0, p.ExitCode(t), "%s", &p.Stderr)
			assert.NoFileExists(t, dir+"/licenses.db-wal", "the database is closed, not left")

			p = start(t, dir, nil)
			_, list, err := p.do(t.Context(), http.MethodGet, "/v1/licenses", p.token, "")
			require.NoError(t, err)
			assert.Contains(t, list, "slow-package")
		})
	}
}

func TestServerEndsAtOnceOnASecondSignal(t *testing.T) {
	t.Parallel()
	p := start(t, t.TempDir(), nil)
	beginSlowRequest(t, p)
	p.Signal(t, syscall.SIGTERM)
	p.Await(t, "the shutdown to begin", func() bool { return strings.Contains(p.Stderr.String(), "finishing what is under way") })
	begin := time.Now()
	p.Signal(t, syscall.SIGTERM)
	p.ExitCode(t)
	assert.Less(t, time.Since(begin), 5*time.Second)
	if status, ok := p.Cmd.ProcessState.Sys().(syscall.WaitStatus); ok && runtime.GOOS != "windows" {
		assert.Equal(t, syscall.SIGTERM, status.Signal(), "ended by the signal itself")
	}
}

func TestServerEndsWithIdleConnectionsOpen(t *testing.T) {
	t.Parallel()
	p := start(t, t.TempDir(), nil)
	_, _, err := p.do(t.Context(), http.MethodGet, "/healthz", "", "") // its connection is kept
	require.NoError(t, err)
	begin := time.Now()
	p.Signal(t, syscall.SIGTERM)
	assert.Equal(t, 0, p.ExitCode(t))
	assert.Less(t, time.Since(begin), 5*time.Second)
}
