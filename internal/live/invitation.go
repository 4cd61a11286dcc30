package live

import (
	"context"
	"time"

	"parley/internal/chat"
)

type wireInvitation struct {
	InvitationID string    `json:"invitationId"`
	RoomID       string    `json:"roomId,omitempty"` // empty: to the server
	RoomName     string    `json:"roomName,omitempty"`
	Role         chat.Role `json:"role"`
	CreatedBy    string    `json:"createdBy"`
	Username     string    `json:"username"` // of who made it
	CreatedAt    string    `json:"createdAt"`
	ExpiresAt    string    `json:"expiresAt"`
	MaxUses      int       `json:"maxUses"`
	Uses         int       `json:"uses"`
}

func toWireInvitation(i chat.Invitation) wireInvitation {
	return wireInvitation{
		InvitationID: i.ID, RoomID: i.RoomID, RoomName: i.RoomName, Role: i.Role, CreatedBy: i.CreatedBy, Username: i.CreatorName, CreatedAt: timestamp(i.CreatedAt),
		ExpiresAt: timestamp(i.ExpiresAt), MaxUses: i.MaxUses, Uses: i.Uses,
	}
}

type inviteCreateRequest struct {
	RoomID  string    `json:"roomId"`  // empty: to the server
	Role    chat.Role `json:"role"`    // default member
	Hours   int       `json:"hours"`   // default a week
	MaxUses int       `json:"maxUses"` // default 1
	Email   string    `json:"email"`   // who gets it by mail; empty: the answer's token is to be handed over
}

type inviteReply struct {
	ok
	Token      string         `json:"token,omitempty"` // known only now
	Invitation wireInvitation `json:"invitation"`
}

// inviteCreate makes an invitation to the server, or a link into a room.
func (d *Door) inviteCreate(ctx context.Context, c *client, in inviteCreateRequest) (inviteReply, error) {
	hours := max(min(in.Hours, 1<<20), -1) // what is beyond is refused, not overflown
	draft := chat.InvitationDraft{RoomID: in.RoomID, Role: in.Role, Valid: time.Duration(hours) * time.Hour, MaxUses: in.MaxUses}
	if in.Email != "" {
		if err := d.o.Accounts.InviteByMail(ctx, *c.person(), in.Email, &draft); err != nil {
			return inviteReply{}, err
		}
	}
	i, token, err := d.o.Chat.Invite(ctx, *c.person(), draft)
	if in.Email != "" { // it is only for who reads there
		token = ""
	}
	return inviteReply{done, token, toWireInvitation(i)}, err
}

type inviteListReply struct {
	ok
	Invitations []wireInvitation `json:"invitations"`
}

// inviteList lists the person's invitations, and for administrators everybody's.
func (d *Door) inviteList(ctx context.Context, c *client, _ emptyRequest) (inviteListReply, error) {
	list, err := d.o.Chat.Invitations(ctx, *c.person())
	out := inviteListReply{ok: done, Invitations: []wireInvitation{}}
	for _, i := range list {
		out.Invitations = append(out.Invitations, toWireInvitation(i))
	}
	return out, err
}

type inviteRevokeRequest struct {
	InvitationID string `json:"invitationId"`
}

// inviteRevoke ends an invitation.
func (d *Door) inviteRevoke(ctx context.Context, c *client, in inviteRevokeRequest) (ok, error) {
	return done, d.o.Chat.RevokeInvitation(ctx, *c.person(), in.InvitationID)
}

type inviteTokenRequest struct {
	Token string `json:"token"`
}

// inviteInfo tells what an invitation is to, without using it.
func (d *Door) inviteInfo(ctx context.Context, _ *client, in inviteTokenRequest) (inviteReply, error) {
	i, err := d.o.Chat.Invitation(ctx, in.Token)
	return inviteReply{ok: done, Invitation: toWireInvitation(i)}, err
}

// inviteJoin follows a link into a room.
func (d *Door) inviteJoin(ctx context.Context, c *client, in inviteTokenRequest) (roomReply, error) {
	r, err := d.o.Chat.JoinByInvitation(ctx, *c.person(), in.Token)
	return d.myRoom(ctx, c, r.ID, err)
}
