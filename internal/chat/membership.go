package chat

import (
	"context"
	"database/sql"
	"errors"
)

// joinLobby makes a user a member of the lobby, from its beginning on: its history is open to everybody.
func joinLobby(ctx context.Context, tx *sql.Tx, userID string) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO memberships (room_id, user_id, joined_seq) VALUES ($1, $2, 0)
		ON CONFLICT (room_id, user_id, joined_seq) DO NOTHING`, Lobby, userID)
	return err
}

// querier is a transaction or a pool.
type querier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// isMember reports whether a user is in a room now.
func isMember(ctx context.Context, q querier, roomID, userID string) (bool, error) {
	var one int
	err := q.QueryRowContext(ctx, `SELECT 1 FROM memberships WHERE room_id = $1 AND user_id = $2 AND left_seq IS NULL`,
		roomID, userID).Scan(&one)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

func errNotMember() *Error { return errorf(NotFound, "No such room") }
