//go:build unix

package pgtest

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"syscall"
)

// An account is whom a program runs as.
type account struct{ uid, gid int }

// unprivileged returns the account for programs that refuse to run as root, and nil when
// we are not root.
func unprivileged() (*account, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err := strconv.Atoi(u.Uid)
		if err != nil {
			return nil, err
		}
		gid, err := strconv.Atoi(u.Gid)
		if err != nil {
			return nil, err
		}
		return &account{uid, gid}, nil
	}
	return nil, errors.New("PostgreSQL refuses to run as root, and there is neither a user postgres nor a user nobody")
}

// detached keeps the signals of a terminal (Ctrl-C) away from a program, and runs it as a.
func detached(a *account) *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Setsid: true}
	if a != nil {
		attr.Credential = &syscall.Credential{Uid: uint32(a.uid), Gid: uint32(a.gid)}
	}
	return attr
}

// killAll kills a process and its children at one stroke. Stopped first, the process
// neither makes more of them nor sees them die.
func killAll(p *os.Process) error {
	if err := p.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	processes, err := exec.Command("ps", "-A", "-o", "ppid=", "-o", "pid=").Output()
	if err := p.Kill(); err != nil {
		return err
	}
	if err != nil {
		return err
	}
	parent := strconv.Itoa(p.Pid)
	for line := range bytes.Lines(processes) {
		f := bytes.Fields(line)
		if len(f) != 2 || string(f[0]) != parent {
			continue
		}
		if child, err := strconv.Atoi(string(f[1])); err == nil {
			_ = syscall.Kill(child, syscall.SIGKILL) // it may have left by itself
		}
	}
	return nil
}
