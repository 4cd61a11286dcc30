package chat

import (
	"context"
	"database/sql"
	"time"

	"parley/internal/db"
)

// ThreadSummary is what a message shows of the thread about it. It stands in the parent's log, as its last entry about the thread
// says it.
type ThreadSummary struct {
	RoomID  string   `json:"roomId"` // the thread
	Replies int      `json:"replies"`
	LastAt  int64    `json:"lastAt"` // microseconds since 1970
	UserIDs []string `json:"userIds,omitempty"`
}

// Last is when the last reply was written.
func (s *ThreadSummary) Last() time.Time { return fromMicros(s.LastAt) }

// ThreadPlace is the reply that a message is also a copy of.
type ThreadPlace struct {
	RoomID    string `json:"roomId"` // the thread
	MessageID string `json:"messageId"`
}

// Follow tells that somebody follows a thread from now on, or no more.
type Follow struct {
	UserID    string
	RoomID    string // the thread
	ParentID  string
	Following bool
}

// OpenThread returns the thread about a message, and makes it if there is none. Its root's author follows it.
func (c *Chat) OpenThread(ctx context.Context, a Actor, roomID, messageID string) (MyRoom, error) {
	id, err := c.threadOf(ctx, messageID)
	if err != nil {
		return MyRoom{}, unreadable(err)
	}
	if id == "" {
		err = c.change(ctx, a, roomID, func(b *batch) error {
			id, err = b.openThread(a, roomID, messageID)
			return err
		})
		if err != nil {
			return MyRoom{}, err
		}
	}
	t, err := c.thread(ctx, a, id)
	switch {
	case err != nil && AsError(err).Kind == NotFound: // in the same words as if there were no such thread, which anybody can ask for
		if _, err = c.reader(ctx, a, roomID); err == nil {
			err = errNoMessage()
		}
	case err == nil && t.ParentID != roomID:
		err = errNoMessage()
	}
	return t, err
}

// threadOf is the id of the thread about a message, empty when there is none.
func (c *Chat) threadOf(ctx context.Context, messageID string) (id string, err error) {
	err = c.db.QueryRow(ctx, `SELECT id FROM rooms WHERE root_id = $1 AND root_id IS NOT NULL`, messageID).Scan(&id)
	if db.IsNotFound(err) {
		err = nil
	}
	return id, err
}

func (b *batch) openThread(a Actor, roomID, messageID string) (string, error) {
	acc, m, err := b.message(a, roomID, messageID)
	switch {
	case err != nil:
		return "", err
	case acc.thread():
		return "", errorf(Invalid, "A thread has no threads")
	case !m.DeletedAt.IsZero():
		return "", errorf(NotFound, "The message was deleted")
	}
	if err := acc.maySend(); err != nil {
		return "", err
	}
	var id string
	err = b.tx.QueryRow(b.ctx, `SELECT id FROM rooms WHERE root_id = $1 AND root_id IS NOT NULL`, m.ID).Scan(&id)
	if !db.IsNotFound(err) { // the room is locked: nobody else makes one now
		return id, err
	}
	return b.makeThread(a, m)
}

// makeThread makes the thread about a message, which has none. The root's author follows it.
func (b *batch) makeThread(a Actor, root Message) (string, error) {
	r := Room{ID: b.chat.newID(), Epoch: b.chat.newID()}
	_, err := b.tx.Exec(b.ctx, `INSERT INTO rooms (id, kind, name, epoch, last_seq, created_by, created_at, parent_id, root_id, root_seq)
		VALUES ($1, 'thread', '', $2, 0, $3, $4, $5, $6, $7)`, r.ID, r.Epoch, a.UserID, micros(b.now), root.RoomID, root.ID, root.Seq)
	if err != nil {
		return "", err
	}
	e := Entry{RoomID: r.ID, Kind: KindCreate, ActorID: a.UserID, ActorName: a.Name}
	if _, err := b.append(&e); err != nil {
		return "", err
	}
	if _, err := b.announceRoom(r.ID, []*Entry{&e}); err != nil {
		return "", err
	}
	if _, err := findAccess(b.ctx, b.tx, root.SenderID, r.ID); err != nil { // who has left the room hears nothing of it
		_, failed := split(err)
		return r.ID, failed
	}
	return r.ID, b.follow(r.ID, root.RoomID, root.SenderID, false)
}

// follow makes somebody a follower of a thread and tells so, unless they are one. With again it does so even for those who have
// stopped.
func (b *batch) follow(roomID, parentID, userID string, again bool) error {
	n, err := b.tx.Exec(b.ctx, `INSERT INTO follows (room_id, user_id, following, read_seq, delivered_seq) VALUES ($1, $2, 1, 0, 0)
		ON CONFLICT (user_id, room_id) DO UPDATE SET following = 1 WHERE follows.following = 0 AND CAST($3 AS BIGINT) = 1`,
		roomID, userID, map[bool]int{true: 1}[again])
	if err == nil && n > 0 {
		b.publish(Event{Follow: &Follow{UserID: userID, RoomID: roomID, ParentID: parentID, Following: true}})
	}
	return err
}

