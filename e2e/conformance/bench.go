package main

import (
	"fmt"
	"sync/atomic"
	"time"

	"parley/engineio"
	"parley/socketio"
)

// benchSuite is the contract of the benchmark, which the peers' servers implement in the same way: no storage, only delivery.
func benchSuite(parser string) (suite, error) {
	p, err := parserOf(parser)
	if err != nil {
		return suite{}, err
	}
	io := socketio.NewServer(socketio.Options{Parser: p, Engine: engineio.Options{
		PingInterval: 25 * time.Second, PingTimeout: 60 * time.Second, MaxQueueBytes: 64 << 20, MaxQueueMessages: 1 << 20,
		CORS: &engineio.CORS{AllowOrigin: engineio.AllowAnyOrigin},
	}})
	var messages atomic.Uint64
	ok := socketio.RawJSON(`{"success":true}`)
	io.On("user-join", func(s *socketio.Socket, e *socketio.Event) {
		var in struct{ Username string }
		must(e.Bind(&in))
		s.SetData(in.Username)
		must(e.Ack(ok))
	})
	io.On("chat-message", func(s *socketio.Socket, e *socketio.Event) {
		must(io.Emit("new-message", message(s, e, messages.Add(1))))
		must(e.Ack(ok))
	})
	io.On("join-room", func(s *socketio.Socket, e *socketio.Event) {
		var room string
		must(e.Bind(&room))
		s.Join(room)
		must(e.Ack(ok))
	})
	io.On("leave-room", func(s *socketio.Socket, e *socketio.Event) {
		var room string
		must(e.Bind(&room))
		s.Leave(room)
		must(e.Ack(ok))
	})
	io.On("room-message", func(s *socketio.Socket, e *socketio.Event) {
		var in struct{ Room string }
		must(e.Bind(&in))
		must(io.To(in.Room).Emit("new-message", message(s, e, messages.Add(1))))
		must(e.Ack(ok))
	})
	io.On("echo", func(_ *socketio.Socket, e *socketio.Event) { must(e.Ack(socketio.RawJSON(e.Raw(0)))) })
	return suite{"/socket.io/", io, io.Close}, nil
}

type outgoing struct {
	ID        string `json:"id"`
	Text      string `json:"text"`
	Username  any    `json:"username"`
	Timestamp int64  `json:"timestamp"`
}

func message(s *socketio.Socket, e *socketio.Event, n uint64) outgoing {
	var in struct{ Text string }
	must(e.Bind(&in))
	return outgoing{ID: fmt.Sprintf("m%d", n), Text: in.Text, Username: s.Data(), Timestamp: time.Now().UnixMilli()}
}
