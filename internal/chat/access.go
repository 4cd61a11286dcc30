package chat

import (
	"context"
	"database/sql"

	"parley/internal/db"
)

// access is what a person may do in a room they are in.
type access struct {
	UserID, UserName string
	ServerRole       Role
	RoomID           string
	RoomKind         RoomKind
	RoomRole         Role
	History          HistoryMode
	Epoch            string
	LastSeq          int64
	Archived         bool
	FromSeq          int64 // they may read what comes after it
	ReadSeq          int64
	DeliveredSeq     int64
	Receipts         bool // whether others may see what they have read
	Members          int  // how many are in the room; 0 for the lobby
}

const accessColumns = `m.room_id, m.user_id, u.name, u.role, r.kind, m.role, r.history, r.epoch, r.last_seq, r.archived_at, m.from_seq,
	m.read_seq, m.delivered_seq, u.receipts, r.members`

const accessTables = `JOIN memberships m ON m.room_id = r.id AND m.left_seq IS NULL JOIN users u ON u.id = m.user_id AND u.deactivated_at IS NULL`

func (a *access) scan(row interface{ Scan(...any) error }) error {
	var archived sql.NullInt64
	var receipts int64
	err := row.Scan(&a.RoomID, &a.UserID, &a.UserName, &a.ServerRole, &a.RoomKind, &a.RoomRole, &a.History, &a.Epoch, &a.LastSeq, &archived,
		&a.FromSeq, &a.ReadSeq, &a.DeliveredSeq, &receipts, &a.Members)
	if a.RoomID == Lobby {
		a.Members = 0
	}
	a.Archived, a.Receipts = archived.Valid, receipts != 0
	return err
}

// findAccess returns what somebody may do in a room, or that there is no such room: who is not in it does not learn that it is.
func findAccess(ctx context.Context, q db.Querier, userID, roomID string) (access, error) {
	var acc access
	err := acc.scan(q.QueryRow(ctx, `SELECT `+accessColumns+` FROM rooms r `+accessTables+` WHERE r.id = $1 AND m.user_id = $2`, roomID, userID))
	if db.IsNotFound(err) {
		return acc, errNoRoom()
	}
	return acc, err
}

// reader is findAccess outside of a transaction.
func (c *Chat) reader(ctx context.Context, a Actor, roomID string) (access, error) {
	acc, err := findAccess(ctx, c.db, a.UserID, roomID)
	if err != nil {
		return acc, unreadable(err)
	}
	return acc, nil
}

func errNoRoom() *Error { return errorf(NotFound, "No such room") }

func errArchived() *Error { return errorf(Forbidden, "The room is archived") }

// moderates reports whether somebody may act on what others have written. In direct conversations nobody does.
func (a access) moderates() bool {
	return !a.RoomKind.direct() && (a.RoomRole.AtLeast(Moderator) || a.ServerRole.AtLeast(Moderator))
}

// administers reports whether somebody may change the room itself.
func (a access) administers() bool {
	return !a.RoomKind.direct() && (a.RoomRole.AtLeast(Owner) || a.ServerRole.AtLeast(Admin))
}

// maySend says why somebody may not write, if so.
func (a access) maySend() error {
	switch {
	case a.Archived:
		return errArchived()
	case a.RoomKind == Announcement && !a.moderates():
		return errorf(Forbidden, "Only moderators write here")
	}
	return nil
}
