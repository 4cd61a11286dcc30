package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"parley/socketio/client"
)

const ordinary = "a message of ordinary length, as people write them"

// growing is one way to use several nodes: people who are spread over all of them, and what they do.
type growing struct {
	name    string
	rooms   int     // of their own; 0: all talk in the lobby
	perRoom int     // people
	rate    float64 // messages a second altogether, the same for any number of nodes
}

var growings = []growing{
	{"one room of 2,000 people", 0, 2000, 20},
	{"100 rooms of 20 people", 100, 20, 200},
}

var growthFigures = []string{
	"node CPU-s per million deliveries", "node CPU-ms per message", "Postgres CPU-ms per message", "Redis CPU-ms per message", "p99 latency, ms", "idle before, nodes' % of a processor", "frames a write", "node CPU-µs a write", "most deliveries/s",
}

// growth measures what a delivery costs with 1, 2 and 4 nodes. All nodes share one processor, so what they can do together cannot grow:
// what counts is that a delivery costs the same.
func growth(o options) error {
	dir, err := os.MkdirTemp("", "parley-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	bin, err := buildProduct(dir)
	if err != nil {
		return err
	}
	for _, w := range growings {
		if !strings.Contains(w.name, o.only) {
			continue
		}
		results := map[int][]float64{}
		for range o.rounds {
			for _, n := range []int{1, 2, 4} {
				v, err := w.measure(bin, dir, n, o.seconds)
				if err != nil {
					return fmt.Errorf("%s, %d nodes: %w", w.name, n, err)
				}
				results[n] = append(results[n], v...)
				fmt.Fprintf(os.Stderr, "%s, %d nodes: %.4g\n", w.name, n, v) // it takes a while: what there is counts if it is cut short
			}
		}
		reportGrowth(w, results)
	}
	if !strings.Contains(hearingName, o.only) {
		return nil
	}
	return hearing(bin, dir, o.seconds)
}

const hearingName = "a node that only hears"

// hearing measures what a message costs a node that nobody of the room is connected to.
func hearing(bin, dir string, d time.Duration) error {
	c, err := startCluster(bin, dir, 2, true)
	if err != nil {
		return err
	}
	defer c.stop()
	g, err := newGenerator(c.nodes[0].port)
	if err != nil {
		return err
	}
	defer g.close()
	if err := g.connect(32); err != nil {
		return err
	}
	idle, start := c.nodes[1].cpuSeconds(), time.Now()
	if err := g.until(start.Add(d)); err != nil {
		return err
	}
	idle = (c.nodes[1].cpuSeconds() - idle) / time.Since(start).Seconds()
	message := clientFrame(fmt.Sprintf(chatText, 7))
	g.onAck = func(c *conn) { _ = c.write(message) } // a lost connection shows at the next read
	for _, p := range g.conns {
		if err := p.write(message); err != nil {
			return err
		}
	}
	before, acks, start := c.nodes[1].cpuSeconds(), g.acks, time.Now()
	if err := g.until(start.Add(2 * d)); err != nil {
		return err
	}
	took, messages := time.Since(start).Seconds(), float64(g.acks-acks)
	fmt.Printf("%s: %.3f CPU-ms a message, at %.0f messages/s; %.1f %% of a processor before\n\n",
		hearingName, (c.nodes[1].cpuSeconds()-before-idle*took)/messages*1e3, messages/took, idle*100)
	return nil
}

func reportGrowth(w growing, results map[int][]float64) {
	fmt.Printf("nodes on Postgres and Redis: %s\n", w.name)
	for i, figure := range growthFigures {
		base := 0.0
		for _, n := range []int{1, 2, 4} {
			v := column(scenario{figures: growthFigures}, results[n], i)
			if n == 1 {
				base = median(v)
			}
			line := fmt.Sprintf("  %-34s %d nodes  %12.4g  (%.4g–%.4g)", figure, n, median(v), slices.Min(v), slices.Max(v))
			if base > 0 {
				line += fmt.Sprintf("  %6.2f × one node", median(v)/base)
			}
			fmt.Println(line)
		}
	}
	fmt.Println()
}

// measure starts a cluster and lets the people talk, first at the rate, then as fast as they can.
func (w growing) measure(bin, dir string, n int, d time.Duration) ([]float64, error) {
	c, err := startCluster(bin, dir, n, true)
	if err != nil {
		return nil, err
	}
	defer c.stop()
	for _, pid := range []int{c.postgres.PID(), c.redis.PID()} {
		if err := pin(pid, 1); err != nil {
			return nil, err
		}
	}
	g, err := newGenerator(c.ports()...)
	if err != nil {
		return nil, err
	}
	defer g.close()
	says, err := w.gather(c, g)
	if err != nil {
		return nil, err
	}
	v, err := w.atRate(c, g, says, d)
	if err != nil {
		return nil, err
	}
	if err := g.until(time.Now().Add(d / 4)); err != nil {
		return nil, err
	}
	g.onEvent = nil
	g.onAck = func(c *conn) { _ = c.write(says(c, ordinary)) } // a lost connection shows at the next read
	for i := 0; i < len(g.conns); i += max(len(g.conns)/16, 1) {
		if err := g.conns[i].write(says(g.conns[i], ordinary)); err != nil {
			return nil, err
		}
	}
	fast, err := rate(g, c.nodes[0], d, &g.events)
	if err != nil {
		return nil, err
	}
	return append(v, fast[0]), nil
}

// gather connects the people, those of a room to different nodes, and returns how each of them says something.
func (w growing) gather(c *cluster, g *generator) (says func(*conn, string) []byte, err error) {
	people := max(w.rooms, 1) * w.perRoom
	if err := g.storm(people, 64, 1, time.Minute); err != nil {
		return nil, err
	}
	places := map[*conn]string{}
	says = func(c *conn, text string) []byte {
		return clientFrame(fmt.Sprintf(`427["chat-message",{"roomId":%q,"text":%q}]`, cmp.Or(places[c], "general"), text))
	}
	if w.rooms == 0 {
		return says, g.quiet()
	}
	rooms, err := makeRooms(c.nodes[0].port, w.rooms)
	if err != nil {
		return nil, err
	}
	g.acks = 0
	for i, p := range g.conns {
		places[p] = rooms[i/w.perRoom]
		if err := p.write(clientFrame(fmt.Sprintf(`425["room-join",{"roomId":%q}]`, places[p]))); err != nil {
			return nil, err
		}
		for g.acks < i-64 {
			if err := g.poll(5 * time.Millisecond); err != nil {
				return nil, err
			}
		}
	}
	for deadline := time.Now().Add(time.Minute); g.acks < people; {
		if err := g.poll(5 * time.Millisecond); err != nil {
			return nil, err
		}
		if time.Now().After(deadline) {
			return nil, fmt.Errorf("only %d of %d are in their rooms", g.acks, people)
		}
	}
	return says, g.quiet()
}

// quiet waits until a second has gone by in which hardly anybody was told anything: who came has been told of.
func (g *generator) quiet() error {
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); {
		before := g.events
		if err := g.until(time.Now().Add(time.Second)); err != nil {
			return err
		}
		if g.events-before < len(g.conns)/10 {
			return nil
		}
	}
	return errors.New("it does not become quiet")
}

