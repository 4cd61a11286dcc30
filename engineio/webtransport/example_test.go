package webtransport_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"time"

	"parley/engineio"
	"parley/engineio/webtransport"
)

// An Engine.IO server that is reached over HTTP/3 besides. Options.Transports has to name WebTransport; a Socket.IO server takes the same
// options in its Options.Engine, and webtransport.Options.Path is then /socket.io.
func ExampleListen() {
	engine := engineio.NewServer(engineio.Options{
		Transports: []string{engineio.Polling, engineio.WebSocket, engineio.WebTransport},
	}, func(*engineio.Session) engineio.Handler { return echo{} })
	defer func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = engine.Close(ctx)
	}()

	certificate, _, err := selfSigned() // tls.LoadX509KeyPair reads a real one
	if err != nil {
		fmt.Println(err)
		return
	}
	h3, err := webtransport.Listen(engine, webtransport.Options{
		Addr: "127.0.0.1:0", TLSConfig: &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS13},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(h3.Addr().Network(), h3.Close())
	// Output: udp <nil>
}
