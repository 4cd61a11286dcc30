package load

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	lobby        = "general"
	connecting   = 64               // connections that are opened at the same time
	settleWithin = 10 * time.Second // how long nothing may arrive in the end while something is missing
)

// tester is one run.
type tester struct {
	o       Options
	ctx     context.Context //nolint:containedctx // the run's
	run     string          // marks its messages
	begun   time.Time
	people  []*person
	maker   *person // of the rooms; nil for none
	rooms   []string
	stats   stats
	truth   *truth
	target  *target // nil for none
	running sync.WaitGroup
	seconds []Second
}

// Run connects the people, lets them talk, and tells what came of it. When ctx is done it ends early, with what it has.
func Run(ctx context.Context, o Options) (*Report, error) {
	if err := o.validate(1); err != nil {
		return nil, err
	}
	working, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	t := &tester{
		o: o, ctx: working, begun: time.Now(), run: "bench" + strconv.FormatUint(rand.Uint64(), 36), truth: newTruth(), //nolint:gosec // not a secret
		stats: stats{errors: map[string]int{}, connects: map[string]int{}},
	}
	defer func() {
		cancel()
		t.closeAll()
		t.running.Wait()
	}()
	if err := t.makeRooms(ctx); err != nil {
		return nil, err
	}
	if err := t.gather(ctx); err != nil {
		return nil, err
	}
	t.begun = time.Now()
	sampling, stopSampling := context.WithCancel(working)
	t.target = watch(sampling, o.Metrics)
	sampled := make(chan struct{})
	go func() { defer close(sampled); t.sample(sampling) }()
	err := t.ramp(ctx)
	if err == nil {
		talking, stop := context.WithTimeout(ctx, o.Duration)
		t.running.Go(func() { t.cut(talking) })
		if t.o.Storm {
			t.running.Go(func() { t.storm(talking) })
		}
		t.talk(talking)
		<-talking.Done()
		stop()
		t.settle()
		t.readBack()
	}
	stopSampling()
	<-sampled
	if err != nil && ctx.Err() == nil {
		return nil, err
	}
	return t.report(), nil
}

func (t *tester) now() time.Duration { return time.Since(t.begun) }

// own returns a client id if it is one of this run's messages.
func (t *tester) own(clientID string) string {
	if strings.HasPrefix(clientID, t.run) {
		return clientID
	}
	return ""
}

// sentAt is when one of this run's messages was due.
func (t *tester) sentAt(clientID string) (time.Duration, bool) {
	if t.own(clientID) == "" {
		return 0, false
	}
	at, err := strconv.ParseInt(clientID[strings.LastIndexByte(clientID, '-')+1:], 36, 64)
	return time.Duration(at), err == nil
}

func (t *tester) sample(ctx context.Context) {
	m := &sampler{s: &t.stats, ack: &counts{}, delivery: &counts{}}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			s := m.next(t.now())
			s.Target = t.target.now()
			t.seconds = append(t.seconds, s)
			if t.o.Progress != nil {
				t.o.Progress(s)
			}
		case <-ctx.Done():
			return
		}
	}
}

// makeRooms makes the rooms of the run, with the account that was given, or one of its own.
func (t *tester) makeRooms(ctx context.Context) error {
	if t.o.Rooms == 0 {
		return nil
	}
	m := newPerson(t, 0)
	if t.o.Token != "" {
		m.token.Store(&t.o.Token)
	}
	t.maker = m
	if err := m.connectFirst(ctx); err != nil {
		return err
	}
	if t.o.Token == "" {
		name := t.run[:min(len(t.run), 20)]
		a, err := m.ask(ctx, "account-create", map[string]string{"name": name, "password": t.run + strconv.FormatUint(rand.Uint64(), 36)}) //nolint:gosec // nobody uses it again
		if err != nil {
			return fmt.Errorf("no account can be made: %w", err)
		}
		m.token.Store(&a.Token)
	}
	for n := range t.o.Rooms {
		a, err := m.patiently(ctx, "room-create", map[string]string{"name": fmt.Sprintf("%s %d", t.run, n), "clientId": fmt.Sprintf("%s-room-%d", t.run, n)})
		if err != nil {
			return fmt.Errorf("no room can be made: %w", err)
		}
		t.rooms = append(t.rooms, a.RoomID)
	}
	m.close() // whoever made the rooms is none of the people
	t.stats.disconnects.Store(0)
	return nil
}

