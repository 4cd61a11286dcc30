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

// whoIsHere lists the people who are here now: all of them, or those of a room's first members.
func (d *Door) whoIsHere(ctx context.Context, c *client, in hereRequest) (hereReply, error) {
	room := roomOrLobby(in.RoomID)
	if !c.in(room) {
		return hereReply{}, &chat.Error{Kind: chat.NotFound, Message: "No such room"}
	}
	if room == chat.Lobby {
		return hereReply{done, d.people.list(maxListed)}, nil
	}
	members, err := d.o.Chat.Members(ctx, *c.person(), room, "", false)
	out := hereReply{done, []personHere{}}
	for _, m := range members {
		if d.people.presenceOf(m.UserID, "auto") != "offline" {
			out.Online = append(out.Online, personHere{m.UserID, m.Name})
		}
	}
	return out, err
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
		near := d.people.nearOf(c.person().UserID)
		d.people.told(c.person().UserID, near)
		d.tellPresence(c.person().UserID, near)
	}
	return done, nil
}

// presenceNotice is what somebody appears as.
type presenceNotice struct {
	UserID   string `json:"userId"`
	Presence string `json:"presence"` // online, away, dnd or offline
}

// tellPresence tells those who are connected here what somebody appears as now: each node tells its own. It may get lost: lists have
// it too.
func (d *Door) tellPresence(userID string, near []string) {
	if d.load.drops() {
		return
	}
	d.tellOf(near, "", "presence", encode(presenceNotice{userID, d.people.presenceOf(userID, d.people.wishOf(userID))}))
}
