package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// flood are people who say all they can and do not wait for answers. A connection has one message handled at a time: they hold back themselves.
type flood struct {
	people []*chatterer
	rooms  []string

	stop                 context.CancelFunc
	running              sync.WaitGroup
	begun                time.Time
	took                 time.Duration
	said, acked, refused atomic.Int64
}

// chatterer is a person who says many things at a time.
type chatterer struct {
	*person
	back sync.Mutex // while the connection is made again
	n    atomic.Int64
}

const (
	flooders = 8
	atATime  = 1500 // messages of each that wait for their answer
	// rest is how long one waits who was refused: a tenth of the time that the server asks for, or less.
	rest = 200 * time.Millisecond
)

// newFlood makes the people, and rooms of two of them each.
func (t *trial) newFlood(ctx context.Context) (*flood, error) {
	f := &flood{}
	for i := range flooders {
		p := &chatterer{person: t.newPerson(fmt.Sprint("flood", i))}
		if err := p.connect(ctx); err != nil {
			return nil, err
		}
		f.people = append(f.people, p)
	}
	for i, p := range f.people {
		room, err := t.makeRoom(ctx, p.person, fmt.Sprint("flood ", i), []*person{f.people[(i+1)%flooders].person})
		if err != nil {
			return nil, err
		}
		f.rooms = append(f.rooms, room)
	}
	return f, nil
}

func (f *flood) begin() {
	f.running.Wait() // for the last answers to what was said before
	var ctx context.Context
	ctx, f.stop = context.WithCancel(context.Background())
	f.begun = time.Now()
	for i, p := range f.people {
		for range atATime {
			f.running.Go(func() {
				for ctx.Err() == nil {
					f.said.Add(1)
					switch p.chat(ctx, f.rooms[i], "") {
					case acked:
						f.acked.Add(1)
					case refused:
						f.refused.Add(1)
					}
				}
			})
		}
	}
}

func (f *flood) end() {
	f.stop()
	f.took += time.Since(f.begun)
}

// chat says one thing, once, and rests when it was refused.
func (p *chatterer) chat(ctx context.Context, room, more string) outcome {
	id := fmt.Sprintf("%s-%d", p.name, p.n.Add(1))
	s := &sent{user: p.id, clientID: id, room: room, text: "<" + id + ">", begun: time.Now(), tried: time.Now()}
	p.h.send(s)
	a, err := p.ask(context.Background(), "chat-message", map[string]any{"roomId": room, "clientId": id, "text": s.text + more})
	switch {
	case err != nil:
		p.reconnect(ctx)
	case a.Success:
		p.acknowledge(s, a)
		return acked
	case a.Code == "unavailable":
		p.h.settle(s, refused, "", 0)
		select {
		case <-time.After(rest):
		case <-ctx.Done():
		}
		return refused
	case a.Code != "retry":
		p.settleRefused(s, a)
	}
	return unknown
}

func (p *chatterer) reconnect(ctx context.Context) {
	p.back.Lock()
	defer p.back.Unlock()
	if !p.connected() {
		_ = p.connect(ctx) // when it is over, settle does
	}
}

// report is what there was of it.
func (f *flood) report() string {
	f.running.Wait()
	took := max(f.took.Seconds(), 0.001)
	return fmt.Sprintf("said %.0f/s for %.0f s: acknowledged %.0f/s, refused %.0f/s", float64(f.said.Load())/took, took, float64(f.acked.Load())/took,
		float64(f.refused.Load())/took)
}

// extras are the people besides those who are always there.
func (t *trial) extras() (out []*person) {
	if t.bulk != nil {
		out = t.bulk.people()
	}
	if t.flood != nil {
		for _, p := range t.flood.people {
			out = append(out, p.person)
		}
	}
	return out
}

// allRooms are those of everybody.
func (t *trial) allRooms() []string {
	all := slices.Clone(t.rooms)
	if t.bulk != nil {
		all = append(all, t.bulk.room)
	}
	if t.flood != nil {
		all = append(all, t.flood.rooms...)
	}
	return all
}
