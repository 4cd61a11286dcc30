package engineio

import (
	"errors"
	"syscall"
)

// writeAttempt does one non-blocking write through a RawConn. It lives in the flusher so that an attempt allocates nothing.
type writeAttempt struct {
	buf  []byte
	sent int
	err  error
	fn   func(fd uintptr) bool
}

// try writes what the socket takes now. A full socket is not an error: sent is then short.
func (a *writeAttempt) try(raw syscall.RawConn, buf []byte) (sent int, err error) {
	if a.fn == nil {
		a.fn = a.once
	}
	a.buf, a.sent, a.err = buf, 0, nil
	err = raw.Write(a.fn)
	a.buf = nil
	if err == nil {
		err = a.err
	}
	return a.sent, err
}

// once returns true always: it never waits for the socket, the flusher has others to serve.
func (a *writeAttempt) once(fd uintptr) bool {
	for a.sent < len(a.buf) {
		n, err := syscall.Write(int(fd), a.buf[a.sent:])
		if n > 0 {
			a.sent += n
		}
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if errors.Is(err, syscall.EAGAIN) {
			return true
		}
		if err != nil {
			a.err = err
			return true
		}
	}
	return true
}
