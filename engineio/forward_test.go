package engineio

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// directory knows the nodes of a test, and counts who was looked for in vain.
type directory struct {
	mu    sync.Mutex
	nodes map[string]Node
	leave map[string]context.CancelFunc
	vain  int
}

type member struct {
	*directory
	self string
}

func (m member) Self() string { return m.self }

func (m member) Find(_ context.Context, name string) (Node, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n, ok := m.nodes[name]
	if !ok {
		m.vain++
	}
	return n, ok
}

// gone is what is known of a node that has left, or was taken for dead.
func (d *directory) gone(name string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.nodes, name)
	d.leave[name]()
}

func (d *directory) add(name, addr string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var n Node
	n.Addr = addr
	n.Alive, d.leave[name] = context.WithCancel(context.Background())
	d.nodes[name] = n
}

func newNodes(t *testing.T, n int, o Options) (*directory, []*fixture) {
	d := &directory{nodes: map[string]Node{}, leave: map[string]context.CancelFunc{}}
	var list []*fixture
	for i := range n {
		name := fmt.Sprint("node", i)
		o.Nodes = member{d, name}
		f := newFixture(t, o)
		d.add(name, f.addr)
		list = append(list, f)
	}
	return d, list
}

// Every request of a client that only polls reaches the next node, and nothing is lost, doubled or out of order.
func TestPollingThroughEveryNode(t *testing.T) {
	_, nodes := newNodes(t, 3, Options{})
	sid := nodes[0].openPolling()
	if !strings.HasPrefix(sid, "node0.") {
		t.Fatal(sid)
	}
	const count = 200
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		for i := range count {
			if status, body := nodes[i%3].do("POST", polling+"&sid="+sid, fmt.Sprint("4message ", i)); status != 200 || body != "ok" {
				t.Errorf("post: %d %q", status, body)
			}
		}
	}()
	var got []string
	for i := 0; len(got) < count; i++ {
		status, body := nodes[i%3].do("GET", polling+"&sid="+sid, "")
		if status != 200 {
			t.Fatalf("poll: %d %q", status, body)
		}
		for _, p := range strings.Split(body, "\x1e") {
			if p != "2" && p != "6" {
				got = append(got, p)
			}
		}
	}
	<-sent
	for i, p := range got {
		if p != fmt.Sprint("4message ", i) {
			t.Fatalf("%q is number %d", p, i)
		}
	}
	if n := nodes[1].srv.Len() + nodes[2].srv.Len(); n != 0 {
		t.Errorf("%d sessions on nodes that only forward", n)
	}
}

func TestUpgradeThroughAnotherNode(t *testing.T) {
	_, nodes := newNodes(t, 2, Options{})
	before := runtime.NumGoroutine()
	sid := nodes[0].openPolling()
	held := make(chan string, 1)
	go func() {
		_, body := nodes[1].do("GET", polling+"&sid="+sid, "")
		held <- body
	}()
	for nodes[0].waiting(sid) == nil {
		time.Sleep(time.Millisecond)
	}
	w := nodes[1].openWS("EIO=4&transport=websocket&sid=" + sid)
	w.send(frame(fin|text, "2probe"))
	w.expect("1:3probe")
	if got := <-held; got != "6" {
		t.Fatalf("the held poll got %q", got)
	}
	w.send(frames(frame(fin|text, "5"), frame(fin|text, "4over there")))
	w.expect("1:4over there")
	big := strings.Repeat("x", 60_000)
	for range 20 {
		w.send(frame(fin|text, "4"+big))
		w.expect("1:4" + big)
	}
	w.send(frame(fin|opClose, closePayload(1000, "")))
	w.expect("8:" + closePayload(1000, ""))
	nodes[0].expectEnd(ReasonTransportClose)
	http.DefaultClient.CloseIdleConnections()
	nodes[1].srv.forwarder.client.CloseIdleConnections()
	for deadline := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before+4; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), before)
		}
	}
}

