package chat

import (
	"context"
	"database/sql"

	"parley/internal/db"
)

// Receipt is how far somebody has got in a room: one row a member, however many messages there are.
type Receipt struct {
	RoomID       string
	UserID       string
	ReadSeq      int64 // 0 for somebody who does not tell
	DeliveredSeq int64
	Head         int64 // of the room's log then
	Private      bool  // others are not to know what they have read
	Members      int   // how many are in the room; 0 for the lobby, and for a conversation in which nothing is said because one has blocked the other
	Mark         Mark  // where the log of those who may know ended
}

// MarkRead tells that the actor has read a room up to a seq. It only moves forward, and not past the head; with unread it moves
// back, so that what comes after the seq counts as unread again.
func (c *Chat) MarkRead(ctx context.Context, a Actor, roomID string, seq int64, unread bool) (Receipt, error) {
	return c.move(ctx, a, roomID, func(acc access, r *Receipt) {
		seq = max(min(seq, acc.LastSeq), 0)
		if unread || seq > r.ReadSeq {
			r.ReadSeq = seq
		}
		r.DeliveredSeq = max(r.DeliveredSeq, r.ReadSeq)
	}, unread)
}

// MarkDelivered tells that the actor's client has a room up to a seq.
func (c *Chat) MarkDelivered(ctx context.Context, a Actor, roomID string, seq int64) (Receipt, error) {
	return c.move(ctx, a, roomID, func(acc access, r *Receipt) { r.DeliveredSeq = max(r.DeliveredSeq, min(seq, acc.LastSeq)) }, false)
}

// move changes a cursor. It is no entry of the log: what has been read is derived from it, and the last word counts.
func (c *Chat) move(ctx context.Context, a Actor, roomID string, to func(access, *Receipt), back bool) (Receipt, error) {
	var r Receipt
	err := c.moveCursor(ctx, a, roomID, func(b *batch) error {
		acc, err := findAccess(b.ctx, b.tx, a.UserID, roomID)
		if err != nil {
			return err
		}
		if h := b.heads[roomID]; h != nil {
			acc.LastSeq = h.last
		}
		if err := b.threadCursors(&acc); err != nil {
			return err
		}
		r = Receipt{RoomID: roomID, UserID: a.UserID, ReadSeq: acc.ReadSeq, DeliveredSeq: acc.DeliveredSeq, Head: acc.LastSeq, Private: !acc.Receipts, Members: acc.Members, Mark: acc.mark()}
		if acc.Blocked != 0 {
			r.Members = 0
		}
		was := r
		if to(acc, &r); r == was || acc.thread() && !acc.Following { // who does not follow a thread has no place in it
			return nil
		}
		text := `UPDATE memberships SET read_seq = $1, delivered_seq = $2 WHERE room_id = $3 AND user_id = $4 AND left_seq IS NULL`
		if acc.thread() {
			text = `UPDATE follows SET read_seq = $1, delivered_seq = $2 WHERE room_id = $3 AND user_id = $4`
		}
		_, err = b.tx.Exec(b.ctx, text, r.ReadSeq, r.DeliveredSeq, roomID, a.UserID)
		told := r
		if back {
			b.publish(Event{Stored: &told})
		} else {
			b.publish(Event{Receipt: &told})
		}
		return err
	})
	return r, err
}

// Receipts tells how far the members of a room have got, those who have read the most first.
func (c *Chat) Receipts(ctx context.Context, a Actor, roomID string) ([]Receipt, error) {
	acc, err := c.reader(ctx, a, roomID)
	if err != nil {
		return nil, err
	}
	of := `memberships m JOIN users u ON u.id = m.user_id WHERE m.room_id = $1 AND m.left_seq IS NULL`
	if acc.thread() {
		of = `follows m JOIN users u ON u.id = m.user_id JOIN rooms r ON r.id = m.room_id JOIN memberships i ON i.room_id = r.parent_id
			AND i.user_id = m.user_id AND i.left_seq IS NULL AND i.from_seq < r.root_seq WHERE m.room_id = $1 AND m.following = 1`
	}
	rows, err := c.db.Query(ctx, `SELECT m.room_id, m.user_id, CASE WHEN u.receipts = 1 THEN m.read_seq ELSE 0 END, m.delivered_seq FROM `+of+`
		AND m.delivered_seq > 0 ORDER BY 3 DESC, m.delivered_seq DESC, m.user_id LIMIT 1000`, roomID)
	out, err := db.Scan(rows, err, func(rows *sql.Rows, r *Receipt) error {
		return rows.Scan(&r.RoomID, &r.UserID, &r.ReadSeq, &r.DeliveredSeq)
	})
	if err != nil {
		return nil, unreadable(err)
	}
	return out, nil
}
