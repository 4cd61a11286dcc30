package socketio

import (
	"context"
	"encoding/json"
	"slices"
	"sync"
	"sync/atomic"

	"parley/engineio"
)

// The reasons of a disconnect that the engine does not know; the others are [engineio.Reason]s.
const (
	ReasonClientDisconnect = "client namespace disconnect"
	ReasonServerDisconnect = "server namespace disconnect"
)

// Socket is one client in one namespace.
type Socket struct {
	id        string
	pid       string // private: whoever knows it may recover the socket's state
	offset    string // where the log stood when the socket connected
	ns        *Namespace
	conn      *conn
	handshake *Handshake
	recovered bool
	rooms     []*room // guarded by the adapter

	outgoing atomic.Pointer[[]*outgoingListener]

	mu       sync.Mutex
	data     any
	gone     bool
	acks     map[uint64]pendingAck
	handlers *socketHandlers
	ctx      context.Context
	cancel   context.CancelFunc
}

// ID is the socket's id: 20 characters, unguessable, also the name of a room that only it is in.
func (s *Socket) ID() string { return s.id }

// Namespace is the namespace the socket is in.
func (s *Socket) Namespace() *Namespace { return s.ns }

// Handshake is what the client said when it connected.
func (s *Socket) Handshake() *Handshake { return s.handshake }

// Recovered reports whether the socket got its earlier state back.
func (s *Socket) Recovered() bool { return s.recovered }

// Session is the Engine.IO session beneath, which may carry sockets of several namespaces.
func (s *Socket) Session() *engineio.Session { return s.conn.session }

// Data is what SetData stored.
func (s *Socket) Data() any {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.data
}

// SetData attaches a value to the socket; FetchSockets shows it to all nodes as JSON.
func (s *Socket) SetData(v any) {
	s.mu.Lock()
	s.data = v
	s.mu.Unlock()
	if t := s.ns.server.trace.DataSet; t != nil {
		t(s)
	}
}

// Connected reports whether the socket is still connected.
func (s *Socket) Connected() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.gone
}

// Context is done when the socket disconnects.
func (s *Socket) Context() context.Context {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx == nil {
		s.ctx, s.cancel = context.WithCancel(context.Background())
		if s.gone {
			s.cancel()
		}
	}
	return s.ctx
}

// Join puts the socket in rooms.
func (s *Socket) Join(rooms ...string) {
	if limit := s.ns.server.opts.MaxRooms; limit > 0 && len(s.ns.adapter.SocketRooms(s.id))+len(rooms) > limit+1 {
		s.ns.server.trace.failed(s, ErrTooManyRooms)
		return
	}
	if s.Connected() {
		s.ns.adapter.Add(s, rooms...)
	}
}

// Leave takes the socket out of a room.
func (s *Socket) Leave(room string) { s.ns.adapter.Del(s, room) }

// Rooms are the rooms the socket is in, its own included.
func (s *Socket) Rooms() []string { return s.ns.adapter.SocketRooms(s.id) }

// Broadcast selects everyone in the namespace but this socket.
func (s *Socket) Broadcast() Broadcast { return Broadcast{ns: s.ns}.Except(s.id) }

// To selects everyone in rooms but this socket.
func (s *Socket) To(rooms ...string) Broadcast { return s.Broadcast().To(rooms...) }

// Local selects everyone in the namespace but this socket, on this node.
func (s *Socket) Local() Broadcast { return s.Broadcast().Local() }

// In is To.
func (s *Socket) In(rooms ...string) Broadcast { return s.To(rooms...) }

// Except selects everyone in the namespace but this socket and those in rooms.
func (s *Socket) Except(rooms ...string) Broadcast { return s.Broadcast().Except(rooms...) }

// sendPacket fills in the namespace and sends. Most packets are one text message, which takes the short way.
func (s *Socket) sendPacket(p *Packet) {
	p.Namespace = s.ns.name
	if s.ns.server.plainJSON && len(p.Attachments) == 0 && s.outgoing.Load() == nil {
		_ = s.conn.session.SendOne(encodeText(p)) // a closed session is not this packet's concern
		return
	}
	s.push(s.ns.server.opts.Parser.Encode(p), p, false)
}

// Replay sends packets that the client missed. It is for adapters.
func (s *Socket) Replay(missed []*Packet) {
	for _, p := range missed {
		s.sendPacket(p)
	}
}

