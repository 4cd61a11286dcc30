package chat

import (
	"fmt"
	"slices"
	"strings"

	"parley/internal/db"
	"parley/internal/markdown"
)

// Mentions is whom a message addresses.
type Mentions struct {
	UserIDs []string `json:"userIds,omitempty"`
	All     bool     `json:"all,omitempty"`  // everybody in the room
	Here    bool     `json:"here,omitempty"` // everybody who is here when it is sent; it counts for nobody later
}

// everybody stands in the table of mentions for all members.
const everybody = "*"

// maxOpenAll is how many members a room may have for anybody in it to address them all.
const maxOpenAll = 20

// mentions finds out whom a text addresses: @name of an account or a person in the room, @all, @here, and those who were picked.
// A text without an @ costs nothing.
func (b *batch) mentions(acc access, text string, picked []string) (*Mentions, error) {
	m := &Mentions{}
	if strings.ContainsRune(text, '@') {
		names := markdown.Mentions(text)
		for _, name := range names[:min(len(names), maxMentionedIn)] {
			if err := b.mention(acc, m, strings.ToLower(name)); err != nil {
				return nil, err
			}
		}
	}
	for _, id := range picked {
		if _, err := findAccess(b.ctx, b.tx, id, acc.RoomID); err == nil {
			m.add(id)
		} else if refused, failed := split(err); refused == nil {
			return nil, failed
		}
	}
	if len(m.UserIDs) == 0 && !m.All && !m.Here {
		return nil, nil
	}
	return m, nil
}

func (b *batch) mention(acc access, m *Mentions, name string) error {
	switch name {
	case "all", "channel", "everyone", "here":
		if err := b.mayAddressAll(acc); err != nil {
			return err
		}
		m.Here = m.Here || name == "here"
		m.All = m.All || name != "here"
		return nil
	}
	var ids []string
	rows, err := b.tx.Query(b.ctx, `SELECT u.id FROM users u JOIN memberships m ON m.user_id = u.id AND m.room_id = $1 AND m.left_seq IS NULL
		WHERE (u.login = $2 OR lower(u.name) = $2) AND u.deactivated_at IS NULL AND ($3 = 0 OR m.from_seq < $3)
		ORDER BY u.login IS NULL, u.id LIMIT 5`, acc.Holder, name, acc.RootSeq)
	if ids, err = db.Scan(rows, err, scanString); err != nil {
		return err
	}
	for _, id := range ids {
		m.add(id)
	}
	return nil
}

func (m *Mentions) add(id string) {
	if len(m.UserIDs) < maxMentionedIn && !slices.Contains(m.UserIDs, id) {
		m.UserIDs = append(m.UserIDs, id)
	}
}

// mayAddressAll refuses to call a crowd together, unless it is one's business.
func (b *batch) mayAddressAll(acc access) error {
	if acc.moderates() || acc.RoomKind.direct() {
		return nil
	}
	var n int
	text := `SELECT count(*) FROM (SELECT 1 FROM memberships WHERE room_id = $1 AND left_seq IS NULL LIMIT 21) few`
	if acc.thread() { // all who follow it
		text = `SELECT count(*) FROM (SELECT 1 FROM follows WHERE room_id = $1 AND following = 1 LIMIT 21) few`
	}
	err := b.tx.QueryRow(b.ctx, text, acc.RoomID).Scan(&n)
	if err != nil {
		return err
	}
	if n > maxOpenAll {
		return errorf(Forbidden, fmt.Sprintf("In rooms of more than %d people only moderators may address @all and @here", maxOpenAll))
	}
	return nil
}

// storeMentions makes the mentions of a message these.
func (b *batch) storeMentions(roomID string, seq int64, m *Mentions) error {
	if _, err := b.tx.Exec(b.ctx, `DELETE FROM mentions WHERE room_id = $1 AND seq = $2`, roomID, seq); err != nil {
		return err
	}
	if m == nil {
		return nil
	}
	ids := slices.Clone(m.UserIDs)
	if m.All {
		ids = append(ids, everybody)
	}
	for _, id := range ids {
		if _, err := b.tx.Exec(b.ctx, `INSERT INTO mentions (room_id, seq, user_id) VALUES ($1, $2, $3)`, roomID, seq, id); err != nil {
			return err
		}
	}
	return nil
}
