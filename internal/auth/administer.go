package auth

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"parley/internal/chat"
	"parley/internal/db"
)

// Administered is a person as those see them who administer the server.
type Administered struct {
	ID, Name     string
	Login        string // empty for a guest
	Role         chat.Role
	Avatar       string
	Presence     string // what they want to appear as
	Suspended    bool
	CreatedAt    time.Time
	SeenAt       time.Time // when a session of theirs was used last, exact to an hour; zero for never
	Sessions     int       // that have not ended
	HasPassword  bool      // otherwise they sign in elsewhere, or with a passkey
	SecondFactor bool
}

// PeopleQuery says which people are looked for.
type PeopleQuery struct {
	Text  string    // in the name or the account's name; empty for everybody
	Role  chat.Role // empty for all
	State string    // active, suspended, or empty for both
	After string    // id of the last one of the page before
}

const (
	// PeoplePage is how many people are listed at once.
	PeoplePage = 50
	maxQuery   = 100 // characters
)

// peopleWhere has the placeholders of the text, of it in a pattern of lower case and as it was typed, of the role and of the state. SQLite's lower
// knows only ASCII.
const peopleWhere = `($1 = '' OR lower(u.name) LIKE $2 ESCAPE '!' OR u.name LIKE $3 ESCAPE '!' OR u.login LIKE $2 ESCAPE '!')
	AND ($4 = '' OR u.role = $4) AND ($5 = '' OR (u.deactivated_at IS NOT NULL) = ($5 = 'suspended'))`

// peopleOrder is the place of a person u in the list: accounts first, by name.
const peopleOrder = `CASE WHEN u.login IS NULL THEN 1 ELSE 0 END, lower(u.name), u.id`

// People lists the people of the server, accounts first, by name, and how many there are altogether; that is counted with the first page
// alone, and -1 afterwards.
func (s *Accounts) People(ctx context.Context, q PeopleQuery) (people []Administered, total int, err error) {
	q.Text = strings.TrimSpace(q.Text)
	switch {
	case utf8.RuneCountInString(q.Text) > maxQuery:
		return nil, 0, &chat.Error{Kind: chat.TooLarge, Message: fmt.Sprintf("The query is too long (max %d characters)", maxQuery)}
	case q.State != "" && q.State != "active" && q.State != "suspended":
		return nil, 0, &chat.Error{Kind: chat.Invalid, Message: "state must be active or suspended"}
	}
	args := []any{q.Text, db.Containing(strings.ToLower(q.Text)), db.Containing(q.Text), string(q.Role), q.State}
	total = -1
	if q.After == "" {
		if err := s.db().QueryRow(ctx, `SELECT count(*) FROM users u WHERE `+peopleWhere, args...).Scan(&total); err != nil {
			return nil, 0, unreadable(err)
		}
	}
	now := s.now()
	rows, err := s.db().Query(ctx, `SELECT u.id, u.name, coalesce(u.login, ''), u.role, u.avatar, u.presence, u.deactivated_at, u.created_at, u.second_factor,
		CASE WHEN u.password_hash IS NULL THEN 0 ELSE 1 END, (SELECT max(n.used_at) FROM sessions n WHERE n.user_id = u.id),
		(SELECT count(*) FROM sessions n WHERE n.user_id = u.id AND n.revoked_at IS NULL AND n.used_at > $6 AND n.created_at > $7)
		FROM users u WHERE `+peopleWhere+` AND ($8 = '' OR (`+peopleOrder+`) > (SELECT `+peopleOrder+` FROM users u WHERE u.id = $8))
		ORDER BY `+peopleOrder+` LIMIT $9`,
		append(args, now.Add(-IdleTimeout).UnixMicro(), now.Add(-AbsoluteTimeout).UnixMicro(), q.After, PeoplePage)...)
	people, err = db.Scan(rows, err, scanAdministered)
	if err != nil {
		return nil, 0, unreadable(err)
	}
	return people, total, nil
}