// followReply makes followers of who replies and of whom they address. It is told before the reply itself is.
func (b *batch) followReply(acc access, m *Mentions) error {
	if !acc.Following {
		if err := b.follow(acc.RoomID, acc.Holder, acc.UserID, true); err != nil {
			return err
		}
		if known := b.members[memberKey{acc.RoomID, acc.UserID}]; known != nil {
			known.Following = true
		}
	}
	if m == nil {
		return nil
	}
	for _, id := range m.UserIDs {
		if err := b.follow(acc.RoomID, acc.Holder, id, false); err != nil {
			return err
		}
	}
	return nil
}

// FollowThread makes the actor follow a thread, or stop. What is so already is no event.
func (c *Chat) FollowThread(ctx context.Context, a Actor, roomID string, on bool) (MyRoom, error) {
	err := c.change(ctx, a, roomID, func(b *batch) error {
		acc, err := b.access(a, roomID)
		switch {
		case err != nil:
			return err
		case !acc.thread():
			return errorf(Invalid, "Only threads are followed: a room is joined")
		case acc.Following == on:
			return nil
		}
		if on {
			if err := b.follow(roomID, acc.Holder, a.UserID, true); err != nil {
				return err
			}
			// What was said before is no news to somebody who has just looked at it.
			_, err = b.tx.Exec(b.ctx, `UPDATE follows SET read_seq = $1 WHERE user_id = $2 AND room_id = $3 AND read_seq = 0`,
				acc.LastSeq, a.UserID, roomID)
			return err
		}
		b.publish(Event{Follow: &Follow{UserID: a.UserID, RoomID: roomID, ParentID: acc.Holder}})
		_, err = b.tx.Exec(b.ctx, `UPDATE follows SET following = 0 WHERE user_id = $1 AND room_id = $2`, a.UserID, roomID)
		return err
	})
	if err != nil {
		return MyRoom{}, err
	}
	return c.thread(ctx, a, roomID)
}

// threadCursors adds what a follower's place in a thread is.
func (b *batch) threadCursors(acc *access) error {
	if !acc.thread() || !acc.Following {
		return nil
	}
	return b.tx.QueryRow(b.ctx, `SELECT read_seq, delivered_seq FROM follows WHERE user_id = $1 AND room_id = $2`, acc.UserID, acc.RoomID).
		Scan(&acc.ReadSeq, &acc.DeliveredSeq)
}

// followers lists who follows a thread and may read it, by id.
func (c *Chat) followers(ctx context.Context, acc access, afterID string) ([]RoomMember, error) {
	rows, err := c.db.Query(ctx, `SELECT m.user_id, u.name, m.role FROM follows f JOIN users u ON u.id = f.user_id
		JOIN memberships m ON m.room_id = $1 AND m.user_id = f.user_id AND m.left_seq IS NULL AND m.from_seq < $2
		WHERE f.room_id = $3 AND f.following = 1 AND f.user_id > $4 ORDER BY f.user_id LIMIT $5`,
		acc.Holder, acc.RootSeq, acc.RoomID, afterID, MembersPage)
	out, err := db.Scan(rows, err, func(rows *sql.Rows, m *RoomMember) error { return rows.Scan(&m.UserID, &m.Name, &m.Role) })
	if err != nil {
		return nil, unreadable(err)
	}
	return out, nil
}

// selectThreads are the threads that somebody may read, as they see them. Only followers have anything unread.
const selectThreads = `SELECT ` + roomColumns + `, m.role, 0, COALESCE(f.read_seq, 0), COALESCE(f.delivered_seq, 0),
	CASE WHEN f.following = 1 THEN (SELECT count(*) FROM (SELECT 1 FROM log l WHERE l.room_id = r.id
		AND l.seq > CASE WHEN f.read_seq > r.last_seq - 2000 THEN f.read_seq ELSE r.last_seq - 2000 END AND l.kind = 'message'
		AND l.deleted_at IS NULL AND l.actor_id <> $1 LIMIT 100) unread) ELSE 0 END,
	CASE WHEN f.following = 1 THEN (SELECT count(*) FROM (SELECT 1 FROM mentions n JOIN log l ON l.room_id = n.room_id AND l.seq = n.seq
		AND l.actor_id <> $1 WHERE n.room_id = r.id AND n.user_id IN ($1, '*') AND n.seq > f.read_seq LIMIT 100) mentioned) ELSE 0 END,
	t.created_at, COALESCE(f.following, 0)
	FROM rooms r JOIN memberships m ON m.room_id = r.parent_id AND m.left_seq IS NULL AND m.user_id = $1 AND m.from_seq < r.root_seq
	LEFT JOIN follows f ON f.user_id = $1 AND f.room_id = r.id JOIN log t ON t.room_id = r.id AND t.seq = r.last_seq `

