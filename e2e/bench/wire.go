package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// browserHeaders are what Chromium 156 sends with each request of a page's script.
const browserHeaders = "Connection: keep-alive\r\nsec-ch-ua-platform: \"Linux\"\r\n" +
	"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36\r\n" +
	"sec-ch-ua: \"Not:A-Brand\";v=\"8\", \"Chromium\";v=\"156\"\r\nsec-ch-ua-mobile: ?0\r\nAccept: */*\r\n" +
	"Sec-Fetch-Site: same-origin\r\nSec-Fetch-Mode: cors\r\nSec-Fetch-Dest: empty\r\nReferer: http://127.0.0.1/\r\n" +
	"Accept-Encoding: gzip, deflate, br, zstd\r\nAccept-Language: en-US,en;q=0.9\r\n"

// wire measures what a chat message costs on the wire by WebSocket and by requests, and how long it takes: the bytes that TCP carries,
// without its own headers, which a request has more of.
func wire() error {
	dir, err := os.MkdirTemp("", "parley-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	set := &peerSet{dir: dir}
	p, err := set.durable()
	if err != nil {
		return err
	}
	s, err := p.startOn(false)
	if err != nil {
		return err
	}
	defer s.stop()
	w, err := measureSocket(s)
	if err != nil {
		return err
	}
	r, err := measureRequests(s)
	if err != nil {
		return err
	}
	printWire(w, r)
	return nil
}

// socketCosts are bytes and times by WebSocket.
type socketCosts struct {
	up, ack, delivery, payload int     // of a message: sent, acknowledged, delivered; payload is the delivered frame without its header
	heartbeat                  float64 // there and back
	p50, p99                   time.Duration
}

// requestCosts are bytes by requests.
type requestCosts struct {
	up, send, fetch int // a message sent: the request, request and answer; a held poll and the message that ends it
	nothing         int // a request that is answered that there is nothing new
}

const wireMessages = 200

// measureSocket lets one person talk to another, each by a connection that is counted.
func measureSocket(s *instance) (w socketCosts, err error) {
	g, err := newGenerator()
	if err != nil {
		return w, err
	}
	defer g.close()
	var meters []*meter
	for range 2 {
		m, err := newMeter(s.port)
		if err != nil {
			return w, err
		}
		defer m.close()
		meters = append(meters, m)
		g.ports = []int{m.port}
		if err := g.connect(1); err != nil {
			return w, err
		}
	}
	if err := g.until(time.Now().Add(time.Second)); err != nil {
		return w, err
	}
	var took []time.Duration
	begun, sent, frame := time.Now(), time.Duration(0), 0
	g.onEvent = func(c *conn, head []byte) {
		if c == g.conns[1] && strings.Contains(string(head), `"text":"hello"`) {
			took, frame = append(took, time.Since(begun)-sent), len(head)
		}
	}
	for _, m := range meters {
		m.reset()
	}
	for i := range wireMessages {
		sent = time.Since(begun)
		if err := g.conns[0].write(clientFrame(`420["chat-message",{"text":"hello"}]`)); err != nil {
			return w, err
		}
		for deadline := time.Now().Add(5 * time.Second); len(took) <= i || g.acks <= i; {
			if err := g.poll(5 * time.Millisecond); err != nil || time.Now().After(deadline) {
				return w, errors.Join(err, errors.New("a message does not arrive"))
			}
		}
	}
	time.Sleep(100 * time.Millisecond) // what has been read has been counted
	w.up, w.delivery = meters[0].sent()/wireMessages, meters[1].received()/wireMessages
	w.ack = meters[0].received()/wireMessages - w.delivery
	w.payload = w.delivery - 4
	slices.Sort(took)
	w.p50, w.p99 = took[len(took)/2], took[len(took)*99/100]
	if frame < 100 || w.up < 30 {
		return w, errors.New("nothing was counted")
	}
	for _, m := range meters {
		m.reset()
	}
	const quiet = 55 * time.Second // two heartbeats, 25 s apart
	if err := g.until(time.Now().Add(quiet)); err != nil {
		return w, err
	}
	w.heartbeat = float64(meters[1].sent()+meters[1].received()) / 2
	return w, nil
}

// measureRequests lets a client send and fetch by long-polling, as a browser does, and ask in vain.
func measureRequests(s *instance) (r requestCosts, err error) {
	m, err := newMeter(s.port)
	if err != nil {
		return r, err
	}
	defer m.close()
	c, err := newRequester(m.port)
	if err != nil {
		return r, err
	}
	defer c.close()
	const path = "/socket.io/?EIO=4&transport=polling"
	open, err := c.do("GET", path, "")
	var session struct{ SID string }
	if err == nil {
		err = json.Unmarshal([]byte(strings.TrimPrefix(open, "0")), &session)
	}
	if err != nil {
		return r, err
	}
	at := path + "&sid=" + session.SID
	fetch := func(until string) error {
		for {
			if text, err := c.do("GET", at, ""); err != nil || strings.Contains(text, until) {
				return err
			}
		}
	}
	for _, step := range []struct{ say, hear string }{{"40", "40{"}, {`420["user-join",{"username":"bench"}]`, "430["}} {
		if _, err := c.do("POST", at, step.say); err != nil {
			return r, err
		}
		if err := fetch(step.hear); err != nil {
			return r, err
		}
	}
	for range 20 {
		m.reset()
		if _, err := c.do("POST", at, `421["chat-message",{"text":"hello"}]`); err != nil {
			return r, err
		}
		time.Sleep(50 * time.Millisecond) // so that acknowledgement and echo come with one poll
		r.up, r.send = m.sent(), m.sent()+m.received()
		m.reset()
		if err := fetch("431["); err != nil {
			return r, err
		}
		r.fetch = m.sent() + m.received()
	}
	m.reset()
	if _, err := c.do("GET", "/ready", ""); err != nil {
		return r, err
	}
	r.nothing = m.sent() + m.received()
	return r, nil
}

func printWire(w socketCosts, r requestCosts) {
	fmt.Println("bytes on the wire (TCP's payload) of the message \"hello\"")
	fmt.Printf("  by WebSocket: sent %d, acknowledged %d, delivered %d; a heartbeat %.0f every 25 s\n", w.up, w.ack, w.delivery, w.heartbeat)
	fmt.Printf("  by requests with a browser's headers: sent %d (with the answer %d), fetched with acknowledgement and echo %d; nothing new %d\n", r.up, r.send, r.fetch, r.nothing)
	fmt.Printf("  sending: %.1f times as much by request as by WebSocket\n", float64(r.send)/float64(w.up+w.ack))
	fmt.Printf("  delivery by WebSocket: p50 %.2f ms, p99 %.2f ms; by polling every second 500 ms and 990 ms, and the request\n",
		float64(w.p50.Microseconds())/1000, float64(w.p99.Microseconds())/1000)
	fmt.Println("  received by one person, bytes a minute, calculated from these:")
	for _, perMinute := range []float64{0, 1, 6, 30, 60} {
		socket := w.heartbeat*60/25 + perMinute*float64(w.delivery)
		polled := 60*float64(r.nothing) + perMinute*float64(w.payload) // messages come with the answers to the next request
		fmt.Printf("    %2.0f messages a minute: WebSocket %6.0f, polling every second %6.0f: %.1f %% saved\n", perMinute, socket, polled, 100*(1-socket/polled))
	}
	fmt.Println()
}

// meter passes connections on to a server, and counts.
type meter struct {
	ln       net.Listener
	port     int
	up, down atomic.Int64
}

func newMeter(to int) (*meter, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	m := &meter{ln: ln, port: ln.Addr().(*net.TCPAddr).Port}
	go func() { // ends with close
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			s, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", to))
			if err != nil {
				_ = c.Close()
				return
			}
			go pass(s, c, &m.up) // both end with either connection
			go pass(c, s, &m.down)
		}
	}()
	return m, nil
}

