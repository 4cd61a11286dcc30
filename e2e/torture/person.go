package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"parley/socketio/client"
)

// person is a client that keeps a copy of all its rooms.
type person struct {
	h      *history
	server *server
	at     string // where to connect, if not to the server's address
	name   string
	token  string
	id     string
	rand   *rand.Rand
	n      int

	mu     sync.Mutex
	c      *client.Client
	conn   int
	rooms  map[string]*roomCopy
	behind map[string]bool // rooms to catch up with
	lost   time.Time       // when the connection ended; zero while there is one
	wait   time.Duration   // what the server asked to wait before connecting again
}

// answer is what comes back for any event.
type answer struct {
	Success    bool    `json:"success"`
	Code       string  `json:"code"`
	Error      string  `json:"error"`
	RetryAfter float64 `json:"retryAfter"`
	raw        []byte
}

var errNoAnswer = errors.New("no answer")

// connected reports whether there is a connection, as far as the client knows.
func (p *person) connected() bool {
	p.mu.Lock()
	c := p.c
	p.mu.Unlock()
	return c != nil && c.Emit("presence-active", map[string]bool{"active": true}) == nil
}

// connect connects, until it succeeds or ctx is done, and joins.
func (p *person) connect(ctx context.Context) error {
	p.mu.Lock()
	wait := p.wait
	p.wait = 0
	p.mu.Unlock()
	time.Sleep(wait)
	for {
		err := p.tryConnect(ctx)
		if err == nil {
			p.back()
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("%s cannot connect: %w", p.name, err)
		}
		p.h.saw()
		select {
		case <-time.After(time.Duration(20+p.rand.IntN(80)) * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// back takes the time from the end of the last connection.
func (p *person) back() {
	p.mu.Lock()
	lost := p.lost
	p.lost = time.Time{}
	p.mu.Unlock()
	if !lost.IsZero() {
		p.h.resumed(lost)
	}
}

func (p *person) tryConnect(ctx context.Context) error {
	dialing, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	var auth any
	if p.token != "" {
		auth = map[string]string{"token": p.token}
	}
	c, err := client.Dial(dialing, cmp.Or(p.at, p.server.url()), client.Options{Auth: auth, OnDisconnect: p.disconnected})
	if err != nil {
		return err
	}
	p.h.mu.Lock()
	p.h.conns++
	conn := p.h.conns
	p.h.mu.Unlock()
	p.mu.Lock()
	old := p.c
	p.c, p.conn = c, conn
	p.mu.Unlock()
	if old != nil {
		old.Close()
	}
	c.OnAny(func(event string, args []json.RawMessage) {
		if len(args) > 0 {
			p.heard(conn, event, args[0])
		}
	})
	return p.join(ctx)
}

// disconnected notes when the connection ended that was in use.
func (p *person) disconnected(c *client.Client, _ error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.c == c && p.lost.IsZero() {
		p.lost = time.Now()
	}
}

func (p *person) join(ctx context.Context) error {
	event, payload := "user-join", map[string]any{}
	if p.token == "" {
		event, payload = "account-create", map[string]any{"name": p.name, "password": "password of " + p.name}
	}
	a, err := p.ask(ctx, event, payload)
	if err != nil {
		return err
	}
	if !a.Success {
		if event == "account-create" && a.Code == "conflict" { // it was made, and the answer was lost
			if a, err = p.ask(ctx, "account-login", payload); err != nil {
				return err
			}
		}
		if !a.Success {
			return fmt.Errorf("%s: %s", event, a.Error)
		}
	}
	var in struct {
		UserID, Token string
		Rooms         []struct{ RoomID string }
	}
	if err := json.Unmarshal(a.raw, &in); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.id == "" { // others read it from then on
		p.id = in.UserID
	}
	if in.Token != "" {
		p.token = in.Token
	}
	mine := map[string]bool{}
	for _, r := range in.Rooms {
		if r.RoomID == "general" {
			continue
		}
		mine[r.RoomID] = true
		if p.rooms[r.RoomID] == nil {
			p.rooms[r.RoomID] = newCopy()
		}
		p.behind[r.RoomID] = true
	}
	for id := range p.rooms {
		if !mine[id] {
			delete(p.rooms, id)
			delete(p.behind, id)
		}
	}
	return nil
}

// heard records an event and brings the copy up to date with it.
func (p *person) heard(conn int, event string, payload []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var notice struct{ RoomID string }
	switch event {
	case "server-restarting":
		var hint struct{ RetryAfter float64 }
		if json.Unmarshal(payload, &hint) == nil {
			p.wait = time.Duration(hint.RetryAfter * float64(time.Second))
		}
		return
	case "room-added":
		if json.Unmarshal(payload, &notice) == nil {
			p.h.add(delivery{user: p.id, conn: conn, room: notice.RoomID, kind: "added"})
			if p.rooms[notice.RoomID] == nil {
				p.rooms[notice.RoomID] = newCopy()
			}
			p.behind[notice.RoomID] = true
		}
		return
	case "room-removed":
		if json.Unmarshal(payload, &notice) == nil {
			delete(p.rooms, notice.RoomID)
			delete(p.behind, notice.RoomID)
		}
		return
	}
	e, ok := parseEntry(event, payload)
	if !ok || e.RoomID == "general" {
		return
	}
	p.record(conn, e)
	if room := p.rooms[e.RoomID]; room != nil {
		if room.live(e); len(room.waiting) > 0 {
			p.behind[e.RoomID] = true
		}
	}
}

func (p *person) record(conn int, e *entry) {
	p.h.add(delivery{
		user: p.id, conn: conn, room: e.RoomID, seq: e.Seq, id: e.ID, kind: e.Kind, text: e.Text,
		mine: e.Kind == "join" && e.Member != nil && e.Member.UserID == p.id,
	})
}

// ask sends an event and waits for its answer.
func (p *person) ask(ctx context.Context, event string, payload any) (answer, error) {
	p.mu.Lock()
	c := p.c
	p.mu.Unlock()
	if c == nil {
		return answer{}, errNoAnswer
	}
	waiting, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	args, err := c.EmitWithAck(waiting, event, payload)
	if err != nil || len(args) == 0 {
		return answer{}, errNoAnswer
	}
	a := answer{raw: args[0]}
	if err := json.Unmarshal(args[0], &a); err != nil {
		p.h.problem(fmt.Sprintf("%s is answered %s", event, args[0]))
	}
	if a.Code == "unavailable" || a.Code == "retry" || a.Code == "internal" {
		p.h.saw()
	}
	return a, nil
}

// catchUp brings every copy up to date that has missed something.
func (p *person) catchUp(ctx context.Context) error {
	p.mu.Lock()
	rooms := slices.Collect(maps.Keys(p.behind))
	p.mu.Unlock()
	for _, id := range rooms {
		if err := p.catchUpRoom(ctx, id); err != nil {
			return err
		}
	}
	return nil
}

func (p *person) catchUpRoom(ctx context.Context, id string) error {
	for {
		p.mu.Lock()
		room := p.rooms[id]
		delete(p.behind, id)
		if room == nil {
			p.mu.Unlock()
			return nil
		}
		fresh, ask := room.epoch == "", map[string]any{"roomId": id, "epoch": room.epoch, "afterSeq": room.last, "afterId": room.lastID}
		p.mu.Unlock()
		if fresh {
			return p.startAnew(ctx, id)
		}
		a, err := p.ask(ctx, "room-sync", ask)
		if err != nil {
			p.again(id)
			return err
		}
		if a.Code == "not-found" {
			p.forget(id)
			return nil
		}
		var news struct {
			Reset   bool
			HasMore bool
			Events  []struct {
				Event   string
				Payload json.RawMessage
			}
		}
		if !a.Success || json.Unmarshal(a.raw, &news) != nil {
			p.again(id)
			return nil //nolint:nilerr // it is asked again
		}
		if news.Reset {
			p.h.mu.Lock()
			p.h.resets++
			p.h.mu.Unlock()
			return p.startAnew(ctx, id)
		}
		p.mu.Lock()
		for _, n := range news.Events {
			if e, ok := parseEntry(n.Event, n.Payload); ok {
				p.record(0, e)
				if e.Seq > room.last+1 {
					p.h.problem(fmt.Sprintf("room-sync of %s after %d has %d", id, room.last, e.Seq))
				}
				if e.Seq > room.last {
					room.apply(e)
				}
			}
		}
		room.drain()
		p.mu.Unlock()
		if !news.HasMore {
			return nil
		}
	}
}

func (p *person) again(id string) {
	p.mu.Lock()
	if p.rooms[id] != nil {
		p.behind[id] = true
	}
	p.mu.Unlock()
}

func (p *person) forget(id string) {
	p.mu.Lock()
	delete(p.rooms, id)
	p.mu.Unlock()
}

// startAnew reads a room from the beginning and makes it the copy.
func (p *person) startAnew(ctx context.Context, id string) error {
	fresh, err := p.snapshot(ctx, id)
	if err != nil || fresh == nil {
		p.again(id)
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if old := p.rooms[id]; old != nil {
		fresh.waiting = old.waiting
		fresh.drain()
		p.rooms[id] = fresh
		if len(fresh.waiting) > 0 {
			p.behind[id] = true
		}
	}
	return nil
}

// snapshot reads a room as a client does that knows nothing. Without access it is nil.
func (p *person) snapshot(ctx context.Context, id string) (*roomCopy, error) {
	c := newCopy()
	a, err := p.ask(ctx, "room-get", map[string]any{"roomId": id})
	if err != nil || !a.Success {
		return nil, err
	}
	var in struct {
		Room struct {
			Epoch   string
			LastSeq int64
		}
	}
	if err := json.Unmarshal(a.raw, &in); err != nil {
		return nil, err
	}
	c.epoch, c.last = in.Room.Epoch, in.Room.LastSeq
	for after := int64(0); ; {
		a, err := p.ask(ctx, "room-history", map[string]any{"roomId": id, "afterSeq": after, "limit": 300})
		if err != nil || !a.Success {
			return nil, err
		}
		var page struct {
			Messages []message
			HasMore  bool
		}
		if err := json.Unmarshal(a.raw, &page); err != nil {
			return nil, err
		}
		for _, m := range page.Messages {
			if m.Version == 0 {
				m.Version = m.Seq
			}
			m.Text = short(m.Text)
			c.messages[m.ID] = m
			after = m.Seq
			p.h.add(delivery{user: p.id, room: id, seq: m.Seq, id: m.ID, kind: "message"})
		}
		if !page.HasMore {
			break
		}
	}
	if a, err = p.ask(ctx, "member-list", map[string]any{"roomId": id}); err != nil || !a.Success {
		return nil, err
	}
	var list struct{ Members []member }
	if err := json.Unmarshal(a.raw, &list); err != nil {
		return nil, err
	}
	for _, m := range list.Members {
		c.members[m.UserID] = m.Role
	}
	return c, nil
}
