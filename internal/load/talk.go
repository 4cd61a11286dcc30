package load

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"
)

// talk sends messages at the times of the schedule until ctx is done: each by somebody who is not sending already.
func (t *tester) talk(ctx context.Context) {
	if t.o.Rate == 0 {
		return
	}
	interval := time.Duration(float64(time.Second) / t.o.Rate)
	for next := t.now(); ; {
		next += time.Duration(rand.ExpFloat64() * float64(interval)) //nolint:gosec // not a secret
		if !t.sleepUntil(ctx, next) {
			return
		}
		t.say(ctx, next)
	}
}

func (t *tester) sleepUntil(ctx context.Context, at time.Duration) bool {
	if wait := at - t.now(); wait > 0 {
		select {
		case <-time.After(wait):
		case <-ctx.Done():
		}
	}
	return ctx.Err() == nil
}

// say lets somebody send a message that was due at a time.
func (t *tester) say(ctx context.Context, due time.Duration) {
	for range 20 {
		p := t.people[rand.IntN(len(t.people))] //nolint:gosec // not a secret
		if !p.online.Load() || p.busy.Swap(true) {
			continue
		}
		t.running.Go(func() {
			defer p.busy.Store(false)
			p.say(ctx, due)
		})
		return
	}
	t.stats.nobody.Add(1)
}

// say types for a while and sends a message to the person's room, or to one other person.
func (p *person) say(ctx context.Context, due time.Duration) {
	room := p.room
	if rand.Float64() < p.t.o.Direct { //nolint:gosec // not a secret
		if room = p.conversation(); room == "" {
			return
		}
	}
	if p.t.o.Typing {
		p.t.stats.typed.Add(1)
		if _, err := p.ask(ctx, "typing-indicator", map[string]any{"roomId": room, "typing": true}); err != nil {
			return
		}
		pause := 200*time.Millisecond + time.Duration(rand.Int64N(int64(800*time.Millisecond))) //nolint:gosec // not a secret
		if due = max(due, p.t.now()) + pause; !p.t.sleepUntil(ctx, due) {
			return
		}
	}
	p.send(room, due)
}

// conversation opens the conversation with the person's neighbour.
func (p *person) conversation() string {
	if room := p.direct.Load(); room != nil {
		return *room
	}
	other := p.t.people[(p.number+1)%len(p.t.people)]
	other.mu.Lock()
	userID := other.userID
	other.mu.Unlock()
	if userID == "" {
		return ""
	}
	a, err := p.ask(p.t.ctx, "direct-open", map[string]any{"userIds": []string{userID}})
	if err != nil {
		return ""
	}
	p.direct.Store(&a.RoomID)
	return a.RoomID
}

// send sends a message, again under the same id as long as nobody knows whether it was saved.
func (p *person) send(room string, due time.Duration) {
	p.sent++
	clientID := p.t.run + "-" + strconv.Itoa(p.number) + "-" + strconv.Itoa(p.sent) + "-" + strconv.FormatInt(int64(due), 36)
	payload := map[string]any{"roomId": room, "clientId": clientID, "text": p.text()}
	after := p.acked[room]
	p.t.stats.sent.Add(1)
	for attempt := 0; ; attempt++ {
		a, err := p.ask(p.t.ctx, "chat-message", payload)
		if err == nil {
			p.t.stats.ack.record(p.t.now() - due)
			p.t.stats.acked.Add(1)
			p.t.truth.ackedAt(a.RoomID, a.MessageID, a.Seq)
			if a.Seq <= after {
				p.t.truth.problem("reordered", "a message was sent after %d of %s, and is at %d", after, room, a.Seq)
			}
			p.acked[room] = a.Seq
			return
		}
		var no *refused
		if errors.As(err, &no) && no.Code != "retry" && no.Code != "unavailable" && no.Code != "unauthenticated" {
			p.t.stats.refused.Add(1)
			return
		}
		if p.t.ctx.Err() != nil || attempt == 30 {
			p.t.stats.unknown.Add(1)
			return
		}
		wait := 300 * time.Millisecond
		if no != nil {
			wait = max(wait, time.Duration(no.RetryAfter*float64(time.Second)))
		}
		p.t.sleepUntil(p.t.ctx, p.t.now()+wait)
	}
}

const words = "a message of ordinary length, as people write them to each other all day "

func (p *person) text() string {
	text := fmt.Sprintf("%d/%d ", p.number, p.sent) + strings.Repeat(words, p.t.o.TextLength/len(words)+1)
	return strings.TrimSpace(text[:p.t.o.TextLength])
}

// cut cuts connections at the rate that is asked for.
func (t *tester) cut(ctx context.Context) {
	perSecond := t.o.Reconnects * float64(t.o.People) / 100 / 60
	if perSecond <= 0 {
		return
	}
	for {
		if !t.sleepUntil(ctx, t.now()+time.Duration(rand.ExpFloat64()/perSecond*float64(time.Second))) { //nolint:gosec // not a secret
			return
		}
		if p := t.people[rand.IntN(len(t.people))]; p.online.Load() { //nolint:gosec // not a secret
			p.drop()
		}
	}
}

// storm cuts all connections at once, half-way, as a balancer does that fails: everybody comes back by themselves.
func (t *tester) storm(ctx context.Context) {
	if !t.sleepUntil(ctx, t.now()+t.o.Duration/2) {
		return
	}
	now := t.now()
	for _, p := range t.people {
		if p.online.Load() {
			p.stormed.Store(int64(now))
			p.drop()
		}
	}
}

// back notes how long it took somebody to come back after the storm.
func (p *person) back() {
	if at := p.stormed.Swap(0); at > 0 {
		p.t.stats.back.record(p.t.now() - time.Duration(at))
	}
}
