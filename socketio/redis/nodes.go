package redis

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"sync"
	"time"

	"parley/engineio"
)

// NodesOptions configures [NewNodes].
type NodesOptions struct {
	Options
	// Name is this node's, unique for all times; default random.
	Name string
	// Interval is how often a node says that it is there; default 2 s. One that has not for three of them is taken for dead.
	Interval time.Duration
}

// missedBeats is how many times a node may fail to say that it is there.
const missedBeats = 3

const (
	// findTimeout bounds the wait for what Redis knows of a node that this one has not heard of.
	findTimeout = 500 * time.Millisecond
	// refreshPause is between two looks into Redis, however many nodes are being looked for: clients make names up.
	refreshPause = 50 * time.Millisecond
)

// Nodes are the nodes of a cluster, as an [engineio.Nodes]: each says in Redis where it is, and remembers where the others are. While
// Redis is away it goes by what it remembers.
type Nodes struct {
	o      NodesOptions
	cancel context.CancelFunc // nil before Join
	done   chan struct{}
	ask    chan struct{} // has an item when somebody waits for a look into Redis

	mu      sync.Mutex
	addr    string
	others  map[string]*otherNode
	next    chan struct{} // closed after the next look that has not begun yet
	failing bool          // the last look failed
}

type otherNode struct {
	engineio.Node
	gone    context.CancelFunc
	missing time.Time // since when Redis has known nothing of it; zero when it does
}

// NewNodes prepares the list. Find finds nobody, and nobody finds this node, before Join.
func NewNodes(o NodesOptions) (*Nodes, error) {
	o.Options = o.withDefaults()
	if o.Interval <= 0 {
		o.Interval = 2 * time.Second
	}
	if o.Name == "" {
		o.Name = engineio.NewID()[:10]
	}
	if !engineio.ValidNodeName(o.Name) {
		return nil, fmt.Errorf("redis: a node cannot be named %q", o.Name)
	}
	return &Nodes{o: o, ask: make(chan struct{}, 1), others: map[string]*otherNode{}, next: make(chan struct{})}, nil
}

// Join says where this node's HTTP server is, an address host:port at which the others reach it, and says so again until Leave. It is
// called once, before the server answers requests. On error Redis does not know yet; it goes on trying.
func (n *Nodes) Join(ctx context.Context, addr string) error {
	if _, port, err := net.SplitHostPort(addr); err != nil || port == "" {
		return fmt.Errorf("redis: %q is no address, host:port", addr)
	}
	n.addr = addr
	err := n.look(ctx)
	running, cancel := context.WithCancel(context.Background())
	n.cancel, n.done = cancel, make(chan struct{})
	go n.run(running)
	return err
}

// Leave tells the others that this node has gone.
func (n *Nodes) Leave(ctx context.Context) error {
	if n.cancel == nil {
		return nil
	}
	n.cancel()
	<-n.done
	n.mu.Lock()
	defer n.mu.Unlock()
	for name := range n.others {
		n.drop(name)
	}
	c := n.o.Client
	ctx, cancel := context.WithTimeout(ctx, n.o.RequestsTimeout)
	defer cancel()
	return c.Do(ctx, c.B().Set().Key(n.key(n.o.Name)).Value("").Px(n.lease()).Build()).Error() // empty: it has gone, others need not wait
}

// Self implements engineio.Nodes.
func (n *Nodes) Self() string { return n.o.Name }

// Find implements engineio.Nodes. A node that has just joined is looked for in Redis; however many are looked for, Redis is asked at
// most every 50 ms.
func (n *Nodes) Find(ctx context.Context, name string) (engineio.Node, bool) {
	n.mu.Lock()
	found, next, look := n.others[name], n.next, n.cancel != nil && !n.failing && name != n.o.Name && engineio.ValidNodeName(name)
	n.mu.Unlock()
	if found != nil {
		return found.Node, true
	}
	if !look {
		return engineio.Node{}, false
	}
	select {
	case n.ask <- struct{}{}:
	default: // somebody else has asked
	}
	ctx, cancel := context.WithTimeout(ctx, findTimeout)
	defer cancel()
	select {
	case <-next:
	case <-ctx.Done():
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if found := n.others[name]; found != nil {
		return found.Node, true
	}
	return engineio.Node{}, false
}

// Others are the names of the nodes that are there besides this one.
func (n *Nodes) Others() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Sorted(maps.Keys(n.others))
}

