package engineio

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// echoHandler sends everything back and writes down how it ended.
type echoHandler struct{ ended chan Reason }

func (h *echoHandler) OnMessage(s *Session, isBinary bool, data []byte) {
	if string(data) == "panic" {
		panic("as asked")
	}
	_ = s.SendOne(NewMessage(isBinary, data))
}

func (h *echoHandler) OnClose(_ *Session, r Reason, _ error) { h.ended <- r }

// overStreams has the fixture's connections be streams, as those with TLS are, instead of sockets of our own.
var overStreams bool

type streamListener struct{ net.Listener }

func (l streamListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	return struct{ net.Conn }{c}, err
}

// What holds for sockets holds for streams.
func TestOverStreams(t *testing.T) {
	overStreams = true
	defer func() { overStreams = false }()
	for name, test := range map[string]func(*testing.T){
		"round trip": TestWebSocketRoundTrip, "upgrade": TestUpgrade, "closed while upgrading": TestClosedWhileUpgrading,
		"abandoned upgrade": TestAbandonedUpgrade, "misbehaviour": TestMisbehaviour, "early bytes": TestEarlyBytes,
		"panic": TestHandlerPanicEndsOnlyItsSession, "heartbeat": TestHeartbeat, "slow consumer": TestSlowConsumer,
		"nothing is left": TestNothingIsLeft, "order": TestMessagesKeepTheirOrderThroughSlowness, "deflate": TestPerMessageDeflate,
		"blocked handler": TestBlockedHandlerHoldsBackNobody, "write timeout": TestWriteTimeout,
	} {
		t.Run(name, test)
	}
}

type fixture struct {
	t     *testing.T
	srv   *Server
	url   string
	addr  string
	ended chan Reason
}

func newFixture(t *testing.T, o Options) *fixture {
	t.Helper()
	f := &fixture{t: t, ended: make(chan Reason, 1000)}
	f.srv = NewServer(o, func(*Session) Handler { return &echoHandler{f.ended} })
	hs := httptest.NewUnstartedServer(f.srv)
	if overStreams {
		hs.Listener = streamListener{hs.Listener}
	}
	hs.Start()
	f.url, f.addr = hs.URL, hs.Listener.Addr().String()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := f.srv.Close(ctx); err != nil {
			t.Errorf("close: %v", err)
		}
		hs.Close()
	})
	return f
}

func (f *fixture) do(method, query, body string) (int, string) {
	f.t.Helper()
	req, err := http.NewRequestWithContext(f.t.Context(), method, f.url+"/?"+query, strings.NewReader(body))
	if err != nil {
		f.t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		f.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		f.t.Fatal(err)
	}
	return res.StatusCode, string(b)
}

const polling = "EIO=4&transport=polling"

func (f *fixture) openPolling() (sid string) {
	f.t.Helper()
	_, body := f.do("GET", polling, "")
	var open struct{ SID string }
	if err := json.Unmarshal([]byte(strings.TrimPrefix(body, "0")), &open); err != nil || open.SID == "" {
		f.t.Fatalf("handshake %q: %v", body, err)
	}
	return open.SID
}

// rawWS is a WebSocket client that sends whatever bytes it is told to.
type rawWS struct {
	t *testing.T
	net.Conn
	r *bufio.Reader
}

func (f *fixture) upgradeRequest(query string) string {
	return "GET /?" + query + " HTTP/1.1\r\nHost: " + f.addr + "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
}

func (f *fixture) openWS(query string) *rawWS {
	f.t.Helper()
	conn, err := net.Dial("tcp", f.addr)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	w := &rawWS{f.t, conn, bufio.NewReader(conn)}
	w.send([]byte(f.upgradeRequest(query)))
	res, err := http.ReadResponse(w.r, nil)
	if err != nil || res.StatusCode != http.StatusSwitchingProtocols {
		f.t.Fatalf("upgrade: %v %v", res, err)
	}
	return w
}

func (w *rawWS) send(b []byte) {
	w.t.Helper()
	if _, err := w.Write(b); err != nil {
		w.t.Fatal(err)
	}
}

