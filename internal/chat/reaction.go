package chat

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"unicode/utf8"

	"parley/internal/db"
)

// Reaction is an emoji under a message and who put it there, the first one first.
type Reaction struct {
	Emoji   string   `json:"emoji"`
	UserIDs []string `json:"userIds"`
}

const (
	maxEmojiBytes = 64 // of one reaction: families with skin tones are long
	maxEmojis     = 50 // different ones under a message
)

// React puts an emoji under a message, or takes it away again. What is there already, or gone, is no error and no entry.
func (c *Chat) React(ctx context.Context, a Actor, roomID, messageID, emoji string, on bool) (Message, error) {
	if emoji == "" || len(emoji) > maxEmojiBytes || !utf8.ValidString(emoji) || hasControl(emoji) {
		return Message{}, errorf(Invalid, "Invalid emoji")
	}
	var out Message
	err := c.change(ctx, a, roomID, func(b *batch) error {
		acc, m, err := b.message(a, roomID, messageID)
		if err != nil {
			return err
		}
		switch {
		case acc.mayMark() != nil:
			return acc.mayMark()
		case !m.DeletedAt.IsZero():
			return errorf(NotFound, "The message was deleted")
		}
		out = m
		i := slices.IndexFunc(m.Reactions, func(r Reaction) bool { return r.Emoji == emoji })
		has := i >= 0 && slices.Contains(m.Reactions[i].UserIDs, a.UserID)
		if has == on {
			return nil
		}
		kind, text := KindUnreact, `DELETE FROM reactions WHERE message_id = $1 AND emoji = $2 AND user_id = $3`
		args := []any{m.ID, emoji, a.UserID}
		if on {
			if i < 0 && len(m.Reactions) >= maxEmojis {
				return errorf(TooLarge, fmt.Sprintf("Too many different reactions (max %d)", maxEmojis))
			}
			if err := b.known(emoji); err != nil {
				return err
			}
			kind, text = KindReact, `INSERT INTO reactions (message_id, emoji, user_id, created_at) VALUES ($1, $2, $3, $4)`
			args = append(args, micros(b.now))
		}
		if _, err := b.tx.Exec(b.ctx, text, args...); err != nil {
			return err
		}
		if fault("change-without-entry") {
			return nil
		}
		out, err = b.touch(acc, a, m, Entry{Kind: kind, Emoji: emoji, data: entryData{Emoji: emoji}})
		return err
	})
	return out, err
}

// addReactions reads the reactions of messages between two seqs, and of those that entries between them are about.
func addReactions(ctx context.Context, q db.Querier, roomID string, first, last int64, about bool, messages map[string]*Message) error {
	if len(messages) == 0 {
		return nil
	}
	text := `SELECT r.message_id, r.emoji, r.user_id FROM log l JOIN reactions r ON r.message_id = l.id
		WHERE l.room_id = $1 AND l.seq BETWEEN $2 AND $3 ORDER BY r.message_id, r.created_at, r.emoji, r.user_id`
	if about {
		text = `SELECT r.message_id, r.emoji, r.user_id FROM reactions r WHERE r.message_id IN (
			SELECT id FROM log WHERE room_id = $1 AND seq BETWEEN $2 AND $3 AND kind = 'message'
			UNION SELECT target_id FROM log WHERE room_id = $1 AND seq BETWEEN $2 AND $3 AND kind IN ` + aboutKinds + `)
			ORDER BY r.message_id, r.created_at, r.emoji, r.user_id`
	}
	rows, err := q.Query(ctx, text, roomID, first, last)
	_, err = db.Scan(rows, err, func(rows *sql.Rows, _ *struct{}) error {
		var id, emoji, user string
		if err := rows.Scan(&id, &emoji, &user); err != nil {
			return err
		}
		if m := messages[id]; m != nil {
			m.addReaction(emoji, user)
		}
		return nil
	})
	return err
}

func (m *Message) addReaction(emoji, user string) {
	i := slices.IndexFunc(m.Reactions, func(r Reaction) bool { return r.Emoji == emoji })
	if i < 0 {
		m.Reactions = append(m.Reactions, Reaction{Emoji: emoji})
		i = len(m.Reactions) - 1
	}
	m.Reactions[i].UserIDs = append(m.Reactions[i].UserIDs, user)
}
