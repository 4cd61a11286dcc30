package adminui

import (
	"context"
	"encoding/json"
	"sync"
	"sync/atomic"
	"time"

	"parley/engineio"
	"parley/socketio"
)

// teller tells pages what happens, one thing at a time: what is not to be done where it happens, because it costs, or because the
// adapter must not be called there, waits in a queue.
type teller struct {
	admin    *Admin
	queue    chan told
	missed   atomic.Bool // something was left out that pages rely on
	watching atomic.Bool // a page is looking, here or on another node

	mu       sync.Mutex
	sessions map[*engineio.Session][]*watched // with their sockets, of all namespaces
}

// watched is a socket, and while a page is looking what ends the looking.
type watched struct {
	socket *socketio.Socket
	off    func()
}

// told is an event for pages.
type told struct {
	event    string
	args     []any
	volatile bool
	newcomer *socketio.Socket // a page that is to be told all sockets, instead of an event
}

func newTeller(a *Admin) *teller {
	t := &teller{admin: a, queue: make(chan told, a.o.MaxQueue), sessions: map[*engineio.Session][]*watched{}}
	a.io.Engine().Observe(&engineio.Trace{Upgraded: t.upgraded})
	a.io.Observe(&socketio.Trace{Connected: t.connected, Disconnected: t.disconnected, DataSet: t.dataSet, Event: t.received})
	for _, ns := range a.io.Namespaces() {
		t.follow(ns)
	}
	a.io.OnNewNamespace(t.follow)
	return t
}

func (t *teller) follow(ns *socketio.Namespace) {
	ns.OnShown(withAdminData)
	ns.OnRooms(socketio.RoomHooks{
		JoinRoom:  func(room, id string) { t.tell("room_joined", ns.Name(), room, id, now()) },
		LeaveRoom: func(room, id string) { t.tell("room_left", ns.Name(), room, id, now()) },
	})
}

// now is the time as JavaScript writes it.
func now() string { return time.Now().UTC().Format("2006-01-02T15:04:05.000Z07:00") }

// tell queues what pages rely on. When there is no place for it, they are told all sockets anew.
func (t *teller) tell(event string, args ...any) { t.put(told{event: event, args: args}) }

func (t *teller) put(what told) {
	select {
	case t.queue <- what:
	default:
		t.missed.Store(true)
	}
}

// mention queues what pages can do without.
func (t *teller) mention(event string, args ...any) {
	if len(t.queue) < cap(t.queue)/2 {
		t.put(told{event: event, args: args, volatile: true})
	}
}

// run tells what is queued.
func (t *teller) run() {
	for {
		select {
		case <-t.admin.quit:
			return
		case what := <-t.queue:
			t.say(what)
		}
		if len(t.queue) == 0 && t.missed.Swap(false) {
			t.admin.emitTo(t.admin.ns, "all_sockets", t.admin.allSockets(context.Background()))
		}
	}
}

func (t *teller) say(what told) {
	if s := what.newcomer; s != nil {
		t.admin.emitTo(s, "all_sockets", t.admin.allSockets(s.Context()))
		return
	}
	to := t.admin.ns.All()
	if what.volatile {
		to = to.Volatile()
	}
	t.admin.emitTo(to, what.event, what.args...)
}

// welcome has a page told all sockets, after what is queued: it takes what comes afterwards for news.
func (t *teller) welcome(page *socketio.Socket) {
	t.look(true)
	t.put(told{newcomer: page})
}

func (t *teller) connected(s *socketio.Socket) {
	shown := t.admin.describe(s)
	t.mu.Lock()
	defer t.mu.Unlock()
	if !s.Connected() { // its end has been told, or is about to be
		return
	}
	w := &watched{socket: s}
	t.sessions[s.Session()] = append(t.sessions[s.Session()], w)
	if t.watching.Load() {
		t.listen(w)
	}
	t.tell("socket_connected", shown, now())
}

func (t *teller) disconnected(s *socketio.Socket, reason string, _ error) {
	t.mu.Lock()
	list := t.sessions[s.Session()]
	for i, w := range list {
		if w.socket == s {
			list = append(list[:i:i], list[i+1:]...)
			break
		}
	}
	if t.sessions[s.Session()] = list; len(list) == 0 {
		delete(t.sessions, s.Session())
	}
	t.mu.Unlock()
	t.tell("socket_disconnected", s.Namespace().Name(), s.ID(), reason, now())
}

// updatedSocket is what has changed of a socket.
type updatedSocket struct {
	ID        string `json:"id"`
	Namespace string `json:"nsp"`
	Transport string `json:"transport,omitempty"`
	Data      any    `json:"data,omitempty"`
}

func (t *teller) upgraded(session *engineio.Session) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, w := range t.sessions[session] {
		t.tell("socket_updated", updatedSocket{ID: w.socket.ID(), Namespace: w.socket.Namespace().Name(), Transport: session.Transport()})
	}
}

// dataSet tells of data that was set after the connection.
func (t *teller) dataSet(s *socketio.Socket) {
	if s.Namespace().Socket(s.ID()) == s {
		t.tell("socket_updated", updatedSocket{ID: s.ID(), Namespace: s.Namespace().Name(), Data: fieldsOf(s.Data())})
	}
}

// received tells of an event that has come.
func (t *teller) received(s *socketio.Socket, e *socketio.Event) {
	if !t.watching.Load() || s.Namespace() == t.admin.ns {
		return
	}
	args, _ := json.Marshal(e.Name) // a string encodes
	args = append([]byte{'['}, args...)
	for i := range e.Len() {
		args = append(append(args, ','), e.Raw(i)...)
	}
	t.mention("event_received", s.Namespace().Name(), s.ID(), t.bounded(e.Name, append(args, ']')), now())
}

// listen tells of the events sent to a socket.
func (t *teller) listen(w *watched) {
	s := w.socket
	if s.Namespace() == t.admin.ns || w.off != nil {
		return
	}
	w.off = s.OnAnyOutgoing(func(event string, data []byte) {
		t.mention("event_sent", s.Namespace().Name(), s.ID(), t.bounded(event, data), now())
	})
}

// bounded is an event's name and arguments, or the name and their size.
func (t *teller) bounded(event string, array []byte) any {
	if len(array) <= t.admin.o.MaxEventBytes {
		return socketio.RawJSON(array)
	}
	return []any{event, map[string]int{"bytes": len(array)}}
}

// watch keeps looking whether a page is there, on any node.
func (t *teller) watch() {
	tick := time.NewTicker(t.admin.o.StatsInterval)
	defer tick.Stop()
	for {
		select {
		case <-t.admin.quit:
			return
		case <-tick.C:
		}
		there := t.admin.ns.Len() > 0
		if !there {
			ctx, cancel := context.WithTimeout(context.Background(), fetchTimeout)
			found, _ := t.admin.ns.FetchSockets(ctx) // what does not answer has no page that looks
			cancel()
			there = len(found) > 0
		}
		t.look(there)
	}
}

// look begins or ends the telling of events. While nobody looks, sending costs what it costs without an admin UI.
func (t *teller) look(there bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.watching.Swap(there) == there {
		return
	}
	for _, list := range t.sessions {
		for _, w := range list {
			switch {
			case there:
				t.listen(w)
			case w.off != nil:
				w.off()
				w.off = nil
			}
		}
	}
}
