package redis

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/redis/rueidis"

	"parley/socketio"
)

// emitterUID is what an emitter calls itself: it is no node.
const emitterUID = "emitter"

// ErrBinary is returned for binary data where the wire format has no place for it.
var ErrBinary = errors.New("redis: server-side events carry no binary data")

// EmitterOptions configures [NewEmitter].
type EmitterOptions struct {
	// Client is the connection to Redis. The emitter does not close it.
	Client rueidis.Client
	// Prefix of all channels; default socket.io.
	Prefix string
}

// StreamsEmitterOptions configures [NewStreamsEmitter]. The fields are those of [StreamsOptions].
type StreamsEmitterOptions struct {
	Client      rueidis.Client
	StreamName  string
	StreamCount int
	MaxLen      int
}

// Emitter talks to the clients of a cluster from a process that is no server: a job, a script, a command. It selects every socket of
// a namespace. It is a value; its methods may be called concurrently.
type Emitter struct {
	EmitterTarget
}

// EmitterTarget selects sockets of the whole cluster. It is a value: each method returns another one.
type EmitterTarget struct {
	nsp    string
	target socketio.Target
	flags  socketio.Flags
	send   func(ctx context.Context, nsp string, m *socketio.ClusterMessage) error
}

// NewEmitter returns the emitter of the main namespace for servers with the adapter of [NewPubSub], or Node's, as
// @socket.io/redis-emitter is one.
func NewEmitter(o EmitterOptions) Emitter {
	all := Options{Client: o.Client, Prefix: o.Prefix}.withDefaults()
	return newEmitter(func(ctx context.Context, nsp string, m *socketio.ClusterMessage) error {
		channel := all.Prefix + "-request#" + nsp + "#"
		m.UID = ""
		switch m.Type {
		case socketio.ClusterBroadcast:
			m.UID, channel = emitterUID, broadcastChannel(all.Prefix, nsp, m.Target)
		case socketio.ClusterServerSide:
			m.UID = emitterUID
		}
		body, err := encodeRequest(m)
		if err != nil {
			return err
		}
		return o.Client.Do(ctx, o.Client.B().Publish().Channel(channel).Message(rueidis.BinaryString(body)).Build()).Error()
	})
}

// NewStreamsEmitter returns the emitter of the main namespace for servers with the adapter of [NewStreams], or Node's, as
// @socket.io/redis-streams-emitter is one. What it emits is recovered like everything else.
func NewStreamsEmitter(o StreamsEmitterOptions) Emitter {
	all := StreamsOptions{
		Options: Options{Client: o.Client}, StreamName: o.StreamName, StreamCount: o.StreamCount, MaxLen: o.MaxLen,
	}.withDefaults()
	return newEmitter(func(ctx context.Context, nsp string, m *socketio.ClusterMessage) error {
		data, err := encodeEntryData(m)
		if err != nil {
			return err
		}
		stream, _ := all.streams(nsp)
		fields := []string{"uid", emitterUID, "nsp", nsp, "type", strconv.Itoa(int(m.Type)), "data", data}
		return o.Client.Do(ctx, xadd(o.Client, stream, all.MaxLen, fields)).Error()
	})
}

func newEmitter(send func(context.Context, string, *socketio.ClusterMessage) error) Emitter {
	return Emitter{EmitterTarget{nsp: "/", send: send}}
}

// Of returns the emitter of another namespace.
func (e Emitter) Of(namespace string) Emitter {
	e.nsp = "/" + strings.TrimPrefix(namespace, "/")
	return e
}

// ServerSideEmit sends an event to the servers themselves.
func (e Emitter) ServerSideEmit(ctx context.Context, event string, args ...any) error {
	p, err := socketio.NewEvent(e.nsp, event, args...)
	if err != nil {
		return err
	}
	if len(p.Attachments) > 0 {
		return ErrBinary
	}
	return e.send(ctx, e.nsp, &socketio.ClusterMessage{Type: socketio.ClusterServerSide, Data: p.Data})
}

// To adds rooms: a socket is reached if it is in any of them, once.
func (t EmitterTarget) To(rooms ...string) EmitterTarget {
	t.target.Rooms = append(slices.Clip(t.target.Rooms), rooms...)
	return t
}

// In is To.
func (t EmitterTarget) In(rooms ...string) EmitterTarget { return t.To(rooms...) }

// Except leaves out the sockets of rooms.
func (t EmitterTarget) Except(rooms ...string) EmitterTarget {
	t.target.Except = append(slices.Clip(t.target.Except), rooms...)
	return t
}

// Volatile drops the event for clients that cannot take it now.
func (t EmitterTarget) Volatile() EmitterTarget {
	t.flags.Volatile = true
	return t
}

// Compress says whether the event may be compressed; the default is that it may.
func (t EmitterTarget) Compress(yes bool) EmitterTarget {
	t.flags.NoCompress = !yes
	return t
}

// Emit sends an event. The error tells of arguments that cannot be encoded, of a reserved name, or that Redis has not taken it.
func (t EmitterTarget) Emit(ctx context.Context, event string, args ...any) error {
	p, err := socketio.NewEvent(t.nsp, event, args...)
	if err != nil {
		return err
	}
	return t.send(ctx, t.nsp, &socketio.ClusterMessage{Type: socketio.ClusterBroadcast, Packet: p, Target: t.target, Flags: t.flags})
}

// SocketsJoin makes the matching sockets join rooms.
func (t EmitterTarget) SocketsJoin(ctx context.Context, rooms ...string) error {
	return t.send(ctx, t.nsp, &socketio.ClusterMessage{Type: socketio.ClusterJoin, Target: t.target, Rooms: rooms})
}

// SocketsLeave makes the matching sockets leave rooms.
func (t EmitterTarget) SocketsLeave(ctx context.Context, rooms ...string) error {
	return t.send(ctx, t.nsp, &socketio.ClusterMessage{Type: socketio.ClusterLeave, Target: t.target, Rooms: rooms})
}

// DisconnectSockets disconnects the matching sockets; closeConn also ends their connections.
func (t EmitterTarget) DisconnectSockets(ctx context.Context, closeConn bool) error {
	return t.send(ctx, t.nsp, &socketio.ClusterMessage{Type: socketio.ClusterDisconnect, Target: t.target, Close: closeConn})
}
