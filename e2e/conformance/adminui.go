package main

import (
	"context"

	"parley/engineio"
	"parley/socketio"
	"parley/socketio/adminui"
)

// adminSuite is a server for the official admin page, in development mode: admin, secret. With a Redis it is a node of a cluster.
func adminSuite(f flags) (suite, error) {
	p, err := parserOf(f.parser)
	if err != nil {
		return suite{}, err
	}
	join, leave, err := clusterOf(f)
	if err != nil {
		return suite{}, err
	}
	io := socketio.NewServer(socketio.Options{Parser: p, Adapter: join, Engine: engineio.Options{
		CORS: &engineio.CORS{AllowOrigin: engineio.AllowAnyOrigin, Credentials: true},
	}})
	admin, err := adminui.Instrument(io, adminui.Options{
		Auth:     &adminui.BasicAuth{Username: "admin", Password: "$2a$04$HLXLR8kBW7d2gfuKbmXXbuo1HgH7JPjWT/FMrzoLoqmtJ1zQwyHpy"},
		Mode:     adminui.Development,
		ServerID: f.server,
	})
	if err != nil {
		return suite{}, err
	}
	io.OnConnection(func(s *socketio.Socket) { s.SetData(map[string]any{"number": 1}) })
	io.On("join", func(s *socketio.Socket, e *socketio.Event) {
		s.Join("lobby")
		must(io.To("lobby").Emit("joined", s.ID()))
		must(e.Ack(s.ID()))
	})
	return suite{"/socket.io/", io, func(ctx context.Context) error {
		defer leave()
		admin.Close()
		return io.Close(ctx)
	}}, nil
}
