package socketio

import (
	"context"
	"maps"
	"slices"
	"sync"

	"parley/engineio"
)

// MemoryAdapter keeps the rooms of this node's sockets. It is an [Adapter] by itself and the base of those that span nodes.
type MemoryAdapter struct {
	ns *Namespace

	mu      sync.RWMutex
	sockets map[string]*Socket
	all     members
	rooms   map[string]*room
	log     *recoveryLog
	order   sync.Mutex // with a log: packets are delivered in the order of their offsets

	onRoom func(room string) // told of a room that has come or gone; nil for nobody
}

// NewMemoryAdapter is the [AdapterFactory] for a single node.
func NewMemoryAdapter(ns *Namespace) (Adapter, error) { return NewMemory(ns), nil }

// NewMemory makes the adapter that others embed.
func NewMemory(ns *Namespace) *MemoryAdapter {
	a := &MemoryAdapter{ns: ns, sockets: map[string]*Socket{}, rooms: map[string]*room{}}
	if r := ns.server.opts.Recovery; r != nil {
		a.log = newRecoveryLog(*r)
	}
	return a
}

// room is a named set of sockets. The room that bears a socket's own id exists only while another socket is in it as well:
// nearly all of them would have just the one member that the adapter finds by id anyway.
type room struct {
	name    string
	members members
}

// members is a set that is iterated far more often than it changes.
type members struct {
	list []*Socket
	at   map[*Socket]int
}

func (m *members) add(s *Socket) bool {
	if _, ok := m.at[s]; ok {
		return false
	}
	if m.at == nil {
		m.at = map[*Socket]int{}
	}
	m.at[s] = len(m.list)
	m.list = append(m.list, s)
	return true
}

func (m *members) del(s *Socket) bool {
	i, ok := m.at[s]
	if !ok {
		return false
	}
	last := len(m.list) - 1
	m.list[i] = m.list[last]
	m.at[m.list[i]] = i
	m.list[last] = nil
	m.list = m.list[:last]
	delete(m.at, s)
	return true
}

// Close implements Adapter.
func (a *MemoryAdapter) Close() error { return nil }

// ServerCount implements Adapter.
func (a *MemoryAdapter) ServerCount(context.Context) (int, error) { return 1, nil }

// Add implements Adapter.
func (a *MemoryAdapter) Add(s *Socket, rooms ...string) {
	var created, joined []string
	a.mu.Lock()
	if _, known := a.sockets[s.id]; !known {
		a.sockets[s.id] = s
		a.all.add(s)
		created, joined = append(created, s.id), append(joined, s.id)
	}
	for _, name := range rooms {
		if name == s.id {
			continue
		}
		r := a.rooms[name]
		if r == nil {
			r = &room{name: name}
			a.rooms[name] = r
			if a.sockets[name] == nil {
				created = append(created, name)
			}
		}
		if r.members.add(s) {
			s.rooms = append(s.rooms, r)
			joined = append(joined, name)
		}
	}
	a.mu.Unlock()
	for _, name := range created {
		call1(a.onRoom, name)
	}
	for _, h := range a.ns.roomHooks() {
		for _, name := range created {
			call1(h.CreateRoom, name)
		}
		for _, name := range joined {
			call2(h.JoinRoom, name, s.id)
		}
	}
}

// Del implements Adapter.
func (a *MemoryAdapter) Del(s *Socket, name string) {
	a.mu.Lock()
	r := a.rooms[name]
	left := r != nil && r.members.del(s)
	empty := false
	if left {
		if i := slices.Index(s.rooms, r); i >= 0 {
			s.rooms = slices.Delete(s.rooms, i, i+1)
		}
		empty = a.dropIfEmpty(r)
	}
	a.mu.Unlock()
	a.tellLeft(s, name, left, empty)
}

func (a *MemoryAdapter) dropIfEmpty(r *room) bool {
	if len(r.members.list) > 0 {
		return false
	}
	delete(a.rooms, r.name)
	return a.sockets[r.name] == nil
}

func (a *MemoryAdapter) tellLeft(s *Socket, name string, left, empty bool) {
	if empty {
		call1(a.onRoom, name)
	}
	for _, h := range a.ns.roomHooks() {
		if left {
			call2(h.LeaveRoom, name, s.id)
		}
		if empty {
			call1(h.DeleteRoom, name)
		}
	}
}

// DelAll implements Adapter.
func (a *MemoryAdapter) DelAll(s *Socket) {
	a.mu.Lock()
	if a.sockets[s.id] != s {
		a.mu.Unlock()
		return
	}
	delete(a.sockets, s.id)
	a.all.del(s)
	rooms := s.rooms
	s.rooms = nil
	empty := make([]bool, len(rooms))
	for i, r := range rooms {
		r.members.del(s)
		empty[i] = a.dropIfEmpty(r)
	}
	ownEmpty := a.rooms[s.id] == nil
	a.mu.Unlock()
	for i, r := range rooms {
		a.tellLeft(s, r.name, true, empty[i])
	}
	a.tellLeft(s, s.id, true, ownEmpty)
}

