// Package engineio is an Engine.IO v4 (and, on request, v3) server: the transport under Socket.IO, usable alone.
//
// A [Server] is an http.Handler. Each client is a [Session], reached by HTTP long-polling, WebSocket, WebTransport (with package
// engineio/webtransport), or polling that upgrades to one of these. What arrives is given to the session's [Handler]; what is sent is
// queued on the session and written by its shard.
//
// # How reading and writing work
//
// A shard (one per processor) is an event loop with a few workers. On Linux a WebSocket over plain TCP is a bare socket, watched by
// the shard's epoll: while idle it has no goroutine and no buffer. A worker reads all that has arrived, runs the handlers, and then
// visits every session that has something queued and gives each all that was queued since the last visit in a single
// non-blocking write. When the system is idle a message leaves at once; under load messages leave together. A message to many
// receivers is encoded once, and its bytes are shared.
//
// A handler may block: it holds back the packets of its own session, and another worker takes over the rest.
//
// A connection whose socket buffer is full is written to when it has room again. Its queue is capped in bytes and messages; past the
// cap the session is closed with [ReasonSlowConsumer].
//
// Connections that are not plain TCP, TLS and WebTransport for example, and those of other systems than Linux, are read by a goroutine
// each, and written to by another that exists only while something is queued.
//
// # Goroutines and their owners
//
//   - workers, a few per shard and one per handler that blocks; the idle ones of more than eight end, all end with [Server.Close];
//   - on connections that are not plain TCP one reader, ended by the connection's close, and one writer, ended when nothing is
//     queued, or by the write deadline;
//   - heartbeats are timers, not goroutines.
//
// Server, Session and Message may be used from any goroutine. A Handler's methods are never called concurrently for one
// session, and data given to them is valid only during the call.
package engineio
