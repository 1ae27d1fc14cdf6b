package load

import (
	"fmt"
	"io"
	"net/netip"
	"os"
	"runtime"
	"syscall"
)

// Send sends n requests as fast as the server answers, on each connection one after
// another. next returns the request with a number, counted from 0 on.
//
// One thread does so, and asks the kernel for all that has arrived at once: goroutines would take half
// as much again, of a machine that is the server's too.
func (c *Client) Send(n int, next func(i int) Request) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := c.openPolls(); err != nil {
		return err
	}
	poll, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return os.NewSyscallError("epoll_create1", err)
	}
	defer syscall.Close(poll)
	conns := c.polls[:min(n, len(c.polls))]
	for i, cn := range conns {
		event := syscall.EpollEvent{Events: syscall.EPOLLIN, Fd: int32(i)} // Fd may be any number
		if err := syscall.EpollCtl(poll, syscall.EPOLL_CTL_ADD, int(cn.ReadWriteCloser.(socket)), &event); err != nil {
			return os.NewSyscallError("epoll_ctl", err)
		}
		if err := cn.begin(next(i)); err != nil {
			return err
		}
	}
	sent, waiting := len(conns), len(conns)
	events := make([]syscall.EpollEvent, len(conns))
	for waiting > 0 {
		ready, err := syscall.EpollWait(poll, events, -1)
		if err != nil && err != syscall.EINTR {
			return os.NewSyscallError("epoll_wait", err)
		}
		for _, event := range events[:max(ready, 0)] {
			cn := conns[event.Fd]
			ended, err := cn.read()
			switch {
			case err != nil:
				return err
			case !ended:
			case sent == n:
				waiting--
			default:
				if err := cn.begin(next(sent)); err != nil {
					return err
				}
				sent++
			}
		}
	}
	return nil
}

// openPolls opens as many connections again, of which the runtime does not know, so that it is not
// woken by what arrives there.
func (c *Client) openPolls() error {
	for len(c.polls) < len(c.conns) {
		s, err := dial(c.addr)
		if err != nil {
			return fmt.Errorf("connecting to %s: %w", c.addr, err)
		}
		c.polls = append(c.polls, newConn(s))
	}
	return nil
}

// socket is a connection that blocks its thread.
type socket int

func dial(addr string) (socket, error) {
	to, err := netip.ParseAddrPort(addr)
	if err != nil {
		return 0, err
	}
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, os.NewSyscallError("socket", err)
	}
	s := socket(fd)
	if err := syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1); err != nil {
		_ = s.Close()
		return 0, os.NewSyscallError("setsockopt", err)
	}
	if err := syscall.Connect(fd, &syscall.SockaddrInet4{Addr: to.Addr().As4(), Port: int(to.Port())}); err != nil {
		_ = s.Close()
		return 0, os.NewSyscallError("connect", err)
	}
	return s, nil
}

func (s socket) Read(b []byte) (int, error) {
	for {
		switch n, err := syscall.Read(int(s), b); {
		case err == syscall.EINTR:
		case err != nil:
			return 0, os.NewSyscallError("read", err)
		case n == 0:
			return 0, io.EOF
		default:
			return n, nil
		}
	}
}

func (s socket) Write(b []byte) (n int, err error) {
	for n < len(b) {
		written, err := syscall.Write(int(s), b[n:])
		if err != nil && err != syscall.EINTR {
			return n, os.NewSyscallError("write", err)
		}
		n += max(written, 0)
	}
	return n, nil
}

func (s socket) Close() error { return os.NewSyscallError("close", syscall.Close(int(s))) }
