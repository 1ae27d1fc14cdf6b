//go:build !unix

package pgtest

import (
	"errors"
	"os"
	"syscall"
)

type account struct{ uid, gid int }

func unprivileged() (*account, error) {
	return nil, errors.New("a private PostgreSQL is started on Unix systems only")
}

func killAll(p *os.Process) error { return p.Kill() }

func detached(*account) *syscall.SysProcAttr { return nil }
