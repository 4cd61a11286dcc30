package engineio

import (
	"runtime"
	"sync"
)

const (
	// scratchSize is how much one write to one connection carries at most when frames are concatenated.
	scratchSize = 64 << 10
	// yields is how often a worker that was woken to write steps back first, so that those who have more to send come to it:
	// messages that are sent together then leave together. Four lifted broadcast throughput 3.5 times and cost nothing measurable
	// when idle.
	yields = 4
	// looks is how often a worker that has read looks for more before it writes.
	looks = 2
	// maxIdle is how many workers wait for work. More come when handlers block, and go afterwards.
	maxIdle = 8
	// maxReads is how many reads are made at a stretch while something waits to be written.
	maxReads = 256
	// breath is after how many writes of one pass others get to run.
	breath = 128
)

// shard is an event loop: the connections that have something to read, the sessions that have something to write, and the workers
// that do both. A worker reads all that has arrived and runs its handlers, then writes once to every session that has something
// queued, and when there is nothing to do waits for more. As a handler may block, there is always another worker who will look at
// what is left (alert): it gets to run when the first one blocks, or on another processor.
//
// A connection is read by one worker at a time, so its packets are handled in order, and one whose handler blocks holds back
// nobody else.
type shard struct {
	srv    *Server
	poller *poller // made for the first socket of our own

	mu       sync.Mutex
	wake     sync.Cond
	ready    []*wsLink // to be read, in order
	taken    int       // what of ready has been taken
	dirty    []*Session
	links    []*wsLink // by descriptor
	idle     int       // workers that wait for wake
	alert    bool      // a worker is on its way to look at the lists
	polling  bool      // a worker looks, or waits, for events
	flushing bool      // a worker writes
	closed   bool

	spare   []*Session // the flushing worker's
	hasRoom []*Session // the polling worker's
	scratch []byte     // the flushing worker's
	workers sync.WaitGroup
}

func newShard(srv *Server) *shard {
	sh := &shard{srv: srv, scratch: make([]byte, 0, scratchSize)}
	sh.wake.L = &sh.mu
	return sh
}

// add puts a session on the list of those that have something to write. It is called with the session's mutex held.
func (sh *shard) add(s *Session) {
	sh.mu.Lock()
	sh.dirty = append(sh.dirty, s)
	if !sh.flushing { // or else its worker will look again
		sh.stir()
	}
	sh.mu.Unlock()
}

// stir has a worker look at the lists.
func (sh *shard) stir() {
	switch {
	case sh.alert || sh.closed:
	case sh.idle > 0:
		sh.alert = true
		sh.wake.Signal()
	default:
		sh.alert = true
		sh.workers.Add(1)
		go sh.work()
	}
}

// takesSockets has a worker wait for events, and reports whether it can.
func (sh *shard) takesSockets() bool {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if sh.poller == nil && !sh.closed {
		if sh.poller = newPoller(); sh.poller != nil {
			sh.stir()
		}
	}
	return sh.poller != nil
}

// watch starts reading a link's socket. What came before is in link.early.
func (sh *shard) watch(ws *wsLink) error {
	fd := int(ws.sock.fd)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if fd >= len(sh.links) {
		sh.links = append(sh.links, make([]*wsLink, fd+1-len(sh.links)+fd/4)...)
	}
	sh.links[fd] = ws
	if err := sh.poller.watch(ws.sock); err != nil {
		sh.links[fd] = nil
		return err
	}
	if len(ws.early) > 0 {
		sh.enlist(ws)
		sh.stir()
	}
	return nil
}

// forget must be called before the link's descriptor is closed: the next connection may get the same.
func (sh *shard) forget(ws *wsLink) {
	sh.mu.Lock()
	if fd := int(ws.sock.fd); fd < len(sh.links) && sh.links[fd] == ws {
		sh.links[fd] = nil
	}
	sh.mu.Unlock()
}

// enlist puts a link on the list of those to be read, unless somebody is at it, who then looks again.
func (sh *shard) enlist(ws *wsLink) {
	if ws.owned {
		ws.again = true
		return
	}
	ws.owned = true
	sh.ready = append(sh.ready, ws)
}

