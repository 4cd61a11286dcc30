package chat

import (
	"context"
	"database/sql"
	"strings"
	"sync"
	"time"

	"parley/internal/db"
)

const (
	tellTimeout = 30 * time.Second
	tellLook    = 30 * time.Second // how often all is looked at, for what another node has not told
)

// teller writes into a room's log what goes on beside it: how far its threads have got, how its polls stand. Those who write in a thread do
// not wait for it, nor for the room's lock; and what a message shows of its thread is what the log says, so that an old copy and the
// entries after it stay a fresh copy at every moment.
type teller struct {
	chat  *Chat
	every time.Duration // how often at most one thing is told of: the room's members are spared the rest
	wake  chan struct{}
	done  chan struct{}

	mu  sync.Mutex
	due map[string]time.Time // when something is to be told
	was map[string]time.Time // when it was told last
}

func newTeller(c *Chat, every time.Duration) *teller {
	return &teller{chat: c, every: every, wake: make(chan struct{}, 1), done: make(chan struct{}), due: map[string]time.Time{}, was: map[string]time.Time{}}
}

// changed takes notice of an entry.
func (t *teller) changed(e *Entry) {
	if e.ParentID != "" && (e.Kind == KindMessage || e.Kind == KindDelete) {
		t.soon(e.RoomID)
	}
}

// soon has something told as soon as it may be.
func (t *teller) soon(id string) {
	t.mu.Lock()
	_, known := t.due[id]
	if !known {
		t.due[id] = t.was[id].Add(t.every)
	}
	t.mu.Unlock()
	if known {
		return
	}
	select {
	case t.wake <- struct{}{}:
	default: // it is awake
	}
}

func (t *teller) loop() {
	defer close(t.done)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() { // ends with the loop
		select {
		case <-t.chat.stopping:
			cancel()
		case <-ctx.Done():
		}
	}()
	look := time.NewTicker(tellLook)
	defer look.Stop()
	t.findUntold(ctx)
	for {
		timer := time.NewTimer(t.tellDue(ctx))
		select {
		case <-timer.C:
		case <-t.wake:
		case <-look.C:
			t.findUntold(ctx)
		case <-ctx.Done():
		}
		timer.Stop()
		if ctx.Err() != nil {
			return
		}
	}
}

// findUntold looks for what nobody has told of: a node may have ended before it did. A failure is the database's: the next look
// finds them.
func (t *teller) findUntold(ctx context.Context) {
	rows, err := t.chat.db.Query(ctx, `SELECT r.id FROM rooms r LEFT JOIN told t ON t.room_id = r.id
		WHERE r.parent_id IS NOT NULL AND r.last_seq > COALESCE(t.seq, 1)
		UNION ALL SELECT 'poll ' || message_id FROM polls WHERE told < version AND closed_at IS NULL`)
	ids, err := db.Scan(rows, err, scanString)
	if err != nil {
		return
	}
	for _, id := range ids {
		t.soon(id)
	}
}

// tellDue tells what is due and returns how long until something is again.
func (t *teller) tellDue(ctx context.Context) time.Duration {
	for {
		id, wait := t.next()
		if id == "" {
			return wait
		}
		one, cancel := context.WithTimeout(ctx, tellTimeout)
		err := t.tell(one, id)
		cancel()
		if err != nil && AsError(err).Kind != NotFound {
			t.soon(id)
		}
		if ctx.Err() != nil {
			return 0
		}
	}
}

func (t *teller) tell(ctx context.Context, id string) error {
	if poll, ok := strings.CutPrefix(id, pollPrefix); ok {
		return t.chat.tellPoll(ctx, poll)
	}
	return t.chat.tellThread(ctx, id)
}

// next takes what is due first, and otherwise says when something is.
func (t *teller) next() (id string, wait time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	wait = tellLook
	for some, at := range t.due {
		if left := at.Sub(now); left <= 0 {
			delete(t.due, some)
			t.was[some] = now
			return some, 0
		} else if left < wait {
			wait = left
		}
	}
	for some, at := range t.was {
		if now.Sub(at) > t.every {
			delete(t.was, some)
		}
	}
	return "", wait
}

// untold is what a parent's log does not say of a thread yet.
type untold struct {
	rootID         string
	told, last     int64
	replies        int
	actorID, actor string
}

// tellThread writes an entry of what a thread has become into its parent's log, if that is something else.
func (c *Chat) tellThread(ctx context.Context, id string) error {
	var parent string
	err := c.db.QueryRow(ctx, `SELECT parent_id FROM rooms WHERE id = $1 AND parent_id IS NOT NULL`, id).Scan(&parent)
	if db.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	return c.change(ctx, Actor{}, parent, func(b *batch) error {
		if _, err := b.head(parent); err != nil { // whoever tells of it has told before the next one reads
			return err
		}
		u, err := b.untold(id)
		if err != nil || u.told >= u.last {
			return err
		}
		if _, err := b.tx.Exec(b.ctx, `INSERT INTO told (room_id, seq) VALUES ($1, $2) ON CONFLICT (room_id) DO UPDATE SET seq = excluded.seq`, id, u.last); err != nil {
			return err
		}
		return b.tellThread(parent, id, u)
	})
}

