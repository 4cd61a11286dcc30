package redis

import (
	"context"
	"encoding/base64"
	"errors"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/redis/rueidis"

	"parley/socketio"
)

const (
	// maxPID bounds what a client may have for a key.
	maxPID = 64
	// evictionTimeout is how long to wait for the other nodes when a session is not there: one of them may still have its socket.
	evictionTimeout = 300 * time.Millisecond
	// A session that has missed more than maxRanges times rangeCount entries is not recovered.
	maxRanges  = 100
	rangeCount = 500
)

var errNotRecoverable = errors.New("redis: not recoverable")

// wireSession is a session as Node stores it. Offset is ours.
type wireSession struct {
	SID    string         `json:"sid"`
	PID    string         `json:"pid"`
	Rooms  names          `json:"rooms"`
	Data   jsontext.Value `json:"data,omitzero"`
	Offset string         `json:"offset,omitzero"`
}

// missed is what a session has missed up to a place in the stream. What came after it is in the log.
type missed struct {
	entries []recentEntry
	until   streamID
}

// Offset implements socketio.Adapter.
func (a *orderedAdapter) Offset() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.at().String()
}

// PersistSession implements socketio.Adapter.
func (a *orderedAdapter) PersistSession(s socketio.RecoverySession) {
	a.mu.Lock()
	hole := a.hole
	a.mu.Unlock()
	if hole {
		return
	}
	body, err := encodeSession(s)
	if err != nil {
		a.bus.o.OnError(err)
		return
	}
	c := a.bus.o.Client
	cmd := c.B().Set().Key(a.bus.o.SessionKeyPrefix + s.PID).Value(body).Px(a.recovery.MaxDisconnection).Build()
	if !a.bus.outbox.add(outgoing{cmd: cmd}, len(body)) {
		a.bus.o.OnError(ErrQueueFull)
	}
}

func encodeSession(s socketio.RecoverySession) (string, error) {
	w := wireSession{SID: s.SID, PID: s.PID, Rooms: s.Rooms, Offset: s.Offset}
	if s.Data == nil {
		s.Data = struct{}{} // as in Node, whose applications look into it without asking
	}
	data, attachments, err := socketio.EncodeValue(s.Data)
	if err != nil {
		return "", err
	}
	w.Data = data
	packed, err := encodePacked(w, attachments)
	return base64.StdEncoding.EncodeToString(packed), err
}

func decodeSession(text string) (*socketio.RecoverySession, error) {
	body, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, errors.Join(ErrMalformed, err)
	}
	var w wireSession
	attachments, err := decode(body, &w)
	if err != nil {
		return nil, err
	}
	s := &socketio.RecoverySession{SID: w.SID, PID: w.PID, Rooms: w.Rooms, Offset: w.Offset}
	if len(w.Data) > 0 {
		err = socketio.DecodeValue(w.Data, attachments, &s.Data)
	}
	if err != nil || s.SID == "" {
		return nil, errors.Join(ErrMalformed, err)
	}
	return s, nil
}

// RestoreSession implements socketio.Adapter.
func (a *orderedAdapter) RestoreSession(pid, offset string) (*socketio.RecoverySession, bool) {
	if len(pid) > maxPID {
		return nil, false
	}
	ctx, cancel := context.WithTimeout(context.Background(), a.bus.o.RequestsTimeout)
	defer cancel()
	s, err := a.takeSession(ctx, pid)
	if err == nil {
		if offset != "" {
			s.Offset = offset // Node's sessions have none, and its clients know none before their first packet
		}
		s.Adapter, err = a.missedSince(ctx, s.Offset, s.Rooms)
	}
	if err != nil && !errors.Is(err, errNotRecoverable) {
		a.bus.o.OnError(err)
	}
	return s, err == nil
}

// takeSession takes a session out of Redis. The other nodes are asked to end its socket if it is not there yet.
func (a *orderedAdapter) takeSession(ctx context.Context, pid string) (*socketio.RecoverySession, error) {
	key := a.bus.o.SessionKeyPrefix + pid
	take := func() (string, error) {
		return a.bus.o.Client.Do(ctx, a.bus.o.Client.B().Getdel().Key(key).Build()).ToString()
	}
	text, err := take()
	if rueidis.IsRedisNil(err) && a.bus.evictElsewhere(ctx, pid) {
		text, err = take()
	}
	if rueidis.IsRedisNil(err) {
		return nil, errNotRecoverable
	}
	if err != nil {
		return nil, err
	}
	s, err := decodeSession(text)
	if err == nil && s.PID != pid {
		err = ErrMalformed
	}
	return s, err
}

