package auth

import (
	"context"

	"parley/internal/chat"
	"parley/internal/db"
)

// Proof is what somebody proves with who they are: a password, with a second factor where one is asked for, or a passkey.
type Proof struct {
	Password  string
	Code      string     // of an authenticator, or a recovery code
	Passkey   []byte     // a passkey's answer to the challenge
	Challenge *Challenge // the connection's; nil for none
}

// Second is what is known of a person's second factor.
type Second struct {
	Required bool // a password alone is not enough
	TOTP     bool
	Recovery int // codes that are left
}

// SecondOf tells what protects an account besides its password.
func (s *Accounts) SecondOf(ctx context.Context, userID string) (Second, error) {
	var out Second
	var required, totp int
	err := s.db().QueryRow(ctx, `SELECT u.second_factor, (SELECT count(*) FROM totps t WHERE t.user_id = u.id AND t.enabled_at IS NOT NULL),
		(SELECT count(*) FROM recovery_codes r WHERE r.user_id = u.id) FROM users u WHERE u.id = $1`, userID).Scan(&required, &totp, &out.Recovery)
	if err != nil && !db.IsNotFound(err) {
		return out, unreadable(err)
	}
	out.Required, out.TOTP = required != 0, totp != 0
	return out, nil
}

func (s *Accounts) needsSecond(ctx context.Context, userID string) (bool, error) {
	second, err := s.SecondOf(ctx, userID)
	return second.Required, err
}

// checkSecond checks the second factor of who has given the right password, where one is asked for.
func (s *Accounts) checkSecond(ctx context.Context, userID string, p Proof) error {
	needs, err := s.needsSecond(ctx, userID)
	if err != nil || !needs {
		return err
	}
	switch {
	case len(p.Passkey) > 0:
		who, err := s.passkeyOwner(ctx, p.Challenge, p.Passkey)
		if err == nil && who != userID {
			err = errPasskey(nil)
		}
		return err
	case p.Code == "":
		return &chat.Error{Kind: chat.SecondFactor, Message: "Enter a code of your authenticator, or use a passkey"}
	case isRecoveryCode(p.Code):
		return s.useRecovery(ctx, userID, p.Code)
	}
	return s.useTOTP(ctx, userID, p.Code, true)
}

// Confirm notes that the actor has proved again who they are: for a short time they may change what protects their account.
func (s *Accounts) Confirm(ctx context.Context, a chat.Actor, p Proof) error {
	if p.Password == "" && len(p.Passkey) > 0 {
		who, err := s.passkeyOwner(ctx, p.Challenge, p.Passkey)
		if err == nil && who != a.UserID {
			err = errPasskey(nil)
		}
		if err != nil {
			return err
		}
		return s.Sessions.Confirm(ctx, a.SessionID)
	}
	ok, err := s.hasPassword(ctx, a, p.Password)
	if err != nil {
		return err
	}
	if !ok {
		return &chat.Error{Kind: chat.Forbidden, Message: "Wrong password"}
	}
	if err := s.checkSecond(ctx, a.UserID, p); err != nil {
		return err
	}
	return s.Sessions.Confirm(ctx, a.SessionID)
}

// hasPassword reports whether who uses a session knows its person's password. Whoever has got hold of a session has as few attempts at guessing
// it as at signing in; they are the session's own, so that nobody else is locked out.
func (s *Accounts) hasPassword(ctx context.Context, a chat.Actor, password string) (bool, error) {
	key := "password in session " + a.SessionID
	if err := s.Throttle.Take(ctx, s.Limits.KnownGuesses, key); err != nil {
		return false, err
	}
	u, err := s.Chat.User(ctx, a.UserID)
	if err != nil {
		return false, err
	}
	ok, err := s.passwordOf(ctx, u, password)
	if err == nil && ok {
		err = s.Throttle.GiveBack(ctx, s.Limits.KnownGuesses, key)
	}
	return ok, err
}

// passwordOf reports whether a password is a person's, here or in the directory.
func (s *Accounts) passwordOf(ctx context.Context, u chat.User, password string) (bool, error) {
	_, hash, err := s.Chat.Credentials(ctx, u.Login)
	if err != nil {
		return false, err
	}
	ok, err := s.Passwords.Matches(ctx, password, hash)
	if err == nil && !ok && hash == "" && s.Directory != nil {
		return s.ldapPassword(ctx, u.ID, password)
	}
	return ok, err
}
