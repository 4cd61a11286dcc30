package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"time"

	"golang.org/x/sys/unix"
)

// generator is all clients of one run, on one epoll. They go to the servers' ports by turns.
type generator struct {
	ports []int
	next  int
	epoll int
	conns []*conn
	byFD  map[int32]*conn
	buf   []byte
	// What arrives is told here.
	onAck   func(c *conn)
	onEvent func(c *conn, payload []byte)
	// onAnswer is onAck with what it begins with.
	onAnswer func(c *conn, head []byte)
	acks     int
	events   int
	dialect  *dialect // nil for Socket.IO
}

// conn is one client.
type conn struct {
	fd      int
	scanner scanner
	tail    []byte // of what has been read, for a dialect
}

func newGenerator(ports ...int) (*generator, error) {
	ep, err := unix.EpollCreate1(0)
	if err != nil {
		return nil, err
	}
	return &generator{ports: ports, epoll: ep, byFD: map[int32]*conn{}, buf: make([]byte, 256<<10)}, nil
}

func (g *generator) close() {
	for _, c := range g.conns {
		_ = unix.Close(c.fd)
	}
	_ = unix.Close(g.epoll)
}

func (g *generator) drop(c *conn) {
	delete(g.byFD, int32(c.fd))
	_ = unix.Close(c.fd)
}

// dial opens a TCP connection and leaves it blocking.
func (g *generator) dial() (*conn, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		return nil, err
	}
	g.next++
	if err := unix.Connect(fd, &unix.SockaddrInet4{Port: g.ports[g.next%len(g.ports)], Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return nil, errors.Join(err, unix.Close(fd))
	}
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	return &conn{fd: fd}, nil
}

var upgradeRequest = upgradeTo("/socket.io/?EIO=4&transport=websocket")

func upgradeTo(path string) string {
	return "GET " + path + " HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n" +
		"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
}

// join opens a WebSocket, connects to the main namespace and is in the chat when it returns.
func (g *generator) join() (*conn, error) {
	c, err := g.dial()
	if err != nil {
		return nil, err
	}
	join := c.handshake
	if g.dialect != nil {
		join = func(buf []byte) error { return g.dialect.join(c, buf) }
	}
	if err := join(g.buf); err != nil {
		return nil, errors.Join(err, unix.Close(c.fd))
	}
	return c, nil
}

// connect opens n clients.
func (g *generator) connect(n int) error {
	for range n {
		c, err := g.join()
		if err != nil {
			return err
		}
		if err := g.watch(c); err != nil {
			return err
		}
	}
	return nil
}

func (g *generator) watch(c *conn) error {
	if err := unix.SetNonblock(c.fd, true); err != nil {
		return err
	}
	g.conns = append(g.conns, c)
	g.byFD[int32(c.fd)] = c
	return unix.EpollCtl(g.epoll, unix.EPOLL_CTL_ADD, c.fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(c.fd)})
}

func (c *conn) handshake(buf []byte) error {
	if err := c.write([]byte(upgradeRequest)); err != nil {
		return err
	}
	if err := c.await(buf, "\r\n\r\n"); err != nil {
		return err
	}
	if err := c.write(clientFrame("40")); err != nil {
		return err
	}
	if err := c.await(buf, `40{"sid"`); err != nil {
		return err
	}
	if err := c.write(clientFrame(`420["user-join",{"username":"bench"}]`)); err != nil {
		return err
	}
	return c.await(buf, `430[`)
}

// await reads until a text has come. It is only used while little is sent.
func (c *conn) await(buf []byte, text string) error {
	at := 0
	for {
		n, err := unix.Read(c.fd, buf[at:])
		if err != nil || n == 0 {
			return fmt.Errorf("connection ended while waiting for %q: %w %q", text, cmp.Or(err, io.EOF), buf[:at])
		}
		at += n
		if containsText(buf[:at], text) {
			return nil
		}
	}
}

func containsText(b []byte, text string) bool {
	for i := 0; i+len(text) <= len(b); i++ {
		if string(b[i:i+len(text)]) == text {
			return true
		}
	}
	return false
}

func (c *conn) write(b []byte) error {
	for len(b) > 0 {
		n, err := unix.Write(c.fd, b)
		if errors.Is(err, unix.EAGAIN) {
			continue // what clients send is small; the server will take it
		}
		if err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

// poll handles what has arrived, waiting for at most the given time.
func (g *generator) poll(wait time.Duration) error {
	var events [256]unix.EpollEvent
	n, err := unix.EpollWait(g.epoll, events[:], int(wait.Milliseconds()))
	if err != nil && !errors.Is(err, unix.EINTR) {
		return err
	}
	for _, e := range events[:max(n, 0)] {
		c := g.byFD[e.Fd]
		if c == nil {
			continue
		}
		n, err := unix.Read(c.fd, g.buf)
		if errors.Is(err, unix.EAGAIN) {
			continue
		}
		if err != nil || n == 0 {
			return fmt.Errorf("the server closed a connection: %w", cmp.Or(err, io.EOF))
		}
		if g.dialect != nil {
			g.dialect.read(g, c, g.buf[:n])
			continue
		}
		c.scanner.scan(g.buf[:n], func(head []byte) { g.frame(c, head) })
	}
	return nil
}

// frame looks at a frame's first bytes.
func (g *generator) frame(c *conn, head []byte) {
	switch {
	case len(head) >= 2 && head[0] == '4' && head[1] == '2':
		g.events++
		if g.onEvent != nil {
			g.onEvent(c, head)
		}
	case len(head) >= 2 && head[0] == '4' && head[1] == '3':
		g.acks++
		if g.onAck != nil {
			g.onAck(c)
		}
		if g.onAnswer != nil {
			g.onAnswer(c, head)
		}
	case len(head) == 1 && head[0] == '2':
		_ = c.write(clientFrame("3")) // a connection that is gone shows at the next read
	}
}

// until polls until a time.
func (g *generator) until(end time.Time) error {
	for time.Now().Before(end) {
		if err := g.poll(min(time.Until(end), 5*time.Millisecond)); err != nil {
			return err
		}
	}
	return nil
}

// clientFrame is a masked text frame; a mask of zeros costs both sides what any mask does.
func clientFrame(text string) []byte {
	b := []byte{0x81}
	if len(text) < 126 {
		b = append(b, 0x80|byte(len(text)))
	} else {
		b = append(b, 0x80|126, byte(len(text)>>8), byte(len(text)))
	}
	return append(append(b, 0, 0, 0, 0), text...)
}