// SocketRooms implements Adapter.
func (a *MemoryAdapter) SocketRooms(id string) []string {
	a.mu.RLock()
	defer a.mu.RUnlock()
	s := a.sockets[id]
	if s == nil {
		return nil
	}
	return a.roomsOf(s)
}

func (a *MemoryAdapter) roomsOf(s *Socket) []string {
	out := make([]string, 0, 1+len(s.rooms))
	out = append(out, s.id)
	for _, r := range s.rooms {
		out = append(out, r.name)
	}
	return out
}

// RoomSizes returns every room of this node, the sockets' own included, with its number of sockets.
func (a *MemoryAdapter) RoomSizes() map[string]int {
	a.mu.RLock()
	defer a.mu.RUnlock()
	out := make(map[string]int, len(a.rooms)+len(a.sockets))
	for id := range a.sockets {
		out[id] = 1
	}
	for name, r := range a.rooms {
		out[name] += len(r.members.list)
	}
	return out
}

// Size is the number of this node's sockets in a room.
func (a *MemoryAdapter) Size(name string) int {
	a.mu.RLock()
	defer a.mu.RUnlock()
	n := 0
	if a.sockets[name] != nil {
		n++
	}
	if r := a.rooms[name]; r != nil {
		n += len(r.members.list)
	}
	return n
}

// each calls visit for every matching socket, once. Called with the lock held for reading.
func (a *MemoryAdapter) each(t Target, visit func(*Socket)) {
	except := a.exceptions(t.Except)
	switch len(t.Rooms) {
	case 0:
		for _, s := range a.all.list {
			if !except.has(s) {
				visit(s)
			}
		}
	case 1:
		a.eachIn(t.Rooms[0], func(s *Socket) {
			if !except.has(s) {
				visit(s)
			}
		})
	default:
		seen := map[*Socket]bool{}
		for _, name := range t.Rooms {
			a.eachIn(name, func(s *Socket) {
				if !seen[s] && !except.has(s) {
					seen[s] = true
					visit(s)
				}
			})
		}
	}
}

func (a *MemoryAdapter) eachIn(name string, visit func(*Socket)) {
	if own := a.sockets[name]; own != nil {
		visit(own)
	}
	if r := a.rooms[name]; r != nil {
		for _, s := range r.members.list {
			visit(s)
		}
	}
}

// exceptions are the sockets a broadcast leaves out. The usual case, one socket's own id, needs no set.
type exceptions struct {
	one  *Socket
	many map[*Socket]bool
}

func (e *exceptions) has(s *Socket) bool { return s == e.one || e.many[s] }

func (a *MemoryAdapter) exceptions(names []string) exceptions {
	if len(names) == 0 {
		return exceptions{}
	}
	if len(names) == 1 && a.rooms[names[0]] == nil {
		return exceptions{one: a.sockets[names[0]]}
	}
	e := exceptions{many: map[*Socket]bool{}}
	for _, name := range names {
		a.eachIn(name, func(s *Socket) { e.many[s] = true })
	}
	return e
}

// LocalSockets implements Adapter.
func (a *MemoryAdapter) LocalSockets(t Target) []*Socket {
	a.mu.RLock()
	defer a.mu.RUnlock()
	var out []*Socket
	a.each(t, func(s *Socket) { out = append(out, s) })
	return out
}

// Broadcast implements Adapter.
func (a *MemoryAdapter) Broadcast(p *Packet, t Target, f Flags) error {
	if a.log != nil && Recoverable(p, f) {
		a.order.Lock()
		defer a.order.Unlock()
		p = a.log.add(p, t)
	}
	a.Deliver(p, t, f)
	return nil
}

// Deliver sends a packet to matching sockets of this node: encoded once, whatever their number.
func (a *MemoryAdapter) Deliver(p *Packet, t Target, f Flags) {
	msgs := a.ns.server.opts.Parser.Encode(p)
	if f.NoCompress {
		for _, m := range msgs {
			m.NoCompress()
		}
	}
	receivers := a.pushAll(msgs, p, t, f.Volatile)
	if tell := a.ns.server.trace.Broadcast; tell != nil {
		tell(receivers, f.Volatile)
	}
}

// pushAll pushes to every matching socket and returns their number.
func (a *MemoryAdapter) pushAll(msgs []*engineio.Message, p *Packet, t Target, volatile bool) (receivers int) {
	a.mu.RLock()
	defer a.mu.RUnlock()
	a.each(t, func(s *Socket) {
		s.push(msgs, p, volatile)
		receivers++
	})
	return receivers
}

