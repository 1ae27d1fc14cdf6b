package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"

	"github.com/privatepkgs/license/bench/internal/load"
	"github.com/privatepkgs/license/bench/internal/measure"
)

// child is a server that is measured.
type child struct {
	addr  string
	cmd   *exec.Cmd
	stdin io.Closer
}

// start starts a server, which ends with the row.
func (b *bench) start(kind, argument string) (*child, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	c := &child{cmd: exec.Command(program, serveCommand, kind, argument)}
	c.cmd.Stderr = os.Stderr
	if c.stdin, err = c.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	stdout, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := c.cmd.Start(); err != nil {
		return nil, err
	}
	b.cleaning(c.stop)
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		return nil, fmt.Errorf("the server %s did not start: %w", kind, err)
	}
	c.addr = strings.TrimSpace(line)
	return c, nil
}

func (c *child) stop() error { return errors.Join(c.stdin.Close(), c.cmd.Wait()) }

// connections is how many requests are under way at once.
const connections = 16

// requests is a side that has a server answer requests.
func (b *bench) requests(c *child, next func(i int) load.Request) (measure.Side, error) {
	client, err := load.NewClient(c.addr, connections)
	if err != nil {
		return nil, err
	}
	b.cleaning(client.Close)
	sent := 0
	return measure.Timed(func(n int) error {
		first := sent
		sent += n
		return client.Send(n, func(i int) load.Request { return next(first + i) })
	}), nil
}

// get gets one answer in the ordinary way.
func (c *child) get(uri string, header http.Header) (answer, error) {
	r, err := http.NewRequest(http.MethodGet, "http://"+c.addr+uri, nil)
	if err != nil {
		return answer{}, err
	}
	r.Header = header
	w, err := http.DefaultClient.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer w.Body.Close()
	body, err := io.ReadAll(w.Body)
	if err == nil && w.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s was answered with %s: %s", uri, w.Status, body)
	}
	return answer{w.Header, body}, err
}
