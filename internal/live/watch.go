package live

import (
	"context"
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
	stop    chan struct{}
	done    chan struct{}
}

// Watch begins to look for changes that this server has not made. It ends with Close.
func (d *Door) Watch(ctx context.Context) error {
	version, err := d.o.Chat.DirectoryVersion(ctx)
	if err != nil {
		return err
	}
	d.watcher = &watcher{version: version, stop: make(chan struct{}), done: make(chan struct{})}
	go d.watch()
	return nil
}

func (d *Door) watch() {
	w := d.watcher
	defer close(w.done)
	t := time.NewTicker(watchEvery)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			ctx, cancel := context.WithTimeout(context.Background(), watchEvery)
			d.look(ctx, w)
			cancel()
		case <-w.stop:
			return
		}
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
		<-w.done
	}
}

// knows reports whether somebody who is here was told of already as they are now, or whether they are not here at all: then who
// asks is told.
func (p *people) knows(u chat.User) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	here := p.byID[u.ID]
	return here == nil || here.version >= u.Version
}
