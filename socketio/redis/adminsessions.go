package redis

import (
	"context"
	"time"

	"github.com/redis/rueidis"
)

// AdminSessionsOptions configures [NewAdminSessions]. Only Client is required.
type AdminSessionsOptions struct {
	Client rueidis.Client
	// Prefix of the keys; default socket.io-admin.
	Prefix string
	// Duration is how long a session lasts; default 24 h.
	Duration time.Duration
}

// AdminSessions keeps the sessions of an admin UI for all nodes, under the keys of the official package's RedisStore. It is an
// adminui.Store.
type AdminSessions struct{ o AdminSessionsOptions }

// NewAdminSessions makes the store. It does not close the client.
func NewAdminSessions(o AdminSessionsOptions) AdminSessions {
	if o.Prefix == "" {
		o.Prefix = "socket.io-admin"
	}
	if o.Duration <= 0 {
		o.Duration = 24 * time.Hour
	}
	return AdminSessions{o}
}

func (a AdminSessions) key(sessionID string) string { return a.o.Prefix + "#" + sessionID }

// Exists implements adminui.Store.
func (a AdminSessions) Exists(ctx context.Context, sessionID string) (bool, error) {
	return a.o.Client.Do(ctx, a.o.Client.B().Exists().Key(a.key(sessionID)).Build()).AsBool()
}

// Save implements adminui.Store.
func (a AdminSessions) Save(ctx context.Context, sessionID string) error {
	return a.o.Client.Do(ctx, a.o.Client.B().Set().Key(a.key(sessionID)).Value("true").Px(a.o.Duration).Build()).Error()
}
