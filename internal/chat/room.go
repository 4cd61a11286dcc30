package chat

import (
	"context"
	"database/sql"
	"fmt"
)

// Lobby is the id of the room that everybody is in from the start.
const Lobby = "general"

// Room is a conversation with a log of its own.
type Room struct {
	ID      string
	Kind    string // public
	Name    string
	Epoch   string // changes when the log was replaced, as by a restored backup
	LastSeq int64  // of the newest entry of the log, 0 for none
}

func (c *Chat) createLobby(ctx context.Context) error {
	err := c.db.Tx(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO rooms (id, kind, name, epoch, last_seq, created_at)
			VALUES ($1, 'public', 'General', $2, 0, $3) ON CONFLICT (id) DO NOTHING`, Lobby, c.newID(), micros(c.now()))
		return err
	})
	if err != nil {
		return fmt.Errorf("chat: create the lobby: %w", err)
	}
	return nil
}

// Room returns a room the actor is in.
func (c *Chat) Room(ctx context.Context, a Actor, id string) (Room, error) {
	var r Room
	err := c.db.Read().QueryRowContext(ctx, `SELECT r.id, r.kind, r.name, r.epoch, r.last_seq FROM rooms r
		JOIN memberships m ON m.room_id = r.id AND m.user_id = $1 AND m.left_seq IS NULL WHERE r.id = $2`, a.UserID, id).
		Scan(&r.ID, &r.Kind, &r.Name, &r.Epoch, &r.LastSeq)
	if err == sql.ErrNoRows {
		return r, errorf(NotFound, "No such room")
	}
	if err != nil {
		return r, unavailable(err)
	}
	return r, nil
}
