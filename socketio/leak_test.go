package socketio_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"parley/engineio"
	"parley/socketio"
)

// visitor is a client that comes, does something and goes.
type visitor struct {
	addr string
	http *http.Client
}

// visits are the ways to come and go, none of which may leave anything behind.
var visits = []func(v visitor) error{
	visitor.resets, visitor.closes, visitor.leavesTheNamespace, visitor.neverJoins, visitor.polls, visitor.upgrades, visitor.breaksTheProtocol,
}

// webSocket opens a WebSocket; what the client says first goes with the request.
func (v visitor) webSocket(query string, frames ...string) (*net.TCPConn, *bufio.Reader, error) {
	conn, err := net.Dial("tcp", v.addr) //nolint:noctx // it is on loopback
	if err != nil {
		return nil, nil, err
	}
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
	var b strings.Builder
	fmt.Fprintf(&b, "GET /socket.io/?EIO=4&transport=websocket%s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", query, v.addr)
	for _, f := range frames {
		b.WriteString(masked(0x81, f))
	}
	if _, err := io.WriteString(conn, b.String()); err != nil {
		return nil, nil, err
	}
	r := bufio.NewReaderSize(conn, 512)
	for line := ""; line != "\r\n"; {
		if line, err = r.ReadString('\n'); err != nil {
			return nil, nil, err
		}
	}
	return conn.(*net.TCPConn), r, nil //nolint:forcetypeassert // by its network
}

// masked is a frame with the mask 0, which changes nothing.
func masked(first byte, payload string) string {
	return string([]byte{first, 0x80 | byte(len(payload)), 0, 0, 0, 0}) + payload
}

// await reads frames, which are short, until the payload of one begins so, or it is a close frame.
func await(r *bufio.Reader, prefix string) error {
	for {
		head, err := r.Peek(2)
		if err != nil {
			return err
		}
		frame := make([]byte, 2+int(head[1]))
		if _, err := io.ReadFull(r, frame); err != nil {
			return err
		}
		switch {
		case strings.HasPrefix(string(frame[2:]), prefix), frame[0] == 0x88 && prefix == closeFrame:
			return nil
		case frame[0] == 0x88:
			return fmt.Errorf("closed: %q", frame)
		}
	}
}

const closeFrame = "close"

// joined is in the namespace and in a room, and owes an acknowledgement.
func (v visitor) joined() (*net.TCPConn, *bufio.Reader, error) {
	conn, r, err := v.webSocket("", "40", `420["hello"]`)
	if err == nil {
		err = await(r, "430[")
	}
	return conn, r, err
}

func (v visitor) resets() error {
	conn, _, err := v.joined()
	if err != nil {
		return err
	}
	_ = conn.SetLinger(0)
	return conn.Close()
}

func (v visitor) closes() error {
	conn, r, err := v.joined()
	if err != nil {
		return err
	}
	if _, err := io.WriteString(conn, masked(0x88, "\x03\xe8")); err != nil {
		return err
	}
	if err := await(r, closeFrame); err != nil {
		return err
	}
	return conn.Close()
}

func (v visitor) leavesTheNamespace() error {
	conn, _, err := v.joined()
	if err != nil {
		return err
	}
	if _, err := io.WriteString(conn, masked(0x81, "41")+masked(0x81, "40/other,")+masked(0x81, "41/other,")); err != nil {
		return err
	}
	return conn.Close()
}

func (v visitor) neverJoins() error {
	conn, r, err := v.webSocket("")
	if err == nil {
		err = await(r, "0{")
	}
	if err != nil {
		return err
	}
	return conn.Close()
}

func (v visitor) breaksTheProtocol() error {
	conn, r, err := v.joined()
	if err != nil {
		return err
	}
	if _, err := io.WriteString(conn, masked(0x81, `42[broken`)); err != nil {
		return err
	}
	if err := await(r, closeFrame); err != nil {
		return err
	}
	return conn.Close()
}

func (v visitor) request(method, sid, body string) (string, error) {
	url := "http://" + v.addr + "/socket.io/?EIO=4&transport=polling"
	if sid != "" {
		url += "&sid=" + sid
	}
	req, err := http.NewRequest(method, url, strings.NewReader(body)) //nolint:noctx // the client has a timeout
	if err != nil {
		return "", err
	}
	resp, err := v.http.Do(req)
	if err != nil {
		return "", err
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", resp.Status, answer)
	}
	return string(answer), err
}

// polling opens a session and joins the namespace.
func (v visitor) polling() (sid string, err error) {
	open, err := v.request(http.MethodGet, "", "")
	if err != nil {
		return "", err
	}
	var o struct{ SID string }
	if err := json.Unmarshal([]byte(open[1:]), &o); err != nil {
		return "", err
	}
	if _, err := v.request(http.MethodPost, o.SID, "40\x1e420[\"hello\"]"); err != nil {
		return "", err
	}
	_, err = v.request(http.MethodGet, o.SID, "")
	return o.SID, err
}

