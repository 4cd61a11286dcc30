package auth

import (
	"context"
	"database/sql"
	"time"

	"github.com/go-webauthn/webauthn/webauthn"

	"parley/internal/chat"
	"parley/internal/db"
	"parley/internal/jobs"
)

// Accounts signs people up and in.
type Accounts struct {
	Chat      *chat.Chat
	Sessions  *Sessions
	Passwords *Passwords
	Throttle  *Throttle
	Limits    Limits
	Jobs      *jobs.Queue
	Mail      bool // whether there is somebody who does the jobs that send letters
	Sealer    *Sealer
	Directory *LDAP // nil for none
	// Arrived is told of who signs in with a device that was not known. It may be nil.
	Arrived func(Arrival)

	origin   string
	webauthn *webauthn.WebAuthn
}

// Limits bound what can be tried at an account, on all nodes together.
type Limits struct {
	Letters      Allowance // that anybody can have sent to one address
	SignIns      Allowance // that an address can begin over HTTP
	Guesses      Allowance // at one account's password from browsers that are not known there, all together
	KnownGuesses Allowance // from one that is
	Codes        Allowance // of an authenticator that can be tried at one account
}

func (s *Accounts) db() *db.DB { return s.Sessions.DB }

func (s *Accounts) now() time.Time { return s.Sessions.Now() }

// SignUp is an account to be made.
type SignUp struct {
	Login, Name, Password, Invitation string
	From                              From
	// Guest is the guest who becomes the account, the zero Actor for a new person.
	Guest chat.Actor
}

// errWrong does not tell whether the account exists.
func errWrong() error {
	return &chat.Error{Kind: chat.Unauthenticated, Message: "Wrong name or password"}
}

// Create makes an account and signs it in. A guest's session ends with it: its token was given out before there was a password.
func (s *Accounts) Create(ctx context.Context, in SignUp) (chat.Actor, string, error) {
	login, err := chat.CleanLogin(in.Login)
	if err != nil {
		return chat.Actor{}, "", err
	}
	hash, err := s.Passwords.Hash(ctx, login, in.Password)
	if err != nil {
		return chat.Actor{}, "", err
	}
	u, err := s.Chat.CreateAccount(ctx, chat.AccountDraft{
		Login: login, Name: in.Name, PasswordHash: hash, Invitation: in.Invitation, Guest: in.Guest.UserID,
	})
	if err != nil {
		return chat.Actor{}, "", err
	}
	a, token, err := s.start(ctx, u, in.From)
	if err == nil && in.Guest.SessionID != "" {
		err = s.Sessions.Replace(ctx, u.ID, in.Guest.SessionID)
	}
	return a, token, err
}

// SignIn starts a session for who knows the password of an account, and has its second factor where one is asked for.
func (s *Accounts) SignIn(ctx context.Context, login string, p Proof, from From) (chat.Actor, string, error) {
	giveBack, err := s.guess(ctx, login, from)
	if err != nil {
		return chat.Actor{}, "", err
	}
	u, hash, err := s.Chat.Credentials(ctx, login)
	if err != nil && chat.AsError(err).Kind != chat.NotFound {
		return chat.Actor{}, "", err
	}
	if u.Deactivated {
		hash = ""
	}
	ok, err := s.Passwords.Matches(ctx, p.Password, hash)
	ours := ok
	if err == nil && !ok {
		u, ok, err = s.elsewhere(ctx, login, p.Password, hash)
	}
	if err != nil {
		return chat.Actor{}, "", err
	}
	if !ok {
		return chat.Actor{}, "", errWrong()
	}
	if err := giveBack(); err != nil {
		return chat.Actor{}, "", err
	}
	if err := s.checkSecond(ctx, u.ID, p); err != nil {
		return chat.Actor{}, "", err
	}
	if !ours {
		return s.start(ctx, u, from)
	}
	return s.startWith(ctx, u, hash, from)
}

