package auth

import (
	"context"
	"errors"
	"regexp"
	"strings"
	"time"

	"parley/internal/chat"
	"parley/internal/db"
	"parley/internal/jobs"
)

// The kinds of jobs that send mail. Package mail does them.
const (
	ResetMail      = "mail-reset"
	VerifyMail     = "mail-verify"
	InvitationMail = "mail-invitation"
	NoticeMail     = "mail-notice"
	DigestMail     = "mail-digest"
)

// The payloads of these jobs. None has a secret in the clear: tokens are made when the letter is, or are sealed.
type (
	// ResetJob is of ResetMail.
	ResetJob struct{ Name string }
	// VerifyJob is of VerifyMail.
	VerifyJob struct{ UserID, Address string }
	// InvitationJob is of InvitationMail.
	InvitationJob struct{ InvitationID, SealedToken, By, Address string }
	// NoticeJob is of NoticeMail: what a person should know happened to their account.
	NoticeJob struct{ UserID, Address, What string }
	// DigestJob is of DigestMail.
	DigestJob struct{ UserID string }
)

// Email is a person's address.
type Email struct {
	Address    string // lower case, verified; empty for none
	Digest     string // off, daily or weekly
	DigestedAt time.Time
}

// emailPattern is what of RFC 5321 people have: no quotes, no comments, nothing but ASCII, so that nothing can end a header or look like
// another address.
var emailPattern = regexp.MustCompile("^[a-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[a-z0-9](?:[a-z0-9-]{0,62})(?:\\.[a-z0-9](?:[a-z0-9-]{0,62}))+$")

// CleanEmail checks an address and brings it into the form in which it is kept.
func CleanEmail(address string) (string, error) {
	address = strings.ToLower(strings.TrimSpace(address))
	if len(address) > 254 || !emailPattern.MatchString(address) {
		return "", &chat.Error{Kind: chat.Invalid, Message: "This is no e-mail address"}
	}
	return address, nil
}

// Email returns a person's address.
func (s *Accounts) Email(ctx context.Context, userID string) (Email, error) {
	var e Email
	var digested int64
	err := s.db().QueryRow(ctx, `SELECT address, digest, digested_at FROM emails WHERE user_id = $1`, userID).Scan(&e.Address, &e.Digest, &digested)
	if db.IsNotFound(err) {
		return Email{Digest: "off"}, nil
	}
	if err != nil {
		return e, unreadable(err)
	}
	e.DigestedAt = time.UnixMicro(digested).UTC()
	return e, nil
}

// errNoMail is the answer where letters cannot be sent.
func errNoMail() error {
	return &chat.Error{Kind: chat.Forbidden, Message: "This server sends no mail"}
}

// ChangeEmail sends a link to an address that makes it the actor's, who must have proved who they are. An empty address removes the one
// there is. The answer is the same when the address is another person's: they get a letter that says so.
func (s *Accounts) ChangeEmail(ctx context.Context, a chat.Actor, address string) error {
	if err := s.Sessions.requireConfirmed(ctx, a.SessionID); err != nil {
		return err
	}
	if address == "" {
		return s.removeEmail(ctx, a)
	}
	if !s.Mail {
		return errNoMail()
	}
	address, err := CleanEmail(address)
	if err != nil {
		return err
	}
	if err := s.Throttle.Take(ctx, s.Limits.Letters, "letters to "+address); err != nil {
		return err
	}
	return s.put(ctx, jobs.New{Kind: VerifyMail, Payload: VerifyJob{a.UserID, address}})
}

func (s *Accounts) removeEmail(ctx context.Context, a chat.Actor) error {
	err := s.db().Tx(ctx, func(tx *db.Tx) error {
		var old string
		err := tx.QueryRow(ctx, `DELETE FROM emails WHERE user_id = $1 RETURNING address`, a.UserID).Scan(&old)
		if db.IsNotFound(err) {
			return nil
		}
		if err == nil {
			err = s.forgetResets(ctx, tx, a.UserID)
		}
		if err == nil {
			err = s.notify(ctx, tx, a.UserID, old, "this e-mail address was removed from your account")
		}
		return err
	})
	if err != nil {
		return unsaved(err)
	}
	s.wake()
	return nil
}

// forgetResets makes links to reset a password worthless that were sent to an address which is no longer the person's.
func (s *Accounts) forgetResets(ctx context.Context, tx *db.Tx, userID string) error {
	_, err := tx.Exec(ctx, `DELETE FROM account_tokens WHERE user_id = $1 AND kind = $2`, userID, resetToken)
	return err
}

// Verification is a letter to be written: without a token, to somebody who has an account with this address already.
type Verification struct{ Login, Token string }

// MintVerification makes the token for a letter.
func (s *Accounts) MintVerification(ctx context.Context, j VerifyJob) (Verification, error) {
	u, err := s.Chat.User(ctx, j.UserID)
	if err != nil {
		return Verification{}, err
	}
	var owner string
	err = s.db().QueryRow(ctx, `SELECT user_id FROM emails WHERE address = $1`, j.Address).Scan(&owner)
	if err != nil && !db.IsNotFound(err) {
		return Verification{}, unreadable(err)
	}
	if owner != "" && owner != j.UserID {
		return Verification{Login: u.Login}, nil
	}
	token, err := s.mint(ctx, verifyToken, j.UserID, j.Address, VerifyTimeout)
	return Verification{u.Login, token}, err
}

