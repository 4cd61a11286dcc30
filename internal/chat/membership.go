package chat

import (
	"context"
	"database/sql"
	"fmt"
	"slices"

	"parley/internal/db"
)

// RoomMember is somebody who is, or was, in a room.
type RoomMember struct {
	UserID string
	Name   string
	Role   Role
}

// maxGroup is how many people a direct conversation may have.
const maxGroup = 50

// joinLobby makes a user a member of the lobby, from its beginning on: its history is open to everybody.
func joinLobby(ctx context.Context, tx *db.Tx, userID string) error {
	_, err := tx.Exec(ctx, `INSERT INTO memberships (room_id, user_id, joined_seq, read_seq) SELECT id, $1, 0, last_seq FROM rooms WHERE id = $2
		ON CONFLICT (room_id, user_id, joined_seq) DO NOTHING`, userID, Lobby)
	return err
}

// join makes somebody a member, if they are not, and returns the entry of it, which the caller publishes. from says what they may
// read: what comes after it, or, when it is negative, after their own joining.
func (b *batch) join(a Actor, roomID, userID string, role Role, from int64) (*Entry, error) {
	var name string
	err := b.tx.QueryRow(b.ctx, `SELECT name FROM users WHERE id = $1 AND deactivated_at IS NULL`, userID).Scan(&name)
	if db.IsNotFound(err) {
		return nil, errorf(NotFound, "No such person")
	}
	if err != nil {
		return nil, err
	}
	if _, err := findAccess(b.ctx, b.tx, userID, roomID); err == nil {
		return nil, nil
	} else if refused, failed := split(err); refused == nil {
		return nil, failed
	}
	e := Entry{
		RoomID: roomID, Kind: KindJoin, ActorID: a.UserID, ActorName: a.Name, targetID: userID, data: entryData{Role: role},
		Member: &RoomMember{UserID: userID, Name: name, Role: role},
	}
	seq, err := b.append(&e)
	if err != nil {
		return nil, err
	}
	if from < 0 {
		from = seq - 1
	}
	if fault("history-before-joining") {
		from = 0
	}
	_, err = b.tx.Exec(b.ctx, `INSERT INTO memberships (room_id, user_id, joined_seq, from_seq, role, read_seq, delivered_seq)
		VALUES ($1, $2, $3, $4, $5, $3, $3)`, roomID, userID, seq, from, string(role))
	if err == nil {
		_, err = b.tx.Exec(b.ctx, `UPDATE rooms SET members = members + 1 WHERE id = $1`, roomID)
	}
	return &e, err
}

// leave ends somebody's membership: what comes after the entry is not theirs any more, and what came before it neither, unless
// they come back.
func (b *batch) leave(a Actor, kind EntryKind, acc access) error {
	e := Entry{
		RoomID: acc.RoomID, Kind: kind, ActorID: a.UserID, ActorName: a.Name, targetID: acc.UserID, data: entryData{Role: acc.RoomRole},
		Member: &RoomMember{UserID: acc.UserID, Name: acc.UserName, Role: acc.RoomRole},
	}
	seq, err := b.append(&e)
	if err != nil {
		return err
	}
	if _, err = b.tx.Exec(b.ctx, `UPDATE memberships SET left_seq = $1 WHERE room_id = $2 AND user_id = $3 AND left_seq IS NULL`,
		seq, acc.RoomID, acc.UserID); err != nil {
		return err
	}
	if _, err = b.tx.Exec(b.ctx, `UPDATE rooms SET members = members - 1 WHERE id = $1`, acc.RoomID); err != nil {
		return err
	}
	b.publish(Event{Entry: &e})
	return nil
}

// JoinRoom makes the actor a member of a room that anybody may join. Who is in it already is in it.
func (c *Chat) JoinRoom(ctx context.Context, a Actor, roomID string) (Room, error) {
	var out Room
	err := c.change(ctx, a, roomID, func(b *batch) error {
		r, err := b.lockedRoom(roomID)
		if err != nil {
			return err
		}
		if _, err := findAccess(b.ctx, b.tx, a.UserID, roomID); err == nil {
			out = r
			return nil
		}
		if !r.Kind.open() {
			return errNoRoom()
		}
		out, err = b.enter(a, r, a.UserID)
		return err
	})
	return out, err
}

// enter makes somebody a member of a room that they may enter, unless they are banned.
func (b *batch) enter(a Actor, r Room, userID string) (Room, error) {
	var one int
	err := b.tx.QueryRow(b.ctx, `SELECT 1 FROM bans WHERE room_id = $1 AND user_id = $2`, r.ID, userID).Scan(&one)
	switch {
	case err == nil:
		return r, errorf(Forbidden, "Banned from this room")
	case !db.IsNotFound(err):
		return r, err
	case !r.ArchivedAt.IsZero():
		return r, errArchived()
	}
	from := int64(0)
	if r.History == HistoryJoined {
		from = -1
	}
	e, err := b.join(a, r.ID, userID, Member, from)
	if err != nil || e == nil {
		return r, err
	}
	return b.announceRoom(r.ID, []*Entry{e})
}

