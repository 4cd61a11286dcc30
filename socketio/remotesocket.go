package socketio

import "context"

// RemoteSocket describes a socket that may be on another node, and reaches it there.
type RemoteSocket struct {
	ID        string
	Handshake HandshakeInfo
	Rooms     []string
	Data      any // what the node had set with SetData, as decoded from the wire when it is remote

	ns *Namespace // set by Broadcast.FetchSockets
}

func (r RemoteSocket) itself() Broadcast { return r.ns.To(r.ID) }

// Emit sends an event to the socket.
func (r RemoteSocket) Emit(event string, args ...any) error { return r.itself().Emit(event, args...) }

// Send emits the event "message" to the socket.
func (r RemoteSocket) Send(args ...any) error { return r.itself().Send(args...) }

// EmitWithAck sends an event to the socket and waits for its acknowledgement, at most 10 s. It returns ErrDisconnected when the
// socket is gone.
func (r RemoteSocket) EmitWithAck(ctx context.Context, event string, args ...any) (*Reply, error) {
	replies, err := r.itself().EmitWithAck(ctx, event, args...)
	switch {
	case err != nil:
		return nil, err
	case len(replies) == 0:
		return nil, ErrDisconnected
	}
	return replies[0], nil
}

// Join makes the socket join rooms.
func (r RemoteSocket) Join(rooms ...string) error { return r.itself().SocketsJoin(rooms...) }

// Leave makes the socket leave rooms.
func (r RemoteSocket) Leave(rooms ...string) error { return r.itself().SocketsLeave(rooms...) }

// Disconnect ends the socket; closeConn also ends its connection.
func (r RemoteSocket) Disconnect(closeConn bool) error {
	return r.itself().DisconnectSockets(closeConn)
}
