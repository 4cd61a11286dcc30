package chat

import (
	"context"
	"sync"
	"time"

	"parley/internal/db"
)

// Limits bounds what people may store.
type Limits struct {
	MessageChars int // characters of a message; default 4,000
}

// Options configures a [Chat].
type Options struct {
	DB     *db.DB
	Limits Limits
	// Publish is called after the commit of what it tells, in the order of the room's seq, one call at a time. It must not block.
	Publish func(Event)
	// Committed is called after each batch with its number of messages and how long its transaction took. It may be nil.
	Committed func(messages int, took time.Duration)
	// Now is the clock; default time.Now. It orders nothing.
	Now func() time.Time
	// NewID makes ids; default 26 sortable random characters.
	NewID func() string
}

// Chat is the log of all conversations.
type Chat struct {
	db        *db.DB
	limits    Limits
	publish   func(Event)
	committed func(int, time.Duration)
	now       func() time.Time
	newID     func() string
	queue     chan *submission
	stopping  chan struct{}
	stop      sync.Once
	done      chan struct{}
}

// Actor is who asks for something. The doors make one from a session.
type Actor struct {
	UserID    string
	Name      string
	SessionID string
}

// New starts a Chat on an open database. Close must be called before the database is closed.
func New(ctx context.Context, o Options) (*Chat, error) {
	c := &Chat{
		db: o.DB, limits: o.Limits, publish: o.Publish, committed: o.Committed, now: o.Now, newID: o.NewID,
		queue: make(chan *submission, maxQueued), stopping: make(chan struct{}), done: make(chan struct{}),
	}
	if c.limits.MessageChars == 0 {
		c.limits.MessageChars = 4000
	}
	if c.publish == nil {
		c.publish = func(Event) {}
	}
	if c.committed == nil {
		c.committed = func(int, time.Duration) {}
	}
	if c.now == nil {
		c.now = time.Now
	}
	if c.newID == nil {
		c.newID = newID
	}
	if err := c.createLobby(ctx); err != nil {
		return nil, err
	}
	go c.commitLoop()
	return c, nil
}

// Close commits what was accepted, answers it, and stops.
func (c *Chat) Close() {
	c.stop.Do(func() { close(c.stopping) })
	<-c.done
}

func micros(t time.Time) int64 { return t.UnixMicro() }

func fromMicros(n int64) time.Time { return time.UnixMicro(n).UTC() }
