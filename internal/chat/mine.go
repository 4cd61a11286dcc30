package chat

import (
	"context"
	"database/sql"
	"encoding/json"
	"time"

	"parley/internal/db"
)

// MyRoom is a room as one of its members sees it.
type MyRoom struct {
	Room
	Role         Role
	FromSeq      int64 // they may read what comes after it
	ReadSeq      int64
	DeliveredSeq int64
	Unread       int    // messages of others after ReadSeq, counted up to MaxUnread
	Mentions     int    // those of them that address this person, counted up to MaxUnread
	Peers        []User // of a direct conversation: the others, by name
	LastAt       time.Time
	Badge        int // how many of the unread messages count, by the person's settings; see [Notify]
	Settings     RoomSettings
	Following    bool     // whether they follow it, when it is a thread
	words        []string // that call the person, where only what calls them counts
}

// MaxUnread is where counting unread messages ends: more is "many". It looks no further back than 2,000 entries, which somebody may
// all have written themselves.
const MaxUnread = 100

// mineColumns and fromMine are of rooms r with the memberships m of those who are in them.
const mineColumns = roomColumns + `, m.role, m.from_seq, m.read_seq, m.delivered_seq,
	(SELECT count(*) FROM (SELECT 1 FROM log l WHERE l.room_id = r.id
		AND l.seq > CASE WHEN m.read_seq > r.last_seq - 2000 THEN m.read_seq ELSE r.last_seq - 2000 END AND l.seq > +m.from_seq AND l.kind = 'message'
		AND l.deleted_at IS NULL AND l.actor_id <> m.user_id LIMIT 100) unread),
	(SELECT count(*) FROM (SELECT 1 FROM mentions n JOIN log l ON l.room_id = n.room_id AND l.seq = n.seq AND l.actor_id <> m.user_id
		WHERE n.room_id = r.id AND n.user_id IN (m.user_id, '*') AND n.seq > m.read_seq AND n.seq > +m.from_seq LIMIT 100) mentioned),
	(SELECT l.created_at FROM log l WHERE l.room_id = r.id AND l.seq = r.last_seq),
	p.data, (SELECT g.data FROM personal g WHERE g.user_id = m.user_id AND g.kind = 'notify' AND g.key = '' AND g.gone = 0)`

const fromMine = ` FROM rooms r JOIN memberships m ON m.room_id = r.id AND m.left_seq IS NULL
	LEFT JOIN personal p ON p.user_id = m.user_id AND p.kind = 'room' AND p.key = r.id AND p.gone = 0 `

func (c *Chat) scanMine(row interface{ Scan(...any) error }, r *MyRoom) error {
	var last sql.NullInt64
	var room, all sql.NullString
	if err := scanRoom(row, &r.Room, &r.Role, &r.FromSeq, &r.ReadSeq, &r.DeliveredSeq, &r.Unread, &r.Mentions, &last, &room, &all); err != nil {
		return err
	}
	r.LastAt = timeOrZero(last)
	return c.addSettings(r, room, all)
}

// addSettings adds what the person wants to hear of a room, and what therefore counts.
func (c *Chat) addSettings(r *MyRoom, room, all sql.NullString) error {
	var data PersonalData
	for _, text := range []sql.NullString{room, all} {
		if text.Valid {
			if err := json.Unmarshal([]byte(text.String), &data); err != nil {
				return err
			}
		}
	}
	var general NotifySettings
	if data.Room != nil {
		r.Settings = *data.Room
	}
	if data.Notify != nil {
		general = *data.Notify
	}
	r.Badge = badge(r.Kind, r.Settings, general, r.Unread, r.Mentions, c.now())
	if r.Mentions < r.Unread && r.Badge == r.Mentions && effectiveLevel(r.Kind, r.Settings, general) != LevelNone {
		r.words = general.Keywords
	}
	return nil
}

// maxWordRooms bounds the rooms in which words are looked for at once: in the others those messages do not count.
const maxWordRooms = 200

