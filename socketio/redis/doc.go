// Package redis joins the nodes of a cluster over Redis. Its adapters speak the wire formats of the official Node packages, so that
// Go and Node servers form one cluster:
//
//   - [NewPubSub] is compatible with @socket.io/redis-adapter 8: every node gets everything.
//   - [NewSharded] is compatible with createShardedAdapter of the same package: a node gets what is for rooms that it has.
//   - [NewStreams] is compatible with @socket.io/redis-streams-adapter 0.3: every node gets everything, also what was emitted while
//     its connection was lost, and a client may recover its session on any node.
//
// [NewEmitter] and [NewStreamsEmitter] reach the clients of such a cluster from a process that is no server, as @socket.io/redis-emitter
// does. The sharded adapter has no emitter, as in Node.
//
// # What is lost, and what is not
//
// Adapters carry hints; a log is what keeps messages. Emitting never waits for Redis: this node's sockets get the event at once,
// and what is for the other nodes is queued, within a bound. While Redis is away, what cannot be sent is lost for the others, told
// to OnError, and requests return what is known with a [socketio.PartialError]. When Redis is back, the adapters subscribe again by
// themselves.
//
// Over streams with recovery the order is the stream's: this node's sockets get its own events when they have come back from Redis.
// A [socketio.Socket] that is emitted to and disconnected right after may be gone before, as in Node.
//
// # Concurrency
//
// Everything exported may be used from any goroutine. The factories share one subscribed connection between all namespaces of a
// server; make a factory of its own for each server.
package redis
