package adminui

import (
	"strings"

	"parley/socketio"
)

// registerCommands lets the page act on sockets, on all nodes. A command that cannot be read does nothing, as in Node.
func (a *Admin) registerCommands() {
	a.ns.On("emit", a.emit)
	a.ns.On("join", func(_ *socketio.Socket, e *socketio.Event) {
		var name, room, filter string
		if e.Bind(&name, &room, &filter) == nil && room != "" {
			a.act(name, filter, func(to socketio.Broadcast) error { return to.SocketsJoin(room) })
		}
	})
	a.ns.On("leave", func(_ *socketio.Socket, e *socketio.Event) {
		var name, room, filter string
		if e.Bind(&name, &room, &filter) == nil && room != "" {
			a.act(name, filter, func(to socketio.Broadcast) error { return to.SocketsLeave(room) })
		}
	})
	a.ns.On("_disconnect", func(_ *socketio.Socket, e *socketio.Event) {
		var name, filter string
		var closeConn bool
		if e.Bind(&name, &closeConn, &filter) == nil {
			a.act(name, filter, func(to socketio.Broadcast) error { return to.DisconnectSockets(closeConn) })
		}
	})
}

// emit handles (namespace, filter, event, arguments…). The arguments are decoded, because they may have binary data.
func (a *Admin) emit(_ *socketio.Socket, e *socketio.Event) {
	var name, filter, event string
	args := make([]any, max(0, e.Len()-3))
	into := append(make([]any, 0, 3+len(args)), &name, &filter, &event)
	for i := range args {
		into = append(into, &args[i])
	}
	if e.Bind(into...) == nil && event != "" {
		a.act(name, filter, func(to socketio.Broadcast) error { return to.Emit(event, args...) })
	}
}

// act does something to the sockets of a namespace: all of them, or those that the filter, a room or an id, selects.
func (a *Admin) act(name, filter string, do func(to socketio.Broadcast) error) {
	if !strings.HasPrefix(name, "/") {
		return
	}
	to := a.io.Of(name).All()
	if filter != "" {
		to = to.In(filter)
	}
	if err := do(to); err != nil {
		a.o.OnError(err)
	}
}
