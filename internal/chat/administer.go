package chat

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"parley/internal/db"
)

// AdministeredRoom is a room as those see it who administer the server.
type AdministeredRoom struct {
	Room
	LastAt time.Time // of the newest entry; zero for none
	Owners []RoomMember
}

// RoomsQuery says which rooms are looked for.
type RoomsQuery struct {
	Text  string   // in the name; empty for all
	Kind  RoomKind // empty for all
	State string   // open, archived, or empty for both
	After string   // id of the last one of the page before
}

const (
	// RoomsPage is how many rooms are listed at once to those who administer the server.
	RoomsPage     = 50
	maxRoomsQuery = 100 // characters
)

// administered are the rooms r that the administrator $1 may act on without being in them: those that anybody may find and join. Of a private
// room nobody learns who is not in it, whatever their role, and conversations are nobody's but those people's.
const administered = `EXISTS (SELECT 1 FROM users a WHERE a.id = $1 AND a.deactivated_at IS NULL AND a.role IN ('owner', 'admin'))
	AND (r.kind IN ('public', 'announcement') AND NOT EXISTS (SELECT 1 FROM bans b WHERE b.room_id = r.id AND b.user_id = $1)
		OR r.kind = 'private' AND EXISTS (SELECT 1 FROM memberships m WHERE m.room_id = r.id AND m.user_id = $1 AND m.left_seq IS NULL))`

const selectAdministered = `SELECT ` + roomColumns + `, (SELECT l.created_at FROM log l WHERE l.room_id = r.id AND l.seq = r.last_seq)
	FROM rooms r WHERE ` + administered

// roomsWhere has the placeholders of the text, of it in a pattern of lower case and as it was typed, of the kind and of the state.
const roomsWhere = ` AND ($2 = '' OR lower(r.name) LIKE $3 ESCAPE '!' OR r.name LIKE $4 ESCAPE '!') AND ($5 = '' OR r.kind = $5)
	AND ($6 = '' OR (r.archived_at IS NOT NULL) = ($6 = 'archived'))`

// AdministeredRooms lists the rooms of the server that an administrator may act on, by name, and how many there are altogether; that is
// counted with the first page alone, and -1 afterwards.
func (c *Chat) AdministeredRooms(ctx context.Context, a Actor, q RoomsQuery) (rooms []AdministeredRoom, total int, err error) {
	q.Text = strings.TrimSpace(q.Text)
	switch {
	case utf8.RuneCountInString(q.Text) > maxRoomsQuery:
		return nil, 0, errorf(TooLarge, fmt.Sprintf("The query is too long (max %d characters)", maxRoomsQuery))
	case q.State != "" && q.State != "open" && q.State != "archived":
		return nil, 0, errorf(Invalid, "state must be open or archived")
	}
	args := []any{a.UserID, q.Text, db.Containing(strings.ToLower(q.Text)), db.Containing(q.Text), string(q.Kind), q.State}
	total = -1
	if q.After == "" {
		if err := c.db.QueryRow(ctx, `SELECT count(*) FROM rooms r WHERE `+administered+roomsWhere, args...).Scan(&total); err != nil {
			return nil, 0, unreadable(err)
		}
	}
	rows, err := c.db.Query(ctx, selectAdministered+roomsWhere+` AND ($7 = '' OR (lower(r.name), r.id) >
		(SELECT lower(r.name), r.id FROM rooms r WHERE r.id = $7 AND `+administered+`)) ORDER BY lower(r.name), r.id LIMIT $8`,
		append(args, q.After, RoomsPage)...)
	rooms, err = db.Scan(rows, err, scanAdministered)
	if err == nil {
		err = c.addOwners(ctx, rooms)
	}
	if err != nil {
		return nil, 0, unreadable(err)
	}
	return rooms, total, nil
}

func scanAdministered(rows *sql.Rows, r *AdministeredRoom) error {
	var at sql.NullInt64
	err := scanRoom(rows, &r.Room, &at)
	r.LastAt = timeOrZero(at)
	return err
}

