package engineio

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"syscall"
	"time"
)

// relay copies bytes between a client and the node that has its session, until either ends. While nothing comes it holds no buffer.
type relay struct {
	client, peer net.Conn
	timeout      time.Duration // of a write: who does not read in time is gone
	halves       sync.WaitGroup
	stop         func() bool // ends the watch over the node
}

// relay starts a relay, after what has come from either side already.
func (f *forwarder) relay(client, peer net.Conn, toClient, toPeer []byte, node Node) {
	l := &relay{client: client, peer: peer, timeout: f.srv.opts.WriteTimeout, stop: func() bool { return true }}
	f.mu.Lock()
	if f.closed {
		f.mu.Unlock()
		l.close()
		return
	}
	f.relays[l] = struct{}{}
	f.done.Add(1)
	f.mu.Unlock()
	if node.Alive != nil {
		l.stop = context.AfterFunc(node.Alive, l.close)
	}
	l.halves.Add(2)
	go l.half(client, peer, toPeer)
	go func() {
		defer f.done.Done()
		l.half(peer, client, toClient)
		l.halves.Wait()
		l.stop()
		l.close()
		f.mu.Lock()
		delete(f.relays, l)
		f.mu.Unlock()
	}()
}

func (l *relay) close() {
	_ = l.client.Close()
	_ = l.peer.Close()
}

// half copies in one direction. The end of one side is passed on; the other then has a moment for its own.
func (l *relay) half(from, to net.Conn, first []byte) {
	defer l.halves.Done()
	if len(first) > 0 {
		if _, err := writeWithin(to, first, l.timeout); err != nil {
			l.close()
			return
		}
	}
	if err := l.pump(from, to); err != nil {
		l.close()
		return
	}
	if c, ok := to.(interface{ CloseWrite() error }); ok {
		_ = c.CloseWrite() // or it is gone already
	}
	_ = to.SetReadDeadline(time.Now().Add(lingerTimeout))
}

var relayBuffers = sync.Pool{New: func() any { b := make([]byte, 8<<10); return &b }}

// pump returns nil at the end of what from sends.
func (l *relay) pump(from, to net.Conn) error {
	sc, ok := from.(*net.TCPConn)
	if !ok {
		_, err := io.CopyBuffer(struct{ io.Writer }{timedWriter{to, l.timeout}}, from, make([]byte, 4<<10))
		return err
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return err
	}
	var ended error
	err = raw.Read(func(fd uintptr) bool {
		done, err := l.pass(int(fd), to)
		ended = err
		return done
	})
	return errors.Join(err, ended)
}

// pass copies what there is now, and reports whether that was the end.
func (l *relay) pass(fd int, to net.Conn) (bool, error) {
	bp := relayBuffers.Get().(*[]byte)
	defer relayBuffers.Put(bp)
	for {
		n, err := syscall.Read(fd, *bp)
		switch {
		case errors.Is(err, syscall.EAGAIN):
			return false, nil
		case errors.Is(err, syscall.EINTR):
			continue
		case err != nil || n == 0:
			return true, err
		}
		if _, err := writeWithin(to, (*bp)[:n], l.timeout); err != nil {
			return true, err
		}
	}
}

// timedWriter gives each write its time.
type timedWriter struct {
	conn    net.Conn
	timeout time.Duration
}

func (w timedWriter) Write(p []byte) (int, error) { return writeWithin(w.conn, p, w.timeout) }

// close ends the relays, and refuses new ones. Polls go on: they end by themselves, and whoever stops the HTTP server waits for them.
func (f *forwarder) close() {
	f.mu.Lock()
	f.closed = true
	for l := range f.relays {
		l.close()
	}
	f.mu.Unlock()
	f.done.Wait()
	f.client.CloseIdleConnections()
}
