package live

import (
	"context"

	"parley/internal/chat"
)

type memberListRequest struct {
	RoomID string `json:"roomId"`
	After  string `json:"after"`  // id of the last member of the page before
	Banned bool   `json:"banned"` // those who may not come in, instead
}

type memberListReply struct {
	ok
	Members []wireMember `json:"members"`
	HasMore bool         `json:"hasMore"`
}

// memberList lists who is in a room, 200 at once.
func (d *Door) memberList(ctx context.Context, c *client, in memberListRequest) (memberListReply, error) {
	members, err := d.o.Chat.Members(ctx, *c.person(), in.RoomID, in.After, in.Banned)
	out := memberListReply{ok: done, Members: []wireMember{}, HasMore: len(members) == chat.MembersPage}
	for _, m := range members {
		out.Members = append(out.Members, toWireMember(m))
	}
	return out, err
}

type memberAddRequest struct {
	RoomID  string   `json:"roomId"`
	UserIDs []string `json:"userIds"`
}

// memberAdd brings people into a room.
func (d *Door) memberAdd(ctx context.Context, c *client, in memberAddRequest) (roomReply, error) {
	r, err := d.o.Chat.AddMembers(ctx, *c.person(), in.RoomID, in.UserIDs)
	return d.myRoom(ctx, c, r.ID, err)
}

type memberKickRequest struct {
	RoomID string `json:"roomId"`
	UserID string `json:"userId"`
	Ban    bool   `json:"ban"` // for good
	Reason string `json:"reason"`
}

// memberKick puts somebody out of a room.
func (d *Door) memberKick(ctx context.Context, c *client, in memberKickRequest) (ok, error) {
	return done, d.o.Chat.KickMember(ctx, *c.person(), in.RoomID, in.UserID, in.Ban, in.Reason)
}

type memberRequest struct {
	RoomID string `json:"roomId"`
	UserID string `json:"userId"`
}

// memberUnban lets somebody come in again.
func (d *Door) memberUnban(ctx context.Context, c *client, in memberRequest) (ok, error) {
	return done, d.o.Chat.LiftBan(ctx, *c.person(), in.RoomID, in.UserID)
}

type memberRoleRequest struct {
	RoomID string    `json:"roomId"`
	UserID string    `json:"userId"`
	Role   chat.Role `json:"role"` // owner, moderator or member
}

// memberRole gives a member another role in the room.
func (d *Door) memberRole(ctx context.Context, c *client, in memberRoleRequest) (ok, error) {
	return done, d.o.Chat.SetRoomRole(ctx, *c.person(), in.RoomID, in.UserID, in.Role)
}
