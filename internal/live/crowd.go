package live

import (
	"time"

	"parley/internal/chat"
	"parley/socketio"
)

// To tell everybody of everybody costs the square of their number: 15,000 people who come within a minute would be told to each other
// 225 million times. So in a crowd everybody hears how many are here, now and then, and of a person those alone who share a room with
// them that is small enough to know its members.

const (
	crowdEvery = 2 * time.Second // how often a crowd is told how many it is
	// maxNear bounds how many of a person's small rooms hear of them.
	maxNear = 50
	// crowdTypists is how many people are told of at a time as typing in a room that more than maxTold of a node are in: nobody reads more
	// names. Nodes that do not know of each other's yet tell of a few more.
	crowdTypists = 3
	// crowdListed bounds the list of who is here for those who join a crowd; who wants more asks.
	crowdListed = 100
)

// crowded reports whether there are too many people to tell each of each.
func (d *Door) crowded() bool { return d.o.Crowd > 0 && d.people.count() > d.o.Crowd }

// size is how many connections of this node are in a room.
func (d *Door) size(room string) int {
	return d.io.Adapter().(*socketio.MemoryAdapter).Size(room) //nolint:forcetypeassert // it is the default, and the door's own
}

// nearRooms are the rooms that hear of one of their members in a crowd.
func nearRooms(rooms []chat.MyRoom) (near []string) {
	for _, r := range rooms {
		if r.Members > 1 && r.Members <= maxTold && len(near) < maxNear {
			near = append(near, r.ID)
		}
	}
	return near
}

// tellOf sends what concerns a person to everybody here, or in a crowd to those near the person. It may get lost: lists have it too.
func (d *Door) tellOf(near []string, except, event string, payload socketio.RawJSON) {
	if !d.crowded() {
		d.emitVolatile(roomOf(chat.Lobby), except, event, payload)
		return
	}
	if len(near) == 0 {
		return
	}
	names := make([]string, len(near))
	for i, id := range near {
		names[i] = roomOf(id)
	}
	d.failed(event, d.io.To(names...).Except(except).Volatile().Local().Emit(event, payload))
}

// howMany is the payload of people-online.
type howMany struct {
	Online int `json:"online"`
}

// countCrowd tells a crowd how many people are here, when that has changed.
func (d *Door) countCrowd(stop <-chan struct{}) {
	t := time.NewTicker(crowdEvery)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			if n := d.people.count(); int64(n) != d.counted.Load() && d.crowded() {
				d.counted.Store(int64(n))
				d.emitVolatile(roomOf(chat.Lobby), "", "people-online", encode(howMany{n}))
			}
		case <-stop:
			return
		}
	}
}
