// Package engineio is an Engine.IO v4 (and, on request, v3) server: the transport under Socket.IO, usable alone.
//
// A [Server] is an http.Handler. Each client is a [Session], reached by HTTP long-polling, WebSocket, or polling that
// upgrades to WebSocket. What arrives is given to the session's [Handler]; what is sent is queued on the session and
// written by a flusher.
//
// # How writing works
//
// A session has no writing goroutine and, while idle, no buffer. Send appends a prepared [Message] to the session's queue
// and puts the session on the dirty list of its shard. One flusher per shard (one shard per processor) yields a few times so
// that readers first drain what has arrived, then visits every dirty session and gives each all that was queued since the
// last visit in a single non-blocking write. When the system is idle a message leaves at once; under load messages leave
// together. A message to many receivers is encoded once, and its bytes are shared.
//
// A connection whose socket buffer is full is handed to a goroutine of its own until it has caught up. Its queue is capped
// in bytes and messages; past the cap the session is closed with [ReasonSlowConsumer].
//
// # Goroutines and their owners
//
//   - one reader per websocket, started by the handshake, ended by the connection's close;
//   - one flusher per shard, started by [NewServer], ended by [Server.Close];
//   - one drainer per connection that has fallen behind, ended when it has caught up, or by the write deadline;
//   - heartbeats are timers, not goroutines.
//
// Server, Session and Message may be used from any goroutine. A Handler's methods are never called concurrently for one
// session, and data given to them is valid only during the call.
package engineio
