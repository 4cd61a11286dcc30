package socketio

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// ErrTooManyRooms is told to [Trace.Failed] when a socket may not join another room.
var ErrTooManyRooms = errors.New("socketio: too many rooms")

// Middleware decides whether a client may join a namespace. An error refuses it; a [*ConnectError] carries data for the client.
type Middleware func(s *Socket) error

// Namespace is a separate channel over the shared connections: its own sockets, rooms, middlewares and handlers.
type Namespace struct {
	name    string
	server  *Server
	adapter Adapter
	hooks   atomic.Pointer[[]RoomHooks]
	parent  *parentNamespace // of a dynamic namespace
	ids     atomic.Uint64    // of acknowledgements

	mu      sync.RWMutex
	sockets map[string]*Socket
	private map[string]*Socket // those that may be recovered, by their private ids
	events  atomic.Pointer[namespaceHandlers]
	unknown atomic.Pointer[Handler]
	shown   atomic.Pointer[func(*Socket) any] // what other nodes get to see of a socket's data
}

// namespaceHandlers is replaced as a whole when something is registered, so that dispatching takes no lock.
type namespaceHandlers struct {
	middlewares []Middleware
	connection  []func(*Socket)
	disconnect  []func(s *Socket, reason string)
	events      map[string]eventHandlers
	serverSide  map[string][]func(args [][]byte, ack func(value any))
}

// eventHandlers are the handlers of an event, and its name as the one string that all its events share.
type eventHandlers struct {
	name string
	list []Handler
}

func newNamespace(srv *Server, name string, base *namespaceHandlers) (*Namespace, error) {
	ns := &Namespace{name: name, server: srv, sockets: map[string]*Socket{}, private: map[string]*Socket{}}
	ns.OnRooms(srv.opts.RoomHooks)
	ns.events.Store(base.clone())
	var err error
	ns.adapter, err = srv.opts.Adapter(ns)
	return ns, err
}

func (h *namespaceHandlers) clone() *namespaceHandlers {
	c := &namespaceHandlers{events: map[string]eventHandlers{}, serverSide: map[string][]func([][]byte, func(any)){}}
	if h == nil {
		return c
	}
	c.middlewares, c.connection, c.disconnect = slices.Clone(h.middlewares), slices.Clone(h.connection), slices.Clone(h.disconnect)
	for k, v := range h.events {
		c.events[k] = eventHandlers{v.name, slices.Clone(v.list)}
	}
	for k, v := range h.serverSide {
		c.serverSide[k] = slices.Clone(v)
	}
	return c
}

func (ns *Namespace) edit(fn func(*namespaceHandlers)) {
	ns.mu.Lock()
	defer ns.mu.Unlock()
	next := ns.events.Load().clone()
	fn(next)
	ns.events.Store(next)
}

// Name is the namespace's name, with its leading slash.
func (ns *Namespace) Name() string { return ns.name }

// Server is the server the namespace belongs to.
func (ns *Namespace) Server() *Server { return ns.server }

// Adapter is the namespace's adapter.
func (ns *Namespace) Adapter() Adapter { return ns.adapter }

// Use registers a middleware. They run in order for every client that connects.
func (ns *Namespace) Use(m Middleware) {
	ns.edit(func(h *namespaceHandlers) { h.middlewares = append(h.middlewares, m) })
}

// OnConnection registers fn for every new socket. No event of the socket is handled before it returns.
func (ns *Namespace) OnConnection(fn func(*Socket)) {
	ns.edit(func(h *namespaceHandlers) { h.connection = append(h.connection, fn) })
}

// OnDisconnect registers fn for every socket's end.
func (ns *Namespace) OnDisconnect(fn func(s *Socket, reason string)) {
	ns.edit(func(h *namespaceHandlers) { h.disconnect = append(h.disconnect, fn) })
}

// OnRooms registers hooks for the rooms of this namespace on this node.
func (ns *Namespace) OnRooms(h RoomHooks) {
	ns.mu.Lock()
	defer ns.mu.Unlock()
	var list []RoomHooks
	if old := ns.hooks.Load(); old != nil {
		list = slices.Clone(*old)
	}
	list = append(list, h)
	ns.hooks.Store(&list)
}

