package load

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"parley/socketio/client"
)

const (
	answerTimeout = 20 * time.Second // for one answer; a server that takes longer has not answered
	readEvery     = 3 * time.Second  // how often a reader tells what they have read
)

// person is one simulated user with one connection.
type person struct {
	t         *tester
	number    int
	client    atomic.Pointer[client.Client]
	token     atomic.Pointer[string]
	busy      atomic.Bool  // a message of theirs is under way: they send one after the other
	online    atomic.Bool  // joined, with all their rooms caught up
	catching  atomic.Int32 // how many times they are catching up now
	reads     bool
	impatient bool   // does not try again what cannot succeed
	room      string // where they talk
	direct    atomic.Pointer[string]
	sent      int                     // numbers their messages; busy guards it
	noJoin    atomic.Pointer[refused] // why they may not join
	stormed   atomic.Int64            // when their connection was cut by the storm; 0 after they are back
	acked     map[string]int64

	mu     sync.Mutex
	userID string
	places map[string]*place
	unread map[string]bool
}

// auth is the payload of the CONNECT packet: what it is at the time.
type auth struct{ p *person }

// MarshalJSON implements json.Marshaler.
func (a auth) MarshalJSON() ([]byte, error) {
	token := ""
	if t := a.p.token.Load(); t != nil {
		token = *t
	}
	return json.Marshal(map[string]string{"token": token})
}

func newPerson(t *tester, number int) *person {
	p := &person{t: t, number: number, acked: map[string]int64{}, places: map[string]*place{}, unread: map[string]bool{}}
	p.reads = rand.Float64() < t.o.Readers //nolint:gosec // not a secret
	if t.o.NoGuests {
		p.token.Store(&t.o.Token)
	}
	return p
}

