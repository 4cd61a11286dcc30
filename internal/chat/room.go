package chat

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"parley/internal/db"
)

// Lobby is the id of the room that everybody is in from the start. Coming to it and leaving it are no entries of its log: who is a
// person of this server is in it.
const Lobby = "general"

// RoomKind is what sort of conversation a room is.
type RoomKind string

// The kinds of rooms.
const (
	Public       RoomKind = "public"       // anybody may find and join it
	Private      RoomKind = "private"      // one is invited
	Announcement RoomKind = "announcement" // public, only its moderators write
	Direct       RoomKind = "direct"       // between two
	Group        RoomKind = "group"        // between up to 50
	ThreadRoom   RoomKind = "thread"       // about a message of another room, for those who may read that
)

// open reports a room that anybody may find and join.
func (k RoomKind) open() bool { return k == Public || k == Announcement }

// direct reports a conversation that has no name and no moderators.
func (k RoomKind) direct() bool { return k == Direct || k == Group }

// HistoryMode is what new members of a room may read.
type HistoryMode string

// The modes of a room's history.
const (
	HistoryAll    HistoryMode = "all"
	HistoryJoined HistoryMode = "joined" // what comes after they joined
)

// Room is a conversation with a log of its own.
type Room struct {
	ID          string
	Kind        RoomKind
	Name        string
	Topic       string
	Description string
	History     HistoryMode
	Epoch       string // changes when the log was replaced, as by a restored backup
	LastSeq     int64  // of the newest entry of the log, 0 for none
	Members     int    // how many are in it; 0 for the lobby, where everybody is
	CreatedBy   string
	CreatedAt   time.Time
	ArchivedAt  time.Time // zero: not
	Previews    bool      // whether its messages show what they link to

	ParentID string // of a thread: the room that it is in
	RootID   string // of a thread: the message that it is about
	RootSeq  int64  // of a thread: that message's seq in the parent
}

// The bounds of what describes a room, in characters.
const (
	maxRoomName    = 80
	maxTopic       = 250
	maxDescription = 2000
)

// RoomDraft is a room to be made.
type RoomDraft struct {
	Name        string
	Kind        RoomKind // default Public
	Topic       string
	Description string
	History     HistoryMode // default: all of a public room's, of a private one what comes after joining
	ClientID    string      // makes a retry safe
	Members     []string    // ids of people who are in it from the start
}

// maxFirstMembers bounds the people that a new room can begin with.
const maxFirstMembers = 200

// CreateRoom makes a room, of which the actor is the owner.
func (c *Chat) CreateRoom(ctx context.Context, a Actor, d RoomDraft) (Room, error) {
	d, err := cleanRoom(d)
	if err != nil {
		return Room{}, err
	}
	if !a.Role.AtLeast(Member) {
		return Room{}, errorf(Forbidden, "Guests cannot make rooms: create an account first")
	}
	if d.Kind == Announcement && !a.Role.AtLeast(Moderator) {
		return Room{}, errorf(Forbidden, "Only moderators make announcement rooms")
	}
	r := Room{
		ID: c.newID(), Kind: d.Kind, Name: d.Name, Topic: d.Topic, Description: d.Description, History: d.History, Epoch: c.newID(), CreatedBy: a.UserID,
	}
	var out Room
	err = c.change(ctx, a, r.ID, func(b *batch) error {
		out, err = b.createRoom(a, r, d)
		return err
	})
	return out, err
}

func cleanRoom(d RoomDraft) (RoomDraft, error) {
	var err error
	if d.Name, err = cleanLine(d.Name, "name", maxRoomName); err != nil {
		return d, err
	}
	if d.Name == "" {
		return d, errorf(Invalid, "The room needs a name")
	}
	if d.Kind == "" {
		d.Kind = Public
	}
	if !d.Kind.open() && d.Kind != Private {
		return d, errorf(Invalid, "kind must be public, private or announcement")
	}
	if d.History == "" {
		d.History = HistoryAll
		if d.Kind == Private {
			d.History = HistoryJoined
		}
	}
	if d.History != HistoryAll && d.History != HistoryJoined {
		return d, errorf(Invalid, "history must be all or joined")
	}
	if len(d.Members) > maxFirstMembers {
		return d, errorf(TooLarge, fmt.Sprintf("Too many members at once (max %d)", maxFirstMembers))
	}
	if len(d.ClientID) > maxClientID || !utf8.ValidString(d.ClientID) {
		return d, errorf(Invalid, "Invalid clientId")
	}
	if d.Topic, err = cleanLine(d.Topic, "topic", maxTopic); err != nil {
		return d, err
	}
	d.Description, err = cleanParagraph(d.Description, "description", maxDescription)
	return d, err
}

// cleanLine checks a text of one line.
func cleanLine(text, what string, limit int) (string, error) {
	text = strings.TrimSpace(text)
	if !utf8.ValidString(text) || strings.ContainsFunc(text, invisible) {
		return "", errorf(Invalid, "Invalid "+what)
	}
	if utf8.RuneCountInString(text) > limit {
		return "", errorf(TooLarge, fmt.Sprintf("The %s is too long (max %d characters)", what, limit))
	}
	return text, nil
}