// AddMembers brings people into a room. Members of a private room and of a group may, moderators of a public one.
func (c *Chat) AddMembers(ctx context.Context, a Actor, roomID string, userIDs []string) (Room, error) {
	if len(userIDs) > maxFirstMembers {
		return Room{}, errorf(TooLarge, fmt.Sprintf("Too many members at once (max %d)", maxFirstMembers))
	}
	var out Room
	err := c.change(ctx, a, roomID, func(b *batch) error {
		acc, err := b.roomAccess(a, roomID)
		switch {
		case err != nil:
			return err
		case acc.Archived:
			return errArchived()
		case acc.RoomKind == Direct:
			return errorf(Forbidden, "A conversation between two stays between two: start a group")
		case acc.RoomKind == Group || roomID == Lobby:
			return errorf(Forbidden, "Nobody can be added here")
		case !a.Role.AtLeast(Member), acc.RoomKind.open() && !acc.moderates():
			return errorf(Forbidden, "Only moderators add people to this room")
		}
		if out, err = b.lockedRoom(roomID); err != nil {
			return err
		}
		for _, id := range userIDs {
			if blocked, err := b.blocks(id, a.UserID); err != nil || blocked {
				return refusal(err, "They do not want to be brought into rooms by you")
			}
			if out, err = b.enter(a, out, id); err != nil {
				return err
			}
		}
		return nil
	})
	return out, err
}

// LeaveRoom ends the actor's membership. A room whose last owner leaves gets the longest-serving moderator, else member, as its
// owner.
func (c *Chat) LeaveRoom(ctx context.Context, a Actor, roomID string) error {
	return c.change(ctx, a, roomID, func(b *batch) error {
		acc, err := b.roomAccess(a, roomID)
		switch {
		case err != nil:
			return err
		case roomID == Lobby:
			return errorf(Forbidden, "Everybody is in the lobby")
		case acc.RoomKind == Direct:
			return errorf(Forbidden, "A conversation between two cannot be left")
		}
		if err := b.leave(a, KindLeave, acc); err != nil || acc.RoomRole != Owner {
			return err
		}
		return b.replaceOwner(a, roomID)
	})
}

func (b *batch) replaceOwner(a Actor, roomID string) error {
	var heir RoomMember
	var role Role
	err := b.tx.QueryRow(b.ctx, `SELECT m.user_id, u.name, m.role FROM memberships m JOIN users u ON u.id = m.user_id AND u.deactivated_at IS NULL
		WHERE m.room_id = $1 AND m.left_seq IS NULL
		ORDER BY CASE m.role WHEN 'owner' THEN 0 WHEN 'moderator' THEN 1 ELSE 2 END, m.joined_seq LIMIT 1`, roomID).Scan(&heir.UserID, &heir.Name, &role)
	if db.IsNotFound(err) || err == nil && role == Owner {
		return nil
	}
	if err != nil {
		return err
	}
	return b.setRole(a, roomID, heir, Owner)
}

func (b *batch) setRole(a Actor, roomID string, m RoomMember, role Role) error {
	_, err := b.tx.Exec(b.ctx, `UPDATE memberships SET role = $1 WHERE room_id = $2 AND user_id = $3 AND left_seq IS NULL`, string(role), roomID, m.UserID)
	if err != nil {
		return err
	}
	m.Role = role
	e := Entry{
		RoomID: roomID, Kind: KindRole, ActorID: a.UserID, ActorName: a.Name, targetID: m.UserID, data: entryData{Role: role}, Member: &m,
	}
	if _, err := b.append(&e); err != nil {
		return err
	}
	b.publish(Event{Entry: &e})
	return nil
}

// SetRoomRole makes a member of a room its owner, a moderator or a plain member.
func (c *Chat) SetRoomRole(ctx context.Context, a Actor, roomID, userID string, role Role) error {
	if !slices.Contains([]Role{Owner, Moderator, Member}, role) {
		return errorf(Invalid, "role must be owner, moderator or member")
	}
	return c.change(ctx, a, roomID, func(b *batch) error {
		acc, target, err := b.two(a, roomID, userID)
		switch {
		case err != nil:
			return err
		case !acc.administers():
			return errorf(Forbidden, "Only the room's owner or an administrator gives roles")
		case target.RoomRole == role:
			return nil
		}
		if err := b.setRole(a, roomID, RoomMember{UserID: userID, Name: target.UserName}, role); err != nil || target.RoomRole != Owner {
			return err
		}
		return b.replaceOwner(a, roomID)
	})
}