func (sh *shard) next() *wsLink {
	ws := sh.ready[sh.taken]
	sh.ready[sh.taken] = nil
	sh.taken++
	if sh.taken >= maxReads || sh.taken == len(sh.ready) {
		sh.ready = append(sh.ready[:0], sh.ready[sh.taken:]...)
		sh.taken = 0
	}
	return ws
}

// served gives a link back. One that may have more to read goes behind the others; one that is over stays owned, so that nobody
// comes back to it.
func (sh *shard) served(ws *wsLink, state readState) {
	if state == readAll {
		ws.ending = false
	}
	switch {
	case state == readOver:
	case state == readFull || ws.again || ws.ending:
		ws.again = false
		sh.ready = append(sh.ready, ws)
	default:
		ws.owned = false
	}
}

// work is a worker. It returns when there are enough others, or after stop.
func (sh *shard) work() {
	defer sh.workers.Done()
	buf := readBuffers.Get().(*[]byte)
	defer readBuffers.Put(buf)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	sh.alert = false
	woken, looked, reads := true, 0, 0
	for {
		unread := sh.taken < len(sh.ready)
		switch {
		case unread && reads < maxReads:
			reads++
			ws := sh.next()
			sh.stir()
			sh.mu.Unlock()
			state := ws.serve(*buf)
			sh.mu.Lock()
			sh.served(ws, state)
			woken = false
		case len(sh.dirty) > 0 && !sh.flushing:
			switch {
			case woken:
				woken = false
				sh.yield()
			case looked < looks && sh.poller != nil && !sh.polling:
				looked++
				sh.poll(sh.poller.look)
			default:
				looked, reads = 0, 0
				sh.flushAll()
			}
		case unread:
			reads = 0
			if sh.poller != nil && !sh.polling {
				sh.poll(sh.poller.look)
			}
		case sh.closed:
			return
		case sh.poller != nil && !sh.polling:
			reads = 0
			sh.poll(sh.poller.wait)
			woken, looked = false, 1
		case sh.idle >= maxIdle:
			return
		default:
			sh.idle++
			sh.wake.Wait()
			sh.idle--
			sh.alert = false
			woken, looked = true, 0
		}
	}
}

func (sh *shard) yield() {
	sh.mu.Unlock()
	for range yields {
		runtime.Gosched()
	}
	sh.mu.Lock()
}

// poll asks the poller, and puts what it has found on the lists.
func (sh *shard) poll(ask func() error) {
	sh.polling = true
	sh.mu.Unlock()
	err := ask() // fails only when the poller is closed, by stop
	sh.mu.Lock()
	defer func() { sh.polling = false }()
	if err != nil {
		return
	}
	room := sh.hasRoom[:0]
	sh.poller.each(func(fd int32, events uint32) {
		ws := sh.links[fd]
		if ws == nil {
			return // closed since
		}
		if events&eventOut != 0 {
			room = append(room, ws.s)
		}
		if events&^eventOut != 0 {
			ws.ending = ws.ending || events&eventEnd != 0
			sh.enlist(ws)
		}
	})
	if sh.hasRoom = room; len(room) == 0 {
		return
	}
	sh.mu.Unlock() // a session is locked before its shard
	for i, s := range room {
		s.mu.Lock()
		s.roomAgain()
		s.mu.Unlock()
		room[i] = nil
	}
	sh.mu.Lock()
}

// flushAll writes to all sessions that have something queued, once each.
func (sh *shard) flushAll() {
	batch := sh.dirty
	sh.dirty = sh.spare[:0]
	sh.flushing = true
	if len(batch) >= breath {
		sh.stir() // it takes a while: others may read meanwhile
	}
	sh.mu.Unlock()
	for i, s := range batch {
		sh.flush(s)
		batch[i] = nil
		if i%breath == breath-1 {
			runtime.Gosched()
		}
	}
	sh.mu.Lock()
	sh.spare = batch
	sh.flushing = false
}

// stop ends the workers. All sessions have ended before.
func (sh *shard) stop() {
	sh.mu.Lock()
	sh.closed = true
	sh.wake.Broadcast()
	poller := sh.poller
	sh.mu.Unlock()
	if poller != nil {
		poller.close()
	}
	sh.workers.Wait()
}
