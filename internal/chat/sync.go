package chat

import (
	"context"
	"database/sql"

	"parley/internal/db"
)

// Position is where a client's copy of a room's log ends.
type Position struct {
	RoomID string
	Epoch  string
	Seq    int64
	ID     string // of the entry at Seq; empty when the client does not know it
}

// News is what a client lacks.
type News struct {
	Reset   bool    // the copy is not a beginning of this log, or too much is missing: the client is to start anew
	Entries []Entry // in the order of their seqs, without gaps
	Head    int64
	Epoch   string
	HasMore bool
}

const (
	maxNews = 300 // entries at once
	// maxBehind is how far behind a copy may be and still be caught up with: reading a page anew is cheaper than all that happened.
	maxBehind = 3000
	// syncReaders is how many are read for at the same time. Thousands who come back ask together, with several queries each: all connections
	// would be theirs, and those who come after them could not even join.
	syncReaders = 4
)

var selectNews = pageOf(`l.seq > $3`, `l.seq`)

// Sync returns what happened in a room after a position. Whether the position is one of this log is told by the entry that stands
// there: a restored backup, a database that failed over, a log that was cut all show in it.
func (c *Chat) Sync(ctx context.Context, a Actor, p Position) (News, error) {
	if p.RoomID == "" {
		p.RoomID = Lobby
	}
	select {
	case c.syncing <- struct{}{}:
		defer func() { <-c.syncing }()
	case <-ctx.Done():
		return News{}, unreadable(ctx.Err())
	}
	acc, err := c.reader(ctx, a, p.RoomID)
	if err != nil {
		return News{}, err
	}
	n := News{Head: acc.LastSeq, Epoch: acc.Epoch}
	match, err := c.matches(ctx, acc, p)
	if err != nil {
		return News{}, unreadable(err)
	}
	if !match {
		n.Reset = true
		return n, nil
	}
	if p.Seq == acc.LastSeq {
		return n, nil // what has come since is told live
	}
	entries, err := queryEntries(ctx, c.db, selectNews, a.UserID, p.RoomID, p.Seq, maxNews+1, acc.Holder, acc.RootSeq)
	if err != nil {
		return News{}, unreadable(err)
	}
	if len(entries) > 1 && fault("catch-up-skips") {
		entries = entries[1:]
	}
	if err := complete(ctx, c.db, p.RoomID, entries); err != nil {
		return News{}, unreadable(err)
	}
	fit := fitting(entries, maxNews)
	n.HasMore, n.Entries = len(entries) > fit, entries[:fit]
	redact(n.Entries, acc.FromSeq)
	return n, nil
}

func (c *Chat) matches(ctx context.Context, acc access, p Position) (bool, error) {
	switch {
	case p.Epoch != "" && p.Epoch != acc.Epoch, p.Seq > acc.LastSeq, p.Seq < acc.FromSeq, acc.LastSeq-p.Seq > maxBehind:
		return false, nil
	case p.Seq == 0 || p.ID == "":
		return true, nil
	}
	var id string
	err := c.db.QueryRow(ctx, `SELECT id FROM log WHERE room_id = $1 AND seq = $2`, p.RoomID, p.Seq).Scan(&id)
	if db.IsNotFound(err) {
		return false, nil
	}
	return id == p.ID, err
}

// Entries reads what happened in a room after a seq, for a node that delivers it to those who may know: nobody's rights are asked for,
// and whoever may not see all of an entry is in its Blind.
func (c *Chat) Entries(ctx context.Context, roomID string, after int64) ([]Entry, error) {
	entries, err := queryEntries(ctx, c.db, selectEntries+`WHERE l.room_id = $1 AND l.seq > $2 ORDER BY l.seq LIMIT $3`, roomID, after, maxNews)
	if err == nil {
		err = complete(ctx, c.db, roomID, entries)
	}
	if err == nil {
		err = c.addBlind(ctx, roomID, entries)
	}
	if err != nil {
		return nil, unreadable(err)
	}
	return entries, nil
}

// EntriesAt returns the ids of the entries that stand at these places, by room; where none does, there is none. Of a room there is one place.
func (c *Chat) EntriesAt(ctx context.Context, places []Position) (map[string]string, error) {
	out := map[string]string{}
	err := eachChunk(len(places), func(from, n, size int) error {
		args := append(make([]any, 0, 1+2*size), "")
		for i := range size {
			p := places[from+min(i, n-1)]
			args = append(args, p.RoomID, p.Seq)
		}
		rows, err := c.db.Query(ctx, `SELECT l.room_id, l.id FROM log l WHERE l.id <> $1 AND (l.room_id, l.seq) IN (`+pairs(size)+`)`, args...)
		_, err = db.Scan(rows, err, func(rows *sql.Rows, _ *struct{}) error {
			var room, id string
			err := rows.Scan(&room, &id)
			out[room] = id
			return err
		})
		return err
	})
	if err != nil {
		return nil, unreadable(err)
	}
	return out, nil
}

// Parent is the room that a thread is in, and where its log ends now; of what is no thread, nothing.
func (c *Chat) Parent(ctx context.Context, roomID string) (parentID string, head int64, err error) {
	err = c.db.QueryRow(ctx, `SELECT p.id, p.last_seq FROM rooms r JOIN rooms p ON p.id = r.parent_id WHERE r.id = $1`, roomID).Scan(&parentID, &head)
	if db.IsNotFound(err) {
		return "", 0, nil
	}
	if err != nil {
		return "", 0, unreadable(err)
	}
	return parentID, head, nil
}

// addBlind finds for each entry those who were members when it was written and may not know what it is about. Who has come, or come
// back, since then is none of them: they are told nothing of it.
func (c *Chat) addBlind(ctx context.Context, roomID string, entries []Entry) error {
	for i := range entries {
		e := &entries[i]
		var about int64
		switch {
		case e.Message != nil && e.Kind.about():
			about = e.Message.Seq
		case e.Message != nil && e.Message.ReplyTo != nil:
			about = e.Message.ReplyTo.Seq
		default:
			continue
		}
		rows, err := c.db.Query(ctx, `SELECT user_id FROM memberships WHERE room_id = $1 AND from_seq >= $2 AND joined_seq < $3
			AND (left_seq IS NULL OR left_seq > $3)`, roomID, about, e.Seq)
		if e.Blind, err = db.Scan(rows, err, scanString); err != nil {
			return err
		}
	}
	return nil
}

// Heads returns the last seqs of rooms.
func (c *Chat) Heads(ctx context.Context, rooms []string) (map[string]int64, error) {
	out := map[string]int64{}
	err := eachOf(rooms, func(args []any, list string) error {
		rows, err := c.db.Query(ctx, `SELECT id, last_seq FROM rooms WHERE id IN `+list, args...)
		_, err = db.Scan(rows, err, func(rows *sql.Rows, _ *struct{}) error {
			var id string
			var seq int64
			err := rows.Scan(&id, &seq)
			out[id] = seq
			return err
		})
		return err
	})
	if err != nil {
		return nil, unreadable(err)
	}
	return out, nil
}