// two finds what the actor and another member may do in a room.
func (b *batch) two(a Actor, roomID, userID string) (acc, target access, err error) {
	if acc, err = b.roomAccess(a, roomID); err != nil {
		return acc, target, err
	}
	target, err = findAccess(b.ctx, b.tx, userID, roomID)
	if refused, _ := split(err); refused != nil {
		err = errorf(NotFound, "They are not in this room")
	}
	return acc, target, err
}

// standsOver reports whether somebody who moderates a room may act against another member of it.
func (a access) standsOver(other access) bool {
	if !a.moderates() || a.UserID == other.UserID {
		return false
	}
	mine, theirs := max(ranks[a.RoomRole], ranks[a.ServerRole]), max(ranks[other.RoomRole], ranks[other.ServerRole])
	return mine > theirs
}

// KickMember puts somebody out of a room; with ban they do not get back in until the ban is lifted.
func (c *Chat) KickMember(ctx context.Context, a Actor, roomID, userID string, ban bool, reason string) error {
	reason, err := cleanLine(reason, "reason", maxTopic)
	if err != nil {
		return err
	}
	return c.change(ctx, a, roomID, func(b *batch) error {
		acc, target, err := b.two(a, roomID, userID)
		if ban && err != nil && acc.moderates() && !acc.thread() { // somebody who has left can be banned all the same
			return b.ban(a, acc, userID, reason)
		}
		switch {
		case err != nil:
			return err
		case roomID == Lobby:
			return errorf(Forbidden, "Everybody is in the lobby: deactivate the account instead")
		case !acc.standsOver(target):
			return errorf(Forbidden, "You cannot put them out of this room")
		}
		kind := KindKick
		if ban {
			kind = KindBan
			if err := b.ban(a, acc, userID, reason); err != nil {
				return err
			}
		}
		return b.leave(a, kind, target)
	})
}

func (b *batch) ban(a Actor, acc access, userID, reason string) error {
	if acc.RoomID == Lobby {
		return errorf(Forbidden, "Everybody is in the lobby: deactivate the account instead")
	}
	n, err := b.tx.Exec(b.ctx, `INSERT INTO bans (room_id, user_id, banned_by, reason, created_at) SELECT $1, u.id, $2, $3, $4 FROM users u WHERE u.id = $5
		ON CONFLICT (room_id, user_id) DO NOTHING`, acc.RoomID, a.UserID, reason, micros(b.now), userID)
	if err == nil && n == 0 {
		var one int
		if err = b.tx.QueryRow(b.ctx, `SELECT 1 FROM users WHERE id = $1`, userID).Scan(&one); db.IsNotFound(err) {
			err = errorf(NotFound, "No such person")
		}
	}
	return err
}

// LiftBan lets somebody join a room again. One who is not banned is no error.
func (c *Chat) LiftBan(ctx context.Context, a Actor, roomID, userID string) error {
	return c.change(ctx, a, roomID, func(b *batch) error {
		acc, err := b.roomAccess(a, roomID)
		if err != nil {
			return err
		}
		if !acc.moderates() {
			return errorf(Forbidden, "Only moderators lift bans")
		}
		_, err = b.tx.Exec(b.ctx, `DELETE FROM bans WHERE room_id = $1 AND user_id = $2`, roomID, userID)
		return err
	})
}

// MembersPage is how many members are listed at once.
const MembersPage = 200

// Members lists who is in a room, by id, after another one's. With banned it lists who is banned from it, to those who moderate it.
func (c *Chat) Members(ctx context.Context, a Actor, roomID, afterID string, banned bool) ([]RoomMember, error) {
	acc, err := c.reader(ctx, a, roomID)
	if err != nil {
		return nil, err
	}
	if acc.thread() {
		return c.followers(ctx, acc, afterID)
	}
	text := `SELECT m.user_id, u.name, m.role FROM memberships m JOIN users u ON u.id = m.user_id
		WHERE m.room_id = $1 AND m.left_seq IS NULL AND m.user_id > $2 ORDER BY m.user_id LIMIT $3`
	if banned {
		if !acc.moderates() {
			return nil, errorf(Forbidden, "Only moderators see who is banned")
		}
		text = `SELECT b.user_id, u.name, '' FROM bans b JOIN users u ON u.id = b.user_id WHERE b.room_id = $1 AND b.user_id > $2 ORDER BY b.user_id LIMIT $3`
	}
	rows, err := c.db.Query(ctx, text, roomID, afterID, MembersPage)
	out, err := db.Scan(rows, err, func(rows *sql.Rows, m *RoomMember) error { return rows.Scan(&m.UserID, &m.Name, &m.Role) })
	if err != nil {
		return nil, unreadable(err)
	}
	return out, nil
}
