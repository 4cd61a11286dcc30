package engineio

import (
	"errors"
	"io"
	"net"
	"os"
	"time"
)

// What is special to a connection that is not a socket of our own: it has a goroutine that reads, and each write, which may wait,
// is made by a goroutine that exists only as long as something is queued.

var errTimeout = os.ErrDeadlineExceeded

func writeWithin(conn net.Conn, p []byte, limit time.Duration) (int, error) {
	_ = conn.SetWriteDeadline(time.Now().Add(limit))
	n, err := conn.Write(p)
	_ = conn.SetWriteDeadline(time.Time{})
	return n, err
}

func (ws *wsLink) startStream(response []byte) bool {
	if len(response) == 0 { // an upgrade by WebTransport has been answered already
		go ws.readLoop()
		return true
	}
	if _, err := writeWithin(ws.conn, response, ws.s.srv.opts.WriteTimeout); err != nil {
		_ = ws.conn.Close()
		ws.s.srv.readers.Done()
		return false
	}
	go ws.readLoop()
	return true
}

// readLoop runs until the connection ends.
func (ws *wsLink) readLoop() {
	defer ws.s.srv.readers.Done()
	early := ws.early
	ws.early = nil
	err := ws.feed(early)
	if err == nil {
		err = ws.readStream()
	}
	if ws.finished(err) && ws.stream == nil {
		// What a misbehaving client still sends is discarded for a moment, so that it gets to read the close frame.
		ws.awaitPeer(lingerTimeout / 4)
		_, _ = io.CopyN(io.Discard, ws.conn, maxDiscard)
	}
	ws.s.mu.Lock()
	ws.over()
	ws.s.mu.Unlock()
	ws.goodbye.Wait()
	_ = ws.conn.Close()
}

func (ws *wsLink) readStream() error {
	buf := make([]byte, 4<<10)
	for {
		n, err := ws.conn.Read(buf)
		if ferr := ws.feed(buf[:n]); ferr != nil {
			return ferr
		}
		if err != nil {
			return err
		}
	}
}

// sayGoodbye sends a close frame if the connection takes it, and waits for the peer's.
func (ws *wsLink) sayGoodbye(status closeCode) {
	defer ws.goodbye.Done()
	if ws.stream != nil { // there is no frame for it: the session's end says it
		_ = ws.conn.Close()
		return
	}
	_, _ = writeWithin(ws.conn, closeFrame(status).frame(), patience) // the connection ends in any case
	ws.awaitPeer(lingerTimeout)
}

// writeStream hands the queue to a goroutine that writes until nothing is left. Called with the session's mutex held.
func (ws *wsLink) writeStream(s *Session) {
	s.behind = true
	s.srv.background.Add(1)
	go s.drain(ws)
}

func (s *Session) drain(ws *wsLink) {
	defer s.srv.background.Done()
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.queue) > 0 && !ws.closed {
		chunk, n, counted := s.nextChunk(ws)
		s.mu.Unlock()
		sent, err := writeWithin(ws.conn, chunk, s.srv.opts.WriteTimeout)
		if t := s.srv.opts.Trace; t.Flushed != nil {
			t.Flushed(n, sent)
		}
		s.mu.Lock()
		s.written(counted)
		if err != nil {
			ws.broken(s, err)
			return
		}
	}
	s.behind = false
	if s.state == stateEnding && !ws.closed {
		ws.linger(s)
	}
}

// nextChunk takes the head of the queue for a write that may take its time. What it takes stays in s.bytes until it is written.
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

// written takes off s.bytes what nextChunk has left there.
func (s *Session) written(counted int) {
	s.bytes = max(s.bytes-counted, 0) // the queue may have been dropped meanwhile
	s.settle()
}

func nilIfEOF(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, errStopped) {
		return nil
	}
	return err
}
