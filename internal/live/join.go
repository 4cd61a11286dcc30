package live

import (
	"context"
	"fmt"
	"time"

	"parley/internal/auth"
	"parley/internal/chat"
)

// joinRequest is the payload of user-join.
type joinRequest struct {
	Username string `json:"username"`
}

func (joinRequest) wrongShape() string { return "Invalid username" }

// personHere is a person as others see them.
type personHere struct {
	UserID   string `json:"userId"`
	Username string `json:"username"`
}

// joinReply answers whoever has become somebody.
type joinReply struct {
	ok
	UserID      string       `json:"userId"`
	Token       string       `json:"token,omitempty"` // the same person's again after a reconnect, as the connection's auth
	SessionID   string       `json:"sessionId"`
	Username    string       `json:"username"`
	Login       string       `json:"login,omitempty"`
	Role        chat.Role    `json:"role"`
	RoomID      string       `json:"roomId"` // the lobby's
	Epoch       string       `json:"epoch"`
	LastSeq     int64        `json:"lastSeq"`
	Online      []personHere `json:"online"`      // at most 500, in a crowd 100
	OnlineCount int          `json:"onlineCount"` // how many people are here
	Rooms       []wireMyRoom `json:"rooms"`
	Directory   int64        `json:"directory"` // version of what is known about people, for people-sync
	Previews    int          `json:"previews"`  // how many of a message's links get a preview; 0: none do
	EmojiRole   chat.Role    `json:"emojiRole"` // from which role on people add emoji
}

// userJoin makes the connection a person's: the one its token belongs to, or a new guest. On a connection that has joined
// already it changes the name.
func (d *Door) userJoin(ctx context.Context, c *client, in joinRequest) (joinReply, error) {
	actor, token, err := d.identify(ctx, c, in.Username)
	if err != nil {
		return joinReply{}, err
	}
	return d.welcome(ctx, c, actor, token)
}

// welcome makes the connection the actor's and says what they find here.
func (d *Door) welcome(ctx context.Context, c *client, a chat.Actor, token string) (joinReply, error) {
	first := c.person() == nil
	if limit := d.o.ConnectionsPerPerson; first && limit > 0 && d.people.connections(a.UserID) >= limit {
		return joinReply{}, &chat.Error{
			Kind: chat.TooLarge, Message: fmt.Sprintf("Too many connections of one person (max %d): close some", limit),
		}
	}
	if known := c.person(); known == nil || known.SessionID != a.SessionID {
		if err := c.become(&a); err != nil {
			return joinReply{}, err
		}
	}
	found, err := d.enterRooms(ctx, c, a)
	u, rooms := found.User, found.Rooms
	if err == nil && u.Deactivated {
		err = errSessionEnded
	}
	if err != nil {
		return joinReply{}, d.stranger(c, first, err)
	}
	c.know(&u) // what has changed since it was read who they are was not told to this connection
	if first {
		d.arrive(c, a, u, nearRooms(rooms))
	}
	listed := maxListed
	if d.crowded() {
		listed = crowdListed
	}
	out := joinReply{
		ok: done, UserID: u.ID, Token: token, SessionID: a.SessionID, Username: u.Name, Login: u.Login, Role: u.Role, RoomID: chat.Lobby,
		Online: d.people.list(listed), OnlineCount: d.people.count(), Rooms: d.toWireMyRooms(rooms), Directory: found.Version,
		Previews: d.o.Chat.PreviewsOfOne(), EmojiRole: d.o.Chat.EmojiRole(),
	}
	for _, r := range rooms {
		if r.ID == chat.Lobby {
			out.Epoch, out.LastSeq = r.Epoch, r.LastSeq
		}
	}
	return out, nil
}

// stranger makes the connection nobody's again: what was begun did not succeed.
func (d *Door) stranger(c *client, first bool, err error) error {
	if !first {
		return err
	}
	c.actor.Store(nil)
	c.leaveAll()
	return err
}

// enterAttempts bounds how often memberships are read again because the rooms have moved on meanwhile.
const enterAttempts = 50

