package main

import (
	"time"

	"parley/engineio"
	"parley/socketio"
)

func timings() engineio.Options {
	return engineio.Options{
		PingInterval: 300 * time.Millisecond, PingTimeout: 200 * time.Millisecond, MaxPayload: 1_000_000,
		CORS: &engineio.CORS{AllowOrigin: engineio.AllowAnyOrigin},
	}
}

// echo sends back what it gets.
type echo struct{}

func (echo) OnMessage(s *engineio.Session, isBinary bool, data []byte) {
	_ = s.SendOne(engineio.NewMessage(isBinary, data)) // a closed session needs no echo
}

func (echo) OnClose(*engineio.Session, engineio.Reason, error) {}

func engineSuite(v3 bool) suite {
	o := timings()
	o.AllowEIO3 = v3
	srv := engineio.NewServer(o, func(*engineio.Session) engineio.Handler { return echo{} })
	return suite{"/engine.io/", srv, srv.Close}
}

func protocolSuite() suite {
	io := socketio.NewServer(socketio.Options{Engine: timings(), ConnectTimeout: time.Second})
	tellAuth := func(s *socketio.Socket) {
		auth := socketio.RawJSON(s.Handshake().Auth)
		if auth == nil {
			auth = socketio.RawJSON("{}")
		}
		must(s.Emit("auth", auth))
	}
	io.OnConnection(tellAuth)
	io.On("message", func(s *socketio.Socket, e *socketio.Event) { must(s.Emit("message-back", values(e)...)) })
	io.On("message-with-ack", func(_ *socketio.Socket, e *socketio.Event) { must(e.Ack(values(e)...)) })
	io.Of("/custom").OnConnection(tellAuth)
	return suite{"/socket.io/", io, io.Close}
}

// values decodes all arguments, so that binary data goes back as binary data.
func values(e *socketio.Event) []any {
	out := make([]any, e.Len())
	into := make([]any, e.Len())
	for i := range out {
		into[i] = &out[i]
	}
	must(e.Bind(into...))
	return out
}

// must ends the handler with a panic, which the engine turns into the end of the session: the suites would see it.
func must(err error) {
	if err != nil {
		panic(err)
	}
}
