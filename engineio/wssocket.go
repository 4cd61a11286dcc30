package engineio

import (
	"errors"
	"time"
)

// What is special to a socket of our own: it has no goroutine and no buffer. The shard's workers read it when something has arrived,
// and write to it as much as it takes.

// maxDiscard is how many bytes of a misbehaving client are thrown away, so that it gets to read the close frame.
const maxDiscard = 1 << 20

func (ws *wsLink) startSocket(response []byte) bool {
	if ws.writeNow(response) == nil && ws.s.shard.watch(ws) == nil {
		return true
	}
	ws.closeSocket()
	return false
}

var errNoRoom = errors.New("engineio: the socket does not take what opens the connection")

// writeNow writes what nothing can be in the way of, because nothing else has been written.
func (ws *wsLink) writeNow(p []byte) error {
	if ws.conn != nil {
		_, err := writeWithin(ws.conn, p, ws.s.srv.opts.WriteTimeout)
		return err
	}
	n, err := ws.sock.write(p)
	if err == nil && n < len(p) {
		err = errNoRoom
	}
	return err
}

// readState says what is to be done with a link that has been read.
type readState uint8

const (
	readAll  readState = iota // there was nothing
	readSome                  // that was all, unless the peer has ended
	readFull                  // there may be more
	readOver                  // the link must not be touched any more
)

// serve reads once, and handles what has come.
func (ws *wsLink) serve(buf []byte) readState {
	p := ws.early
	ws.early = nil
	state := readSome
	var err error
	if len(p) == 0 {
		var n int
		n, err = ws.sock.read(buf)
		if errors.Is(err, errAgain) {
			return readAll
		}
		if p = buf[:n]; n == len(buf) {
			state = readFull
		}
	}
	switch {
	case ws.discard > 0:
		if ws.discard -= len(p); ws.discard <= 0 && err == nil {
			err = errTooBig
		}
	case err == nil:
		if err = ws.feed(p); err != nil && ws.finished(err) {
			ws.s.mu.Lock()
			ws.awaitPeer(lingerTimeout / 4)
			ws.s.mu.Unlock()
			ws.discard, err = maxDiscard, nil
		}
	default:
		ws.finished(err)
	}
	if err != nil {
		ws.closeSocket()
		return readOver
	}
	return state
}

// closeSocket is called by who reads.
func (ws *wsLink) closeSocket() {
	ws.s.mu.Lock()
	defer ws.s.mu.Unlock()
	ws.over()
	ws.silence()
	ws.gone = true
	if !ws.writing {
		ws.release()
	}
}

// release gives the descriptor back, which nobody may use any more. Called with the session's mutex held.
func (ws *wsLink) release() {
	ws.s.shard.forget(ws)
	ws.sock.close()
	ws.s.srv.readers.Done()
}

// sayFarewell sends a close frame, unless a frame has been begun that will never be completed. Called with the session's mutex held.
func (ws *wsLink) sayFarewell(status closeCode) {
	switch {
	case ws.gone || len(ws.rest) > 0:
	case ws.writing:
		ws.farewell = status
	case ws.flushNow():
		_, _ = ws.sock.write(closeFrame(status).frame()) // the connection ends in any case
	}
}

// flushNow writes what is queued, if the socket takes it at once, and reports whether it did: a client that says good-bye gets the
// answers that are due first. Called with the session's mutex held.
func (ws *wsLink) flushNow() bool {
	if ws.s.link != transport(ws) { // what is queued goes another way
		return true
	}
	var chunk []byte
	for _, m := range ws.s.queue {
		chunk = append(chunk, ws.encode(m)...)
	}
	if len(chunk) == 0 {
		return true
	}
	n, err := ws.sock.write(chunk)
	return err == nil && n == len(chunk)
}

// setAlarm limits how long the socket may be full, or linger. Called with the session's mutex held.
func (ws *wsLink) setAlarm(d time.Duration) {
	ws.silence()
	if ws.gone {
		return
	}
	var alarm *time.Timer
	alarm = time.AfterFunc(d, func() { ws.alarmed(&alarm) })
	ws.alarm = alarm
}

func (ws *wsLink) silence() {
	if ws.alarm != nil {
		ws.alarm.Stop()
		ws.alarm = nil
	}
}

