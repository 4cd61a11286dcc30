package live

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"parley/internal/chat"
)

// Numbers is how a node is: what it has counted since its start, and what it has to do now.
type Numbers struct {
	Node        string  `json:"node"` // another one at each start
	Host        string  `json:"host"` // the machine's name
	At          int64   `json:"at"`   // milliseconds since its start
	Connections int     `json:"connections"`
	People      int     `json:"people"`      // here, on all nodes
	Messages    int64   `json:"messages"`    // committed since its start
	Deliveries  int64   `json:"deliveries"`  // events to each of their receivers, since its start
	Acks        []int64 `json:"acks"`        // messages since its start by how long their acknowledgement took: up to each bound, and longer
	Queue       int     `json:"queue"`       // operations that wait to be saved
	Unindexed   int     `json:"unindexed"`   // rooms with news that the search does not know
	Untold      int     `json:"untold"`      // messages that wait to be told to the other nodes
	Outbound    int64   `json:"outbound"`    // bytes that wait for slow clients
	Memory      int64   `json:"memory"`      // bytes
	MemoryLimit int64   `json:"memoryLimit"` // bytes
	Pressure    float64 `json:"pressure"`    // from 1 on new messages are refused
}

const (
	// numbersEvery is how often those who look are told how the nodes are.
	numbersEvery = 2 * time.Second
	// numbersKept is for how long what another node has told counts.
	numbersKept = 3 * numbersEvery
	// numbersRoom is the Socket.IO room of the connections that look.
	numbersRoom = "admin:numbers"
)

// watching is what is done for those who look at the numbers. While nobody does, nothing is.
type watching struct {
	mu      sync.Mutex
	running bool
	others  map[string]heardNumbers // by node
}

type heardNumbers struct {
	Numbers
	at time.Time
}

type adminStatsRequest struct {
	On *bool `json:"on"` // default true; false to hear no more
}

type adminStatsReply struct {
	ok
	Every  float64   `json:"every"`  // seconds between two admin-stats
	Bounds []float64 `json:"bounds"` // seconds: the upper bounds of acks
	Nodes  []Numbers `json:"nodes"`  // how this node is
}

// adminStats lets the connection hear how the nodes are, every two seconds, or not any more.
func (d *Door) adminStats(_ context.Context, c *client, in adminStatsRequest) (adminStatsReply, error) {
	out := adminStatsReply{ok: done, Every: numbersEvery.Seconds(), Bounds: d.o.AckBounds, Nodes: []Numbers{}}
	if in.On != nil && !*in.On {
		c.socket.Leave(numbersRoom)
		return out, nil
	}
	c.enter(numbersRoom)
	d.watchNumbers()
	out.Nodes = append(out.Nodes, d.o.Numbers())
	return out, nil
}

// watchNumbers begins to tell the numbers, unless it has begun.
func (d *Door) watchNumbers() {
	w := &d.watching
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.running || d.life.Err() != nil {
		return
	}
	w.running, w.others = true, map[string]heardNumbers{}
	d.tellNodes(nodeMessage{AskNumbers: d.o.Node})
	d.running.Go(func() {
		t := time.NewTicker(numbersEvery)
		defer t.Stop()
		for {
			select {
			case <-t.C:
			case <-d.life.Done():
				return
			}
			if !d.tellNumbers() {
				return
			}
		}
	})
}

// numbersTold is how all nodes are.
type numbersTold struct {
	Nodes []Numbers `json:"nodes"`
}

// tellNumbers tells those who look, and reports whether somebody still does. Who administers the server no more looks no more.
func (d *Door) tellNumbers() bool {
	w := &d.watching
	w.mu.Lock()
	defer w.mu.Unlock()
	looking := 0
	for _, s := range d.io.Adapter().LocalSockets(targetRoom(numbersRoom)) {
		if a := clientOf(s).person(); a == nil || !a.Role.AtLeast(chat.Admin) {
			s.Leave(numbersRoom)
			continue
		}
		looking++
	}
	if looking == 0 {
		w.running, w.others = false, nil
		return false
	}
	nodes := []Numbers{d.o.Numbers()}
	for node, n := range w.others {
		if time.Since(n.at) > numbersKept {
			delete(w.others, node)
			continue
		}
		nodes = append(nodes, n.Numbers)
	}
	slices.SortFunc(nodes, func(a, b Numbers) int { return strings.Compare(a.Node, b.Node) })
	d.emitVolatile(numbersRoom, "", "admin-stats", encode(numbersTold{nodes}))
	d.tellNodes(nodeMessage{AskNumbers: d.o.Node}) // the answers are for the next time
	return true
}

// heardNumbers takes how another node is, for those who look here.
func (d *Door) heardNumbers(n Numbers) {
	w := &d.watching
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.running {
		w.others[n.Node] = heardNumbers{n, time.Now()}
	}
}
