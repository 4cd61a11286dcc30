package engineio

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// forwardedHeader marks a request that another node has sent: it goes no further. Whoever else sets it only harms themselves.
const forwardedHeader = "Engineio-Forwarded"

const (
	// dialTimeout is how long another node may take to accept a connection.
	dialTimeout = 2 * time.Second
	// downTime is how long a node that did not is left alone.
	downTime = 500 * time.Millisecond
	// maxForwardedHold is how long a poll from another node is held: that node can stop without cutting it, and notices if this one
	// is not there any more.
	maxForwardedHold = 10 * time.Second
	// forwardTimeout is how long the answer to a forwarded request may take.
	forwardTimeout = maxForwardedHold + 20*time.Second
	// peerIdleTimeout is how long a connection to another node is kept for the next request. It must be shorter than what servers
	// keep theirs for: what is sent on a connection that is just being closed is lost, and must not be sent twice.
	peerIdleTimeout = 5 * time.Second
)

func isForwarded(r *http.Request) bool { return r.Header.Get(forwardedHeader) != "" }

// forwarder sends requests for other nodes' sessions there.
type forwarder struct {
	nodes  Nodes
	srv    *Server
	dialer net.Dialer
	client *http.Transport

	mu     sync.Mutex
	down   map[string]time.Time // addresses to leave alone, until when
	relays map[*relay]struct{}
	closed bool
	done   sync.WaitGroup // relays
}

func newForwarder(srv *Server) *forwarder {
	f := &forwarder{
		nodes: srv.opts.Nodes, srv: srv, dialer: net.Dialer{Timeout: dialTimeout, KeepAlive: 15 * time.Second},
		down: map[string]time.Time{}, relays: map[*relay]struct{}{},
	}
	f.client = &http.Transport{
		DialContext: f.dialer.DialContext, DisableCompression: true, IdleConnTimeout: peerIdleTimeout, MaxIdleConnsPerHost: 1024,
		ResponseHeaderTimeout: forwardTimeout,
	}
	return f
}

// serve has a request for a session of another node answered there, and reports whether it was: the session of a node that is gone
// is as unknown as one that never was.
func (f *forwarder) serve(w http.ResponseWriter, r *http.Request, sid string) bool {
	name, _, ok := strings.Cut(sid, ".")
	if !ok || name == f.nodes.Self() || isForwarded(r) || r.Method == http.MethodOptions {
		return false
	}
	node, ok := f.nodes.Find(r.Context(), name)
	if !ok || f.isDown(node.Addr) {
		return false
	}
	var err error
	if isUpgrade(r) {
		err = f.upgrade(w, r, node)
	} else {
		err = f.roundTrip(w, r, node)
	}
	if t := f.srv.opts.Trace; t.Forwarded != nil {
		t.Forwarded(r, name, err)
	}
	if err != nil && r.Context().Err() == nil {
		f.noteDown(node.Addr, err)
		return false
	}
	return true
}

func (f *forwarder) isDown(addr string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	until, ok := f.down[addr]
	if ok && time.Now().After(until) {
		delete(f.down, addr)
		return false
	}
	return ok
}

// noteDown takes note of a node that cannot be connected to.
func (f *forwarder) noteDown(addr string, err error) {
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "dial" {
		f.mu.Lock()
		f.down[addr] = time.Now().Add(downTime)
		f.mu.Unlock()
	}
}

// outgoing is a request as it goes to another node. GET requests have a body, which is empty: otherwise net/http would repeat one
// whose connection failed, and the answer to the first, with messages in it, would be lost without anybody noticing.
func (f *forwarder) outgoing(ctx context.Context, r *http.Request, node Node) (*http.Request, error) {
	target := r.RequestURI
	if target == "" {
		target = r.URL.RequestURI()
	}
	u, err := url.ParseRequestURI(target)
	if err != nil {
		return nil, err
	}
	u.Scheme, u.Host, u.User = "http", node.Addr, nil
	out := (&http.Request{
		Method: r.Method, URL: u, Host: r.Host, Header: r.Header.Clone(), ContentLength: r.ContentLength,
		Body: io.NopCloser(http.MaxBytesReader(nil, r.Body, f.srv.opts.MaxPayload+1)), // one more is for the other node to refuse
	}).WithContext(ctx)
	dropHopHeaders(out.Header)
	out.Header.Set(forwardedHeader, f.nodes.Self())
	if host, _, err := net.SplitHostPort(r.RemoteAddr); err == nil {
		out.Header.Add("X-Forwarded-For", host)
	}
	return out, nil
}

