//go:build linux && (amd64 || arm64)

package engineio

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"unsafe"
)

// maxWrite bounds one write: it is a system call that the scheduler does not know of.
const maxWrite = 256 << 10

// errAgain tells that a socket has nothing to read, or no room.
var errAgain = errors.New("engineio: socket is not ready")

// socket is the descriptor of a TCP connection, for this package alone: neither package net nor the runtime's poller knows it.
// Who closes it must know that nobody uses it: the number is given to the next connection at once.
type socket struct{ fd int32 }

// takeSocket takes the socket out of a connection, which is closed. The duplicate shares everything but the number.
func takeSocket(conn *net.TCPConn) (socket, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return socket{}, err
	}
	var fd uintptr
	var errno syscall.Errno
	err = raw.Control(func(old uintptr) {
		fd, _, errno = syscall.RawSyscall(syscall.SYS_FCNTL, old, syscall.F_DUPFD_CLOEXEC, 3)
	})
	if err != nil {
		return socket{}, err
	}
	if errno != 0 {
		return socket{}, errno
	}
	_ = conn.Close() // closes the other number only
	return socket{int32(fd)}, nil
}

// The calls below do not block, so the scheduler is not told of them: that would cost as much as the shorter ones take, and its
// watcher would look at us every 20 µs.

// read returns io.EOF at the end, and errAgain when there is nothing.
func (s socket) read(p []byte) (int, error) {
	for {
		n, _, errno := syscall.RawSyscall6(syscall.SYS_RECVFROM, uintptr(s.fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)),
			syscall.MSG_DONTWAIT, 0, 0)
		switch errno {
		case 0:
			if n == 0 {
				return 0, io.EOF
			}
			return int(n), nil
		case syscall.EAGAIN:
			return 0, errAgain
		case syscall.EINTR:
		default:
			return 0, errno
		}
	}
}

// write writes what the socket takes now. A full socket is not an error: sent is then short.
func (s socket) write(p []byte) (sent int, err error) {
	for sent < len(p) {
		rest := p[sent:min(len(p), sent+maxWrite)]
		n, _, errno := syscall.RawSyscall6(syscall.SYS_SENDTO, uintptr(s.fd), uintptr(unsafe.Pointer(unsafe.SliceData(rest))), uintptr(len(rest)),
			syscall.MSG_DONTWAIT|syscall.MSG_NOSIGNAL, 0, 0)
		switch errno {
		case 0:
			sent += int(n)
		case syscall.EAGAIN:
			return sent, nil
		case syscall.EINTR:
		default:
			return sent, errno
		}
	}
	return sent, nil
}

// shutdown ends both directions: whoever watches the socket reads its end.
func (s socket) shutdown() { _ = syscall.Shutdown(int(s.fd), syscall.SHUT_RDWR) }

func (s socket) close() { _ = syscall.Close(int(s.fd)) }

const (
	eventIn  = syscall.EPOLLIN
	eventOut = syscall.EPOLLOUT
	eventEnd = syscall.EPOLLRDHUP | syscall.EPOLLHUP | syscall.EPOLLERR

	edgeTriggered = 1 << 31
	maxEvents     = 256
)

// poller watches sockets. It is edge-triggered: it tells once that something has arrived, and again when more has.
type poller struct {
	fd     int
	file   *os.File // how a goroutine waits for it: an epoll can itself be watched, here by the runtime's
	raw    syscall.RawConn
	events []syscall.EpollEvent
	found  int
	glance func(uintptr) bool
	ready  func(uintptr) bool
}

// newPoller returns nil when the system has no room for one: connections are streams then.
func newPoller() *poller {
	fd, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nil
	}
	p := &poller{fd: fd, events: make([]syscall.EpollEvent, maxEvents)}
	err = syscall.SetNonblock(fd, true) // otherwise package os would not watch it
	p.file = os.NewFile(uintptr(fd), "epoll")
	if err == nil {
		p.raw, err = p.file.SyscallConn()
	}
	if err != nil {
		p.close()
		return nil
	}
	p.glance = func(uintptr) bool { p.ask(); return true }
	p.ready = func(uintptr) bool { p.ask(); return p.found > 0 }
	return p
}

// watch starts telling of a socket.
func (p *poller) watch(s socket) error { return p.control(syscall.EPOLL_CTL_ADD, s, eventIn) }

// wantWrite also tells when a socket that was full has room, or does not any more.
func (p *poller) wantWrite(s socket, yes bool) error {
	if yes {
		return p.control(syscall.EPOLL_CTL_MOD, s, eventIn|eventOut)
	}
	return p.control(syscall.EPOLL_CTL_MOD, s, eventIn)
}

func (p *poller) control(op int, s socket, events uint32) error {
	return syscall.EpollCtl(p.fd, op, int(s.fd), &syscall.EpollEvent{Events: events | syscall.EPOLLRDHUP | edgeTriggered, Fd: s.fd})
}

func (p *poller) ask() {
	n, _, errno := syscall.RawSyscall6(syscall.SYS_EPOLL_PWAIT, uintptr(p.fd), uintptr(unsafe.Pointer(unsafe.SliceData(p.events))),
		maxEvents, 0, 0, 0)
	if errno != 0 {
		n = 0 // interrupted: it will be asked again
	}
	p.found = int(n)
}

// look finds what has happened, without waiting. Like wait it must not be called twice at once.
func (p *poller) look() error { return p.raw.Read(p.glance) }

// wait waits until something has happened, or the poller is closed.
func (p *poller) wait() error { return p.raw.Read(p.ready) }

// each gives what the last look or wait has found.
func (p *poller) each(visit func(fd int32, events uint32)) {
	for _, e := range p.events[:p.found] {
		visit(e.Fd, e.Events)
	}
	p.found = 0
}

func (p *poller) close() { _ = p.file.Close() }