func scanAdministered(rows *sql.Rows, p *Administered) error {
	var off, seen sql.NullInt64
	var created int64
	var second, password int
	err := rows.Scan(&p.ID, &p.Name, &p.Login, &p.Role, &p.Avatar, &p.Presence, &off, &created, &second, &password, &seen, &p.Sessions)
	p.Suspended, p.CreatedAt, p.SecondFactor, p.HasPassword = off.Valid, time.UnixMicro(created).UTC(), second != 0, password != 0
	if seen.Valid {
		p.SeenAt = time.UnixMicro(seen.Int64).UTC()
	}
	return err
}

// below returns somebody whom the actor may act on: of a lesser role than their own. Otherwise an administrator would become an owner by an
// owner's password.
func (s *Accounts) below(ctx context.Context, a chat.Actor, userID string) (chat.User, error) {
	u, err := s.Chat.User(ctx, userID)
	if err == nil && (!a.Role.AtLeast(chat.Admin) || !a.Role.Above(u.Role)) {
		err = errAbove()
	}
	return u, err
}

func errAbove() error {
	return &chat.Error{Kind: chat.Forbidden, Message: "They stand above what you may change"}
}

// SignOutEverywhere ends all sessions of somebody below the actor, and returns how many they were.
func (s *Accounts) SignOutEverywhere(ctx context.Context, a chat.Actor, userID string) (int, error) {
	if _, err := s.below(ctx, a, userID); err != nil {
		return 0, err
	}
	return s.Sessions.RevokeAll(ctx, userID, "Signed out by an administrator")
}

// RemoveFactors takes the second factors of somebody below the actor away, who must have proved who they are.
func (s *Accounts) RemoveFactors(ctx context.Context, a chat.Actor, userID string) error {
	if err := s.Sessions.requireConfirmed(ctx, a.SessionID); err != nil {
		return err
	}
	if _, err := s.below(ctx, a, userID); err != nil {
		return err
	}
	err := s.ResetFactors(ctx, userID)
	s.wake()
	return err
}

// ResetLink makes the token by which somebody below the actor sets a new password, for the actor to hand over, who must have proved who they
// are. It is worth nothing any more when the actor stands above them no longer.
func (s *Accounts) ResetLink(ctx context.Context, a chat.Actor, userID string) (token string, until time.Time, err error) {
	if err = s.Sessions.requireConfirmed(ctx, a.SessionID); err != nil {
		return "", until, err
	}
	u, err := s.below(ctx, a, userID)
	if err != nil {
		return "", until, err
	}
	_, hash, err := s.Chat.Credentials(ctx, u.Login)
	switch {
	case u.Login == "" || err == nil && hash == "":
		return "", until, &chat.Error{Kind: chat.Conflict, Message: "They have no password here: they sign in by other means"}
	case err != nil:
		return "", until, err
	case u.Deactivated:
		return "", until, &chat.Error{Kind: chat.Conflict, Message: "The account is suspended"}
	}
	until = s.now().Add(ResetTimeout)
	if token, err = s.mint(ctx, resetToken, userID, a.UserID, ResetTimeout); err == nil && token == "" {
		err = &chat.Error{Kind: chat.Conflict, Message: "They have enough links that are still valid"}
	}
	return token, until, err
}

// stillAbove refuses a link that was made by somebody who could not make it any more.
func stillAbove(ctx context.Context, tx *db.Tx, maker, userID string) error {
	var over, under chat.Role
	err := tx.QueryRow(ctx, `SELECT m.role, u.role FROM users m, users u WHERE m.id = $1 AND m.deactivated_at IS NULL AND u.id = $2`, maker, userID).Scan(&over, &under)
	if db.IsNotFound(err) || err == nil && (!over.AtLeast(chat.Admin) || !over.Above(under)) {
		return errLinkOver()
	}
	return err
}
