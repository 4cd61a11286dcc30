package engineio

import "time"

var (
	pingPacket  = newPacket(PacketPing, "")
	noopPacket  = newPacket(PacketNoop, "")
	closePacket = newPacket(PacketClose, "")
)

// startHeartbeat arms the session's only timer. In revision 4 the server pings and waits for the pong; in revision 3 the
// client pings and the server only watches that it does. The deadline is absolute, counted from the handshake or the last sign
// of life: timers chained one after the other would each add their delay.
func (s *Session) startHeartbeat() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state != stateOpen {
		return
	}
	s.expectLife(s.handshake.Time)
	s.timer = time.AfterFunc(s.untilBeat(), s.beat)
}

// expectLife sets the deadline a full cycle after a moment at which the client was alive.
func (s *Session) expectLife(alive time.Time) {
	s.deadline = alive.Add(s.srv.opts.PingInterval + s.srv.opts.PingTimeout)
}

// untilBeat is the time until the next ping is due, or the deadline if none is.
func (s *Session) untilBeat() time.Duration {
	left := time.Until(s.deadline)
	if s.handshake.EIO == 4 && !s.awaiting {
		left -= s.srv.opts.PingTimeout
	}
	return max(left, 0)
}

func (s *Session) beat() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state != stateOpen {
		return
	}
	if s.awaiting || s.handshake.EIO == 3 {
		s.checkDeadline()
		return
	}
	s.awaiting, s.refreshed = true, false
	if len(s.queue) == 0 {
		s.queue = nil // an idle session keeps no buffer
	}
	_ = s.enqueue([]*Message{pingPacket}) // a closed session has no use for the ping
	s.timer.Reset(s.untilBeat())
}

// checkDeadline ends the session if its client has been silent for too long, and reports whether it did.
func (s *Session) checkDeadline() bool {
	left := time.Until(s.deadline)
	if left <= 0 && !s.recv.TryLock() {
		// The handler is at work on an earlier packet, so the pong may be waiting unread behind it.
		left = s.srv.opts.PingTimeout
		s.deadline = s.deadline.Add(left)
	} else if left <= 0 {
		s.recv.Unlock()
		s.endLocked(ending{status: closeNormal}, ReasonPingTimeout, nil, true)
		return true
	}
	s.timer.Reset(left)
	return false
}

// endIfOverdue ends the session at its deadline although the timer has not been served yet: a busy machine wakes a request as
// late as a timer, and in any order.
func (s *Session) endIfOverdue() {
	if s.state == stateOpen && !time.Now().Before(s.deadline) {
		s.checkDeadline()
	}
}

// overdue is endIfOverdue for who does not hold the lock; it reports whether the session has ended because of it.
func (s *Session) overdue() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	wasOpen := s.state == stateOpen
	s.endIfOverdue()
	return wasOpen && s.state != stateOpen
}

// heartbeat handles a ping or pong and reports whether the client was entitled to send it.
func (s *Session) heartbeat(p incoming) bool {
	if s.handshake.EIO == 3 {
		if p.kind != PacketPing {
			return false
		}
		s.expectLife(time.Now())
		s.timer.Reset(s.untilBeat())
		_ = s.enqueue([]*Message{newPacket(PacketPong, string(p.data))}) // a closed session has no use for the pong
		return true
	}
	if p.kind != PacketPong {
		return false
	}
	if s.awaiting {
		s.awaiting = false
		s.expectLife(time.Now())
		s.timer.Reset(s.untilBeat())
	}
	return true
}

// extendPongDeadline gives a client that is evidently alive one more interval for its pong, once per ping.
func (s *Session) extendPongDeadline() {
	if s.awaiting && !s.refreshed {
		s.refreshed = true
		s.deadline = time.Now().Add(s.srv.opts.PingTimeout)
		s.timer.Reset(s.srv.opts.PingTimeout)
	}
}
