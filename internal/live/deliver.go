package live

import (
	"encoding/json"
	"time"

	"parley/engineio"
	"parley/internal/chat"
	"parley/socketio"
)

// delivery is an entry of a room's log as it goes out, made once, whatever the number of its receivers and nodes.
type delivery struct {
	Room     string          `json:"r"`
	Seq      int64           `json:"s"`
	ID       string          `json:"i,omitempty"`
	Kind     chat.EntryKind  `json:"k"`
	Event    string          `json:"e"`
	Payload  json.RawMessage `json:"p"`
	Target   string          `json:"t,omitempty"` // who came or went
	Author   string          `json:"u,omitempty"` // who wrote a message: they are typing no more
	Blind    []string        `json:"b,omitempty"` // who is told only Redacted
	Redacted json.RawMessage `json:"x,omitempty"`
	Trace    string          `json:"o,omitempty"` // where it comes from, as a traceparent

	// Parent is, of a thread's entry, the room that the thread is in, and ParentSeq how far it must have been delivered before: whoever
	// had left it by then does not hear the thread any more.
	Parent    string `json:"h,omitempty"`
	ParentSeq int64  `json:"hs,omitempty"`
}

func newDelivery(e *chat.Entry) *delivery {
	d := &delivery{Room: e.RoomID, Seq: e.Seq, ID: e.ID, Kind: e.Kind, Event: entryEvents[e.Kind], Payload: json.RawMessage(encode(payloadOf(e)))}
	d.Parent, d.ParentSeq = e.ParentID, e.ParentSeq
	if e.Member != nil {
		d.Target = e.Member.UserID
	}
	if e.Kind == chat.KindMessage {
		d.Author = e.ActorID
	}
	if len(e.Blind) > 0 {
		d.Blind, d.Redacted = e.Blind, json.RawMessage(encode(payloadOf(e.Redacted(e.Seq-1))))
	}
	return d
}

// topics are what the nodes have subscribed to that are told of an entry. Who comes or goes may be connected to any node.
func (e *delivery) topics() []string {
	if e.Target != "" {
		return nil
	}
	return []string{e.Room}
}

// Deliver sends what was committed to those who may see it. It is called in the order of each room's log.
func (d *Door) Deliver(e chat.Event) {
	switch {
	case e.Entry != nil:
		out := newDelivery(e.Entry)
		out.Trace = traceParent(e.Span)
		d.tellNodes(nodeMessage{Entry: out}, out.topics()...)
		d.sequence.offer(out)
		if e.Entry.Kind == chat.KindMessage && d.o.Metrics.Message != nil {
			d.o.Metrics.Message()
		}
	case e.Person != nil:
		d.tellNodes(nodeMessage{Look: true})
		d.deliverPerson(e.Person)
	case e.Receipt != nil:
		d.deliverReceipt(e.Receipt)
	case e.Stored != nil:
		d.tellOwn(e.Stored)
	case e.Emoji != nil:
		d.tellEmoji(*e.Emoji)
	case e.Personal != nil:
		d.tellPersonal(e.Personal)
	case e.Follow != nil:
		d.tellNodes(nodeMessage{Follow: e.Follow})
		d.followed(*e.Follow)
	case e.Ended != nil:
		d.tellNodes(nodeMessage{Ended: e.Ended})
		d.sessionsEnded(*e.Ended)
	}
}

// deliverEntry sends an entry to those who are connected here. Whoever comes in hears of it, and of all that follows; whoever is out
// hears nothing of the room any more from here on, because this is the one place where the order of the log becomes the order of
// delivery.
func (d *Door) deliverEntry(e *delivery) { d.traced(e, func() { d.deliverNow(e) }) }

