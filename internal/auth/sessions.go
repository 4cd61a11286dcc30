// Package auth turns credentials into a chat.Actor. Today these are the opaque tokens that guests get.
package auth

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"encoding/hex"
	"errors"
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
)

// Sessions issues and checks tokens: 256 random bits, of which the database has only the hash.
type Sessions struct {
	DB  *db.DB
	Now func() time.Time
}

// Issue starts a session for a user.
func (s *Sessions) Issue(ctx context.Context, userID string) (token, sessionID string, err error) {
	var raw [32]byte
	_, _ = rand.Read(raw[:]) // never fails: crypto/rand ends the program when the system has no randomness
	token = base64.RawURLEncoding.EncodeToString(raw[:])
	sessionID = hex.EncodeToString(hash(token + "/id"))[:26]
	now := s.Now().UnixMicro()
	err = s.DB.Tx(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO sessions (id, user_id, token_hash, created_at, used_at) VALUES ($1, $2, $3, $4, $4)`,
			sessionID, userID, hex.EncodeToString(hash(token)), now)
		return err
	})
	if err != nil {
		return "", "", &chat.Error{Kind: chat.Unavailable, Message: "The server cannot save right now", RetryAfter: 2 * time.Second, Err: err}
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
	err := s.DB.Read().QueryRowContext(ctx, `SELECT s.id, u.id, u.name, s.created_at, s.used_at FROM sessions s
		JOIN users u ON u.id = s.user_id WHERE s.token_hash = $1 AND s.revoked_at IS NULL`, hex.EncodeToString(hash(token))).
		Scan(&a.SessionID, &a.UserID, &a.Name, &created, &used)
	now := s.Now()
	switch {
	case errors.Is(err, sql.ErrNoRows),
		err == nil && (now.Sub(time.UnixMicro(used)) > IdleTimeout || now.Sub(time.UnixMicro(created)) > AbsoluteTimeout):
		return chat.Actor{}, &chat.Error{Kind: chat.Unauthenticated, Message: "The session has ended"}
	case err != nil:
		return chat.Actor{}, &chat.Error{Kind: chat.Unavailable, Message: "The server cannot read right now", RetryAfter: 2 * time.Second, Err: err}
	}
	if now.Sub(time.UnixMicro(used)) > touchInterval {
		err = s.DB.Tx(ctx, func(tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, `UPDATE sessions SET used_at = $1 WHERE id = $2`, now.UnixMicro(), a.SessionID)
			return err
		})
	}
	return a, err
}

// Revoke ends a session. One that has ended already is no error.
func (s *Sessions) Revoke(ctx context.Context, sessionID string) error {
	return s.DB.Tx(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE sessions SET revoked_at = $1 WHERE id = $2 AND revoked_at IS NULL`, s.Now().UnixMicro(), sessionID)
		return err
	})
}
