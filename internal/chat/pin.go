package chat

import (
	"context"
	"fmt"
	"time"
)

// Pin tells who pinned a message, and when.
type Pin struct {
	UserID string `json:"userId"`
	At     int64  `json:"at"` // microseconds since 1970
}

// Time is when it was pinned.
func (p *Pin) Time() time.Time { return fromMicros(p.At) }

// PinMessage puts a message where everybody in the room finds it, or takes it away from there. What is so already is no entry.
func (c *Chat) PinMessage(ctx context.Context, a Actor, roomID, messageID string, on bool) (Message, error) {
	var out Message
	err := c.change(ctx, a, roomID, func(b *batch) error {
		acc, m, err := b.message(a, roomID, messageID)
		switch {
		case err != nil:
			return err
		case acc.thread():
			return errorf(Forbidden, "In threads nothing is pinned")
		case acc.mayMark() != nil:
			return acc.mayMark()
		case !acc.mayPin(c.limits.PinRole):
			return errorf(Forbidden, "Only moderators pin messages here")
		case !m.DeletedAt.IsZero():
			return errorf(NotFound, "The message was deleted")
		case on == (m.Pinned != nil):
			out = m
			return nil
		}
		kind := KindUnpin
		if m.Pinned = nil; on {
			kind, m.Pinned = KindPin, &Pin{UserID: a.UserID, At: micros(b.now)}
		}
		if err := b.storePin(m, c.limits.Pins); err != nil {
			return err
		}
		if err := b.storeData(m); err != nil {
			return err
		}
		out, err = b.touch(acc, a, m, Entry{Kind: kind})
		return err
	})
	return out, err
}

// mayPin reports whether somebody may pin. In direct conversations everybody may.
func (a access) mayPin(least Role) bool {
	return a.RoomKind.direct() || a.moderates() || least == Member && a.ServerRole.AtLeast(Member)
}

func (b *batch) storePin(m Message, limit int) error {
	if m.Pinned == nil {
		_, err := b.tx.Exec(b.ctx, `DELETE FROM pins WHERE message_id = $1`, m.ID)
		return err
	}
	var n int
	if err := b.tx.QueryRow(b.ctx, `SELECT count(*) FROM pins WHERE room_id = $1`, m.RoomID).Scan(&n); err != nil {
		return err
	}
	if n >= limit {
		return errorf(TooLarge, fmt.Sprintf("Too many pinned messages (max %d)", limit))
	}
	_, err := b.tx.Exec(b.ctx, `INSERT INTO pins (message_id, room_id, pinned_at) VALUES ($1, $2, $3)`, m.ID, m.RoomID, m.Pinned.At)
	return err
}

// Pins lists the pinned messages of a room, the last one pinned first.
func (c *Chat) Pins(ctx context.Context, a Actor, roomID string) ([]Message, error) {
	acc, err := c.reader(ctx, a, roomID)
	if err != nil {
		return nil, err
	}
	entries, err := queryEntries(ctx, c.db, selectEntries+readableLog("$1", "$2", "$3")+`JOIN pins p ON p.message_id = l.id
		WHERE p.room_id = $4 AND l.room_id = $4 ORDER BY p.pinned_at DESC`, a.UserID, acc.Holder, acc.RootSeq, roomID)
	out := make([]Message, len(entries))
	for i := 0; err == nil && i < len(entries); i++ { // they are far apart in the log: what is between is not read
		err = complete(ctx, c.db, roomID, entries[i:i+1])
	}
	if err != nil {
		return nil, unreadable(err)
	}
	redact(entries, acc.FromSeq)
	for i := range entries {
		out[i] = *entries[i].Message
	}
	return out, nil
}