func (d *Door) deliverNow(e *delivery) {
	room, target := roomOf(e.Room), userRoom(e.Target)
	switch e.Kind {
	case chat.KindMessage:
		d.typing.forget(e.Room, e.Author)
	case chat.KindJoin:
		d.failed("join", d.io.To(target).Local().SocketsJoin(room))
	case chat.KindLeave, chat.KindKick, chat.KindBan:
		if chat.Fault("hears-after-leaving") {
			break
		}
		d.failed("leave", d.io.To(target).Local().SocketsLeave(room))
		d.leaveThreads(e.Target, e.Room)
		d.typing.forget(e.Room, e.Target)
	}
	switch {
	case chat.Fault("delivery-lost"):
		return
	case chat.Fault("out-of-order"):
		time.AfterFunc(5*time.Millisecond, func() { d.emit(room, nil, e.Event, socketio.RawJSON(e.Payload)) })
		return
	}
	d.emitEntry(room, e)
	if chat.Fault("delivered-twice") {
		d.emitEntry(room, e)
	}
	switch e.Kind {
	case chat.KindJoin:
		d.emit(target, nil, "room-added", encode(roomNotice{RoomID: e.Room, Seq: e.Seq}))
	case chat.KindLeave, chat.KindKick, chat.KindBan:
		d.emit(target, nil, "room-removed", encode(roomNotice{RoomID: e.Room, Seq: e.Seq, Kind: e.Kind}))
	}
}

// emitEntry sends an entry to the room, and to those who may not know what it is about only that it is there.
func (d *Door) emitEntry(room string, e *delivery) {
	blind := make([]string, len(e.Blind))
	for i, id := range e.Blind {
		blind[i] = userRoom(id)
	}
	d.emit(room, blind, e.Event, socketio.RawJSON(e.Payload))
	for _, id := range e.Blind {
		for _, c := range d.clientsOf(id) { // not all of them are in the room yet
			if c.in(e.Room) {
				d.failed(e.Event, c.socket.Emit(e.Event, socketio.RawJSON(e.Redacted)))
			}
		}
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
		c.end()
		d.people.disconnect(*a, c)                               // after it: one that is just arriving sees that it has ended, or is counted and taken off here
		go c.socket.Session().Finish(engineio.ReasonForcedClose) // waits for the handler, which may be the caller
	}
}

func (d *Door) failed(what string, err error) {
	if err != nil {
		d.o.Log.Error("delivery failed", "event", what, "error", err)
	}
}

func targetRoom(room string) socketio.Target { return socketio.Target{Rooms: []string{room}} }

// emit sends an encoded payload to those in a room who are connected here.
func (d *Door) emit(room string, except []string, event string, payload socketio.RawJSON) {
	d.failed(event, d.io.To(room).Except(except...).Local().Emit(event, payload))
}

// tell sends what is in no log to a room, wherever people are connected. It may get lost: a client that is behind goes without.
func (d *Door) tell(room, except, event string, payload socketio.RawJSON) {
	d.tellNodes(nodeMessage{Emit: &remoteEmit{Room: room, Except: except, Event: event, Payload: json.RawMessage(payload)}}, topicOf(room)...)
	d.emitVolatile(room, except, event, payload)
}

// tellDevices sends what is in no log to a person's devices. It goes to those nodes alone to which they are known to be connected, and so
// gets lost when they are just about to connect: what is told so is read when they do.
func (d *Door) tellDevices(userID, event string, payload socketio.RawJSON) {
	room := userRoom(userID)
	if topics := d.people.nodesOf(userID); len(topics) > 0 {
		d.tellNodes(nodeMessage{Emit: &remoteEmit{Room: room, Event: event, Payload: json.RawMessage(payload)}}, topics...)
	}
	d.emitVolatile(room, "", event, payload)
}

// tellMembers is tell, to those in a room, or a thread, who are members after a place in the log: a node that has not delivered that far waits
// until it has, so that whoever was put out before, here or by another node, hears nothing of it.
func (d *Door) tellMembers(after chat.Mark, roomID, except, event string, payload socketio.RawJSON) {
	m := &remoteEmit{Room: roomOf(roomID), Except: userRoom(except), Event: event, Payload: json.RawMessage(payload), After: after.RoomID, AfterSeq: after.Seq}
	d.tellNodes(nodeMessage{Emit: m}, topicOf(m.Room)...)
	d.emitAfter(m)
}

func (d *Door) emitAfter(m *remoteEmit) {
	emit := func() { d.emitVolatile(m.Room, m.Except, m.Event, socketio.RawJSON(m.Payload)) }
	if m.After == "" {
		emit()
		return
	}
	d.sequence.later(m.After, m.AfterSeq, emit)
}

func (d *Door) emitVolatile(room, except, event string, payload socketio.RawJSON) {
	d.failed(event, d.io.To(room).Except(except).Volatile().Local().Emit(event, payload))
}