// atRate lets people talk by turns, and measures what it costs and how long it takes.
func (w growing) atRate(c *cluster, g *generator, says func(*conn, string) []byte, d time.Duration) ([]float64, error) {
	var heard []time.Duration
	begun := time.Now()
	g.onEvent = func(_ *conn, head []byte) {
		if at, ok := saidAt(head); ok {
			heard = append(heard, time.Since(begun)-at)
		}
	}
	idleNodes, idlePostgres, idleRedis, err := c.idle(g, d)
	if err != nil {
		return nil, err
	}
	interval := time.Duration(float64(time.Second) / w.rate)
	begun = time.Now()
	nodes, postgres, redis := c.used()
	writes, frames := c.counter("parley_writes_total"), c.counter("parley_frames_written_total")
	sent := 0
	for ; time.Since(begun) < d; sent++ {
		p := g.conns[(sent*w.perRoom+sent/max(w.rooms, 1)*7)%len(g.conns)] // the rooms by turns, and another person of it each time
		if err := p.write(says(p, fmt.Sprintf("@%d", time.Since(begun)))); err != nil {
			return nil, err
		}
		if err := g.until(begun.Add(time.Duration(sent+1) * interval)); err != nil {
			return nil, err
		}
	}
	for deadline := time.Now().Add(20 * time.Second); len(heard) < sent*w.perRoom; {
		if err := g.poll(5 * time.Millisecond); err != nil {
			return nil, err
		}
		if time.Now().After(deadline) {
			return nil, fmt.Errorf("%d of %d deliveries", len(heard), sent*w.perRoom)
		}
	}
	nodes2, postgres2, redis2 := c.used()
	took := time.Since(begun).Seconds()
	nodes2, postgres2, redis2 = nodes2-idleNodes*took, postgres2-idlePostgres*took, redis2-idleRedis*took
	writes, frames = c.counter("parley_writes_total")-writes, c.counter("parley_frames_written_total")-frames
	messages, deliveries := float64(sent), float64(len(heard))
	slices.Sort(heard)
	return []float64{
		(nodes2 - nodes) / deliveries * 1e6, (nodes2 - nodes) / messages * 1e3, (postgres2 - postgres) / messages * 1e3, (redis2 - redis) / messages * 1e3,
		float64(heard[len(heard)*99/100].Microseconds()) / 1000, idleNodes * 100,
		frames / writes, (nodes2 - nodes) / writes * 1e6,
	}, nil
}

