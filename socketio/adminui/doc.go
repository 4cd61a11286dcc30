// Package adminui is the server side of the official admin UI, the npm package @socket.io/admin-ui: an engineer opens its page
// (https://admin.socket.io, or a copy), enters a server's address and the namespace /admin, and sees servers, clients and events live.
//
//	io := socketio.NewServer(socketio.Options{})
//	admin, err := adminui.Instrument(io, adminui.Options{
//		Auth: &adminui.BasicAuth{Username: "admin", Password: "$2a$10$…"},
//	})
//	…
//	defer admin.Close()
//	http.Handle("/socket.io/", io)
//
// The page of another origin has to be allowed by [engineio.Options.CORS], with credentials.
//
// Everything goes through the adapter of the admin namespace, so a page that is connected to one node shows all of them, those that
// run Node included, and commands reach sockets wherever they are.
//
// # What it costs
//
// Nothing unless [Instrument] is called. In [Production] mode a write to a client costs two additions, and two seconds one event. In
// [Development] mode, connections and rooms are told one by one, and while a page is looking also each event: up to a bound
// ([Options.MaxQueue]), past which events are left out, and the page is brought up to date with what sockets there are.
//
// # What the page gets to see
//
// In Production mode numbers only. In Development mode everything that is received and sent, and sockets' data and handshakes,
// without cookies and Authorization headers. The page can act on sockets, join any room for instance, unless [Options.ReadOnly] is set.
package adminui
