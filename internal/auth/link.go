package auth

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"fmt"
	"math/big"
	"time"

	"parley/internal/chat"
	"parley/internal/db"
)

// LinkTimeout is how long a link is valid that lets another device in.
const LinkTimeout = 3 * time.Minute

// DeviceLink is one that a device which is signed in shows, as a QR code or a link.
type DeviceLink struct {
	ID, Token string
	ExpiresAt time.Time
}

// CreateLink makes a link for another device of the actor's. A person has one at a time.
func (s *Accounts) CreateLink(ctx context.Context, a chat.Actor) (DeviceLink, error) {
	if err := s.Sessions.requireConfirmed(ctx, a.SessionID); err != nil {
		return DeviceLink{}, err
	}
	l := DeviceLink{Token: newToken(), ExpiresAt: s.now().Add(LinkTimeout)}
	l.ID = hexHash(l.Token + "/id")[:26]
	err := s.db().Tx(ctx, func(tx *db.Tx) error {
		if _, err := tx.Exec(ctx, `DELETE FROM device_links WHERE user_id = $1 OR expires_at < $2`, a.UserID, s.now().UnixMicro()); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `INSERT INTO device_links (id, token_hash, user_id, session_id, expires_at) VALUES ($1, $2, $3, $4, $5)`,
			l.ID, hexHash(l.Token), a.UserID, a.SessionID, l.ExpiresAt.UnixMicro())
		return err
	})
	if err != nil {
		return DeviceLink{}, unsaved(err)
	}
	return l, nil
}

// Claimed is a link that a new device has opened.
type Claimed struct {
	LinkID, UserID string
	Claim          string // what the new device alone knows
	Code           string // what it shows
}

// ClaimLink opens a link on the new device. It can be opened once: whoever has seen it too comes too late. It lets nobody in yet.
func (s *Accounts) ClaimLink(ctx context.Context, token string) (Claimed, error) {
	c := Claimed{Claim: newToken()}
	n, err := rand.Int(rand.Reader, big.NewInt(1_000_000))
	if err != nil {
		return c, fmt.Errorf("auth: %w", err)
	}
	c.Code = fmt.Sprintf("%06d", n)
	err = s.db().Tx(ctx, func(tx *db.Tx) error {
		return tx.QueryRow(ctx, `UPDATE device_links SET claim_hash = $1, code = $2 WHERE token_hash = $3 AND claim_hash IS NULL AND expires_at > $4 RETURNING id, user_id`,
			hexHash(c.Claim), c.Code, hexHash(token), s.now().UnixMicro()).Scan(&c.LinkID, &c.UserID)
	})
	if db.IsNotFound(err) {
		return Claimed{}, errLinkOver()
	}
	if err != nil {
		return Claimed{}, unsaved(err)
	}
	return c, nil
}

// ApproveLink lets the device in that has opened a link, for who reads its code from there: somebody who was shown another's code enters it
// in vain. A wrong code ends the link, so it cannot be guessed. Only the session that made the link can.
func (s *Accounts) ApproveLink(ctx context.Context, a chat.Actor, id, code string) error {
	if err := s.Sessions.requireConfirmed(ctx, a.SessionID); err != nil {
		return err
	}
	var right bool
	err := s.db().Tx(ctx, func(tx *db.Tx) error {
		var want string
		err := tx.QueryRow(ctx, `SELECT code FROM device_links WHERE id = $1 AND user_id = $2 AND session_id = $3 AND claim_hash IS NOT NULL
			AND approved_at IS NULL AND expires_at > $4`+tx.Dialect().ForUpdate(), clean(id), a.UserID, a.SessionID, s.now().UnixMicro()).Scan(&want)
		if err != nil {
			return err
		}
		if right = subtle.ConstantTimeCompare([]byte(want), []byte(code)) == 1; !right {
			_, err = tx.Exec(ctx, `DELETE FROM device_links WHERE id = $1`, id)
			return err
		}
		_, err = tx.Exec(ctx, `UPDATE device_links SET approved_at = $1 WHERE id = $2`, s.now().UnixMicro(), id)
		return err
	})
	switch {
	case db.IsNotFound(err):
		return errLinkOver()
	case err != nil:
		return unsaved(err)
	case !right:
		return &chat.Error{Kind: chat.Forbidden, Message: "The code is another one: begin again with a new link"}
	}
	return nil
}

// clean is an id that a database can be asked for.
func clean(id string) string {
	if len(id) > 64 || id != "" && !isHex(id) {
		return ""
	}
	return id
}

func isHex(s string) bool {
	for _, r := range s {
		if (r < '0' || r > '9') && (r < 'a' || r > 'f') {
			return false
		}
	}
	return true
}

// FinishLink signs the new device in, once it was let in; until then it is told to ask again. Such a session must prove whose it is before it
// changes what protects the account.
func (s *Accounts) FinishLink(ctx context.Context, claim string, from From) (chat.Actor, string, error) {
	var userID string
	err := s.db().Tx(ctx, func(tx *db.Tx) error {
		return tx.QueryRow(ctx, `DELETE FROM device_links WHERE claim_hash = $1 AND approved_at IS NOT NULL AND expires_at > $2
			AND EXISTS (SELECT 1 FROM sessions s WHERE s.id = session_id AND s.revoked_at IS NULL) RETURNING user_id`,
			hexHash(claim), s.now().UnixMicro()).Scan(&userID)
	})
	if db.IsNotFound(err) {
		return chat.Actor{}, "", s.stillWaiting(ctx, claim)
	}
	if err != nil {
		return chat.Actor{}, "", unsaved(err)
	}
	u, err := s.Chat.User(ctx, userID)
	if err != nil {
		return chat.Actor{}, "", err
	}
	if u.Deactivated {
		return chat.Actor{}, "", errLinkOver()
	}
	token, session, err := s.Sessions.issue(ctx, u.ID, from.Agent, 0, func(*db.Tx) error { return nil })
	if err == nil {
		err = s.announce(ctx, u, session, from)
	}
	return chat.Actor{UserID: u.ID, Name: u.Name, Role: u.Role, SessionID: session}, token, err
}

func (s *Accounts) stillWaiting(ctx context.Context, claim string) error {
	var one int
	err := s.db().QueryRow(ctx, `SELECT 1 FROM device_links WHERE claim_hash = $1 AND approved_at IS NULL AND expires_at > $2`, hexHash(claim), s.now().UnixMicro()).Scan(&one)
	switch {
	case db.IsNotFound(err):
		return errLinkOver()
	case err != nil:
		return unreadable(err)
	}
	return &chat.Error{Kind: chat.Unavailable, Message: "Confirm it on the device that showed the link", RetryAfter: 2 * time.Second}
}
