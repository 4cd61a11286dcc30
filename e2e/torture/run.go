package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"syscall"
	"time"
)

// config is one run.
type config struct {
	bin      string // the built program; built when empty
	database string // sqlite or postgres
	nodes    int    // processes of the server, on Postgres; one when 0
	kill     string // what is killed: none, server, database, redis; or stopped for a second: pause, redis-pause
	fault    string
	duration time.Duration
	people   int
	rooms    int
	pause    time.Duration // between two things that a person does
}

// report is what a run found.
type report struct {
	Sent, Acked, Refused, Unknown, Deliveries, Entries, Kills, Reconnects, Resets int
	SlowestStart                                                                  time.Duration
	Problems                                                                      []string
}

func (r report) String() string {
	return fmt.Sprintf("%d sent: %d acknowledged, %d refused, %d unknown; %d entries, %d deliveries; %d kills (ready again within %v), %d reconnects, %d resets; %d problems",
		r.Sent, r.Acked, r.Refused, r.Unknown, r.Entries, r.Deliveries, r.Kills, r.SlowestStart.Round(time.Millisecond), r.Reconnects, r.Resets, len(r.Problems))
}

func run(ctx context.Context, c config) (report, error) {
	dir, err := os.MkdirTemp("", "parley-torture-")
	if err != nil {
		return report{}, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if c.bin == "" {
		if c.bin, err = build(ctx, dir, c.fault != ""); err != nil {
			return report{}, err
		}
	}
	s, err := newServer(c, dir)
	if err != nil {
		return report{}, err
	}
	defer s.close()
	t := &trial{config: c, server: s, h: &history{}}
	if err := t.gather(ctx); err != nil {
		return report{}, err
	}
	t.live(ctx)
	if err := t.settle(ctx); err != nil {
		return t.report, err
	}
	return t.report, t.check(ctx)
}

// trial is a run under way.
type trial struct {
	config
	server *server
	h      *history
	people []*person
	rooms  []string
	report report
}

// gather signs everybody up and makes the rooms: half of the people are in all of them, the others come and go.
func (t *trial) gather(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 60*time.Second)
	defer cancel()
	for i := range t.config.people {
		p := &person{
			h: t.h, server: t.server, name: fmt.Sprintf("p%d", i), rand: rand.New(rand.NewPCG(uint64(i), uint64(time.Now().UnixNano()))), //nolint:gosec // not a secret
			rooms: map[string]*roomCopy{}, behind: map[string]bool{},
		}
		if err := p.connect(ctx); err != nil {
			return err
		}
		t.people = append(t.people, p)
	}
	for i := range t.config.rooms {
		a, err := t.people[0].ask(ctx, "room-create", map[string]any{"name": fmt.Sprint("room ", i), "kind": "private", "members": t.regulars()})
		if err != nil || !a.Success {
			return fmt.Errorf("room-create: %s %w", a.Error, err)
		}
		var in struct{ RoomID string }
		unmarshal(a.raw, &in)
		t.rooms = append(t.rooms, in.RoomID)
	}
	return nil
}

func (t *trial) regulars() (ids []string) {
	for _, p := range t.people[:(len(t.people)+1)/2] {
		ids = append(ids, p.id)
	}
	return ids
}

// live lets people write while the nemesis does its work.
func (t *trial) live(ctx context.Context) {
	working, stop := context.WithTimeout(ctx, t.duration)
	defer stop()
	healing, healed := context.WithTimeout(ctx, t.duration+30*time.Second)
	defer healed()
	var wg sync.WaitGroup
	for _, p := range t.people {
		wg.Go(func() { p.work(working, healing, t.pause) })
	}
	wg.Go(func() { t.comeAndGo(working, healing) })
	wg.Go(func() { t.nemesis(working) })
	wg.Wait()
}

