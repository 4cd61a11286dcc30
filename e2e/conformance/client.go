package main

import (
	"bytes"
	"errors"
	"net/http"
	"time"

	"parley/engineio"
	"parley/socketio"
)

func parserOf(name string) (socketio.Parser, error) {
	switch name {
	case "json":
		return socketio.JSONParser{}, nil
	case "msgpack":
		return socketio.MsgpackParser{}, nil
	}
	return nil, errors.New("parser is json or msgpack")
}

// clientSuite answers as the server of socket.io-client's own tests does.
func clientSuite(parser string) (suite, error) {
	p, err := parserOf(parser)
	if err != nil {
		return suite{}, err
	}
	io := socketio.NewServer(socketio.Options{
		Parser:   p,
		Recovery: &socketio.Recovery{},
		Engine: engineio.Options{
			PingInterval: 2 * time.Second,
			AllowEIO3:    true,
			AllowRequest: func(*http.Request) *engineio.Refusal {
				time.Sleep(10 * time.Millisecond) // the suite tests connection timeouts against it
				return nil
			},
		},
	})
	io.Use(func(s *socketio.Socket) error {
		if s.Handshake().Query().Get("fail") != "" {
			return &socketio.ConnectError{Message: "Auth failed (main namespace)"}
		}
		return nil
	})
	for _, name := range []string{"/timeout_socket", "/valid", "/asd"} {
		io.Of(name)
	}
	io.Of("/foo").On("getId", getID)
	io.Of("/abc").OnConnection(func(s *socketio.Socket) { must(s.Emit("handshake", s.Handshake().Info())) })
	io.Of("/no").Use(func(*socketio.Socket) error { return &socketio.ConnectError{Message: "Auth failed (custom namespace)"} })
	plainHandlers(io)
	binaryHandlers(io)
	return suite{"/socket.io/", io, io.Close}, nil
}

func getID(s *socketio.Socket, e *socketio.Event) { must(e.Ack(s.ID())) }

func now() string { return time.Now().UTC().Format("2006-01-02T15:04:05.000Z") }

func plainHandlers(io *socketio.Server) {
	emit := func(event string, args ...any) socketio.Handler {
		return func(s *socketio.Socket, _ *socketio.Event) { must(s.Emit(event, args...)) }
	}
	io.On("hi", emit("hi"))
	io.On("echo", func(_ *socketio.Socket, e *socketio.Event) { must(e.Ack(values(e)...)) })
	io.On("ack", func(s *socketio.Socket, _ *socketio.Event) {
		must(s.EmitAck(0, func(r *socketio.Reply, err error) {
			var n int
			var b struct{ Test bool }
			if err == nil && r.Bind(&n, &b) == nil && n == 5 && b.Test {
				must(s.Emit("got it"))
			}
		}, "ack"))
	})
	io.On("getAckDate", func(_ *socketio.Socket, e *socketio.Event) { must(e.Ack(now())) })
	io.On("getDate", func(s *socketio.Socket, _ *socketio.Event) { must(s.Emit("takeDate", now())) })
	io.On("getDateObj", func(s *socketio.Socket, _ *socketio.Event) {
		must(s.Emit("takeDateObj", map[string]string{"date": now()}))
	})
	io.On("getUtf8", func(s *socketio.Socket, _ *socketio.Event) {
		for _, text := range []string{"てすと", "Я Б Г Д Ж Й", "Ä ä Ü ü ß", "utf8 — string", "utf8 — string"} {
			must(s.Emit("takeUtf8", text))
		}
	})
	io.On("false", emit("false", false))
	io.On("getHandshake", func(s *socketio.Socket, e *socketio.Event) { must(e.Ack(s.Handshake().Info())) })
	io.On("getId", getID)
}

func binaryHandlers(io *socketio.Server) {
	data := []byte("asdfasdf")
	io.On("doge", func(s *socketio.Socket, _ *socketio.Event) { must(s.Emit("doge", data)) })
	io.On("getbin", func(s *socketio.Socket, _ *socketio.Event) { must(s.Emit("takebin", data)) })
	for event, answer := range map[string]string{"buffa": "buffack", "blob": "back"} {
		io.On(event, func(s *socketio.Socket, e *socketio.Event) {
			if isBuffer(e) {
				must(s.Emit(answer))
			}
		})
	}
	for event, answer := range map[string]string{"jsonbuff": "jsonbuff-ack", "jsonblob": "jsonblob-ack"} {
		io.On(event, func(s *socketio.Socket, e *socketio.Event) {
			var in struct {
				Hello   string
				Message []byte
				Goodbye string
			}
			must(e.Bind(&in))
			if in.Hello == "lol" && in.Goodbye == "gotcha" && len(in.Message) > 0 {
				must(s.Emit(answer))
			}
		})
	}
	sequence(io, "abuff2-ack", "abuff1", "abuff2")
	sequence(io, "blob3-ack", "blob1", "blob2", "blob3")
}

func isBuffer(e *socketio.Event) bool {
	var b []byte
	return len(e.Attachments()) == 1 && bytes.Contains(e.Raw(0), []byte("_placeholder")) && e.Bind(&b) == nil
}

// sequence answers when the events came in order.
func sequence(io *socketio.Server, answer string, events ...string) {
	for i, event := range events {
		io.On(event, func(s *socketio.Socket, _ *socketio.Event) {
			seen, _ := s.Data().(int) // 0 at first
			if seen%len(events) != i {
				return
			}
			s.SetData(seen + 1)
			if i == len(events)-1 {
				must(s.Emit(answer))
			}
		})
	}
}
