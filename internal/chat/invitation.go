package chat

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"parley/internal/db"
)

// Invitation lets its bearers sign up, or join a room. The token is known only when it is made: the database has its hash.
type Invitation struct {
	ID          string
	RoomID      string // empty: to the server
	RoomName    string
	Role        Role
	CreatedBy   string
	CreatorName string
	CreatedAt   time.Time
	ExpiresAt   time.Time
	MaxUses     int
	Uses        int

	makerRole Role     // on the server
	inRoom    Role     // the maker's in the room; empty when they are not in it
	roomKind  RoomKind // of the room
}

// The bounds of an invitation.
const (
	defaultInvitation = 7 * 24 * time.Hour
	maxInvitation     = 90 * 24 * time.Hour
	maxUses           = 10_000
)

// InvitationDraft is an invitation to be made.
type InvitationDraft struct {
	RoomID  string        // empty: to the server
	Role    Role          // default Member
	Valid   time.Duration // default 7 days
	MaxUses int           // default 1
	// Then is called in the transaction that makes it, with its token. It may be nil.
	Then func(tx *db.Tx, i Invitation, token string) error
}

// Invite makes an invitation and returns its token.
func (c *Chat) Invite(ctx context.Context, a Actor, d InvitationDraft) (Invitation, string, error) {
	if d.Role == "" {
		d.Role = Member
	}
	if d.Valid == 0 {
		d.Valid = defaultInvitation
	}
	if d.MaxUses == 0 {
		d.MaxUses = 1
	}
	switch {
	case d.Valid < time.Minute || d.Valid > maxInvitation:
		return Invitation{}, "", errorf(Invalid, "An invitation is valid between a minute and 90 days")
	case d.MaxUses < 1 || d.MaxUses > maxUses:
		return Invitation{}, "", errorf(Invalid, fmt.Sprintf("An invitation can be used between 1 and %d times", maxUses))
	case d.Role == Guest || !d.Role.valid() || d.Role.Above(a.Role) || d.RoomID != "" && d.Role != Member:
		return Invitation{}, "", errorf(Forbidden, "You cannot give this role")
	case !a.Role.AtLeast(Member) || d.RoomID == "" && !c.mayInvitePeople(a.Role):
		return Invitation{}, "", errorf(Forbidden, "You cannot invite people to this server")
	}
	var raw [32]byte
	_, _ = rand.Read(raw[:]) // never fails: crypto/rand ends the program when the system has no randomness
	token := base64.RawURLEncoding.EncodeToString(raw[:])
	now := c.now()
	inv := Invitation{
		ID: c.newID(), RoomID: d.RoomID, Role: d.Role, CreatedBy: a.UserID, CreatorName: a.Name, CreatedAt: fromMicros(micros(now)),
		ExpiresAt: fromMicros(micros(now.Add(d.Valid))), MaxUses: d.MaxUses,
	}
	err := c.db.Tx(ctx, func(tx *db.Tx) error {
		if d.RoomID != "" {
			if err := mayInvite(ctx, tx, a, d.RoomID); err != nil {
				return err
			}
		}
		_, err := tx.Exec(ctx, `INSERT INTO invitations (id, token_hash, room_id, role, created_by, created_at, expires_at, max_uses)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`, inv.ID, tokenHash(token), orNull(inv.RoomID), string(inv.Role), a.UserID,
			micros(inv.CreatedAt), micros(inv.ExpiresAt), inv.MaxUses)
		if err == nil && d.Then != nil {
			err = d.Then(tx, inv, token)
		}
		return err
	})
	return inv, token, unwritten(err)
}

func tokenHash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

func mayInvite(ctx context.Context, q db.Querier, a Actor, roomID string) error {
	acc, err := findAccess(ctx, q, a.UserID, roomID)
	switch {
	case err != nil:
		return err
	case acc.RoomKind.direct() || roomID == Lobby || acc.thread():
		return errorf(Forbidden, "Nobody can be invited here")
	case acc.RoomKind == Private && !acc.moderates():
		return errorf(Forbidden, "Only moderators make links into this room")
	}
	return nil
}

// selectInvitations are those whose makers are here, with what they are now: see [Chat.stands].
const selectInvitations = `SELECT i.id, i.room_id, r.name, i.role, i.created_by, i.created_at, i.expires_at, i.max_uses, i.uses, c.name, c.role, cm.role, r.kind
	FROM invitations i JOIN users c ON c.id = i.created_by AND c.deactivated_at IS NULL LEFT JOIN rooms r ON r.id = i.room_id
	LEFT JOIN memberships cm ON cm.room_id = i.room_id AND cm.user_id = i.created_by AND cm.left_seq IS NULL `

func scanInvitation(row interface{ Scan(...any) error }, i *Invitation) error {
	var room, name, inRoom, kind sql.NullString
	var created, expires int64
	err := row.Scan(&i.ID, &room, &name, &i.Role, &i.CreatedBy, &created, &expires, &i.MaxUses, &i.Uses, &i.CreatorName, &i.makerRole, &inRoom, &kind)
	i.inRoom, i.roomKind = Role(inRoom.String), RoomKind(kind.String)
	i.RoomID, i.RoomName, i.CreatedAt, i.ExpiresAt = room.String, name.String, fromMicros(created), fromMicros(expires)
	return err
}

