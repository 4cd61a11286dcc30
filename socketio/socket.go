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
	ReasonRecovered        = "recovered elsewhere"
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

	outgoing atomic.Pointer[[]func(string, []byte)]

	mu       sync.Mutex
	data     any
	gone     bool
	acks     map[uint64]pendingAck
	handlers *socketHandlers
	ctx      context.Context
	cancel   context.CancelFunc
}

// socketHandlers are what was registered on this socket alone; most sockets have none, their namespace's serving for all.
type socketHandlers struct {
	events        map[string][]Handler
	any           []Handler
	uses          []func(e *Event, next func(error))
	disconnect    []func(s *Socket, reason string)
	disconnecting []func(s *Socket, reason string)
	errors        []func(s *Socket, err error)
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

// Emit sends an event to this client. The error tells of arguments that cannot be encoded.
func (s *Socket) Emit(event string, args ...any) error {
	p, err := eventPacket(event, args)
	if err != nil {
		return err
	}
	if s.ns.server.opts.Recovery != nil {
		// Through the adapter, which keeps the packet for a recovery.
		p.Namespace = s.ns.name
		return s.ns.adapter.Broadcast(p, Target{Rooms: []string{s.id}}, Flags{})
	}
	s.sendPacket(p)
	return nil
}

// EmitVolatile sends an event only if the client can take it now.
func (s *Socket) EmitVolatile(event string, args ...any) error {
	p, err := eventPacket(event, args)
	if err == nil {
		p.Namespace = s.ns.name
		s.push(s.ns.server.opts.Parser.Encode(p), p, true)
	}
	return err
}

// Broadcast selects everyone in the namespace but this socket.
func (s *Socket) Broadcast() Broadcast { return Broadcast{ns: s.ns}.Except(s.id) }

// To selects everyone in rooms but this socket.
func (s *Socket) To(rooms ...string) Broadcast { return s.Broadcast().To(rooms...) }

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

// On registers a handler for an event of this socket. Handlers of the namespace run first.
func (s *Socket) On(event string, h Handler) {
	s.register(func(hs *socketHandlers) {
		if hs.events == nil {
			hs.events = map[string][]Handler{}
		}
		hs.events[event] = append(hs.events[event], h)
	})
}

// Off removes this socket's own handlers of an event.
func (s *Socket) Off(event string) {
	s.register(func(hs *socketHandlers) { delete(hs.events, event) })
}

// OnAny registers a handler for every event, called before the event's own.
func (s *Socket) OnAny(h Handler) {
	s.register(func(hs *socketHandlers) { hs.any = append(hs.any, h) })
}

// PrependAny is OnAny, before those already registered.
func (s *Socket) PrependAny(h Handler) {
	s.register(func(hs *socketHandlers) { hs.any = slices.Insert(hs.any, 0, h) })
}

// OffAny removes the handlers of OnAny.
func (s *Socket) OffAny() { s.register(func(hs *socketHandlers) { hs.any = nil }) }

// Use registers a middleware that sees every event of this socket before its handlers: it calls next, with an error to refuse
// the event, or not at all to swallow it.
func (s *Socket) Use(fn func(e *Event, next func(error))) {
	s.register(func(hs *socketHandlers) { hs.uses = append(hs.uses, fn) })
}

// OnDisconnect registers a handler for the socket's end, when it has left its rooms.
func (s *Socket) OnDisconnect(fn func(s *Socket, reason string)) {
	s.register(func(hs *socketHandlers) { hs.disconnect = append(hs.disconnect, fn) })
}

// OnDisconnecting registers a handler for the socket's end, when it is still in its rooms.
func (s *Socket) OnDisconnecting(fn func(s *Socket, reason string)) {
	s.register(func(hs *socketHandlers) { hs.disconnecting = append(hs.disconnecting, fn) })
}

// OnError registers a handler for errors that middlewares of Use gave.
func (s *Socket) OnError(fn func(s *Socket, err error)) {
	s.register(func(hs *socketHandlers) { hs.errors = append(hs.errors, fn) })
}

// OnAnyOutgoing registers fn for every event sent to this client: its name and its arguments as a JSON array, name first.
func (s *Socket) OnAnyOutgoing(fn func(event string, data []byte)) {
	s.editOutgoing(func(l []func(string, []byte)) []func(string, []byte) { return append(l, fn) })
}

// PrependAnyOutgoing is OnAnyOutgoing, before those already registered.
func (s *Socket) PrependAnyOutgoing(fn func(event string, data []byte)) {
	s.editOutgoing(func(l []func(string, []byte)) []func(string, []byte) { return slices.Insert(l, 0, fn) })
}

// OffAnyOutgoing removes the functions of OnAnyOutgoing.
func (s *Socket) OffAnyOutgoing() { s.outgoing.Store(nil) }

func (s *Socket) editOutgoing(edit func([]func(string, []byte)) []func(string, []byte)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []func(string, []byte)
	if old := s.outgoing.Load(); old != nil {
		list = slices.Clone(*old)
	}
	list = edit(list)
	s.outgoing.Store(&list)
}

func (s *Socket) tellOutgoing(p *Packet) {
	list := s.outgoing.Load()
	if list == nil || p.Type != PacketEvent {
		return
	}
	var elements [][]byte
	elements, err := splitArray(elements, p.Data)
	if err != nil || len(elements) == 0 {
		return
	}
	name, _ := eventName(elements[0], nil) // we encoded it
	for _, fn := range *list {
		fn(name, p.Data)
	}
}

func (s *Socket) register(edit func(*socketHandlers)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	next := &socketHandlers{}
	if s.handlers != nil { // copied, because a dispatch may be reading the old one
		*next = *s.handlers
		next.events = make(map[string][]Handler, len(s.handlers.events))
		for k, v := range s.handlers.events {
			next.events[k] = slices.Clip(v)
		}
		next.any, next.uses = slices.Clip(next.any), slices.Clip(next.uses)
	}
	edit(next)
	s.handlers = next
}

func (s *Socket) ownHandlers() *socketHandlers {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.handlers
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
		for _, h := range own.any {
			h(s, e)
		}
	}
	for _, h := range s.ns.eventHandlers(e.Name) {
		handled = true
		h(s, e)
	}
	if own != nil {
		for _, h := range own.events[e.Name] {
			handled = true
			h(s, e)
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
