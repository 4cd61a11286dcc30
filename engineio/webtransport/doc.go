// Package webtransport carries Engine.IO over WebTransport, that is over HTTP/3 and QUIC: a connection that survives a change of the
// network's address, and on which a lost packet holds up one client and nobody else. It is apart from engineio because it takes 2 MB
// of a program.
//
//	engine := io.Engine() // of a socketio.Server whose Options.Engine.Transports has engineio.WebTransport
//	h3, err := webtransport.Listen(engine, webtransport.Options{Addr: ":443", TLSConfig: tlsConfig, Path: "/socket.io"})
//	…
//	defer h3.Close()
//
// With [engineio.Options.Nodes] requests are forwarded to the node of their session, but QUIC is not: an upgrade that reaches another node
// is refused, and the session goes on as it was.
//
// Browsers reach it only with a certificate that they trust, or one of at most 14 days whose hash the page names
// (serverCertificateHashes). They begin with polling and upgrade, or with WebTransport at once, as the client is told.
package webtransport
