package main

import (
	"context"
	"crypto/tls"

	"parley/engineio"
	"parley/engineio/webtransport"
	"parley/socketio"
)

// browserSuite is a server with a cookie for sticky load balancers, recovery, and WebTransport if there is a certificate for it.
func browserSuite(f flags) (suite, error) {
	o := engineio.Options{
		Cookie: engineio.StickyCookie(),
		CORS:   &engineio.CORS{AllowOrigin: engineio.AllowAnyOrigin, Credentials: true},
	}
	if f.cert != "" {
		o.Transports = []string{engineio.Polling, engineio.WebSocket, engineio.WebTransport}
	}
	io := socketio.NewServer(socketio.Options{Recovery: &socketio.Recovery{}, Engine: o})
	io.On("where", func(s *socketio.Socket, e *socketio.Event) { must(e.Ack([]string{f.server, s.Session().Transport()})) })
	// What a client misses between a failure of its network and its return.
	io.On("cut", func(s *socketio.Socket, _ *socketio.Event) {
		s.OnDisconnect(func(*socketio.Socket, string) {
			for i := range 3 {
				must(io.To("all").Emit("missed", i, []byte{byte(i)}))
			}
		})
		s.Session().Terminate()
	})
	io.OnConnection(func(s *socketio.Socket) {
		if !s.Recovered() {
			s.Join("all")
		}
	})
	if f.cert == "" {
		return suite{"/socket.io/", io, io.Close}, nil
	}
	certificate, err := tls.LoadX509KeyPair(f.cert, f.key)
	if err != nil {
		return suite{}, err
	}
	h3, err := webtransport.Listen(io.Engine(), webtransport.Options{
		Addr: f.addr, Path: "/socket.io", TLSConfig: &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS13},
	})
	if err != nil {
		return suite{}, err
	}
	return suite{"/socket.io/", io, func(ctx context.Context) error {
		defer func() { _ = h3.Close() }() // the process is ending
		return io.Close(ctx)
	}}, nil
}
