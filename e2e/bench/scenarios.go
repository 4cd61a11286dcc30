package main

import (
	"fmt"
	"slices"
	"time"
)

// scenario is one thing that is measured. run returns a value for each figure.
type scenario struct {
	name    string
	figures []string
	goal    string // for the first figure, in multiples of Node
	run     func(g *generator, s *instance, d time.Duration) ([]float64, error)
	by      servers
}

// servers are those that a scenario is for.
type servers int

const (
	engines  servers = iota // which only pass messages on
	products                // which store them
	both
	all // also those of another protocol
)

func (s servers) has(p peer) bool {
	if p.dialect != nil {
		return s == all
	}
	return s >= both || (s == products) == p.product
}

const chatText = `42%d["chat-message",{"text":"` + ordinary + `"}]`

var scenarios = []scenario{
	{"fan-out, 1,000 clients, 16 outstanding", fanOutFigures, "≥ 15", fanOut(1000, 16), all},
	{"fan-out, 5,000 clients, 16 outstanding", fanOutFigures, "≥ 14", fanOut(5000, 16), all},
	{"fan-out, 1,000 clients, 4 outstanding", fanOutFigures, "≥ 4", fanOut(1000, 4), all},
	{"fan-out, 1,000 clients, 1 outstanding", fanOutFigures, "≥ 1.8", fanOut(1000, 1), all},
	{"equal rate: 40 messages/s to 1,000 clients", []string{"p99 latency, ms", "p50 latency, ms", "CPU, % of a processor"}, "≤ 0.6", equalRate, both},
	{"100 rooms of 20 clients", []string{"deliveries/s", "CPU-s per million"}, "≥ 2.5", rooms, engines},
	{"echo: 100 clients, each waiting for its ack", []string{"acks per CPU-s", "acks/s"}, "≥ 3", echo, engines},
	{"connect + join + leave, WebSocket", []string{"cycles/s", "CPU-ms per cycle"}, "≥ 3.5", churn, engines},
	{"connect + join + leave, polling, then upgrade", []string{"cycles/s", "CPU-ms per cycle"}, "≥ 4", churnByUpgrade, engines},
	{"5,000 clients connect at once", []string{"seconds until all have joined"}, "≤ 0.25", reconnect, engines},
	{"overload: 1,500 clients, 10 times the peak", overloadFigures, "", overload, products},
	{"10,000 idle clients", []string{"KiB per client", "CPU of heartbeats, % of a processor"}, "≤ 6 KiB, ≤ 1.2 %", idle, engines},
}

// delivered is the figure in which servers that store messages are told beside one that does not.
const delivered = "deliveries/s"

var fanOutFigures = []string{delivered, "CPU-s per million"}

// rate runs the load for a warm-up and then for the time given, and returns deliveries per second and CPU-s per million of count.
func rate(g *generator, s *instance, d time.Duration, count *int) ([]float64, error) {
	if err := g.until(time.Now().Add(d / 4)); err != nil {
		return nil, err
	}
	start, cpu, before := time.Now(), s.cpuSeconds(), *count
	if err := g.until(start.Add(d)); err != nil {
		return nil, err
	}
	n := float64(*count - before)
	return []float64{n / time.Since(start).Seconds(), (s.cpuSeconds() - cpu) / n * 1e6}, nil
}

// fanOut keeps a number of messages outstanding: each of as many senders sends its next when the last is acknowledged.
func fanOut(clients, outstanding int) func(*generator, *instance, time.Duration) ([]float64, error) {
	return func(g *generator, s *instance, d time.Duration) ([]float64, error) {
		if err := g.connect(clients); err != nil {
			return nil, err
		}
		message := clientFrame(fmt.Sprintf(chatText, 7))
		if g.dialect != nil {
			message = g.dialect.message
		}
		g.onAck = func(c *conn) { _ = c.write(message) } // a lost connection shows at the next read
		for i := range outstanding {
			if err := g.conns[i*clients/outstanding].write(message); err != nil {
				return nil, err
			}
		}
		return rate(g, s, d, &g.events)
	}
}

