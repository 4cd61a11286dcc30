package chat

import (
	"context"
	"crypto/cipher"
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
	PinRole      Role   // who may pin messages besides those who moderate the room: Member, the default, or Moderator for nobody
	Pins         int    // pinned messages of a room; default 100
	Saved        int    // saved messages of a person; default 1,000
	Drafts       int    // drafts of a person; default 100
	Keywords     int    // of a person; default 50
	EmojiRole    Role   // least role of those who add emoji; default Admin
	Emojis       int    // of the server; default 500
	Scheduled    int    // messages of a person that are to be sent later; default 100
	Reminders    int    // of a person; default 200
	Pushes       int    // devices of a person that are told of messages; default 20
	Previews     int    // links of a message that get a preview; default 3
	Blocks       int    // people that a person blocks or ignores; default 1,000
}

func (l *Limits) defaults() {
	if l.SignUp == "" {
		l.SignUp = SignUpOpen
	}
	if l.EmojiRole == "" {
		l.EmojiRole = Admin
	}
	for _, r := range []*Role{&l.InviteRole, &l.PinRole} {
		if *r == "" {
			*r = Member
		}
	}
	for _, n := range []struct {
		limit   *int
		usually int
	}{
		{&l.MessageChars, 4000}, {&l.Pins, 100}, {&l.Saved, 1000}, {&l.Drafts, 100}, {&l.Keywords, 50}, {&l.Blocks, 1000}, {&l.Emojis, 500},
		{&l.Scheduled, 100}, {&l.Reminders, 200}, {&l.Previews, 3}, {&l.Pushes, 20},
	} {
		if *n.limit == 0 {
			*n.limit = n.usually
		}
	}
}

// Options configures a [Chat].
type Options struct {
	DB     *db.DB
	Limits Limits
	// Publish is called after the commit of what it tells: of a room, in the order of the seqs, one call at a time; of different
	// rooms perhaps at the same time. It must not block. Without it this is not the server, but a command beside it: what is due at a time is
	// left to the server, which can tell people of it.
	Publish func(Event)
	// Committed is called after each batch with its number of operations and how long its transaction took. It may be nil.
	Committed func(operations int, took time.Duration)
	// Preview asks the page at a URL what it is, for messages that link to it; nil for no previews. Of an error of kind Unavailable nothing is
	// concluded about the page.
	Preview func(ctx context.Context, url string) (*Page, error)
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
	waker      *waker     // nil: this is not the server
	previewer  *previewer // nil: none
	arrivals   chan *arriving
	newcomers  chan *newcomer
	syncing    chan struct{} // a place for each who is being caught up with
	readers    sync.WaitGroup
	cursors    cipher.Block  // hides where a search goes on
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
		stopping: make(chan struct{}), drawing: make(chan struct{}, avatarDecodeSlots), arrivals: make(chan *arriving), newcomers: make(chan *newcomer), syncing: make(chan struct{}, syncReaders),
	}
	c.limits.defaults()
	if o.TellEvery == 0 {
		o.TellEvery = 5 * time.Second
	}
	server := c.publish != nil
	if !server {
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
	if err := c.openCursors(ctx); err != nil {
		return nil, err
	}
	for range o.DB.Dialect.Writers() {
		m := &committer{chat: c, queue: make(chan *operation, maxQueued), cursors: make(chan *operation, maxCursors), done: make(chan struct{}), memory: newRemembered(o.DB.Dialect)}
		c.committers = append(c.committers, m)
		go m.loop()
	}
	for range arrivalReaders {
		c.readers.Go(c.readArrivals)
	}
	c.readers.Go(c.createGuests)
	c.indexer = newIndexer(c)
	go c.indexer.loop()
	c.teller = newTeller(c, o.TellEvery)
	go c.teller.loop()
	if server {
		c.waker = newWaker(c)
		go c.waker.loop()
	}
	if o.Preview != nil {
		c.previewer = newPreviewer(c, o.Preview)
		c.previewer.start()
	}
	return c, nil
}

// Close commits what was accepted, answers it, and stops.
func (c *Chat) Close() {
	c.stop.Do(func() { close(c.stopping) })
	for _, m := range c.committers {
		<-m.done
	}
	c.readers.Wait()
	<-c.indexer.done
	<-c.teller.done
	if c.waker != nil {
		<-c.waker.done
	}
	c.previewer.wait()
}

func micros(t time.Time) int64 { return t.UnixMicro() }

func fromMicros(n int64) time.Time { return time.UnixMicro(n).UTC() }
