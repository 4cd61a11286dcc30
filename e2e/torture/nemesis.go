package main

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"syscall"
	"time"
)

// phase is the time in which one thing is broken and mended, again and again.
type phase struct {
	name         string
	from, to     time.Time
	strikes      atomic.Int64
	slowestStart time.Duration
	vanished     int // clients that became half-open connections
	struck       time.Time
	zombiesGone  time.Duration // from then until the nodes have noticed
	mends        []time.Time
	note         string // what else is to be said of it
	grown        int64  // bytes of memory that a node has taken, at most
}

func (p *phase) started(took time.Duration) { p.slowestStart = max(p.slowestStart, took) }

func (t *trial) last() *phase { return t.phases[len(t.phases)-1] }

// phase is the nemesis at work.
func (t *trial) phase(ctx context.Context, name string) {
	p, f := &phase{name: name, from: time.Now()}, kills[name]
	t.phases = append(t.phases, p)
	defer func() { p.to = time.Now() }()
	breaking, stop := context.WithCancel(ctx)
	defer stop()
	go t.endPhase(breaking, p, stop)
	if f.bulk {
		defer t.bulk.talk(t, p)()
	}
	if f.flood {
		defer func() { p.note = t.flood.report() }()
	}
	for f.strike != nil {
		select {
		case <-time.After(400*time.Millisecond + time.Duration(rand.Int64N(int64(800*time.Millisecond)))): //nolint:gosec // not a secret
			p.struck = time.Now()
			if err := t.breakAndMend(breaking, f); err != nil {
				t.h.problem("nemesis: " + err.Error())
				return
			}
			p.strikes.Add(1)
			continue
		case <-breaking.Done():
		}
		break
	}
	<-breaking.Done()
	if p.vanished > 0 {
		t.waitForZombies(ctx)
	}
}

// endPhase ends a phase when its time is up; on a machine that is slow, when something has happened in it.
func (t *trial) endPhase(ctx context.Context, p *phase, end func()) {
	defer end()
	for ctx.Err() == nil {
		took := time.Since(p.from)
		enough := t.h.acknowledged(p.from) >= t.atLeast && t.h.departed() >= t.leaving && (p.strikes.Load() > 0 || kills[p.name].strike == nil)
		if took > t.duration && enough || took > maxLonger*t.duration {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// maxLonger is how many times its duration a phase may take.
const maxLonger = 6

func (t *trial) breakAndMend(ctx context.Context, f fault) error {
	if err := f.strike(t); err != nil || f.heal == nil {
		return err
	}
	hold := cmp.Or(t.hold, f.hold)
	if hold == 0 {
		hold = time.Duration(rand.Int64N(int64(time.Second))) //nolint:gosec // not a secret
	}
	select {
	case <-time.After(hold):
	case <-ctx.Done():
	}
	err := f.heal(t)
	t.last().mends = append(t.last().mends, time.Now())
	return err
}

// roll restarts all nodes, one after the other, as an upgrade does: each is told to stop, and the next one has its turn when it is
// ready again.
func (t *trial) roll() error {
	for _, n := range t.server.nodes {
		if err := n.cmd.Process.Signal(syscall.SIGTERM); err != nil {
			return err
		}
		if err := n.cmd.Wait(); err != nil {
			return fmt.Errorf("a node that was told to stop: %w", err)
		}
		if p := t.last(); p.name == "upgrade" {
			n.bin = []string{t.next, t.bin}[p.strikes.Load()%2]
		}
		took, err := t.server.start(n)
		if err != nil {
			return err
		}
		t.last().started(took)
		time.Sleep(time.Second) // the balancer has seen it
	}
	return nil
}

// waitForZombies waits until the nodes have noticed which of their connections are no more.
func (t *trial) waitForZombies(ctx context.Context) {
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(50 * time.Millisecond) {
		total := 0
		for _, n := range t.server.nodes {
			c, err := n.connections()
			if err != nil {
				t.h.problem("nemesis: " + err.Error())
				return
			}
			total += c
		}
		if total <= len(t.people)+len(t.extras()) {
			t.last().zombiesGone = time.Since(t.last().struck)
			return
		}
		if time.Now().After(deadline) || ctx.Err() != nil {
			t.h.problem(fmt.Sprintf("%d connections of %d people", total, len(t.people)))
			return
		}
	}
}
