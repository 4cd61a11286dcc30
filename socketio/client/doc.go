// Package client is a small Socket.IO client for bots, tests and load: WebSocket, one namespace, acknowledgements, and
// reconnection with backoff.
//
//	c, err := client.Dial(ctx, "http://localhost:3000", client.Options{})
//	c.On("new-message", func(args []json.RawMessage) { ... })
//	answer, err := c.EmitWithAck(ctx, "user-join", map[string]string{"username": "bot"})
//
// A Client may be used from any goroutine. Its handlers are called one at a time, on the goroutine that reads: a handler that
// waits for an acknowledgement waits for ever.
package client
