package engineio

import (
	"os"
	"time"
)

var errTimeout = os.ErrDeadlineExceeded

// fallBehind hands a connection to a goroutine that writes rest and then the queue, waiting for the socket, until nothing is
// left. Called with the session's mutex held.
func (s *Session) fallBehind(ws *wsLink, rest []byte) {
	s.behind = true
	if t := s.srv.opts.Trace; t.FellBehind != nil && ws.raw != nil {
		t.FellBehind(s)
	}
	s.srv.background.Add(1)
	go s.drain(ws, rest)
}

func (s *Session) drain(ws *wsLink, chunk []byte) {
	defer s.srv.background.Done()
	messages, counted := 0, len(chunk) // what of s.bytes the chunk in hand accounts for
	for {
		if len(chunk) > 0 {
			_ = ws.conn.SetWriteDeadline(time.Now().Add(s.srv.opts.WriteTimeout))
			if _, err := ws.conn.Write(chunk); err != nil {
				ws.broken(s, err)
				return
			}
			if t := s.srv.opts.Trace; t.Flushed != nil {
				t.Flushed(messages, len(chunk))
			}
		}
		s.mu.Lock()
		s.bytes -= counted
		if s.bytes < 0 {
			s.bytes = 0 // the queue was dropped meanwhile
		}
		s.settle()
		if len(s.queue) == 0 || ws.closed {
			s.behind = false
			_ = ws.conn.SetWriteDeadline(time.Time{})
			if s.state == stateEnding && !ws.closed {
				ws.linger(s)
			}
			s.mu.Unlock()
			return
		}
		chunk, messages, counted = s.nextChunk(ws)
		s.mu.Unlock()
	}
}

// nextChunk takes the head of the queue for a blocking write. What it takes stays in s.bytes until it is written.
func (s *Session) nextChunk(ws *wsLink) (chunk []byte, n, counted int) {
	for _, m := range s.queue {
		if n > 0 && len(chunk)+m.Len() > scratchSize/4 {
			break
		}
		frame := ws.encode(m)
		counted += m.Len()
		if n == 0 {
			chunk = frame[:len(frame):len(frame)] // shared: appending copies
		} else {
			chunk = append(chunk, frame...)
		}
		n++
	}
	s.take(n)
	s.bytes += counted
	return chunk, n, counted
}