// alarmed ends a connection whose time is over. A timer that was replaced just before is not meant.
func (ws *wsLink) alarmed(alarm **time.Timer) {
	s := ws.s
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case ws.alarm != *alarm || ws.gone:
	case s.behind && !ws.closed:
		ws.broken(s, errTimeout)
	default:
		ws.abandon()
	}
}

// flush writes all that a session has queued, as far as its socket takes it.
func (sh *shard) flush(s *Session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dirty = false
	ws, ok := s.link.(*wsLink)
	if !ok {
		return
	}
	if ws.conn != nil {
		if len(s.queue) > 0 && !s.behind && !ws.closed {
			ws.writeStream(s)
		}
		return
	}
	for !ws.closed && (len(ws.rest) > 0 || len(s.queue) > 0) {
		if !sh.flushOnce(s, ws) {
			return
		}
	}
	if s.behind && !ws.closed {
		s.behind, ws.rest = false, nil
		ws.silence()
		_ = sh.poller.wantWrite(ws.sock, false) // it would only be told too often
	}
}

// flushOnce makes one write, and reports whether it took everything.
func (sh *shard) flushOnce(s *Session, ws *wsLink) bool {
	chunk, n := ws.rest, 0
	if len(chunk) == 0 {
		chunk, n = sh.gather(s, ws)
	}
	last := len(s.queue) == 0 && s.state == stateEnding
	ws.writing = true
	s.mu.Unlock()
	sent, err := ws.sock.write(chunk)
	if f := sh.srv.opts.Trace.Flushed; f != nil {
		f(n, sent)
	}
	s.mu.Lock()
	ws.writing = false
	if n == 0 {
		s.written(sent)
		ws.rest = chunk[sent:]
	}
	complete := err == nil && sent == len(chunk)
	switch {
	case ws.closed: // meanwhile
		ws.rest = nil
		if complete && ws.farewell != 0 && ws.flushNow() {
			_, _ = ws.sock.write(closeFrame(ws.farewell).frame()) // the connection ends in any case
		}
		if ws.gone {
			ws.release()
		}
	case err != nil:
		ws.broken(s, err)
	case !complete:
		if n > 0 {
			ws.rest = append([]byte(nil), chunk[sent:]...)
			s.bytes += len(ws.rest)
			s.fallBehind(ws)
		}
	case last:
		ws.linger(s)
	default:
		return true
	}
	return false
}

// fallBehind is called when the socket has not taken all of a write: the shard will be told when it takes more.
func (s *Session) fallBehind(ws *wsLink) {
	ws.setAlarm(s.srv.opts.WriteTimeout)
	if s.behind {
		return
	}
	s.behind = true
	if t := s.srv.opts.Trace; t.FellBehind != nil {
		t.FellBehind(s)
	}
	if err := s.shard.poller.wantWrite(ws.sock, true); err != nil {
		ws.broken(s, err)
	}
}

// roomAgain is called when the socket of a session that has fallen behind takes more.
func (s *Session) roomAgain() {
	if s.behind && !s.dirty {
		s.dirty = true
		s.shard.add(s)
	}
}

// gather takes messages off the queue: as many small ones as fit, concatenated, or else one, shared.
func (sh *shard) gather(s *Session, ws *wsLink) (chunk []byte, n int) {
	first := ws.encode(s.queue[0])
	if len(s.queue) == 1 || len(first) > scratchSize {
		s.take(1)
		return first, 1
	}
	chunk = sh.scratch[:0]
	for _, m := range s.queue {
		frame := ws.encode(m)
		if len(chunk)+len(frame) > scratchSize {
			break
		}
		chunk = append(chunk, frame...)
		n++
	}
	s.take(n)
	return chunk, n
}

// take removes the first n messages of the queue. A small queue keeps its slice for the next burst.
func (s *Session) take(n int) {
	for _, m := range s.queue[:n] {
		s.bytes -= m.Len()
	}
	if n < len(s.queue) {
		s.queue = append(s.queue[:0:0], s.queue[n:]...)
	} else {
		clear(s.queue)
		s.queue = s.queue[:0]
		if cap(s.queue) > 64 {
			s.queue = nil
		}
	}
	s.settle()
}
