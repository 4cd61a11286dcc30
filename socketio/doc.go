// Package socketio is a Socket.IO server: protocol revision 5 and the server API of Socket.IO 4.8, for Go.
//
//	io := socketio.NewServer(socketio.Options{})
//	io.OnConnection(func(s *socketio.Socket) {
//		s.Join("lobby")
//		s.On("greet", func(s *socketio.Socket, e *socketio.Event) {
//			var name string
//			if err := e.Bind(&name); err != nil {
//				e.Ack(map[string]any{"error": "greet takes a name"})
//				return
//			}
//			s.To("lobby").Emit("greeted", name)
//			e.Ack("hello " + name)
//		})
//	})
//	http.Handle("/socket.io/", io)
//
// # Concurrency
//
// Everything exported may be used from any goroutine. For one client, middlewares and handlers run one at a time, in the order
// in which the packets came, on the goroutine that read them: a handler that waits holds back that client's later packets and
// nobody else's. Emit never blocks.
//
// # Values
//
// What is emitted is encoded as encoding/json would, except that a []byte anywhere in it travels as a binary attachment. What
// is received stays raw until a handler binds it; an Event's raw data is valid only until the handler returns.
package socketio
