package engineio

import (
	"bufio"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// pipeResponse hands out one end of a pipe when it is hijacked, so that a WebSocket's time can be faked.
type pipeResponse struct {
	*httptest.ResponseRecorder
	conn net.Conn
}

func (p pipeResponse) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return p.conn, bufio.NewReadWriter(bufio.NewReader(p.conn), bufio.NewWriter(p.conn)), nil
}

// inBubble runs fn with a server in a bubble of fake time. A client's time is exact there: a heartbeat is at its second.
func inBubble(t *testing.T, o Options, fn func(t *testing.T, f *fixture)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f := &fixture{t: t, ended: make(chan Reason, 100)}
		f.srv = NewServer(o, func(*Session) Handler { return &echoHandler{f.ended} })
		fn(t, f)
		if err := f.srv.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func (f *fixture) serve(method, query, body string) string {
	w := httptest.NewRecorder()
	f.srv.ServeHTTP(w, httptest.NewRequestWithContext(f.t.Context(), method, "/?"+query, strings.NewReader(body)))
	return w.Body.String()
}

func (f *fixture) openPipe(query string) *rawWS {
	f.t.Helper()
	near, far := net.Pipe()
	r := httptest.NewRequestWithContext(f.t.Context(), http.MethodGet, "/?"+query, nil)
	r.Header = http.Header{
		"Upgrade": {"websocket"}, "Connection": {"Upgrade"}, "Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {"dGhlIHNhbXBsZSBub25jZQ=="},
	}
	go f.srv.ServeHTTP(pipeResponse{httptest.NewRecorder(), far}, r)
	w := &rawWS{f.t, near, bufio.NewReader(near)}
	if res, err := http.ReadResponse(w.r, nil); err != nil || res.StatusCode != http.StatusSwitchingProtocols {
		f.t.Fatalf("%v %v", res, err)
	}
	return w
}

// silence lets a client read what comes and answer nothing.
func (w *rawWS) silence() { go func() { _, _ = io.Copy(io.Discard, w.r) }() }

func (f *fixture) expectEndAt(start time.Time, after time.Duration, reason Reason) {
	f.t.Helper()
	if r := <-f.ended; r != reason || time.Since(start) != after {
		f.t.Fatalf("ended with %q after %v, want %q after %v", r, time.Since(start), reason, after)
	}
}

func TestPingsAreOnTime(t *testing.T) {
	inBubble(t, Options{}, func(t *testing.T, f *fixture) {
		w := f.openPipe("EIO=4&transport=websocket")
		w.read()
		for range 3 {
			last := time.Now()
			w.expect("1:2")
			if waited := time.Since(last); waited != 25*time.Second {
				t.Fatalf("a ping after %v", waited)
			}
			w.send(frame(fin|text, "3"))
			synctest.Wait()
		}
		last := time.Now()
		w.silence()
		f.expectEndAt(last, 45*time.Second, ReasonPingTimeout)
	})
}

func TestSilentPollingClientEnds(t *testing.T) {
	inBubble(t, Options{}, func(t *testing.T, f *fixture) {
		start := time.Now()
		var open struct{ SID string }
		if err := json.Unmarshal([]byte(f.serve("GET", polling, "")[1:]), &open); err != nil {
			t.Fatal(err)
		}
		if got := f.serve("GET", polling+"&sid="+open.SID, ""); got != "2" || time.Since(start) != 25*time.Second {
			t.Fatalf("%q after %v", got, time.Since(start))
		}
		f.expectEndAt(start, 45*time.Second, ReasonPingTimeout)
	})
}

// What a client sends after its deadline comes too late, also when the timer is later still.
func TestTheDeadlineHoldsBeforeItsTimer(t *testing.T) {
	inBubble(t, Options{}, func(t *testing.T, f *fixture) {
		start := time.Now()
		var open struct{ SID string }
		if err := json.Unmarshal([]byte(f.serve("GET", polling, "")[1:]), &open); err != nil {
			t.Fatal(err)
		}
		s := f.srv.Session(open.SID)
		s.mu.Lock()
		s.timer.Stop()
		s.mu.Unlock()
		time.Sleep(45 * time.Second)
		if got := f.serve("POST", polling+"&sid="+open.SID, "4late"); got == "ok" {
			t.Error("it was taken")
		}
		f.expectEndAt(start, 45*time.Second, ReasonPingTimeout)
	})
}

// A late pong is as good as an early one, and what else comes in the meantime puts the deadline off, once.
func TestOtherPacketsPutThePongOffOnce(t *testing.T) {
	inBubble(t, Options{}, func(_ *testing.T, f *fixture) {
		start := time.Now()
		w := f.openPipe("EIO=4&transport=websocket")
		w.read()
		w.expect("1:2") // at 25 s, its pong due at 45 s
		w.silence()
		time.Sleep(15 * time.Second)
		w.send(frame(fin|text, "4I am here")) // at 40 s: now due at 60 s
		time.Sleep(15 * time.Second)
		w.send(frame(fin|text, "4still here")) // at 55 s: no more is given
		f.expectEndAt(start, 60*time.Second, ReasonPingTimeout)
	})
}

// In revision 3 the client pings.
func TestClientsOfRevision3Ping(t *testing.T) {
	inBubble(t, Options{AllowEIO3: true}, func(_ *testing.T, f *fixture) {
		w := f.openPipe("EIO=3&transport=websocket")
		w.read()
		time.Sleep(40 * time.Second)
		w.send(frame(fin|text, "2"))
		w.expect("1:3")
		last := time.Now()
		w.silence()
		f.expectEndAt(last, 45*time.Second, ReasonPingTimeout)
	})
}

// An upgrade that is not completed in time ends alone.
func TestUpgradeTimeout(t *testing.T) {
	inBubble(t, Options{}, func(t *testing.T, f *fixture) {
		var open struct{ SID string }
		if err := json.Unmarshal([]byte(f.serve("GET", polling, "")[1:]), &open); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		w := f.openPipe("EIO=4&transport=websocket&sid=" + open.SID)
		if got := w.read(); got != "error" || time.Since(start) != 10*time.Second {
			t.Fatalf("%q after %v", got, time.Since(start))
		}
		if f.srv.Session(open.SID) == nil {
			t.Fatal("the session went with it")
		}
		_ = f.serve("POST", polling+"&sid="+open.SID, "1")
		f.expectEndAt(start, 10*time.Second, ReasonTransportClose)
	})
}
