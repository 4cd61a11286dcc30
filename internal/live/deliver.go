package live

import (
	"time"

	"parley/engineio"
	"parley/internal/chat"
	"parley/socketio"
)

// Deliver sends what was committed to those who may see it. It is called in the order of each room's log.
func (d *Door) Deliver(e chat.Event) {
	switch {
	case e.Entry != nil:
		d.deliverEntry(e.Entry)
	case e.Person != nil:
		d.deliverPerson(e.Person)
	case e.Receipt != nil:
		d.deliverReceipt(e.Receipt)
	case e.Stored != nil:
		d.tellOwn(e.Stored)
	case e.Ended != nil:
		d.sessionsEnded(*e.Ended)
	}
}

// deliverEntry sends an entry to the room. Whoever comes in hears of it, and of all that follows; whoever is out hears nothing of
// the room any more from here on, because this is the one place where the order of the log becomes the order of delivery.
func (d *Door) deliverEntry(e *chat.Entry) {
	room := roomOf(e.RoomID)
	switch e.Kind {
	case chat.KindMessage:
		if d.o.Metrics.Message != nil {
			d.o.Metrics.Message()
		}
	case chat.KindJoin:
		d.failed("join", d.io.To(userRoom(e.Member.UserID)).SocketsJoin(room))
	case chat.KindLeave, chat.KindKick, chat.KindBan:
		if chat.Fault("hears-after-leaving") {
			break
		}
		d.failed("leave", d.io.To(userRoom(e.Member.UserID)).SocketsLeave(room))
		d.typing.forget(e.RoomID, e.Member.UserID)
	}
	if chat.Fault("delivery-lost") {
		return
	}
	if chat.Fault("out-of-order") {
		time.AfterFunc(5*time.Millisecond, func() { d.emit(room, nil, entryEvents[e.Kind], encode(payloadOf(e))) })
		return
	}
	d.emitEntry(room, e)
	switch e.Kind {
	case chat.KindJoin:
		d.emit(userRoom(e.Member.UserID), nil, "room-added", encode(roomNotice{RoomID: e.RoomID, Seq: e.Seq}))
	case chat.KindLeave, chat.KindKick, chat.KindBan:
		d.emit(userRoom(e.Member.UserID), nil, "room-removed", encode(roomNotice{RoomID: e.RoomID, Seq: e.Seq, Kind: e.Kind}))
	}
}

// emitEntry sends an entry to the room, and to those who may not know what it is about only that it is there.
func (d *Door) emitEntry(room string, e *chat.Entry) {
	name := entryEvents[e.Kind]
	if len(e.Blind) == 0 {
		d.emit(room, nil, name, encode(payloadOf(e)))
		return
	}
	blind := make([]string, len(e.Blind))
	for i, id := range e.Blind {
		blind[i] = userRoom(id)
	}
	d.emit(room, blind, name, encode(payloadOf(e)))
	redacted := encode(payloadOf(e.Redacted(e.Seq - 1)))
	for _, to := range blind {
		d.emit(to, nil, name, redacted)
	}
}

// roomNotice tells a person that they are in a room now, or not any more.
type roomNotice struct {
	RoomID string         `json:"roomId"`
	Seq    int64          `json:"seq"`
	Kind   chat.EntryKind `json:"kind,omitempty"` // leave, kick or ban
}

// sessionEnded is the last that a connection hears whose session is over.
type sessionEnded struct {
	Reason string `json:"reason"`
}

// sessionsEnded closes the connections of sessions that are over. They are nobody's at once; they end when what they are at has
// been answered, which may be the very request that ended them.
func (d *Door) sessionsEnded(e chat.Ended) {
	over := map[string]bool{}
	for _, id := range e.SessionIDs {
		over[id] = true
	}
	for _, c := range d.clientsOf(e.UserID) {
		a := c.person()
		if a == nil || e.SessionIDs != nil && !over[a.SessionID] {
			continue
		}
		d.failed("session-ended", c.socket.Emit("session-ended", sessionEnded{e.Reason}))
		d.people.disconnect(*a, c)
		c.leaveAll()
		c.actor.Store(nil)
		go c.socket.Session().Finish(engineio.ReasonForcedClose) // waits for the handler, which may be the caller
	}
}

func (d *Door) failed(what string, err error) {
	if err != nil {
		d.o.Log.Error("delivery failed", "event", what, "error", err)
	}
}

func targetRoom(room string) socketio.Target { return socketio.Target{Rooms: []string{room}} }

// emit sends an encoded payload to a room.
func (d *Door) emit(room string, except []string, event string, payload socketio.RawJSON) {
	d.failed(event, d.io.To(room).Except(except...).Emit(event, payload))
}

// emitVolatile is emit for what may be lost: a client that is behind goes without.
func (d *Door) emitVolatile(room, except, event string, payload socketio.RawJSON) {
	d.failed(event, d.io.To(room).Except(except).Volatile().Emit(event, payload))
}
