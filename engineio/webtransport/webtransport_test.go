package webtransport_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	wt "github.com/quic-go/webtransport-go"

	"parley/engineio"
	"parley/engineio/webtransport"
)

// fixture is an echo server, reachable over HTTP/3 and HTTP/1.1.
type fixture struct {
	t      *testing.T
	engine *engineio.Server
	h3     *webtransport.Server
	web    *httptest.Server
	roots  *x509.CertPool

	mu     sync.Mutex
	closed []engineio.Reason
}

type echo struct{ f *fixture }

func (echo) OnMessage(s *engineio.Session, isBinary bool, data []byte) {
	_ = s.SendOne(engineio.NewMessage(isBinary, data))
}

func (e echo) OnClose(_ *engineio.Session, reason engineio.Reason, _ error) {
	e.f.mu.Lock()
	e.f.closed = append(e.f.closed, reason)
	e.f.mu.Unlock()
}

// selfSigned makes a certificate for 127.0.0.1, and who trusts it.
func selfSigned() (tls.Certificate, *x509.CertPool, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), IPAddresses: []net.IP{{127, 0, 0, 1}},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool, nil
}

func serve(t *testing.T, o engineio.Options) *fixture {
	t.Helper()
	if o.Transports == nil {
		o.Transports = []string{engineio.Polling, engineio.WebSocket, engineio.WebTransport}
	}
	f := &fixture{t: t}
	f.engine = engineio.NewServer(o, func(*engineio.Session) engineio.Handler { return echo{f} })
	cert, roots, err := selfSigned()
	if err != nil {
		t.Fatal(err)
	}
	f.roots = roots
	f.h3, err = webtransport.Listen(f.engine, webtransport.Options{
		Addr: "127.0.0.1:0", TLSConfig: &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS13},
	})
	if err != nil {
		t.Fatal(err)
	}
	f.web = httptest.NewServer(f.engine)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := f.engine.Close(ctx); err != nil {
			t.Errorf("engine: %v", err)
		}
		if err := f.h3.Close(); err != nil {
			t.Errorf("h3: %v", err)
		}
		f.web.Close()
	})
	return f
}

func (f *fixture) reasons() []engineio.Reason {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]engineio.Reason(nil), f.closed...)
}

func (f *fixture) awaitReason(want engineio.Reason) {
	f.t.Helper()
	f.eventually("the end with "+string(want), func() bool {
		got := f.reasons()
		return len(got) > 0 && got[len(got)-1] == want
	})
}

func (f *fixture) eventually(what string, ok func() bool) {
	f.t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			f.t.Fatalf("no %s: closed with %v, %d sessions", what, f.reasons(), f.engine.Len())
		}
	}
}

// peer is a WebTransport client.
type peer struct {
	t       *testing.T
	session *wt.Session
	stream  *wt.Stream
}

func (f *fixture) request(query string, header http.Header) (*wt.Session, *http.Response, error) {
	d := &wt.Transport{TLSClientConfig: &tls.Config{RootCAs: f.roots, MinVersion: tls.VersionTLS13}}
	f.t.Cleanup(func() { _ = d.Close() })
	ctx, cancel := context.WithTimeout(f.t.Context(), 10*time.Second)
	defer cancel()
	resp, session, err := d.Dial(ctx, "https://"+f.h3.Addr().String()+"/engine.io/"+query, header)
	return session, resp, err
}

func (f *fixture) dial() *peer {
	f.t.Helper()
	session, _, err := f.request("", nil)
	if err != nil {
		f.t.Fatal(err)
	}
	p := &peer{t: f.t, session: session}
	if p.stream, err = session.OpenStreamSync(f.t.Context()); err != nil {
		f.t.Fatal(err)
	}
	_ = p.stream.SetReadDeadline(time.Now().Add(10 * time.Second))
	return p
}

// frame is a packet as it travels.
func frame(isBinary bool, packet []byte) []byte {
	var h []byte
	switch n := len(packet); {
	case n < 126:
		h = []byte{byte(n)}
	case n < 65536:
		h = binary.BigEndian.AppendUint16([]byte{126}, uint16(n))
	default:
		h = binary.BigEndian.AppendUint64([]byte{127}, uint64(n))
	}
	if isBinary {
		h[0] |= 0x80
	}
	return append(h, packet...)
}

func (p *peer) raw(b []byte) {
	p.t.Helper()
	if _, err := p.stream.Write(b); err != nil {
		p.t.Fatal(err)
	}
}

