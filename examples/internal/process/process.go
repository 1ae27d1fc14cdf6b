// Package process runs the programs of the examples, for their tests.
package process

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Binary is the program of the package whose tests run, built as its users do and once for all
// tests. Give its Main to TestMain.
type Binary struct {
	once sync.Once
	dir  string
	path string
	err  error
}

// Main runs the tests, and returns the exit code for [os.Exit].
func (b *Binary) Main(m *testing.M) int {
	var err error
	if b.dir, err = os.MkdirTemp("", "license-example-"); err != nil {
		panic(err)
	}
	defer os.RemoveAll(b.dir)
	return m.Run()
}

// Path builds the program and returns where it is.
func (b *Binary) Path(t *testing.T) string {
	t.Helper()
	b.once.Do(func() {
		b.path = filepath.Join(b.dir, "program")
		if runtime.GOOS == "windows" {
			b.path += ".exe"
		}
		if out, err := exec.Command("go", "build", "-o", b.path, ".").CombinedOutput(); err != nil {
			b.err = fmt.Errorf("building the program: %w\n%s", err, out)
		}
	})
	require.NoError(t, b.err)
	return b.path
}

// Process is a program that runs.
type Process struct {
	Cmd            *exec.Cmd
	Stdout, Stderr Output
	exited         chan struct{}
}

// Launch starts a command line in dir and does not wait until it is ready. env adds to the
// environment of the test. The process is killed when the test ends.
func Launch(t *testing.T, dir string, env []string, args ...string) *Process {
	t.Helper()
	p := &Process{Cmd: exec.Command(args[0], args[1:]...), exited: make(chan struct{})}
	p.Cmd.Dir = dir
	p.Cmd.Env = append(os.Environ(), env...)
	p.Cmd.Stdout, p.Cmd.Stderr = &p.Stdout, &p.Stderr
	require.NoError(t, p.Cmd.Start())
	go func() {
		_ = p.Cmd.Wait()
		close(p.exited)
	}()
	t.Cleanup(p.Kill)
	return p
}

// Await waits until the process has done something.
func (p *Process) Await(t *testing.T, what string, done func() bool) {
	t.Helper()
	deadline := time.Now().Add(2 * time.Minute)
	for !done() {
		select {
		case <-p.exited:
			if done() {
				return
			}
			t.Fatalf("the program ended while the test waited for %s:\n%s%s", what, &p.Stdout, &p.Stderr)
		case <-time.After(time.Millisecond):
		}
		if time.Now().After(deadline) {
			t.Fatalf("the test waited in vain for %s:\n%s%s", what, &p.Stdout, &p.Stderr)
		}
	}
}

// ExitCode waits for the end of the process; -1 is an end by a signal.
func (p *Process) ExitCode(t *testing.T) int {
	t.Helper()
	select {
	case <-p.exited:
		return p.Cmd.ProcessState.ExitCode()
	case <-time.After(2 * time.Minute):
		t.Fatalf("the program did not end:\n%s%s", &p.Stdout, &p.Stderr)
		return 0
	}
}

// Kill ends the process as kill -9 does.
func (p *Process) Kill() {
	_ = p.Cmd.Process.Kill()
	<-p.exited
}

// Signal sends a signal.
func (p *Process) Signal(t *testing.T, sig os.Signal) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no signals to send")
	}
	require.NoError(t, p.Cmd.Process.Signal(sig))
}

// Output is what a process has printed so far.
type Output struct {
	mu   sync.Mutex
	text strings.Builder
}

// Write implements [io.Writer].
func (o *Output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(b)
}

// String returns all of it.
func (o *Output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// Needs skips a test for want of a program, except where all of them must run.
func Needs(t *testing.T, program, install string) {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%s is missing: %s", program, install)
		}
		t.Skipf("%s is missing: %s", program, install)
	}
}