// connectOnce connects and waits until the person has joined, or ctx is done.
func (p *person) connectOnce(ctx context.Context) error {
	if err := p.connect(ctx); err != nil {
		return fmt.Errorf("cannot connect to %s: %w%s", p.url(), err, p.t.stats.reasons())
	}
	for !p.online.Load() {
		if no := p.noJoin.Load(); no != nil {
			return fmt.Errorf("nobody can join %s: %w", p.url(), no)
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("nobody can join %s: %w%s", p.url(), ctx.Err(), p.t.stats.reasons())
		}
	}
	return nil
}

// connectFirst is for somebody without whom there is nothing to measure.
func (p *person) connectFirst(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	p.impatient = true
	return p.connectOnce(ctx)
}

func (s *stats) reasons() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out string
	for _, m := range []map[string]int{s.connects, s.errors} {
		for reason := range maps.Keys(m) {
			out += " (" + strings.TrimSpace(reason) + ")"
		}
	}
	return out
}

// patiently asks until it is not for the rate that it is refused.
func (p *person) patiently(ctx context.Context, event string, payload any) (answer, error) {
	for {
		a, err := p.ask(ctx, event, payload)
		var no *refused
		if !errors.As(err, &no) || !no.forNow() {
			return a, err
		}
		if !p.t.sleepUntil(ctx, p.t.now()+time.Duration((no.RetryAfter+0.1)*float64(time.Second))) {
			return a, ctx.Err()
		}
	}
}

// gather makes the people, and connects the first: without them there is nothing to measure.
func (t *tester) gather(ctx context.Context) error {
	for n := range t.o.People {
		p := newPerson(t, n)
		p.room = lobby
		if len(t.rooms) > 0 {
			p.room = t.rooms[n%len(t.rooms)]
		}
		t.people = append(t.people, p)
	}
	if err := t.people[0].connectFirst(ctx); err != nil {
		return err
	}
	t.people[0].enter(ctx)
	return nil
}

// ramp connects the people, evenly over the ramp's time, and waits until they have joined, or ctx is done.
func (t *tester) ramp(ctx context.Context) error {
	giveUp, cancel := context.WithTimeout(ctx, t.o.Ramp+t.o.Duration) // those who are refused that long have no part in it
	done := make(chan struct{})
	go func() { defer close(done); t.openAll(giveUp) }()
	select {
	case <-done:
		cancel()
	case <-time.After(t.o.Ramp/2 + 5*time.Second): // the rest come while the others talk
		t.running.Go(func() { <-done; cancel() })
	case <-ctx.Done():
		cancel()
		<-done
	}
	return ctx.Err()
}

// openAll lets everybody come at their time.
func (t *tester) openAll(ctx context.Context) {
	places := make(chan struct{}, connecting)
	var opening sync.WaitGroup
	defer opening.Wait()
	for n, p := range t.people[1:] {
		if !t.sleepUntil(ctx, time.Duration(float64(t.o.Ramp)*float64(n+1)/float64(t.o.People))) {
			return
		}
		select {
		case places <- struct{}{}:
		case <-ctx.Done():
			return
		}
		opening.Go(func() {
			err := p.connectOnce(ctx)
			<-places
			if err == nil {
				p.enter(ctx)
			}
		})
	}
}

// enter joins the person's room.
func (p *person) enter(ctx context.Context) {
	if p.room == lobby {
		return
	}
	a, err := p.patiently(ctx, "room-join", map[string]string{"roomId": p.room})
	if err != nil {
		return // a failure is counted; they hear of nothing then
	}
	p.mu.Lock()
	missing := p.place(p.room).begin(a.Room.Epoch, a.Room.LastSeq)
	p.mu.Unlock()
	if c := p.client.Load(); missing && c != nil {
		p.catchUp(ctx, c, p.room)
	}
}

func (t *tester) closeAll() {
	var closing sync.WaitGroup
	for _, p := range append(t.people, t.maker) {
		if p != nil {
			closing.Go(p.close)
		}
	}
	closing.Wait()
}
