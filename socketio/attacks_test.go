package socketio_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"parley/socketio"
	"parley/socketio/client"
)

// attacker talks to a server as nobody should.
type attacker struct {
	visitor
	t *testing.T
}

// ends sends packets on a WebSocket of its own, and expects the close frame with a status.
func (a attacker) ends(status uint16, frames ...string) {
	a.t.Helper()
	conn, r, err := a.webSocket("", "40")
	if err == nil {
		err = await(r, "40")
	}
	if err != nil {
		a.t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	for _, f := range frames {
		if _, err := io.WriteString(conn, f); err != nil {
			break // the server has had enough
		}
	}
	got, err := closeStatus(r)
	if err != nil || got != status {
		a.t.Errorf("%.60q: close frame %d, %v, want %d", frames, got, err, status)
	}
}

// survives sends packets on a WebSocket of its own, which is to go on.
func (a attacker) survives(frames ...string) {
	a.t.Helper()
	conn, r, err := a.webSocket("", "40")
	if err != nil {
		a.t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := io.WriteString(conn, strings.Join(frames, "")+text(`427["hello"]`)); err != nil {
		a.t.Fatal(err)
	}
	if err := await(r, "437["); err != nil {
		a.t.Errorf("%.60q: %v", frames, err)
	}
}

// closeStatus reads until a close frame, which has two bytes and nothing else.
func closeStatus(r io.Reader) (uint16, error) {
	for {
		var head [2]byte
		if _, err := io.ReadFull(r, head[:]); err != nil {
			return 0, err
		}
		payload := make([]byte, head[1])
		if _, err := io.ReadFull(r, payload); err != nil {
			return 0, err
		}
		if head[0] == 0x88 {
			if len(payload) != 2 {
				return 0, fmt.Errorf("close frame with %q", payload)
			}
			return binary.BigEndian.Uint16(payload), nil
		}
	}
}

// text is a masked text frame of any length.
func text(payload string) string {
	if len(payload) < 126 {
		return masked(0x81, payload)
	}
	head := binary.BigEndian.AppendUint64([]byte{0x81, 0x80 | 127}, uint64(len(payload)))
	return string(head) + "\x00\x00\x00\x00" + payload
}

// raw sends bytes on a connection and returns what comes back, until the server closes or has answered with want.
func (a attacker) raw(request, want string) {
	a.t.Helper()
	conn, err := net.Dial("tcp", a.addr) //nolint:noctx // it is on loopback
	if err != nil {
		a.t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	_, _ = io.WriteString(conn, request) // the server may have answered before it has read all
	var got []byte
	buf := make([]byte, 4096)
	for !bytes.Contains(got, []byte(want)) {
		n, err := conn.Read(buf)
		got = append(got, buf[:n]...)
		if err != nil {
			a.t.Errorf("%.60q: answered %.200q, %v, want %q", request, got, err, want)
			return
		}
	}
}

const upgradeRequest = "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
	"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

func (a attacker) status(method, query, body string, want int) http.Header {
	a.t.Helper()
	req, err := http.NewRequestWithContext(a.t.Context(), method, "http://"+a.addr+"/socket.io/?"+query, strings.NewReader(body))
	if err != nil {
		a.t.Fatal(err)
	}
	req.Header.Set("Origin", "https://evil.test")
	resp, err := a.http.Do(req)
	if err != nil {
		a.t.Errorf("%s %s: %v", method, query, err)
		return http.Header{}
	}
	_ = resp.Body.Close()
	if resp.StatusCode != want {
		a.t.Errorf("%s %s: %s, want %d", method, query, resp.Status, want)
	}
	return resp.Header
}

// Every attack that has been found on servers of this kind, by the name or number under which it is known: it closes or answers the one
// session, and nobody else notices.
func TestKnownAttacks(t *testing.T) {
	f := serve(t, socketio.Options{})
	f.io.On("hello", func(_ *socketio.Socket, e *socketio.Event) {
		if err := e.Ack("hello"); err != nil {
			t.Error(err)
		}
	})
	f.io.On("panic", func(*socketio.Socket, *socketio.Event) { panic("a handler's mistake") })
	bystander, err := client.Dial(within(t), f.url, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer bystander.Close()
	v := visitor{strings.TrimPrefix(f.url, "http://"), &http.Client{Timeout: 10 * time.Second}}
	polling := func() string {
		sid, err := v.polling()
		if err != nil {
			t.Fatal(err)
		}
		return "EIO=4&transport=polling&sid=" + sid
	}
	deep := func(open, shut string) string { return strings.Repeat(open, 5000) + strings.Repeat(shut, 5000) }
	for _, attack := range []struct {
		name string
		do   func(a attacker)
	}{
		{"predictable ids", func(a attacker) {
			seen := map[string]bool{}
			for range 200 {
				sid, err := a.polling()
				if err != nil || len(sid) != 20 || seen[sid] {
					a.t.Fatalf("%q, %v", sid, err)
				}
				seen[sid] = true
			}
			for _, s := range f.io.Sockets() {
				if len(s.ID()) != 20 || seen[s.ID()] || s.ID() == s.Session().ID() {
					a.t.Fatalf("socket %q of session %q", s.ID(), s.Session().ID())
				}
				seen[s.ID()] = true
			}
		}},
		{"CORS * by default (CVE-2020-28481)", func(a attacker) {
			h := a.status(http.MethodGet, "EIO=4&transport=polling", "", http.StatusOK)
			if h.Get("Access-Control-Allow-Origin") != "" {
				a.t.Error(h)
			}
		}},
		{"huge POST (CVE-2020-36048)", func(a attacker) {
			a.status(http.MethodPost, polling(), strings.Repeat("x", 1_000_001), http.StatusRequestEntityTooLarge)
		}},
		{"42222… (CVE-2020-36049)", func(a attacker) {
			a.status(http.MethodPost, polling(), "4"+strings.Repeat("2", 999_998), http.StatusOK)
			a.ends(1000, text("4"+strings.Repeat("2", 999_990)))
			a.ends(1000, text("425"+strings.Repeat("1", 500_000)+"-"))
		}},
		{"many packets in a POST", func(a attacker) {
			a.status(http.MethodPost, polling(), strings.Repeat("6\x1e", 499_999)+"6", http.StatusBadRequest)
		}},
		{"bad RSV right after the upgrade request (CVE-2022-21676)", func(a attacker) {
			a.raw(upgradeRequest+"\r\n\xf1\x80\x00\x00\x00\x00", "\x88\x02\x03\xea")
		}},
		{"RST during an invalid upgrade (CVE-2022-41940)", func(a attacker) {
			for range 50 {
				conn, err := net.Dial("tcp", a.addr) //nolint:noctx // it is on loopback
				if err != nil {
					a.t.Fatal(err)
				}
				_, _ = io.WriteString(conn, strings.Replace(upgradeRequest, "Version: 13", "Version: 7", 1)+"\r\n")
				_ = conn.(*net.TCPConn).SetLinger(0) //nolint:forcetypeassert // by its network
				_ = conn.Close()
			}
		}},
		{"unknown transports and sids, __proto__ (CVE-2023-31125)", func(a attacker) {
			for _, q := range []string{
				"EIO=4", "EIO=4&transport=", "EIO=4&transport=__proto__", "EIO=4&transport=constructor", "EIO=4&transport=polling&sid=__proto__",
				"EIO=4&transport=polling&sid=" + strings.Repeat("x", 2000), "EIO=4&transport=webtransport", "EIO=99&transport=polling",
			} {
				a.status(http.MethodGet, q, "", http.StatusBadRequest)
				a.status(http.MethodPost, q, "4hello", http.StatusBadRequest)
			}
		}},
		{"placeholders that name a method, or nothing (CVE-2022-2421)", func(a attacker) {
			for _, num := range []string{`"splice"`, "1", "-1", "0.5", "1e99", "null", "{}", `"0"`} {
				a.ends(1000, text(`451-["hello",{"_placeholder":true,"num":`+num+`}]`), masked(0x82, "x"))
			}
		}},
		{"events without a name (CVE-2023-32695)", func(a attacker) {
			for _, args := range []string{`[{"toString":"foo"}]`, `[true]`, `[null]`, `[]`, `{}`, `["connect"]`, `["disconnecting"]`, ``, `"x"`} {
				a.ends(1000, text("42"+args))
			}
		}},
		{`an event named error (CVE-2024-38355)`, func(a attacker) { a.survives(text(`42["error"]`), text(`423["error",{}]`)) }},
		{"attachments without end (CVE-2026-33151)", func(a attacker) {
			a.ends(1000, text(`4599999999999-["hello"]`))
			a.ends(1000, text(`4511-["hello"]`))
			a.ends(1000, masked(0x82, "of nothing"))
			a.ends(1000, text(`452-["hello",{"_placeholder":true,"num":0}]`), text(`42["instead"]`))
		}},
		{"tiny fragments (CVE-2026-48779)", func(a attacker) {
			a.ends(1008, masked(0x01, "4"), strings.Repeat(masked(0x00, "x"), 2000))
			a.ends(1008, masked(0x01, "4"), strings.Repeat(masked(0x00, ""), 2000))
		}},
		{"more than 100 headers (CVE-2024-37890)", func(a attacker) {
			a.raw(upgradeRequest+strings.Repeat("X-Header: x\r\n", 2500)+"\r\n", "101 Switching Protocols")
			a.raw(upgradeRequest+strings.Repeat("X-Header: "+strings.Repeat("x", 1000)+"\r\n", 1100)+"\r\n", "431 Request Header Fields Too Large")
		}},
		{"Sec-WebSocket-Protocol and -Extensions (CVE-2021-32640)", func(a attacker) {
			for _, value := range []string{"a" + strings.Repeat(" ", 50_000) + "x", strings.Repeat(",", 50_000), strings.Repeat(`a;b="\\",`, 6000), "\x01"} {
				for _, name := range []string{"Protocol", "Extensions"} {
					a.raw(upgradeRequest+"Sec-WebSocket-"+name+": "+value+"\r\n\r\n", "HTTP/1.1 ")
				}
			}
		}},
		{"close frames give nothing away (CVE-2026-45736)", func(a attacker) {
			a.ends(1000, masked(0x88, "\x03\xe8what the client says is not repeated"))
			a.ends(1002, masked(0x88, "\x03"))
			a.ends(1002, masked(0x88, "\x03\xed"))
			a.ends(1007, masked(0x88, "\x03\xe8\xff"))
		}},
		{"an event without its callback", func(a attacker) { a.survives(text(`42["hello"]`)) }},
		{"acknowledgements that nobody waits for", func(a attacker) {
			a.survives(text("430[]"), text(`439007199254740991["x"]`), text("43[1]"))
			a.ends(1000, text("4318446744073709551616[]"))
		}},
		{"JSON nested thousands deep", func(a attacker) {
			a.ends(1000, text(`42["hello",`+deep("[", "]")+`]`))
			a.ends(1000, text(`42["hello",`+strings.Repeat(`{"a":`, 5000)+"1"+strings.Repeat("}", 5000)+`]`))
			a.ends(1000, text("40"+strings.Repeat(`{"a":`, 5000)+"1"+strings.Repeat("}", 5000)))
		}},
		{"namespaces without end", func(a attacker) {
			var frames []string
			for i := range 500 {
				frames = append(frames, text(fmt.Sprintf("40/made-up-%d,", i)))
			}
			a.survives(frames...)
			if n := len(f.io.Namespaces()); n != 1 {
				a.t.Errorf("%d namespaces", n)
			}
		}},
		{"a handler that panics", func(a attacker) { a.ends(1000, text(`42["panic"]`)) }},
	} {
		t.Run(attack.name, func(t *testing.T) {
			attack.do(attacker{v, t})
			if args, err := bystander.EmitWithAck(within(t), "hello"); err != nil || string(args[0]) != `"hello"` {
				t.Fatalf("a bystander was harmed: %q, %v", args, err)
			}
		})
	}
}
