package peers

import (
	"sync"
	"time"
)

// Nodes of the version before tell everything to all, and hear nothing else. While there is one of them, so do those of this version.
// What they tell is known by their names: those of this version end with newer.
const newer = "~"

const (
	// olderLease is how long after the last that was heard of it a node of the version before counts as there. It says who is
	// connected to it when it comes and every 27 s.
	olderLease = 60 * time.Second
	// olderAnswer is how long, after a connection has come about, one that is there has to answer who is connected to it.
	olderAnswer = 3 * time.Second
)

// older knows whether there may be nodes of the version before.
type older struct {
	lease, answer time.Duration

	mu    sync.Mutex
	until time.Time
}

// heard takes note of one.
func (o *older) heard(now time.Time) { o.extend(now.Add(o.lease)) }

// maybe takes note that it is not known whether there is one.
func (o *older) maybe(now time.Time) { o.extend(now.Add(o.answer)) }

func (o *older) extend(until time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if until.After(o.until) {
		o.until = until
	}
}

// among reports whether there may be one among the nodes.
func (o *older) among(now time.Time) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return now.Before(o.until)
}
