package live

import (
	"context"
	"slices"
	"sync"
	"time"

	"parley/internal/chat"
)

const (
	// headsEvery is how often a node looks for entries that nobody told it of, and headsUnwell how often while the nodes cannot
	// tell each other anything. The first is jittered by as much again, so that nodes do not ask together.
	headsEvery  = 5 * time.Second
	headsUnwell = time.Second
	fillTimeout = 10 * time.Second
	fillRetry   = time.Second
	// keepPlace is how long the place of a room is kept that nobody here is in: somebody may be about to enter it.
	keepPlace = time.Minute
)

// sequencer delivers each room's entries strictly in the order of its log, whoever wrote them: those of this node, those that other
// nodes tell of, and those that nobody told of and that it reads from the log.
type sequencer struct {
	deliver func(*delivery)
	read    func(ctx context.Context, room string, after int64) ([]chat.Entry, error)
	parent  func(ctx context.Context, room string) (parent string, head int64, err error) // of a thread; empty for others
	stop    chan struct{}
	doubts  chan struct{} // has an item when a room is doubted
	filling sync.WaitGroup

	mu    sync.Mutex
	rooms map[string]*place
}

// place is how far a room has been delivered.
type place struct {
	mu      sync.Mutex
	last    int64
	id      string // of the entry there; empty when it is not known
	known   bool   // whether last is; an empty log's is 0
	begun   time.Time
	want    int64 // while filling: how far at least
	filling bool
	waiting []waiting
	dropped bool // it is not the room's place any more
	doubted bool // its log seems not to have any more what was delivered: nothing is until it has been looked at
}

// waiting is what is done when the room has been delivered up to a seq: a connection enters it, or a thread of it goes on.
type waiting struct {
	at int64
	do func()
}

// advance tells that a room has been delivered up to a seq, and does what has waited for it. The caller holds the lock.
func (p *place) advance(seq int64, id string) {
	if seq != p.last || id != "" {
		p.id = id
	}
	p.last, p.known, p.begun = seq, true, time.Now()
	p.waiting = slices.DeleteFunc(p.waiting, func(w waiting) bool {
		due := w.at <= seq
		if due {
			w.do()
		}
		return due
	})
}

func newSequencer(deliver func(*delivery)) *sequencer {
	return &sequencer{deliver: deliver, stop: make(chan struct{}), doubts: make(chan struct{}, 1), rooms: map[string]*place{}}
}

func (s *sequencer) place(room string) *place {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.rooms[room]
	if p == nil {
		p = &place{}
		s.rooms[room] = p
	}
	return p
}

// locked is a room's place, locked. One that has been dropped between finding and locking it is of no use: what is delivered from another one
// would not be in the order of what has been delivered from this.
func (s *sequencer) locked(room string) *place {
	for {
		p := s.place(room)
		p.mu.Lock()
		if !p.dropped {
			return p
		}
		p.mu.Unlock()
	}
}

// enter lets a connection into a room at the one point in the room's log up to which its person was read to be a member: what comes
// after it they hear, what comes before they do not. It reports false when the room has been delivered further already: then whether
// they still are a member has to be read again.
func (s *sequencer) enter(room string, head int64, enter func()) bool {
	p := s.locked(room)
	defer p.mu.Unlock()
	switch {
	case p.last > head:
		return false
	case !p.known || p.last == head:
		enter()
		p.advance(head, "")
		return true
	}
	s.wait(room, p, head, enter)
	return true
}

// after does something once a room has been delivered up to a seq. Nobody hears of a room whose place is not known.
func (s *sequencer) after(room string, seq int64, do func()) {
	p := s.locked(room)
	defer p.mu.Unlock()
	if !p.known || p.last >= seq {
		do()
		return
	}
	s.wait(room, p, seq, do)
}

// maxLater bounds what may get lost and waits for a room: beyond, it is dropped.
const maxLater = 256

// later is after, of what may get lost: it waits for what is on its way, and nothing is read because of it.
func (s *sequencer) later(room string, seq int64, do func()) {
	s.mu.Lock()
	p := s.rooms[room]
	s.mu.Unlock()
	if p == nil { // nobody here is in it
		do()
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case !p.known || p.last >= seq:
		do()
	case len(p.waiting) < maxLater:
		p.waiting = append(p.waiting, waiting{seq, do})
	}
}

