package cli

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"parley/socketio/client"
)

// rawSocket is a WebSocket that sends whatever it is told to.
func (s *server) rawSocket() (net.Conn, *bufio.Reader) {
	s.t.Helper()
	conn, err := net.Dial("tcp", s.addr)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(15 * time.Second))
	_, _ = fmt.Fprintf(conn, "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", s.addr)
	r := bufio.NewReader(conn)
	if res, err := http.ReadResponse(r, nil); err != nil || res.StatusCode != http.StatusSwitchingProtocols {
		s.t.Fatalf("%v %v", res, err)
	}
	return conn, r
}

func textFrame(payload string) []byte {
	b := []byte{0x81}
	switch n := len(payload); {
	case n < 126:
		b = append(b, 0x80|byte(n))
	case n <= 0xffff:
		b = append(b, 0x80|126, byte(n>>8), byte(n))
	default:
		b = append(b, 0x80|127, 0, 0, 0, 0, byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
	}
	return append(append(b, 0, 0, 0, 0), payload...)
}

// Whatever one client sends, its own session is answered or closed, and nobody else notices.
func TestGarbageHurtsNobodyElse(t *testing.T) {
	s := start(t, "--rate-limit=off")
	ana, ben := s.join("Ana"), s.join("Ben")
	talk := func(what string) {
		t.Helper()
		ana.must("chat-message", reply{"text": "after " + what})
		ben.heard("new-message", "after "+what)
	}
	frames := map[string]string{
		"garbage":             "\x00\x01\x02",
		"a packet of no type": "4",
		"an unknown type":     "49",
		"no json":             "42[",
		"null payload":        "42[null]",
		"no name":             `42[{"toString":"foo"}]`,
		"a reserved name":     `42["disconnect"]`,
		"deep json":           `42["chat-message",` + strings.Repeat("[", 30_000) + strings.Repeat("]", 30_000) + "]",
		"bad placeholder":     `451-["x",{"_placeholder":true,"num":"splice"}]`,
		"many attachments":    `45999999-["x"]`,
		"a huge ack id":       `4299999999999999999999["x"]`,
		"other namespace":     `40/nope,`,
		"a bad CONNECT":       `40[]`,
		"an error event":      `42["error"]`,
		"events of a stray":   `42/other,["x"]`,
		"an upgrade packet":   "5",
		"too large":           "4" + strings.Repeat("2", 100_000),
	}
	for what, text := range frames {
		for _, connect := range []string{"", "40"} {
			conn, _ := s.rawSocket()
			if connect != "" {
				_, _ = conn.Write(textFrame(connect))
			}
			_, _ = conn.Write(textFrame(text))
			talk(what)
		}
	}
	raw := map[string]string{
		"ten megabytes":    "\x82\xff\x00\x00\x00\x00\x00\x98\x96\x80\x00\x00\x00\x00" + strings.Repeat("x", 10_000_000),
		"random bytes":     strings.Repeat("\xde\xad\xbe\xef", 1000),
		"unmasked":         "\x81\x0440[]",
		"tiny fragments":   "\x01\x81\x00\x00\x00\x004" + strings.Repeat("\x00\x80\x00\x00\x00\x00", 5000),
		"ping flood":       strings.Repeat("\x89\x80\x00\x00\x00\x00", 20_000),
		"half a frame":     "\x81\xfe\x00",
		"close of nothing": "\x88\x81\x00\x00\x00\x00x",
	}
	for what, bytes := range raw {
		conn, _ := s.rawSocket()
		_, _ = conn.Write([]byte(bytes)) // the server may hang up halfway
		talk(what)
	}
	for what, request := range map[string]string{
		"garbage handshake":  "\x16\x03\x01\x02\x00\x01\x00",
		"half a request":     "GET /socket.io/?EIO=4&trans",
		"huge header":        "GET / HTTP/1.1\r\nX: " + strings.Repeat("y", 100_000) + "\r\n\r\n",
		"many headers":       "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\n" + strings.Repeat("A: b\r\n", 2000) + "\r\n",
		"bad websocket key":  "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: x\r\n\r\n",
		"odd protocol":       "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: ,,,\r\nSec-WebSocket-Extensions: ;;;=\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
		"negative length":    "POST /socket.io/?EIO=4&transport=polling&sid=x HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
		"reset after asking": "",
	} {
		conn, err := net.Dial("tcp", s.addr)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(conn, request)
		if tcp := conn.(*net.TCPConn); request == "" {
			_, _ = fmt.Fprintf(conn, "GET /socket.io/?EIO=9&transport=websocket HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
			_ = tcp.SetLinger(0)
		}
		talk(what)
		_ = conn.Close()
	}
	if strings.Contains(s.log.String(), "panicked") {
		t.Fatal(s.log.String())
	}
	if got := ana.must("who-is-here", reply{})["online"].([]any); len(got) != 2 {
		t.Fatalf("%v are here", got)
	}
}

// A socket whose peer has vanished without a word is gone after a missed heartbeat.
func TestHalfOpenSocketsAreFound(t *testing.T) {
	s := start(t, "--ping-interval=1s", "--ping-timeout=1s")
	watcher := s.join("Watcher")
	conn, _ := s.rawSocket()
	_, _ = conn.Write(append(textFrame("40"), textFrame(`420["user-join",{"username":"Zombie"}]`)...))
	watcher.heard("user-joined", "Zombie")
	begun := time.Now()
	watcher.heard("user-left", "Zombie")
	if took := time.Since(begun); took < time.Second || took > 4*time.Second {
		t.Fatalf("found after %v", took)
	}
}

func TestClientsThatNeverJoinAreClosed(t *testing.T) {
	s := start(t, "--join-timeout=200ms")
	_, r := s.rawSocket()
	if _, err := io.Copy(io.Discard, r); err != nil {
		t.Fatalf("not closed but %v", err)
	}
}

func TestOrigins(t *testing.T) {
	s := start(t, "--allowed-origins=https://friend.test")
	status := func(origin string) (int, string) {
		req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+"/socket.io/?EIO=4&transport=polling", nil)
		if origin != "" {
			req.Header.Set("Origin", origin)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = res.Body.Close() }()
		body, _ := io.ReadAll(res.Body)
		return res.StatusCode, string(body)
	}
	for origin, want := range map[string]int{"": 200, s.url: 200, "https://friend.test": 200, "https://foe.test": 403, "null": 403, s.url + ".foe.test": 403} {
		got, body := status(origin)
		if got != want || want == 403 && !strings.Contains(body, "is not allowed: add it to ALLOWED_ORIGINS") {
			t.Errorf("%q: %d %s", origin, got, body)
		}
	}
	if !strings.Contains(s.log.String(), "https://foe.test") {
		t.Error("the refusal is not in the log")
	}
}

func TestConnectionsPerAddress(t *testing.T) {
	s := start(t, "--connections-per-ip=3")
	people := []*person{s.join("One"), s.join("Two"), s.join("Three")}
	_, err := client.Dial(t.Context(), s.url, client.Options{})
	if err == nil || !strings.Contains(err.Error(), "Too many connections from this address") {
		t.Fatalf("a fourth: %v", err)
	}
	people[0].Close()
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		c, err := client.Dial(t.Context(), s.url, client.Options{})
		if err == nil {
			c.Close()
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the place is not given back: %v", err)
		}
	}
	fast := start(t, "--connection-rate-per-ip=1")
	refused := 0
	for range 10 {
		c, err := client.Dial(t.Context(), fast.url, client.Options{})
		if err != nil {
			refused++
			continue
		}
		c.Close()
	}
	if refused < 4 {
		t.Fatalf("%d of 10 connections at once were refused", refused)
	}
}
