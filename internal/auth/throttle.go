package auth

import (
	"context"
	"encoding/hex"
	"time"

	"parley/internal/chat"
	"parley/internal/db"
)

// Allowance is so many per period, all of which may come at once. The zero Allowance is no limit.
type Allowance struct {
	Count int
	Per   time.Duration
}

func (a Allowance) interval() int64 { return a.Per.Microseconds() / int64(a.Count) }

// Throttle counts attempts in the database, so that all nodes count together and a restart forgets nothing. Its keys are hashed: nobody
// can read there whose account is being tried.
type Throttle struct {
	DB  *db.DB
	Now func() time.Time
}

// Take counts one attempt, or refuses it with an error of kind RateLimited.
func (t *Throttle) Take(ctx context.Context, a Allowance, key string) error {
	if a.Count == 0 {
		return nil
	}
	key = hex.EncodeToString(hash(key))
	now, every := t.Now().UnixMicro(), a.interval()
	var tat int64
	err := t.DB.Tx(ctx, func(tx *db.Tx) error {
		if _, err := tx.Exec(ctx, `DELETE FROM throttles WHERE key <> $1 AND key IN (SELECT key FROM throttles WHERE tat < $2 LIMIT 10)`, key, now); err != nil {
			return err
		}
		return tx.QueryRow(ctx, `INSERT INTO throttles (key, tat) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET
			tat = CASE WHEN throttles.tat > $3 THEN throttles.tat + $4 ELSE $2 END WHERE throttles.tat <= $5 RETURNING tat`,
			key, now+every, now, every, now+every*int64(a.Count-1)).Scan(&tat)
	})
	if err == nil {
		return nil
	}
	if !db.IsNotFound(err) {
		return unsaved(err)
	}
	if err := t.DB.QueryRow(ctx, `SELECT tat FROM throttles WHERE key = $1`, key).Scan(&tat); err != nil {
		tat = now + every*int64(a.Count) // it was emptied a moment ago
	}
	wait := time.Duration(max(tat-now-every*int64(a.Count-1), 1)) * time.Microsecond
	return &chat.Error{Kind: chat.RateLimited, Message: "Too many attempts: wait a while", RetryAfter: wait}
}

// GiveBack takes back an attempt that was none: whoever succeeds is not slowed down.
func (t *Throttle) GiveBack(ctx context.Context, a Allowance, key string) error {
	if a.Count == 0 {
		return nil
	}
	err := t.DB.Tx(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE throttles SET tat = tat - $1 WHERE key = $2`, a.interval(), hex.EncodeToString(hash(key)))
		return err
	})
	if err != nil {
		return unsaved(err)
	}
	return nil
}
