package chat

import (
	"context"
	"database/sql"
	"sync"
	"time"

	"parley/internal/db"
)

const (
	indexBatch   = 64               // entries in one transaction: short, because SQLite has one writer
	indexEvery   = 30 * time.Second // how often all rooms are looked at, for what other nodes wrote
	indexTimeout = 30 * time.Second
	// indexShare is how much longer than a batch took the indexer waits while messages wait to be committed: search may be late,
	// sending may not.
	indexShare = 9
)

// indexer follows the rooms' logs and tells the search what they say. It stands off the path of a message: what it has not come to
// is found a moment later.
type indexer struct {
	chat *Chat
	wake chan struct{}
	done chan struct{}

	mu    sync.Mutex
	dirty map[string]time.Time // rooms that have news, since when
}

func newIndexer(c *Chat) *indexer {
	return &indexer{chat: c, wake: make(chan struct{}, 1), done: make(chan struct{}), dirty: map[string]time.Time{}}
}

// changed tells that a room has news.
func (x *indexer) changed(room string) {
	x.mu.Lock()
	_, known := x.dirty[room]
	if !known {
		x.dirty[room] = time.Now()
	}
	x.mu.Unlock()
	if known {
		return
	}
	select {
	case x.wake <- struct{}{}:
	default: // it is awake
	}
}

func (x *indexer) loop() {
	defer close(x.done)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	tick := time.NewTicker(indexEvery)
	defer tick.Stop()
	x.findBehind(ctx)
	for {
		x.indexDirty(ctx)
		select {
		case <-x.wake:
		case <-tick.C:
			x.findBehind(ctx)
		case <-x.chat.stopping:
			return
		}
	}
}

// findBehind looks for rooms that the search does not know to their end. A failure is the database's: the next look finds them.
func (x *indexer) findBehind(ctx context.Context) {
	rows, err := x.chat.db.Query(ctx, `SELECT r.id FROM rooms r LEFT JOIN search_rooms s ON s.room_id = r.id WHERE r.last_seq > COALESCE(s.seq, 0)`)
	ids, err := db.Scan(rows, err, scanString)
	if err != nil {
		return
	}
	for _, id := range ids {
		x.changed(id)
	}
}

func (x *indexer) indexDirty(ctx context.Context) {
	for {
		room := x.next()
		if room == "" {
			return
		}
		begun := time.Now()
		more, err := x.chat.indexSome(ctx, room)
		if err == nil && more {
			x.changed(room)
		}
		if !x.rest(time.Since(begun), err) {
			return
		}
	}
}

// SearchLag is how many rooms have news that the search does not know, and how long the first of them has waited. What is being
// indexed does not count.
func (c *Chat) SearchLag() (rooms int, waited time.Duration) {
	x := c.indexer
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, since := range x.dirty {
		waited = max(waited, time.Since(since))
	}
	return len(x.dirty), waited
}

func (x *indexer) next() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	for room := range x.dirty {
		delete(x.dirty, room)
		return room
	}
	return ""
}

// rest leaves the database to the committers, if they have anything to do, and reports whether to go on.
func (x *indexer) rest(took time.Duration, err error) bool {
	wait := time.Duration(0)
	for _, m := range x.chat.committers {
		if len(m.queue) > 0 {
			wait = indexShare * took
		}
	}
	if err != nil {
		wait = time.Second
	}
	select {
	case <-time.After(wait):
		return err == nil
	case <-x.chat.stopping:
		return false
	}
}

// indexSome takes the next entries of a room's log into the index and reports whether there are more.
func (c *Chat) indexSome(ctx context.Context, room string) (more bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, indexTimeout)
	defer cancel()
	err = c.db.Tx(ctx, func(tx *db.Tx) error {
		var from int64
		// The row keeps another node from indexing the same at the same time.
		_, err := tx.Exec(ctx, `INSERT INTO search_rooms (room_id, seq) VALUES ($1, 0) ON CONFLICT (room_id) DO NOTHING`, room)
		if err == nil {
			err = tx.QueryRow(ctx, `SELECT seq FROM search_rooms WHERE room_id = $1`+tx.Dialect().ForUpdate(), room).Scan(&from)
		}
		if err != nil {
			return err
		}
		entries, err := queryEntries(ctx, tx, selectEntries+`WHERE l.room_id = $1 AND l.seq > $2 ORDER BY l.seq LIMIT $3`, room, from, indexBatch)
		if err != nil || len(entries) == 0 {
			return err
		}
		more = len(entries) == indexBatch
		if err := c.indexEntries(ctx, tx, room, entries); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `UPDATE search_rooms SET seq = $1 WHERE room_id = $2`, entries[len(entries)-1].Seq, room)
		return err
	})
	return more, err
}

func (c *Chat) indexEntries(ctx context.Context, tx *db.Tx, room string, entries []Entry) error {
	if err := complete(ctx, tx, room, entries); err != nil {
		return err
	}
	var parent sql.NullString
	if err := tx.QueryRow(ctx, `SELECT parent_id FROM rooms WHERE id = $1`, room).Scan(&parent); err != nil {
		return err
	}
	seen := map[string]bool{}
	var fresh []*Message
	for i := range entries {
		m, kind := entries[i].Message, entries[i].Kind
		if m == nil || seen[m.ID] || kind != KindMessage && kind != KindEdit && kind != KindDelete {
			continue
		}
		seen[m.ID] = true
		if kind == KindMessage {
			fresh = append(fresh, m)
		} else if err := reindex(ctx, tx, m, parent.String); err != nil {
			return err
		}
	}
	return indexNew(ctx, tx, fresh, parent.String)
}

// indexNew gives messages the next numbers of the index, all at once, in their order: the newest is found first.
func indexNew(ctx context.Context, tx *db.Tx, messages []*Message, parentID string) error {
	if len(messages) == 0 {
		return nil
	}
	var last int64
	err := tx.QueryRow(ctx, `UPDATE counters SET value = value + $1 WHERE name = 'search' RETURNING value`, len(messages)).Scan(&last)
	if err != nil {
		return err
	}
	for i, m := range messages {
		if !m.DeletedAt.IsZero() {
			continue
		}
		if err := putDocument(ctx, tx, last-int64(len(messages)-1-i), m, parentID); err != nil {
			return err
		}
	}
	return nil
}

func putDocument(ctx context.Context, tx *db.Tx, doc int64, m *Message, parentID string) error {
	return execAll(ctx, tx, tx.Dialect().Search().Put, doc, m.RoomID, m.Seq, micros(m.CreatedAt), tx.Dialect().Tokens(documentTokens(m, parentID)))
}

// reindex makes the index say what a message says after an edit or its deletion.
func reindex(ctx context.Context, tx *db.Tx, m *Message, parentID string) error {
	var doc int64
	err := tx.QueryRow(ctx, `SELECT doc FROM search_docs WHERE room_id = $1 AND seq = $2`, m.RoomID, m.Seq).Scan(&doc)
	if db.IsNotFound(err) { // it was deleted when it was to be indexed, or is of this batch and not indexed yet
		return nil
	}
	if err != nil {
		return err
	}
	if err := execAll(ctx, tx, tx.Dialect().Search().Drop, doc); err != nil || !m.DeletedAt.IsZero() {
		return err
	}
	return putDocument(ctx, tx, doc, m, parentID)
}

// execAll runs statements that each use some of the same arguments.
func execAll(ctx context.Context, tx *db.Tx, statements []string, args ...any) error {
	for _, text := range statements {
		if _, err := tx.Exec(ctx, text, db.Used(text, args)...); err != nil {
			return err
		}
	}
	return nil
}