// enterRooms puts the connection into the rooms of its person. The person's own room comes first: from then on whatever puts them
// into a room, or out of one, reaches this connection too, in its place in the room's log.
func (d *Door) enterRooms(ctx context.Context, c *client, a chat.Actor) (chat.Arrival, error) {
	c.enter(userRoom(a.UserID))
	entered := map[string]bool{}
	for range enterAttempts {
		found, err := d.o.Chat.Arrive(ctx, a)
		if err != nil {
			return found, err
		}
		again := false
		for _, r := range found.Rooms {
			if !entered[r.ID] {
				entered[r.ID] = d.enterRoom(c, r.ID, r.LastSeq)
				again = again || !entered[r.ID]
			}
		}
		if !again {
			return found, nil
		}
	}
	return chat.Arrival{}, &chat.Error{Kind: chat.Unavailable, Message: "The server is busy", RetryAfter: time.Second}
}

// enterRoom lets a connection into a room whose member its person was when the room's log ended at head: see [sequencer.enter].
func (d *Door) enterRoom(c *client, roomID string, head int64) bool {
	return d.sequence.enter(roomID, head, func() { c.enter(roomOf(roomID)) })
}

// identify finds out who the client is, and gives them the name they ask for.
func (d *Door) identify(ctx context.Context, c *client, name string) (actor chat.Actor, token string, err error) {
	if known := c.person(); known != nil {
		actor, err = d.rename(ctx, *known, name)
		return actor, "", err
	}
	if known, told := c.token(); known != "" {
		actor, err = d.o.Sessions.Authenticate(ctx, known)
		if err == nil {
			if name != "" && name != actor.Name {
				actor, err = d.rename(ctx, actor, name)
			}
			return actor, told, err
		}
		if chat.AsError(err).Kind != chat.Unauthenticated || name == "" {
			return actor, "", err
		}
	}
	if !d.o.Guests {
		return actor, "", &chat.Error{Kind: chat.Unauthenticated, Message: "Guests are not admitted here: sign in"}
	}
	user, err := d.o.Chat.CreateGuest(ctx, name)
	if err != nil {
		return actor, "", err
	}
	token, session, err := d.o.Sessions.Issue(ctx, user.ID, c.device())
	return chat.Actor{UserID: user.ID, Name: user.Name, Role: user.Role, SessionID: session}, token, err
}

// token is what the connection was made with: its auth's, or else its cookie's, which the page's scripts are not to learn.
func (c *client) token() (token, told string) {
	var given struct {
		Token string `json:"token"`
	}
	if c.socket.Handshake().BindAuth(&given) == nil && given.Token != "" {
		return given.Token, given.Token
	}
	return auth.CookieToken(c.socket.Session().Handshake().Header()), ""
}

// rename gives somebody another name, which everybody is told: it counts against the same limit as by profile-update.
func (d *Door) rename(ctx context.Context, a chat.Actor, name string) (chat.Actor, error) {
	if clean, err := chat.CleanName(name); err != nil || clean == a.Name {
		return a, err
	}
	if err := d.load.refuses(creation); err != nil {
		return a, err
	}
	if wait, ok := d.limits.creations.take(a.UserID); !ok {
		return a, rateLimited(wait)
	}
	user, err := d.o.Chat.RenameUser(ctx, a, name)
	if err != nil {
		return a, err
	}
	a.Name = user.Name
	return a, nil
}

// arrive counts the connection and tells the others if the person was not here before.
func (d *Door) arrive(c *client, a chat.Actor, u chat.User, near []string) {
	if d.people.connect(a, u, c, near) {
		d.announce("user-joined", a, near, c.socket.ID())
		d.tellPresence(a.UserID, near)
	}
	if !c.socket.Connected() || c.person() == nil { // it left, or its session ended, while it was joining, and nobody was seen to take leave of
		d.people.disconnect(a, c)
	}
}

// comingOrGoing is the payload of user-joined and user-left.
type comingOrGoing struct {
	UserID   string `json:"userId"`
	Username string `json:"username"`
	Online   int    `json:"online"` // how many people are here
}

// announce tells everybody, but one socket, that a person came or went, and how many are here now.
func (d *Door) announce(event string, a chat.Actor, near []string, except string) {
	n := d.people.count()
	payload := encode(comingOrGoing{a.UserID, a.Name, n})
	if d.crowded() {
		d.tellOf(near, except, event, payload)
		return
	}
	d.counted.Store(int64(n))
	d.emit(roomOf(chat.Lobby), []string{except}, event, payload)
}

// announceArrived tells of somebody who has come to another node.
func (d *Door) announceArrived(a chat.Actor, near []string) {
	d.announce("user-joined", a, near, "")
	d.tellPresence(a.UserID, near)
}

func (d *Door) announceLeft(a chat.Actor, near []string) {
	d.announce("user-left", a, near, "")
	d.tellPresence(a.UserID, near)
}
