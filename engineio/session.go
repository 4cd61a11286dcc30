package engineio

import (
	"context"
	"runtime/debug"
	"sync"
	"time"
)

// Handler receives what one client sends. Its methods are called one at a time.
type Handler interface {
	// OnMessage gives a message's data, which is valid only until OnMessage returns.
	OnMessage(s *Session, isBinary bool, data []byte)
	// OnClose is called once, after the last OnMessage. err may be nil.
	OnClose(s *Session, reason Reason, err error)
}

type sessionState uint8

const (
	stateOpen   sessionState = iota
	stateEnding              // closed for its handler; what is queued is still being delivered
	stateClosed
)

// transport is how a session's packets travel. Its methods are called with the session's mutex held.
type transport interface {
	name() string
	// wake arranges for the session's queue to be written.
	wake(s *Session)
	// writable reports whether a packet queued now would be written at once.
	writable(s *Session) bool
	// end closes the transport. A graceful end first delivers what is queued.
	end(s *Session, how ending)
}

// ending says how a transport is to be closed.
type ending struct {
	graceful bool      // deliver the queue first, and tell the client
	status   closeCode // for a WebSocket close frame
	byClient bool      // the client asked for it
}

// Session is one client's connection, whatever carries it.
type Session struct {
	srv       *Server
	shard     *shard
	id        string
	handshake *Handshake
	handler   Handler
	group     *group     // nil for none
	recv      sync.Mutex // held while the handler runs

	mu      sync.Mutex
	link    transport
	probe   *wsLink // the WebSocket of an upgrade under way
	queue   []*Message
	bytes   int // queued, or taken by a write that is not complete
	charged int // what of bytes is counted in the server's outbound total
	state   sessionState
	dirty   bool // on the shard's list
	behind  bool // the connection takes no more at the moment

	timer     *time.Timer
	deadline  time.Time // the client must have shown life by then
	awaiting  bool      // a ping is out
	refreshed bool      // another packet has extended the pong's deadline once
}

// ID is the session's id, unique on this server and unguessable.
func (s *Session) ID() string { return s.id }

// Handshake is what the client said when it connected.
func (s *Session) Handshake() *Handshake { return s.handshake }

// Transport is the name of the transport in use: polling, websocket or webtransport.
func (s *Session) Transport() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.link.name()
}

// Send queues messages, adjacent and in order. It returns ErrClosed when the session has ended; nil does not mean that the
// client has them. It never blocks.
func (s *Session) Send(msgs ...*Message) error {
	s.mu.Lock()
	err := s.enqueue(msgs)
	s.mu.Unlock()
	return err
}

// SendOne is Send for a single message, without the slice.
func (s *Session) SendOne(m *Message) error {
	s.mu.Lock()
	if s.state != stateOpen {
		s.mu.Unlock()
		return ErrClosed
	}
	s.queue = append(s.queue, m)
	s.bytes += m.Len()
	if s.overLimit() {
		err := s.dropSlow()
		s.mu.Unlock()
		return err
	}
	if !s.dirty {
		s.link.wake(s)
	}
	s.mu.Unlock()
	return nil
}

// SendVolatile sends only if the client can take the messages now, and reports whether it did.
func (s *Session) SendVolatile(msgs ...*Message) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.link.writable(s) && s.enqueue(msgs) == nil
}

func (s *Session) enqueue(msgs []*Message) error {
	if s.state != stateOpen {
		return ErrClosed
	}
	s.queue = append(s.queue, msgs...)
	for _, m := range msgs {
		s.bytes += m.Len()
	}
	if s.overLimit() {
		return s.dropSlow()
	}
	s.link.wake(s)
	return nil
}

// overLimit checks the caps. The number of messages counts only for a client that cannot take them now: a burst that the
// shard has not seen yet is no sign of slowness.
func (s *Session) overLimit() bool {
	o := &s.srv.opts
	if s.bytes > o.MaxQueueBytes && len(s.queue) > 1 {
		return true
	}
	if s.link.writable(s) {
		return false
	}
	if len(s.queue) > o.MaxQueueMessages {
		return true
	}
	return (o.MaxOutboundBytes > 0 || s.group != nil) && s.charge()
}

// charge brings the totals of the server and of the session's group up to date with what waits for this session, and reports whether one
// of them is too much.
func (s *Session) charge() (tooMuch bool) {
	o, more := &s.srv.opts, int64(s.bytes-s.charged)
	s.charged = s.bytes
	total := s.srv.outbound.Add(more)
	if s.group != nil {
		tooMuch = s.group.bytes.Add(more) > o.MaxGroupBytes
	}
	return tooMuch || o.MaxOutboundBytes > 0 && total > o.MaxOutboundBytes
}

// settle is charge for a queue that has shrunk.
func (s *Session) settle() {
	if s.charged > s.bytes {
		s.charge()
	}
}

func (s *Session) dropSlow() error {
	reason := ReasonSlowConsumer
	if s.bytes <= s.srv.opts.MaxQueueBytes && len(s.queue) <= s.srv.opts.MaxQueueMessages {
		reason = ReasonOutboundMemory
	}
	s.endLocked(ending{status: closePolicy}, reason, nil, true)
	return ErrClosed
}

