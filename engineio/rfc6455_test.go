package engineio

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

var everyRound = flag.Bool("rfc6455.full", false, "send as many compressed messages as the Autobahn suite does: 1000 instead of 2 to 10")

// wsPeer is a client that sends bytes and reads frames, with or without compression.
type wsPeer struct {
	net.Conn
	r         *bufio.Reader
	extension string // what the server has agreed to
}

func dialPeer(t *testing.T, f *fixture, offer string) *wsPeer {
	t.Helper()
	conn, err := net.Dial("tcp", f.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(60 * time.Second))
	request := f.upgradeRequest("EIO=4&transport=websocket")
	if offer != "" {
		request = strings.TrimSuffix(request, "\r\n") + "Sec-WebSocket-Extensions: " + offer + "\r\n\r\n"
	}
	_, _ = io.WriteString(conn, request) // what is wrong shows when reading
	p := &wsPeer{Conn: conn, r: bufio.NewReader(conn)}
	res, err := http.ReadResponse(p.r, nil)
	if err != nil || res.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("handshake: %v %v", res, err)
	}
	p.extension = res.Header.Get("Sec-WebSocket-Extensions")
	if got := unpacked(p.read()); !strings.HasPrefix(got, "1:0{") {
		t.Fatalf("open packet: %q", got)
	}
	return p
}

// read returns a frame as opcode:payload, with a c before the colon when it is compressed, or "end".
func (p *wsPeer) read() string {
	var h [2]byte
	if _, err := io.ReadFull(p.r, h[:]); err != nil {
		return "end"
	}
	size := uint64(h[1])
	var x [8]byte
	switch size {
	case 126:
		_, _ = io.ReadFull(p.r, x[6:])
		size = binary.BigEndian.Uint64(x[:])
	case 127:
		_, _ = io.ReadFull(p.r, x[:])
		size = binary.BigEndian.Uint64(x[:])
	}
	payload := make([]byte, size)
	if _, err := io.ReadFull(p.r, payload); err != nil {
		return "end"
	}
	packed := ""
	if h[0]&rsv1Bit != 0 {
		packed = "c"
	}
	return fmt.Sprintf("%x%s:%s", h[0]&15, packed, payload)
}

// write sends in pieces. A server that has already closed takes no more, which is no error.
func (p *wsPeer) write(b []byte, chop int) {
	if chop == 0 {
		chop = len(b)
	}
	for len(b) > 0 {
		n := min(chop, len(b))
		if _, err := p.Write(b[:n]); err != nil {
			return
		}
		b = b[n:]
	}
}

// play has a case's conversation. It reports whether the server answered everything it could have: before it ends a connection that
// broke the rules, it may leave out what is not yet sent.
func (c *wsCase) play(t *testing.T, f *fixture) (strict bool) {
	t.Helper()
	p := dialPeer(t, f, "")
	for range max(1, c.rounds) {
		p.write(c.send, c.chop)
		for i, want := range c.want {
			got := p.read()
			if got == want {
				continue
			}
			if !c.open && got == "8:"+c.closing && i < len(c.want) && c.closing != normalClose {
				return false
			}
			t.Fatalf("%s: got %.80q, want %.80q", c.what, got, want)
		}
	}
	closing := c.closing
	if c.open {
		p.write(frame(fin|opClose, normalClose), 0)
		closing = normalClose
	}
	if got := p.read(); got != "8:"+closing {
		t.Fatalf("%s: got %.80q, want a close with %x", c.what, got, closing)
	}
	_ = p.Conn.(*net.TCPConn).CloseWrite() // the server need not wait for more
	if got := p.read(); got != "end" {
		t.Fatalf("%s: got %.80q after the close", c.what, got)
	}
	return true
}

// What RFC 6455 asks of a server, case by case, over a real connection.
func TestRFC6455(t *testing.T) {
	f := newFixture(t, Options{MaxPayload: 17 * mib, MaxFragments: 1 << 20, MaxQueueBytes: 64 * mib, PingInterval: time.Hour})
	f.ended = make(chan Reason, 10_000)
	cases := rfc6455Cases()
	loose := 0
	for _, c := range cases {
		t.Run(c.id, func(t *testing.T) {
			if !c.play(t, f) {
				loose++
			}
		})
	}
	if len(cases) != 301 {
		t.Errorf("%d cases, there are 301", len(cases))
	}
	t.Logf("%d cases; in %d the end came before an answer that was still to be sent", len(cases), loose)
}

// With the limits of production a message that is too large, or in too many pieces, ends the connection with the status for it.
func TestRFC6455WithinLimits(t *testing.T) {
	f := newFixture(t, Options{PingInterval: time.Hour})
	tooBig, policy := "\x03\xf1", "\x03\xf0" // 1009, 1008
	for _, c := range []wsCase{
		failCase("9.1.3", "1 MiB of text", tooBig, textFrame(strings.Repeat("*", mib))),
		failCase("9.2.6", "16 MiB of bytes, by its header", tooBig, binFrame(strings.Repeat("*", 16*mib))[:14]),
		failCase("9.3.4", "4 MiB in fragments of 4096", tooBig, fragmented(text, "4"+strings.Repeat("*", 4*mib), 4096)),
		failCase("9.4.1", "fragments of 64", policy, fragmented(bin, strings.Repeat("*", 4*mib), 64)),
		failCase("", "empty fragments without end", policy, frames(frame(text, "4"), bytes.Repeat(frame(cont, ""), 5000))),
		echoCase("9.1.2", "256 KiB of text", textFrame(strings.Repeat("*", 256<<10)), echoed(strings.Repeat("*", 256<<10))),
	} {
		t.Run(c.id+" "+c.what, func(t *testing.T) { c.play(t, f) })
	}
}
