package gate_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/privatepkgs/license"
)

// raw sends a request over a connection of its own and returns the status line and the rest
// of what comes back.
func raw(t *testing.T, server *httptest.Server, request string) (statusLine, rest string) {
	t.Helper()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	require.NoError(t, err)
	defer conn.Close()
	_, err = io.WriteString(conn, strings.ReplaceAll(request, "\n", "\r\n")+"\r\nHost: packages.example\r\nConnection: close\r\n\r\n")
	require.NoError(t, err)
	r := bufio.NewReader(conn)
	statusLine, err = r.ReadString('\n')
	require.NoError(t, err)
	all, err := io.ReadAll(r)
	require.NoError(t, err)
	return strings.TrimSpace(statusLine), string(all)
}

func serve(t *testing.T, h http.Handler) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server
}

func TestReasonPhraseCarriesTheMessageOnHTTP1(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.options.RenewalURL = "https://acme.example/renew"
	server := serve(t, b.handler())
	const want = "Your license for toy covers versions <2.0.0; 2_1_0 needs an upgrade: https://acme.example/renew"
	line, rest := raw(t, server, "GET /toy/file/2_1_0 HTTP/1.1\nAuthorization: Bearer BELOW-2")
	require.Equal(t, "HTTP/1.1 403 "+want, line)
	header, body, _ := strings.Cut(rest, "\r\n\r\n")
	require.Equal(t, want, body)
	require.Contains(t, header, "Content-Length: "+strconv.Itoa(len(want)))
	require.Contains(t, header, "Cache-Control: no-store")
	require.Contains(t, header, "Connection: close")

	line, rest = raw(t, server, "HEAD /toy/file/2_1_0 HTTP/1.1\nAuthorization: Bearer BELOW-2")
	require.Equal(t, "HTTP/1.1 403 "+want, line)
	_, body, _ = strings.Cut(rest, "\r\n\r\n")
	require.Empty(t, body)

	line, rest = raw(t, server, "GET /toy/file/2_1_0 HTTP/1.0")
	require.True(t, strings.HasPrefix(line, "HTTP/1.1 401 This registry needs a license key"), line)
	require.Contains(t, rest, `Www-Authenticate: Basic realm="plain"`)

	b.err = errors.New("down")
	line, _ = raw(t, server, "GET /toy/list HTTP/1.1\nAuthorization: Bearer BELOW-2")
	require.Equal(t, "HTTP/1.1 503 Licenses cannot be checked just now; try again in a minute.", line)
}

func TestReasonPhraseIsOneLineOfASCII(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.options.Message = func(license.Decision) string {
		return "Erneuern Sie für\r\nSet-Cookie: a=b\r\n\r\n<html>\x00\t\u2028" + strings.Repeat("long ", 1000)
	}
	line, rest := raw(t, serve(t, b.handler()), "GET /toy/list HTTP/1.1")
	require.True(t, strings.HasPrefix(line, "HTTP/1.1 401 Erneuern Sie f?r Set-Cookie: a=b <html>"), line)
	require.Less(t, len(line), 500)
	header, _, _ := strings.Cut(rest, "\r\n\r\n")
	require.NotContains(t, header, "Set-Cookie")
}

func TestReasonPhraseIsLeftWhereThereIsNone(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ask := func(server *httptest.Server, method string, body io.Reader) *http.Response {
		r, err := http.NewRequest(method, server.URL+"/toy/file/2_1_0", body)
		require.NoError(t, err)
		answer, err := server.Client().Do(r)
		require.NoError(t, err)
		t.Cleanup(func() { answer.Body.Close() })
		text, err := io.ReadAll(answer.Body)
		require.NoError(t, err)
		require.NotEmpty(t, text)
		return answer
	}

	two := httptest.NewUnstartedServer(b.handler())
	two.EnableHTTP2 = true
	two.StartTLS()
	t.Cleanup(two.Close)
	answer := ask(two, http.MethodGet, nil)
	require.Equal(t, 2, answer.ProtoMajor)
	require.Equal(t, http.StatusUnauthorized, answer.StatusCode)

	type noHijack struct{ http.ResponseWriter }
	wrapped := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { b.handler().ServeHTTP(noHijack{w}, r) }))
	require.Equal(t, "401 Unauthorized", ask(wrapped, http.MethodGet, nil).Status)

	require.Equal(t, "403 Forbidden", ask(serve(t, b.handler()), http.MethodPost, strings.NewReader("a body")).Status)

	b.options.NoReasonPhrase = true
	require.Equal(t, "401 Unauthorized", ask(serve(t, b.handler()), http.MethodGet, nil).Status)
}

func TestReasonPhraseComesThroughTLS(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	server := httptest.NewTLSServer(b.handler())
	t.Cleanup(server.Close)
	answer, err := server.Client().Get(server.URL + "/toy/list")
	require.NoError(t, err)
	defer answer.Body.Close()
	require.True(t, strings.HasPrefix(answer.Status, "401 This registry needs a license key"), answer.Status)
}

func TestDenialIsNeverAnAnswerThatClientsRepeat(t *testing.T) {
	t.Parallel()
	require.Equal(t, http.StatusForbidden, newBench(t).get("/toy/list", "SUSPENDED").Code, "the adapter of the tests says 503")
}

func TestHeadersOfAMiddlewareAroundTheGateStayOnADenial(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Request-Id", "7")
		b.handler().ServeHTTP(w, r)
	})
	_, rest := raw(t, serve(t, h), "GET /toy/list HTTP/1.1")
	require.Contains(t, rest, "X-Request-Id: 7\r\n")
}
