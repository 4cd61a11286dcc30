package chat

import (
	"context"
	"database/sql"

	"parley/internal/db"
)

// access is what a person may do in a room they are in, or in a thread of one: there the kind, the roles and the members are the
// parent's, while the log and the cursors are its own.
type access struct {
	UserID, UserName string
	ServerRole       Role
	RoomID           string
	Holder           string // the room whose memberships count: this one, or a thread's parent
	HolderSeq        int64  // where the holder's log ended
	RootSeq          int64  // of a thread: its root's seq in the parent; 0 for a room
	Blocked          int64  // of a conversation between two: 1 when the other has blocked them, 2 when they have blocked the other
	Following        bool   // whether they follow the thread
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

const accessColumns = `r.id, h.id, h.last_seq, r.root_seq, m.user_id, u.name, u.role, h.kind, m.role, h.history, r.epoch, r.last_seq, h.archived_at,
	m.from_seq, m.read_seq, m.delivered_seq, u.receipts, h.members,
	CASE WHEN r.parent_id IS NULL THEN 0 ELSE (SELECT f.following FROM follows f WHERE f.user_id = m.user_id AND f.room_id = r.id) END,
	CASE WHEN h.kind = 'direct' THEN (SELECT MAX(CASE WHEN p.user_id = m.user_id THEN 2 ELSE 1 END) FROM memberships o
		JOIN personal p ON p.kind = 'block' AND p.gone = 0 AND p.data NOT LIKE '%"ignore":true%'
			AND (p.user_id = o.user_id AND p.key = m.user_id OR p.user_id = m.user_id AND p.key = o.user_id)
		WHERE o.room_id = h.id AND o.left_seq IS NULL AND o.user_id <> m.user_id) END`

// accessTables lead from rooms to the memberships that count: a thread is for those who may read its root.
const accessTables = `JOIN rooms h ON h.id = COALESCE(r.parent_id, r.id)
	JOIN memberships m ON m.room_id = h.id AND m.left_seq IS NULL AND (r.root_seq IS NULL OR r.root_seq > m.from_seq)
	JOIN users u ON u.id = m.user_id AND u.deactivated_at IS NULL`

func (a *access) scan(row interface{ Scan(...any) error }) error {
	var archived, root, following, blocked sql.NullInt64
	var receipts int64
	err := row.Scan(&a.RoomID, &a.Holder, &a.HolderSeq, &root, &a.UserID, &a.UserName, &a.ServerRole, &a.RoomKind, &a.RoomRole, &a.History, &a.Epoch,
		&a.LastSeq, &archived, &a.FromSeq, &a.ReadSeq, &a.DeliveredSeq, &receipts, &a.Members, &following, &blocked)
	a.Blocked = blocked.Int64
	if a.Holder == Lobby {
		a.Members = 0
	}
	a.Archived, a.Receipts, a.RootSeq, a.Following = archived.Valid, receipts != 0, root.Int64, following.Int64 != 0
	if a.thread() { // whoever may read one of its messages may read all
		a.FromSeq, a.ReadSeq, a.DeliveredSeq, a.History = 0, 0, 0, HistoryAll
	}
	return err
}

// thread reports whether the room is a thread. Its cursors are not in its access: see [Chat.MarkRead].
func (a *access) thread() bool { return a.RootSeq > 0 }

// readableLog is the part of a query of the log l that leaves only what the reader may read: their membership counts when the query
// runs, not only before it. The plus keeps SQLite from walking through the log from where the membership begins, instead of from
// where the page does. Its arguments are the placeholders of the
// reader, of the room whose memberships count and of the root's seq, which is 0 for a room.
func readableLog(reader, holder, root string) string {
	return ` JOIN memberships m ON m.room_id = ` + holder + ` AND m.user_id = ` + reader + ` AND m.left_seq IS NULL
		AND CASE WHEN CAST(` + root + ` AS BIGINT) > 0 THEN CAST(` + root + ` AS BIGINT) ELSE l.seq END > +m.from_seq `
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

// Mark is a place in the log of the room whose memberships count. What is told of a room besides its log is told to those who are members after
// it: whoever was put out before hears nothing of it.
type Mark struct {
	RoomID string
	Seq    int64
}

func (a access) mark() Mark {
	if a.thread() {
		return Mark{a.Holder, a.HolderSeq}
	}
	return Mark{a.RoomID, a.LastSeq}
}

// MayWrite says why somebody may not write in a room, if so, and else up to where that is known.
func (c *Chat) MayWrite(ctx context.Context, a Actor, roomID string) (Mark, error) {
	acc, err := c.reader(ctx, a, roomID)
	if err == nil {
		err = acc.maySend()
	}
	return acc.mark(), err
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

// mayMark says why somebody may do nothing to the messages of a room, if so.
func (a access) mayMark() error {
	switch {
	case a.Archived:
		return errArchived()
	case a.Blocked == 1:
		return errorf(Forbidden, "They take no direct messages from you")
	case a.Blocked == 2:
		return errorf(Forbidden, "You have blocked them")
	}
	return nil
}

// maySend says why somebody may not write, if so.
func (a access) maySend() error {
	if err := a.mayMark(); err != nil {
		return err
	}
	if a.RoomKind == Announcement && !a.moderates() {
		return errorf(Forbidden, "Only moderators write here")
	}
	return nil
}