// addWords counts the unread messages that call somebody by one of their words, in rooms where only what calls them counts. Nothing but their
// texts tells, and so it is asked for those alone who have words, and where something is unread.
func (c *Chat) addWords(ctx context.Context, of map[string][]MyRoom) error {
	asked := 0
	for user, rooms := range of {
		for i := range rooms {
			r := &rooms[i]
			if len(r.words) == 0 || asked == maxWordRooms {
				continue
			}
			asked++
			rows, err := c.db.Query(ctx, `SELECT l.text FROM log l WHERE l.room_id = $1 AND l.seq > $2 AND l.kind = 'message' AND l.deleted_at IS NULL
				AND l.actor_id <> $3 AND NOT EXISTS (SELECT 1 FROM mentions n WHERE n.room_id = l.room_id AND n.seq = l.seq AND n.user_id IN ($3, '*'))
				ORDER BY l.seq DESC LIMIT 100`, r.ID, max(r.ReadSeq, r.FromSeq), user)
			_, err = db.Scan(rows, err, func(rows *sql.Rows, text *string) error {
				if err := rows.Scan(text); err != nil {
					return err
				}
				if hasKeyword(*text, r.words) {
					r.Badge = min(r.Badge+1, MaxUnread)
				}
				return nil
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// MyRooms lists the rooms the actor is in.
func (c *Chat) MyRooms(ctx context.Context, a Actor) ([]MyRoom, error) {
	rooms, err := c.roomsOf(ctx, []string{a.UserID})
	if err != nil {
		return nil, unreadable(err)
	}
	return rooms[a.UserID], nil
}

// roomsOf lists the rooms of several people.
func (c *Chat) roomsOf(ctx context.Context, ids []string) (map[string][]MyRoom, error) {
	out := map[string][]MyRoom{}
	for _, id := range ids {
		out[id] = []MyRoom{}
	}
	err := eachOf(ids, func(args []any, list string) error {
		rows, err := c.db.Query(ctx, `SELECT m.user_id, `+mineColumns+fromMine+`WHERE m.user_id IN `+list+` ORDER BY r.id`, args...)
		_, err = db.Scan(rows, err, func(rows *sql.Rows, r *MyRoom) error {
			var user string
			err := c.scanMine(scanFirst{rows, []any{&user}}, r)
			out[user] = append(out[user], *r)
			return err
		})
		if err == nil {
			err = c.addPeers(ctx, out, args, list)
		}
		return err
	})
	if err == nil {
		err = c.addWords(ctx, out)
	}
	return out, err
}

// MyRoom is one of them.
func (c *Chat) MyRoom(ctx context.Context, a Actor, roomID string) (MyRoom, error) {
	var r MyRoom
	err := c.scanMine(c.db.QueryRow(ctx, `SELECT `+mineColumns+fromMine+`WHERE m.user_id = $1 AND r.id = $2`, a.UserID, roomID), &r)
	if db.IsNotFound(err) {
		return c.thread(ctx, a, roomID)
	}
	if err == nil {
		rooms := []MyRoom{r}
		err = eachOf([]string{a.UserID}, func(args []any, list string) error {
			return c.addPeers(ctx, map[string][]MyRoom{a.UserID: rooms}, args, list)
		})
		if err == nil {
			err = c.addWords(ctx, map[string][]MyRoom{a.UserID: rooms})
		}
		r = rooms[0]
	}
	if err != nil {
		return r, unreadable(err)
	}
	return r, nil
}

// addPeers adds who the direct conversations of people are with, whose ids are the arguments of a list.
func (c *Chat) addPeers(ctx context.Context, of map[string][]MyRoom, args []any, list string) error {
	at := map[memberKey]*MyRoom{}
	for user, rooms := range of {
		for i, r := range rooms {
			if r.Kind.direct() {
				at[memberKey{r.ID, user}] = &rooms[i]
			}
		}
	}
	if len(at) == 0 {
		return nil
	}
	rows, err := c.db.Query(ctx, `SELECT m.user_id, o.room_id, u.id, u.name, u.login, u.role, u.avatar, u.bio, u.status, u.status_until, u.presence,
		u.time_zone, u.receipts, u.deactivated_at, u.created_at, u.version
		FROM memberships m JOIN rooms r ON r.id = m.room_id AND r.kind IN ('direct', 'group')
		JOIN memberships o ON o.room_id = m.room_id AND o.left_seq IS NULL AND o.user_id <> m.user_id JOIN users u ON u.id = o.user_id
		WHERE m.user_id IN `+list+` AND m.left_seq IS NULL ORDER BY o.room_id, lower(u.name), u.id`, args...)
	_, err = db.Scan(rows, err, func(rows *sql.Rows, _ *struct{}) error {
		var user, room string
		var u User
		if err := scanUser(scanFirst{rows, []any{&user, &room}}, &u); err != nil {
			return err
		}
		if r := at[memberKey{room, user}]; r != nil {
			r.Peers = append(r.Peers, u)
		}
		return nil
	})
	return err
}

// scanFirst reads some columns before the others.
type scanFirst struct {
	rows  *sql.Rows
	first []any
}

// Scan implements the one method that rows have in common.
func (s scanFirst) Scan(to ...any) error { return s.rows.Scan(append(s.first, to...)...) }

// RoomHeads returns the last seqs of the rooms the actor is in.
func (c *Chat) RoomHeads(ctx context.Context, userID string) (map[string]int64, error) {
	heads := map[string]int64{}
	rows, err := c.db.Query(ctx, `SELECT r.id, r.last_seq FROM memberships m JOIN rooms r ON r.id = m.room_id
		WHERE m.user_id = $1 AND m.left_seq IS NULL`, userID)
	_, err = db.Scan(rows, err, func(rows *sql.Rows, _ *struct{}) error {
		var id string
		var last int64
		err := rows.Scan(&id, &last)
		heads[id] = last
		return err
	})
	if err != nil {
		return nil, unreadable(err)
	}
	return heads, nil
}