// cleanParagraph checks a text that may have several lines.
func cleanParagraph(text, what string, limit int) (string, error) {
	text = strings.TrimSpace(text)
	if !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
		return "", errorf(Invalid, "Invalid "+what)
	}
	if utf8.RuneCountInString(text) > limit {
		return "", errorf(TooLarge, fmt.Sprintf("The %s is too long (max %d characters)", what, limit))
	}
	return text, nil
}

func (b *batch) createRoom(a Actor, r Room, d RoomDraft) (Room, error) {
	if old, err := b.createdBefore(a, d); old.ID != "" || err != nil {
		return old, err
	}
	if err := b.insertRoom(r, nil); err != nil {
		return r, err
	}
	e := Entry{RoomID: r.ID, Kind: KindCreate, ActorID: a.UserID, ActorName: a.Name, clientID: d.ClientID}
	if _, err := b.append(&e); err != nil {
		return r, err
	}
	entries := []*Entry{&e}
	for _, m := range append([]string{a.UserID}, d.Members...) {
		if blocked, err := b.blocks(m, a.UserID); err != nil || blocked {
			return r, refusal(err, "They do not want to be brought into rooms by you")
		}
		role := Member
		if m == a.UserID {
			role = Owner
		}
		joined, err := b.join(a, r.ID, m, role, 0)
		if err != nil {
			return r, err
		}
		if joined != nil {
			entries = append(entries, joined)
		}
	}
	out, err := b.announceRoom(r.ID, entries)
	return out, err
}

// announceRoom publishes the first entries of a new room, which need the room as it has become.
func (b *batch) announceRoom(roomID string, entries []*Entry) (Room, error) {
	r, err := findRoom(b.ctx, b.tx, roomID)
	if err != nil {
		return r, err
	}
	r.LastSeq = b.heads[roomID].last
	for _, e := range entries {
		e.Room = &r
		b.publish(Event{Entry: e})
	}
	return r, nil
}

// createdBefore finds the room that an earlier submission with the same client id made.
func (b *batch) createdBefore(a Actor, d RoomDraft) (Room, error) {
	if d.ClientID == "" {
		return Room{}, nil
	}
	var id string
	var kind EntryKind
	err := b.tx.QueryRow(b.ctx, `SELECT room_id, kind FROM log WHERE actor_id = $1 AND client_id = $2 AND client_id IS NOT NULL`, a.UserID, d.ClientID).
		Scan(&id, &kind)
	if db.IsNotFound(err) {
		return Room{}, nil
	}
	if err != nil {
		return Room{}, err
	}
	if kind == KindCreate { // who is out learns nothing of it any more, not by what a repetition is answered either
		if _, err := b.roomAccess(a, id); err != nil {
			return Room{}, err
		}
	}
	old, err := findRoom(b.ctx, b.tx, id)
	if err == nil && (kind != KindCreate || old.Name != d.Name || old.Kind != d.Kind) {
		err = errorf(Conflict, "This clientId was used for something else")
	}
	return old, err
}

func (b *batch) insertRoom(r Room, directKey any) error {
	_, err := b.tx.Exec(b.ctx, `INSERT INTO rooms (id, kind, name, topic, description, history, epoch, last_seq, direct_key, created_by, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, 0, $8, $9, $10)`,
		r.ID, string(r.Kind), r.Name, r.Topic, r.Description, string(r.History), r.Epoch, directKey, r.CreatedBy, micros(b.now))
	return err
}

// RoomChange is what to change of a room; what is nil stays.
type RoomChange struct {
	Name, Topic, Description *string
	Archived                 *bool
	Previews                 *bool
}

// UpdateRoom changes what describes a room, or archives it: then it can be read, but not written. Nothing changed is no entry.
func (c *Chat) UpdateRoom(ctx context.Context, a Actor, roomID string, change RoomChange) (Room, error) {
	var out Room
	err := c.change(ctx, a, roomID, func(b *batch) error {
		acc, err := b.roomAccess(a, roomID)
		if err != nil {
			return err
		}
		// The previews of a conversation are everybody's.
		if !acc.administers() && (!acc.RoomKind.direct() || change != (RoomChange{Previews: change.Previews})) {
			return errorf(Forbidden, "Only the room's owner or an administrator can change it")
		}
		before, err := findRoom(b.ctx, b.tx, roomID)
		if err == nil {
			out, err = b.update(a, before, change)
		}
		return err
	})
	return out, err
}

// update changes a room, and tells of it if there is anything to tell.
func (b *batch) update(a Actor, before Room, change RoomChange) (Room, error) {
	out, err := b.apply(before, change)
	if err != nil || out == before {
		return out, err
	}
	e := Entry{RoomID: before.ID, Kind: KindUpdate, ActorID: a.UserID, ActorName: a.Name}
	if out.LastSeq, err = b.append(&e); err != nil {
		return out, err
	}
	e.Room = &out
	b.publish(Event{Entry: &e})
	return out, nil
}

