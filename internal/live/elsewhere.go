package live

import (
	"time"

	"parley/internal/chat"
)

const (
	leaseTime  = 60 * time.Second // how long people of a node count as here that has fallen silent
	leaseRenew = 27 * time.Second
	// takeOver is how long people of a node that stops have to come back somewhere before they have left.
	takeOver    = 5 * time.Second
	leaseExpiry = time.Second // how exactly leases are looked at
)

// nodePeople is who is connected to a node: all of them, or what has changed.
type nodePeople struct {
	Node string       `json:"node"`
	All  bool         `json:"all,omitempty"`
	Here []nodePerson `json:"here,omitempty"`
	Gone []string     `json:"gone,omitempty"`
	// Near are the small rooms of the one person who is told of: see tellOf.
	Near []string `json:"near,omitempty"`
	// Leaving tells that the node stops: its people are about to come back elsewhere.
	Leaving bool `json:"leaving,omitempty"`
}

type nodePerson struct {
	UserID   string `json:"userId"`
	Username string `json:"username"`
	Wish     string `json:"wish,omitempty"` // what they want to appear as, unless auto
	Away     bool   `json:"away,omitempty"` // they look on none of the node's devices
	Conns    int    `json:"conns,omitempty"`
	Version  int64  `json:"version,omitempty"` // of the directory, when its people were told of them
}

// appearsAs reports whether two mean the same to those who see the person.
func (n nodePerson) appearsAs(other nodePerson) bool {
	n.Conns, n.Version = other.Conns, other.Version
	return n == other
}

// elsewhere is what is known of another node's people.
type elsewhere struct {
	people  map[string]nodePerson
	expires time.Time
	leaving bool // whatever else comes from it, it is about to be gone
}

// hearNode takes what another node tells of its people, and tells those who are connected here what that changes.
func (p *people) hearNode(n nodePeople) {
	p.mu.Lock()
	e := p.nodes[n.Node]
	if e == nil {
		e = &elsewhere{people: map[string]nodePerson{}}
		p.nodes[n.Node] = e
	}
	switch {
	case n.Leaving:
		e.leaving, e.expires = true, time.Now().Add(takeOver)
	case !e.leaving:
		e.expires = time.Now().Add(leaseTime)
	}
	known := map[string]bool{}
	for _, h := range n.Here {
		known[h.UserID] = true
	}
	var came, changed, went []chat.Actor
	for _, h := range n.Here {
		if !p.anywhere(h.UserID) {
			came = append(came, chat.Actor{UserID: h.UserID, Name: h.Username})
		} else if !e.people[h.UserID].appearsAs(h) {
			changed = append(changed, chat.Actor{UserID: h.UserID})
		}
		if _, known := e.people[h.UserID]; !known {
			p.where[h.UserID]++
		}
		e.people[h.UserID] = h
	}
	for id, h := range e.people {
		if gone := n.All && !known[id]; gone {
			went = append(went, p.withoutNode(e, h)...)
		}
	}
	for _, id := range n.Gone {
		if h, ok := e.people[id]; ok {
			went = append(went, p.withoutNode(e, h)...)
		}
	}
	p.mu.Unlock()
	p.tell(came, changed, went, n.Near)
}

// withoutNode takes somebody off a node's list, and returns them if that was the last place where they were.
func (p *people) withoutNode(e *elsewhere, h nodePerson) []chat.Actor {
	delete(e.people, h.UserID)
	p.gone(h.UserID)
	if p.anywhere(h.UserID) {
		return nil
	}
	return []chat.Actor{{UserID: h.UserID, Name: h.Username}}
}

func (p *people) tell(came, changed, went []chat.Actor, near []string) {
	for _, a := range came {
		p.arrived(a, near)
	}
	for _, a := range changed {
		p.changed(a.UserID, near)
	}
	for _, a := range went {
		p.left(a, near)
	}
}

// anywhere reports whether somebody is connected to any node. The caller holds the lock.
func (p *people) anywhere(userID string) bool { return p.where[userID] > 0 }

// expire forgets nodes that have fallen silent.
func (p *people) expire() {
	p.mu.Lock()
	var went []chat.Actor
	for node, e := range p.nodes {
		if time.Now().Before(e.expires) {
			continue
		}
		for _, h := range e.people {
			went = append(went, p.withoutNode(e, h)...)
		}
		delete(p.nodes, node)
	}
	p.mu.Unlock()
	p.tell(nil, nil, went, nil)
}

// ofThisNode is who is connected here.
func (p *people) ofThisNode() *nodePeople {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := &nodePeople{Node: p.node, All: true}
	for _, here := range p.byID {
		out.Here = append(out.Here, here.forNodes())
	}
	return out
}

// leaving tells that this node stops.
func (p *people) leaving() *nodePeople { return &nodePeople{Node: p.node, Leaving: true} }

// hasNodes reports whether there are other nodes.
func (p *people) hasNodes() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.nodes) > 0
}

// nodesOf are the topics of the other nodes that somebody is connected to.
func (p *people) nodesOf(userID string) (topics []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for node, e := range p.nodes {
		if _, there := e.people[userID]; there {
			topics = append(topics, nodeTopic(node))
		}
	}
	return topics
}

// one is what this node tells of one person.
func (p *people) one(userID string, near []string) *nodePeople {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := &nodePeople{Node: p.node, Near: near}
	if here := p.byID[userID]; here != nil {
		out.Here = []nodePerson{here.forNodes()}
	} else {
		out.Gone = []string{userID}
	}
	return out
}

func (h *presence) forNodes() nodePerson {
	out := nodePerson{UserID: h.actor.UserID, Username: h.actor.Name, Away: !h.looking(), Conns: len(h.clients), Version: h.version}
	if h.wish != "auto" {
		out.Wish = h.wish
	}
	return out
}

// looking reports whether the person looks on one of their devices here, or did before the last one went.
func (h *presence) looking() bool {
	if len(h.clients) == 0 {
		return h.looked
	}
	for c := range h.clients {
		if !c.idle.Load() {
			return true
		}
	}
	return false
}

// keepLease renews what the other nodes know of this one's people, and forgets those of nodes that are gone.
func (d *Door) keepLease(stop <-chan struct{}) {
	renew, expire := time.NewTicker(leaseRenew), time.NewTicker(leaseExpiry)
	defer renew.Stop()
	defer expire.Stop()
	for {
		select {
		case <-renew.C:
			d.tellNodes(nodeMessage{Here: d.people.ofThisNode()})
		case <-expire.C:
			d.people.expire()
		case <-stop:
			return
		}
	}
}
