package chat

import (
	"context"
	"database/sql"
	"regexp"
	"strings"

	"parley/internal/db"
)

// SignUp is who may make an account.
type SignUp string

// The modes of signing up.
const (
	SignUpOpen   SignUp = "open"
	SignUpInvite SignUp = "invite" // with an invitation
	SignUpClosed SignUp = "closed" // nobody but the owner, who is the first
)

var loginPattern = regexp.MustCompile(`^[a-z0-9](?:[a-z0-9._-]{0,28}[a-z0-9])$`)

// CleanLogin checks the name of an account.
func CleanLogin(login string) (string, error) {
	login = strings.ToLower(strings.TrimSpace(login))
	if !loginPattern.MatchString(login) {
		return "", errorf(Invalid, "The account's name must be 2 to 30 of a–z, 0–9 and . _ - between them")
	}
	switch login {
	case "all", "here", "channel", "everyone", "parley", "system":
		return "", errorf(Invalid, "This name is reserved")
	}
	return login, nil
}

// AccountDraft is an account to be made.
type AccountDraft struct {
	Login        string
	Name         string // default the login
	PasswordHash string // empty for none: they sign in by other means
	Invitation   string // token, when one is needed
	Guest        string // id of the guest who becomes this account and keeps what they wrote; empty for a new person
	// Role is of an account that somebody trusted makes for its owner: no invitation is needed then. Empty: who signs up decides nothing.
	Role Role
	// Then is called in the transaction that makes the account. It may be nil.
	Then func(*db.Tx, User) error
}

// CreateAccount makes an account. The first one on a server is its owner's.
func (c *Chat) CreateAccount(ctx context.Context, d AccountDraft) (User, error) {
	var err error
	if d.Login, err = CleanLogin(d.Login); err != nil {
		return User{}, err
	}
	if d.Name == "" {
		d.Name = d.Login
	}
	if d.Name, err = CleanName(d.Name); err != nil {
		return User{}, err
	}
	var u User
	var invited *Invitation
	err = c.db.Tx(ctx, func(tx *db.Tx) error {
		if err := lockDirectory(ctx, tx); err != nil { // of several at once the first is the owner
			return err
		}
		role, inv, err := c.admit(ctx, tx, d)
		if err != nil {
			return err
		}
		invited = inv
		if d.Guest == "" {
			u = User{Name: d.Name, Login: d.Login, Role: role}
			err = c.insertUser(ctx, tx, &u, orNull(d.PasswordHash))
		} else {
			err = c.adopt(ctx, tx, d, role, &u)
		}
		if err == nil && d.Then != nil {
			err = d.Then(tx, u)
		}
		return err
	})
	if isUnique(err) {
		return User{}, errorf(Conflict, "This account name is taken")
	}
	if err != nil {
		return User{}, unwritten(err)
	}
	c.publish(Event{Person: &u})
	if invited != nil && invited.RoomID != "" {
		_, err = c.JoinByInvitation(ctx, Actor{UserID: u.ID, Name: u.Name, Role: u.Role}, d.Invitation)
	}
	return u, err
}

// admit decides whether somebody may sign up, and as what.
func (c *Chat) admit(ctx context.Context, tx *db.Tx, d AccountDraft) (Role, *Invitation, error) {
	if d.Role != "" {
		return d.Role, nil, nil
	}
	token := d.Invitation
	var one int
	err := tx.QueryRow(ctx, `SELECT 1 FROM users WHERE role = 'owner' LIMIT 1`).Scan(&one)
	if db.IsNotFound(err) {
		return Owner, nil, nil
	}
	if err != nil {
		return "", nil, err
	}
	switch mode := c.limits.SignUp; {
	case mode == SignUpClosed:
		return "", nil, errorf(Forbidden, "Signing up is closed here")
	case token == "" && mode == SignUpOpen:
		return Member, nil, nil
	case token == "":
		return "", nil, errorf(Forbidden, "An invitation is needed to sign up here")
	}
	inv, err := c.useInvitation(ctx, tx, token)
	if err == nil && c.limits.SignUp == SignUpInvite && !c.mayInvitePeople(inv.makerRole) { // a link into a room is for people of this server
		err = errorf(Forbidden, "This is a link into a room: an invitation to the server is needed first")
	}
	return inv.Role, &inv, err
}

// adopt turns a guest into an account.
func (c *Chat) adopt(ctx context.Context, tx *db.Tx, d AccountDraft, role Role, u *User) error {
	var err error
	if *u, err = findUser(ctx, tx, d.Guest); err != nil {
		return err
	}
	if u.Role != Guest {
		return errorf(Conflict, "You have an account already")
	}
	u.Login, u.Name, u.Role = d.Login, d.Name, role
	if u.Version, err = nextVersion(ctx, tx); err != nil {
		return err
	}
	if err := c.storeUser(ctx, tx, *u); err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `UPDATE users SET password_hash = $1 WHERE id = $2`, orNull(d.PasswordHash), u.ID)
	return err
}