func (s *sequencer) wait(room string, p *place, seq int64, do func()) {
	p.waiting = append(p.waiting, waiting{seq, do})
	if p.filling {
		p.want = max(p.want, seq)
	} else {
		s.fill(room, p, seq)
	}
}

// offer delivers an entry if it is the next one, and has what is missing before it read first. A thread waits for the room that it is
// in: their logs have no common order but that one. Places are locked in this order too, a room's before its threads'.
func (s *sequencer) offer(e *delivery) {
	if e.Parent == "" {
		s.take(e)
		return
	}
	s.after(e.Parent, e.ParentSeq, func() { s.take(e) })
}

func (s *sequencer) take(e *delivery) {
	p := s.locked(e.Room)
	defer p.mu.Unlock()
	switch {
	case p.doubted:
	case p.filling:
		p.want = max(p.want, e.Seq)
	case p.contradicts(e.Seq, e.ID):
		s.doubt(p)
	case !p.known || e.Seq == p.last+1:
		s.deliver(e)
		p.advance(e.Seq, e.ID)
	case e.Seq > p.last:
		s.fill(e.Room, p, e.Seq)
	}
}

// head tells how far a room's log goes: what is missing is read.
func (s *sequencer) head(room string, seq int64) {
	p := s.locked(room)
	defer p.mu.Unlock()
	switch {
	case p.doubted:
	case p.filling:
		p.want = max(p.want, seq)
	case !p.known:
		p.advance(seq, "")
	case seq > p.last:
		s.fill(room, p, seq)
	}
}

func (s *sequencer) fill(room string, p *place, want int64) {
	p.filling, p.want = true, want
	s.filling.Go(func() { s.fillLoop(room, p) })
}

// fillLoop reads what is missing until nothing is, however long the database takes.
func (s *sequencer) fillLoop(room string, p *place) {
	for {
		p.mu.Lock()
		after := p.last
		p.mu.Unlock()
		ctx, cancel := context.WithTimeout(context.Background(), fillTimeout)
		entries, err := s.read(ctx, room, max(after-1, 0)) // with the one that was delivered last: it may not be there any more
		if err == nil {
			err = s.reachParent(ctx, room)
		}
		cancel()
		if err == nil && s.filled(p, entries) {
			return
		}
		wait := time.Duration(0)
		if err != nil || len(entries) == 0 || entries[len(entries)-1].Seq <= after {
			wait = fillRetry
		}
		select {
		case <-time.After(wait):
		case <-s.stop:
			return
		}
	}
}

// reachParent has the room that a thread is in delivered as far as its log goes, so that whoever left it before something was written
// in the thread does not hear of that.
func (s *sequencer) reachParent(ctx context.Context, room string) error {
	parent, head, err := s.parent(ctx, room)
	if err != nil || parent == "" {
		return err
	}
	reached := make(chan struct{})
	s.after(parent, head, func() { close(reached) })
	select {
	case <-reached:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-s.stop:
		return context.Canceled
	}
}

// filled delivers what was read and reports whether it was enough.
func (s *sequencer) filled(p *place, entries []chat.Entry) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range entries {
		if p.contradicts(entries[i].Seq, entries[i].ID) {
			s.doubt(p)
			p.filling = false
			return true
		}
		if entries[i].Seq <= p.last {
			continue
		}
		if entries[i].Seq != p.last+1 {
			break // it is read again
		}
		s.deliver(newDelivery(&entries[i]))
		p.advance(entries[i].Seq, entries[i].ID)
	}
	if p.last >= p.want {
		p.filling = false
	}
	return !p.filling
}

// forget drops the places of rooms that nobody here is in.
func (s *sequencer) forget(serves func(room string) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for room, p := range s.rooms {
		if serves(room) {
			continue
		}
		p.mu.Lock()
		if !p.filling && len(p.waiting) == 0 && time.Since(p.begun) > keepPlace {
			p.dropped = true
			delete(s.rooms, room)
		}
		p.mu.Unlock()
	}
}

// served lists the rooms whose places are known and that somebody here is in. The others are of no interest before somebody enters them,
// who waits for what is missing.
func (s *sequencer) served(serves func(room string) bool) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]string, 0, len(s.rooms))
	for room := range s.rooms {
		if serves(room) {
			out = append(out, room)
		}
	}
	return out
}

func (s *sequencer) close() {
	close(s.stop)
	s.filling.Wait()
}