// idle measures what is used when nobody speaks, in processors: who came is still being told of, and does not count as a delivery's cost.
func (c *cluster) idle(g *generator, d time.Duration) (nodes, postgres, redis float64, err error) {
	begun := time.Now()
	n, p, r := c.used()
	if err := g.until(begun.Add(d)); err != nil {
		return 0, 0, 0, err
	}
	n2, p2, r2 := c.used()
	took := time.Since(begun).Seconds()
	return (n2 - n) / took, (p2 - p) / took, (r2 - r) / took, nil
}

// saidAt finds the time that a message carries as its text, as @ and nanoseconds, in the beginning of its frame.
func saidAt(head []byte) (time.Duration, bool) {
	_, rest, ok := strings.Cut(string(head), `"text":"@`)
	digits, _, _ := strings.Cut(rest, `"`)
	at, err := strconv.ParseInt(digits, 10, 64)
	return time.Duration(at), ok && err == nil
}

// makeRooms lets an account make public rooms.
func makeRooms(port, n int) (ids []string, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	c, err := client.Dial(ctx, fmt.Sprintf("http://127.0.0.1:%d", port), client.Options{})
	if err != nil {
		return nil, err
	}
	defer c.Close()
	if _, err := c.EmitWithAck(ctx, "account-create", map[string]string{"name": "bench", "password": "nobody uses it but the bench"}); err != nil {
		return nil, err
	}
	for i := range n {
		args, err := c.EmitWithAck(ctx, "room-create", map[string]string{"name": fmt.Sprint("Room ", i)})
		var a struct{ RoomID, Error string }
		if err == nil {
			err = json.Unmarshal(args[0], &a)
		}
		if err == nil && a.RoomID == "" {
			err = errors.New(a.Error)
		}
		if err != nil {
			return nil, err
		}
		ids = append(ids, a.RoomID)
	}
	return ids, nil
}
