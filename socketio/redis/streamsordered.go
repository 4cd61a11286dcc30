package redis

import (
	"slices"
	"strconv"
	"sync"
	"time"

	"parley/socketio"
)

// orderedAdapter delivers what the stream has in the stream's order, this node's own messages included, so that whoever has
// received one event has received all before it: that is what recovery rests on.
//
// A message that could not be added to the stream makes a hole. From then on this node delivers its own messages at once, in
// order, and tells of the hole in the stream, until it reads that: then all is as before.
type orderedAdapter struct {
	*socketio.ClusterAdapter
	bus      *streamsBus
	recovery socketio.Recovery

	mu       sync.Mutex // the order: held while something is delivered
	number   uint64     // of the last message of this node
	pending  []numbered // own messages that are on their way to the stream and back
	hole     bool       // delivering at once
	closed   bool
	place    streamID // of the last entry of this namespace
	log      recentEntries
	caughtUp chan struct{} // closed when nothing is pending; nil while nobody waits
}

type numbered struct {
	number  uint64
	message *socketio.ClusterMessage
}

// retryHole is how long after a failure it is tried again to tell of a hole.
const retryHole = 300 * time.Millisecond

func newOrderedAdapter(b *streamsBus, r socketio.Recovery) *orderedAdapter {
	a := &orderedAdapter{ClusterAdapter: b.adapter, bus: b, recovery: r}
	a.log.restart = true
	return a
}

// begin is called when the entries of the namespace are being heard. If there were none yet, the log begins at the reader's place.
func (a *orderedAdapter) begin() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if place := a.bus.reader.place.Load(); place != nil && a.log.restart && !a.hole {
		a.log.reset(*place)
	}
}

// Broadcast implements socketio.Adapter.
func (a *orderedAdapter) Broadcast(p *socketio.Packet, t socketio.Target, f socketio.Flags) error {
	m := &socketio.ClusterMessage{Type: socketio.ClusterBroadcast, Packet: p, Target: t, Flags: f}
	if f.Local {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.apply(m)
		return nil
	}
	if len(p.Attachments) > 0 { // they are the caller's again when this returns
		q := *p
		q.Attachments = make([][]byte, len(p.Attachments))
		for i, b := range p.Attachments {
			q.Attachments[i] = slices.Clone(b)
		}
		m.Packet = &q
	}
	return a.submit(m)
}

// AddSockets implements socketio.Adapter.
func (a *orderedAdapter) AddSockets(t socketio.Target, f socketio.Flags, rooms []string) error {
	if f.Local {
		return a.ClusterAdapter.AddSockets(t, f, rooms)
	}
	return a.submit(&socketio.ClusterMessage{Type: socketio.ClusterJoin, Target: t, Rooms: slices.Clone(rooms)})
}

// DelSockets implements socketio.Adapter.
func (a *orderedAdapter) DelSockets(t socketio.Target, f socketio.Flags, rooms []string) error {
	if f.Local {
		return a.ClusterAdapter.DelSockets(t, f, rooms)
	}
	return a.submit(&socketio.ClusterMessage{Type: socketio.ClusterLeave, Target: t, Rooms: slices.Clone(rooms)})
}

// DisconnectSockets implements socketio.Adapter.
func (a *orderedAdapter) DisconnectSockets(t socketio.Target, f socketio.Flags, closeConn bool) error {
	if f.Local {
		return a.ClusterAdapter.DisconnectSockets(t, f, closeConn)
	}
	return a.submit(&socketio.ClusterMessage{Type: socketio.ClusterDisconnect, Target: t, Close: closeConn})
}

// submit sends a message on its way to the stream and back.
func (a *orderedAdapter) submit(m *socketio.ClusterMessage) error {
	m.UID = a.UID()
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		a.apply(m)
		return nil
	}
	a.number++
	number := a.number
	if a.hole {
		a.apply(m)
	} else {
		a.pending = append(a.pending, numbered{number, m})
	}
	err := a.bus.append(m, number, func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.fall()
	})
	if err != nil {
		a.fall()
	}
	return err
}

