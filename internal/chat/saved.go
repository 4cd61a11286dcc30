package chat

import (
	"context"
	"database/sql"
	"time"

	"parley/internal/db"
)

// Saved is a message that somebody wants to come back to.
type Saved struct {
	RoomID    string `json:"roomId"`
	MessageID string `json:"messageId"`
}

// SaveMessage keeps a message for the actor, or lets go of it. What is so already is no event.
func (c *Chat) SaveMessage(ctx context.Context, a Actor, roomID, messageID string, on bool) (Personal, error) {
	var out Personal
	err := c.own(ctx, a, func(b *batch) error {
		old, err := findPersonal(b.ctx, b.tx, a.UserID, PersonalSaved, messageID)
		if out = old; err != nil || old.Gone != on {
			return err
		}
		data := PersonalData{}
		if on {
			if _, err := b.readable(a, roomID, messageID); err != nil {
				return err
			}
			if err := b.fewer(a.UserID, PersonalSaved, c.limits.Saved, "saved messages"); err != nil {
				return err
			}
			data.Saved = &Saved{RoomID: roomID, MessageID: messageID}
		}
		out, err = b.keep(a.UserID, PersonalSaved, messageID, data, b.now)
		return err
	})
	return out, err
}

// readable finds a message that somebody may read, without locking its room.
func (b *batch) readable(a Actor, roomID, messageID string) (Message, error) {
	acc, err := findAccess(b.ctx, b.tx, a.UserID, roomID)
	if err != nil {
		return Message{}, err
	}
	entries, err := queryEntries(b.ctx, b.tx, selectEntries+`WHERE l.id = $1 AND l.room_id = $2 AND l.kind = 'message' AND l.seq > $3 AND l.deleted_at IS NULL`,
		messageID, roomID, acc.FromSeq)
	if err == nil && len(entries) == 0 {
		err = errNoMessage()
	}
	if err != nil {
		return Message{}, err
	}
	return *entries[0].Message, nil
}

// SavedMessage is a message that was saved. Message is nil when it cannot be read any more.
type SavedMessage struct {
	Saved
	At      time.Time
	Version int64
	Message *Message
}

// SavedPage is how many saved messages are listed at once.
const SavedPage = 50

// SavedMessages lists what the actor has saved, the latest first, before a version; 0 is the first page.
func (c *Chat) SavedMessages(ctx context.Context, a Actor, before int64) ([]SavedMessage, error) {
	if before <= 0 {
		before = 1 << 62
	}
	rows, err := c.db.Query(ctx, selectPersonal+`WHERE p.user_id = $1 AND p.kind = 'saved' AND p.gone = 0 AND p.version < $2 ORDER BY p.version DESC LIMIT $3`,
		a.UserID, before, SavedPage)
	kept, err := db.Scan(rows, err, func(rows *sql.Rows, p *Personal) error { return scanPersonal(rows, p) })
	out := make([]SavedMessage, len(kept))
	for i := 0; err == nil && i < len(kept); i++ {
		out[i] = SavedMessage{Saved: *kept[i].Saved, At: kept[i].At, Version: kept[i].Version}
		var m Message
		if m, err = c.Message(ctx, a, out[i].RoomID, out[i].MessageID); err == nil {
			out[i].Message = &m
		} else if AsError(err).Kind == NotFound {
			err = nil
		}
	}
	if err != nil {
		return nil, unreadable(err)
	}
	return out, nil
}

// Message returns a message that the actor may read.
func (c *Chat) Message(ctx context.Context, a Actor, roomID, messageID string) (Message, error) {
	acc, err := c.reader(ctx, a, roomID)
	if err != nil {
		return Message{}, err
	}
	entries, err := queryEntries(ctx, c.db, selectEntries+readableLog("$1", "$2", "$3")+`WHERE l.id = $4 AND l.room_id = $5 AND l.kind = 'message'`,
		a.UserID, acc.Holder, acc.RootSeq, messageID, roomID)
	if err == nil && len(entries) == 0 {
		err = errNoMessage()
	}
	if err == nil {
		err = complete(ctx, c.db, roomID, entries)
	}
	if err != nil {
		return Message{}, unreadable(err)
	}
	redact(entries, acc.FromSeq)
	return *entries[0].Message, nil
}
