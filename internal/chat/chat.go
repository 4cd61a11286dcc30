package chat

import (
	"context"
	"sync"
	"time"

	"go.opentelemetry.io/otel/trace"

	"parley/internal/db"
)

// Limits bounds what people may store.
type Limits struct {
	MessageChars int    // characters of a message; default 4,000
	SignUp       SignUp // who may make an account; default SignUpOpen
	InviteRole   Role   // who may invite to the server; default Member
}

// Options configures a [Chat].
type Options struct {
	DB     *db.DB
	Limits Limits
	// Publish is called after the commit of what it tells: of a room, in the order of the seqs, one call at a time; of different
	// rooms perhaps at the same time. It must not block.
	Publish func(Event)
	// Committed is called after each batch with its number of operations and how long its transaction took. It may be nil.
	Committed func(operations int, took time.Duration)
	// TellEvery is how often at most a room's log tells of one of its threads; default 5 s.
	TellEvery time.Duration
	// Tracer tells of commits in the traces of the requests. It may be nil.
	Tracer trace.Tracer
	// Now is the clock; default Clock. It orders nothing.
	Now func() time.Time
	// NewID makes ids; default 26 sortable random characters.
	NewID func() string
}

// Chat is the log of all conversations.
type Chat struct {
	db         *db.DB
	limits     Limits
	publish    func(Event)
	committed  func(int, time.Duration)
	tracer     trace.Tracer
	now        func() time.Time
	newID      func() string
	committers []*committer
	indexer    *indexer
	teller     *teller
	drawing    chan struct{} // a place for each picture that is decoded
	stopping   chan struct{}
	stop       sync.Once
}

// Actor is who asks for something. The doors make one from a session.
type Actor struct {
	UserID    string
	Name      string
	Role      Role // on the server
	SessionID string
}

// New starts a Chat on an open database. Close must be called before the database is closed.
func New(ctx context.Context, o Options) (*Chat, error) {
	c := &Chat{
		db: o.DB, limits: o.Limits, publish: o.Publish, committed: o.Committed, tracer: o.Tracer, now: o.Now, newID: o.NewID,
		stopping: make(chan struct{}), drawing: make(chan struct{}, avatarDecodeSlots),
	}
	if c.limits.SignUp == "" {
		c.limits.SignUp = SignUpOpen
	}
	if c.limits.InviteRole == "" {
		c.limits.InviteRole = Member
	}
	if c.limits.MessageChars == 0 {
		c.limits.MessageChars = 4000
	}
	if o.TellEvery == 0 {
		o.TellEvery = 5 * time.Second
	}
	if c.publish == nil {
		c.publish = func(Event) {}
	}
	if c.committed == nil {
		c.committed = func(int, time.Duration) {}
	}
	if c.now == nil {
		c.now = Clock
	}
	if c.newID == nil {
		c.newID = newID
	}
	if err := c.createLobby(ctx); err != nil {
		return nil, err
	}
	for range o.DB.Dialect.Writers() {
		m := &committer{chat: c, queue: make(chan *operation, maxQueued), done: make(chan struct{})}
		c.committers = append(c.committers, m)
		go m.loop()
	}
	c.indexer = newIndexer(c)
	go c.indexer.loop()
	c.teller = newTeller(c, o.TellEvery)
	go c.teller.loop()
	return c, nil
}

// Close commits what was accepted, answers it, and stops.
func (c *Chat) Close() {
	c.stop.Do(func() { close(c.stopping) })
	for _, m := range c.committers {
		<-m.done
	}
	<-c.indexer.done
	<-c.teller.done
}

func micros(t time.Time) int64 { return t.UnixMicro() }

func fromMicros(n int64) time.Time { return time.UnixMicro(n).UTC() }