func (b *batch) untold(id string) (u untold, err error) {
	err = b.tx.QueryRow(b.ctx, `SELECT r.root_id, COALESCE(t.seq, 1), r.last_seq FROM rooms r LEFT JOIN told t ON t.room_id = r.id WHERE r.id = $1`, id).
		Scan(&u.rootID, &u.told, &u.last)
	if err != nil || u.told >= u.last {
		return u, err
	}
	var more sql.NullInt64
	// A message that was written and deleted since then counts both ways.
	err = b.tx.QueryRow(b.ctx, `SELECT SUM(CASE kind WHEN 'message' THEN 1 WHEN 'delete' THEN -1 ELSE 0 END) FROM log
		WHERE room_id = $1 AND seq > $2 AND seq <= $3`, id, u.told, u.last).Scan(&more)
	if err != nil {
		return u, err
	}
	u.replies = int(more.Int64)
	return u, b.tx.QueryRow(b.ctx, `SELECT l.actor_id, u.name FROM log l JOIN users u ON u.id = l.actor_id WHERE l.room_id = $1 AND l.seq = $2`,
		id, u.last).Scan(&u.actorID, &u.actor)
}

func (b *batch) tellThread(parent, id string, u untold) error {
	entries, err := queryEntries(b.ctx, b.tx, selectEntries+`WHERE l.id = $1 AND l.room_id = $2`, u.rootID, parent)
	if err == nil {
		err = complete(b.ctx, b.tx, parent, entries)
	}
	if err != nil || len(entries) == 0 {
		return err
	}
	m := *entries[0].Message
	now := ThreadSummary{RoomID: id, Replies: u.replies}
	if m.Thread != nil {
		now.Replies += m.Thread.Replies
	}
	if now.UserIDs, now.LastAt, err = b.lastReplies(id, u.last); err != nil {
		return err
	}
	if same(m.Thread, &now) {
		return nil
	}
	if m.Thread = &now; now.Replies == 0 {
		m.Thread = nil
	}
	_, err = b.retell(parent, m, Entry{Kind: KindThread, ActorID: u.actorID, ActorName: u.actor})
	return err
}

// retell stores what has become of a message beside its text, and writes the entry of it.
func (b *batch) retell(roomID string, m Message, e Entry) (Message, error) {
	if err := b.storeData(m); err != nil {
		return m, err
	}
	r, err := findRoom(b.ctx, b.tx, roomID)
	if err != nil {
		return m, err
	}
	if r.ParentID != "" {
		parent, err := findRoom(b.ctx, b.tx, r.ParentID)
		if err != nil {
			return m, err
		}
		e.ParentID, e.ParentSeq = parent.ID, parent.LastSeq
	}
	return b.touch(access{RoomID: roomID, History: r.History}, Actor{UserID: e.ActorID, Name: e.ActorName}, m, e)
}

// storeData stores what a message has besides its text.
func (b *batch) storeData(m Message) error {
	_, err := b.tx.Exec(b.ctx, `UPDATE log SET data = $1 WHERE id = $2`, m.data().encode(), m.ID)
	return err
}

func same(a, b *ThreadSummary) bool {
	if a == nil {
		return b.Replies == 0
	}
	if a.Replies != b.Replies || a.LastAt != b.LastAt || len(a.UserIDs) != len(b.UserIDs) {
		return false
	}
	for i := range a.UserIDs {
		if a.UserIDs[i] != b.UserIDs[i] {
			return false
		}
	}
	return true
}

const (
	shownRepliers = 5   // people that a message names of those who replied
	lookedThrough = 200 // replies that are looked through for them
)

// lastReplies is who has replied lately, the latest first, and when the last reply was written.
func (b *batch) lastReplies(id string, last int64) (userIDs []string, at int64, err error) {
	rows, err := b.tx.Query(b.ctx, `SELECT actor_id, MAX(created_at), MAX(seq) FROM (SELECT actor_id, created_at, seq FROM log
		WHERE room_id = $1 AND seq <= $2 AND kind = 'message' AND deleted_at IS NULL ORDER BY seq DESC LIMIT $3) replies
		GROUP BY actor_id ORDER BY 3 DESC LIMIT $4`, id, last, lookedThrough, shownRepliers)
	_, err = db.Scan(rows, err, func(rows *sql.Rows, _ *struct{}) error {
		var user string
		var when, seq int64
		err := rows.Scan(&user, &when, &seq)
		if userIDs = append(userIDs, user); len(userIDs) == 1 {
			at = when
		}
		return err
	})
	return userIDs, at, err
}
