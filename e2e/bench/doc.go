// Bench measures Socket.IO servers side by side: Parley's engine (e2e/conformance -suite bench), Node's socket.io, and Parley itself, which stores every
// message before it acknowledges it, in the same
// run, each on one processor with the load generator on another. It prints what it measured, on which machine, with medians and
// spread, because machines are noisy: compare ratios, not absolute numbers.
//
//	go run ./e2e/bench [-rounds 3] [-seconds 4] [-only fan-out]
//
// The generator is one thread on raw non-blocking sockets. It finds frames by their headers and looks at a few bytes of each, so
// that it is much cheaper than any server it measures.
package main