// Disconnect ends the socket; closeConn also ends the connection and with it the sockets of other namespaces.
func (s *Socket) Disconnect(closeConn bool) {
	if closeConn {
		s.conn.disconnectAll()
		return
	}
	if s.Connected() {
		s.sendPacket(&Packet{Type: PacketDisconnect})
		s.closed(ReasonServerDisconnect, nil)
	}
}

// receive handles a packet for this socket.
func (s *Socket) receive(p *Packet) error {
	switch p.Type {
	case PacketEvent:
		return s.receiveEvent(p)
	case PacketAck:
		if _, err := splitArray(nil, p.Data); err != nil {
			return err
		}
		if p.HasID {
			s.settleAck(p.ID, p.Data, p.Attachments, nil)
		}
	case PacketDisconnect:
		s.closed(ReasonClientDisconnect, nil)
	}
	return nil
}

func (s *Socket) receiveEvent(p *Packet) error {
	e := &Event{socket: s, id: p.ID, wantsAck: p.HasID, attachments: p.Attachments}
	elements, err := splitArray(e.inline[:0], p.Data)
	if err != nil {
		return err
	}
	if len(elements) == 0 {
		return errBadPacket
	}
	if e.Name, err = eventName(elements[0], s.ns.events.Load().events); err != nil {
		return err
	}
	e.args = elements[1:]
	if t := s.ns.server.trace.Event; t != nil {
		t(s, e)
	}
	own := s.ownHandlers()
	if own != nil && len(own.uses) > 0 {
		s.runUses(own, e, 0)
		return nil
	}
	s.dispatch(own, e)
	return nil
}

// runUses runs the socket's middlewares from the i-th on.
func (s *Socket) runUses(own *socketHandlers, e *Event, i int) {
	if i == len(own.uses) {
		s.dispatch(s.ownHandlers(), e)
		return
	}
	own.uses[i](e, func(err error) {
		if err == nil {
			s.runUses(own, e, i+1)
			return
		}
		for _, fn := range own.errors {
			fn(s, err)
		}
	})
}

// dispatch calls the handlers of an event. One that nobody handles is counted, and otherwise ignored, as in Node.
func (s *Socket) dispatch(own *socketHandlers, e *Event) {
	handled := false
	if own != nil {
		for _, l := range own.any {
			l.fn(s, e)
		}
	}
	for _, h := range s.ns.eventHandlers(e.Name) {
		handled = true
		h(s, e)
	}
	if own != nil {
		for _, l := range own.events[e.Name] {
			handled = true
			if l.once {
				s.off(e.Name, l)
			}
			l.fn(s, e)
		}
	}
	if !handled {
		if h := s.ns.unknown.Load(); h != nil {
			(*h)(s, e)
		}
	}
}

// closed ends the socket, once.
func (s *Socket) closed(reason string, err error) {
	s.mu.Lock()
	if s.gone {
		s.mu.Unlock()
		return
	}
	s.gone = true
	if s.cancel != nil {
		s.cancel()
	}
	own := s.handlers
	s.mu.Unlock()
	if own != nil {
		for _, fn := range own.disconnecting {
			fn(s, reason)
		}
	}
	s.persist(reason)
	s.ns.remove(s)
	s.conn.remove(s)
	s.failAcks()
	s.ns.tellDisconnected(s, reason, err)
	if own != nil {
		for _, fn := range own.disconnect {
			fn(s, reason)
		}
	}
}

// recoverableReasons are ends that the client did not want: only after these it may come back for its state.
var recoverableReasons = []string{
	string(engineio.ReasonTransportError), string(engineio.ReasonTransportClose), string(engineio.ReasonForcedClose),
	string(engineio.ReasonPingTimeout), string(engineio.ReasonServerShutdown), string(engineio.ReasonSlowConsumer),
	string(engineio.ReasonWriteTimeout), string(engineio.ReasonOutboundMemory),
}

func (s *Socket) persist(reason string) {
	if s.ns.server.opts.Recovery == nil || !slices.Contains(recoverableReasons, reason) {
		return
	}
	s.ns.adapter.PersistSession(RecoverySession{SID: s.id, PID: s.pid, Rooms: s.Rooms(), Data: s.Data(), Offset: s.offset})
}

// connectPacket answers CONNECT.
func (s *Socket) connectPacket() *Packet {
	if s.handshake.engine.EIO == 3 {
		return &Packet{Type: PacketConnect, Namespace: s.ns.name}
	}
	data, _ := json.Marshal(struct { // cannot fail
		SID string `json:"sid"`
		PID string `json:"pid,omitempty"`
	}{s.id, s.pid})
	return &Packet{Type: PacketConnect, Namespace: s.ns.name, Data: data}
}
