package live

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"parley/internal/chat"
)

// people knows who is here: everybody with a connection, and those whose last one ended a moment ago, because a reload or a
// change of network is no departure.
type people struct {
	peopleHooks
	grace time.Duration
	node  string // of this server

	mu     sync.Mutex
	byID   map[string]*presence  // connected to this node
	where  map[string]int        // how many nodes everybody is connected to, this one included
	nodes  map[string]*elsewhere // to others
	closed bool
}

// peopleHooks are called, without the lock, when somebody comes to the server or leaves it, wherever they are connected, and when
// what is known of them has changed.
type peopleHooks struct {
	arrived func(a chat.Actor, near []string) // near are rooms of theirs that are small, if they are known
	left    func(a chat.Actor, near []string)
	changed func(userID string, near []string)
	told    func(userID string, near []string) // of somebody who has come to this node, or left it
}

type presence struct {
	actor   chat.Actor
	wish    string // what they want to appear as: auto, away or dnd
	version int64  // of the directory, when they were last told of
	clients map[*client]bool
	near    []string    // their small rooms, as of when they came
	looked  bool        // whether they did with the last connection that ended
	leaving *time.Timer // runs while there is no connection
}

func newPeople(grace time.Duration, node string, hooks peopleHooks) *people {
	return &people{peopleHooks: hooks, grace: grace, node: node, byID: map[string]*presence{}, where: map[string]int{}, nodes: map[string]*elsewhere{}}
}

// connected lists the ids of those who are connected to this node.
func (p *people) connected() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Collect(maps.Keys(p.byID))
}

// connections is how many a person has, on all nodes.
func (p *people) connections(userID string) (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if here := p.byID[userID]; here != nil {
		n = len(here.clients)
	}
	for _, e := range p.nodes {
		n += e.people[userID].Conns
	}
	return n
}

// connect counts a connection and reports whether the person was nowhere before.
func (p *people) connect(a chat.Actor, u chat.User, c *client, near []string) bool {
	arrived := p.add(a, u, c, near)
	p.told(a.UserID, near)
	return arrived
}

func (p *people) add(a chat.Actor, u chat.User, c *client, near []string) (arrived bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	here := p.byID[a.UserID]
	if here == nil {
		arrived = !p.anywhere(a.UserID)
		here = &presence{clients: map[*client]bool{}}
		p.byID[a.UserID] = here
		p.where[a.UserID]++
	}
	here.near = near
	here.actor, here.wish, here.version = a, u.Presence, max(here.version, u.Version)
	here.clients[c] = true
	if here.leaving != nil {
		here.leaving.Stop()
		here.leaving = nil
	}
	return arrived
}

// disconnect counts a connection's end. After the last one the person has left, unless they are back within the grace.
func (p *people) disconnect(a chat.Actor, c *client) {
	if p.remove(a, c) {
		p.told(a.UserID, nil)
	}
}

// remove takes a connection off the list, and reports whether the other nodes are to be told.
func (p *people) remove(a chat.Actor, c *client) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	here := p.byID[a.UserID]
	if here == nil || !here.clients[c] {
		return false
	}
	delete(here.clients, c)
	here.looked = !c.idle.Load()
	if len(here.clients) == 0 && !p.closed {
		here.leaving = time.AfterFunc(p.grace, func() { p.depart(a.UserID, here) })
	}
	return !p.closed
}

func (p *people) depart(userID string, here *presence) {
	p.mu.Lock()
	if p.byID[userID] != here || len(here.clients) > 0 {
		p.mu.Unlock()
		return
	}
	delete(p.byID, userID)
	p.gone(userID)
	a, near, elsewhere := here.actor, here.near, p.anywhere(userID)
	p.mu.Unlock()
	p.told(userID, near)
	if !elsewhere {
		p.left(a, near)
	}
}

// gone takes a person off one of the nodes. The caller holds the lock.
func (p *people) gone(userID string) {
	if p.where[userID]--; p.where[userID] <= 0 {
		delete(p.where, userID)
	}
}

// nearOf are the small rooms of somebody who is connected to this node.
func (p *people) nearOf(userID string) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if here := p.byID[userID]; here != nil {
		return here.near
	}
	return nil
}

// update takes over what somebody has become, and reports whether they are here and have another name.
func (p *people) update(u chat.User) (renamed bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, e := range p.nodes {
		if h, ok := e.people[u.ID]; ok && h.Username != u.Name {
			h.Username, renamed = u.Name, true
			e.people[u.ID] = h
		}
	}
	here := p.byID[u.ID]
	if here == nil {
		return renamed
	}
	renamed = here.actor.Name != u.Name
	here.actor.Name, here.actor.Role, here.wish, here.version = u.Name, u.Role, u.Presence, u.Version
	return renamed
}

// presenceOf is what somebody appears as: online, away, dnd or offline.
func (p *people) presenceOf(userID, wish string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	here, looking := p.byID[userID], false
	present := here != nil
	if present {
		looking = here.looking()
	}
	for _, e := range p.nodes {
		if h, ok := e.people[userID]; ok {
			present, looking = true, looking || !h.Away
		}
	}
	switch {
	case !present:
		return "offline"
	case wish == "away" || wish == "dnd":
		return wish
	case looking:
		return "online"
	}
	return "away"
}

// wishOf is what somebody who is here wants to appear as.
func (p *people) wishOf(userID string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if here := p.byID[userID]; here != nil {
		return here.wish
	}
	for _, e := range p.nodes {
		if h, ok := e.people[userID]; ok {
			return h.Wish
		}
	}
	return ""
}

func (p *people) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.where)
}

// maxListed bounds the list of who is here; the count is exact all the same.
const maxListed = 500

// list returns the people who are here, at most so many, by name.
func (p *people) list(most int) []personHere {
	p.mu.Lock()
	out := make([]personHere, 0, min(len(p.where), most))
	seen := map[string]bool{}
	add := func(id, name string) {
		if !seen[id] {
			seen[id] = true
			out = append(out, personHere{id, name})
		}
	}
	for id, here := range p.byID {
		if len(out) == most {
			break
		}
		add(id, here.actor.Name)
	}
	for _, e := range p.nodes {
		for id, h := range e.people {
			if len(out) == most {
				break
			}
			add(id, h.Username)
		}
	}
	p.mu.Unlock()
	slices.SortFunc(out, func(a, b personHere) int {
		if c := strings.Compare(strings.ToLower(a.Username), strings.ToLower(b.Username)); c != 0 {
			return c
		}
		return strings.Compare(a.UserID, b.UserID)
	})
	return out
}

// close stops the timers of those who are leaving: nobody is told any more.
func (p *people) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for _, here := range p.byID {
		if here.leaving != nil {
			here.leaving.Stop()
		}
	}
}
