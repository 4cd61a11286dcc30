package engineio

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Server admits clients and keeps their sessions. It is an http.Handler for every path it is mounted at.
type Server struct {
	opts      Options
	onSession func(*Session) Handler
	shards    []*shard
	nextShard atomic.Uint32
	outbound  atomic.Int64 // bytes that wait for clients which have fallen behind
	forwarder *forwarder   // nil for a single node

	mu       sync.RWMutex
	sessions map[string]*Session
	groups   map[string]*group
	closed   bool

	readers    sync.WaitGroup // WebSockets that are not closed
	background sync.WaitGroup
}

// NewServer starts a server. onSession is called for each new session, before anything it sent is delivered, and returns the
// session's handler. Close must be called in the end.
func NewServer(opts Options, onSession func(*Session) Handler) *Server {
	srv := &Server{opts: opts.withDefaults(), onSession: onSession, sessions: map[string]*Session{}, groups: map[string]*group{}}
	if srv.opts.Nodes != nil {
		srv.forwarder = newForwarder(srv)
	}
	for range srv.opts.Shards {
		srv.shards = append(srv.shards, newShard(srv))
	}
	return srv
}

// Options are the options in force, defaults filled in.
func (srv *Server) Options() Options { return srv.opts }

// Len is the number of sessions.
func (srv *Server) Len() int {
	srv.mu.RLock()
	defer srv.mu.RUnlock()
	return len(srv.sessions)
}

// Outbound is the number of bytes that wait for clients which have fallen behind.
func (srv *Server) Outbound() int64 { return srv.outbound.Load() }

// Session returns the session of an id, or nil.
func (srv *Server) Session(id string) *Session {
	srv.mu.RLock()
	defer srv.mu.RUnlock()
	return srv.sessions[id]
}

// Sessions returns all sessions, in no order.
func (srv *Server) Sessions() []*Session {
	srv.mu.RLock()
	defer srv.mu.RUnlock()
	out := make([]*Session, 0, len(srv.sessions))
	for _, s := range srv.sessions {
		out = append(out, s)
	}
	return out
}

// Close refuses new clients, ends every session with ReasonServerShutdown, and waits until their queues are delivered and all
// goroutines have ended, or ctx is done.
func (srv *Server) Close(ctx context.Context) error {
	srv.mu.Lock()
	srv.closed = true
	srv.mu.Unlock()
	for _, s := range srv.Sessions() {
		s.CloseWith(ReasonServerShutdown)
	}
	done := make(chan struct{})
	go func() {
		if srv.forwarder != nil {
			srv.forwarder.close()
		}
		srv.readers.Wait()
		srv.background.Wait()
		for _, sh := range srv.shards {
			sh.stop()
		}
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		for _, s := range srv.Sessions() {
			s.Terminate()
		}
		return ctx.Err()
	}
}

// ServeHTTP implements http.Handler.
func (srv *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	kind, sid := q.Get("transport"), q.Get("sid")
	if srv.forwarder != nil && sid != "" && srv.Session(sid) == nil && srv.forwarder.serve(w, r, sid) {
		return
	}
	if srv.crossOrigin(w, r) {
		return
	}
	upgrade := isUpgrade(r)
	s, why := srv.verify(r, kind, sid, q.Get("EIO"), upgrade)
	if why == nil && s == nil {
		why = srv.admit(r, q.Get("EIO"))
	}
	if why == nil && upgrade {
		why = checkUpgrade(r)
	}
	if why != nil {
		srv.refuse(w, r, why)
		return
	}
	switch {
	case upgrade && s == nil:
		srv.openWebSocket(w, r, eioOf(q.Get("EIO")))
	case upgrade:
		srv.upgradeWebSocket(w, r, s)
	case s == nil:
		srv.openPolling(w, r, eioOf(q.Get("EIO")))
	default:
		srv.servePolling(w, r, s)
	}
}