func scanThread(row interface{ Scan(...any) error }, r *MyRoom) error {
	var last sql.NullInt64
	var following int64
	err := scanRoom(row, &r.Room, &r.Role, &r.FromSeq, &r.ReadSeq, &r.DeliveredSeq, &r.Unread, &r.Mentions, &last, &following)
	r.LastAt, r.Following, r.Badge = timeOrZero(last), following != 0, r.Unread
	return err
}

// thread returns a thread as the actor sees it.
func (c *Chat) thread(ctx context.Context, a Actor, roomID string) (r MyRoom, err error) {
	err = scanThread(c.db.QueryRow(ctx, selectThreads+`WHERE r.id = $2 AND r.parent_id IS NOT NULL`, a.UserID, roomID), &r)
	if db.IsNotFound(err) {
		return r, errNoRoom()
	}
	if err != nil {
		return r, unreadable(err)
	}
	return r, nil
}

// ThreadQuery selects threads: those of a room, or those that one follows.
type ThreadQuery struct {
	RoomID string // of this room; otherwise those that the actor follows
	Unread bool   // only with something unread
	Before int64  // microseconds: only with a last entry from before; 0 for the first page
}

// ThreadsPage is how many threads are listed at once.
const ThreadsPage = 50

// ThreadList is a page of threads, those with the latest news first, and the messages that they are about.
type ThreadList struct {
	Threads []MyRoom
	Roots   map[string]Message // by id
	Before  int64              // of the next page; 0 when there is none
}

// Threads lists threads that the actor may read.
func (c *Chat) Threads(ctx context.Context, a Actor, q ThreadQuery) (ThreadList, error) {
	if q.Before <= 0 {
		q.Before = 1 << 62
	}
	text := selectThreads + `WHERE f.following = 1 AND t.created_at < $2 `
	args := []any{a.UserID, q.Before, ThreadsPage + 1}
	if q.RoomID != "" {
		if _, err := c.reader(ctx, a, q.RoomID); err != nil {
			return ThreadList{}, err
		}
		text = selectThreads + `WHERE r.parent_id = $4 AND t.created_at < $2 `
		args = append(args, q.RoomID)
	}
	if q.Unread {
		text += `AND EXISTS (SELECT 1 FROM log l WHERE l.room_id = r.id AND l.seq > f.read_seq AND l.kind = 'message' AND l.deleted_at IS NULL
			AND l.actor_id <> $1) `
	}
	rows, err := c.db.Query(ctx, text+`ORDER BY t.created_at DESC, r.id LIMIT $3`, args...)
	list, err := db.Scan(rows, err, func(rows *sql.Rows, r *MyRoom) error { return scanThread(rows, r) })
	out := ThreadList{Threads: list[:min(len(list), ThreadsPage)]}
	if len(list) > ThreadsPage {
		out.Before = micros(list[ThreadsPage-1].LastAt)
	}
	if err == nil {
		out.Roots, err = c.roots(ctx, out.Threads)
	}
	if err != nil {
		return ThreadList{}, unreadable(err)
	}
	return out, nil
}

// roots reads the messages that threads are about.
func (c *Chat) roots(ctx context.Context, threads []MyRoom) (map[string]Message, error) {
	out := map[string]Message{}
	err := eachChunk(len(threads), func(from, n, size int) error {
		args := make([]any, size)
		for i := range args {
			args[i] = threads[from+min(i, n-1)].RootID
		}
		entries, err := queryEntries(ctx, c.db, selectEntries+`WHERE l.id IN (VALUES `+values(size, 1)+`)`, args...)
		for _, e := range entries {
			out[e.ID] = *e.Message
		}
		return err
	})
	return out, err
}

// ThreadPosition is where a thread stands for somebody who is about to hear of it.
type ThreadPosition struct {
	ParentID  string
	ParentSeq int64 // where the parent's log ended when they were a member there
	Seq       int64 // where the thread's log ended
}

// ThreadAt returns where a thread stands, for somebody who may read it.
func (c *Chat) ThreadAt(ctx context.Context, a Actor, roomID string) (ThreadPosition, error) {
	acc, err := c.reader(ctx, a, roomID)
	if err == nil && !acc.thread() {
		err = errorf(Invalid, "Not a thread")
	}
	return ThreadPosition{acc.Holder, acc.HolderSeq, acc.LastSeq}, err
}

// alsoToRoom sends a copy of a reply to the thread's room. Its client id is made from the reply's id: whoever sends the reply again,
// because they do not know what became of it, makes no second copy, and the one that is missing.
func (c *Chat) alsoToRoom(ctx context.Context, a Actor, m Message) error {
	acc, err := c.reader(ctx, a, m.RoomID)
	if err != nil {
		return err
	}
	if !acc.thread() {
		return errorf(Invalid, "Only what is said in a thread can be sent to its room too")
	}
	d := Draft{RoomID: acc.Holder, ClientID: "-also-" + m.ID, Text: m.Text, extra: entryData{From: &ThreadPlace{RoomID: m.RoomID, MessageID: m.ID}}}
	if m.Mentions != nil {
		d.Mentions = m.Mentions.UserIDs
	}
	_, err = c.SendMessage(ctx, a, d)
	return err
}
