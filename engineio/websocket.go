package engineio

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"sync"
	"syscall"
	"time"
)

const (
	readBufferSize = 8 << 10
	// lingerTimeout is how long the peer has for its half of the closing handshake.
	lingerTimeout = 2 * time.Second
)

var readBuffers = sync.Pool{New: func() any { b := make([]byte, readBufferSize); return &b }}

// wsLink is the WebSocket transport. closed and the session's link are guarded by the session's mutex; the reader's fields
// belong to the reader goroutine.
type wsLink struct {
	conn    net.Conn
	raw     syscall.RawConn // nil when the connection is not a plain socket (TLS, HTTP/2, a pipe)
	s       *Session
	kind    string
	limits  frameLimits
	deflate int // messages from this size on are compressed; 0 means none

	closed   bool
	probing  bool           // an upgrade that the client has not completed
	answered bool           // its probe has been answered: the client has stopped polling, or is about to
	goodbye  sync.WaitGroup // the goroutine that sends a last close frame

	frames  frameReader
	readErr error
}

func newWSLink(conn net.Conn, s *Session, deflate int) *wsLink {
	o := &s.srv.opts
	ws := &wsLink{
		conn: conn, s: s, kind: WebSocket, deflate: deflate,
		limits: frameLimits{maxPayload: o.MaxPayload, maxFragments: o.MaxFragments, deflate: deflate > 0},
	}
	if sc, ok := conn.(*net.TCPConn); ok {
		ws.raw, _ = sc.SyscallConn() // fails only on a closed connection, which the reader will find out
	}
	return ws
}

func (ws *wsLink) name() string { return ws.kind }

func (ws *wsLink) writable(s *Session) bool { return !s.behind && !ws.closed }

func (ws *wsLink) wake(s *Session) {
	if !s.dirty && !s.behind {
		s.dirty = true
		s.shard.add(s)
	}
}

func (ws *wsLink) encode(m *Message) []byte {
	if m.binary && ws.s.handshake.EIO == 3 {
		return m.frameV3()
	}
	if ws.deflate > 0 && m.Len() >= ws.deflate {
		return m.deflatedFrame()
	}
	return m.frame()
}

// end starts the closing handshake. A graceful one goes out behind the queue.
func (ws *wsLink) end(s *Session, how ending) {
	if !how.graceful {
		ws.closed = true
		ws.goodbye.Add(1)
		go ws.sayGoodbye(how.status)
		return
	}
	m := closeFrame(how.status)
	s.queue = append(s.queue, m)
	s.bytes += m.Len()
	ws.wake(s)
}

// sayGoodbye sends a close frame if the socket takes it, and closes.
func (ws *wsLink) sayGoodbye(status closeCode) {
	defer ws.goodbye.Done()
	_ = ws.conn.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
	_, _ = ws.conn.Write(closeFrame(status).frame())
	ws.awaitPeer()
}

// linger is called when the close frame has been written: the session is over, the socket waits for the peer's half.
func (ws *wsLink) linger(s *Session) {
	ws.closed = true
	s.ended()
	ws.awaitPeer()
}

// awaitPeer lets the reader wait for the peer's close frame for a while. Closing at once, with bytes unread, would reset the
// connection and could take the last messages with it.
func (ws *wsLink) awaitPeer() {
	_ = ws.conn.SetReadDeadline(time.Now().Add(lingerTimeout))
}

// abandon gives up the WebSocket of an upgrade that did not complete. It does not wait: closing waits for the reader to let go of
// the socket, and the reader may be waiting for the session's mutex, which the caller holds.
func (ws *wsLink) abandon() {
	ws.s.srv.background.Add(1)
	go func() {
		defer ws.s.srv.background.Done()
		_ = ws.conn.Close()
	}()
}

func closeFrame(status closeCode) *Message {
	buf := make([]byte, frameHeadroom, frameHeadroom+2)
	if status != closeNoStatus {
		buf = binary.BigEndian.AppendUint16(buf, uint16(status))
	}
	return &Message{buf: buf, binary: true, start: putFrameHeader(buf, finBit|opClose, len(buf)-frameHeadroom)}
}

func controlFrame(opcode byte, payload []byte) *Message {
	buf := append(make([]byte, frameHeadroom, frameHeadroom+len(payload)), payload...)
	return &Message{buf: buf, binary: true, start: putFrameHeader(buf, finBit|opcode, len(payload))}
}

// broken handles a failed write.
func (ws *wsLink) broken(s *Session, err error) {
	s.mu.Lock()
	ws.closed = true
	s.ended()
	s.mu.Unlock()
	_ = ws.conn.Close() // wakes the reader, which reports the end
	s.fail(ending{status: closeNormal}, writeReason(err), err)
}