func (p *peer) send(packet string) {
	p.t.Helper()
	p.raw(frame(false, []byte(packet)))
}

func (p *peer) read() (isBinary bool, packet []byte, err error) {
	var h [9]byte
	if _, err = io.ReadFull(p.stream, h[:1]); err != nil {
		return false, nil, err
	}
	isBinary = h[0]&0x80 != 0
	size := uint64(h[0] & 0x7f)
	switch size {
	case 126:
		_, err = io.ReadFull(p.stream, h[:2])
		size = uint64(binary.BigEndian.Uint16(h[:2]))
	case 127:
		_, err = io.ReadFull(p.stream, h[:8])
		size = binary.BigEndian.Uint64(h[:8])
	}
	if err != nil {
		return false, nil, err
	}
	packet = make([]byte, size)
	_, err = io.ReadFull(p.stream, packet)
	return isBinary, packet, err
}

// expect reads the next packet that is no ping.
func (p *peer) expect(want string) {
	p.t.Helper()
	for {
		isBinary, got, err := p.read()
		switch {
		case err != nil:
			p.t.Fatalf("%v, want %.40q", err, want)
		case string(got) == "2":
			continue
		case isBinary || string(got) != want:
			p.t.Fatalf("got %v %.40q, want %.40q", isBinary, got, want)
		}
		return
	}
}

type opened struct {
	SID        string
	Upgrades   []string
	MaxPayload int
}

func (p *peer) open() (o opened) {
	p.t.Helper()
	p.send("0")
	_, packet, err := p.read()
	if err != nil || packet[0] != '0' || json.Unmarshal(packet[1:], &o) != nil {
		p.t.Fatalf("handshake: %q, %v", packet, err)
	}
	return o
}

// gone waits for the end of the session.
func (p *peer) gone() {
	p.t.Helper()
	select {
	case <-p.session.Context().Done():
	case <-time.After(10 * time.Second):
		p.t.Fatal("the session goes on")
	}
}

func TestMessagesOfAllSizes(t *testing.T) {
	f := serve(t, engineio.Options{})
	p := f.dial()
	o := p.open()
	if len(o.SID) != 20 || len(o.Upgrades) != 0 || o.MaxPayload != 1_000_000 || f.engine.Session(o.SID).Transport() != "webtransport" {
		t.Fatalf("%+v", o)
	}
	for _, n := range []int{0, 1, 124, 125, 126, 127, 65534, 65535, 65536, 999_999} {
		text := strings.Repeat("ä", n/2) + strings.Repeat("x", n%2)
		p.send("4" + text)
		p.expect("4" + text)
		if n == 0 {
			continue // there is no empty binary packet on a stream
		}
		data := bytes.Repeat([]byte{0xff}, n)
		p.raw(frame(true, data))
		if isBinary, got, err := p.read(); !isBinary || !bytes.Equal(got, data) {
			t.Fatalf("%d bytes: %v, %d bytes, %v", n, isBinary, len(got), err)
		}
	}
	for _, b := range append(frame(false, []byte("4in pieces")), frame(false, []byte("4and again"))...) {
		p.raw([]byte{b})
	}
	p.expect("4in pieces")
	p.expect("4and again")
	_ = p.session.CloseWithError(0, "")
	f.awaitReason(engineio.ReasonTransportClose)
}