func (c *Chat) addOwners(ctx context.Context, rooms []AdministeredRoom) error {
	if len(rooms) == 0 {
		return nil
	}
	at, ids := map[string]*AdministeredRoom{}, make([]any, len(rooms))
	for i := range rooms {
		at[rooms[i].ID], ids[i] = &rooms[i], rooms[i].ID
	}
	rows, err := c.db.Query(ctx, `SELECT m.room_id, m.user_id, u.name FROM memberships m JOIN users u ON u.id = m.user_id
		WHERE m.role = 'owner' AND m.left_seq IS NULL AND m.room_id IN `+values(1, len(ids))+` ORDER BY m.joined_seq`, ids...)
	_, err = db.Scan(rows, err, func(rows *sql.Rows, m *RoomMember) error {
		var room string
		m.Role = Owner
		err := rows.Scan(&room, &m.UserID, &m.Name)
		if err == nil {
			at[room].Owners = append(at[room].Owners, *m)
		}
		return err
	})
	return err
}

// administeredRoom is one of them, as it is now.
func (c *Chat) administeredRoom(ctx context.Context, a Actor, id string) (AdministeredRoom, error) {
	rows, err := c.db.Query(ctx, selectAdministered+` AND r.id = $2`, a.UserID, id)
	out, err := db.Scan(rows, err, scanAdministered)
	if err == nil && len(out) == 0 {
		err = errNoRoom()
	}
	if err == nil {
		err = c.addOwners(ctx, out)
	}
	if err != nil {
		return AdministeredRoom{}, unreadable(err)
	}
	return out[0], nil
}

// administered finds a room that the actor may act on as an administrator, and locks it.
func (b *batch) administered(a Actor, id string) (Room, error) {
	h, err := b.head(id)
	if err != nil {
		return Room{}, err
	}
	var r Room
	err = scanRoom(b.tx.QueryRow(b.ctx, selectRooms+`WHERE r.id = $2 AND `+administered, a.UserID, id), &r)
	if db.IsNotFound(err) {
		err = errNoRoom()
	}
	r.LastSeq = h.last
	return r, err
}

// AdministerRoom changes what describes a room, or archives it, as an administrator, who need not be in it.
func (c *Chat) AdministerRoom(ctx context.Context, a Actor, id string, change RoomChange) (AdministeredRoom, error) {
	err := c.change(ctx, a, id, func(b *batch) error {
		r, err := b.administered(a, id)
		if err == nil {
			_, err = b.update(a, r, change)
		}
		return err
	})
	if err != nil {
		return AdministeredRoom{}, err
	}
	return c.administeredRoom(ctx, a, id)
}

// GiveRoom makes somebody the one owner of a room, as an administrator; those who owned it become its moderators. Who is not in it yet comes
// into it.
func (c *Chat) GiveRoom(ctx context.Context, a Actor, id, userID string) (AdministeredRoom, error) {
	if id == Lobby {
		return AdministeredRoom{}, errorf(Forbidden, "The lobby is everybody's")
	}
	err := c.change(ctx, a, id, func(b *batch) error {
		r, err := b.administered(a, id)
		if err != nil {
			return err
		}
		heir, err := b.heir(a, r, userID)
		if err != nil {
			return err
		}
		rows, err := b.tx.Query(b.ctx, `SELECT m.user_id, u.name FROM memberships m JOIN users u ON u.id = m.user_id
			WHERE m.room_id = $1 AND m.role = 'owner' AND m.left_seq IS NULL AND m.user_id <> $2 ORDER BY m.joined_seq`, id, userID)
		before, err := db.Scan(rows, err, func(rows *sql.Rows, m *RoomMember) error { return rows.Scan(&m.UserID, &m.Name) })
		if err == nil && heir.RoomRole != Owner {
			err = b.setRole(a, id, RoomMember{UserID: userID, Name: heir.UserName}, Owner)
		}
		for _, m := range before {
			if err == nil {
				err = b.setRole(a, id, m, Moderator)
			}
		}
		return err
	})
	if err != nil {
		return AdministeredRoom{}, err
	}
	return c.administeredRoom(ctx, a, id)
}

// heir is somebody in a room, who comes into it if they have to.
func (b *batch) heir(a Actor, r Room, userID string) (access, error) {
	acc, err := findAccess(b.ctx, b.tx, userID, r.ID)
	if refused, failed := split(err); refused == nil {
		return acc, failed
	}
	if blocked, err := b.blocks(userID, a.UserID); err != nil || blocked {
		return acc, refusal(err, "They do not want to be brought into rooms by you")
	}
	if _, err := b.enter(a, r, userID); err != nil {
		return acc, err
	}
	return findAccess(b.ctx, b.tx, userID, r.ID)
}
