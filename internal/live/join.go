package live

import (
	"context"

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

type joinReply struct {
	Success  bool         `json:"success"`
	UserID   string       `json:"userId"`
	Token    string       `json:"token,omitempty"` // the same person's again after a reconnect, as the connection's auth
	Username string       `json:"username"`
	RoomID   string       `json:"roomId"`
	Epoch    string       `json:"epoch"`
	LastSeq  int64        `json:"lastSeq"`
	Online   []personHere `json:"online"`
}

// userJoin makes the connection a person's: the one its token belongs to, or a new guest. On a connection that has joined
// already it changes the name.
func (d *Door) userJoin(c *client, in joinRequest) (any, error) {
	ctx, cancel := requestContext()
	defer cancel()
	actor, token, err := d.identify(ctx, c, in.Username)
	if err != nil {
		return nil, err
	}
	room, err := d.o.Chat.Room(ctx, actor, chat.Lobby)
	if err != nil {
		return nil, err
	}
	first := c.person() == nil
	c.actor.Store(&actor)
	if first {
		d.enter(c, actor)
	}
	return joinReply{
		Success: true, UserID: actor.UserID, Token: token, Username: actor.Name, RoomID: room.ID, Epoch: room.Epoch,
		LastSeq: room.LastSeq, Online: d.people.list(),
	}, nil
}

// identify finds out who the client is, and gives them the name they ask for.
func (d *Door) identify(ctx context.Context, c *client, name string) (actor chat.Actor, token string, err error) {
	if known := c.person(); known != nil {
		return d.rename(ctx, *known, name)
	}
	var auth struct {
		Token string `json:"token"`
	}
	if c.socket.Handshake().BindAuth(&auth) == nil && auth.Token != "" {
		actor, err = d.o.Sessions.Authenticate(ctx, auth.Token)
		if err == nil {
			actor, _, err = d.rename(ctx, actor, name)
			return actor, auth.Token, err
		}
		if chat.AsError(err).Kind != chat.Unauthenticated {
			return actor, "", err
		}
	}
	user, err := d.o.Chat.CreateGuest(ctx, name)
	if err != nil {
		return actor, "", err
	}
	token, session, err := d.o.Sessions.Issue(ctx, user.ID)
	return chat.Actor{UserID: user.ID, Name: user.Name, SessionID: session}, token, err
}

func (d *Door) rename(ctx context.Context, a chat.Actor, name string) (chat.Actor, string, error) {
	user, err := d.o.Chat.RenameUser(ctx, a, name)
	if err != nil {
		return a, "", err
	}
	a.Name = user.Name
	return a, "", nil
}

// enter puts the connection into its rooms and tells the others if the person was not here before. The rooms come first: from
// then on nothing is missed that is not in the history either.
func (d *Door) enter(c *client, a chat.Actor) {
	c.socket.Join(roomOf(chat.Lobby), userRoom(a.UserID))
	if d.people.connect(a, c) {
		d.announce("user-joined", a, c.socket.ID())
	}
	if !c.socket.Connected() { // it left while it was joining, and disconnected has seen nobody to take leave of
		d.people.disconnect(a, c)
	}
}

// announce tells everybody, but one socket, that a person came or went, and how many are here now.
func (d *Door) announce(event string, a chat.Actor, except ...string) {
	payload := encode(struct {
		UserID   string `json:"userId"`
		Username string `json:"username"`
		Online   int    `json:"online"`
	}{a.UserID, a.Name, d.people.count()})
	d.emit(roomOf(chat.Lobby), except, event, payload)
}

func (d *Door) announceLeft(a chat.Actor) { d.announce("user-left", a) }

func (d *Door) deliverRenamed(u *chat.User) {
	d.people.rename(u.ID, u.Name)
	for _, s := range d.io.Adapter().LocalSockets(targetRoom(userRoom(u.ID))) {
		if c := clientOf(s); c.person() != nil {
			a := *c.person()
			a.Name = u.Name
			c.actor.Store(&a)
		}
	}
	if d.people.here(u.ID) {
		d.emit(roomOf(chat.Lobby), nil, "user-renamed", encode(personHere{u.ID, u.Name}))
	}
}

type hereRequest struct {
	RoomID string `json:"roomId"`
}

// whoIsHere lists the people who are here now.
func (d *Door) whoIsHere(_ *client, in hereRequest) (any, error) {
	if in.RoomID != "" && in.RoomID != chat.Lobby {
		return nil, &chat.Error{Kind: chat.NotFound, Message: "No such room"}
	}
	return struct {
		Success bool         `json:"success"`
		Online  []personHere `json:"online"`
	}{true, d.people.list()}, nil
}
