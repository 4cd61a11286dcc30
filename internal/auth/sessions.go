// Package auth turns credentials into a chat.Actor: passwords into sessions, sessions' opaque tokens into people.
package auth

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"strings"
	"time"

	"parley/internal/chat"
	"parley/internal/db"
)

// How long a session lasts: after its last use, and altogether.
const (
	IdleTimeout     = 14 * 24 * time.Hour
	AbsoluteTimeout = 90 * 24 * time.Hour
	// touchInterval is how exactly the last use is known. Writing at every use would make reading as dear as writing.
	touchInterval = time.Hour
	// ConfirmTimeout is how long whoever has proved who they are may change what protects their account.
	ConfirmTimeout = 10 * time.Minute
	maxDevice      = 120 // bytes
)

// Sessions issues and checks tokens: 256 random bits, of which the database has only the hash.
type Sessions struct {
	DB  *db.DB
	Now func() time.Time
	// Ended is told of sessions that were revoked, whose connections must close. It may be nil.
	Ended func(chat.Ended)
}

// Session is a device that is signed in.
type Session struct {
	ID        string
	Device    string // what the client said it is
	CreatedAt time.Time
	UsedAt    time.Time // exact to an hour
}

// Issue starts a session for a user who has just proved who they are.
func (s *Sessions) Issue(ctx context.Context, userID, device string) (token, sessionID string, err error) {
	return s.issue(ctx, userID, device, s.Now().UnixMicro(), func(*db.Tx) error { return nil })
}

func (s *Sessions) issue(ctx context.Context, userID, device string, confirmed int64, check func(*db.Tx) error) (token, sessionID string, err error) {
	token = newToken()
	sessionID = hex.EncodeToString(hash(token + "/id"))[:26]
	device = strings.ToValidUTF8(strings.ReplaceAll(device, "\x00", ""), "")
	err = s.DB.Tx(ctx, func(tx *db.Tx) error {
		if err := check(tx); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `INSERT INTO sessions (id, user_id, token_hash, device, created_at, used_at, confirmed_at) VALUES ($1, $2, $3, $4, $5, $5, $6)`,
			sessionID, userID, hex.EncodeToString(hash(token)), strings.ToValidUTF8(device[:min(len(device), maxDevice)], ""), s.Now().UnixMicro(), confirmed)
		return err
	})
	if err != nil {
		return "", "", asUnsaved(err)
	}
	return token, sessionID, nil
}

func hash(s string) []byte {
	sum := sha256.Sum256([]byte(s))
	return sum[:]
}

// Authenticate returns who a token belongs to, or an error of kind Unauthenticated.
func (s *Sessions) Authenticate(ctx context.Context, token string) (chat.Actor, error) {
	var a chat.Actor
	var created, used int64
	err := s.DB.QueryRow(ctx, `SELECT s.id, u.id, u.name, u.role, s.created_at, s.used_at FROM sessions s
		JOIN users u ON u.id = s.user_id AND u.deactivated_at IS NULL WHERE s.token_hash = $1 AND s.revoked_at IS NULL`,
		hex.EncodeToString(hash(token))).Scan(&a.SessionID, &a.UserID, &a.Name, &a.Role, &created, &used)
	now := s.Now()
	switch {
	case db.IsNotFound(err), err == nil && s.over(created, used):
		return chat.Actor{}, &chat.Error{Kind: chat.Unauthenticated, Message: "The session has ended"}
	case err != nil:
		return chat.Actor{}, unreadable(err)
	}
	if now.Sub(time.UnixMicro(used)) > touchInterval {
		err = s.DB.Tx(ctx, func(tx *db.Tx) error {
			_, err := tx.Exec(ctx, `UPDATE sessions SET used_at = $1 WHERE id = $2`, now.UnixMicro(), a.SessionID)
			return err
		})
	}
	return a, err
}