// Close ends the session after delivering what is queued.
func (s *Session) Close() { s.CloseWith(ReasonForcedClose) }

// CloseWith is Close with another reason than ReasonForcedClose.
func (s *Session) CloseWith(reason Reason) {
	s.mu.Lock()
	s.endLocked(ending{graceful: true, status: closeNormal}, reason, nil, true)
	s.mu.Unlock()
}

// Finish is CloseWith once the handler is done with what it is at: its answers still go out. It must not be called from a handler.
func (s *Session) Finish(reason Reason) {
	s.recv.Lock()
	defer s.recv.Unlock()
	s.CloseWith(reason)
}

// Terminate ends the session at once, dropping what is queued.
func (s *Session) Terminate() {
	s.mu.Lock()
	s.endLocked(ending{status: closeNormal}, ReasonForcedClose, nil, true)
	s.mu.Unlock()
}

// fail ends the session because of what the client or its network did. It must not be called from the handler.
func (s *Session) fail(how ending, reason Reason, err error) {
	s.mu.Lock()
	first := s.endLocked(how, reason, err, false)
	s.mu.Unlock()
	if first {
		defer s.srv.background.Done()
		s.tellClosed(reason, err)
	}
}

// endLocked moves the session out of stateOpen and reports whether it did. With async set the handler is told from another
// goroutine, because the caller may be the handler itself; without, the caller tells it, and then is done with srv.background.
func (s *Session) endLocked(how ending, reason Reason, err error, async bool) bool {
	if s.state != stateOpen {
		return false
	}
	s.srv.background.Add(1) // before it is forgotten: Close waits until the handler has been told
	s.state = stateClosed
	if how.graceful {
		s.state = stateEnding
	} else {
		s.dropQueue()
	}
	if s.timer != nil {
		s.timer.Stop()
	}
	if s.probe != nil && (!how.graceful || !s.probe.answered) {
		s.dropProbe()
	}
	s.link.end(s, how)
	if s.state == stateClosed {
		s.srv.forget(s)
	}
	if async {
		go func() {
			defer s.srv.background.Done()
			s.tellClosed(reason, err)
		}()
	}
	return true
}

func (s *Session) dropProbe() {
	if s.probe != nil {
		s.probe.silence()
		s.probe.abandon()
		s.probe = nil
	}
}

func (s *Session) dropQueue() {
	s.queue = nil
	s.bytes = 0
	s.settle()
}

// ended is called by a transport that has finished a graceful end.
func (s *Session) ended() {
	if s.state == stateEnding {
		s.state = stateClosed
		s.dropProbe()
		s.dropQueue()
		s.srv.forget(s)
	}
}

func (s *Session) tellClosed(reason Reason, err error) {
	s.recv.Lock()
	defer s.recv.Unlock()
	if t := s.srv.opts.Trace; t.Closed != nil {
		t.Closed(s, reason, err)
	}
	if s.handler != nil {
		s.handler.OnClose(s, reason, err)
	}
}

// deliver gives one message to the handler. A panic in it ends this session and nothing else.
func (s *Session) deliver(isBinary bool, data []byte) {
	s.recv.Lock()
	defer s.recv.Unlock()
	defer func() {
		if v := recover(); v != nil {
			if t := s.srv.opts.Trace; t.Panicked != nil {
				t.Panicked(s, v, debug.Stack())
			}
			s.CloseWith(ReasonHandlerPanic)
		}
	}()
	if t := s.srv.opts.Trace; t.Received != nil {
		t.Received(s, len(data))
	}
	s.handler.OnMessage(s, isBinary, data)
}

// receive handles one packet that came over the session's own transport, and reports whether more may follow.
func (s *Session) receive(p incoming) bool {
	s.mu.Lock()
	if s.state != stateOpen {
		s.mu.Unlock()
		return false
	}
	s.extendPongDeadline()
	switch p.kind {
	case PacketMessage:
		s.mu.Unlock()
		s.deliver(p.binary, p.data)
		return true
	case PacketPing, PacketPong:
		ok := s.heartbeat(p)
		s.mu.Unlock()
		if !ok {
			s.fail(ending{status: closeProtocol}, ReasonTransportError, errMalformedPayload)
		}
		return ok
	case PacketClose:
		s.mu.Unlock()
		s.fail(ending{byClient: true, status: closeNormal}, ReasonTransportClose, nil)
		return false
	case PacketNoop, PacketUpgrade:
		s.mu.Unlock()
		return true
	default: // an open packet is the server's to send
		s.mu.Unlock()
		s.fail(ending{status: closeProtocol}, ReasonParseError, errMalformedPayload)
		return false
	}
}

// Context returns a context that carries s; see [FromContext].
func (s *Session) Context(parent context.Context) context.Context {
	return context.WithValue(parent, sessionKey{}, s)
}

type sessionKey struct{}

// FromContext returns the session that a context carries, or nil.
func FromContext(ctx context.Context) *Session {
	s, _ := ctx.Value(sessionKey{}).(*Session)
	return s
}
