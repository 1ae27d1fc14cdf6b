package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/privatepkgs/license/bench/internal/load"
	"github.com/privatepkgs/license/bench/internal/measure"
)

// child is a server that is measured.
type child struct{ addr string }

// start starts a server of this program, which ends with the row.
func (b *bench) start(kind, argument string) (*child, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(program, serveCommand, kind, argument)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	return b.launch(cmd, stdin.Close)
}

// serverPackage is the server that comes with the library.
const serverPackage = "github.com/privatepkgs/license/examples/server"

// startServer starts that server on a database. What it logs goes to the null device.
func (b *bench) startServer(db string) (*child, error) {
	program := filepath.Join(b.dir, "server")
	if _, err := os.Stat(program); err != nil {
		if out, err := exec.Command("go", "build", "-o", program, serverPackage).CombinedOutput(); err != nil {
			return nil, fmt.Errorf("building %s: %w\n%s", serverPackage, err, out)
		}
	}
	cmd := exec.Command(program, "-addr", "127.0.0.1:0", "-db", db)
	cmd.Env = append(os.Environ(), "LICENSE_API_TOKENS="+apiToken)
	return b.launch(cmd, func() error { return cmd.Process.Signal(syscall.SIGTERM) })
}

// launch runs a server until the row ends. Its first line ends with its address.
func (b *bench) launch(cmd *exec.Cmd, end func() error) (*child, error) {
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	b.cleaning(func() error { return errors.Join(end(), cmd.Wait()) })
	line, err := bufio.NewReader(stdout).ReadString('\n')
	words := strings.Fields(line)
	if err != nil || len(words) == 0 {
		return nil, fmt.Errorf("%v did not start: %w", cmd.Args, err)
	}
	return &child{addr: strings.TrimPrefix(words[len(words)-1], "http://")}, nil
}

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
	return func(n int) (time.Duration, error) {
		batch := make([]load.Request, n) // made before, as the machine is the server's too
		for i := range batch {
			batch[i] = next(sent + i)
		}
		sent += n
		began := time.Now()
		err := client.Send(n, func(i int) load.Request { return batch[i] })
		return time.Since(began), err
	}, nil
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
