package auth

import (
	"context"
	"encoding/hex"
	"time"

	"parley/internal/chat"
	"parley/internal/db"
)

// The kinds of one-time tokens.
const (
	resetToken  = "reset"
	verifyToken = "verify"
)

// How long one-time tokens are valid.
const (
	ResetTimeout  = 30 * time.Minute
	VerifyTimeout = 24 * time.Hour
)

// maxTokens bounds the tokens of a kind that a person has at a time.
const maxTokens = 5

// mint makes a one-time token. It is empty when the person has as many as there may be.
func (s *Accounts) mint(ctx context.Context, kind, userID, data string, valid time.Duration) (token string, err error) {
	now := s.now()
	err = s.db().Tx(ctx, func(tx *db.Tx) error {
		token = ""
		if _, err := tx.Exec(ctx, `DELETE FROM account_tokens WHERE user_id = $1 AND expires_at <= $2`, userID, now.UnixMicro()); err != nil {
			return err
		}
		var n int
		if err := tx.QueryRow(ctx, `SELECT count(*) FROM account_tokens WHERE user_id = $1 AND kind = $2`, userID, kind).Scan(&n); err != nil || n >= maxTokens {
			return err
		}
		token = newToken()
		_, err := tx.Exec(ctx, `INSERT INTO account_tokens (token_hash, kind, user_id, data, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6)`,
			hex.EncodeToString(hash(token)), kind, userID, data, now.UnixMicro(), now.Add(valid).UnixMicro())
		return err
	})
	if err != nil {
		return "", unsaved(err)
	}
	return token, nil
}

// consume uses a token up, and with it all others of its kind that the person has. only, when given, is whose it has to be.
func consume(ctx context.Context, tx *db.Tx, now time.Time, kind, token, only string) (userID, data string, err error) {
	var expires int64
	err = tx.QueryRow(ctx, `DELETE FROM account_tokens WHERE token_hash = $1 AND kind = $2 AND ($3 = '' OR user_id = $3) RETURNING user_id, data, expires_at`,
		hex.EncodeToString(hash(token)), kind, only).Scan(&userID, &data, &expires)
	if db.IsNotFound(err) || err == nil && expires <= now.UnixMicro() {
		return "", "", errLinkOver()
	}
	if err == nil {
		_, err = tx.Exec(ctx, `DELETE FROM account_tokens WHERE user_id = $1 AND kind = $2`, userID, kind)
	}
	return userID, data, err
}

func errLinkOver() error {
	return &chat.Error{Kind: chat.NotFound, Message: "The link is over: ask for another one"}
}