// read returns the next frame as "opcode:payload", or the error as text.
func (w *rawWS) read() string {
	var h [2]byte
	if _, err := io.ReadFull(w.r, h[:]); err != nil {
		return "error"
	}
	n := int(h[1])
	if n == 126 {
		var x [2]byte
		_, _ = io.ReadFull(w.r, x[:])
		n = int(x[0])<<8 | int(x[1])
	}
	p := make([]byte, n)
	if _, err := io.ReadFull(w.r, p); err != nil {
		return "error"
	}
	return fmt.Sprintf("%x:%s", h[0]&15, p)
}

func (w *rawWS) expect(want string) {
	w.t.Helper()
	if got := w.read(); got != want {
		w.t.Fatalf("got %q, want %q", got, want)
	}
}

func (f *fixture) expectEnd(want Reason) {
	f.t.Helper()
	select {
	case got := <-f.ended:
		if got != want {
			f.t.Fatalf("ended with %q, want %q", got, want)
		}
	case <-time.After(10 * time.Second):
		f.t.Fatal("the session did not end")
	}
}

func TestPollingRoundTrip(t *testing.T) {
	f := newFixture(t, Options{})
	sid := f.openPolling()
	if status, body := f.do("POST", polling+"&sid="+sid, "4one\x1ebAQID"); status != 200 || body != "ok" {
		t.Fatalf("post: %d %q", status, body)
	}
	if status, body := f.do("GET", polling+"&sid="+sid, ""); status != 200 || body != "4one\x1ebAQID" {
		t.Fatalf("poll: %d %q", status, body)
	}
}

func TestRefusals(t *testing.T) {
	f := newFixture(t, Options{MaxPayload: 100})
	sid := f.openPolling()
	for _, tc := range []struct {
		method, query, body string
		status              int
		contains            string
	}{
		{"GET", "EIO=4&transport=__proto__", "", 400, `{"code":0,"message":"Transport unknown"}`},
		{"GET", "EIO=4&transport=constructor", "", 400, `"code":0`},
		{"GET", "EIO=4", "", 400, `"code":0`},
		{"GET", polling + "&sid=__proto__", "", 400, `{"code":1,"message":"Session ID unknown"}`},
		{"POST", polling, "", 400, `{"code":2,"message":"Bad handshake method"}`},
		{"GET", "EIO=4&transport=websocket", "", 400, `"code":3`},
		{"GET", "EIO=3&transport=polling", "", 400, `{"code":5,"message":"Unsupported protocol version"}`},
		{"GET", "transport=polling", "", 400, `"code":5`},
		{"POST", polling + "&sid=" + sid, "4" + strings.Repeat("x", 200), 413, ""},
		{"PUT", polling + "&sid=" + sid, "", 400, `"code":2`},
	} {
		status, body := f.do(tc.method, tc.query, tc.body)
		if status != tc.status || !strings.Contains(body, tc.contains) {
			t.Errorf("%s %s: %d %q", tc.method, tc.query, status, body)
		}
	}
	if status, _ := f.do("POST", polling+"&sid="+sid, "4fine"); status != 200 {
		t.Errorf("the session did not survive the refusals: %d", status)
	}
}

func TestMalformedPostEndsThatSession(t *testing.T) {
	f := newFixture(t, Options{})
	sid, other := f.openPolling(), f.openPolling()
	if status, _ := f.do("POST", polling+"&sid="+sid, "zzz"); status != 400 {
		t.Fatalf("status %d", status)
	}
	f.expectEnd(ReasonTransportError)
	if status, _ := f.do("POST", polling+"&sid="+other, "4fine"); status != 200 {
		t.Fatalf("another session: %d", status)
	}
}

func TestWebSocketRoundTrip(t *testing.T) {
	f := newFixture(t, Options{})
	w := f.openWS("EIO=4&transport=websocket")
	if open := w.read(); !strings.HasPrefix(open, "1:0{") {
		t.Fatalf("handshake %q", open)
	}
	w.send(frames(frame(fin|text, "4hello"), frame(fin|bin, "\x01\x02")))
	w.expect("1:4hello")
	w.expect("2:\x01\x02")
	w.send(frame(fin|opPing, "are you there"))
	w.expect("a:are you there")
	w.send(frame(fin|opClose, closePayload(1000, "bye")))
	w.expect("8:" + closePayload(1000, ""))
	f.expectEnd(ReasonTransportClose)
}

