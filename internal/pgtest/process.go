package pgtest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// patience is how long a program may take to start or to end, recovery included: that waits until each file
// is on the disk.
const patience = 3 * time.Minute

// errEnded is wrapped when a program that should serve has ended.
var errEnded = errors.New("the program ended")

// A folder is a temporary folder with at most one process that lives in it. A shell
// outside of the test process removes both: it reads the id of the process from a pipe,
// an empty line when there is none, and acts when the pipe closes, which also happens
// when the test process dies, in whatever way. (Pdeathsig would do less: it is Linux's
// alone, follows the thread rather than the process, and leaves the folder.) An orphan
// that nobody collects, as in many containers, counts as gone.
type folder struct {
	path    string
	account *account // whom the programs run as; nil means as we do
	pipe    io.WriteCloser
	removed chan struct{}
}

const watch = `
alive() { case $(ps -o stat= -p "$pid") in "" | Z*) false ;; esac; }
while read -r line; do pid=$line; done
if [ -n "$pid" ]; then
	kill -QUIT "$pid"
	for i in $(seq 100); do
		sleep 0.1
		alive || break
	done
	alive && kill -KILL "$pid"
fi
rm -rf -- "$1"`

func newFolder() (*folder, error) {
	account, err := unprivileged()
	if err != nil {
		return nil, fmt.Errorf("pgtest: %w", err)
	}
	path, err := os.MkdirTemp(temporary(account), "pgtest-")
	if err != nil {
		return nil, fmt.Errorf("pgtest: %w", err)
	}
	cmd := exec.Command("/bin/sh", "-c", watch, "sh", path)
	cmd.SysProcAttr = detached(nil)
	pipe, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		_ = os.RemoveAll(path)
		return nil, fmt.Errorf("pgtest: %w", err)
	}
	f := &folder{path: path, account: account, pipe: pipe, removed: make(chan struct{})}
	go func() {
		defer close(f.removed)
		_ = cmd.Wait()
	}()
	if err := f.give(path); err != nil {
		f.remove()
		return nil, err
	}
	return f, nil
}

// temporary is where the folder goes: another account cannot pass a parent that is
// closed to it, such as root's home.
func temporary(a *account) string {
	const fallback = "/tmp"
	dir := os.TempDir()
	if a == nil {
		return dir
	}
	for parent := dir; ; parent = filepath.Dir(parent) {
		info, err := os.Stat(parent)
		if err != nil || info.Mode().Perm()&1 == 0 {
			return fallback
		}
		if parent == filepath.Dir(parent) {
			return dir
		}
	}
}

// give makes path the account's own.
func (f *folder) give(path string) error {
	if f.account == nil {
		return nil
	}
	return os.Chown(path, f.account.uid, f.account.gid)
}

// write makes a file that only the account can read, and returns its path.
func (f *folder) write(name, content string) (string, error) {
	path := filepath.Join(f.path, name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		return "", err
	}
	return path, f.give(path)
}

func (f *folder) remove() {
	_ = f.pipe.Close()
	<-f.removed
}

func (f *folder) command(program string, args ...string) *exec.Cmd {
	cmd := exec.Command(program, args...)
	cmd.Dir = f.path
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	// A variable for clients (PGDATA, PGPORT, PGOPTIONS, ...) must not reach a server.
	cmd.Env = slices.DeleteFunc(cmd.Env, func(v string) bool { return strings.HasPrefix(v, "PG") })
	cmd.SysProcAttr = detached(f.account)
	return cmd
}

// run runs a program to its end.
func (f *folder) run(program string, args ...string) error {
	if out, err := f.command(program, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("pgtest: %s: %w\n%s", program, err, out)
	}
	return nil
}

// A process is a program at work in its folder.
type process struct {
	program string
	cmd     *exec.Cmd
	log     string
	ended   chan struct{} // closed when it has ended and its id is free
}

// start starts a program that goes on until it is ended. What it prints goes to a file
// in the folder.
func (f *folder) start(program string, args ...string) (*process, error) {
	log, err := os.OpenFile(filepath.Join(f.path, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("pgtest: %w", err)
	}
	defer log.Close()
	p := &process{program: program, cmd: f.command(program, args...), log: log.Name(), ended: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = log, log
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("pgtest: %w", err)
	}
	fmt.Fprintln(f.pipe, p.cmd.Process.Pid)
	go func() {
		defer close(p.ended)
		_ = p.cmd.Wait()
		fmt.Fprintln(f.pipe)
	}()
	return p, nil
}

// await waits until the database at url answers, and ends the process when it does not.
func (p *process) await(url string) error {
	db, err := sql.Open("pgx", url)
	if err != nil {
		return err
	}
	defer db.Close()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for {
		err := db.PingContext(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-p.ended:
			return fmt.Errorf("pgtest: %s: %w\n%s", p.program, errEnded, p.output())
		case <-ctx.Done():
			_ = p.kill()
			return fmt.Errorf("pgtest: %s does not answer: %w\n%s", p.program, err, p.output())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// end sends a signal and waits until the process is gone.
func (p *process) end(signal syscall.Signal) error {
	if err := p.cmd.Process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("pgtest: %w", err)
	}
	return p.wait()
}

// kill ends the process and its children with SIGKILL.
func (p *process) kill() error {
	if err := killAll(p.cmd.Process); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("pgtest: %w", err)
	}
	return p.wait()
}

func (p *process) wait() error {
	select {
	case <-p.ended:
		return nil
	case <-time.After(patience):
		return fmt.Errorf("pgtest: %s does not end\n%s", p.program, p.output())
	}
}

// output is the end of what the process printed.
func (p *process) output() []byte {
	const enough = 4 << 10
	out, _ := os.ReadFile(p.log)
	return out[max(0, len(out)-enough):]
}

// find returns a folder that holds all programs: the one in PATH, otherwise the first
// that matches a pattern, the newest version first. It returns "" when there is none.
func find(program, beside string, patterns ...string) string {
	var dirs []string
	if path, err := exec.LookPath(program); err == nil {
		if path, err = filepath.EvalSymlinks(path); err == nil {
			dirs = append(dirs, filepath.Dir(path))
		}
	}
	for _, pattern := range patterns {
		found, _ := filepath.Glob(pattern)
		slices.SortFunc(found, func(a, b string) int { return version(b) - version(a) })
		dirs = append(dirs, found...)
	}
	for _, dir := range dirs {
		if executable(filepath.Join(dir, program)) && executable(filepath.Join(dir, beside)) {
			return dir
		}
	}
	return ""
}

func executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o111 != 0
}

// version is the last number in a path, 17 in /usr/lib/postgresql/17/bin.
func version(path string) int {
	digits := strings.FieldsFunc(path, func(r rune) bool { return r < '0' || r > '9' })
	if len(digits) == 0 {
		return 0
	}
	n, _ := strconv.Atoi(digits[len(digits)-1])
	return n
}

// freePort picks a port below those that systems hand out by themselves, so that it is
// still free for a server that comes back after a while.
func freePort() (int, error) {
	const first, last = 20000, 32000
	var err error
	for range 100 {
		port := first + rand.IntN(last-first)
		var l net.Listener
		if l, err = net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))); err == nil {
			return port, l.Close()
		}
	}
	return 0, fmt.Errorf("pgtest: no free port: %w", err)
}
