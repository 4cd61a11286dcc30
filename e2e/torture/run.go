package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"parley/internal/db/dbtest"
)

// config is one run.
type config struct {
	bin      string        // the built program; built when empty
	faulty   string        // the same with seeded faults, and clocks that can be wrong
	database string        // sqlite or postgres
	nodes    int           // processes of the server, on Postgres; one when 0
	kill     string        // what is broken, again and again: see kills; several by +, one after the other
	hold     time.Duration // for how long; up to a second when 0
	fault    string
	env      []string        // settings of all nodes
	clocks   []time.Duration // how wrong the nodes' are
	disk     int64           // bytes of the database's own disk; 0 is none
	next     string          // the built program of the next version; built when empty and needed
	postgres string          // settings of Postgres
	links    links
	duration time.Duration // of each
	atLeast  int           // acknowledgements in each, for which it goes on longer
	leaving  int           // people who have left a room, the same
	people   int
	rooms    int
	pause    time.Duration // between two things that a person does
	rest     time.Duration // within which everybody has to have what the server has; three minutes when 0
	keep     bool          // the log, when something did not go well
}

// diskSize is enough for an empty Postgres and what people say in some minutes, and not much more.
const diskSize = 256 << 20

func run(ctx context.Context, c config) (r report, err error) {
	dir, err := os.MkdirTemp("", "parley-torture-")
	if err != nil {
		return report{}, err
	}
	defer func() {
		if c.keep && (err != nil || len(r.Problems) > 0) {
			fmt.Println("the log is in", dir)
			return
		}
		_ = os.RemoveAll(dir)
	}()
	phases := strings.Split(cmp.Or(c.kill, "none"), "+")
	for _, name := range phases {
		f, ok := kills[name]
		if !ok || f.nodes && c.nodes < 2 || f.postgres && c.database != "postgres" {
			return report{}, errors.New("nothing is called " + name + ", or it needs Postgres, or several nodes")
		}
		c.links = c.links.and(f.links)
		if f.disk {
			c.disk = diskSize
		}
		if f.clocks != nil { // such clocks are in the build with faults only
			c.clocks, c.fault, c.bin = f.clocks, cmp.Or(c.fault, "none"), c.faulty
		}
	}
	if c.bin == "" {
		if c.bin, err = build(ctx, dir, c.fault != ""); err != nil {
			return report{}, err
		}
	}
	if slices.Contains(phases, "upgrade") && c.next == "" {
		if c.next, err = buildNext(ctx, dir); err != nil {
			return report{}, err
		}
	}
	s, err := newServer(c, dir)
	if err != nil {
		return report{}, err
	}
	defer s.close()
	t := &trial{config: c, server: s, h: &history{}, faults: phases}
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
	faults []string // to strike with, one after the other
	down   *node    // that was killed, or stopped
	bulk   *bulk    // nil when nothing needs one
	flood  *flood   // the same

	standby *dbtest.Cluster // while it is about to take Postgres' place
	phases  []*phase
	report  report
}

// errUnrest says that a client never got to what the server has, although nothing was broken any more: a promise is not kept.
var errUnrest = errors.New("does not come to rest")

// gather signs everybody up and makes the rooms: half of the people are in all of them, the others come and go.
func (t *trial) gather(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	for i := range t.config.people {
		p := t.newPerson(fmt.Sprint("p", i))
		if err := p.connect(ctx); err != nil {
			return err
		}
		t.people = append(t.people, p)
	}
	for i := range t.config.rooms {
		room, err := t.makeRoom(ctx, t.people[0], fmt.Sprint("room ", i), t.people[:(len(t.people)+1)/2])
		if err != nil {
			return err
		}
		t.rooms = append(t.rooms, room)
	}
	return t.gatherExtras(ctx)
}