// push hands encoded messages to the socket's session. A closed session is not this packet's concern.
func (s *Socket) push(msgs []*engineio.Message, p *Packet, volatile bool) {
	if s.outgoing.Load() != nil {
		s.tellOutgoing(p)
	}
	switch {
	case volatile:
		s.conn.session.SendVolatile(msgs...)
	case len(msgs) == 1:
		_ = s.conn.session.SendOne(msgs[0])
	default:
		_ = s.conn.session.Send(msgs...)
	}
}

// BroadcastWithAck implements Adapter.
func (a *MemoryAdapter) BroadcastWithAck(_ context.Context, p *Packet, t Target, f Flags, expect func(int), reply func(AckReply)) error {
	sockets := a.LocalSockets(t)
	q := *p
	q.HasID = true
	q.ID = a.ns.ids.Add(1) - 1
	receivers := sockets[:0:0]
	for _, s := range sockets {
		if s.expectAck(q.ID, func(data []byte, attachments [][]byte, err error) {
			if err == nil {
				reply(AckReply{Data: slices.Clone(data), Attachments: attachments})
			}
		}, f.Timeout) == nil {
			receivers = append(receivers, s)
		}
	}
	expect(len(receivers))
	msgs := a.ns.server.opts.Parser.Encode(&q)
	for _, s := range receivers {
		s.push(msgs, &q, f.Volatile)
	}
	return nil
}

// FetchSockets implements Adapter.
func (a *MemoryAdapter) FetchSockets(_ context.Context, t Target, _ Flags) ([]RemoteSocket, error) {
	a.mu.RLock()
	defer a.mu.RUnlock()
	out := []RemoteSocket{}
	a.each(t, func(s *Socket) {
		out = append(out, RemoteSocket{ID: s.id, Handshake: s.handshake.Info(), Rooms: a.roomsOf(s), Data: s.Data()})
	})
	return out, nil
}

// AddSockets implements Adapter.
func (a *MemoryAdapter) AddSockets(t Target, _ Flags, rooms []string) error {
	for _, s := range a.LocalSockets(t) {
		s.Join(rooms...)
	}
	return nil
}

// DelSockets implements Adapter.
func (a *MemoryAdapter) DelSockets(t Target, _ Flags, rooms []string) error {
	for _, s := range a.LocalSockets(t) {
		for _, r := range rooms {
			s.Leave(r)
		}
	}
	return nil
}

// DisconnectSockets implements Adapter.
func (a *MemoryAdapter) DisconnectSockets(t Target, _ Flags, closeConn bool) error {
	for _, s := range a.LocalSockets(t) {
		s.Disconnect(closeConn)
	}
	return nil
}

// ServerSideEmit implements Adapter: a single node has nobody to tell.
func (a *MemoryAdapter) ServerSideEmit([]byte) error { return nil }

// ServerSideEmitWithAck implements Adapter.
func (a *MemoryAdapter) ServerSideEmitWithAck(context.Context, []byte) ([][]byte, error) {
	return nil, nil
}

// PersistSession implements Adapter.
func (a *MemoryAdapter) PersistSession(s RecoverySession) {
	if a.log != nil {
		a.log.persist(s)
	}
}

// RestoreSession implements Adapter.
func (a *MemoryAdapter) RestoreSession(pid, offset string) (*RecoverySession, bool) {
	if a.log == nil {
		return nil, false
	}
	return a.log.restore(pid, offset)
}

// Resume implements Adapter.
func (a *MemoryAdapter) Resume(s *Socket, r *RecoverySession) {
	a.order.Lock()
	defer a.order.Unlock()
	a.ns.adapter.Add(s, r.Rooms...)
	if a.log != nil {
		s.Replay(a.log.after(r.Offset, r.Rooms))
	}
}

// Gap tells that packets of other nodes may have been missed: no position from before can be recovered any more.
func (a *MemoryAdapter) Gap() {
	if a.log != nil {
		a.log.gap()
	}
}

// OnRoomChange sets a function that is called, after the fact, with the name of a room that has come or gone on this node.
// Calls for one room may overlap: ask HasRoom. It is for adapters, and set before the adapter is used.
func (a *MemoryAdapter) OnRoomChange(fn func(room string)) { a.onRoom = fn }

// HasRoom reports whether a socket of this node is in a room, or has it as its id.
func (a *MemoryAdapter) HasRoom(name string) bool {
	a.mu.RLock()
	defer a.mu.RUnlock()
	return a.rooms[name] != nil || a.sockets[name] != nil
}

// Offset implements Adapter.
func (a *MemoryAdapter) Offset() string {
	if a.log == nil {
		return ""
	}
	return a.log.offset()
}

// Rooms returns the names of this node's rooms, the sockets' own included.
func (a *MemoryAdapter) Rooms() []string { return slices.Collect(maps.Keys(a.RoomSizes())) }

func call1(f func(string), a string) {
	if f != nil {
		f(a)
	}
}

func call2(f func(string, string), a, b string) {
	if f != nil {
		f(a, b)
	}
}
