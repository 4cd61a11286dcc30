// Bench measures realtime servers side by side, in the same run, each on one processor with the load generator on another: Parley's
// engine (e2e/conformance -suite bench), socket.io on Node and on Bun, centrifuge, and Parley itself, which stores every message
// before it acknowledges it. It prints what it measured, on which machine, with medians and
// spread, because machines are noisy: compare ratios, not absolute numbers.
//
//	go run ./e2e/bench [-what peers] [-rounds 3] [-time 4s] [-only fan-out]
//	go run ./e2e/bench -what growth     what a delivery costs with 1, 2 and 4 nodes on Postgres and Redis
//	go run ./e2e/bench -what wire       bytes of a message by WebSocket and by requests, and how long it takes
//	go run ./e2e/bench -what crowd      100,000 connections to six nodes [-connections 100000 -each 20]
//
// The generator is one thread on raw non-blocking sockets. It finds frames by their headers and looks at a few bytes of each, so
// that it is much cheaper than any server it measures.
package main
