package live

import (
	"context"

	"parley/internal/chat"
)

type hereRequest struct {
	RoomID string `json:"roomId"`
}

type hereReply struct {
	ok
	Online []personHere `json:"online"`
}

// whoIsHere lists the people who are here now: all of them, or those in a room.
func (d *Door) whoIsHere(_ context.Context, c *client, in hereRequest) (hereReply, error) {
	room := roomOrLobby(in.RoomID)
	if !c.in(room) {
		return hereReply{}, &chat.Error{Kind: chat.NotFound, Message: "No such room"}
	}
	if room == chat.Lobby {
		return hereReply{done, d.people.list()}, nil
	}
	out := hereReply{done, []personHere{}}
	seen := map[string]bool{}
	for _, s := range d.io.Adapter().LocalSockets(targetRoom(roomOf(room))) {
		if a := clientOf(s).person(); a != nil && !seen[a.UserID] && len(out.Online) < maxListed {
			seen[a.UserID] = true
			out.Online = append(out.Online, personHere{a.UserID, a.Name})
		}
	}
	return out, nil
}

// in reports whether the connection gets a room's events.
func (c *client) in(roomID string) bool {
	for _, name := range c.socket.Rooms() {
		if name == roomOf(roomID) {
			return true
		}
	}
	return false
}

type presenceActiveRequest struct {
	Active bool `json:"active"`
}

// presenceActive tells whether the person is looking. Who looks on none of their devices appears as away.
func (d *Door) presenceActive(_ context.Context, c *client, in presenceActiveRequest) (ok, error) {
	if c.idle.Swap(!in.Active) == in.Active {
		d.tellPresence(c.person().UserID)
	}
	return done, nil
}

// presenceNotice is what somebody appears as.
type presenceNotice struct {
	UserID   string `json:"userId"`
	Presence string `json:"presence"` // online, away, dnd or offline
}

// tellPresence tells everybody what somebody appears as now. It may get lost: lists have it too.
func (d *Door) tellPresence(userID string) {
	d.emitVolatile(roomOf(chat.Lobby), "", "presence", encode(presenceNotice{userID, d.people.presenceOf(userID, d.people.wishOf(userID))}))
}