// VerifyEmail makes an address the actor's, who has got its token. Nobody else can use the token: whoever entered somebody else's address
// would otherwise get it verified by its owner's click.
func (s *Accounts) VerifyEmail(ctx context.Context, a chat.Actor, token string) error {
	err := s.db().Tx(ctx, func(tx *db.Tx) error {
		_, address, err := consume(ctx, tx, s.now(), verifyToken, token, a.UserID)
		if err != nil {
			return err
		}
		return s.setEmail(ctx, tx, a.UserID, address)
	})
	if err != nil {
		return asUnsaved(err)
	}
	s.wake()
	return nil
}

// setEmail gives a person an address that is proved to be theirs, and tells the one they had.
func (s *Accounts) setEmail(ctx context.Context, tx *db.Tx, userID, address string) error {
	var old, owner string
	err := tx.QueryRow(ctx, `SELECT user_id FROM emails WHERE address = $1`, address).Scan(&owner)
	switch {
	case err == nil && owner != userID:
		return &chat.Error{Kind: chat.Conflict, Message: "Another account has this address"}
	case err == nil:
		return nil
	case !db.IsNotFound(err):
		return err
	}
	err = tx.QueryRow(ctx, `SELECT address FROM emails WHERE user_id = $1`, userID).Scan(&old)
	if err != nil && !db.IsNotFound(err) {
		return err
	}
	_, err = tx.Exec(ctx, `INSERT INTO emails (user_id, address, verified_at) VALUES ($1, $2, $3)
		ON CONFLICT (user_id) DO UPDATE SET address = $2, verified_at = $3`, userID, address, s.now().UnixMicro())
	if err == nil {
		err = s.forgetResets(ctx, tx, userID)
	}
	if err == nil && old != "" {
		err = s.notify(ctx, tx, userID, old, "the e-mail address of your account was changed to another one")
	}
	return err
}

// SetDigest says how often the actor wants to be told by mail what they missed: off, daily or weekly.
func (s *Accounts) SetDigest(ctx context.Context, a chat.Actor, every string) error {
	if every != "off" && DigestEvery[every] == 0 {
		return &chat.Error{Kind: chat.Invalid, Message: "every must be off, daily or weekly"}
	}
	err := s.db().Tx(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec(ctx, `UPDATE emails SET digest = $1, digested_at = $2 WHERE user_id = $3`, every, s.now().UnixMicro(), a.UserID)
		if err == nil && n == 0 {
			return &chat.Error{Kind: chat.Conflict, Message: "Verify an e-mail address first"}
		}
		if err == nil {
			err = s.scheduleDigest(ctx, tx, a.UserID, every)
		}
		return err
	})
	if err != nil {
		return asUnsaved(err)
	}
	return nil
}

// DigestEvery are the times between two digests.
var DigestEvery = map[string]time.Duration{"daily": 24 * time.Hour, "weekly": 7 * 24 * time.Hour}

// scheduleDigest puts the next digest in the place of the one that waits.
func (s *Accounts) scheduleDigest(ctx context.Context, tx *db.Tx, userID, every string) error {
	if err := s.Jobs.Remove(ctx, tx, DigestMail, userID); err != nil || every == "off" {
		return err
	}
	return s.Jobs.Add(ctx, tx, jobs.New{Kind: DigestMail, Key: userID, Payload: DigestJob{userID}, At: s.now().Add(DigestEvery[every])})
}

// Digested remembers that a digest was sent, or that there was nothing to tell, and makes the job of the next one.
func (s *Accounts) Digested(ctx context.Context, userID string) error {
	err := s.db().Tx(ctx, func(tx *db.Tx) error {
		var every string
		err := tx.QueryRow(ctx, `UPDATE emails SET digested_at = $1 WHERE user_id = $2 RETURNING digest`, s.now().UnixMicro(), userID).Scan(&every)
		if db.IsNotFound(err) {
			return nil
		}
		if err == nil {
			err = s.scheduleDigest(ctx, tx, userID, every)
		}
		return err
	})
	if err != nil {
		return unsaved(err)
	}
	return nil
}

// notify adds a letter that tells what happened to an account. address is where to, the person's own when empty.
func (s *Accounts) notify(ctx context.Context, tx *db.Tx, userID, address, what string) error {
	if !s.Mail {
		return nil
	}
	return s.Jobs.Add(ctx, tx, jobs.New{Kind: NoticeMail, Payload: NoticeJob{userID, address, what}})
}

// put adds a job.
func (s *Accounts) put(ctx context.Context, n jobs.New) error {
	if err := s.Jobs.Put(ctx, n); err != nil {
		return unsaved(err)
	}
	return nil
}

func (s *Accounts) wake() {
	if s.Jobs != nil {
		s.Jobs.Wake()
	}
}

// asUnsaved leaves what is an error for people as it is.
func asUnsaved(err error) error {
	if errors.As(err, new(*chat.Error)) {
		return err
	}
	return unsaved(err)
}
