package live

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"strings"
	"time"

	"parley/internal/chat"
)

// Nodes connects the nodes of one server: see package peers. What is told may get lost.
type Nodes interface {
	Publish(message []byte, topics ...string) // without topics to all, otherwise to those that have subscribed to one of them
	Subscribe(topic string)
	Unsubscribe(topic string)
	// Listen also takes what all are told when something could not be told.
	Listen(heard func(message []byte), up func(), subscribed func(topics []string), sorry []byte)
	Healthy() bool
}

// nodeMessage is what a node tells the others. One field is set.
type nodeMessage struct {
	Entry *delivery   `json:"entry,omitempty"`
	Emit  *remoteEmit `json:"emit,omitempty"`
	Ended *chat.Ended `json:"ended,omitempty"`
	Look  bool        `json:"look,omitempty"` // somebody's profile has changed
	Here  *nodePeople `json:"here,omitempty"`
	Who   bool        `json:"who,omitempty"`   // asks the others who is connected to them
	Sorry bool        `json:"sorry,omitempty"` // it could not tell something that it should have told

	AskNumbers string   `json:"askNumbers,omitempty"` // the node that asks the others how they are
	Numbers    *Numbers `json:"numbers,omitempty"`

	Follow *chat.Follow `json:"follow,omitempty"`
	// Spent is what was taken of the limits that hold on all nodes together: by limit, and whose it is.
	Spent map[string]map[string]int `json:"spent,omitempty"`
}

// remoteEmit is an event that is in no log.
type remoteEmit struct {
	Room    string          `json:"r"`
	Except  string          `json:"x,omitempty"`
	Event   string          `json:"e"`
	Payload json.RawMessage `json:"p"`
	// After is the room, and AfterSeq how far it must have been delivered before: see tellMembers.
	After    string `json:"a,omitempty"`
	AfterSeq int64  `json:"as,omitempty"`
}

// tellNodes tells the other nodes, if there are any: all of them, or those that have subscribed to one of the topics.
func (d *Door) tellNodes(m nodeMessage, topics ...string) {
	if d.o.Nodes == nil {
		return
	}
	data, err := json.Marshal(m)
	if err != nil { // strings, numbers and JSON encode
		panic(err)
	}
	d.o.Nodes.Publish(data, topics...)
}

// heardFrom takes what another node tells.
func (d *Door) heardFrom(message []byte) {
	var m nodeMessage
	if err := json.Unmarshal(message, &m); err != nil {
		d.o.Log.Warn("a node tells what this one does not understand", "error", err)
		return
	}
	if d.o.Metrics.Heard != nil {
		d.o.Metrics.Heard(m.about())
	}
	switch {
	case m.Entry != nil:
		if d.serves(m.Entry.Room) || m.Entry.Target != "" && len(d.clientsOf(m.Entry.Target)) > 0 {
			d.sequence.offer(m.Entry)
		}
	case m.Emit != nil:
		if d.typingElsewhere(m.Emit) {
			d.emitAfter(m.Emit)
		}
	case m.Ended != nil:
		d.sessionsEnded(*m.Ended)
	case m.Look:
		d.watcher.soon()
	case m.Here != nil:
		d.people.hearNode(*m.Here)
	case m.Follow != nil:
		d.followed(*m.Follow)
	case m.Spent != nil:
		d.limits.charge(m.Spent)
	case m.Sorry:
		d.hears.lookAtAll()
	case m.AskNumbers != "":
		n := d.o.Numbers()
		d.tellNodes(nodeMessage{Numbers: &n}, nodeTopic(m.AskNumbers))
	case m.Numbers != nil:
		d.heardNumbers(*m.Numbers)
	case m.Who:
		d.tellNodes(nodeMessage{Here: d.people.ofThisNode()})
	}
}

// about is what kind of thing a node tells of.
func (m *nodeMessage) about() string {
	switch {
	case m.Entry != nil, m.Emit != nil && strings.HasPrefix(m.Emit.Room, roomOf("")):
		return "room"
	case m.Emit != nil, m.Ended != nil, m.Follow != nil:
		return "person"
	}
	return "node"
}

// serves reports whether somebody who is connected here is in a room.
func (d *Door) serves(roomID string) bool {
	return d.size(roomOf(roomID)) > 0
}

// connectNodes begins to listen to the other nodes.
func (d *Door) connectNodes() {
	if d.o.Nodes == nil {
		return
	}
	d.o.Nodes.Subscribe(nodeTopic(d.o.Node))
	d.o.Nodes.Listen(d.heardFrom, func() {
		d.tellNodes(nodeMessage{Who: true})
		d.tellNodes(nodeMessage{Here: d.people.ofThisNode()})
		d.watcher.missed()
	}, d.hears.confirmed, encode(nodeMessage{Sorry: true}))
}

// followHeads looks, now and then, whether the rooms that people here are in have entries that nobody has told of: what the nodes
// tell each other may get lost, and a commit whose outcome was unknown may have happened.
func (d *Door) followHeads(stop <-chan struct{}) {
	t := time.NewTicker(headsUnwell)
	defer t.Stop()
	next := time.Now()
	for {
		select {
		case <-d.hears.wake:
			d.lookAt(d.hears.unlooked())
		case <-d.sequence.doubts:
			d.lookAtHeads()
		case now := <-t.C:
			unwell := d.o.Nodes != nil && !d.o.Nodes.Healthy()
			if !unwell && now.Before(next) {
				continue
			}
			d.lookAtHeads()
			next = now.Add(headsEvery + time.Duration(rand.Int64N(int64(headsEvery))))
		case <-stop:
			return
		}
	}
}

// reconcile puts everybody who is connected here into the rooms they are in, and out of those they are not: that they came or went may
// have been told while this node did not hear.
func (d *Door) reconcile(ctx context.Context) {
	for _, userID := range d.people.connected() {
		heads, err := d.o.Chat.RoomHeads(ctx, userID)
		if err != nil {
			return // the next time
		}
		for _, c := range d.clientsOf(userID) {
			d.enterMissing(c, heads)
			d.enterFollowed(ctx, c)
		}
	}
}

// enterMissing puts a connection into those of its person's rooms that it is not in. Where a room has moved on meanwhile, the next
// look does.
func (d *Door) enterMissing(c *client, heads map[string]int64) {
	in := map[string]bool{}
	for _, name := range c.socket.Rooms() {
		if id, ok := roomID(name); ok {
			in[id] = true
		}
	}
	for id, head := range heads {
		if !in[id] && d.enterRoom(c, id, head) {
			d.failed("room-added", c.socket.Emit("room-added", roomNotice{RoomID: id, Seq: head}))
		}
	}
}

func (d *Door) lookAtHeads() {
	d.sequence.forget(d.serves)
	d.hears.forget(d.serves)
	d.lookAt(d.sequence.served(d.serves))
}

// lookAt has read what is missing of rooms.
func (d *Door) lookAt(rooms []string) {
	ctx, cancel := context.WithTimeout(context.Background(), fillTimeout)
	defer cancel()
	heads, err := d.o.Chat.Heads(ctx, rooms)
	if err != nil {
		return // the next look finds them
	}
	for room, seq := range heads {
		d.sequence.head(room, seq)
	}
	d.lookForRewound(ctx)
}
