package socketio

import (
	"slices"
	"strconv"
	"sync"
	"time"
)

// Recovery turns on connection state recovery: a client that reconnects in time gets its id, rooms, data and missed events back.
type Recovery struct {
	// MaxDisconnection is how long a client may be away; default 2 minutes.
	MaxDisconnection time.Duration
	// RunMiddlewares also runs the namespace's middlewares for a recovered socket. Node skips them by default, and so do we.
	RunMiddlewares bool
	// MaxPackets bounds the packets kept for replay, per namespace; default 10,000.
	MaxPackets int
}

// RecoverySession is what a socket leaves behind for its recovery.
type RecoverySession struct {
	SID    string
	PID    string // known to the client alone; whoever has it may recover the session, once
	Rooms  []string
	Offset string // what the client has received last, or where the log stood when it connected
	Data   any    // what SetData stored; decoded JSON when the session comes from another node

	// Adapter is what the adapter knows of the session between RestoreSession and Resume. Nobody else looks into it.
	Adapter any
}

// Recoverable reports whether a broadcast is kept for replay: plain events only, as in Node.
func Recoverable(p *Packet, f Flags) bool {
	return p.Type == PacketEvent && !p.HasID && !f.Volatile
}

// recoveryLog is the memory adapter's replay buffer.
type recoveryLog struct {
	opts Recovery

	mu       sync.Mutex
	next     uint64
	packets  []loggedPacket // in order of their numbers
	sessions map[string]savedSession
	swept    time.Time
}

type loggedPacket struct {
	number uint64
	at     time.Time
	packet *Packet
	target Target
}

type savedSession struct {
	RecoverySession
	at time.Time
}

func newRecoveryLog(o Recovery) *recoveryLog {
	return &recoveryLog{opts: o, next: 1, sessions: map[string]savedSession{}}
}

// add numbers a packet and returns a copy that carries its offset as the last argument.
func (l *recoveryLog) add(p *Packet, t Target) *Packet {
	l.mu.Lock()
	defer l.mu.Unlock()
	number := l.next
	l.next++
	q := p.WithOffset(strconv.FormatUint(number, 36))
	l.packets = append(l.packets, loggedPacket{number, time.Now(), q, t})
	l.sweep()
	return q
}

// WithOffset returns a copy with the offset appended to the event's arguments, where the client looks for it.
func (p *Packet) WithOffset(offset string) *Packet {
	q := *p
	q.Data = make([]byte, 0, len(p.Data)+len(offset)+3)
	q.Data = append(append(q.Data, p.Data[:len(p.Data)-1]...), ',')
	q.Data = append(appendString(q.Data, offset), ']')
	return &q
}

// offset is the position a socket that connects now starts from, so that recovery also works before its first packet.
func (l *recoveryLog) offset() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strconv.FormatUint(l.next-1, 36)
}

func (l *recoveryLog) persist(s RecoverySession) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sessions[s.PID] = savedSession{s, time.Now()}
	l.sweep()
}

// restore takes a session out. It fails when the buffer no longer reaches back to the offset.
func (l *recoveryLog) restore(pid, offset string) (*RecoverySession, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	saved, ok := l.sessions[pid]
	delete(l.sessions, pid)
	if !ok || time.Since(saved.at) > l.opts.MaxDisconnection {
		return nil, false
	}
	if offset == "" {
		offset = saved.Offset // Node gives up here: its clients know no offset before their first packet
	}
	from, err := strconv.ParseUint(offset, 36, 64)
	if err != nil || from >= l.next {
		return nil, false
	}
	oldest := l.next
	if len(l.packets) > 0 {
		oldest = l.packets[0].number
	}
	if from+1 < oldest {
		return nil, false
	}
	saved.Offset = offset
	return &saved.RecoverySession, true
}

// after returns the packets since an offset for a socket with these rooms.
func (l *recoveryLog) after(offset string, rooms []string) []*Packet {
	from, err := strconv.ParseUint(offset, 36, 64)
	if err != nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	var missed []*Packet
	for _, p := range l.packets {
		if p.number > from && p.target.Reaches(rooms) {
			missed = append(missed, p.packet)
		}
	}
	return missed
}

// gap invalidates all offsets given so far.
func (l *recoveryLog) gap() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.packets = nil
	l.next++
}

// Reaches reports whether a target includes a socket with these rooms, of which its id is one.
func (t Target) Reaches(rooms []string) bool {
	in := func(name string) bool { return slices.Contains(rooms, name) }
	return (len(t.Rooms) == 0 || slices.ContainsFunc(t.Rooms, in)) && !slices.ContainsFunc(t.Except, in)
}

// sweep drops what is too old or too much, at most once a second for the sessions.
func (l *recoveryLog) sweep() {
	now := time.Now()
	drop := max(0, len(l.packets)-l.opts.MaxPackets)
	for drop < len(l.packets) && now.Sub(l.packets[drop].at) > l.opts.MaxDisconnection {
		drop++
	}
	if drop > 0 {
		clear(l.packets[:drop])
		l.packets = l.packets[drop:]
	}
	if now.Sub(l.swept) < time.Second {
		return
	}
	l.swept = now
	for pid, s := range l.sessions {
		if now.Sub(s.at) > l.opts.MaxDisconnection {
			delete(l.sessions, pid)
		}
	}
}
