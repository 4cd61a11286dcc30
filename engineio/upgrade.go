package engineio

import "time"

// noopInterval is how often a poll that is being held is released while an upgrade is under way. Once is not enough: a poll
// that arrives just after would be held until the next ping, and the client waits for it before it upgrades. The first release
// comes after an interval too, as in Node: most polls end by themselves, with a message.
const noopInterval = 100 * time.Millisecond

// onProbe handles the packets of a WebSocket that wants to take over from polling.
func (ws *wsLink) onProbe(p incoming) error {
	s := ws.s
	switch {
	case p.kind == PacketPing && string(p.data) == "probe":
		s.mu.Lock()
		open := s.state == stateOpen && s.probe == ws
		ws.answered = open
		s.mu.Unlock()
		if !open {
			return errStopped
		}
		if ws.writeNow(ws.encode(newPacket(PacketPong, "probe"))) != nil {
			return errStopped
		}
		time.AfterFunc(noopInterval, func() { s.releasePolls(ws) })
		return nil
	case p.kind == PacketUpgrade:
		return s.completeUpgrade(ws)
	default:
		return errStopped
	}
}

// releasePolls answers a held poll with a noop, again and again until the upgrade is over.
func (s *Session) releasePolls(ws *wsLink) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.probe != ws || s.state != stateOpen {
		return
	}
	if p, ok := s.link.(*pollLink); ok && p.waiting != nil {
		p.respond([]*Message{noopPacket})
	}
	time.AfterFunc(noopInterval, func() { s.releasePolls(ws) })
}

// completeUpgrade makes the WebSocket the session's transport. What was queued meanwhile follows on it.
func (s *Session) completeUpgrade(ws *wsLink) error {
	s.mu.Lock()
	if s.probe != ws || s.state == stateClosed {
		s.mu.Unlock()
		return errStopped
	}
	s.probe = nil
	if p, ok := s.link.(*pollLink); ok {
		p.retired = true
		if p.waiting != nil {
			p.respond(nil) // a client that upgrades has stopped polling
		}
	}
	ws.probing = false
	ws.silence()
	s.link = ws
	if s.state == stateEnding { // closed while it was upgrading
		ws.end(s, ending{graceful: true, status: closeNormal})
		s.mu.Unlock()
		return nil
	}
	ws.wake(s)
	s.mu.Unlock()
	if t := s.srv.opts.Trace; t.Upgraded != nil {
		t.Upgraded(s)
	}
	return nil
}

// beginUpgrade registers the WebSocket that asked for a session's place, and reports whether it may try.
func (s *Session) beginUpgrade(ws *wsLink) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, polling := s.link.(*pollLink); !polling || s.probe != nil || s.state != stateOpen {
		return false
	}
	s.probe = ws
	ws.alarm = time.AfterFunc(s.srv.opts.UpgradeTimeout, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.probe == ws {
			s.probe = nil
			ws.abandon()
		}
	})
	return true
}