func TestUpgrade(t *testing.T) {
	f := newFixture(t, Options{})
	sid := f.openPolling()
	held := make(chan string, 1)
	go func() {
		_, body := f.do("GET", polling+"&sid="+sid, "")
		held <- body
	}()
	for f.waiting(sid) == nil {
		time.Sleep(time.Millisecond)
	}
	w := f.openWS("EIO=4&transport=websocket&sid=" + sid)
	w.send(frame(fin|text, "2probe"))
	w.expect("1:3probe")
	if got := <-held; got != "6" {
		t.Fatalf("the held poll got %q", got)
	}
	if status, _ := f.do("POST", polling+"&sid="+sid, "4while upgrading"); status != 200 {
		t.Fatal("post while upgrading")
	}
	w.send(frames(frame(fin|text, "5"), frame(fin|text, "4after")))
	w.expect("1:4while upgrading")
	w.expect("1:4after")
	if status, _ := f.do("GET", polling+"&sid="+sid, ""); status != 400 {
		t.Fatalf("polling after the upgrade: %d", status)
	}
}

func (f *fixture) waiting(sid string) *poll {
	s := f.srv.Session(sid)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.link.(*pollLink).waiting
}

// A session that is closed while its client is between the transports tells it on the one that it reads.
func TestClosedWhileUpgrading(t *testing.T) {
	f := newFixture(t, Options{})
	sid := f.openPolling()
	w := f.openWS("EIO=4&transport=websocket&sid=" + sid)
	w.send(frame(fin|text, "2probe"))
	w.expect("1:3probe")
	s := f.srv.Session(sid)
	if err := s.SendOne(NewMessage(false, []byte("the last words"))); err != nil {
		t.Fatal(err)
	}
	s.Close()
	f.expectEnd(ReasonForcedClose)
	w.send(frame(fin|text, "5"))
	w.expect("1:4the last words")
	w.expect("8:" + closePayload(1000, ""))
}

// An upgrade that is begun and left alone does not take the session along.
func TestAbandonedUpgrade(t *testing.T) {
	f := newFixture(t, Options{UpgradeTimeout: 50 * time.Millisecond})
	sid := f.openPolling()
	w := f.openWS("EIO=4&transport=websocket&sid=" + sid)
	w.expect("error") // closed by the server
	if status, _ := f.do("POST", polling+"&sid="+sid, "4still here"); status != 200 {
		t.Fatalf("status %d", status)
	}
}

// What misbehaves on a WebSocket ends its own session, with a close code and a reason that say why.
// A session may end while the WebSocket that wants to take it over is in the middle of its probe: neither waits for the other.
func TestEndsWhileItsProbeIsRead(t *testing.T) {
	f := newFixture(t, Options{})
	sid := f.openPolling()
	w := f.openWS("EIO=4&transport=websocket&sid=" + sid)
	s := f.srv.Session(sid)
	s.mu.Lock()
	w.send(frame(fin|text, "2probe"))
	time.Sleep(50 * time.Millisecond) // the reader has the probe, and waits for the mutex
	ended := make(chan bool)
	go func() {
		s.endLocked(ending{byClient: true, status: closeNormal}, ReasonTransportClose, nil, true)
		close(ended)
	}()
	select {
	case <-ended:
		s.mu.Unlock()
	case <-time.After(5 * time.Second):
		t.Fatal("the end waits for the reader, which waits for the end")
	}
	f.expectEnd(ReasonTransportClose)
}

func TestMisbehaviour(t *testing.T) {
	for _, tc := range []struct {
		name   string
		send   []byte
		code   closeCode
		reason Reason
	}{
		{"reserved bits", frame(fin|0x70|text, "4x"), closeProtocol, ReasonTransportError},
		{"unmasked", []byte{fin | text, 2, '4', 'x'}, closeProtocol, ReasonTransportError},
		{"bad UTF-8", frame(fin|text, "4\xff"), closeBadData, ReasonParseError},
		{"unknown packet", frame(fin|text, "zzz"), closeBadData, ReasonParseError},
		{"empty packet", frame(fin|text, ""), closeBadData, ReasonParseError},
		{"too large", frame(fin|text, "4"+strings.Repeat("x", 5000)), closeTooBig, ReasonPayloadTooLarge},
		{"endless tiny fragments", frames(frame(text, "4"), bytes.Repeat(frame(cont, ""), 2000)), closePolicy, ReasonPayloadTooLarge},
		{"an open packet", frame(fin|text, "0{}"), closeProtocol, ReasonParseError},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := newFixture(t, Options{MaxPayload: 4096})
			bystander := f.openWS("EIO=4&transport=websocket")
			bystander.read()
			w := f.openWS("EIO=4&transport=websocket")
			w.read()
			w.send(tc.send)
			f.expectEnd(tc.reason)
			if got := w.read(); !strings.HasPrefix(got, "8:"+closePayload(uint16(tc.code), "")) {
				t.Errorf("got %q, want close code %d", got, tc.code)
			}
			bystander.send(frame(fin|text, "4still here"))
			bystander.expect("1:4still here")
		})
	}
}

