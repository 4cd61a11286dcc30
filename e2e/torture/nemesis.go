package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// links says between which two something can fail.
type links struct{ clients, redis, postgres bool }

func (l links) and(m links) links {
	return links{l.clients || m.clients, l.redis || m.redis, l.postgres || m.postgres}
}

// fault is a way to break something, and to mend it.
type fault struct {
	about     string
	links     links
	nodes     bool // it needs several nodes
	postgres  bool
	strike    func(*trial) error
	heal      func(*trial) error // nil when there is nothing to mend
	recovered bool               // how long it takes until the first acknowledgement after mending is of interest
}

// kills are the ways to break something while people write.
var kills = map[string]fault{
	"none":   {about: "nothing"},
	"clock":  {about: "the nodes' clocks are a day behind, right, and a day ahead; one of the nodes is killed", nodes: true, strike: killNode, heal: startNode},
	"server": {about: "kill -9 of one of the nodes", strike: killNode, heal: startNode},
	"database": {
		about: "kill -9 of Postgres", postgres: true, recovered: true,
		strike: func(t *trial) error { t.server.postgres.Kill(); return nil },
		heal:   func(t *trial) error { return t.server.postgres.Run() },
	},
	"pause": {
		about: "Postgres is stopped (SIGSTOP)", postgres: true, recovered: true,
		strike: func(t *trial) error { t.server.postgres.Signal(syscall.SIGSTOP); return nil },
		heal:   func(t *trial) error { t.server.postgres.Signal(syscall.SIGCONT); return nil },
	},
	"database-partition": {
		about: "nothing gets through between the nodes and Postgres", postgres: true, recovered: true, links: links{postgres: true},
		strike: func(t *trial) error { t.server.toPostgres.freeze(); return nil },
		heal:   func(t *trial) error { t.server.toPostgres.thaw(); return nil },
	},
	"database-reset": {
		about: "connections to Postgres are reset", postgres: true, links: links{postgres: true},
		strike: func(t *trial) error { resetSome(t.server.toPostgres, 1); return nil },
	},
	"redis": {
		about: "kill -9 of Redis", nodes: true,
		strike: func(t *trial) error { t.server.redis.Kill(); return nil },
		heal:   func(t *trial) error { return t.server.redis.Run() },
	},
	"redis-pause": {
		about: "Redis is stopped (SIGSTOP)", nodes: true,
		strike: func(t *trial) error { t.server.redis.Signal(syscall.SIGSTOP); return nil },
		heal:   func(t *trial) error { t.server.redis.Signal(syscall.SIGCONT); return nil },
	},
	"redis-partition": {
		about: "nothing gets through between the nodes and Redis", nodes: true, links: links{redis: true},
		strike: func(t *trial) error { t.server.toRedis.freeze(); return nil },
		heal:   func(t *trial) error { t.server.toRedis.thaw(); return nil },
	},
	"redis-flap": {
		about: "connections to Redis are reset and refused", nodes: true, links: links{redis: true},
		strike: func(t *trial) error {
			t.server.toRedis.refuse(rand.IntN(2) == 0) //nolint:gosec // not a secret
			resetSome(t.server.toRedis, 0.7)
			return nil
		},
		heal: func(t *trial) error { t.server.toRedis.refuse(false); return nil },
	},
	"redis-flush": {
		about: "FLUSHALL", nodes: true,
		strike: func(t *trial) error { return tellRedis(t.server.redis.URL(), "FLUSHALL\r\n") },
	},
	"reset": {
		about: "connections of clients are reset", links: links{clients: true},
		strike: func(t *trial) error { resetSome(t.server.toClients, 0.5); return nil },
	},
	"flap": {
		about: "nothing gets through between clients and nodes", links: links{clients: true},
		strike: func(t *trial) error { t.server.toClients.freeze(); return nil },
		heal:   func(t *trial) error { t.server.toClients.thaw(); return nil },
	},
	"half-open": {
		about: "clients vanish without a word", links: links{clients: true},
		strike: func(t *trial) error {
			for _, p := range t.server.toClients.some(func() bool { return rand.IntN(4) == 0 }) { //nolint:gosec // not a secret
				p.abandon()
				t.last().vanished++
			}
			return nil
		},
	},
	"upgrade": {about: "the same, to the next version, which adds to the schema, and back", nodes: true, strike: func(t *trial) error { return t.roll() }},
	"roll":    {about: "one node after the other is restarted (SIGTERM)", nodes: true, strike: func(t *trial) error { return t.roll() }},
}

func killNode(t *trial) error {
	t.down = t.server.anyNode()
	t.down.kill()
	return nil
}

func startNode(t *trial) error {
	took, err := t.server.start(t.down)
	t.last().started(took)
	return err
}

func resetSome(l *link, share float64) {
	for _, p := range l.some(func() bool { return rand.Float64() < share || share == 1 }) { //nolint:gosec // not a secret
		p.reset()
	}
}

func tellRedis(url, command string) error {
	c, err := (&net.Dialer{Timeout: time.Second}).DialContext(context.Background(), "tcp", strings.TrimPrefix(url, "redis://"))
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }() // it has answered
	_ = c.SetDeadline(time.Now().Add(5 * time.Second))
	if _, err := c.Write([]byte(command)); err != nil {
		return err
	}
	answer := make([]byte, 64)
	n, err := c.Read(answer)
	if err == nil && !strings.HasPrefix(string(answer[:n]), "+OK") {
		err = fmt.Errorf("redis answers %q", answer[:n])
	}
	return err
}

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
	hold := t.hold
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
		if total <= len(t.people) {
			t.last().zombiesGone = time.Since(t.last().struck)
			return
		}
		if time.Now().After(deadline) || ctx.Err() != nil {
			t.h.problem(fmt.Sprintf("%d connections of %d people", total, len(t.people)))
			return
		}
	}
}