// startWith is start for who has shown the password with a hash. If it has been changed meanwhile, all sessions were ended, and this one would be
// the exception.
func (s *Accounts) startWith(ctx context.Context, u chat.User, hash string, from From) (chat.Actor, string, error) {
	return s.startIf(ctx, u, from, func(tx *db.Tx) error {
		var now sql.NullString
		err := tx.QueryRow(ctx, `SELECT password_hash FROM users WHERE id = $1 AND deactivated_at IS NULL`+tx.Dialect().ForUpdate(), u.ID).Scan(&now)
		if db.IsNotFound(err) || err == nil && now.String != hash {
			return errWrong()
		}
		return err
	})
}

// elsewhere asks the directory, where there is one, for a password that is none of ours. A name that has a password here is not looked for
// there, but takes as long: the password that was tried at it is not the directory's business.
func (s *Accounts) elsewhere(ctx context.Context, login, password, hash string) (u chat.User, ok bool, err error) {
	if s.Directory == nil {
		return u, false, nil
	}
	if hash != "" {
		login, password = "-", "a password that nobody has"
	}
	u, err = s.signInLDAP(ctx, login, password)
	if err != nil && chat.AsError(err).Kind == chat.NotFound {
		return u, false, nil
	}
	return u, err == nil && hash == "", err
}

// SignInByPasskey starts a session for who has a passkey of an account.
func (s *Accounts) SignInByPasskey(ctx context.Context, c *Challenge, response []byte, from From) (chat.Actor, string, error) {
	userID, err := s.passkeyOwner(ctx, c, response)
	if err != nil {
		return chat.Actor{}, "", err
	}
	u, err := s.Chat.User(ctx, userID)
	if err != nil {
		return chat.Actor{}, "", err
	}
	return s.start(ctx, u, from)
}

func (s *Accounts) start(ctx context.Context, u chat.User, from From) (chat.Actor, string, error) {
	return s.startIf(ctx, u, from, func(*db.Tx) error { return nil })
}

// startIf starts a session unless check, in the same transaction, refuses it.
func (s *Accounts) startIf(ctx context.Context, u chat.User, from From, check func(*db.Tx) error) (chat.Actor, string, error) {
	token, session, err := s.Sessions.issue(ctx, u.ID, from.Agent, s.now().UnixMicro(), check)
	if err == nil {
		err = s.announce(ctx, u, session, from)
	}
	return chat.Actor{UserID: u.ID, Name: u.Name, Role: u.Role, SessionID: session}, token, err
}

// ChangePassword replaces the actor's password, for who knows the old one, and ends their other sessions.
func (s *Accounts) ChangePassword(ctx context.Context, a chat.Actor, old, password string) error {
	u, err := s.Chat.User(ctx, a.UserID)
	if err != nil {
		return err
	}
	ok, err := s.hasPassword(ctx, a, old)
	if err != nil {
		return err
	}
	if !ok {
		return &chat.Error{Kind: chat.Forbidden, Message: "Wrong password"}
	}
	_, hash, err := s.Chat.Credentials(ctx, u.Login)
	if err != nil {
		return err
	}
	if hash == "" {
		return &chat.Error{Kind: chat.Forbidden, Message: "Your password is the directory's: change it there"}
	}
	if err := s.SetPassword(ctx, u, password, a.SessionID); err != nil {
		return err
	}
	return s.tell(ctx, a.UserID, "the password of your account was changed, and all other devices were signed out")
}

// tell sends a letter about what happened to an account.
func (s *Accounts) tell(ctx context.Context, userID, what string) error {
	err := s.db().Tx(ctx, func(tx *db.Tx) error { return s.notify(ctx, tx, userID, "", what) })
	if err != nil {
		return unsaved(err)
	}
	s.wake()
	return nil
}

// SetPassword replaces a password without asking for the old one, and ends all sessions but one, which may be none.
func (s *Accounts) SetPassword(ctx context.Context, u chat.User, password, keepSession string) error {
	hash, err := s.Passwords.Hash(ctx, u.Login, password)
	if err != nil {
		return err
	}
	return s.Chat.SetPassword(ctx, u.ID, hash, keepSession)
}