// hopHeaders are between two neighbours only (RFC 9110, section 7.6.1).
var hopHeaders = []string{"Connection", "Keep-Alive", "Proxy-Connection", "Proxy-Authorization", "Te", "Trailer", "Transfer-Encoding", "Upgrade"}

func dropHopHeaders(h http.Header) {
	for _, line := range h["Connection"] {
		for name := range strings.SplitSeq(line, ",") {
			h.Del(strings.TrimSpace(name))
		}
	}
	for _, name := range hopHeaders {
		h.Del(name)
	}
}

// roundTrip forwards a poll or a post. On error nothing has been answered.
func (f *forwarder) roundTrip(w http.ResponseWriter, r *http.Request, node Node) error {
	if r.ContentLength > f.srv.opts.MaxPayload {
		w.Header().Set("Connection", "close")
		w.WriteHeader(http.StatusRequestEntityTooLarge)
		return nil
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	if node.Alive != nil {
		defer context.AfterFunc(node.Alive, cancel)()
	}
	out, err := f.outgoing(ctx, r, node)
	if err != nil {
		return err
	}
	res, err := f.client.RoundTrip(out)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }() // it has been read, or there is nobody to read it for
	answer(w, res)
	return nil
}

// answer gives another node's answer to the client. Its headers replace those that this node has set: they are the same, twice.
func answer(w http.ResponseWriter, res *http.Response) {
	h := w.Header()
	dropHopHeaders(res.Header)
	for name, values := range res.Header {
		h[name] = values
	}
	w.WriteHeader(res.StatusCode)
	_, _ = io.Copy(w, res.Body) // a short body ends the connection, as Content-Length says
}

// upgrade lets a WebSocket through to another node. On error nothing has been answered.
func (f *forwarder) upgrade(w http.ResponseWriter, r *http.Request, node Node) error {
	out, err := f.outgoing(r.Context(), r, node)
	if err != nil {
		return err
	}
	out.Body, out.ContentLength = nil, 0
	out.Header.Set("Connection", "Upgrade")
	out.Header.Set("Upgrade", "websocket")
	peer, err := f.dialer.DialContext(r.Context(), "tcp", node.Addr)
	if err != nil {
		return err
	}
	_ = peer.SetDeadline(time.Now().Add(f.srv.opts.UpgradeTimeout))
	br := bufio.NewReaderSize(peer, 4<<10)
	var res *http.Response
	if err = out.Write(peer); err == nil {
		res, err = http.ReadResponse(br, out)
	}
	if err != nil {
		return errors.Join(err, peer.Close())
	}
	if res.StatusCode != http.StatusSwitchingProtocols {
		w.Header().Set("Connection", "close")
		answer(w, res)
		_ = res.Body.Close()
		_ = peer.Close()
		return nil
	}
	client, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return errors.Join(err, peer.Close())
	}
	_ = peer.SetDeadline(time.Time{})
	_ = client.SetDeadline(time.Time{})
	head := fmt.Appendf(nil, "HTTP/1.1 %s\r\n", res.Status)
	for name, values := range res.Header {
		for _, v := range values {
			head = fmt.Appendf(head, "%s: %s\r\n", name, headerSafe(v))
		}
	}
	fromPeer, _ := br.Peek(br.Buffered())          // what is buffered can be peeked
	fromClient, _ := rw.Peek(rw.Reader.Buffered()) // the same
	f.relay(client, peer, append(append(head, "\r\n"...), fromPeer...), append([]byte(nil), fromClient...), node)
	return nil
}
