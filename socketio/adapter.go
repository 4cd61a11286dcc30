package socketio

import (
	"context"
	"fmt"
	"time"
)

// Target selects sockets: those in any of Rooms (all of the namespace when empty) and in none of Except.
type Target struct {
	Rooms  []string
	Except []string
}

// Flags modify a broadcast.
type Flags struct {
	Volatile   bool          // only to clients that can take it now
	Local      bool          // only this node's sockets
	NoCompress bool          // never compressed
	Timeout    time.Duration // how long to wait for acknowledgements; 0 means no limit but the context's
}

// AckReply is one receiver's acknowledgement of a broadcast: a JSON array, and the attachments its placeholders refer to.
type AckReply struct {
	Data        []byte
	Attachments [][]byte
}

// Adapter knows which sockets are in which rooms and reaches them, on this node and, if it can, on others. Its methods may be
// called concurrently. [NewMemoryAdapter] makes the one for a single node; others usually embed it.
type Adapter interface {
	// Close ends the adapter's use of the network. Rooms stay usable for what is still closing.
	Close() error
	// ServerCount is the number of nodes that share the namespace, this one included.
	ServerCount(ctx context.Context) (int, error)

	// Add puts a socket of this node in rooms, Del takes it out of one, DelAll out of all.
	Add(s *Socket, rooms ...string)
	Del(s *Socket, room string)
	DelAll(s *Socket)
	// SocketRooms returns the rooms of a socket of this node.
	SocketRooms(id string) []string
	// LocalSockets returns this node's sockets that match.
	LocalSockets(t Target) []*Socket

	// Broadcast sends a packet to all matching sockets.
	Broadcast(p *Packet, t Target, f Flags) error
	// BroadcastWithAck is Broadcast with acknowledgements: expect is called as receivers become known, with how many more
	// there are, and reply for each acknowledgement, until ctx is done. It returns when every node has told its number, or
	// with a [*PartialError].
	BroadcastWithAck(ctx context.Context, p *Packet, t Target, f Flags, expect func(n int), reply func(AckReply)) error

	// FetchSockets describes all matching sockets. On error, such as a [*PartialError], it returns those it knows of.
	FetchSockets(ctx context.Context, t Target, f Flags) ([]RemoteSocket, error)
	// AddSockets, DelSockets and DisconnectSockets act on all matching sockets.
	AddSockets(t Target, f Flags, rooms []string) error
	DelSockets(t Target, f Flags, rooms []string) error
	DisconnectSockets(t Target, f Flags, closeConn bool) error

	// ServerSideEmit sends an event to the other nodes' namespaces: data is a JSON array, the name first.
	ServerSideEmit(data []byte) error
	// ServerSideEmitWithAck is ServerSideEmit that collects one JSON value from each other node. On error it returns what came.
	ServerSideEmitWithAck(ctx context.Context, data []byte) ([][]byte, error)

	// Offset is where the log of recoverable packets stands, empty without recovery.
	Offset() string
	// PersistSession keeps what a socket needs to be recovered. RestoreSession takes it, once, and says whether the log still
	// reaches back to the offset. Resume then puts the socket in the session's rooms and sends what it missed since: between
	// the last missed packet and the first live one nothing is left out and nothing comes twice. See [Recovery].
	PersistSession(s RecoverySession)
	RestoreSession(pid, offset string) (*RecoverySession, bool)
	Resume(s *Socket, r *RecoverySession)
}

// PartialError tells that not every node has answered. What the others answered is returned with it.
type PartialError struct {
	Answered, Expected int   // other nodes; Expected is 0 when their number is not known
	Err                error // what ended the wait
}

// Error implements error.
func (e *PartialError) Error() string {
	return fmt.Sprintf("socketio: %d of %d other nodes have answered: %v", e.Answered, e.Expected, e.Err)
}

// Unwrap returns what ended the wait.
func (e *PartialError) Unwrap() error { return e.Err }

// AdapterFactory makes the adapter of a namespace.
type AdapterFactory func(ns *Namespace) (Adapter, error)

// RoomHooks are called when rooms of this node change; each may be nil. They must not call the adapter.
type RoomHooks struct {
	CreateRoom func(room string)
	DeleteRoom func(room string)
	JoinRoom   func(room, socketID string)
	LeaveRoom  func(room, socketID string)
}
