package live

import (
	"context"

	"parley/internal/auth"
)

// sessionNew tells somebody's other devices of one that was not known.
type sessionNew struct {
	SessionID string `json:"sessionId"`
	Device    string `json:"device"`
	Address   string `json:"address"`
	CreatedAt string `json:"createdAt"`
}

// Arrived tells somebody's devices of a new one, which does not hear it: it is not one of theirs yet.
func (d *Door) Arrived(a auth.Arrival) {
	d.tell(userRoom(a.UserID), "", "session-new", encode(sessionNew{a.SessionID, a.Device, a.Address, timestamp(a.At)}))
}

type deviceLinkReply struct {
	ok
	LinkID    string `json:"linkId"`
	Token     string `json:"token"` // for the new device: /#device=TOKEN, as a link or a QR code
	URL       string `json:"url"`
	ExpiresAt string `json:"expiresAt"`
}

// deviceLinkCreate makes a link that lets another device of the person's in.
func (d *Door) deviceLinkCreate(ctx context.Context, c *client, _ emptyRequest) (deviceLinkReply, error) {
	l, err := d.o.Accounts.CreateLink(ctx, *c.person())
	return deviceLinkReply{done, l.ID, l.Token, d.o.Accounts.Origin() + "/#device=" + l.Token, timestamp(l.ExpiresAt)}, err
}

type deviceClaimReply struct {
	ok
	Claim string `json:"claim"` // for device-link-finish
	Code  string `json:"code"`  // to be shown: the person enters it on the device that showed the link
}

// linkClaimed tells the person that a device has opened the link. Its code is not in it: the person reads it there.
type linkClaimed struct {
	LinkID  string `json:"linkId"`
	Device  string `json:"device"`
	Address string `json:"address"`
}

// deviceLinkClaim opens a link on the new device.
func (d *Door) deviceLinkClaim(ctx context.Context, c *client, in tokenRequest) (deviceClaimReply, error) {
	if c.person() != nil {
		return deviceClaimReply{}, errSignedIn
	}
	l, err := d.o.Accounts.ClaimLink(ctx, in.Token)
	if err != nil {
		return deviceClaimReply{}, err
	}
	d.tell(userRoom(l.UserID), "", "device-link-claimed", encode(linkClaimed{l.LinkID, c.device(), c.address()}))
	return deviceClaimReply{done, l.Claim, l.Code}, nil
}

type deviceApproveRequest struct {
	LinkID string `json:"linkId"`
	Code   string `json:"code"` // that the new device shows
}

// deviceLinkApprove lets the device in that shows a code.
func (d *Door) deviceLinkApprove(ctx context.Context, c *client, in deviceApproveRequest) (ok, error) {
	return done, d.o.Accounts.ApproveLink(ctx, *c.person(), in.LinkID, in.Code)
}

type deviceFinishRequest struct {
	Claim string `json:"claim"`
}

// deviceLinkFinish signs the new device in once it was let in. Until then the answer is unavailable, and when to ask again.
func (d *Door) deviceLinkFinish(ctx context.Context, c *client, in deviceFinishRequest) (joinReply, error) {
	if c.person() != nil {
		return joinReply{}, errSignedIn
	}
	a, token, err := d.o.Accounts.FinishLink(ctx, in.Claim, c.from())
	if err != nil {
		return joinReply{}, err
	}
	return d.welcome(ctx, c, a, token)
}