// A client that vanishes without a word behind another node ends like any other, and so does what waits for it.
func TestVanishedBehindAnotherNode(t *testing.T) {
	_, nodes := newNodes(t, 2, Options{PingInterval: 100 * time.Millisecond, PingTimeout: 100 * time.Millisecond})
	sid := nodes[0].openPolling()
	w := nodes[1].openWS("EIO=4&transport=websocket&sid=" + sid)
	w.send(frames(frame(fin|text, "2probe"), frame(fin|text, "5")))
	nodes[0].expectEnd(ReasonPingTimeout)
	f := nodes[1].srv.forwarder
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		f.mu.Lock()
		n := len(f.relays)
		f.mu.Unlock()
		if n == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the relay is still there")
		}
	}
}

// What a client makes up leads nowhere, at once.
func TestForgedNodes(t *testing.T) {
	strange, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = strange.Close() }()
	var connections atomic.Int32
	go func() {
		for {
			c, err := strange.Accept()
			if err != nil {
				return
			}
			connections.Add(1)
			_ = c.Close()
		}
	}()
	d, nodes := newNodes(t, 2, Options{})
	sid := nodes[1].openPolling()
	begun := time.Now()
	const unknown = `{"code":1,"message":"Session ID unknown"}`
	for _, forged := range []string{
		strange.Addr().String() + ".x", "http://" + strange.Addr().String() + "/.x", "node1@" + strange.Addr().String() + ".x",
		"node1.x", "node0.x", ".", "..", "node1", ".node1", "node1%2F.x", "node1\r\nHost: x.y", strings.Repeat("n", 9000) + ".x",
	} {
		for _, method := range []string{"GET", "POST"} {
			status, body := nodes[0].do(method, polling+"&sid="+urlQuery(forged), "")
			if status != 400 || body != unknown {
				t.Errorf("%s %.40q: %d %q", method, forged, status, body)
			}
		}
	}
	for _, id := range []string{sid, "node1.x"} { // of a node that is there, but by a request that says it has been forwarded
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, nodes[0].url+"/?"+polling+"&sid="+id, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set(forwardedHeader, "me")
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if _ = res.Body.Close(); res.StatusCode != http.StatusBadRequest {
			t.Errorf("forwarded twice: %d", res.StatusCode)
		}
	}
	if took := time.Since(begun); took > 3*time.Second {
		t.Errorf("it took %v", took)
	}
	if connections.Load() > 0 {
		t.Error("a made-up address was connected to")
	}
	if status, _ := nodes[0].do("POST", polling+"&sid="+sid, "4fine"); status != 200 || d.vain == 0 {
		t.Errorf("afterwards: %d", status)
	}
}

func urlQuery(s string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0d", "\n", "%0a", " ", "%20", "/", "%2f").Replace(s)
}

// A node that is gone answers nothing: its clients hear soon that their session is unknown, and their connections end.
func TestGoneNode(t *testing.T) {
	d, nodes := newNodes(t, 3, Options{})
	d.add("dead", "127.0.0.1:1")
	silent, err := net.Listen("tcp", "127.0.0.1:0") // accepts, and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = silent.Close() }()
	d.add("silent", silent.Addr().String())
	begun := time.Now()
	for range 3 {
		if status, body := nodes[0].do("GET", polling+"&sid=dead.x", ""); status != 400 || !strings.Contains(body, `"code":1`) {
			t.Errorf("dead: %d %q", status, body)
		}
	}
	if took := time.Since(begun); took > time.Second {
		t.Errorf("a dead node's answer took %v", took)
	}
	waiting := make(chan string, 2)
	go func() {
		status, body := nodes[0].do("GET", polling+"&sid=silent.x", "")
		waiting <- fmt.Sprint(status, body)
	}()
	sid, polled := nodes[1].openPolling(), nodes[1].openPolling()
	go func() {
		status, body := nodes[0].do("GET", polling+"&sid="+polled, "")
		waiting <- fmt.Sprint(status, body)
	}()
	w := nodes[0].openWS("EIO=4&transport=websocket&sid=" + sid)
	w.send(frame(fin|text, "2probe"))
	w.expect("1:3probe")
	for nodes[1].waiting(polled) == nil {
		time.Sleep(time.Millisecond)
	}
	begun = time.Now()
	d.gone("silent")
	d.gone("node1")
	for range 2 {
		if got := <-waiting; !strings.HasPrefix(got, "400") || !strings.Contains(got, `"code":1`) {
			t.Errorf("a held poll: %s", got)
		}
	}
	w.expect("error")
	if took := time.Since(begun); took > time.Second {
		t.Errorf("it took %v", took)
	}
}

