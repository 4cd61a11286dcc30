package auth

import (
	"context"
	"database/sql"
	"encoding/hex"
	"time"

	"parley/internal/chat"
	"parley/internal/db"
)

// ServiceToken lets a program keep up the accounts. The token itself is known only when it is made.
type ServiceToken struct {
	ID, Name          string
	CreatedAt, UsedAt time.Time // UsedAt is exact to an hour, and zero for never
}

const maxServiceName = 60 // bytes

// NewServiceToken makes a token.
func (s *Accounts) NewServiceToken(ctx context.Context, name string) (string, error) {
	if name == "" || len(name) > maxServiceName {
		return "", &chat.Error{Kind: chat.Invalid, Message: "The token needs a name of up to 60 characters"}
	}
	token := "scim-" + newToken()
	err := s.db().Tx(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO service_tokens (id, token_hash, name, created_at) VALUES ($1, $2, $3, $4)`,
			hex.EncodeToString(hash(token + "/id"))[:12], hex.EncodeToString(hash(token)), name, s.now().UnixMicro())
		return err
	})
	if err != nil {
		return "", unsaved(err)
	}
	return token, nil
}

// ServiceTokens lists the tokens that are valid.
func (s *Accounts) ServiceTokens(ctx context.Context) ([]ServiceToken, error) {
	rows, err := s.db().Query(ctx, `SELECT id, name, created_at, used_at FROM service_tokens WHERE revoked_at IS NULL ORDER BY created_at`)
	list, err := db.Scan(rows, err, func(rows *sql.Rows, t *ServiceToken) error {
		var created, used int64
		err := rows.Scan(&t.ID, &t.Name, &created, &used)
		t.CreatedAt = time.UnixMicro(created).UTC()
		if used > 0 {
			t.UsedAt = time.UnixMicro(used).UTC()
		}
		return err
	})
	if err != nil {
		return nil, unreadable(err)
	}
	return list, nil
}

// RevokeServiceToken ends a token.
func (s *Accounts) RevokeServiceToken(ctx context.Context, id string) error {
	err := s.db().Tx(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec(ctx, `UPDATE service_tokens SET revoked_at = $1 WHERE id = $2 AND revoked_at IS NULL`, s.now().UnixMicro(), id)
		if err == nil && n == 0 {
			return &chat.Error{Kind: chat.NotFound, Message: "No such token"}
		}
		return err
	})
	if err != nil {
		return asUnsaved(err)
	}
	return nil
}

// CheckServiceToken reports, by an error of kind Unauthenticated, that a token is none.
func (s *Accounts) CheckServiceToken(ctx context.Context, token string) error {
	var id string
	var used int64
	err := s.db().QueryRow(ctx, `SELECT id, used_at FROM service_tokens WHERE token_hash = $1 AND revoked_at IS NULL`, hex.EncodeToString(hash(token))).Scan(&id, &used)
	if db.IsNotFound(err) {
		return &chat.Error{Kind: chat.Unauthenticated, Message: "A valid token is needed"}
	}
	if err != nil {
		return unreadable(err)
	}
	if now := s.now(); now.Sub(time.UnixMicro(used)) > touchInterval {
		err = s.db().Tx(ctx, func(tx *db.Tx) error {
			_, err := tx.Exec(ctx, `UPDATE service_tokens SET used_at = $1 WHERE id = $2`, now.UnixMicro(), id)
			return err
		})
		if err != nil {
			return unsaved(err)
		}
	}
	return nil
}