// connect opens the person's connection, again and again while the server refuses it, until ctx is done.
func (p *person) connect(ctx context.Context) error {
	for {
		p.t.stats.attempts.Add(1)
		begun := time.Now()
		dialing, cancel := context.WithTimeout(ctx, answerTimeout)
		c, err := client.Dial(dialing, p.url(), client.Options{
			Auth: auth{p}, Reconnect: true, OnConnect: func(c *client.Client) { p.joined(c, time.Now()) }, OnDisconnect: p.lost, OnEvent: p.heard,
		})
		cancel()
		if err == nil {
			p.client.Store(c)
			p.t.stats.connect.record(time.Since(begun))
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		p.t.stats.refusedConnection(err)
		if p.impatient && !busy(err) {
			return err
		}
		select {
		case <-time.After(time.Second + time.Duration(rand.Int64N(int64(2*time.Second)))): //nolint:gosec // not a secret
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// url is the address that the person connects to.
func (p *person) url() string { return p.t.o.URLs[p.number%len(p.t.o.URLs)] }

// busy reports whether a refusal is one for now.
func busy(err error) bool {
	var refusal *client.HTTPError
	return errors.As(err, &refusal) && (refusal.Status == http.StatusTooManyRequests || refusal.Status == http.StatusServiceUnavailable)
}

// answer is what counts of any answer.
type answer struct {
	Success    bool
	Code       string
	Error      string
	RetryAfter float64
	MessageID  string
	RoomID     string
	Seq        int64
	UserID     string
	Token      string
	Role       string
	LastSeq    int64
	Epoch      string
	Reset      bool
	HasMore    bool
	Rooms      []roomInfo
	Room       roomInfo
	Events     []struct{ Payload entry }
	Messages   []struct {
		Seq int64
		ID  string
	}
}

type roomInfo struct {
	RoomID  string
	LastSeq int64
	Epoch   string
}

// refused is an answer that is no success.
type refused struct{ answer }

// Error implements error.
func (r *refused) Error() string { return r.Code + ": " + r.answer.Error }

// ask sends an event and returns its answer; what is no success is counted.
func (p *person) ask(ctx context.Context, event string, payload any) (answer, error) {
	c := p.client.Load()
	if c == nil {
		return answer{}, client.ErrDisconnected
	}
	return p.askOn(ctx, c, event, payload)
}

func (p *person) askOn(ctx context.Context, c *client.Client, event string, payload any) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	var a answer
	args, err := c.EmitWithAck(ctx, event, payload)
	if err == nil && len(args) > 0 {
		err = json.Unmarshal(args[0], &a)
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		p.t.stats.failed(event, "no answer")
	case errors.Is(err, client.ErrDisconnected):
		p.t.stats.failed(event, "connection lost")
	case err == nil && !a.Success:
		p.t.stats.failed(event, a.Code)
		return a, &refused{a}
	}
	return a, err
}

// joined makes a connection the person's, and catches up with what they have missed. As long as the connection is there they ask again.
func (p *person) joined(c *client.Client, begun time.Time) {
	ctx, connection := p.t.ctx, c.ID()
	for {
		a, err := p.askOn(ctx, c, "user-join", map[string]string{"username": fmt.Sprintf("bench %d", p.number)})
		if err == nil {
			p.t.stats.join.record(time.Since(begun))
			p.begin(ctx, c, a)
			return
		}
		var no *refused
		switch {
		case errors.Is(err, client.ErrDisconnected), c.ID() != connection:
			return // the next connection joins
		case errors.As(err, &no) && (no.Code == "unauthenticated" || no.Code == "forbidden" || no.Code == "too-large"):
			p.noJoin.Store(no)
			return
		}
		if !p.t.sleepUntil(ctx, p.t.now()+retryPause(no)) {
			return
		}
	}
}

func (p *person) begin(ctx context.Context, c *client.Client, a answer) {
	if a.Token != "" {
		p.token.Store(&a.Token)
	}
	var missing []string
	p.mu.Lock()
	p.userID = a.UserID
	for _, r := range a.Rooms {
		if p.place(r.RoomID).begin(r.Epoch, r.LastSeq) {
			missing = append(missing, r.RoomID)
		}
	}
	p.mu.Unlock()
	for _, room := range missing {
		p.catchUp(ctx, c, room)
	}
	if !p.online.Swap(true) {
		p.t.stats.online.Add(1)
	}
	p.back()
}

// place is the person's place in a room. The caller holds the lock.
func (p *person) place(room string) *place {
	at := p.places[room]
	if at == nil {
		at = &place{}
		p.places[room] = at
	}
	return at
}

// catchUp asks for what a place lacks, again and again while the server is too busy to say: who stops asking would lack it until their
// next connection. It ends with the connection; the next one asks anew.
func (p *person) catchUp(ctx context.Context, c *client.Client, room string) {
	connection := c.ID()
	p.catching.Add(1)
	defer p.catching.Add(-1)
	for {
		p.mu.Lock()
		at := *p.place(room)
		p.mu.Unlock()
		request := map[string]any{"roomId": room, "epoch": at.epoch, "afterSeq": at.last}
		if id := p.t.truth.room(room).id(at.last); id != "" {
			request["afterId"] = id
		}
		a, err := p.askOn(ctx, c, "room-sync", request)
		var no *refused
		switch {
		case err == nil:
			p.t.stats.caughtUp.Add(1)
			if p.caughtUp(room, a) {
				return
			}
			continue
		case errors.As(err, &no) && !no.forNow():
			return // they are not in the room any more
		case errors.Is(err, client.ErrDisconnected), c.ID() != connection:
			return
		}
		if !p.t.sleepUntil(ctx, p.t.now()+retryPause(no)) {
			return
		}
	}
}

// forNow reports whether the same may be done a little later.
func (r *refused) forNow() bool {
	return r.Code == "unavailable" || r.Code == "retry" || r.Code == "rate-limited"
}

// retryPause is how long to wait before it: what the server says, if it says anything.
func retryPause(no *refused) time.Duration {
	if no == nil {
		return time.Second
	}
	return time.Duration(max(no.RetryAfter, 0.5) * float64(time.Second))
}

func (p *person) caughtUp(room string, a answer) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	at := p.place(room)
	if a.Reset {
		at.known = false
		return !at.begin(a.Epoch, a.LastSeq)
	}
	for _, e := range a.Events {
		switch seq := e.Payload.Seq; {
		case seq <= at.last: // it was told live meanwhile
			continue
		case seq > at.last+1:
			p.t.truth.problem("gap", "%s catches up with %d after %d", room, seq, at.last)
		}
		at.last = e.Payload.Seq
		p.t.truth.saw(room, e.Payload.ID, p.t.own(e.Payload.ClientID), e.Payload.Seq)
	}
	at.settle()
	return !a.HasMore
}

func (p *person) lost(*client.Client, error) {
	p.t.stats.disconnects.Add(1)
	if p.online.Swap(false) {
		p.t.stats.online.Add(-1)
	}
	p.mu.Lock()
	for _, at := range p.places {
		at.broken()
	}
	p.mu.Unlock()
}

// heard takes what the server tells, on the connection's reader.
func (p *person) heard(event string, args []json.RawMessage) {
	switch event {
	case "new-message", "message-edited", "message-deleted", "message-reaction", "room-created", "room-updated", "member-joined", "member-left", "member-role":
	case "room-added":
		p.added(args)
		return
	default:
		p.t.stats.told.Add(1)
		return
	}
	var e entry
	if len(args) == 0 || json.Unmarshal(args[0], &e) != nil || e.Seq == 0 {
		p.t.truth.problem("malformed", "%s %q", event, args)
		return
	}
	if event == "new-message" {
		p.t.stats.delivered.Add(1)
		if at, ok := p.t.sentAt(e.ClientID); ok {
			p.t.stats.delivery.record(p.t.now() - at)
		}
	}
	p.mu.Lock()
	before := p.place(e.RoomID).live
	wrong := p.place(e.RoomID).take(e.Seq)
	tell := p.reads && !p.unread[e.RoomID] && event == "new-message"
	if tell {
		p.unread[e.RoomID] = true
	}
	p.mu.Unlock()
	p.t.truth.saw(e.RoomID, e.ID, p.t.own(e.ClientID), e.Seq)
	switch wrong {
	case "doubled":
		p.t.truth.problem("doubled", "%d of %s came again after %d", e.Seq, e.RoomID, before)
	case "gap":
		p.t.truth.problem("gap", "%s had %d after %d", e.RoomID, e.Seq, before)
		if c := p.client.Load(); c != nil {
			p.t.running.Go(func() { p.catchUp(p.t.ctx, c, e.RoomID) })
		}
	}
	if tell {
		time.AfterFunc(time.Duration(rand.Int64N(int64(readEvery))), func() { p.read(e.RoomID) }) //nolint:gosec // not a secret
	}
}

// added takes that the person is in a room now: this connection is told of what comes after a seq.
func (p *person) added(args []json.RawMessage) {
	var e entry
	if len(args) == 0 || json.Unmarshal(args[0], &e) != nil {
		return
	}
	p.mu.Lock()
	p.place(e.RoomID).begin("", e.Seq)
	p.mu.Unlock()
}

// read tells that the person has read a room to where they have got.
func (p *person) read(room string) {
	p.mu.Lock()
	p.unread[room] = false
	seq := p.place(room).last
	p.mu.Unlock()
	if p.t.ctx.Err() == nil && p.online.Load() {
		p.t.stats.reads.Add(1)
		_, _ = p.ask(p.t.ctx, "room-read", map[string]any{"roomId": room, "seq": seq}) // a failure is counted
	}
}

// drop cuts the connection as a failing network would; the client comes back by itself.
func (p *person) drop() {
	if c := p.client.Load(); c != nil {
		p.t.stats.cuts.Add(1)
		c.Drop()
	}
}

func (p *person) close() {
	if c := p.client.Load(); c != nil {
		c.Close()
	}
}
