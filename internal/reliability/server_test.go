package reliability

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const token = "reliability-0123456789abcdef"

var buildDir string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		var err error
		if buildDir, err = os.MkdirTemp("", "license-reliability-"); err != nil {
			panic(err)
		}
		defer os.RemoveAll(buildDir)
		return m.Run()
	}())
}

// buildServer builds examples/server, once for all tests.
var buildServer = sync.OnceValues(func() (string, error) {
	path := filepath.Join(buildDir, "server")
	if runtime.GOOS == "windows" {
		path += ".exe"
	}
	if out, err := exec.Command("go", "build", "-o", path, "../../examples/server").CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the server: %w\n%s", err, out)
	}
	return path, nil
})

// A server is an examples/server at work.
type server struct {
	url    string
	stderr string // the file of its log
	db     string
	kill   func() // ends it without a goodbye
}

var printedURL = regexp.MustCompile(`ready at (http://\S+)\n`)

// startServers starts so many servers on one database, all at once, and waits until they are
// ready. They end with the test.
func startServers(t *testing.T, n int, db string) []*server {
	t.Helper()
	servers := make([]*server, n)
	errs := make([]error, n)
	var starting sync.WaitGroup
	for i := range servers {
		log := filepath.Join(t.TempDir(), "log")
		starting.Go(func() {
			servers[i], errs[i] = launch(t, "127.0.0.1:0", db, log)
		})
	}
	starting.Wait()
	for _, err := range errs {
		require.NoError(t, err)
	}
	return servers
}

// restart kills the server and starts it again at the same address.
func (s *server) restart(t *testing.T) {
	t.Helper()
	s.kill()
	again, err := launch(t, strings.TrimPrefix(s.url, "http://"), s.db, filepath.Join(t.TempDir(), "log"))
	if assert.NoError(t, err) {
		s.kill = again.kill
	}
}

// launch starts a server, which ends with the test at the latest.
func launch(t *testing.T, addr, db, log string) (*server, error) {
	binary, err := buildServer()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(binary, "-addr", addr, "-db", db)
	cmd.Env = append(os.Environ(), "LICENSE_API_TOKENS="+token)
	stdout, err := os.Create(log + ".out")
	if err != nil {
		return nil, err
	}
	defer stdout.Close()
	stderr, err := os.Create(log + ".err")
	if err != nil {
		return nil, err
	}
	defer stderr.Close()
	cmd.Stdout, cmd.Stderr = stdout, stderr
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	exited := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(exited)
	}()
	kill := func() {
		_ = cmd.Process.Kill()
		<-exited
	}
	t.Cleanup(kill)
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); {
		text, err := os.ReadFile(stdout.Name())
		if err != nil {
			return nil, err
		}
		if m := printedURL.FindSubmatch(text); m != nil {
			return &server{url: string(m[1]), stderr: stderr.Name(), db: db, kill: kill}, nil
		}
		select {
		case <-exited:
			return nil, fmt.Errorf("the server ended: %s", tail(stderr.Name()))
		case <-time.After(5 * time.Millisecond):
		}
	}
	return nil, fmt.Errorf("the server is not ready: %s", tail(stderr.Name()))
}

// tail is the end of a file.
func tail(path string) string {
	const enough = 4 << 10
	f, err := os.Open(path)
	if err != nil {
		return err.Error()
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.Size() > enough {
		_, _ = f.Seek(-enough, io.SeekEnd)
	}
	text, _ := io.ReadAll(f)
	return string(text)
}
