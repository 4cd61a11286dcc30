package socketio

import (
	"context"
	"slices"
	"time"
)

// Broadcast selects sockets, on all nodes, and acts on them. It is a value: each method returns another one, and one may be kept
// and used many times.
type Broadcast struct {
	ns     *Namespace
	target Target
	flags  Flags
}

// All selects every socket of the namespace.
func (ns *Namespace) All() Broadcast { return Broadcast{ns: ns} }

// To selects the sockets in rooms.
func (ns *Namespace) To(rooms ...string) Broadcast { return ns.All().To(rooms...) }

// In is To.
func (ns *Namespace) In(rooms ...string) Broadcast { return ns.To(rooms...) }

// Except selects the sockets in none of rooms.
func (ns *Namespace) Except(rooms ...string) Broadcast { return ns.All().Except(rooms...) }

// Volatile selects every socket that can take an event now.
func (ns *Namespace) Volatile() Broadcast { return ns.All().Volatile() }

// Local selects every socket of this node.
func (ns *Namespace) Local() Broadcast { return ns.All().Local() }

// Compress is All().Compress.
func (ns *Namespace) Compress(yes bool) Broadcast { return ns.All().Compress(yes) }

// Timeout is All().Timeout.
func (ns *Namespace) Timeout(d time.Duration) Broadcast { return ns.All().Timeout(d) }

// Emit sends an event to every socket of the namespace.
func (ns *Namespace) Emit(event string, args ...any) error { return ns.All().Emit(event, args...) }

// Send emits the event "message" to every socket of the namespace.
func (ns *Namespace) Send(args ...any) error { return ns.All().Send(args...) }

// EmitWithAck is All().EmitWithAck.
func (ns *Namespace) EmitWithAck(ctx context.Context, event string, args ...any) ([]*Reply, error) {
	return ns.All().EmitWithAck(ctx, event, args...)
}

// FetchSockets describes every socket of the namespace, on all nodes.
func (ns *Namespace) FetchSockets(ctx context.Context) ([]RemoteSocket, error) {
	return ns.All().FetchSockets(ctx)
}

// SocketsJoin makes every socket of the namespace join rooms.
func (ns *Namespace) SocketsJoin(rooms ...string) error { return ns.All().SocketsJoin(rooms...) }

// SocketsLeave makes every socket of the namespace leave rooms.
func (ns *Namespace) SocketsLeave(rooms ...string) error { return ns.All().SocketsLeave(rooms...) }

// DisconnectSockets disconnects every socket of the namespace; closeConn also ends their connections.
func (ns *Namespace) DisconnectSockets(closeConn bool) error {
	return ns.All().DisconnectSockets(closeConn)
}

// To adds rooms: a socket is reached if it is in any of them, once.
func (b Broadcast) To(rooms ...string) Broadcast {
	b.target.Rooms = append(slices.Clip(b.target.Rooms), rooms...)
	return b
}

// In is To.
func (b Broadcast) In(rooms ...string) Broadcast { return b.To(rooms...) }

// Except leaves out the sockets of rooms.
func (b Broadcast) Except(rooms ...string) Broadcast {
	b.target.Except = append(slices.Clip(b.target.Except), rooms...)
	return b
}

// Volatile drops the event for clients that cannot take it now.
func (b Broadcast) Volatile() Broadcast {
	b.flags.Volatile = true
	return b
}

// Local stays on this node.
func (b Broadcast) Local() Broadcast {
	b.flags.Local = true
	return b
}

// Compress says whether the event may be compressed; the default is that it may.
func (b Broadcast) Compress(yes bool) Broadcast {
	b.flags.NoCompress = !yes
	return b
}

// Timeout bounds the wait of EmitWithAck.
func (b Broadcast) Timeout(d time.Duration) Broadcast {
	b.flags.Timeout = d
	return b
}

// Emit sends an event. The error tells of arguments that cannot be encoded, or of a reserved name.
func (b Broadcast) Emit(event string, args ...any) error {
	p, err := eventPacket(event, args)
	if err != nil {
		return err
	}
	p.Namespace = b.ns.name
	return b.ns.adapter.Broadcast(p, b.target, b.flags)
}

// Send emits the event "message".
func (b Broadcast) Send(args ...any) error { return b.Emit("message", args...) }

// EmitWithAck sends an event and waits until every receiver has acknowledged it, the timeout has passed (10 s unless set), or ctx
// is done. On error it returns the acknowledgements that came: ErrAckTimeout when some did not, a [*PartialError] when a node did
// not tell how many there are. A node that is silent is waited for as long as the adapter waits for other nodes, as a rule 5 s.
func (b Broadcast) EmitWithAck(ctx context.Context, event string, args ...any) ([]*Reply, error) {
	p, err := eventPacket(event, args)
	if err != nil {
		return nil, err
	}
	p.Namespace = b.ns.name
	if b.flags.Timeout == 0 {
		b.flags.Timeout = 10 * time.Second
	}
	ctx, cancel := context.WithTimeout(ctx, b.flags.Timeout)
	defer cancel()
	c := newAckCollector()
	c.counted(b.ns.adapter.BroadcastWithAck(ctx, p, b.target, b.flags, c.expect, c.reply))
	select {
	case <-c.done:
	case <-ctx.Done():
	}
	return c.result()
}

// FetchSockets describes the matching sockets. On error it returns those it knows of.
func (b Broadcast) FetchSockets(ctx context.Context) ([]RemoteSocket, error) {
	found, err := b.ns.adapter.FetchSockets(ctx, b.target, b.flags)
	for i := range found {
		found[i].ns = b.ns
	}
	return found, err
}

// SocketsJoin makes the matching sockets join rooms.
func (b Broadcast) SocketsJoin(rooms ...string) error {
	return b.ns.adapter.AddSockets(b.target, b.flags, rooms)
}

// SocketsLeave makes the matching sockets leave rooms.
func (b Broadcast) SocketsLeave(rooms ...string) error {
	return b.ns.adapter.DelSockets(b.target, b.flags, rooms)
}

// DisconnectSockets disconnects the matching sockets; closeConn also ends their connections.
func (b Broadcast) DisconnectSockets(closeConn bool) error {
	return b.ns.adapter.DisconnectSockets(b.target, b.flags, closeConn)
}

// NewEvent makes the packet of an event. The error tells of arguments that cannot be encoded, or of a reserved name. It is for
// those who publish events without a server, as emitters do.
func NewEvent(namespace, event string, args ...any) (*Packet, error) {
	p, err := eventPacket(event, args)
	if err == nil {
		p.Namespace = namespace
	}
	return p, err
}

// eventPacket encodes an event.
func eventPacket(event string, args []any) (*Packet, error) {
	if reservedEvents[event] {
		return nil, &ReservedEventError{Event: event}
	}
	data, attachments, err := appendArgs(make([]byte, 0, len(event)+argsSize(args)), event, args)
	if err != nil {
		return nil, err
	}
	return &Packet{Type: PacketEvent, Namespace: "/", Data: data, Attachments: attachments}, nil
}

// ReservedEventError is returned for an event whose name means something to the libraries themselves.
type ReservedEventError struct{ Event string }

// Error implements error.
func (e *ReservedEventError) Error() string {
	return "socketio: \"" + e.Event + "\" is a reserved event name"
}