// A poll whose connection breaks is not sent again: the answer to the first may have had messages in it.
func TestPollsAreNotRepeated(t *testing.T) {
	d, nodes := newNodes(t, 1, Options{})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	d.add("fragile", ln.Addr().String())
	var requests atomic.Int32
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = c.Close() }()
				r := bufio.NewReader(c)
				for i := 0; ; i++ {
					if _, err := http.ReadRequest(r); err != nil {
						return
					}
					requests.Add(1)
					if i == 1 {
						return // after it has taken the second request of a connection
					}
					_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n6")
				}
			}()
		}
	}()
	for i, want := range []int{200, 400} {
		if status, _ := nodes[0].do("GET", polling+"&sid=fragile.x", ""); status != want {
			t.Errorf("poll %d: %d", i, status)
		}
	}
	if n := requests.Load(); n != 2 {
		t.Errorf("%d requests for 2 polls", n)
	}
}

// A poll that came through another node is held for a limited time, so that that node can stop.
func TestForwardedPollsEnd(t *testing.T) {
	t.Parallel()
	_, nodes := newNodes(t, 2, Options{})
	sid := nodes[0].openPolling()
	begun := time.Now()
	status, body := nodes[1].do("GET", polling+"&sid="+sid, "")
	if took := time.Since(begun); status != 200 || body != "6" || took < maxForwardedHold || took > maxForwardedHold+5*time.Second {
		t.Errorf("%d %q after %v", status, body, took)
	}
	if status, _ = nodes[1].do("POST", polling+"&sid="+sid, "4go on"); status != 200 {
		t.Errorf("post: %d", status)
	}
}

func TestForwardedAnswersAreTheOthers(t *testing.T) {
	_, nodes := newNodes(t, 2, Options{MaxPayload: 1000, CORS: &CORS{AllowOrigin: AllowAnyOrigin}, OnHeaders: func(h http.Header, _ *http.Request, _ bool) {
		h.Set("X-Node", "from one")
	}})
	sid := nodes[0].openPolling()
	for name, tc := range map[string]struct {
		method, body string
		length       int64
		status       int
	}{
		"post": {"POST", "4hello", 6, 200}, "too long": {"POST", strings.Repeat("4", 2000), 2000, 413}, "too long, length unknown": {"POST", strings.Repeat("4", 1001), -1, 413},
		"another method": {"PUT", "", 0, 400}, "preflight": {"OPTIONS", "", 0, 204},
	} {
		req, err := http.NewRequestWithContext(t.Context(), tc.method, nodes[1].url+"/?"+polling+"&sid="+sid, strings.NewReader(tc.body))
		if err != nil {
			t.Fatal(err)
		}
		req.ContentLength = tc.length
		req.Header.Set("Origin", "https://a.test")
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		_ = res.Body.Close()
		if res.StatusCode != tc.status {
			t.Errorf("%s: %d, want %d", name, res.StatusCode, tc.status)
		}
		if got := res.Header.Values("Access-Control-Allow-Origin"); tc.status == 200 && len(got) != 1 {
			t.Errorf("%s: %q", name, got)
		}
	}
	w := nodes[1].openWS("EIO=4&transport=websocket") // a session of its own
	if open := w.read(); !strings.Contains(open, `"sid":"node1.`) {
		t.Error(open)
	}
}

func TestNodeNames(t *testing.T) {
	for name, want := range map[string]bool{"a": true, "Node_1-x": true, "": false, "a.b": false, "a b": false, "ä": false, strings.Repeat("a", 65): false} {
		if ValidNodeName(name) != want {
			t.Errorf("%q", name)
		}
	}
	fixed := FixedNodes("a", map[string]string{"a": "h:1", "b": "h:2"})
	if n, ok := fixed.Find(t.Context(), "b"); !ok || n.Addr != "h:2" {
		t.Error(n, ok)
	}
	if _, ok := fixed.Find(t.Context(), "a"); ok {
		t.Error("a node is not another one")
	}
}