func (v visitor) polls() error {
	sid, err := v.polling()
	if err == nil {
		_, err = v.request(http.MethodPost, sid, "1")
	}
	return err
}

func (v visitor) upgrades() error {
	sid, err := v.polling()
	if err != nil {
		return err
	}
	conn, r, err := v.webSocket("&sid="+sid, "2probe")
	if err == nil {
		err = await(r, "3probe")
	}
	if err == nil {
		_, err = io.WriteString(conn, masked(0x81, "5")+masked(0x81, `421["hello"]`))
	}
	if err == nil {
		err = await(r, "431[")
	}
	if err != nil {
		return err
	}
	return conn.Close()
}

// watched counts what has been made, and what has been given back to the memory.
type watched struct{ made, collected atomic.Int64 }

func watch[T any](w *watched, p *T) {
	w.made.Add(1)
	runtime.AddCleanup(p, func(*atomic.Int64) { w.collected.Add(1) }, &w.collected)
}

// However clients come and go, nothing of them stays: no session, socket, room, acknowledgement, timer or goroutine. That nothing refers
// to a session or socket any more is what the garbage collector says. SOCKETIO_VISITS=100000 takes five minutes.
func TestNothingIsLeftOfThoseWhoCameAndWent(t *testing.T) {
	total := 2000
	if text := os.Getenv("SOCKETIO_VISITS"); text != "" {
		var err error
		if total, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	var sessions, sockets watched
	f := serve(t, socketio.Options{
		Engine: engineio.Options{Trace: &engineio.Trace{Opened: func(s *engineio.Session) { watch(&sessions, s) }}},
	})
	f.io.Of("/other")
	f.io.OnConnection(func(s *socketio.Socket) {
		watch(&sockets, s)
		s.Join("lobby", "of "+s.ID())
		s.OnDisconnect(func(*socketio.Socket, string) {})
	})
	f.io.On("hello", func(s *socketio.Socket, e *socketio.Event) {
		context.AfterFunc(s.Context(), func() {})
		if err := s.EmitAck(time.Hour, func(*socketio.Reply, error) {}, "never answered"); err != nil {
			t.Error(err)
		}
		if err := e.Ack(); err != nil {
			t.Error(err)
		}
	})
	addr := strings.TrimPrefix(f.url, "http://")
	transport := &http.Transport{MaxIdleConnsPerHost: 16, DisableCompression: true}
	defer transport.CloseIdleConnections()
	v := visitor{addr, &http.Client{Transport: transport, Timeout: 30 * time.Second}}
	batch := func(n int) {
		var next atomic.Int64
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
					if err := visits[i%len(visits)](v); err != nil {
						t.Errorf("visit %d: %v", i%len(visits), err)
						return
					}
				}
			})
		}
		wg.Wait()
	}
	settle := func() (goroutines int, heap uint64) {
		t.Helper()
		transport.CloseIdleConnections()
		deadline := time.Now().Add(30 * time.Second)
		for {
			runtime.GC()
			if f.io.Engine().Len() == 0 && sessions.collected.Load() == sessions.made.Load() && sockets.collected.Load() == sockets.made.Load() {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("%d sessions; of %d sessions %d were collected, of %d sockets %d", f.io.Engine().Len(),
					sessions.made.Load(), sessions.collected.Load(), sockets.made.Load(), sockets.collected.Load())
			}
			time.Sleep(20 * time.Millisecond)
		}
		for runtime.NumGoroutine() > 40 && time.Now().Before(deadline) {
			time.Sleep(20 * time.Millisecond)
		}
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return runtime.NumGoroutine(), m.HeapAlloc
	}

	batch(10 * len(visits))
	goroutines, heap := settle()
	for done := 0; done < total; done += 2000 {
		batch(min(2000, total-done))
	}
	goroutinesAfter, heapAfter := settle()
	t.Logf("%d sessions, %d sockets; goroutines %d, then %d; heap %d KiB, then %d KiB", sessions.made.Load(), sockets.made.Load(),
		goroutines, goroutinesAfter, heap>>10, heapAfter>>10)
	for _, ns := range f.io.Namespaces() {
		if rooms := ns.Adapter().(*socketio.MemoryAdapter).Rooms(); len(rooms) > 0 || ns.Len() > 0 { //nolint:forcetypeassert // the default
			t.Errorf("%s: %d rooms, %d sockets", ns.Name(), len(rooms), ns.Len())
		}
	}
	if goroutinesAfter > goroutines+24 { // the engine keeps some that wait for work
		t.Errorf("%d goroutines, %d before", goroutinesAfter, goroutines)
	}
	if heapAfter > heap+4<<20 {
		t.Errorf("the heap has grown from %d to %d KiB", heap>>10, heapAfter>>10)
	}
}