func TestWhatIsMalformedEndsOneSession(t *testing.T) {
	f := serve(t, engineio.Options{MaxPayload: 1000, UpgradeTimeout: time.Second})
	other := f.dial()
	other.open()
	for name, c := range map[string]struct {
		send   []byte
		reason engineio.Reason
	}{
		"empty packet":              {[]byte{0}, engineio.ReasonParseError},
		"empty binary packet":       {[]byte{0x80}, engineio.ReasonParseError},
		"too large":                 {binary.BigEndian.AppendUint16([]byte{126}, 1001), engineio.ReasonPayloadTooLarge},
		"too large, binary":         {binary.BigEndian.AppendUint16([]byte{0xfe}, 1001), engineio.ReasonPayloadTooLarge},
		"larger than memory":        {binary.BigEndian.AppendUint64([]byte{127}, 1<<63), engineio.ReasonPayloadTooLarge},
		"all ones":                  {bytes.Repeat([]byte{0xff}, 9), engineio.ReasonPayloadTooLarge},
		"unknown type":              {frame(false, []byte("9")), engineio.ReasonParseError},
		"another open packet":       {frame(false, []byte("0")), engineio.ReasonParseError},
		"invalid UTF-8":             {frame(false, []byte("4\xff")), engineio.ReasonParseError},
		"broken base64":             {frame(false, []byte("b*")), engineio.ReasonParseError},
		"a ping, which is ours":     {frame(false, []byte("2")), engineio.ReasonTransportError},
		"a close packet":            {frame(false, []byte("1")), engineio.ReasonTransportClose},
		"an HTTP request":           {[]byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n" + strings.Repeat("x", 100)), engineio.ReasonParseError},
		"a WebSocket frame, masked": {[]byte("\x81\x82\x00\x00\x00\x0040"), engineio.ReasonParseError},
	} {
		t.Run(name, func(*testing.T) {
			p := f.dial()
			p.open()
			p.raw(c.send)
			p.gone()
			f.awaitReason(c.reason)
		})
	}
	for name, first := range map[string][]byte{
		"a message":           frame(false, []byte("4hello")),
		"binary":              frame(true, []byte("0")),
		"no JSON":             frame(false, []byte("0{")),
		"an empty sid":        frame(false, []byte(`0{"sid":""}`)),
		"a sid of no session": frame(false, []byte(`0{"sid":"__proto__"}`)),
		"no string":           frame(false, []byte(`0{"sid":{}}`)),
		"too large":           binary.BigEndian.AppendUint16([]byte{126}, 257),
		"empty":               {0},
		"half a packet":       {5, '0'},
	} {
		t.Run("first packet: "+name, func(*testing.T) {
			p := f.dial()
			p.raw(first)
			p.gone()
		})
	}
	t.Run("no stream", func(t *testing.T) {
		session, _, err := f.request("", nil)
		if err != nil {
			t.Fatal(err)
		}
		(&peer{t: t, session: session}).gone()
	})
	other.send("4still here")
	other.expect("4still here")
	if f.engine.Len() != 1 {
		t.Errorf("%d sessions, want 1", f.engine.Len())
	}
}

func TestRequestsAreAdmittedLikeThoseOfOtherTransports(t *testing.T) {
	var mu sync.Mutex
	var refused []string
	f := serve(t, engineio.Options{
		AllowRequest: func(r *http.Request) *engineio.Refusal {
			if r.Header.Get("User-Agent") == "bad" {
				return &engineio.Refusal{Code: engineio.CodeForbidden, Message: "not you"}
			}
			return nil
		},
		Trace: &engineio.Trace{Refused: func(_ *http.Request, why *engineio.Refusal) {
			mu.Lock()
			defer mu.Unlock()
			refused = append(refused, why.Error())
		}},
	})
	if _, resp, err := f.request("?EIO=3", nil); err == nil || resp.StatusCode != http.StatusBadRequest {
		t.Errorf("EIO 3: %v, %v", resp, err)
	}
	session, _, err := f.request("?EIO=4&transport=webtransport", http.Header{"User-Agent": {"bad"}})
	if err != nil {
		t.Fatal(err)
	}
	bad := &peer{t: t, session: session}
	if bad.stream, err = session.OpenStreamSync(t.Context()); err != nil {
		t.Fatal(err)
	}
	bad.send("0")
	bad.gone()
	var gone *wt.SessionError
	if _, err := bad.session.AcceptStream(t.Context()); !errors.As(err, &gone) || gone.Message != "not you" {
		t.Errorf("%v, want the reason", err)
	}
	f.dial().open()
	mu.Lock()
	defer mu.Unlock()
	if len(refused) != 2 {
		t.Errorf("told of %q", refused)
	}
	off := serve(t, engineio.Options{Transports: []string{engineio.Polling}})
	if _, resp, err := off.request("", nil); err == nil || resp.StatusCode != http.StatusBadRequest {
		t.Errorf("a transport that is off: %v, %v", resp, err)
	}
	if _, err := webtransport.Listen(f.engine, webtransport.Options{}); !errors.Is(err, webtransport.ErrNoTLS) {
		t.Error(err)
	}
}

func (f *fixture) get(path string) string {
	f.t.Helper()
	resp, err := http.Get(f.web.URL + path)
	if err != nil {
		f.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		f.t.Fatal(err)
	}
	return string(body)
}

func TestUpgradeFromPolling(t *testing.T) {
	f := serve(t, engineio.Options{})
	var o opened
	body := f.get("/engine.io/?EIO=4&transport=polling")
	if json.Unmarshal([]byte(body[1:]), &o) != nil || strings.Join(o.Upgrades, " ") != "websocket webtransport" {
		t.Fatal(body)
	}
	poll := make(chan string, 1)
	go func() { poll <- f.get("/engine.io/?EIO=4&transport=polling&sid=" + o.SID) }()
	p := f.dial()
	p.send(`0{"sid":"` + o.SID + `"}`)
	p.send("2probe")
	p.expect("3probe")
	if got := <-poll; got != "6" {
		t.Fatalf("the poll got %q, want a noop", got)
	}
	second := f.dial()
	second.send(`0{"sid":"` + o.SID + `"}`)
	second.gone()
	s := f.engine.Session(o.SID)
	if err := s.SendOne(engineio.NewMessage(false, []byte("queued meanwhile"))); err != nil {
		t.Fatal(err)
	}
	p.send("5")
	p.expect("4queued meanwhile")
	p.send("4hello")
	p.expect("4hello")
	if s.Transport() != engineio.WebTransport {
		t.Error(s.Transport())
	}
	_ = p.session.CloseWithError(0, "")
	f.awaitReason(engineio.ReasonTransportClose)
}

func TestAnUpgradeThatFailsLeavesTheSessionOnPolling(t *testing.T) {
	f := serve(t, engineio.Options{UpgradeTimeout: 100 * time.Millisecond})
	var o opened
	if err := json.Unmarshal([]byte(f.get("/engine.io/?EIO=4&transport=polling")[1:]), &o); err != nil {
		t.Fatal(err)
	}
	p := f.dial()
	p.send(`0{"sid":"` + o.SID + `"}`)
	p.gone()
	resp, err := http.Post(f.web.URL+"/engine.io/?EIO=4&transport=polling&sid="+o.SID, "text/plain", strings.NewReader("4hello"))
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if got := f.get("/engine.io/?EIO=4&transport=polling&sid=" + o.SID); got != "4hello" {
		t.Error(got)
	}
}

func TestHeartbeats(t *testing.T) {
	f := serve(t, engineio.Options{PingInterval: 50 * time.Millisecond, PingTimeout: 300 * time.Millisecond})
	p := f.dial()
	p.open()
	for range 3 {
		if _, packet, err := p.read(); err != nil || string(packet) != "2" {
			t.Fatalf("%q, %v", packet, err)
		}
		p.send("3")
	}
	f.awaitReason(engineio.ReasonPingTimeout)
	p.gone()
}

func TestWhatIsQueuedIsDeliveredBeforeTheEnd(t *testing.T) {
	f := serve(t, engineio.Options{})
	p := f.dial()
	s := f.engine.Session(p.open().SID)
	text := strings.Repeat("x", 10_000)
	for range 50 {
		if err := s.SendOne(engineio.NewMessage(false, []byte(text))); err != nil {
			t.Fatal(err)
		}
	}
	s.Close()
	for range 50 {
		p.expect("4" + text)
	}
	p.expect("1")
	p.gone()
	f.eventually("end", func() bool { return f.engine.Len() == 0 })
}

// A client that does not read has its flow-control window filled, then its queue, and is closed; others notice nothing.
func TestASlowClientIsClosed(t *testing.T) {
	f := serve(t, engineio.Options{MaxQueueBytes: 64 << 10})
	slow, other := f.dial(), f.dial()
	s := f.engine.Session(slow.open().SID)
	other.open()
	m := engineio.NewMessage(true, make([]byte, 32<<10))
	for range 10_000 { // quic-go's windows are a few megabytes
		if s.SendOne(m) != nil {
			break
		}
	}
	f.awaitReason(engineio.ReasonSlowConsumer)
	other.send("4hello")
	other.expect("4hello")
}

func TestNothingIsLeftOfSessionsThatCameAndWent(t *testing.T) {
	f := serve(t, engineio.Options{})
	visit := func() {
		p := f.dial()
		p.open()
		p.send("4hello")
		p.expect("4hello")
		_ = p.session.CloseWithError(0, "")
	}
	visit()
	f.eventually("end", func() bool { return f.engine.Len() == 0 })
	before := runtime.NumGoroutine()
	for range 30 {
		visit()
	}
	f.eventually("end", func() bool { return f.engine.Len() == 0 })
	// The clients' own connections have a few each: they end with the test.
	f.eventually("goroutine fewer", func() bool { return runtime.NumGoroutine() < before+30*20 })
}