func (b *batch) apply(r Room, change RoomChange) (Room, error) {
	d := RoomDraft{Name: r.Name, Kind: r.Kind, Topic: r.Topic, Description: r.Description, History: r.History}
	for _, f := range []struct{ to, from *string }{{&d.Name, change.Name}, {&d.Topic, change.Topic}, {&d.Description, change.Description}} {
		if f.from != nil {
			*f.to = *f.from
		}
	}
	if !r.Kind.direct() { // which has none of these
		var err error
		if d, err = cleanRoom(d); err != nil {
			return r, err
		}
	}
	if change.Previews != nil {
		r.Previews = *change.Previews
	}
	r.Name, r.Topic, r.Description = d.Name, d.Topic, d.Description
	if change.Archived != nil && *change.Archived != !r.ArchivedAt.IsZero() {
		if r.ID == Lobby {
			return r, errorf(Forbidden, "The lobby cannot be archived")
		}
		r.ArchivedAt = time.Time{}
		if *change.Archived {
			r.ArchivedAt = fromMicros(micros(b.now))
		}
	}
	_, err := b.tx.Exec(b.ctx, `UPDATE rooms SET name = $1, topic = $2, description = $3, archived_at = $4, previews = $5 WHERE id = $6`,
		r.Name, r.Topic, r.Description, microsOrNull(r.ArchivedAt), map[bool]int{true: 1}[r.Previews], r.ID)
	return r, err
}

func microsOrNull(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return micros(t)
}

const roomColumns = `r.id, r.kind, r.name, r.topic, r.description, r.history, r.epoch, r.last_seq, r.members, r.created_by, r.created_at,
	r.archived_at, r.previews, r.parent_id, r.root_id, r.root_seq`

const selectRooms = `SELECT ` + roomColumns + ` FROM rooms r `

func scanRoom(row interface{ Scan(...any) error }, r *Room, more ...any) error {
	var by, parent, root sql.NullString
	var created int64
	var archived, rootSeq sql.NullInt64
	var previews int
	err := row.Scan(append([]any{
		&r.ID, &r.Kind, &r.Name, &r.Topic, &r.Description, &r.History, &r.Epoch, &r.LastSeq, &r.Members, &by, &created, &archived,
		&previews, &parent, &root, &rootSeq,
	}, more...)...)
	r.CreatedBy, r.CreatedAt, r.ArchivedAt = by.String, fromMicros(created), timeOrZero(archived)
	r.ParentID, r.RootID, r.RootSeq = parent.String, root.String, rootSeq.Int64
	r.Previews = previews != 0
	if r.ID == Lobby {
		r.Members = 0
	}
	return err
}

func findRoom(ctx context.Context, q db.Querier, id string) (r Room, err error) {
	err = scanRoom(q.QueryRow(ctx, selectRooms+`WHERE r.id = $1`, id), &r)
	if db.IsNotFound(err) {
		err = errNoRoom()
	}
	return r, err
}

// Room returns a room the actor is in.
func (c *Chat) Room(ctx context.Context, a Actor, id string) (Room, error) {
	if _, err := c.reader(ctx, a, id); err != nil {
		return Room{}, err
	}
	r, err := findRoom(ctx, c.db, id)
	if err != nil {
		return r, unreadable(err)
	}
	return r, nil
}

// DirectoryPage is how many rooms the directory shows at once.
const DirectoryPage = 100

// Directory lists rooms that anybody may join and whose names begin with a text, by name, after another room's name.
func (c *Chat) Directory(ctx context.Context, a Actor, prefix, afterName string) ([]Room, error) {
	prefix = strings.ToLower(strings.TrimSpace(prefix))
	rows, err := c.db.Query(ctx, selectRooms+`WHERE r.kind IN ('public', 'announcement') AND r.archived_at IS NULL
		AND substr(lower(r.name), 1, $1) = $2 AND lower(r.name) > $3
		AND NOT EXISTS (SELECT 1 FROM bans b WHERE b.room_id = r.id AND b.user_id = $4)
		ORDER BY lower(r.name), r.id LIMIT $5`, utf8.RuneCountInString(prefix), prefix, strings.ToLower(afterName), a.UserID, DirectoryPage)
	out, err := db.Scan(rows, err, func(rows *sql.Rows, r *Room) error { return scanRoom(rows, r) })
	if err != nil {
		return nil, unreadable(err)
	}
	return out, nil
}

func (c *Chat) createLobby(ctx context.Context) error {
	err := c.db.Tx(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO rooms (id, kind, name, epoch, last_seq, created_at)
			VALUES ($1, 'public', 'General', $2, 0, $3) ON CONFLICT (id) DO NOTHING`, Lobby, c.newID(), micros(c.now()))
		return err
	})
	if err != nil {
		return fmt.Errorf("chat: create the lobby: %w", err)
	}
	return nil
}

func scanString(rows *sql.Rows, s *string) error { return rows.Scan(s) }

// isUnique reports an error about a row that is there already.
func isUnique(err error) bool {
	return err != nil && !errors.Is(err, context.Canceled) &&
		(strings.Contains(err.Error(), "UNIQUE constraint failed") || strings.Contains(err.Error(), "SQLSTATE 23505"))
}
