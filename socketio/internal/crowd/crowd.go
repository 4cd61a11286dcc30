// Package crowd has connections that count the events they get and allocate nothing, for tests of what a server allocates.
package crowd

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// Crowd is a number of clients in a namespace. They end with the test.
type Crowd struct {
	t        testing.TB
	events   atomic.Int64
	expected int64
}

// Join connects n clients to the server at a URL, http://host:port, over WebSockets, and waits until all are in the main namespace.
func Join(t testing.TB, url string, n int) *Crowd {
	t.Helper()
	c := &Crowd{t: t}
	for range n {
		if err := c.join(strings.TrimPrefix(url, "http://")); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

func (c *Crowd) join(addr string) error {
	conn, err := (&net.Dialer{}).DialContext(c.t.Context(), "tcp", addr)
	if err != nil {
		return err
	}
	c.t.Cleanup(func() { _ = conn.Close() })
	_, err = fmt.Fprintf(conn, "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n\x81\x82\x00\x00\x00\x0040", addr)
	if err != nil {
		return err
	}
	r := bufio.NewReader(conn)
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		return err
	}
	_ = resp.Body.Close() // the frames are no body
	if resp.StatusCode != http.StatusSwitchingProtocols {
		return fmt.Errorf("no WebSocket: %s", resp.Status)
	}
	for kind := ""; kind != "40"; {
		if kind, err = frame(r); err != nil {
			return err
		}
	}
	go func() {
		for {
			kind, err := frame(r)
			if err != nil {
				return // the server has closed the connection, or the test is over
			}
			if kind == "42" {
				c.events.Add(1)
			}
		}
	}()
	return nil
}

// frame reads a frame and returns the first two bytes of its payload.
func frame(r *bufio.Reader) (kind string, err error) {
	head, err := r.Peek(2)
	if err != nil {
		return "", err
	}
	header, size := 2, int(head[1])
	switch size {
	case 126:
		if head, err = r.Peek(4); err != nil {
			return "", err
		}
		header, size = 4, int(binary.BigEndian.Uint16(head[2:]))
	case 127:
		return "", io.ErrShortBuffer
	}
	if head, err = r.Peek(header + min(size, 2)); err != nil {
		return "", err
	}
	switch string(head[header:]) {
	case "40":
		kind = "40"
	case "42":
		kind = "42"
	}
	_, err = r.Discard(header + size)
	return kind, err
}

// Await waits until all clients together have got n more events than what was awaited before.
func (c *Crowd) Await(n int) {
	c.expected += int64(n)
	for deadline := time.Now().Add(30 * time.Second); c.events.Load() < c.expected; time.Sleep(20 * time.Microsecond) {
		if time.Now().After(deadline) {
			c.t.Fatalf("%d events of %d have arrived", c.events.Load(), c.expected)
		}
	}
}
