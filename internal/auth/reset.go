package auth

import (
	"context"
	"encoding/hex"
	"strings"
	"unicode"

	"parley/internal/chat"
	"parley/internal/db"
	"parley/internal/jobs"
)

// ForgotPassword asks for a letter with a link to set a new password, by the account's name or its address. Whether there is such an
// account is found out by whoever writes the letter: neither the answer nor its time tells.
func (s *Accounts) ForgotPassword(ctx context.Context, name string) error {
	if !s.Mail {
		return errNoMail()
	}
	name = strings.ToLower(strings.TrimSpace(name))
	if name == "" || len(name) > 254 || strings.ContainsFunc(name, unicode.IsControl) {
		return &chat.Error{Kind: chat.Invalid, Message: "The name of the account, or its e-mail address, is expected"}
	}
	if err := s.Throttle.Take(ctx, s.Limits.Letters, "letters for "+name); err != nil {
		return err
	}
	return s.put(ctx, jobs.New{Kind: ResetMail, Key: hex.EncodeToString(hash(name))[:32], Payload: ResetJob{name}})
}

// Reset is a letter to be written.
type Reset struct{ Address, Login, Token string }

// MintReset makes the token for a letter. It is empty when there is nobody to write to: no such account, none with a verified address or a
// password, or one that has enough valid links already.
func (s *Accounts) MintReset(ctx context.Context, j ResetJob) (Reset, error) {
	var r Reset
	var userID string
	err := s.db().QueryRow(ctx, `SELECT u.id, u.login, e.address FROM users u JOIN emails e ON e.user_id = u.id
		WHERE (u.login = $1 OR e.address = $1) AND u.password_hash IS NOT NULL AND u.deactivated_at IS NULL ORDER BY u.login <> $1 LIMIT 1`,
		j.Name).Scan(&userID, &r.Login, &r.Address)
	if db.IsNotFound(err) {
		return Reset{}, nil
	}
	if err != nil {
		return r, unreadable(err)
	}
	r.Token, err = s.mint(ctx, resetToken, userID, "", ResetTimeout)
	return r, err
}

// ResetPassword sets a new password for who has a token, from a letter or an administrator, which is used up, and ends all sessions of the account. Nobody is
// signed in by it: a second factor is asked for as ever.
func (s *Accounts) ResetPassword(ctx context.Context, token, password string) error {
	hashed, err := s.Passwords.Hash(ctx, "", password) // before the token is used up: a password that is refused costs nothing
	if err != nil {
		return err
	}
	var userID string
	err = s.db().Tx(ctx, func(tx *db.Tx) (err error) {
		var maker string
		if userID, maker, err = consume(ctx, tx, s.now(), resetToken, token, ""); err != nil {
			return err
		}
		if maker != "" {
			if err = stillAbove(ctx, tx, maker, userID); err != nil {
				return err
			}
		}
		if _, err = tx.Exec(ctx, `DELETE FROM devices WHERE user_id = $1`, userID); err != nil { // whoever had the password may have signed in
			return err
		}
		return s.notify(ctx, tx, userID, "", "the password of your account was reset by a link, and all devices were signed out")
	})
	if err != nil {
		return asUnsaved(err)
	}
	s.wake()
	u, err := s.Chat.User(ctx, userID)
	if err != nil {
		return err
	}
	if u.Deactivated {
		return errLinkOver()
	}
	return s.Chat.SetPassword(ctx, userID, hashed, "")
}
