// Package redis joins the nodes of a cluster over Redis. Its adapters speak the wire formats of the official Node packages, so that
// Go and Node servers form one cluster:
//
//   - [NewPubSub] is compatible with @socket.io/redis-adapter 8: every node gets everything.
//   - [NewSharded] is compatible with createShardedAdapter of the same package: a node gets what is for rooms that it has.
//
// # What is lost, and what is not
//
// Adapters carry hints; a log is what keeps messages. Emitting never waits for Redis: this node's sockets get the event at once,
// and what is for the other nodes is queued, within a bound. While Redis is away, what cannot be sent is lost for the others, told
// to OnError, and requests return what is known with a [socketio.PartialError]. When Redis is back, the adapters subscribe again by
// themselves.
//
// # Concurrency
//
// Everything exported may be used from any goroutine. The factories share one subscribed connection between all namespaces of a
// server; make a factory of its own for each server.
package redis