// OnShown sets what makes the data of a socket that other nodes get to see; without it they see what SetData stored.
func (ns *Namespace) OnShown(fn func(s *Socket) any) { ns.shown.Store(&fn) }

func (ns *Namespace) roomHooks() []RoomHooks {
	if list := ns.hooks.Load(); list != nil {
		return *list
	}
	return nil
}

// On registers a handler for an event of all sockets. Unlike Socket.On it costs no memory per socket.
func (ns *Namespace) On(event string, fn Handler) {
	ns.edit(func(h *namespaceHandlers) { h.events[event] = eventHandlers{event, append(h.events[event].list, fn)} })
}

// OnUnknown registers the handler of events that have no other.
func (ns *Namespace) OnUnknown(fn Handler) { ns.unknown.Store(&fn) }

// OnServerSide registers a handler for events other nodes emit with ServerSideEmit: the arguments as JSON, and an ack that
// does nothing when the other node does not wait for one.
func (ns *Namespace) OnServerSide(event string, fn func(args [][]byte, ack func(value any))) {
	ns.edit(func(h *namespaceHandlers) { h.serverSide[event] = append(h.serverSide[event], fn) })
}

func (ns *Namespace) eventHandlers(name string) []Handler { return ns.events.Load().events[name].list }

// ServerSideEmit sends an event to the other nodes.
func (ns *Namespace) ServerSideEmit(event string, args ...any) error {
	data, err := serverSideData(event, args)
	if err != nil {
		return err
	}
	return ns.adapter.ServerSideEmit(data)
}

// ServerSideEmitWithAck sends an event to the other nodes and returns one JSON value from each. On error it returns what came.
func (ns *Namespace) ServerSideEmitWithAck(ctx context.Context, event string, args ...any) ([][]byte, error) {
	data, err := serverSideData(event, args)
	if err != nil {
		return nil, err
	}
	return ns.adapter.ServerSideEmitWithAck(ctx, data)
}

func serverSideData(event string, args []any) ([]byte, error) {
	if reservedEvents[event] || event == "connection" || event == "new_namespace" {
		return nil, &ReservedEventError{Event: event}
	}
	data, attachments, err := appendArgs(nil, event, args)
	if err == nil && len(attachments) > 0 {
		err = errors.New("socketio: server-side events carry no binary data")
	}
	return data, err
}

// HandleServerSide is called by adapters with an event of another node: a JSON array, the name first.
func (ns *Namespace) HandleServerSide(data []byte, ack func(value any)) {
	elements, err := splitArray(nil, data)
	if err != nil || len(elements) == 0 {
		return
	}
	name, err := eventName(elements[0], nil)
	if err != nil {
		return
	}
	for _, fn := range ns.events.Load().serverSide[name] {
		fn(elements[1:], ack)
	}
}

// Socket returns the namespace's socket of an id on this node, or nil.
func (ns *Namespace) Socket(id string) *Socket {
	ns.mu.RLock()
	defer ns.mu.RUnlock()
	return ns.sockets[id]
}

// Len is the number of sockets on this node.
func (ns *Namespace) Len() int {
	ns.mu.RLock()
	defer ns.mu.RUnlock()
	return len(ns.sockets)
}

// Sockets returns the sockets on this node, in no order.
func (ns *Namespace) Sockets() []*Socket {
	ns.mu.RLock()
	defer ns.mu.RUnlock()
	out := make([]*Socket, 0, len(ns.sockets))
	for _, s := range ns.sockets {
		out = append(out, s)
	}
	return out
}