// fall delivers what is on its way at once.
func (a *orderedAdapter) fall() {
	if a.hole || a.closed {
		return
	}
	a.hole = true
	a.log.restart = true
	for _, p := range a.takePending() {
		a.apply(p.message)
	}
	a.tellHole()
}

func (a *orderedAdapter) takePending() []numbered {
	p := a.pending
	a.pending = nil
	a.noticePending()
	return p
}

// tellHole tries until it succeeds.
func (a *orderedAdapter) tellHole() {
	again := func() {
		time.AfterFunc(retryHole, func() {
			a.mu.Lock()
			defer a.mu.Unlock()
			if a.hole && !a.closed {
				a.tellHole()
			}
		})
	}
	fields := []string{"uid", a.UID(), "nsp", a.bus.ns.Name(), "type", entryHole}
	cmd := xadd(a.bus.o.Client, a.bus.stream, a.bus.o.MaxLen, fields)
	if !a.bus.outbox.add(outgoing{cmd: cmd, failed: again}, 64) {
		again()
	}
}

// entry handles the next entry of the namespace.
func (a *orderedAdapter) entry(id streamID, fields map[string]string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	own := fields["uid"] == a.UID()
	var m *socketio.ClusterMessage
	switch {
	case fields["type"] == entryHole:
		a.log.reset(id)
		if own {
			a.hole = false
		}
	case own:
		m = a.returned(fields["n"])
	default:
		var err error
		m, err = decodeEntry(fields, a.bus.ns.Name(), a.Awaits)
		a.bus.tell(err)
	}
	a.place = id
	if a.log.restart && !a.hole {
		a.log.reset(id)
	}
	if m == nil {
		return
	}
	if m.Type == socketio.ClusterBroadcast && m.RequestID == "" && socketio.Recoverable(m.Packet, m.Flags) {
		m.Packet = m.Packet.WithOffset(id.String())
		a.log.add(recentEntry{id, m.Packet, m.Target}, a.recovery.MaxPackets)
	}
	a.apply(m)
}

// returned finds an own message that has come back. There is none when it has been delivered at once.
func (a *orderedAdapter) returned(number string) *socketio.ClusterMessage {
	n, err := strconv.ParseUint(number, 10, 64)
	if err != nil {
		return nil
	}
	i := slices.IndexFunc(a.pending, func(p numbered) bool { return p.number == n })
	if i < 0 {
		return nil
	}
	for _, failed := range a.pending[:i] { // its adder will be told
		a.apply(failed.message)
	}
	m := a.pending[i].message
	a.pending = slices.Delete(a.pending, 0, i+1)
	a.noticePending()
	return m
}

// apply does what a message says. Broadcasts go past the log of the memory adapter: the stream is the log.
func (a *orderedAdapter) apply(m *socketio.ClusterMessage) {
	if m.Type == socketio.ClusterBroadcast && m.RequestID == "" {
		a.Deliver(m.Packet, m.Target, m.Flags)
		return
	}
	a.Apply(m)
}

// deliverUnlogged does what a message says that is not in the namespace's own stream.
func (a *orderedAdapter) deliverUnlogged(m *socketio.ClusterMessage) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.apply(m)
}

// gap implements streamListener.
func (a *orderedAdapter) gap() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.log.restart = true
	a.place = streamID{}
}

// settle waits until what is on its way has come back, and lets go of the stream. Nothing is lost: what has not is delivered.
func (a *orderedAdapter) settle(timeout time.Duration) {
	a.mu.Lock()
	var wait chan struct{}
	if len(a.pending) > 0 {
		wait = make(chan struct{})
		a.caughtUp = wait
	}
	a.mu.Unlock()
	if wait != nil {
		select {
		case <-wait:
		case <-time.After(timeout):
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.closed = true
	for _, p := range a.takePending() {
		a.apply(p.message)
	}
}

func (a *orderedAdapter) noticePending() {
	if len(a.pending) == 0 && a.caughtUp != nil {
		close(a.caughtUp)
		a.caughtUp = nil
	}
}

// at is the place up to which everything has been delivered.
func (a *orderedAdapter) at() streamID {
	if read := a.bus.reader.at(); read.after(a.place) {
		return read
	}
	return a.place
}