func pass(to, from net.Conn, count *atomic.Int64) {
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		count.Add(int64(n))
		if _, werr := to.Write(buf[:n]); err != nil || werr != nil {
			_, _ = to.Close(), from.Close()
			return
		}
	}
}

func (m *meter) sent() int     { return int(m.up.Load()) }
func (m *meter) received() int { return int(m.down.Load()) }
func (m *meter) close()        { _ = m.ln.Close() }
func (m *meter) reset()        { m.up.Store(0); m.down.Store(0) }

// requester sends requests over one connection, as a browser does.
type requester struct {
	conn net.Conn
	in   *bufio.Reader
}

func newRequester(port int) (*requester, error) {
	c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return nil, err
	}
	return &requester{c, bufio.NewReader(c)}, nil
}

func (r *requester) do(method, path, body string) (string, error) {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: 127.0.0.1\r\n%s", method, path, browserHeaders)
	if method == "POST" {
		fmt.Fprintf(&b, "Content-Type: text/plain;charset=UTF-8\r\nOrigin: http://127.0.0.1\r\nContent-Length: %d\r\n", len(body))
	}
	fmt.Fprintf(&b, "\r\n%s", body)
	if _, err := r.conn.Write(b.Bytes()); err != nil {
		return "", err
	}
	res, err := http.ReadResponse(r.in, nil)
	if err != nil {
		return "", err
	}
	defer func() { _ = res.Body.Close() }() // it has been read
	content := io.Reader(res.Body)
	if res.Header.Get("Content-Encoding") == "gzip" {
		if content, err = gzip.NewReader(res.Body); err != nil {
			return "", err
		}
	}
	text, err := io.ReadAll(content)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s %s", path, res.Status, text)
	}
	return string(text), err
}

func (r *requester) close() { _ = r.conn.Close() }
