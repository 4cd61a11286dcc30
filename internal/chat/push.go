package chat

import (
	"context"
	"crypto/ecdh"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"time"

	"parley/internal/db"
)

// PushSubscription is where a device of somebody's is told of messages while it is not connected. It ends with the device's session.
type PushSubscription struct {
	ID       string
	Endpoint string // of the service of its browser
	P256dh   string // its public key, base64url
	Auth     string // what it shares with the server, base64url
}

const (
	maxEndpoint = 2048
	pushAuth    = 16 // bytes
)

// check refuses what nothing could be sent to.
func (s *PushSubscription) check() error {
	u, err := url.Parse(s.Endpoint)
	if err != nil || u.Scheme != "https" || u.Hostname() == "" || u.User != nil || len(s.Endpoint) > maxEndpoint {
		return errorf(Invalid, "endpoint must be an https address")
	}
	key, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(s.P256dh, "="))
	if err == nil {
		_, err = ecdh.P256().NewPublicKey(key)
	}
	if err != nil {
		return errorf(Invalid, "p256dh must be a public key of P-256, in base64url")
	}
	if secret, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(s.Auth, "=")); err != nil || len(secret) != pushAuth {
		return errorf(Invalid, "auth must be 16 bytes in base64url")
	}
	return nil
}

// SubscribePush has the actor's device told of messages. A device that has changed hands is its new owner's.
func (c *Chat) SubscribePush(ctx context.Context, a Actor, s PushSubscription) error {
	if err := s.check(); err != nil {
		return err
	}
	err := c.db.Tx(ctx, func(tx *db.Tx) error {
		var others int
		if err := tx.QueryRow(ctx, `SELECT count(*) FROM push_subscriptions WHERE user_id = $1 AND endpoint <> $2`, a.UserID, s.Endpoint).Scan(&others); err != nil {
			return err
		}
		if others >= c.limits.Pushes {
			return errorf(TooLarge, fmt.Sprintf("Too many devices are told of messages (max %d)", c.limits.Pushes))
		}
		_, err := tx.Exec(ctx, `INSERT INTO push_subscriptions (id, user_id, session_id, endpoint, p256dh, auth, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7)
			ON CONFLICT (endpoint) DO UPDATE SET user_id = $2, session_id = $3, p256dh = $5, auth = $6`,
			c.newID(), a.UserID, a.SessionID, s.Endpoint, s.P256dh, s.Auth, micros(c.now()))
		return err
	})
	return unwritten(err)
}

// UnsubscribePush has a device of the actor's told no more.
func (c *Chat) UnsubscribePush(ctx context.Context, a Actor, endpoint string) error {
	return c.dropPush(ctx, `DELETE FROM push_subscriptions WHERE user_id = $1 AND endpoint = $2`, a.UserID, endpoint)
}

// DropPush forgets a subscription whose service knows it no more.
func (c *Chat) DropPush(ctx context.Context, id string) error {
	return c.dropPush(ctx, `DELETE FROM push_subscriptions WHERE id = $1`, id)
}

func (c *Chat) dropPush(ctx context.Context, text string, args ...any) error {
	return unwritten(c.db.Tx(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, text, args...)
		return err
	}))
}

// Pushes reports whether any device is told of messages at all.
func (c *Chat) Pushes(ctx context.Context) (bool, error) {
	var one int
	err := c.db.QueryRow(ctx, `SELECT 1 FROM push_subscriptions LIMIT 1`).Scan(&one)
	if db.IsNotFound(err) {
		return false, nil
	}
	return err == nil, err
}

// PushKeys returns the server's pair of keys: those in the database, or the given ones if there are none.
func (c *Chat) PushKeys(ctx context.Context, private, public string) (string, string, error) {
	err := c.db.Tx(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO push_keys (id, private_key, public_key) VALUES (1, $1, $2) ON CONFLICT (id) DO NOTHING`, private, public)
		if err == nil {
			err = tx.QueryRow(ctx, `SELECT private_key, public_key FROM push_keys WHERE id = 1`).Scan(&private, &public)
		}
		return err
	})
	return private, public, unwritten(err)
}

// Addressee is a device that may be told of a message, with what decides whether it is. The message and the attention are the caller's to add.
type Addressee struct {
	Subscription PushSubscription
	Notification Notification
	RoomName     string // of a thread: its parent's; empty for direct conversations
}

// Audience lists the devices of those who may read a message of a room, but not its sender's: all of them, or the one that is asked for. The
// sessions of the devices were used and begun after some times.
func (c *Chat) Audience(ctx context.Context, roomID string, seq int64, senderID, subscription string, used, begun time.Time) ([]Addressee, error) {
	rows, err := c.db.Query(ctx, `SELECT p.id, p.endpoint, p.p256dh, p.auth, u.id, u.time_zone, u.presence, h.kind, h.name, r.root_seq, m.read_seq,
		f.following, f.read_seq, rs.data, ns.data, bl.key
		FROM push_subscriptions p
		JOIN sessions s ON s.id = p.session_id AND s.revoked_at IS NULL AND s.used_at > $1 AND s.created_at > $2
		JOIN users u ON u.id = p.user_id AND u.deactivated_at IS NULL
		JOIN rooms r ON r.id = $3
		JOIN rooms h ON h.id = COALESCE(r.parent_id, r.id)
		JOIN memberships m ON m.room_id = h.id AND m.user_id = u.id AND m.left_seq IS NULL AND COALESCE(r.root_seq, CAST($4 AS BIGINT)) > m.from_seq
		LEFT JOIN follows f ON f.room_id = r.id AND f.user_id = u.id
		LEFT JOIN personal rs ON rs.user_id = u.id AND rs.kind = 'room' AND rs.key = r.id AND rs.gone = 0
		LEFT JOIN personal ns ON ns.user_id = u.id AND ns.kind = 'notify' AND ns.key = '' AND ns.gone = 0
		LEFT JOIN personal bl ON bl.user_id = u.id AND bl.kind = 'block' AND bl.key = $5 AND bl.gone = 0
		WHERE u.id <> $5 AND (CAST($6 AS TEXT) = '' OR p.id = $6) ORDER BY u.id, p.id`,
		micros(used), micros(begun), roomID, seq, senderID, subscription)
	list, err := db.Scan(rows, err, scanAddressee)
	if err != nil {
		return nil, unreadable(err)
	}
	for i := range list {
		list[i].Notification.Now = c.now()
	}
	return list, nil
}

func scanAddressee(rows *sql.Rows, a *Addressee) error {
	var root, following, threadRead sql.NullInt64
	var room, all, blocked sql.NullString
	var presence string
	s, n := &a.Subscription, &a.Notification
	err := rows.Scan(&s.ID, &s.Endpoint, &s.P256dh, &s.Auth, &n.UserID, &n.TimeZone, &presence, &n.Kind, &a.RoomName, &root, &n.ReadSeq,
		&following, &threadRead, &room, &all, &blocked)
	if err != nil {
		return err
	}
	if n.Kind.direct() {
		a.RoomName = ""
	}
	if root.Valid {
		n.Kind, n.Following, n.ReadSeq = ThreadRoom, following.Int64 != 0, threadRead.Int64
	}
	n.Blocked, n.Attention.Dnd = blocked.Valid, presence == "dnd"
	var data PersonalData
	for _, text := range []sql.NullString{room, all} {
		if text.Valid {
			if err := json.Unmarshal([]byte(text.String), &data); err != nil {
				return err
			}
		}
	}
	if data.Room != nil {
		n.Room = *data.Room
	}
	if data.Notify != nil {
		n.All = *data.Notify
	}
	return nil
}
