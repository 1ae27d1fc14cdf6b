// Package load sends requests over HTTP/1.1 and takes as little of the machine for it as it can,
// since the machine is the server's too: it writes a request that was made before, and of the
// answer it reads no more than where it ends.
package load

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// A Request is one that is ready to be sent, and the status that its answer must have.
type Request struct {
	text   []byte
	status int
}

// NewRequest returns a request. A body makes it one with Content-Length and the type JSON.
func NewRequest(method, path, token, body string, status int) Request {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: localhost\r\n", method, path)
	if token != "" {
		fmt.Fprintf(&b, "Authorization: Bearer %s\r\n", token)
	}
	if body != "" {
		fmt.Fprintf(&b, "Content-Type: application/json\r\nContent-Length: %d\r\n", len(body))
	}
	b.WriteString("\r\n" + body)
	return Request{b.Bytes(), status}
}

// Answer returns the body of the answer to one request.
func Answer(addr string, r Request) ([]byte, error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	if _, err := conn.Write(r.text); err != nil {
		return nil, err
	}
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != r.status {
		err = fmt.Errorf("answered with %s and not %d: %s", answer.Status, r.status, body)
	}
	return body, err
}

// A Client holds open connections to one server.
type Client struct{ conns []*conn }

// NewClient opens connections to a server.
func NewClient(addr string, connections int) (*Client, error) {
	c := new(Client)
	for range connections {
		nc, err := net.Dial("tcp", addr)
		if err != nil {
			return nil, errors.Join(err, c.Close())
		}
		c.conns = append(c.conns, &conn{Conn: nc, reader: bufio.NewReaderSize(nc, 32<<10)})
	}
	return c, nil
}

// Close closes the connections.
func (c *Client) Close() error {
	var errs []error
	for _, cn := range c.conns {
		errs = append(errs, cn.Close())
	}
	return errors.Join(errs...)
}

// Send sends n requests as fast as the server answers, on each connection one after
// another. next returns the request with a number, counted from 0 on.
func (c *Client) Send(n int, next func(i int) Request) error {
	return c.each(n, func(cn *conn, i int) error { return cn.send(next(i)) })
}

// Latency sends requests at a rate, whether or not those before have been answered, for as long as
// there are connections. It returns how long each answer took from when its request was due, in order
// of length, so that a server which stalls is not asked less.
func (c *Client) Latency(n int, rate float64, next func(i int) Request) ([]time.Duration, error) {
	took := make([]time.Duration, n)
	began := time.Now()
	err := c.each(n, func(cn *conn, i int) error {
		due := began.Add(time.Duration(float64(i) / rate * float64(time.Second)))
		time.Sleep(time.Until(due))
		err := cn.send(next(i))
		took[i] = time.Since(due)
		return err
	})
	slices.Sort(took)
	return took, err
}

// each calls do n times, on all connections at once, until one fails.
func (c *Client) each(n int, do func(cn *conn, i int) error) error {
	var (
		group  sync.WaitGroup
		next   atomic.Int64
		failed = make(chan error, len(c.conns))
	)
	for _, cn := range c.conns {
		group.Go(func() {
			for len(failed) == 0 {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				if err := do(cn, i); err != nil {
					failed <- err
				}
			}
		})
	}
	group.Wait()
	close(failed)
	return <-failed // nil when nothing was sent
}

type conn struct {
	net.Conn
	reader *bufio.Reader
}

func (c *conn) send(r Request) error {
	if _, err := c.Write(r.text); err != nil {
		return err
	}
	status, length, err := c.head()
	if err != nil {
		return fmt.Errorf("reading the answer: %w", err)
	}
	if status != r.status {
		body := make([]byte, min(max(length, 0), 1000))
		_, _ = io.ReadFull(c.reader, body)
		return fmt.Errorf("%s was answered with %d and not %d: %s", bytes.SplitN(r.text, []byte("\r\n"), 2)[0], status, r.status, body)
	}
	if length >= 0 {
		_, err = c.reader.Discard(length)
		return err
	}
	for length != 0 {
		line, err := c.line()
		if err != nil {
			return err
		}
		size, err := strconv.ParseInt(string(line), 16, 32)
		if err != nil {
			return err
		}
		length = int(size)
		if _, err := c.reader.Discard(length + len("\r\n")); err != nil {
			return err
		}
	}
	return nil
}

var contentLength, chunked = []byte("Content-Length: "), []byte("Transfer-Encoding: chunked")

// head reads the status line and the headers. A negative length means that the body comes in chunks.
func (c *conn) head() (status, length int, err error) {
	line, err := c.line()
	if err != nil {
		return 0, 0, err
	}
	if len(line) < len("HTTP/1.1 200") {
		return 0, 0, fmt.Errorf("no status line: %q", line)
	}
	if status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return 0, 0, err
	}
	for {
		switch line, err = c.line(); {
		case err != nil:
			return 0, 0, err
		case len(line) == 0:
			return status, length, nil
		case bytes.Equal(line, chunked):
			length = -1
		case bytes.HasPrefix(line, contentLength):
			if length, err = strconv.Atoi(string(line[len(contentLength):])); err != nil {
				return 0, 0, err
			}
		}
	}
}

func (c *conn) line() ([]byte, error) {
	line, err := c.reader.ReadSlice('\n')
	return bytes.TrimRight(line, "\r\n"), err
}
