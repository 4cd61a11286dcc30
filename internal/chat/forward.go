package chat

import (
	"context"
	"strings"
	"time"

	"parley/internal/db"
)

// Forward is a message from elsewhere that another one passes on, as it was then.
type Forward struct {
	UserID string `json:"userId"` // who wrote it
	At     int64  `json:"at"`     // microseconds since 1970
	Text   string `json:"text"`
	// Where it is, only if that is a room that anybody may join: of others nobody outside is to learn that they are there.
	RoomID    string `json:"roomId,omitempty"`
	MessageID string `json:"messageId,omitempty"`
}

// same reports whether two pass on the same message; it may have been edited between.
func (f *Forward) same(o *Forward) bool { return f.UserID == o.UserID && f.At == o.At }

// Time is when it was written.
func (f *Forward) Time() time.Time { return fromMicros(f.At) }

// ForwardDraft is a message to be passed on.
type ForwardDraft struct {
	RoomID    string // where it is
	MessageID string
	To        string // room
	Text      string // what to say about it; may be empty
	ClientID  string
}

// ForwardMessage passes on a message that the actor may read. One that itself passes on another, without a word of its own, is passed on
// as that one.
func (c *Chat) ForwardMessage(ctx context.Context, a Actor, d ForwardDraft) (Message, error) {
	if d.To == "" { // no room is meant by default: what is private is not to get into the lobby by mistake
		return Message{}, errorf(Invalid, "to must be a room")
	}
	f, err := c.forward(ctx, a, d)
	if err != nil {
		if m, sent := c.forwarded(ctx, a, d); sent && AsError(err).Kind == NotFound { // a retry, of what is gone since
			return m, nil
		}
		return Message{}, err
	}
	return c.SendMessage(ctx, a, Draft{RoomID: d.To, ClientID: d.ClientID, Text: d.Text, extra: entryData{Forward: f}})
}

// forward is the message that is to be passed on, as it is now.
func (c *Chat) forward(ctx context.Context, a Actor, d ForwardDraft) (*Forward, error) {
	acc, err := c.reader(ctx, a, d.RoomID)
	if err != nil {
		return nil, err
	}
	m, err := c.Message(ctx, a, d.RoomID, d.MessageID)
	if err != nil {
		return nil, err
	}
	if !m.DeletedAt.IsZero() {
		return nil, errorf(NotFound, "The message was deleted")
	}
	f := &Forward{UserID: m.SenderID, At: micros(m.CreatedAt), Text: m.Text}
	if acc.RoomKind.open() {
		f.RoomID, f.MessageID = m.RoomID, m.ID
	}
	if m.Forward != nil && m.Text == "" {
		f = m.Forward
	}
	return f, nil
}

// forwarded is what an earlier submission with the same client id has passed on.
func (c *Chat) forwarded(ctx context.Context, a Actor, d ForwardDraft) (Message, bool) {
	var id string
	err := c.db.QueryRow(ctx, `SELECT id FROM log WHERE actor_id = $1 AND client_id = $2 AND client_id IS NOT NULL AND room_id = $3 AND kind = 'message'`,
		a.UserID, d.ClientID, d.To).Scan(&id)
	if err != nil {
		return Message{}, false
	}
	m, err := c.Message(ctx, a, d.To, id)
	return m, err == nil && m.Forward != nil && m.Text == strings.TrimSpace(d.Text)
}

// Place is where a message is.
type Place struct {
	Message  Message
	ParentID string // when it is in a thread: the room that the thread is in
	RootID   string // and the message that it is about
}

// FindMessage finds a message by its id alone, for who may read it. For all others there is none.
func (c *Chat) FindMessage(ctx context.Context, a Actor, messageID string) (Place, error) {
	var room string
	err := c.db.QueryRow(ctx, `SELECT room_id FROM log WHERE id = $1 AND kind = 'message'`, messageID).Scan(&room)
	if db.IsNotFound(err) {
		return Place{}, errNoMessage()
	}
	if err != nil {
		return Place{}, unreadable(err)
	}
	m, err := c.Message(ctx, a, room, messageID)
	if err != nil {
		if AsError(err).Kind == NotFound { // in the same words as if it were not there
			err = errNoMessage()
		}
		return Place{}, err
	}
	r, err := findRoom(ctx, c.db, room)
	if err != nil {
		return Place{}, unreadable(err)
	}
	return Place{m, r.ParentID, r.RootID}, nil
}