// verify checks what every request must satisfy, and finds the session of one that names it.
func (srv *Server) verify(r *http.Request, kind, sid, eio string, upgrade bool) (*Session, *Refusal) {
	if !slices.Contains(srv.opts.Transports, kind) || kind == WebTransport {
		return nil, &Refusal{Code: CodeUnknownTransport, Detail: "transport " + kind}
	}
	if strings.ContainsFunc(r.Header.Get("Origin"), func(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f }) {
		return nil, &Refusal{Code: CodeBadRequest, Detail: "invalid origin"}
	}
	if upgrade != (kind == WebSocket) {
		return nil, &Refusal{Code: CodeBadRequest, Detail: "transport and request do not match"}
	}
	if sid == "" {
		if r.Method != http.MethodGet {
			return nil, &Refusal{Code: CodeBadHandshakeMethod, Detail: r.Method}
		}
		return nil, nil
	}
	s := srv.Session(sid)
	if s == nil {
		return nil, &Refusal{Code: CodeUnknownSID}
	}
	if eio != "" && eioOf(eio) != s.handshake.EIO {
		return nil, &Refusal{Code: CodeBadRequest, Detail: "protocol revision differs from the session's"}
	}
	if !upgrade && s.Transport() != kind {
		return nil, &Refusal{Code: CodeBadRequest, Detail: "the session has another transport"}
	}
	return s, nil
}

func eioOf(text string) int {
	if text == "4" {
		return 4
	}
	return 3
}

// admit decides on a handshake.
func (srv *Server) admit(r *http.Request, eio string) *Refusal {
	if eioOf(eio) != 4 && !srv.opts.AllowEIO3 {
		return &Refusal{Code: CodeUnsupportedProtocolVersion}
	}
	srv.mu.RLock()
	closed := srv.closed
	srv.mu.RUnlock()
	if closed {
		return &Refusal{Code: CodeForbidden, Status: http.StatusServiceUnavailable, Message: "Server is restarting", RetryAfter: time.Second}
	}
	if srv.opts.AllowRequest != nil {
		return srv.opts.AllowRequest(r)
	}
	return nil
}

func (srv *Server) refuse(w http.ResponseWriter, r *http.Request, why *Refusal) {
	srv.refused(r, why).write(w, isUpgrade(r))
}

func (srv *Server) headers(h http.Header, r *http.Request, initial bool) {
	if srv.opts.OnHeaders != nil {
		srv.opts.OnHeaders(h, r, initial)
	}
}

// newSession makes a session that nobody can reach yet.
func (srv *Server) newSession(r *http.Request, eio int) *Session {
	n := srv.nextShard.Add(1)
	return &Session{
		srv: srv, shard: srv.shards[int(n)%len(srv.shards)], id: srv.opts.GenerateID(r), handshake: newHandshake(r, eio),
	}
}

// open makes the session known and starts its heartbeat.
func (srv *Server) open(s *Session) {
	srv.enrol(s)
	if t := srv.opts.Trace; t.Opened != nil {
		t.Opened(s)
	}
	s.recv.Lock() // the handler gets nothing before it exists
	s.handler = srv.onSession(s)
	s.recv.Unlock()
	if srv.opts.InitialPacket != nil {
		_ = s.SendOne(srv.opts.InitialPacket)
	}
	s.startHeartbeat()
}

// openPacket is the handshake's answer.
func (srv *Server) openPacket(s *Session, kind string) *Message {
	upgrades := []string{}
	if kind == Polling && !srv.opts.DisallowUpgrades {
		for _, t := range srv.opts.Transports {
			if t != Polling {
				upgrades = append(upgrades, t)
			}
		}
	}
	body, _ := json.Marshal(struct { // cannot fail
		SID          string   `json:"sid"`
		Upgrades     []string `json:"upgrades"`
		PingInterval int64    `json:"pingInterval"`
		PingTimeout  int64    `json:"pingTimeout"`
		MaxPayload   int64    `json:"maxPayload"`
	}{s.id, upgrades, srv.opts.PingInterval.Milliseconds(), srv.opts.PingTimeout.Milliseconds(), srv.opts.MaxPayload})
	return newPacket(PacketOpen, string(body))
}

