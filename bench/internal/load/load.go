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

// A Client holds open connections to one server. After an error it must not be used again.
type Client struct {
	addr  string
	conns []*conn
	polls []*conn // of Send, where it has its own
}

// NewClient opens connections to a server.
func NewClient(addr string, connections int) (*Client, error) {
	c := &Client{addr: addr}
	for range connections {
		nc, err := net.Dial("tcp", addr)
		if err != nil {
			return nil, errors.Join(err, c.Close())
		}
		c.conns = append(c.conns, newConn(nc))
	}
	return c, nil
}

// Close closes the connections.
func (c *Client) Close() error {
	var errs []error
	for _, cn := range slices.Concat(c.conns, c.polls) {
		errs = append(errs, cn.Close())
	}
	return errors.Join(errs...)
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

// conn is a connection with what has arrived of an answer.
type conn struct {
	io.ReadWriteCloser
	sent    Request
	buffer  []byte
	arrived int
}

func newConn(c io.ReadWriteCloser) *conn {
	return &conn{ReadWriteCloser: c, buffer: make([]byte, 64<<10)}
}

// send sends a request and waits for the end of its answer.
func (c *conn) send(r Request) error {
	if err := c.begin(r); err != nil {
		return err
	}
	for {
		if ended, err := c.read(); ended || err != nil {
			return err
		}
	}
}

func (c *conn) begin(r Request) error {
	c.sent, c.arrived = r, 0
	_, err := c.Write(r.text)
	return err
}

// read reads once, and reports whether that was the end of the answer, which must be the right one.
func (c *conn) read() (ended bool, err error) {
	if c.arrived == len(c.buffer) {
		c.buffer = append(c.buffer, make([]byte, len(c.buffer))...)
	}
	n, err := c.Read(c.buffer[c.arrived:])
	if err != nil {
		return false, fmt.Errorf("reading the answer: %w", err)
	}
	c.arrived += n
	answer := c.buffer[:c.arrived]
	status, size, err := parse(answer)
	switch {
	case err != nil:
		return false, err
	case size == 0:
		return false, nil
	case size != len(answer):
		return false, fmt.Errorf("something follows the answer: %q", answer[size:])
	case status != c.sent.status:
		line, _, _ := bytes.Cut(c.sent.text, crlf)
		_, body, _ := bytes.Cut(answer, endOfHead)
		return false, fmt.Errorf("%s was answered with %d and not %d: %.1000s", line, status, c.sent.status, body)
	}
	return true, nil
}

var (
	crlf          = []byte("\r\n")
	endOfHead     = []byte("\r\n\r\n")
	contentLength = []byte("\r\nContent-Length: ")
	chunked       = []byte("\r\nTransfer-Encoding: chunked\r\n")
)

// parse returns the status of an answer and how many bytes it has, 0 as long as its end has not arrived.
func parse(answer []byte) (status, size int, err error) {
	end := bytes.Index(answer, endOfHead)
	if end < 0 {
		return 0, 0, nil
	}
	head := answer[:end+len(crlf)]
	if len(head) < len("HTTP/1.1 200") {
		return 0, 0, fmt.Errorf("no status line: %q", head)
	}
	if status, err = strconv.Atoi(string(head[9:12])); err != nil {
		return 0, 0, err
	}
	size = end + len(endOfHead)
	if bytes.Contains(head, chunked) {
		for n := 1; n > 0; {
			line, _, ok := bytes.Cut(answer[size:], crlf)
			if !ok {
				return status, 0, nil
			}
			if n, err = hex(line); err != nil {
				return 0, 0, err
			}
			if size += len(line) + len(crlf) + n + len(crlf); size > len(answer) {
				return status, 0, nil
			}
		}
		return status, size, nil
	}
	if _, rest, ok := bytes.Cut(head, contentLength); ok {
		digits, _, _ := bytes.Cut(rest, crlf)
		n, err := strconv.Atoi(string(digits))
		if err != nil {
			return 0, 0, err
		}
		size += n
	}
	if size > len(answer) {
		return status, 0, nil
	}
	return status, size, nil
}

func hex(digits []byte) (int, error) {
	n, err := strconv.ParseUint(string(digits), 16, 31)
	return int(n), err
}
