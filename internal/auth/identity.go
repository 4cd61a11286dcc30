package auth

import (
	"context"
	"database/sql"
	"strings"
	"time"
	"unicode"

	"parley/internal/chat"
	"parley/internal/db"
)

// Identity is who somebody is elsewhere, as whom we trust there tells.
type Identity struct {
	Issuer, Subject string
	Login           string // what they would like to be called
	Name            string
	Email           string
	EmailVerified   bool
}

// Linked is an identity that a person has.
type Linked struct {
	Issuer            string
	CreatedAt, UsedAt time.Time
}

// Identities lists who a person is elsewhere.
func (s *Accounts) Identities(ctx context.Context, userID string) ([]Linked, error) {
	rows, err := s.db().Query(ctx, `SELECT issuer, created_at, used_at FROM identities WHERE user_id = $1 ORDER BY created_at`, userID)
	list, err := db.Scan(rows, err, func(rows *sql.Rows, l *Linked) error {
		var created, used int64
		err := rows.Scan(&l.Issuer, &created, &used)
		l.CreatedAt, l.UsedAt = time.UnixMicro(created).UTC(), time.UnixMicro(used).UTC()
		return err
	})
	if err != nil {
		return nil, unreadable(err)
	}
	return list, nil
}

// Provisioning says what happens to an identity that nobody here has yet.
type Provisioning struct {
	SignUp      bool // an account is made for it
	LinkByEmail bool // it becomes that of the account with the same address, both verified
}

// SignInAs starts a session of whoever has an identity.
func (s *Accounts) SignInAs(ctx context.Context, who Identity, p Provisioning, from From) (chat.Actor, string, error) {
	u, err := s.ownerOf(ctx, who)
	if chat.AsError(err).Kind == chat.NotFound && err != nil {
		u, err = s.adoptIdentity(ctx, who, p)
	}
	if err != nil {
		return chat.Actor{}, "", err
	}
	if u.Deactivated {
		return chat.Actor{}, "", errWrong()
	}
	return s.start(ctx, u, from)
}

// ownerOf is who has an identity. Nobody is NotFound.
func (s *Accounts) ownerOf(ctx context.Context, who Identity) (chat.User, error) {
	var userID string
	err := s.db().Tx(ctx, func(tx *db.Tx) error {
		return tx.QueryRow(ctx, `UPDATE identities SET used_at = $1 WHERE issuer = $2 AND subject = $3 RETURNING user_id`,
			s.now().UnixMicro(), who.Issuer, who.Subject).Scan(&userID)
	})
	if db.IsNotFound(err) {
		return chat.User{}, &chat.Error{Kind: chat.NotFound, Message: "Nobody here has this identity"}
	}
	if err != nil {
		return chat.User{}, unsaved(err)
	}
	return s.Chat.User(ctx, userID)
}

// adoptIdentity gives an identity that nobody has to an account.
func (s *Accounts) adoptIdentity(ctx context.Context, who Identity, p Provisioning) (chat.User, error) {
	address := ""
	if who.EmailVerified {
		if clean, err := CleanEmail(who.Email); err == nil {
			address = clean
		}
	}
	var holder string
	if address != "" {
		err := s.db().QueryRow(ctx, `SELECT user_id FROM emails WHERE address = $1`, address).Scan(&holder)
		if err != nil && !db.IsNotFound(err) {
			return chat.User{}, unreadable(err)
		}
	}
	if holder != "" && who.Issuer == ldapIssuer { // who is in the directory could not link it
		holder, address = "", ""
	}
	switch {
	case holder != "":
		return s.linkByEmail(ctx, who, p, holder)
	case !p.SignUp:
		return chat.User{}, &chat.Error{Kind: chat.Forbidden, Message: "There is no account for you here: ask an administrator"}
	}
	return s.provision(ctx, who, address)
}

// linkByEmail gives an identity to the account with the same address, where that is wanted. Not to one that asks for a second factor, which
// would be gone around, nor to an administrator's: these link it themselves, signed in.
func (s *Accounts) linkByEmail(ctx context.Context, who Identity, p Provisioning, holder string) (chat.User, error) {
	u, err := s.Chat.User(ctx, holder)
	if err != nil {
		return u, err
	}
	needs, err := s.needsSecond(ctx, holder)
	if err != nil {
		return u, err
	}
	waiting, err := s.nobodysYet(ctx, holder)
	if err != nil {
		return u, err
	}
	if !waiting && (!p.LinkByEmail || needs || u.Role.AtLeast(chat.Moderator)) || u.Deactivated {
		return u, &chat.Error{Kind: chat.Conflict, Message: "An account has your address already: sign in there, and link this one in its settings"}
	}
	err = s.db().Tx(ctx, func(tx *db.Tx) error { return s.insertIdentity(ctx, tx, who, u.ID) })
	if err != nil {
		return u, asUnsaved(err)
	}
	s.wake()
	return u, nil
}