// Invitation returns what a token invites to, without using it. One that is over is NotFound.
func (c *Chat) Invitation(ctx context.Context, token string) (i Invitation, err error) {
	if err = c.findInvitation(ctx, c.db, token, &i); err != nil {
		return i, unreadable(err)
	}
	return i, nil
}

func (c *Chat) findInvitation(ctx context.Context, q db.Querier, token string, i *Invitation) error {
	err := scanInvitation(q.QueryRow(ctx, selectInvitations+`WHERE i.token_hash = $1 AND i.revoked_at IS NULL AND i.expires_at > $2 AND i.uses < i.max_uses`,
		tokenHash(token), micros(c.now())), i)
	if db.IsNotFound(err) || err == nil && !c.stands(*i) {
		return errorf(NotFound, "The invitation is over")
	}
	return err
}

// stands reports whether an invitation's maker may still give what it gives: otherwise whoever was put out of a room lets themselves in
// again, and an administrator who is none any more makes others.
func (c *Chat) stands(i Invitation) bool {
	switch {
	case i.RoomID == "":
		return !i.Role.Above(i.makerRole) && c.mayInvitePeople(i.makerRole)
	case i.roomKind == Private:
		return i.inRoom != "" && (i.inRoom.AtLeast(Moderator) || i.makerRole.AtLeast(Moderator))
	}
	return true
}

// mayInvitePeople reports whether a role may invite people to the server.
func (c *Chat) mayInvitePeople(r Role) bool {
	return r.AtLeast(Member) && r.AtLeast(c.limits.InviteRole)
}

// useInvitation counts one use, if there is one left.
func (c *Chat) useInvitation(ctx context.Context, tx *db.Tx, token string) (Invitation, error) {
	var i Invitation
	if err := c.findInvitation(ctx, tx, token, &i); err != nil {
		return i, err
	}
	n, err := tx.Exec(ctx, `UPDATE invitations SET uses = uses + 1 WHERE id = $1 AND uses < max_uses`, i.ID)
	if err == nil && n == 0 {
		err = errorf(NotFound, "The invitation is over")
	}
	return i, err
}

// JoinByInvitation makes the actor a member of the room that a link leads to. Who is in it already does not use the link up.
func (c *Chat) JoinByInvitation(ctx context.Context, a Actor, token string) (Room, error) {
	inv, err := c.Invitation(ctx, token)
	if err != nil {
		return Room{}, err
	}
	if inv.RoomID == "" {
		return Room{}, errorf(Invalid, "The invitation is to the server, not to a room")
	}
	var out Room
	err = c.change(ctx, a, inv.RoomID, func(b *batch) error {
		r, err := b.lockedRoom(inv.RoomID)
		if err != nil {
			return err
		}
		if _, err := findAccess(ctx, b.tx, a.UserID, r.ID); err == nil {
			out = r
			return nil
		}
		if _, err := c.useInvitation(b.ctx, b.tx, token); err != nil {
			return err
		}
		out, err = b.enter(a, r, a.UserID)
		return err
	})
	return out, err
}

// Invitations lists those that are not over: the actor's own, and for administrators everybody's, without those into rooms that
// the actor has no business in.
func (c *Chat) Invitations(ctx context.Context, a Actor) ([]Invitation, error) {
	everybodys := 0
	if a.Role.AtLeast(Admin) {
		everybodys = 1
	}
	rows, err := c.db.Query(ctx, selectInvitations+`WHERE i.revoked_at IS NULL AND i.expires_at > $1 AND i.uses < i.max_uses
		AND (i.created_by = $2 OR $3 = 1) AND (i.room_id IS NULL OR r.kind IN ('public', 'announcement')
			OR EXISTS (SELECT 1 FROM memberships m WHERE m.room_id = i.room_id AND m.user_id = $2 AND m.left_seq IS NULL)) ORDER BY i.id DESC LIMIT 200`, micros(c.now()), a.UserID, everybodys)
	out, err := db.Scan(rows, err, func(rows *sql.Rows, i *Invitation) error { return scanInvitation(rows, i) })
	if err != nil {
		return nil, unreadable(err)
	}
	return slices.DeleteFunc(out, func(i Invitation) bool { return !c.stands(i) }), nil
}

// RevokeInvitation ends an invitation. One that is over is no error.
func (c *Chat) RevokeInvitation(ctx context.Context, a Actor, id string) error {
	err := c.db.Tx(ctx, func(tx *db.Tx) error {
		var by string
		err := tx.QueryRow(ctx, `SELECT created_by FROM invitations WHERE id = $1`, id).Scan(&by)
		if db.IsNotFound(err) || err == nil && by != a.UserID && !a.Role.AtLeast(Admin) {
			return errorf(NotFound, "No such invitation")
		}
		if err == nil {
			_, err = tx.Exec(ctx, `UPDATE invitations SET revoked_at = $1 WHERE id = $2 AND revoked_at IS NULL`, micros(c.now()), id)
		}
		return err
	})
	return unwritten(err)
}