// missedSince finds what a socket with these rooms has missed. It waits until this node has delivered what the socket already has.
func (a *orderedAdapter) missedSince(ctx context.Context, offset string, rooms []string) (*missed, error) {
	from, ok := parseStreamID(offset)
	if !ok {
		return nil, errNotRecoverable
	}
	for {
		a.mu.Lock()
		hole, at, known := a.hole || a.closed, a.at(), a.log.reaches(from)
		a.mu.Unlock()
		switch {
		case hole:
			return nil, errNotRecoverable
		case from.after(at):
		case known:
			return &missed{until: from}, nil
		default:
			return a.readSince(ctx, from, rooms)
		}
		select {
		case <-time.After(time.Millisecond):
		case <-ctx.Done():
			return nil, errNotRecoverable // it has been further than the stream is
		}
	}
}

// readSince reads the stream from a place that must still be in it.
func (a *orderedAdapter) readSince(ctx context.Context, from streamID, rooms []string) (*missed, error) {
	if err := a.checkPlace(ctx, from); err != nil {
		return nil, err
	}
	m := &missed{until: from}
	for range maxRanges {
		entries, err := a.readRange(ctx, m, rooms, "+")
		if err != nil || entries < rangeCount {
			return m, err
		}
	}
	return nil, errNotRecoverable
}

// checkPlace fails when something after a place may be gone.
func (a *orderedAdapter) checkPlace(ctx context.Context, from streamID) error {
	o := &a.bus.o
	if from == (streamID{}) { // the socket connected when there was nothing
		info, err := streamInfo(ctx, o.Client, a.bus.stream)
		if err == nil && info.added != info.length {
			err = errNotRecoverable
		}
		return err
	}
	id := from.String()
	found, err := o.Client.Do(ctx, o.Client.B().Xrange().Key(a.bus.stream).Start(id).End(id).Build()).AsXRange()
	if err == nil && len(found) == 0 {
		err = errNotRecoverable
	}
	if err == nil && a.bus.stray != "" { // what Node writes there cannot be put in order
		start := from.next().String()
		found, err = o.Client.Do(ctx, o.Client.B().Xrange().Key(a.bus.stray).Start(start).End("+").Count(1).Build()).AsXRange()
		if err == nil && len(found) > 0 {
			err = errNotRecoverable
		}
	}
	return err
}

// readRange adds what the stream has next, and returns how many entries it has read.
func (a *orderedAdapter) readRange(ctx context.Context, m *missed, rooms []string, end string) (int, error) {
	c := a.bus.o.Client
	cmd := c.B().Xrange().Key(a.bus.stream).Start(m.until.next().String()).End(end).Count(rangeCount).Build()
	found, err := c.Do(ctx, cmd).AsXRange()
	if err != nil {
		return 0, err
	}
	for _, e := range found {
		id, ok := parseStreamID(e.ID)
		if !ok {
			return 0, ErrMalformed
		}
		m.until = id
		if e.FieldValues["nsp"] != a.bus.ns.Name() {
			continue
		}
		if e.FieldValues["type"] == entryHole {
			return 0, errNotRecoverable
		}
		msg, err := decodeEntry(e.FieldValues, a.bus.ns.Name(), a.Awaits)
		if err != nil || msg == nil || msg.Type != socketio.ClusterBroadcast || msg.RequestID != "" {
			continue // what was malformed was delivered to nobody
		}
		if socketio.Recoverable(msg.Packet, msg.Flags) && msg.Target.Reaches(rooms) {
			m.entries = append(m.entries, recentEntry{id, msg.Packet.WithOffset(e.ID), msg.Target})
		}
	}
	return len(found), nil
}

// Resume implements socketio.Adapter.
func (a *orderedAdapter) Resume(s *socketio.Socket, r *socketio.RecoverySession) {
	m, ok := r.Adapter.(*missed)
	if !ok {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.hole || !a.log.reaches(m.until) {
		if err := a.readRest(m, r.Rooms); err != nil { // it has been promised
			a.bus.tell(err)
			s.Session().Terminate()
			return
		}
	}
	at := a.at()
	var packets []*socketio.Packet
	for _, e := range m.entries {
		if !e.id.after(at) { // the others come to it as to everybody
			packets = append(packets, e.packet)
		}
	}
	for _, e := range a.log.after(m.until, r.Rooms) {
		packets = append(packets, e.packet)
	}
	a.Add(s, r.Rooms...)
	s.Replay(packets)
}

// readRest reads what was delivered after m.until, which the log does not have. It is rare: everybody waits.
func (a *orderedAdapter) readRest(m *missed, rooms []string) error {
	at := a.at()
	if !at.after(m.until) {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), a.bus.o.RequestsTimeout)
	defer cancel()
	for range maxRanges {
		if n, err := a.readRange(ctx, m, rooms, at.String()); err != nil || n < rangeCount {
			m.until = at
			return err
		}
	}
	return errNotRecoverable
}