// Bytes that come together with the upgrade request are frames like any others (CVE-2022-21676).
func TestEarlyBytes(t *testing.T) {
	f := newFixture(t, Options{})
	conn, err := net.Dial("tcp", f.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_, _ = conn.Write(append([]byte(f.upgradeRequest("EIO=4&transport=websocket")), frame(fin|0x70|text, "x")...))
	f.expectEnd(ReasonTransportError)
}

func TestHandlerPanicEndsOnlyItsSession(t *testing.T) {
	panicked := make(chan any, 1)
	f := newFixture(t, Options{Trace: &Trace{Panicked: func(_ *Session, v any, _ []byte) { panicked <- v }}})
	bystander := f.openWS("EIO=4&transport=websocket")
	bystander.read()
	w := f.openWS("EIO=4&transport=websocket")
	w.read()
	w.send(frame(fin|text, "4panic"))
	f.expectEnd(ReasonHandlerPanic)
	if v := <-panicked; v != "as asked" {
		t.Fatalf("traced %v", v)
	}
	bystander.send(frame(fin|text, "4fine"))
	bystander.expect("1:4fine")
}

func TestHeartbeat(t *testing.T) {
	f := newFixture(t, Options{PingInterval: 60 * time.Millisecond, PingTimeout: 300 * time.Millisecond})
	alive := f.openWS("EIO=4&transport=websocket")
	alive.read()
	silent := f.openWS("EIO=4&transport=websocket")
	silent.read()
	start := time.Now()
	for range 5 {
		alive.expect("1:2")
		alive.send(frame(fin|text, "3"))
	}
	f.expectEnd(ReasonPingTimeout)
	if took := time.Since(start); took < 250*time.Millisecond {
		t.Fatalf("five pings in %v", took)
	}
	if f.srv.Len() != 1 {
		t.Fatalf("%d sessions left", f.srv.Len())
	}
}

// A client that reads nothing is closed once its queue is full; memory stays bounded and the others get everything.
func TestSlowConsumer(t *testing.T) {
	f := newFixture(t, Options{MaxQueueBytes: 256 << 10, PingInterval: time.Hour})
	w := f.openWS("EIO=4&transport=websocket")
	w.read()
	stalled := f.srv.Sessions()[0]
	reader := f.openWS("EIO=4&transport=websocket")
	reader.read()
	var lively *Session
	for _, s := range f.srv.Sessions() {
		if s != stalled {
			lively = s
		}
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	const rounds, size = 1500, 100_000 // 150 MB
	done := make(chan int)
	go func() {
		n := 0
		buf := make([]byte, 64<<10)
		for total := 0; total < rounds*size; total += n {
			var err error
			if n, err = reader.r.Read(buf); err != nil {
				break
			}
		}
		done <- n
	}()
	peak := uint64(0)
	for i := range rounds {
		m := NewMessage(true, make([]byte, size))
		_ = stalled.SendOne(m) // it is closed sooner or later
		for {
			lively.mu.Lock()
			waiting := lively.bytes
			lively.mu.Unlock()
			if waiting == 0 {
				break
			}
			time.Sleep(50 * time.Microsecond)
		}
		if err := lively.SendOne(m); err != nil {
			t.Fatalf("round %d: %v", i, err)
		}
		if i%100 == 0 {
			runtime.GC()
			runtime.ReadMemStats(&after)
			peak = max(peak, after.HeapAlloc)
		}
	}
	f.expectEnd(ReasonSlowConsumer)
	<-done
	if grown := int64(peak) - int64(before.HeapAlloc); grown > 8<<20 {
		t.Fatalf("the heap grew by %d bytes", grown)
	}
}

// Clients of one group that read nothing share a bound, however many they are. Others do not notice.
func TestAGroupHasABoundOfItsOwn(t *testing.T) {
	const most = 1 << 20
	f := newFixture(t, Options{
		MaxQueueBytes: 64 << 20, MaxQueueMessages: 1 << 20, PingInterval: time.Hour, MaxGroupBytes: most,
		Group: func(h *Handshake) string { return h.Query().Get("group") },
	})
	for _, group := range []string{"a", "a", "a", "a", "b"} {
		f.openWS("EIO=4&transport=websocket&group=" + group).read()
	}
	all := f.srv.Sessions()
	m := NewMessage(true, make([]byte, 100_000))
	left := func(group string) (n int) {
		for _, s := range f.srv.Sessions() {
			if s.group.name == group {
				n++
			}
		}
		return n
	}
	for left("a") == 4 {
		for _, s := range all {
			_ = s.SendOne(m) // somebody is closed sooner or later
		}
		for _, s := range all { // what is not written because nobody has tried yet is no sign of slowness
			for taken := false; !taken; time.Sleep(50 * time.Microsecond) {
				s.mu.Lock()
				taken = s.bytes == 0 || !s.link.writable(s)
				s.mu.Unlock()
			}
		}
	}
	f.expectEnd(ReasonOutboundMemory)
	if left("b") != 1 {
		t.Error("the other group has to do with it")
	}
	f.srv.mu.RLock()
	waits := f.srv.groups["a"].bytes.Load()
	f.srv.mu.RUnlock()
	if over := int64(2 * m.Len()); waits > most+over {
		t.Errorf("%d bytes wait for the group", waits)
	}
	for _, s := range all {
		s.Terminate()
	}
	f.srv.mu.RLock()
	defer f.srv.mu.RUnlock()
	if len(f.srv.groups) > 0 || f.srv.Outbound() != 0 {
		t.Errorf("%d groups and %d bytes are left", len(f.srv.groups), f.srv.Outbound())
	}
}

// What waits for all clients together has a bound too: the one that would exceed it is closed, although its own queue is not full.
func TestOutboundMemory(t *testing.T) {
	const bound = 1 << 20
	f := newFixture(t, Options{
		MaxQueueBytes: 64 << 20, MaxQueueMessages: 1 << 20, MaxOutboundBytes: bound, PingInterval: time.Hour, WriteTimeout: time.Hour,
	})
	for range 4 {
		f.openWS("EIO=4&transport=websocket").read() // and no more
	}
	sessions := f.srv.Sessions()
	m := NewMessage(true, make([]byte, 64<<10))
	settled := func(s *Session) bool { // it has been written to, or has fallen behind
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.bytes == 0 || !s.link.writable(s)
	}
	deadline := time.Now().Add(20 * time.Second)
	for i := 0; len(f.ended) == 0; i++ {
		s := sessions[i%len(sessions)]
		for !settled(s) && len(f.ended) == 0 && time.Now().Before(deadline) {
			time.Sleep(50 * time.Microsecond)
		}
		if time.Now().After(deadline) {
			t.Fatalf("nobody was closed, %d bytes wait", f.srv.Outbound())
		}
		_ = s.SendOne(m) // one of them is closed in the end
		if waiting := f.srv.Outbound(); waiting > bound+2*int64(m.Len()) {
			t.Fatalf("%d bytes wait", waiting)
		}
	}
	f.expectEnd(ReasonOutboundMemory)
	lively := f.openWS("EIO=4&transport=websocket")
	lively.read()
	lively.send(frame(fin|text, "4still here"))
	lively.expect("1:4still here")
}

func TestDisallowUpgrades(t *testing.T) {
	f := newFixture(t, Options{DisallowUpgrades: true})
	_, body := f.do("GET", polling, "")
	if !strings.Contains(body, `"upgrades":[]`) {
		t.Error(body)
	}
	sid := f.openPolling()
	if status, body := f.do("GET", "EIO=4&transport=websocket&sid="+sid, ""); status != http.StatusBadRequest {
		t.Errorf("an upgrade all the same: %d %s", status, body)
	}
	if f.srv.Session(sid) == nil {
		t.Error("the session has ended")
	}
}

// However sessions end, nothing of them stays.
func TestNothingIsLeft(t *testing.T) {
	f := newFixture(t, Options{})
	baseline := runtime.NumGoroutine()
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			for i := range 20 {
				w := f.openWS("EIO=4&transport=websocket")
				w.read()
				switch i % 3 {
				case 0:
					w.send(frame(fin|opClose, ""))
				case 1:
					w.send(frame(fin|text, "1"))
				}
				_ = w.Close()
			}
		})
	}
	wg.Wait()
	deadline := time.Now().Add(10 * time.Second)
	for f.srv.Len() > 0 || runtime.NumGoroutine() > baseline+len(f.srv.shards)*maxIdle {
		if time.Now().After(deadline) {
			t.Fatalf("%d sessions, %d goroutines (%d before)", f.srv.Len(), runtime.NumGoroutine(), baseline)
		}
		time.Sleep(10 * time.Millisecond)
	}
	for _, sh := range f.srv.shards {
		sh.mu.Lock()
		if len(sh.dirty) > 0 {
			t.Errorf("%d sessions on a list", len(sh.dirty))
		}
		sh.mu.Unlock()
	}
}

