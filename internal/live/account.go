package live

import (
	"context"
	"encoding/json"
	"strings"

	"parley/internal/auth"
	"parley/internal/chat"
)

// device is what the client says it is, for the list of sessions.
func (c *client) device() string { return c.socket.Session().Handshake().Header().Get("User-Agent") }

// from is where the client signs in from.
func (c *client) from() auth.From {
	return auth.From{Agent: c.device(), Address: c.address(), Token: auth.DeviceToken(c.socket.Session().Handshake().Header())}
}

type accountCreateRequest struct {
	Name       string `json:"name"` // of the account
	Password   string `json:"password"`
	Username   string `json:"username"`   // what others see; the account's name when empty
	Invitation string `json:"invitation"` // its token, where one is needed
}

// accountCreate makes an account and signs in. On a guest's connection the guest becomes the account and keeps what they wrote.
func (d *Door) accountCreate(ctx context.Context, c *client, in accountCreateRequest) (joinReply, error) {
	new := auth.SignUp{Login: in.Name, Name: in.Username, Password: in.Password, Invitation: in.Invitation, From: c.from()}
	if a := c.person(); a != nil {
		if a.Role != chat.Guest {
			return joinReply{}, errSignedIn
		}
		new.Guest = *a
		if new.Name == "" {
			new.Name = a.Name
		}
	}
	a, token, err := d.o.Accounts.Create(ctx, new)
	if err != nil {
		return joinReply{}, err
	}
	for _, other := range d.clientsOf(a.UserID) { // the guest's other tabs are the account's now
		_ = other.become(&a) // one whose session has ended is about to close
	}
	return d.welcome(ctx, c, a, token)
}

var errSignedIn = &chat.Error{Kind: chat.Conflict, Message: "You are signed in already"}

type accountLoginRequest struct {
	Name     string `json:"name"`
	Password string `json:"password"`
	proofRequest
}

// proofRequest is what is asked for besides a password, once the answer was second-factor.
type proofRequest struct {
	Code    string `json:"code"`    // of an authenticator, or a recovery code
	Passkey any    `json:"passkey"` // a passkey's answer to passkey-challenge
}

// proof puts a password and what is asked for besides together. A challenge is used up by it.
func (c *client) proof(password string, p proofRequest) auth.Proof {
	return auth.Proof{Password: password, Code: p.Code, Passkey: answerOf(p.Passkey), Challenge: c.challenge.Swap(nil)}
}

// answerOf is what a browser's passkey has answered, as the JSON that it was.
func answerOf(v any) []byte {
	if v == nil {
		return nil
	}
	data, _ := json.Marshal(v) // it was JSON
	return data
}

// accountLogin starts a session of an account and makes the connection its person's.
func (d *Door) accountLogin(ctx context.Context, c *client, in accountLoginRequest) (joinReply, error) {
	if c.person() != nil {
		return joinReply{}, errSignedIn
	}
	from := c.from()
	known, err := d.o.Accounts.Knows(ctx, from.Token, in.Name)
	if err != nil {
		return joinReply{}, err
	}
	if !known { // whoever is at their own device is not held back by what others try, not even from the same address
		if wait, ok := d.limits.take(signIn, c); !ok {
			return joinReply{}, rateLimited(wait)
		}
		if wait, ok := d.limits.accounts.take(Network(c.address()) + " " + strings.ToLower(strings.TrimSpace(in.Name))); !ok {
			return joinReply{}, rateLimited(wait)
		}
	}
	a, token, err := d.o.Accounts.SignIn(ctx, in.Name, c.proof(in.Password, in.proofRequest), from)
	if err != nil {
		return joinReply{}, err
	}
	return d.welcome(ctx, c, a, token)
}

type accountPasswordRequest struct {
	Old string `json:"old"`
	New string `json:"new"`
}

// accountPassword changes the password and ends the person's other sessions.
func (d *Door) accountPassword(ctx context.Context, c *client, in accountPasswordRequest) (ok, error) {
	return done, d.o.Accounts.ChangePassword(ctx, *c.person(), in.Old, in.New)
}

type emptyRequest struct{}

// accountLogout ends the connection's session; its connections close.
func (d *Door) accountLogout(ctx context.Context, c *client, _ emptyRequest) (ok, error) {
	a := c.person()
	return done, d.o.Sessions.Revoke(ctx, a.UserID, a.SessionID, "Signed out")
}

type wireSession struct {
	SessionID string `json:"sessionId"`
	Device    string `json:"device"`
	CreatedAt string `json:"createdAt"`
	UsedAt    string `json:"usedAt"` // exact to an hour
	Current   bool   `json:"current"`
}

type sessionListReply struct {
	ok
	Sessions []wireSession `json:"sessions"`
}

// sessionList lists where the person is signed in.
func (d *Door) sessionList(ctx context.Context, c *client, _ emptyRequest) (sessionListReply, error) {
	a := c.person()
	list, err := d.o.Sessions.List(ctx, a.UserID)
	out := sessionListReply{ok: done, Sessions: []wireSession{}}
	for _, s := range list {
		out.Sessions = append(out.Sessions, wireSession{
			SessionID: s.ID, Device: s.Device, CreatedAt: timestamp(s.CreatedAt), UsedAt: timestamp(s.UsedAt), Current: s.ID == a.SessionID,
		})
	}
	return out, err
}

type sessionRevokeRequest struct {
	SessionID string `json:"sessionId"`
}

// sessionRevoke ends one of the person's sessions.
func (d *Door) sessionRevoke(ctx context.Context, c *client, in sessionRevokeRequest) (ok, error) {
	return done, d.o.Sessions.Revoke(ctx, c.person().UserID, in.SessionID, "Signed out from another device")
}
