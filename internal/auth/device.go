package auth

import (
	"context"
	"encoding/hex"
	"net/http"
	"strings"
	"time"

	"parley/internal/chat"
	"parley/internal/db"
)

// The names of the cookie by which a browser is known that somebody has signed in with. It signs nobody in.
const (
	SecureDevice = "__Host-parley-device"
	PlainDevice  = "parley-device"
)

// DeviceTimeout is how long a browser is known; browsers keep no cookie longer.
const DeviceTimeout = 400 * 24 * time.Hour

// DeviceToken returns the token of a known browser in a request's cookies, or "".
func DeviceToken(h http.Header) string {
	r := http.Request{Header: h}
	for _, name := range []string{SecureDevice, PlainDevice} {
		if c, err := r.Cookie(name); err == nil && c.Value != "" {
			return c.Value
		}
	}
	return ""
}

// From is where somebody signs in from.
type From struct {
	Agent   string // what the client says it is
	Address string
	Token   string // of a known browser
}

// Arrival is somebody who has signed in with a device that was not known.
type Arrival struct {
	UserID, SessionID, Device, Address string
	At                                 time.Time
}

// Remember makes the browser known as one that the actor has signed in with, and returns its token. One that this server gave out before is
// kept, so that several people of one browser are known in it; one that it did not is not taken: somebody may have put it there.
func (s *Accounts) Remember(ctx context.Context, a chat.Actor, token string) (string, error) {
	if a.Role == chat.Guest {
		return "", nil
	}
	now := s.now()
	err := s.db().Tx(ctx, func(tx *db.Tx) error {
		var one int
		err := tx.QueryRow(ctx, `SELECT 1 FROM devices WHERE token_hash = $1 AND created_at > $2 LIMIT 1`, hexHash(token), now.Add(-DeviceTimeout).UnixMicro()).Scan(&one)
		if db.IsNotFound(err) {
			token, err = newToken(), nil
		}
		if err == nil {
			_, err = tx.Exec(ctx, `INSERT INTO devices (token_hash, user_id, created_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`, hexHash(token), a.UserID, now.UnixMicro())
		}
		return err
	})
	if err != nil {
		return "", unsaved(err)
	}
	return token, nil
}

func hexHash(s string) string { return hex.EncodeToString(hash(s)) }

// Knows reports whether somebody has signed in to an account from a browser before.
func (s *Accounts) Knows(ctx context.Context, token, login string) (bool, error) {
	if token == "" {
		return false, nil
	}
	login = strings.ToLower(strings.TrimSpace(login))
	if strings.ContainsRune(login, 0) {
		return false, nil
	}
	var one int
	err := s.db().QueryRow(ctx, `SELECT 1 FROM devices d JOIN users u ON u.id = d.user_id WHERE d.token_hash = $1 AND u.login = $2 AND d.created_at > $3`,
		hexHash(token), login, s.now().Add(-DeviceTimeout).UnixMicro()).Scan(&one)
	if err != nil && !db.IsNotFound(err) {
		return false, unreadable(err)
	}
	return err == nil, nil
}

// guess counts an attempt at an account's password: those from a browser that is known there by themselves, those from everywhere else
// together. So whoever guesses, from however many addresses, is slowed down, and does not lock out who is at their own device. The names are
// counted whether there are such accounts or not. The returned function takes the attempt back.
func (s *Accounts) guess(ctx context.Context, login string, from From) (giveBack func() error, err error) {
	login = strings.ToLower(strings.TrimSpace(login))
	known, err := s.Knows(ctx, from.Token, login)
	if err != nil {
		return nil, err
	}
	key, allowed := "password of "+login, s.Limits.Guesses
	if known {
		key, allowed = key+" from "+from.Token, s.Limits.KnownGuesses
	}
	if err := s.Throttle.Take(ctx, allowed, key); err != nil {
		return nil, err
	}
	return func() error { return s.Throttle.GiveBack(ctx, allowed, key) }, nil
}

// announce tells somebody's other devices, and their address, of a new session from a browser that is not known. The first session of an
// account is no news.
func (s *Accounts) announce(ctx context.Context, u chat.User, sessionID string, from From) error {
	known, err := s.Knows(ctx, from.Token, u.Login)
	if err != nil || known {
		return err
	}
	var earlier int
	err = s.db().QueryRow(ctx, `SELECT count(*) FROM (SELECT 1 FROM sessions WHERE user_id = $1 AND id <> $2 LIMIT 1) s`, u.ID, sessionID).Scan(&earlier)
	if err != nil {
		return unreadable(err)
	}
	if earlier == 0 {
		return nil
	}
	if s.Arrived != nil {
		s.Arrived(Arrival{UserID: u.ID, SessionID: sessionID, Device: from.Agent, Address: from.Address, At: s.now()})
	}
	if !s.Mail || s.Throttle.Take(ctx, s.Limits.Letters, "arrivals of "+u.ID) != nil { // a program that signs in anew each minute fills no mailbox
		return nil //nolint:nilerr // it is no failure
	}
	return s.tell(ctx, u.ID, "somebody signed in from a device that was not known, at the address "+from.Address)
}