func TestMessagesKeepTheirOrderThroughSlowness(t *testing.T) {
	f := newFixture(t, Options{MaxQueueMessages: 1 << 20, MaxQueueBytes: 64 << 20})
	w := f.openWS("EIO=4&transport=websocket")
	w.read()
	s := f.srv.Sessions()[0]
	const n = 20_000
	go func() {
		for i := range n {
			_ = s.SendOne(NewMessage(false, fmt.Appendf(nil, "%d %s", i, strings.Repeat("x", i%2000))))
		}
	}()
	time.Sleep(100 * time.Millisecond) // the socket fills up, and the session falls behind
	for i := range n {
		got := w.read()
		if !strings.HasPrefix(got, fmt.Sprintf("1:4%d ", i)) {
			t.Fatalf("message %d: %.40q", i, got)
		}
	}
}

func TestPerMessageDeflate(t *testing.T) {
	f := newFixture(t, Options{PerMessageDeflate: &Compression{Threshold: 10}})
	conn, err := net.Dial("tcp", f.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	req := strings.Replace(f.upgradeRequest("EIO=4&transport=websocket"), "\r\n\r\n", "\r\nSec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n", 1)
	_, _ = conn.Write([]byte(req))
	r := bufio.NewReader(conn)
	res, err := http.ReadResponse(r, nil)
	if err != nil || res.Header.Get("Sec-WebSocket-Extensions") != deflateResponse {
		t.Fatalf("%v %v", res, err)
	}
	message := NewMessage(false, []byte(strings.Repeat("compress me ", 50)))
	packed := message.deflatedFrame()
	if packed[0]&rsv1Bit == 0 || len(packed) > 100 {
		t.Fatalf("a frame of %d bytes", len(packed))
	}
	body := packed[2:]
	conn.Write(frame(fin|rsv1Bit|text, string(body))) //nolint:errcheck // the echo tells
	var echoed bytes.Buffer
	for !bytes.Contains(echoed.Bytes(), body) {
		b := make([]byte, 1024)
		n, err := r.Read(b)
		if err != nil {
			t.Fatalf("%v after %q", err, echoed.Bytes())
		}
		echoed.Write(b[:n])
	}
	if _, err := inflate(body, 100); !errors.Is(err, errTooBig) {
		t.Fatalf("a bomb: %v", err)
	}
}

// A message to many costs no allocation per receiver.
func TestSendingAllocatesNothing(t *testing.T) {
	f := newFixture(t, Options{PingInterval: time.Hour})
	w := f.openWS("EIO=4&transport=websocket")
	w.read()
	go func() { _, _ = io.Copy(io.Discard, w.r) }()
	s := f.srv.Sessions()[0]
	m := NewMessage(false, []byte("to everybody"))
	allocs := testing.AllocsPerRun(2000, func() { _ = s.SendOne(m) })
	if allocs > 0.1 {
		t.Fatalf("%v allocations per message", allocs)
	}
}
