package live

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"parley/internal/chat"
)

const (
	// watchEvery is how often the door looks for what others than this server have changed: the terminal, another node.
	watchEvery = 3 * time.Second
	// watchBack is how much further back it looks than it did the last time: clocks differ, and transactions end after they began.
	watchBack = time.Minute
)

// watcher remembers what the door has seen of the people and their sessions.
type watcher struct {
	version int64
	wake    chan struct{}
	deaf    atomic.Bool // what other nodes told may have been missed
	stop    chan struct{}
	running sync.WaitGroup
}

// Watch begins to look for changes that this server has not made. It ends with Close.
func (d *Door) Watch(ctx context.Context) error {
	version, err := d.o.Chat.DirectoryVersion(ctx)
	if err != nil {
		return err
	}
	w := &watcher{version: version, wake: make(chan struct{}, 1), stop: make(chan struct{})}
	d.watcher = w
	w.running.Go(d.watch)
	w.running.Go(func() { d.followHeads(w.stop) })
	w.running.Go(func() { d.keepLease(w.stop) })
	w.running.Go(func() { d.countCrowd(w.stop) })
	w.running.Go(func() { d.tellSpent(w.stop) })
	w.running.Go(func() { d.watchLoad(w.stop) })
	d.connectNodes()
	return nil
}

func (d *Door) watch() {
	w := d.watcher
	t := time.NewTicker(watchEvery)
	defer t.Stop()
	for {
		select {
		case <-t.C:
		case <-w.wake:
		case <-w.stop:
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), requestTimeout)
		d.look(ctx, w)
		if w.deaf.Swap(false) || d.o.Nodes != nil && !d.o.Nodes.Healthy() {
			d.reconcile(ctx)
		}
		cancel()
	}
}

// missed makes the watcher look for what was told while this node did not hear.
func (w *watcher) missed() {
	if w != nil {
		w.deaf.Store(true)
		w.soon()
	}
}

// soon makes the watcher look at once.
func (w *watcher) soon() {
	if w == nil { // the door is not open yet
		return
	}
	select {
	case w.wake <- struct{}{}:
	default: // it is about to
	}
}

// look tells of what has changed. A database that does not answer is asked again the next time.
func (d *Door) look(ctx context.Context, w *watcher) {
	for {
		users, version, err := d.o.Chat.ChangedPeople(ctx, w.version)
		if err != nil || len(users) == 0 {
			break
		}
		w.version = version
		for i := range users {
			if d.people.knows(users[i]) {
				continue
			}
			d.deliverPerson(&users[i])
		}
	}
	ended, err := d.o.Sessions.RevokedSince(ctx, watchEvery+watchBack)
	if err != nil {
		return
	}
	for _, e := range ended {
		d.sessionsEnded(e)
	}
}

func (w *watcher) close() {
	if w != nil {
		close(w.stop)
		w.running.Wait()
	}
}

// knows reports whether somebody who is connected here was told of already as they are now, or whether they are nowhere at all: then
// who asks is told.
func (p *people) knows(u chat.User) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if here := p.byID[u.ID]; here != nil {
		return here.version >= u.Version
	}
	for _, e := range p.nodes {
		if h, ok := e.people[u.ID]; ok && h.Version < u.Version {
			return false
		}
	}
	return true
}