// comeAndGo brings people into rooms and puts them out again.
func (t *trial) comeAndGo(ctx, heal context.Context) {
	host, r := t.people[0], rand.New(rand.NewPCG(7, uint64(time.Now().UnixNano()))) //nolint:gosec // not a secret
	others := t.people[(len(t.people)+1)/2:]
	for ctx.Err() == nil && len(others) > 0 {
		time.Sleep(time.Duration(10+r.IntN(40)) * time.Millisecond)
		room, who := t.rooms[r.IntN(len(t.rooms))], others[r.IntN(len(others))]
		switch r.IntN(5) {
		case 0, 1, 2:
			host.once(heal, "member-add", map[string]any{"roomId": room, "userIds": []string{who.id}})
		case 3:
			host.once(heal, "member-kick", map[string]any{"roomId": room, "userId": who.id})
		case 4:
			who.once(heal, "room-leave", map[string]any{"roomId": room})
		}
	}
}

// nemesis kills what is to be killed, again and again.
func (t *trial) nemesis(ctx context.Context) {
	if t.kill == "none" || t.kill == "" {
		return
	}
	for {
		select {
		case <-time.After(400*time.Millisecond + time.Duration(rand.Int64N(int64(800*time.Millisecond)))): //nolint:gosec // not a secret
		case <-ctx.Done():
			return
		}
		if err := t.strike(); err != nil {
			t.h.problem(err.Error())
			return
		}
		t.report.Kills++
	}
}

func (t *trial) strike() error {
	switch t.kill {
	case "server":
		n := t.server.anyNode()
		n.kill()
		took, err := t.server.start(n)
		t.report.SlowestStart = max(t.report.SlowestStart, took)
		return err
	case "database":
		t.server.postgres.Kill()
		time.Sleep(200 * time.Millisecond)
		return t.server.postgres.Run()
	case "redis":
		t.server.redis.Kill()
		time.Sleep(time.Duration(rand.Int64N(int64(time.Second)))) //nolint:gosec // not a secret
		return t.server.redis.Run()
	case "redis-pause":
		t.server.redis.Signal(syscall.SIGSTOP)
		time.Sleep(time.Second)
		t.server.redis.Signal(syscall.SIGCONT)
		return nil
	case "pause":
		t.server.postgres.Signal(syscall.SIGSTOP)
		time.Sleep(time.Second)
		t.server.postgres.Signal(syscall.SIGCONT)
		return nil
	}
	return errors.New("nothing is called " + t.kill)
}

// settle heals everything, brings every copy up to date, and compares it with a fresh one.
func (t *trial) settle(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 60*time.Second)
	defer cancel()
	for _, p := range t.people {
		if p.c.Emit("presence-active", map[string]bool{"active": true}) != nil {
			if err := p.connect(ctx); err != nil {
				return err
			}
		}
	}
	time.Sleep(200 * time.Millisecond) // what is on its way arrives
	for _, p := range t.people {
		if err := p.settle(ctx); err != nil {
			return err
		}
	}
	return nil
}

// settle compares the person's copies with fresh ones.
func (p *person) settle(ctx context.Context) error {
	p.mu.Lock()
	for id := range p.rooms {
		p.behind[id] = true
	}
	p.mu.Unlock()
	for range 10 {
		if err := p.catchUp(ctx); err != nil {
			return err
		}
	}
	p.mu.Lock()
	copies := p.rooms
	p.mu.Unlock()
	for id, c := range copies {
		fresh, err := p.snapshot(ctx, id)
		if err != nil {
			return err
		}
		if fresh == nil {
			p.h.problem(fmt.Sprintf("%s has room %s, which is not theirs", p.name, id))
			continue
		}
		if what := c.differs(fresh); what != "" || c.last != fresh.last {
			p.h.problem(fmt.Sprintf("%s's copy of %s at %d differs from a fresh one at %d: %s", p.name, id, c.last, fresh.last, what))
		}
	}
	return nil
}

func unmarshal(data []byte, v any) {
	if err := json.Unmarshal(data, v); err != nil {
		panic(fmt.Sprintf("the server answered %s: %v", data, err))
	}
}
