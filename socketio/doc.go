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
// Handlers of one argument are shorter with [Typed], and an [EventName] gives both ends of an event a type. Handlers registered on the
// server or a namespace ([Namespace.On]) cost no memory per client, those of a socket do.
//
// # Ending
//
// Call [Server.Close] before http.Server.Shutdown: it tells the clients and ends their connections, which Shutdown would wait for
// (polls) or know nothing of (WebSockets).
//
// # Coming from Node
//
// What the two libraries have in common has the same name, as Go spells it. What differs:
//
//	io.on("connection", fn)                  io.OnConnection(fn)
//	socket.on("x", (a, b, ack) => …)         s.On("x", func(s, e) { e.Bind(&a, &b); e.Ack(…) }), or io.On for all sockets at once
//	socket.off("x", fn), once                off := s.On("x", fn); off() removes it; s.Once
//	io.of(/^\/team-\d+$/), io.of(fn)         io.Match(MatchRegexp(re)), io.Match(fn)
//	io.emit, io.to(…).emit, socket.emit      the same; so are except, volatile, local, compress, timeout
//	await socket.emitWithAck(…)              s.EmitWithAck(ctx, …); from a handler s.EmitAck, which does not wait
//	socket.data.x = 1                        s.SetData(v), s.Data(), DataOf[T](s)
//	socket.handshake.auth                    s.Handshake().BindAuth(&v)
//	socket.conn.transport.name, "upgrade"    s.Session().Transport(), Options.Engine.Trace.Upgraded
//	socket.on("disconnecting"), "error"      s.OnDisconnecting, s.OnError; s.OnDisconnect and io.OnDisconnect for "disconnect"
//	next(new Error("no"))                    return an error, or a *ConnectError with data
//	io.fetchSockets()                        io.FetchSockets(ctx), whose RemoteSockets can be acted upon
//	io.serverSideEmit; io.on("x")            io.ServerSideEmit; io.OnServerSide("x", …)
//	nsp.adapter.on("join-room")              Options.RoomHooks, ns.OnRooms
//	io.sockets.sockets, engine.clientsCount  io.Sockets(), io.Socket(id), io.Len(); io.Engine().Len()
//	io.on("new_namespace")                   io.OnNewNamespace
//	engine.on("connection_error"), headers   Options.Engine.Trace.Refused, Options.Engine.OnHeaders
//	engine.use(fn)                           wrap the Server, which is an http.Handler
//	maxHttpBufferSize                        Options.Engine.MaxPayload
//	cors, allowRequest, pingInterval, …      Options.Engine, by the same names
//	allowUpgrades, cookie: true              Options.Engine.DisallowUpgrades, .Cookie: engineio.StickyCookie()
//	serveClient                              Options.ClientFiles
//	connectionStateRecovery                  Options.Recovery
//	transports: [..., "webtransport"]        Options.Engine.Transports, and webtransport.Listen
//	io.engine.onWebTransportSession          webtransport.Listen, or Engine().ServeWebTransport with another library
//	instrument(io, …) of @socket.io/admin-ui adminui.Instrument
//	skipMiddlewares                          Recovery.RunMiddlewares, the other way round
//
// Not needed here: destroyUpgrade and its timeout (net/http answers what no handler takes), addTrailingSlash (both are answered),
// wsEngine.
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
