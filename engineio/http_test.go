package engineio

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// ask sends a request with headers given as pairs.
func (f *fixture) ask(method, query string, header ...string) *http.Response {
	f.t.Helper()
	req, err := http.NewRequestWithContext(f.t.Context(), method, f.url+"/?"+query, nil)
	if err != nil {
		f.t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		f.t.Fatal(err)
	}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		f.t.Fatal(err)
	}
	_ = res.Body.Close()
	res.Body = io.NopCloser(strings.NewReader(string(body)))
	return res
}

func bodyOf(res *http.Response) string {
	b, _ := io.ReadAll(res.Body) // it is in memory
	return string(b)
}

func TestCORS(t *testing.T) {
	f := newFixture(t, Options{CORS: &CORS{
		AllowOrigin: AllowOrigins("https://a.test/"), Credentials: true, Exposed: []string{"X-Node"}, MaxAge: time.Hour,
	}})
	want := map[string]string{
		"Access-Control-Allow-Origin": "https://a.test", "Access-Control-Allow-Credentials": "true", "Access-Control-Expose-Headers": "X-Node",
		"Access-Control-Max-Age": "3600", "Access-Control-Allow-Methods": "GET,POST", "Access-Control-Allow-Headers": "x-token", "Vary": "Origin",
	}
	res := f.ask(http.MethodOptions, polling, "Origin", "https://a.test", "Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "x-token")
	for name, value := range want {
		if got := res.Header.Get(name); got != value || res.StatusCode != http.StatusNoContent {
			t.Errorf("preflight: %d %s: %q, want %q", res.StatusCode, name, got, value)
		}
	}
	if res := f.ask(http.MethodGet, polling, "Origin", "https://a.test"); res.Header.Get("Access-Control-Allow-Origin") != "https://a.test" {
		t.Errorf("a request of an allowed page: %v", res.Header)
	}
	if res := f.ask(http.MethodGet, polling, "Origin", "https://b.test"); res.Header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("a request of another page: %v", res.Header)
	}
}

// Without the option no page of another origin may read anything (CVE-2020-28481), and a refused preflight says why.
func TestNoCORSByDefault(t *testing.T) {
	var refused []string
	f := newFixture(t, Options{Trace: &Trace{Refused: func(_ *http.Request, why *Refusal) { refused = append(refused, why.Error()) }}})
	res := f.ask(http.MethodOptions, polling, "Origin", "https://a.test", "Access-Control-Request-Method", "POST")
	if body := bodyOf(res); res.StatusCode != http.StatusForbidden || !strings.Contains(body, "https://a.test may not connect") {
		t.Errorf("preflight: %d %s", res.StatusCode, body)
	}
	if len(refused) != 1 || !strings.Contains(refused[0], "CORS") {
		t.Errorf("traced %q", refused)
	}
	for _, res := range []*http.Response{res, f.ask(http.MethodGet, polling, "Origin", "https://a.test")} {
		for name := range res.Header {
			if strings.HasPrefix(name, "Access-Control-") {
				t.Errorf("%s: %s", name, res.Header.Get(name))
			}
		}
	}
}

func TestStickyCookie(t *testing.T) {
	f := newFixture(t, Options{Cookie: StickyCookie()})
	res := f.ask(http.MethodGet, polling)
	cookies := res.Cookies()
	if len(cookies) != 1 || cookies[0].Name != "io" || cookies[0].Path != "/" || !cookies[0].HttpOnly || cookies[0].SameSite != http.SameSiteLaxMode {
		t.Fatalf("cookies %v", cookies)
	}
	sid := cookies[0].Value
	if f.srv.Session(sid) == nil {
		t.Fatalf("the cookie's value %q is no session's id", sid)
	}
	if res := f.ask(http.MethodPost, polling+"&sid="+sid); len(res.Cookies()) != 0 {
		t.Fatal("a cookie after the handshake")
	}
}

