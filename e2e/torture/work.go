package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"
)

// work does what people do, until ctx is done; then it lets what is under way come to its end within heal.
func (p *person) work(ctx, heal context.Context, pause time.Duration) {
	for ctx.Err() == nil {
		p.step(heal)
		select {
		case <-time.After(time.Duration(p.rand.Int64N(int64(2*pause) + 1))):
		case <-ctx.Done():
		}
	}
}

// step does one thing, and whatever it takes to be connected and up to date.
func (p *person) step(ctx context.Context) {
	p.mu.Lock()
	c := p.c
	rooms := slices.Sorted(maps.Keys(p.rooms))
	p.mu.Unlock()
	if !p.connected() {
		p.h.mu.Lock()
		p.h.reconnects++
		p.h.mu.Unlock()
		if p.connect(ctx) != nil {
			return
		}
	}
	if p.catchUp(ctx) != nil || len(rooms) == 0 {
		return
	}
	room := rooms[p.rand.IntN(len(rooms))]
	some, own := p.anyMessage(room)
	switch n := p.rand.IntN(20); {
	case n < 12:
		p.send(ctx, room)
	case n < 14 && own != "":
		p.n++
		p.once(ctx, "message-edit", map[string]any{"roomId": room, "messageId": own, "text": fmt.Sprintf("edited by %s, %d", p.name, p.n)})
	case n < 15 && own != "":
		p.once(ctx, "message-delete", map[string]any{"roomId": room, "messageId": own})
	case n < 18 && some != "":
		p.once(ctx, "message-react", map[string]any{"roomId": room, "messageId": some, "emoji": "👍", "on": p.rand.IntN(3) > 0})
	case n < 19:
		p.once(ctx, "room-read", map[string]any{"roomId": room, "seq": 1 << 30})
	default:
		if p.rand.IntN(3) == 0 {
			c.Drop()
		}
	}
}

// anyMessage picks a message of a room, and one of the person's own.
func (p *person) anyMessage(room string) (some, own string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.rooms[room]
	if c == nil {
		return "", ""
	}
	for id, m := range c.messages { // in random order, as Go has it
		if m.DeletedAt != "" {
			continue
		}
		if some = id; m.UserID == p.id {
			return some, id
		}
	}
	return some, ""
}

// send sends one message and does not rest before it knows what became of it, or the time is up.
func (p *person) send(ctx context.Context, room string) { p.say(ctx, room, "") }

// say is send, of a longer text.
func (p *person) say(ctx context.Context, room, more string) {
	p.n++
	s := &sent{
		user: p.id, clientID: fmt.Sprintf("%s-%d", p.name, p.n), room: room, text: fmt.Sprintf("<%s-%d>", p.name, p.n), begun: time.Now(),
	}
	p.h.send(s)
	tries := 1 + p.rand.IntN(2)*20 // half of them give up at the first definite no
	for ctx.Err() == nil {
		p.h.mu.Lock()
		s.tried = time.Now()
		p.h.mu.Unlock()
		a, err := p.ask(ctx, "chat-message", map[string]any{"roomId": room, "clientId": s.clientID, "text": s.text + more})
		switch {
		case err != nil || a.Code == "retry":
			s.unsure = true
			if p.connect(ctx) != nil {
				return
			}
			if p.rand.IntN(10) == 0 { // some never ask again
				return
			}
		case a.Success:
			p.acknowledge(s, a)
			if p.rand.IntN(10) == 0 {
				p.repeat(ctx, s, more)
			}
			return
		case a.Code == "unavailable" && tries > 1:
			tries--
			time.Sleep(100 * time.Millisecond)
		default:
			p.settleRefused(s, a)
			return
		}
	}
}

// settleRefused records a definite no. After a try whose outcome is not known, a no to the next try says nothing about the first.
func (p *person) settleRefused(s *sent, a answer) {
	switch a.Code {
	case "unavailable", "not-found", "forbidden":
		if !s.unsure {
			p.h.settle(s, refused, "", 0)
		}
	case "unauthenticated":
	default:
		p.h.problem("chat-message is answered " + string(a.raw))
	}
}

// acknowledge records a yes.
func (p *person) acknowledge(s *sent, a answer) {
	var in struct {
		MessageID string
		Seq       int64
	}
	unmarshal(a.raw, &in)
	p.h.settle(s, acked, in.MessageID, in.Seq)
}

// repeat sends an acknowledged message again: the answer must be the same.
func (p *person) repeat(ctx context.Context, s *sent, more string) {
	a, err := p.ask(ctx, "chat-message", map[string]any{"roomId": s.room, "clientId": s.clientID, "text": s.text + more})
	if err != nil || !a.Success {
		return
	}
	var in struct {
		MessageID string
		Seq       int64
	}
	unmarshal(a.raw, &in)
	if in.MessageID != s.id || in.Seq != s.seq {
		p.h.problem(fmt.Sprintf("%s was %s at %d, and is %s at %d when repeated", s.clientID, s.id, s.seq, in.MessageID, in.Seq))
	}
}

// once sends what may fail, and tells whether it was done.
func (p *person) once(ctx context.Context, event string, payload any) bool {
	a, err := p.ask(ctx, event, payload)
	if err != nil || a.Success {
		return err == nil
	}
	switch a.Code {
	case "not-found", "forbidden", "unavailable", "retry":
	case "unauthenticated": // the person's own loop is about to join again
	default:
		p.h.problem(event + " is answered " + string(a.raw))
	}
	return false
}
