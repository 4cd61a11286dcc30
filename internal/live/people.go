package live

import (
	"slices"
	"strings"
	"sync"
	"time"

	"parley/internal/chat"
)

// people knows who is here: everybody with a connection, and those whose last one ended a moment ago, because a reload or a
// change of network is no departure.
type people struct {
	grace time.Duration
	left  func(chat.Actor) // called without the lock

	mu     sync.Mutex
	byID   map[string]*presence
	closed bool
}

type presence struct {
	actor   chat.Actor
	wish    string // what they want to appear as: auto, away or dnd
	version int64  // of the directory, when they were last told of
	clients map[*client]bool
	leaving *time.Timer // runs while there is no connection
}

func newPeople(grace time.Duration, left func(chat.Actor)) *people {
	return &people{grace: grace, left: left, byID: map[string]*presence{}}
}

// connections is how many a person has.
func (p *people) connections(userID string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if here := p.byID[userID]; here != nil {
		return len(here.clients)
	}
	return 0
}

// connect counts a connection and reports whether the person was not here before.
func (p *people) connect(a chat.Actor, u chat.User, c *client) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	here := p.byID[a.UserID]
	arrived := here == nil
	if arrived {
		here = &presence{clients: map[*client]bool{}}
		p.byID[a.UserID] = here
	}
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
	p.mu.Lock()
	defer p.mu.Unlock()
	here := p.byID[a.UserID]
	if here == nil || !here.clients[c] {
		return
	}
	delete(here.clients, c)
	if len(here.clients) == 0 && !p.closed {
		here.leaving = time.AfterFunc(p.grace, func() { p.depart(a.UserID, here) })
	}
}

func (p *people) depart(userID string, here *presence) {
	p.mu.Lock()
	if p.byID[userID] != here || len(here.clients) > 0 {
		p.mu.Unlock()
		return
	}
	delete(p.byID, userID)
	a := here.actor
	p.mu.Unlock()
	p.left(a)
}

// update takes over what somebody has become, and reports whether they are here and have another name.
func (p *people) update(u chat.User) (renamed bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	here := p.byID[u.ID]
	if here == nil {
		return false
	}
	renamed = here.actor.Name != u.Name
	here.actor.Name, here.actor.Role, here.wish, here.version = u.Name, u.Role, u.Presence, u.Version
	return renamed
}

// presenceOf is what somebody appears as: online, away, dnd or offline.
func (p *people) presenceOf(userID, wish string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	here := p.byID[userID]
	switch {
	case here == nil:
		return "offline"
	case wish == "away" || wish == "dnd":
		return wish
	}
	for c := range here.clients {
		if !c.idle.Load() {
			return "online"
		}
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
	return ""
}

func (p *people) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.byID)
}

// maxListed bounds the list of who is here; the count is exact all the same.
const maxListed = 500

// list returns the people who are here, by name.
func (p *people) list() []personHere {
	p.mu.Lock()
	out := make([]personHere, 0, min(len(p.byID), maxListed))
	for _, here := range p.byID {
		if len(out) == maxListed {
			break
		}
		out = append(out, personHere{here.actor.UserID, here.actor.Name})
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
