package chat

import (
	"context"
	"database/sql"
	"time"

	"parley/internal/db"
	"parley/internal/markdown"
)

// EditMessage replaces the text of the actor's own message and keeps what it said before. The same text is no entry.
func (c *Chat) EditMessage(ctx context.Context, a Actor, roomID, messageID, text string) (Message, error) {
	text, err := c.cleanText(text)
	if err != nil {
		return Message{}, err
	}
	var out Message
	err = c.change(ctx, a, roomID, func(b *batch) error {
		acc, m, err := b.message(a, roomID, messageID)
		switch {
		case err != nil:
			return err
		case !m.DeletedAt.IsZero():
			return errorf(NotFound, "The message was deleted")
		case m.SenderID != a.UserID:
			return errorf(Forbidden, "Only its author can edit a message")
		case acc.maySend() != nil:
			return acc.maySend()
		case m.Poll != nil:
			return errorf(Forbidden, "A poll cannot be edited: people have answered it as it is")
		case m.Text == text:
			out = m
			return nil
		}
		return b.edit(acc, a, m, text, &out)
	})
	return out, err
}

func (b *batch) edit(acc access, a Actor, m Message, text string, out *Message) error {
	mentions, err := b.mentions(acc, text, nil)
	if err != nil {
		return err
	}
	written := m.CreatedAt
	if !m.EditedAt.IsZero() {
		written = m.EditedAt
	}
	head, err := b.head(m.RoomID)
	if err != nil {
		return err
	}
	_, err = b.tx.Exec(b.ctx, `INSERT INTO revisions (message_id, version, text, created_at) VALUES ($1, $2, $3, $4)`,
		m.ID, head.last+1, m.Text, micros(written))
	if err != nil {
		return err
	}
	m.Mentions = mentions
	if m.Previews != nil {
		m.Previews = m.Previews.only(markdown.Links(text))
		if err := b.storePreviews(m); err != nil {
			return err
		}
	}
	_, err = b.tx.Exec(b.ctx, `UPDATE log SET text = $1, data = $2, edited_at = $3 WHERE id = $4`,
		text, m.data().encode(), micros(b.now), m.ID)
	if err != nil {
		return err
	}
	if err := b.storeMentions(m.RoomID, m.Seq, m.Mentions); err != nil {
		return err
	}
	m.Text, m.EditedAt = text, fromMicros(micros(b.now))
	*out, err = b.touch(acc, a, m, Entry{Kind: KindEdit})
	return err
}

// DeleteMessage takes a message's text, its earlier texts, mentions and reactions away for good; that there was one stays. Its
// author may, and who moderates the room. One that was deleted already is no error.
func (c *Chat) DeleteMessage(ctx context.Context, a Actor, roomID, messageID string) (Message, error) {
	var out Message
	err := c.change(ctx, a, roomID, func(b *batch) error {
		acc, m, err := b.message(a, roomID, messageID)
		switch {
		case err != nil:
			return err
		case !m.DeletedAt.IsZero():
			out = m
			return nil
		case m.SenderID != a.UserID && !acc.moderates():
			return errorf(Forbidden, "Only its author or a moderator can delete a message")
		}
		for _, text := range []string{
			`DELETE FROM revisions WHERE message_id = $1`,
			`DELETE FROM reactions WHERE message_id = $1`,
			`DELETE FROM pins WHERE message_id = $1`,
			`DELETE FROM votes WHERE message_id = $1`,
			`DELETE FROM polls WHERE message_id = $1`,
			`DELETE FROM preview_uses WHERE message_id = $1`,
		} {
			if _, err := b.tx.Exec(b.ctx, text, m.ID); err != nil {
				return err
			}
		}
		if err := b.storeMentions(m.RoomID, m.Seq, nil); err != nil {
			return err
		}
		m.Text, m.Reactions, m.ReplyTo, m.DeletedAt = "", nil, nil, fromMicros(micros(b.now))
		m.take(entryData{Thread: m.Thread}) // what others have said about it stays
		_, err = b.tx.Exec(b.ctx, `UPDATE log SET text = '', data = $1, reply_to = NULL, deleted_at = $2 WHERE id = $3`,
			m.data().encode(), micros(b.now), m.ID)
		if err != nil {
			return err
		}
		out, err = b.touch(acc, a, m, Entry{Kind: KindDelete})
		return err
	})
	return out, err
}

// touch writes the entry of a change to a message, and makes it the message's version.
func (b *batch) touch(acc access, a Actor, m Message, e Entry) (Message, error) {
	e.RoomID, e.ActorID, e.ActorName, e.targetID = m.RoomID, a.UserID, a.Name, m.ID
	if acc.thread() {
		e.ParentID, e.ParentSeq = acc.Holder, acc.HolderSeq
	}
	seq, err := b.append(&e)
	if err != nil {
		return m, err
	}
	m.Version = seq
	if fault("change-not-stored") && e.Kind == KindEdit {
		if _, err = b.tx.Exec(b.ctx, `UPDATE log SET text = 'unchanged' WHERE id = $1`, m.ID); err != nil {
			return m, err
		}
	}
	if _, err := b.tx.Exec(b.ctx, `UPDATE log SET version = $1 WHERE id = $2`, seq, m.ID); err != nil {
		return m, err
	}
	if e.Kind == KindReact || e.Kind == KindUnreact {
		m.Reactions = nil
		if err := addReactions(b.ctx, b.tx, m.RoomID, m.Seq, m.Seq, false, map[string]*Message{m.ID: &m}); err != nil {
			return m, err
		}
	}
	e.Message = &m
	if e.Blind, err = b.blind(acc, m.Seq); err != nil {
		return m, err
	}
	b.publish(Event{Entry: &e})
	return m, nil
}

// message finds a message of a room that the actor may read, as it is now.
func (b *batch) message(a Actor, roomID, messageID string) (access, Message, error) {
	acc, err := b.access(a, roomID)
	if err != nil {
		return acc, Message{}, err
	}
	entries, err := queryEntries(b.ctx, b.tx, selectEntries+`WHERE l.id = $1 AND l.room_id = $2 AND l.kind = 'message' AND l.seq > $3`,
		messageID, roomID, acc.FromSeq)
	if err == nil && len(entries) == 0 {
		return acc, Message{}, errNoMessage()
	}
	if err == nil {
		err = complete(b.ctx, b.tx, roomID, entries)
	}
	if err != nil {
		return acc, Message{}, err
	}
	return acc, *entries[0].Message, nil
}

func errNoMessage() *Error { return errorf(NotFound, "No such message") }

// Revision is what a message said before an edit.
type Revision struct {
	Text string
	At   time.Time // when it was written
}

// Revisions returns what a message said before, oldest first.
func (c *Chat) Revisions(ctx context.Context, a Actor, roomID, messageID string) ([]Revision, error) {
	acc, err := c.reader(ctx, a, roomID)
	if err != nil {
		return nil, err
	}
	rows, err := c.db.Query(ctx, `SELECT v.text, v.created_at FROM revisions v JOIN log l ON l.id = v.message_id `+readableLog("$1", "$4", "$5")+`
		WHERE v.message_id = $2 AND l.room_id = $3 ORDER BY v.version`, a.UserID, messageID, roomID, acc.Holder, acc.RootSeq)
	out, err := db.Scan(rows, err, func(rows *sql.Rows, r *Revision) error {
		var at int64
		err := rows.Scan(&r.Text, &at)
		r.At = fromMicros(at)
		return err
	})
	if err != nil {
		return nil, unreadable(err)
	}
	return out, nil
}