func writeReason(err error) Reason {
	if errors.Is(err, errTimeout) {
		return ReasonWriteTimeout
	}
	return ReasonTransportError
}

// readLoop runs until the connection ends. early holds bytes that came together with the upgrade request.
func (ws *wsLink) readLoop(early []byte) {
	defer ws.s.srv.readers.Done()
	err := ws.feed(early)
	if err == nil {
		if ws.raw != nil {
			err = ws.readRaw()
		} else {
			err = ws.readStream()
		}
	}
	ws.finished(err)
}

// readRaw waits for readability before it takes a buffer, so that an idle connection holds none. It stays inside one
// RawConn.Read: leaving and entering again would reset the poller and cost a read that finds nothing.
func (ws *wsLink) readRaw() error {
	if err := ws.raw.Read(ws.readable); err != nil {
		return err
	}
	return ws.readErr
}

func (ws *wsLink) readable(fd uintptr) bool {
	bp := readBuffers.Get().(*[]byte)
	defer readBuffers.Put(bp)
	for {
		n, err := syscall.Read(int(fd), *bp)
		switch {
		case errors.Is(err, syscall.EAGAIN):
			return false
		case errors.Is(err, syscall.EINTR):
			continue
		case err != nil:
			ws.readErr = err
			return true
		case n == 0:
			ws.readErr = io.EOF
			return true
		}
		if err := ws.feed((*bp)[:n]); err != nil {
			ws.readErr = err
			return true
		}
	}
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

func (ws *wsLink) feed(p []byte) error { return ws.frames.feed(p, &ws.limits, ws) }

// finished reports the end of the connection to the session, with the reason that fits. The WebSocket of an upgrade that did
// not come about ends alone: the session goes on polling.
func (ws *wsLink) finished(err error) {
	s := ws.s
	s.mu.Lock()
	mine := s.link == transport(ws)
	if s.probe == ws {
		s.probe = nil
	}
	s.mu.Unlock()
	if mine {
		ws.reportEnd(err)
	}
	ws.goodbye.Wait()
	_ = ws.conn.Close()
}

func (ws *wsLink) reportEnd(err error) {
	s := ws.s
	var fe *frameError
	if errors.As(err, &fe) {
		s.fail(ending{status: fe.status}, fe.reason, err)
		ws.drainPeer()
	} else {
		s.fail(ending{status: closeNormal}, ReasonTransportClose, nilIfEOF(err))
	}
	s.mu.Lock()
	ws.closed = true
	s.ended()
	s.mu.Unlock()
}

// drainPeer discards what a misbehaving client still sends, for a moment, so that it gets to read the close frame.
func (ws *wsLink) drainPeer() {
	_ = ws.conn.SetReadDeadline(time.Now().Add(lingerTimeout / 4))
	_, _ = io.CopyN(io.Discard, ws.conn, 1<<20)
}

func nilIfEOF(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, errStopped) {
		return nil
	}
	return err
}

// onMessage implements frameSink.
func (ws *wsLink) onMessage(isBinary bool, data []byte) error {
	p := incoming{kind: PacketMessage, binary: isBinary, data: data}
	if !isBinary {
		var err error
		if p, err = decodePacket(data); err != nil {
			return &frameError{status: closeBadData, reason: ReasonParseError, text: "malformed packet"}
		}
	} else if ws.s.handshake.EIO == 3 {
		if len(data) == 0 || data[0] > 6 {
			return &frameError{status: closeBadData, reason: ReasonParseError, text: "malformed packet"}
		}
		p.kind, p.data = PacketType('0'+data[0]), data[1:]
	}
	if ws.probing {
		return ws.onProbe(p)
	}
	if !ws.s.receive(p) {
		return ws.lingering()
	}
	return nil
}

// lingering keeps the reader going while a graceful end is under way, so that the peer's close frame is read.
func (ws *wsLink) lingering() error {
	ws.s.mu.Lock()
	defer ws.s.mu.Unlock()
	if ws.s.state == stateEnding {
		return nil
	}
	return errStopped
}

// onControl implements frameSink.
func (ws *wsLink) onControl(opcode byte, payload []byte) error {
	switch opcode {
	case opPing:
		_ = ws.s.Send(controlFrame(opPong, payload)) // a closed session owes no pong
	case opClose:
		status := closeNoStatus
		if len(payload) >= 2 {
			status = closeCode(binary.BigEndian.Uint16(payload))
		}
		ws.s.mu.Lock()
		mine := !ws.closed
		ws.closed = true
		ws.s.mu.Unlock()
		if mine {
			_ = ws.conn.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
			_, _ = ws.conn.Write(closeFrame(status).frame())
		}
		return errStopped
	}
	return nil
}