// admit runs the middlewares and makes the client a socket of the namespace.
func (ns *Namespace) admit(c *conn, h *Handshake) error {
	s := &Socket{ns: ns, conn: c, handshake: h}
	restored := ns.restore(s)
	if s.id == "" {
		s.id = ns.newSocketID(c)
	}
	handlers := ns.events.Load()
	if restored == nil || ns.server.opts.Recovery.RunMiddlewares {
		for _, m := range handlers.middlewares {
			if err := m(s); err != nil {
				return err
			}
		}
	}
	if err := c.add(s); err != nil {
		if errors.Is(err, errAlreadyConnected) || errors.Is(err, ErrDisconnected) {
			return nil // nothing to answer: the client has the namespace, or is gone
		}
		return err
	}
	ns.mu.Lock()
	ns.sockets[s.id] = s
	if s.pid != "" {
		ns.private[s.pid] = s
	}
	ns.mu.Unlock()
	ns.adapter.Add(s)
	if restored != nil {
		ns.adapter.Resume(s, restored)
	}
	s.sendPacket(s.connectPacket())
	if t := ns.server.trace.Connected; t != nil {
		t(s)
	}
	for _, fn := range handlers.connection {
		fn(s)
	}
	return nil
}

func (ns *Namespace) newSocketID(c *conn) string {
	if c.session.Handshake().EIO == 3 {
		if ns.name == "/" {
			return c.session.ID()
		}
		return ns.name + "#" + c.session.ID()
	}
	return ns.server.opts.GenerateSocketID()
}

// restore gives a client that came back its former state. The former socket, should the server not have noticed its end yet, is
// ended first.
func (ns *Namespace) restore(s *Socket) *RecoverySession {
	if ns.server.opts.Recovery == nil || s.handshake.engine.EIO == 3 {
		return nil
	}
	var auth struct {
		PID    string `json:"pid"`
		Offset string `json:"offset"`
	}
	if s.handshake.BindAuth(&auth) == nil && auth.PID != "" {
		ns.Evict(auth.PID)
		if r, ok := ns.adapter.RestoreSession(auth.PID, auth.Offset); ok {
			s.id, s.pid, s.data, s.recovered = r.SID, r.PID, r.Data, true
			s.offset = r.Offset // not where the log stands: what is replayed may not arrive
			return r
		}
	}
	s.pid = ns.server.opts.GenerateSocketID()
	s.offset = ns.adapter.Offset()
	return nil
}

// Evict ends the socket of this node that has a private id, as if its network had failed, and reports whether there was one. Its
// handlers have been told when it returns. It is for adapters: the client has come back on another node.
func (ns *Namespace) Evict(pid string) bool {
	ns.mu.RLock()
	old := ns.private[pid]
	ns.mu.RUnlock()
	if old == nil {
		return false
	}
	old.conn.session.Terminate()
	old.closed(ReasonTransportLost, nil)
	for deadline := time.Now().Add(time.Second); ns.has(pid, old) && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond) // it is being ended by another goroutine
	}
	return true
}

func (ns *Namespace) has(pid string, s *Socket) bool {
	ns.mu.RLock()
	defer ns.mu.RUnlock()
	return ns.private[pid] == s
}

// ReasonTransportLost is given to a socket whose client has come back on another connection before the old one ended.
const ReasonTransportLost = "transport close"

func (ns *Namespace) remove(s *Socket) {
	ns.adapter.DelAll(s)
	ns.mu.Lock()
	if ns.sockets[s.id] == s {
		delete(ns.sockets, s.id)
	}
	if ns.private[s.pid] == s {
		delete(ns.private, s.pid)
	}
	ns.mu.Unlock()
}

func (ns *Namespace) tellDisconnected(s *Socket, reason string, err error) {
	if t := ns.server.trace.Disconnected; t != nil {
		t(s, reason, err)
	}
	for _, fn := range ns.events.Load().disconnect {
		fn(s, reason)
	}
	ns.cleanUp()
}

// cleanUp drops a dynamic namespace that has become empty, when the server is told to.
func (ns *Namespace) cleanUp() {
	if ns.parent != nil && ns.server.opts.CleanupEmptyChildNamespaces && ns.Len() == 0 {
		if err := ns.server.dropNamespace(ns); err != nil {
			ns.server.trace.failedNamespace(ns.name, err)
		}
	}
}

// Close disconnects the namespace's sockets, keeping their connections, and forgets the namespace.
func (ns *Namespace) Close() error {
	for _, s := range ns.Sockets() {
		s.Disconnect(false)
	}
	return ns.server.dropNamespace(ns)
}
