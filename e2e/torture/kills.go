package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
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
	disk      bool            // the database has a disk of its own
	clocks    []time.Duration // how wrong the nodes' are, or may be
	bulk      bool            // somebody says more than slow clients can take
	flood     bool            // there are people who say more than the server can take
	strike    func(*trial) error
	heal      func(*trial) error // nil when there is nothing to mend
	hold      time.Duration      // for how long it stays broken; 0 is up to a second
	recovered bool               // how long it takes until the first acknowledgement after mending is of interest
}

var (
	serverKilled = fault{about: "kill -9 of one of the nodes", strike: killNode, heal: startNode}
	frozen       = fault{
		about: "a node is stopped (SIGSTOP), and goes on as if nothing had been", nodes: true,
		strike: func(t *trial) error { t.down = t.server.anyNode(); return t.down.cmd.Process.Signal(syscall.SIGSTOP) },
		heal:   func(t *trial) error { return t.down.cmd.Process.Signal(syscall.SIGCONT) },
	}
	databaseKilled = fault{
		about: "kill -9 of Postgres", postgres: true, recovered: true,
		strike: func(t *trial) error { t.server.postgres.Kill(); return nil },
		heal:   func(t *trial) error { return t.server.postgres.Run() },
	}
	redisKilled = fault{
		about: "kill -9 of Redis", nodes: true,
		strike: func(t *trial) error { t.server.redis.Kill(); return nil },
		heal:   func(t *trial) error { return t.server.redis.Run() },
	}
	balancerKilled = fault{
		about: "kill -9 of the balancer", nodes: true,
		strike: func(t *trial) error { t.server.balancer.kill(); return nil },
		heal:   func(t *trial) error { return t.server.balancer.run() },
	}
)

// kills are the ways to break something while people write.
var kills = map[string]fault{
	"none":   {about: "nothing"},
	"server": serverKilled,
	"freeze": frozen,
	"clock": {
		about: "the nodes' clocks are a day behind, right, and a day ahead; one of the nodes is killed", nodes: true,
		clocks: []time.Duration{-24 * time.Hour, 0, 24 * time.Hour}, strike: killNode, heal: startNode,
	},
	"clock-jump": {
		about: "a node's clock jumps, by up to a day, and back", clocks: []time.Duration{0},
		strike: func(t *trial) error { t.down = t.server.anyNode(); return t.down.setClock(anyJump()) },
		heal:   func(t *trial) error { return t.down.setClock(0) },
	},
	"disk-full": {
		about: "no room is left on the database's disk", disk: true, recovered: true,
		strike: func(t *trial) error { return t.fillDisk() },
		heal:   func(t *trial) error { return t.clearDisk() },
	},
	"database": databaseKilled,
	"database-restart": {
		about: "Postgres is stopped by its operator, and started", postgres: true, recovered: true,
		strike: func(t *trial) error { t.server.postgres.Stop(); return nil },
		heal:   func(t *trial) error { return t.server.postgres.Run() },
	},
	"database-failover": {
		about: "Postgres is killed, and its synchronous standby takes its place", postgres: true, recovered: true, links: links{postgres: true},
		strike: func(t *trial) error { return t.loseDatabase() },
		heal:   func(t *trial) error { return t.promoteStandby() },
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
	"redis": redisKilled,
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
	"server-while-redis":    serverKilled.while(redisKilled),
	"server-while-database": serverKilled.while(databaseKilled),
	"freeze-while-redis":    frozen.while(redisKilled),
	"balancer":              balancerKilled,
	"balancer-reload": {
		about: "the balancer is replaced by another one", nodes: true,
		strike: func(t *trial) error { return t.server.balancer.replace() },
	},
	"reset": {
		about: "connections of clients are reset", links: links{clients: true},
		strike: func(t *trial) error { resetSome(t.server.toClients, 0.5); return nil },
	},
	"cut": {
		about: "connections of clients end in the midst of what is sent or answered", links: links{clients: true},
		strike: func(t *trial) error {
			for _, p := range t.server.toClients.some(func() bool { return rand.IntN(2) == 0 }) { //nolint:gosec // not a secret
				p.cut.Store(1 + rand.Int32N(2)) //nolint:gosec // not a secret
			}
			return nil
		},
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
	"bulk": {about: "nothing, but somebody says 16 KB at a time without end", bulk: true},
	"slow": {
		about: "the same, and some of those who are told read next to nothing", bulk: true,
		strike: func(t *trial) error { return t.bulk.slowDown(t) },
		heal:   func(t *trial) error { return t.bulk.wakeUp() },
	},
	"flood": {
		about: "eight people have 1,500 messages each on their way at a time", flood: true, recovered: true, hold: 3 * time.Second,
		strike: func(t *trial) error { t.flood.begin(); return nil },
		heal:   func(t *trial) error { t.flood.end(); return nil },
	},
	"upgrade": {about: "the same, to the next version, which adds to the schema, and back", nodes: true, strike: func(t *trial) error { return t.roll() }},
	"roll":    {about: "one node after the other is restarted (SIGTERM)", nodes: true, strike: func(t *trial) error { return t.roll() }},
}

// while breaks two things at once: the second first. Either may be mended first.
func (f fault) while(g fault) fault {
	return fault{
		about: f.about + ", while: " + g.about, links: f.links.and(g.links), nodes: f.nodes || g.nodes, postgres: f.postgres || g.postgres,
		recovered: true,
		strike: func(t *trial) error {
			if err := g.strike(t); err != nil {
				return err
			}
			time.Sleep(time.Duration(rand.Int64N(int64(300 * time.Millisecond)))) //nolint:gosec // not a secret
			return f.strike(t)
		},
		heal: func(t *trial) error {
			first, second := f.heal, g.heal
			if rand.IntN(2) == 0 { //nolint:gosec // not a secret
				first, second = second, first
			}
			return errors.Join(first(t), second(t))
		},
	}
}

// anyJump is how far a clock jumps: a little, an hour, a day.
func anyJump() time.Duration {
	jumps := []time.Duration{2 * time.Second, time.Minute, time.Hour, 24 * time.Hour}
	by := jumps[rand.IntN(len(jumps))] //nolint:gosec // not a secret
	if rand.IntN(2) == 0 {             //nolint:gosec // not a secret
		return -by
	}
	return by
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

// fillDisk fills the disk and waits until somebody has been told.
func (t *trial) fillDisk() error {
	if err := t.server.disk.fill(); err != nil {
		return err
	}
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if t.h.sawSince(t.last().struck) {
			return nil
		}
	}
	return errors.New("the disk is full, and nobody was told")
}

// clearDisk makes room again. A Postgres that could not go on without is started again, as its supervisor would.
func (t *trial) clearDisk() error {
	if err := t.server.disk.clear(); err != nil {
		return err
	}
	if p := t.server.postgres; p != nil && !p.Running() {
		return p.Run()
	}
	return nil
}

// loseDatabase gives Postgres a standby, and kills it.
func (t *trial) loseDatabase() (err error) {
	if t.standby, err = t.server.postgres.Standby(); err == nil {
		t.server.postgres.Kill()
	}
	return err
}

// promoteStandby puts the standby in its place.
func (t *trial) promoteStandby() error {
	lost := t.server.postgres
	t.server.postgres, t.standby = t.standby, nil
	lost.Close()
	t.server.toPostgres.lead(fmt.Sprintf("127.0.0.1:%d", t.server.postgres.Port()))
	return t.server.postgres.Promote()
}