func (srv *Server) setCookie(h http.Header, s *Session) {
	if srv.opts.Cookie != nil {
		c := *srv.opts.Cookie
		c.Value = s.id
		h.Add("Set-Cookie", c.String())
	}
}

func (srv *Server) openPolling(w http.ResponseWriter, r *http.Request, eio int) {
	s := srv.newSession(r, eio)
	s.link = &pollLink{}
	srv.setCookie(w.Header(), s)
	srv.headers(w.Header(), r, true)
	srv.open(s)
	s.mu.Lock()
	msgs := append([]*Message{srv.openPacket(s, Polling)}, s.takeAll()...)
	s.mu.Unlock()
	s.writePayload(w, r, msgs)
}

func (srv *Server) servePolling(w http.ResponseWriter, r *http.Request, s *Session) {
	s.mu.Lock()
	link, ok := s.link.(*pollLink)
	s.mu.Unlock()
	switch {
	case !ok:
		srv.refuse(w, r, &Refusal{Code: CodeBadRequest, Detail: "the session has another transport"})
	case r.Method == http.MethodGet:
		link.serveGet(w, r, s)
	case r.Method == http.MethodPost:
		link.servePost(w, r, s)
	default:
		srv.refuse(w, r, &Refusal{Code: CodeBadHandshakeMethod, Detail: r.Method})
	}
}

var errNoHandshake = errors.New("engineio: the handshake's response could not be written")

// openWebSocket starts a session on a WebSocket. The 101 response and the first packets leave in one write.
func (srv *Server) openWebSocket(w http.ResponseWriter, r *http.Request, eio int) {
	s := srv.newSession(r, eio)
	cookies := http.Header{}
	srv.setCookie(cookies, s)
	conn, response, early, deflate, err := srv.hijack(w, r, true)
	if err != nil {
		srv.refuse(w, r, &Refusal{Code: CodeBadRequest, Detail: err.Error()})
		return
	}
	if c := cookies.Get("Set-Cookie"); c != "" {
		response = append(append(append(response[:len(response)-2], "Set-Cookie: "...), c...), "\r\n\r\n"...)
	}
	ws := newWSLink(conn, s, deflate)
	s.link = ws
	s.dirty = true // holds the shard off: nothing may overtake the response
	srv.open(s)
	open := srv.openPacket(s, WebSocket)
	if eio == 3 {
		s.mu.Lock()
		s.queue = append([]*Message{open}, s.queue...)
		s.bytes += open.Len()
		s.mu.Unlock()
	} else {
		response = append(response, ws.encode(open)...)
	}
	if !ws.start(response, early) {
		s.fail(ending{status: closeNormal}, ReasonTransportError, errNoHandshake)
		return
	}
	if eio == 3 {
		time.AfterFunc(legacyPause, func() { s.release(ws) })
	} else {
		s.release(ws)
	}
}

// legacyPause separates the response from the first frame for clients of revision 3, which may lose a frame that comes together
// with the response.
const legacyPause = 10 * time.Millisecond

// release lets the shard at a new session.
func (s *Session) release(ws *wsLink) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dirty = false
	if len(s.queue) > 0 {
		ws.wake(s)
	}
}

// upgradeWebSocket lets a WebSocket ask for the place of a session's polling.
func (srv *Server) upgradeWebSocket(w http.ResponseWriter, r *http.Request, s *Session) {
	if srv.opts.DisallowUpgrades {
		srv.refuse(w, r, &Refusal{Code: CodeBadRequest, Detail: "upgrades are not allowed"})
		return
	}
	conn, response, early, deflate, err := srv.hijack(w, r, false)
	if err != nil {
		srv.refuse(w, r, &Refusal{Code: CodeBadRequest, Detail: err.Error()})
		return
	}
	ws := newWSLink(conn, s, deflate)
	ws.probing = true
	if !s.beginUpgrade(ws) { // the handshake is completed first, as Node does: clients tell the two apart
		_ = ws.writeNow(response)
		ws.drop()
		return
	}
	ws.start(response, early)
}