func equalRate(g *generator, s *instance, d time.Duration) ([]float64, error) {
	if err := g.connect(1000); err != nil {
		return nil, err
	}
	var took []time.Duration
	begun := time.Now()
	g.onEvent = func(_ *conn, payload []byte) {
		if at, ok := saidAt(payload); ok {
			took = append(took, time.Since(begun)-at)
		}
	}
	cpu := s.cpuSeconds()
	const interval = time.Second / 40
	d = max(d, 4*time.Second)
	for i := 0; time.Since(begun) < d; i++ {
		text := fmt.Sprintf(`429["chat-message",{"text":"@%d"}]`, time.Since(begun))
		if err := g.conns[i%len(g.conns)].write(clientFrame(text)); err != nil {
			return nil, err
		}
		if err := g.until(begun.Add(time.Duration(i+1) * interval)); err != nil {
			return nil, err
		}
	}
	used := (s.cpuSeconds() - cpu) / time.Since(begun).Seconds() * 100
	slices.Sort(took)
	ms := func(q float64) float64 { return float64(took[int(q*float64(len(took)-1))].Microseconds()) / 1000 }
	return []float64{ms(0.99), ms(0.5), used}, nil
}

func rooms(g *generator, s *instance, d time.Duration) ([]float64, error) {
	const count, size = 100, 20
	if err := g.connect(count * size); err != nil {
		return nil, err
	}
	room := map[*conn][]byte{}
	for i, c := range g.conns {
		name := fmt.Sprintf("room-%d", i/size)
		room[c] = clientFrame(fmt.Sprintf(`427["room-message",{"room":%q,"text":"a message of ordinary length, as people write them"}]`, name))
		if err := c.write(clientFrame(fmt.Sprintf(`427["join-room",%q]`, name))); err != nil {
			return nil, err
		}
	}
	for g.acks < count*size {
		if err := g.poll(5 * time.Millisecond); err != nil {
			return nil, err
		}
	}
	g.onAck = func(c *conn) { _ = c.write(room[c]) } // a lost connection shows at the next read
	for i := 0; i < len(g.conns); i += size {
		if err := g.conns[i].write(room[g.conns[i]]); err != nil {
			return nil, err
		}
	}
	return rate(g, s, d, &g.events)
}

func echo(g *generator, s *instance, d time.Duration) ([]float64, error) {
	if err := g.connect(100); err != nil {
		return nil, err
	}
	message := clientFrame(`427["echo","a message of ordinary length, as people write them"]`)
	g.onAck = func(c *conn) { _ = c.write(message) } // a lost connection shows at the next read
	for _, c := range g.conns {
		if err := c.write(message); err != nil {
			return nil, err
		}
	}
	v, err := rate(g, s, d, &g.acks)
	if err != nil {
		return nil, err
	}
	return []float64{1e6 / v[1], v[0]}, nil
}

func reconnect(g *generator, _ *instance, _ time.Duration) ([]float64, error) {
	const clients = 5000
	start := time.Now()
	if err := g.storm(clients, clients, 1, time.Minute); err != nil {
		return nil, err
	}
	return []float64{time.Since(start).Seconds()}, nil
}

// idle connects clients that say nothing, and lets a whole interval of heartbeats pass.
func idle(g *generator, s *instance, _ time.Duration) ([]float64, error) {
	const clients = 10_000
	if err := g.connect(100); err != nil {
		return nil, err
	}
	if err := g.until(time.Now().Add(time.Second)); err != nil {
		return nil, err
	}
	before := s.pss()
	if err := g.connect(clients); err != nil {
		return nil, err
	}
	// Long enough for a collection: Go's runtime collects at least every two minutes, Node's when it is idle.
	if err := g.until(time.Now().Add(5 * time.Second)); err != nil {
		return nil, err
	}
	memory := (s.pss() - before) / clients
	start, cpu := time.Now(), s.cpuSeconds()
	if err := g.until(start.Add(heartbeat)); err != nil {
		return nil, err
	}
	return []float64{memory, (s.cpuSeconds() - cpu) / time.Since(start).Seconds() * 100}, nil
}

// heartbeat is the interval of all servers' pings.
const heartbeat = 25 * time.Second