// Confirm notes that the person of a session has proved who they are.
func (s *Sessions) Confirm(ctx context.Context, sessionID string) error {
	err := s.DB.Tx(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE sessions SET confirmed_at = $1 WHERE id = $2 AND revoked_at IS NULL`, s.Now().UnixMicro(), sessionID)
		return err
	})
	if err != nil {
		return unsaved(err)
	}
	return nil
}

// requireConfirmed refuses what only somebody may who has proved who they are a short time ago: a stolen session is not enough to take an
// account over.
func (s *Sessions) requireConfirmed(ctx context.Context, sessionID string) error {
	var at int64
	err := s.DB.QueryRow(ctx, `SELECT confirmed_at FROM sessions WHERE id = $1 AND revoked_at IS NULL`, sessionID).Scan(&at)
	if err != nil && !db.IsNotFound(err) {
		return unreadable(err)
	}
	if err != nil || s.Now().Sub(time.UnixMicro(at)) > ConfirmTimeout {
		return &chat.Error{Kind: chat.Unconfirmed, Message: "Confirm that it is you first"}
	}
	return nil
}

func (s *Sessions) over(created, used int64) bool {
	now := s.Now()
	return now.Sub(time.UnixMicro(used)) > IdleTimeout || now.Sub(time.UnixMicro(created)) > AbsoluteTimeout
}

func unreadable(err error) error {
	return &chat.Error{Kind: chat.Unavailable, Message: "The server cannot read right now", RetryAfter: 2 * time.Second, Err: err}
}

func unsaved(err error) error {
	return &chat.Error{Kind: chat.Unavailable, Message: "The server cannot save right now", RetryAfter: 2 * time.Second, Err: err}
}

// List returns a person's sessions that have not ended, the last used first.
func (s *Sessions) List(ctx context.Context, userID string) ([]Session, error) {
	rows, err := s.DB.Query(ctx, `SELECT id, device, created_at, used_at FROM sessions WHERE user_id = $1 AND revoked_at IS NULL
		ORDER BY used_at DESC, id LIMIT 200`, userID)
	all, err := db.Scan(rows, err, func(rows *sql.Rows, out *Session) error {
		var created, used int64
		if err := rows.Scan(&out.ID, &out.Device, &created, &used); err != nil {
			return err
		}
		out.CreatedAt, out.UsedAt = time.UnixMicro(created).UTC(), time.UnixMicro(used).UTC()
		return nil
	})
	if err != nil {
		return nil, unreadable(err)
	}
	open := all[:0]
	for _, one := range all {
		if !s.over(one.CreatedAt.UnixMicro(), one.UsedAt.UnixMicro()) {
			open = append(open, one)
		}
	}
	return open, nil
}

// Revoke ends a session of a person; their connections close. One that has ended already is no error.
func (s *Sessions) Revoke(ctx context.Context, userID, sessionID, reason string) error {
	var n int64
	err := s.DB.Tx(ctx, func(tx *db.Tx) (err error) {
		n, err = tx.Exec(ctx, `UPDATE sessions SET revoked_at = `+tx.Dialect().Now()+` WHERE id = $1 AND user_id = $2 AND revoked_at IS NULL`,
			sessionID, userID)
		return err
	})
	if err != nil {
		return unsaved(err)
	}
	if n > 0 && s.Ended != nil {
		s.Ended(chat.Ended{UserID: userID, SessionIDs: []string{sessionID}, Reason: reason})
	}
	return nil
}

// RevokeAll ends all sessions of a person, and returns how many they were; their connections close.
func (s *Sessions) RevokeAll(ctx context.Context, userID, reason string) (int, error) {
	var ended []string
	err := s.DB.Tx(ctx, func(tx *db.Tx) error {
		rows, err := tx.Query(ctx, `UPDATE sessions SET revoked_at = `+tx.Dialect().Now()+` WHERE user_id = $1 AND revoked_at IS NULL RETURNING id`, userID)
		ended, err = db.Scan(rows, err, func(rows *sql.Rows, id *string) error { return rows.Scan(id) })
		return err
	})
	if err != nil {
		return 0, unsaved(err)
	}
	if len(ended) > 0 && s.Ended != nil {
		s.Ended(chat.Ended{UserID: userID, SessionIDs: ended, Reason: reason})
	}
	return len(ended), nil
}

// Replace ends a session in favour of another one of the same person: its connections go on, as the new one's.
func (s *Sessions) Replace(ctx context.Context, userID, sessionID string) error {
	err := s.DB.Tx(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE sessions SET revoked_at = `+tx.Dialect().Now()+` WHERE id = $1 AND user_id = $2 AND revoked_at IS NULL`,
			sessionID, userID)
		return err
	})
	if err != nil {
		return unsaved(err)
	}
	return nil
}

// RevokedSince lists sessions that were revoked within the last so long, by anybody: by the database's clock, because those of the
// nodes may differ.
func (s *Sessions) RevokedSince(ctx context.Context, ago time.Duration) ([]chat.Ended, error) {
	rows, err := s.DB.Query(ctx, `SELECT user_id, id FROM sessions WHERE revoked_at > `+s.DB.Dialect.Now()+` - $1`, ago.Microseconds())
	out, err := db.Scan(rows, err, func(rows *sql.Rows, e *chat.Ended) error {
		e.SessionIDs, e.Reason = make([]string, 1), "The session has ended"
		return rows.Scan(&e.UserID, &e.SessionIDs[0])
	})
	if err != nil {
		return nil, unreadable(err)
	}
	return out, nil
}
