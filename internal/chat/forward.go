package chat

import (
	"context"
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
	acc, err := c.reader(ctx, a, d.RoomID)
	if err != nil {
		return Message{}, err
	}
	m, err := c.Message(ctx, a, d.RoomID, d.MessageID)
	if err != nil {
		return Message{}, err
	}
	if !m.DeletedAt.IsZero() {
		return Message{}, errorf(NotFound, "The message was deleted")
	}
	f := &Forward{UserID: m.SenderID, At: micros(m.CreatedAt), Text: m.Text}
	if acc.RoomKind.open() {
		f.RoomID, f.MessageID = m.RoomID, m.ID
	}
	if m.Forward != nil && m.Text == "" {
		f = m.Forward
	}
	return c.SendMessage(ctx, a, Draft{RoomID: d.To, ClientID: d.ClientID, Text: d.Text, extra: entryData{Forward: f}})
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