// gatherExtras signs those up whom some faults need besides.
func (t *trial) gatherExtras(ctx context.Context) (err error) {
	for _, name := range t.faults {
		if kills[name].bulk && t.bulk == nil {
			if t.bulk, err = t.newBulk(ctx); err != nil {
				return err
			}
		}
		if kills[name].flood && t.flood == nil {
			if t.flood, err = t.newFlood(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

func (t *trial) newPerson(name string) *person {
	return &person{
		h: t.h, server: t.server, name: name, rand: rand.New(rand.NewPCG(rand.Uint64(), uint64(time.Now().UnixNano()))), //nolint:gosec // not a secret
		rooms: map[string]*roomCopy{}, behind: map[string]bool{},
	}
}

func (t *trial) makeRoom(ctx context.Context, founder *person, name string, members []*person) (string, error) {
	ids := make([]string, 0, len(members))
	for _, m := range members {
		ids = append(ids, m.id)
	}
	a, err := founder.ask(ctx, "room-create", map[string]any{"name": name, "kind": "private", "members": ids})
	if err != nil || !a.Success {
		return "", fmt.Errorf("room-create: %s %w", a.Error, err)
	}
	var in struct{ RoomID string }
	unmarshal(a.raw, &in)
	return in.RoomID, nil
}

func (t *trial) regulars() (ids []string) {
	for _, p := range t.people[:(len(t.people)+1)/2] {
		ids = append(ids, p.id)
	}
	return ids
}

// live lets people write while the nemesis does its work, and until what it broke is mended.
func (t *trial) live(ctx context.Context) {
	working, done := context.WithCancel(ctx)
	healing, healed := context.WithCancel(ctx)
	defer healed()
	var wg sync.WaitGroup
	for _, p := range t.people {
		wg.Go(func() { p.work(working, healing, t.pause) })
	}
	wg.Go(func() { t.comeAndGo(working, healing) })
	for _, name := range t.faults {
		t.phase(ctx, name)
	}
	done()
	time.AfterFunc(30*time.Second, healed)
	wg.Wait()
}

// comeAndGo brings people into rooms and puts them out again.
func (t *trial) comeAndGo(ctx, heal context.Context) {
	host, r := t.people[0], rand.New(rand.NewPCG(7, uint64(time.Now().UnixNano()))) //nolint:gosec // not a secret
	others := t.people[(len(t.people)+1)/2:]
	for ctx.Err() == nil && len(others) > 0 {
		time.Sleep(time.Duration(10+r.IntN(40)) * time.Millisecond)
		room, who := t.rooms[r.IntN(len(t.rooms))], others[r.IntN(len(others))]
		left := false
		switch r.IntN(5) {
		case 0, 1, 2:
			host.once(heal, "member-add", map[string]any{"roomId": room, "userIds": []string{who.id}})
		case 3:
			left = host.once(heal, "member-kick", map[string]any{"roomId": room, "userId": who.id})
		case 4:
			left = who.once(heal, "room-leave", map[string]any{"roomId": room})
		}
		if left {
			t.h.mu.Lock()
			t.h.departures++
			t.h.mu.Unlock()
		}
	}
}

// settle heals everything, brings every copy up to date, and compares it with a fresh one.
func (t *trial) settle(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(t.rest, 3*time.Minute))
	defer cancel()
	everybody := slices.Concat(t.people, t.extras())
	for _, p := range everybody {
		if !p.connected() {
			if err := p.connect(ctx); err != nil {
				return err
			}
		}
	}
	time.Sleep(200 * time.Millisecond) // what is on its way arrives
	for _, p := range everybody {
		if err := p.persist(ctx, p.settle); err != nil {
			return fmt.Errorf("%s %w: %w", p.name, errUnrest, err)
		}
	}
	return nil
}

// persist does something until it has been answered, over another connection if there has to be one.
func (p *person) persist(ctx context.Context, do func(context.Context) error) error {
	for {
		err := do(ctx)
		if err == nil || ctx.Err() != nil {
			return err
		}
		if !p.connected() {
			if err := p.connect(ctx); err != nil {
				return err
			}
		}
	}
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
	copies := maps.Clone(p.rooms)
	p.mu.Unlock()
	for id, c := range copies {
		fresh, err := p.snapshot(ctx, id)
		if err != nil {
			return err
		}
		if fresh == nil && p.loses(ctx, id) {
			continue
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

// loses waits until the server tells that a room is not the person's any more: nodes that have not heard of it look every few seconds.
func (p *person) loses(ctx context.Context, id string) bool {
	for deadline := time.Now().Add(unheard); time.Now().Before(deadline) && ctx.Err() == nil; time.Sleep(20 * time.Millisecond) {
		p.mu.Lock()
		has := p.rooms[id] != nil
		p.mu.Unlock()
		if !has {
			return true
		}
	}
	return false
}

// unheard is more than the time after which a node notices what nobody has told it.
const unheard = 20 * time.Second

func unmarshal(data []byte, v any) {
	if err := json.Unmarshal(data, v); err != nil {
		panic(fmt.Sprintf("the server answered %s: %v", data, err))
	}
}