func TestInitialPacketAndHeaders(t *testing.T) {
	f := newFixture(t, Options{
		InitialPacket: NewMessage(false, []byte("welcome")),
		OnHeaders: func(h http.Header, _ *http.Request, initial bool) {
			h.Add("X-Initial", map[bool]string{true: "yes", false: "no"}[initial])
		},
		GenerateID: func(r *http.Request) string { return "mine-" + r.URL.Query().Get("name") },
	})
	res := f.ask(http.MethodGet, polling+"&name=ana")
	if body := bodyOf(res); !strings.Contains(body, `"sid":"mine-ana"`) || !strings.HasSuffix(body, "\x1e4welcome") {
		t.Fatalf("handshake %q", body)
	}
	if got := strings.Join(res.Header["X-Initial"], " "); got != "yes no" { // it is both a first response and a response
		t.Fatalf("headers of the handshake: %s", got)
	}
	if got := strings.Join(f.ask(http.MethodPut, polling+"&sid=mine-ana").Header["X-Initial"], " "); got != "" {
		t.Fatalf("headers of a refusal: %s", got)
	}
	w := f.openWS("EIO=4&transport=websocket&name=ben")
	w.read()
	w.expect("1:4welcome")
}

func TestHTTPCompression(t *testing.T) {
	large := NewMessage(false, []byte(strings.Repeat("large ", 1000)))
	for _, tc := range []struct {
		name, accepts, want string
		option              *Compression
	}{
		{"gzip", "br, gzip;q=0.5", "gzip", nil},
		{"refused", "gzip;q=0, br", "", nil},
		{"anything", "*", "gzip", nil},
		{"nothing asked for", "", "", nil},
		{"off", "gzip", "", &Compression{Disabled: true}},
		{"below the threshold", "gzip", "", &Compression{Threshold: 1 << 20}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := newFixture(t, Options{InitialPacket: large, HTTPCompression: tc.option})
			if got := f.ask(http.MethodGet, polling, "Accept-Encoding", tc.accepts).Header.Get("Content-Encoding"); got != tc.want {
				t.Fatalf("%q, want %q", got, tc.want)
			}
		})
	}
}

// The hooks see every session from its beginning to its end, and what went over it.
func TestTrace(t *testing.T) {
	var mu sync.Mutex
	seen := map[string]int{}
	note := func(what string, n int) {
		mu.Lock()
		seen[what] += n
		mu.Unlock()
	}
	f := newFixture(t, Options{Trace: &Trace{
		Opened:   func(*Session) { note("opened", 1) },
		Closed:   func(_ *Session, r Reason, _ error) { note("closed: "+string(r), 1) },
		Upgraded: func(s *Session) { note("upgraded to "+s.Transport(), 1) },
		Refused:  func(_ *http.Request, why *Refusal) { note("refused: "+why.Text(), 1) },
		Received: func(_ *Session, n int) { note("received", 1); note("bytes received", n) },
		Flushed:  func(n, _ int) { note("flushed", n) },
	}})
	f.do("GET", "EIO=4&transport=polling&sid=nobody", "")
	sid := f.openPolling()
	w := f.openWS("EIO=4&transport=websocket&sid=" + sid)
	w.send(frame(fin|text, "2probe"))
	w.expect("1:3probe")
	w.send(frame(fin|text, "5"))
	w.send(frame(fin|text, "4hello"))
	w.expect("1:4hello")
	w.send(frame(fin|text, "1"))
	f.expectEnd(ReasonTransportClose)
	want := map[string]int{
		"opened": 1, "upgraded to websocket": 1, "closed: transport close": 1, "refused: Session ID unknown": 1,
		"received": 1, "bytes received": 5, "flushed": 2,
	}
	for end := time.Now().Add(5 * time.Second); ; time.Sleep(time.Millisecond) { // a flush is told of after it
		mu.Lock()
		missing := ""
		for what, n := range want {
			if seen[what] != n {
				missing += fmt.Sprintf("%s: %d, want %d; ", what, seen[what], n)
			}
		}
		mu.Unlock()
		if missing == "" {
			return
		}
		if time.Now().After(end) {
			t.Fatal(missing)
		}
	}
}