func (n *Nodes) lease() time.Duration { return missedBeats * n.o.Interval }

// The keys have a tag, so that a Redis cluster keeps them together.
func (n *Nodes) set() string            { return "{" + n.o.Prefix + "#nodes}" }
func (n *Nodes) key(name string) string { return n.set() + "#" + name }
func (n *Nodes) keys(s []string) []string {
	keys := make([]string, len(s))
	for i, name := range s {
		keys[i] = n.key(name)
	}
	return keys
}

// run says that this node is there, and looks for the others, until ctx is done.
func (n *Nodes) run(ctx context.Context) {
	defer close(n.done)
	t := time.NewTicker(n.o.Interval)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		case <-n.ask:
		}
		if err := n.look(ctx); err != nil && ctx.Err() == nil {
			n.o.OnError(fmt.Errorf("redis: nodes: %w", err))
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(refreshPause):
		}
	}
}

// look says that this node is there, and brings what it knows of the others up to date.
func (n *Nodes) look(ctx context.Context) error {
	n.mu.Lock()
	finished := n.next
	n.next = make(chan struct{})
	n.mu.Unlock()
	names, addrs, err := n.exchange(ctx)
	n.mu.Lock()
	defer n.mu.Unlock()
	defer close(finished)
	if n.failing = err != nil; err != nil {
		return err
	}
	n.update(names, addrs)
	return nil
}

func (n *Nodes) exchange(ctx context.Context) (names, addrs []string, err error) {
	c := n.o.Client
	ctx, cancel := context.WithTimeout(ctx, min(n.o.RequestsTimeout, n.lease()))
	defer cancel()
	results := c.DoMulti(ctx,
		c.B().Set().Key(n.key(n.o.Name)).Value(n.addr).Px(n.lease()).Build(),
		c.B().Sadd().Key(n.set()).Member(n.o.Name).Build(),
		c.B().Smembers().Key(n.set()).Build(),
	)
	for _, r := range results[:2] {
		err = errors.Join(err, r.Error())
	}
	names, listErr := results[2].AsStrSlice()
	if err = errors.Join(err, listErr); err != nil {
		return nil, nil, err
	}
	values, err := c.Do(ctx, c.B().Mget().Key(n.keys(names)...).Build()).ToArray()
	if err != nil {
		return nil, nil, err
	}
	addrs = make([]string, len(names))
	var expired []string
	for i, v := range values {
		if v.IsNil() {
			expired = append(expired, names[i])
		}
		addrs[i], _ = v.ToString() // empty for one that has gone, or whose lease has run out
	}
	if len(expired) > 0 {
		err = c.Do(ctx, c.B().Srem().Key(n.set()).Member(expired...).Build()).Error()
	}
	return names, addrs, err
}

// update takes over what Redis says. A node of which it says nothing at all stays for a while: Redis may have lost its memory.
func (n *Nodes) update(names, addrs []string) {
	now := time.Now()
	for i, name := range names {
		known := n.others[name]
		switch {
		case name == n.o.Name:
		case known != nil && known.Addr == addrs[i]:
			known.missing = time.Time{}
		case addrs[i] == "":
			n.drop(name)
		case engineio.ValidNodeName(name):
			n.drop(name)
			o := &otherNode{}
			o.Addr = addrs[i]
			o.Alive, o.gone = context.WithCancel(context.Background())
			n.others[name] = o
		}
	}
	for name, o := range n.others {
		switch {
		case slices.Contains(names, name):
		case o.missing.IsZero():
			o.missing = now
		case now.Sub(o.missing) > n.lease():
			n.drop(name)
		}
	}
}

func (n *Nodes) drop(name string) {
	if o := n.others[name]; o != nil {
		o.gone()
		delete(n.others, name)
	}
}