// provision makes an account for an identity. No name is taken over: who is called as somebody here gets a number.
func (s *Accounts) provision(ctx context.Context, who Identity, address string) (chat.User, error) {
	role := chat.Member
	owned, err := s.Chat.HasOwner(ctx)
	if err != nil {
		return chat.User{}, err
	}
	if !owned {
		role = chat.Owner
	}
	base := loginFrom(who.Login)
	for n := range 50 {
		login := numbered(base, n)
		u, err := s.Chat.CreateAccount(ctx, chat.AccountDraft{
			Login: login, Name: nameFrom(who.Name, login), Role: role,
			Then: func(tx *db.Tx, u chat.User) error {
				if address != "" {
					if err := s.setEmail(ctx, tx, u.ID, address); err != nil {
						return err
					}
				}
				return s.insertIdentity(ctx, tx, who, u.ID)
			},
		})
		if isNameTaken(err) {
			continue
		}
		return u, err
	}
	return chat.User{}, &chat.Error{Kind: chat.Conflict, Message: "No free account name was found for you: ask an administrator"}
}

func (s *Accounts) insertIdentity(ctx context.Context, tx *db.Tx, who Identity, userID string) error {
	n, err := tx.Exec(ctx, `INSERT INTO identities (issuer, subject, user_id, created_at, used_at) VALUES ($1, $2, $3, $4, $4) ON CONFLICT DO NOTHING`,
		who.Issuer, who.Subject, userID, s.now().UnixMicro())
	if err == nil && n == 0 {
		return &chat.Error{Kind: chat.Conflict, Message: "Another account has this identity"}
	}
	if err != nil {
		return err
	}
	return s.notify(ctx, tx, userID, "", "your account can be signed in to by way of "+who.Issuer+" from now on")
}

// Link gives an identity to the person of a session, who has shown that it is theirs.
func (s *Accounts) Link(ctx context.Context, userID, sessionID string, who Identity) error {
	if err := s.Sessions.requireConfirmed(ctx, sessionID); err != nil {
		return err
	}
	if u, err := s.ownerOf(ctx, who); err == nil && u.ID == userID {
		return nil
	}
	err := s.db().Tx(ctx, func(tx *db.Tx) error { return s.insertIdentity(ctx, tx, who, userID) })
	if err != nil {
		return asUnsaved(err)
	}
	s.wake()
	return nil
}

// ConfirmAs notes that the person of a session has proved elsewhere who they are.
func (s *Accounts) ConfirmAs(ctx context.Context, userID, sessionID string, who Identity) error {
	u, err := s.ownerOf(ctx, who)
	if err != nil {
		return err
	}
	if u.ID != userID {
		return &chat.Error{Kind: chat.Forbidden, Message: "This is another account's identity"}
	}
	return s.Sessions.Confirm(ctx, sessionID)
}

// Unlink takes an identity away. Somebody who could then not sign in any more keeps it.
func (s *Accounts) Unlink(ctx context.Context, a chat.Actor, issuer string) error {
	if err := s.Sessions.requireConfirmed(ctx, a.SessionID); err != nil {
		return err
	}
	if strings.ContainsFunc(issuer, unicode.IsControl) {
		return &chat.Error{Kind: chat.NotFound, Message: "No such identity"}
	}
	err := s.db().Tx(ctx, func(tx *db.Tx) error {
		var ways int
		err := tx.QueryRow(ctx, `SELECT (SELECT count(*) FROM users WHERE id = $1 AND password_hash IS NOT NULL) + (SELECT count(*) FROM passkeys WHERE user_id = $1)
			+ (SELECT count(*) FROM identities WHERE user_id = $1 AND issuer <> $2)`, a.UserID, issuer).Scan(&ways)
		if err != nil {
			return err
		}
		if ways == 0 {
			return &chat.Error{Kind: chat.Conflict, Message: "You could not sign in any more: add a passkey first"}
		}
		n, err := tx.Exec(ctx, `DELETE FROM identities WHERE user_id = $1 AND issuer = $2`, a.UserID, issuer)
		if err == nil && n == 0 {
			return &chat.Error{Kind: chat.NotFound, Message: "No such identity"}
		}
		if err != nil {
			return err
		}
		return s.notify(ctx, tx, a.UserID, "", "your account can no longer be signed in to by way of "+issuer)
	})
	if err != nil {
		return asUnsaved(err)
	}
	s.wake()
	return nil
}

// loginFrom makes an account's name of what somebody is called elsewhere.
func loginFrom(text string) string {
	text, _, _ = strings.Cut(strings.ToLower(text), "@")
	text = strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '.' || r == '_' || r == '-' {
			return r
		}
		return -1
	}, text)
	text = strings.Trim(text[:min(len(text), 30)], "._-")
	if _, err := chat.CleanLogin(text); err != nil {
		return "person"
	}
	return text
}

func nameFrom(name, login string) string {
	r := []rune(strings.TrimSpace(name))
	name, err := chat.CleanName(string(r[:min(len(r), 30)]))
	if err != nil {
		return login
	}
	return name
}