// HasOwner reports whether the server has an owner: the first account is.
func (c *Chat) HasOwner(ctx context.Context) (bool, error) {
	var one int
	err := c.db.QueryRow(ctx, `SELECT 1 FROM users WHERE role = 'owner' LIMIT 1`).Scan(&one)
	if err != nil && !db.IsNotFound(err) {
		return false, unreadable(err)
	}
	return err == nil, nil
}

// Credentials returns the person with a login and the hash of their password. No such person is NotFound.
func (c *Chat) Credentials(ctx context.Context, login string) (User, string, error) {
	var u User
	var hash sql.NullString
	login = strings.ToLower(strings.TrimSpace(login))
	if !loginPattern.MatchString(login) { // nobody is called so, and the database need not see it
		return u, "", errorf(NotFound, "No such account")
	}
	row := c.db.QueryRow(ctx, strings.Replace(selectUsers, " FROM users u ", ", u.password_hash FROM users u ", 1)+`WHERE u.login = $1`, login)
	err := scanUser(alsoScan{row, &hash}, &u)
	if db.IsNotFound(err) {
		return u, "", errorf(NotFound, "No such account")
	}
	if err != nil {
		return u, "", unreadable(err)
	}
	return u, hash.String, nil
}

// alsoScan reads one more column than the others know of.
type alsoScan struct {
	row  *sql.Row
	last any
}

// Scan implements the one method that rows have in common.
func (s alsoScan) Scan(to ...any) error { return s.row.Scan(append(to, s.last)...) }

// SetPassword replaces a password's hash and ends all sessions but one, which may be none.
func (c *Chat) SetPassword(ctx context.Context, userID, hash, keepSession string) error {
	var ended []string
	err := c.db.Tx(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec(ctx, `UPDATE users SET password_hash = $1 WHERE id = $2 AND login IS NOT NULL`, hash, userID)
		if err == nil && n == 0 {
			err = errorf(NotFound, "No such account")
		}
		if err != nil {
			return err
		}
		rows, err := tx.Query(ctx, `UPDATE sessions SET revoked_at = `+tx.Dialect().Now()+` WHERE user_id = $1 AND id <> $2 AND revoked_at IS NULL
			RETURNING id`, userID, keepSession)
		ended, err = db.Scan(rows, err, scanString)
		return err
	})
	if err == nil && len(ended) > 0 {
		c.publish(Event{Ended: &Ended{UserID: userID, SessionIDs: ended, Reason: "The password was changed"}})
	}
	return unwritten(err)
}

// SetRole gives somebody another role on the server. Nobody can give more than they have, nor take from who stands above them; the
// last owner stays.
func (c *Chat) SetRole(ctx context.Context, a Actor, userID string, role Role) (User, error) {
	if !role.valid() {
		return User{}, errorf(Invalid, "role must be owner, admin, moderator, member or guest")
	}
	if !a.Role.AtLeast(Admin) {
		return User{}, errorf(Forbidden, "Only administrators give roles")
	}
	return c.changeUser(ctx, userID, func(tx *db.Tx, u *User) error {
		switch {
		case u.Role == role:
			return nil
		case u.Role == Guest || role == Guest:
			return errorf(Invalid, "Guests become members by creating an account")
		case role.Above(a.Role) || u.Role.Above(a.Role) || u.Role == a.Role && a.Role != Owner:
			return errorf(Forbidden, "They stand above what you may change")
		}
		if u.Role == Owner {
			if err := lastOwner(ctx, tx, u.ID); err != nil {
				return err
			}
		}
		u.Role = role
		return nil
	})
}

func lastOwner(ctx context.Context, tx *db.Tx, userID string) error {
	var one int
	err := tx.QueryRow(ctx, `SELECT 1 FROM users WHERE role = 'owner' AND id <> $1 AND deactivated_at IS NULL LIMIT 1`, userID).Scan(&one)
	if db.IsNotFound(err) {
		return errorf(Forbidden, "The server's last owner has to stay")
	}
	return err
}

// Deactivate takes somebody's access away, or gives it back: what they wrote stays, their sessions end.
func (c *Chat) Deactivate(ctx context.Context, a Actor, userID string, off bool) (User, error) {
	u, err := c.changeUser(ctx, userID, func(tx *db.Tx, u *User) error {
		if a.UserID != userID && (!a.Role.AtLeast(Moderator) || !a.Role.Above(u.Role)) {
			return errorf(Forbidden, "They stand above what you may change")
		}
		if u.Role == Owner && off {
			if err := lastOwner(ctx, tx, u.ID); err != nil {
				return err
			}
		}
		if u.Deactivated = off; !off {
			return nil
		}
		_, err := tx.Exec(ctx, `UPDATE sessions SET revoked_at = `+tx.Dialect().Now()+` WHERE user_id = $1 AND revoked_at IS NULL`, userID)
		return err
	})
	if err == nil && off {
		c.publish(Event{Ended: &Ended{UserID: userID, Reason: "The account was deactivated"}})
	}
	return u, err
}

// Accounts lists all accounts by name, the deactivated ones too.
func (c *Chat) Accounts(ctx context.Context) ([]User, error) {
	rows, err := c.db.Query(ctx, selectUsers+`WHERE u.login IS NOT NULL ORDER BY u.login`)
	return readUsers(rows, err)
}
