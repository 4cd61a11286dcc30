package engineio

import (
	"encoding/binary"
	"errors"
	"net"
	"sync"
	"time"
)

const (
	readBufferSize = 8 << 10
	// lingerTimeout is how long the peer has for its half of the closing handshake.
	lingerTimeout = 2 * time.Second
	// patience is how long a frame that must not wait behind others may take on a stream.
	patience = 100 * time.Millisecond
	// streamLinger is how long a WebTransport session stays after its last packet has been written: ending it drops what is on its way,
	// and its client does not end it by itself.
	streamLinger = 500 * time.Millisecond
)

var readBuffers = sync.Pool{New: func() any { b := make([]byte, readBufferSize); return &b }}

// wsLink is the WebSocket transport, and, with other frames (webtransport.go), the WebTransport one. A plain TCP connection on Linux is
// a socket of our own, which the shard reads and writes (wssocket.go). Whatever else there is, TLS for example, is a stream with a
// goroutine that reads it (wsstream.go).
//
// The session's mutex guards all fields but those of the reader, and of the shard.
type wsLink struct {
	s    *Session
	conn net.Conn // of a stream; nil for a socket of our own
	sock socket

	stream *streamReader // of WebTransport; nil for a WebSocket

	deflate  int         // messages from this size on are compressed; 0 means none
	rest     []byte      // what a full socket did not take of a write
	alarm    *time.Timer // limits how long an upgrade may take, or a socket be full or linger
	farewell closeCode   // to be sent when the write that is under way has ended
	closed   bool
	probing  bool // an upgrade that the client has not completed
	answered bool // its probe has been answered: the client has stopped polling, or is about to
	writing  bool // a worker writes to the socket
	gone     bool // the socket is closed, or will be once writing ends

	// The shard's mutex guards these.
	owned  bool // a worker reads, or will
	again  bool // something has arrived meanwhile
	ending bool // the peer has ended its side

	// These belong to who reads.
	early   []byte // what came together with the handshake
	discard int    // how many bytes of a client that misbehaved are still thrown away
	frames  frameReader

	goodbye sync.WaitGroup // the goroutine that sends a stream's last close frame
}

func newWSLink(conn net.Conn, s *Session, deflate int) *wsLink {
	ws := &wsLink{conn: conn, s: s, deflate: deflate}
	if tcp, ok := conn.(*net.TCPConn); ok && s.shard.takesSockets() {
		if sock, err := takeSocket(tcp); err == nil { // or else the stream will do
			ws.sock, ws.conn = sock, nil
		}
	}
	return ws
}

func (ws *wsLink) limits() frameLimits {
	o := &ws.s.srv.opts
	return frameLimits{maxPayload: o.MaxPayload, maxFragments: o.MaxFragments, deflate: ws.deflate > 0}
}

func (ws *wsLink) name() string {
	if ws.stream != nil {
		return WebTransport
	}
	return WebSocket
}

func (ws *wsLink) writable(s *Session) bool { return !s.behind && !ws.closed }

func (ws *wsLink) wake(s *Session) {
	if !s.dirty && !s.behind {
		s.dirty = true
		s.shard.add(s)
	}
}

func (ws *wsLink) encode(m *Message) []byte {
	if ws.stream != nil {
		return m.streamFrame()
	}
	if m.binary && ws.s.handshake.EIO == 3 {
		return m.frameV3()
	}
	if ws.deflate > 0 && m.Len() >= ws.deflate {
		return m.deflatedFrame()
	}
	return m.frame()
}

// start sends the handshake's response, and has the connection read. early is what the client has sent already. While the server
// closes, the connection is counted before Close begins to wait for such, or turned away.
func (ws *wsLink) start(response, early []byte) bool {
	srv := ws.s.srv
	srv.mu.RLock()
	closed := srv.closed
	if !closed {
		srv.readers.Add(1)
	}
	srv.mu.RUnlock()
	if closed {
		ws.drop()
		return false
	}
	ws.early = early
	if ws.conn != nil {
		return ws.startStream(response)
	}
	return ws.startSocket(response)
}

// drop closes a connection that has not been started.
func (ws *wsLink) drop() {
	if ws.conn != nil {
		_ = ws.conn.Close()
		return
	}
	ws.s.mu.Lock()
	ws.silence()
	ws.gone = true
	ws.sock.close()
	ws.s.mu.Unlock()
}

// end starts the closing handshake. A graceful one goes out behind the queue.
func (ws *wsLink) end(s *Session, how ending) {
	switch {
	case how.graceful:
		m := closePacket
		if ws.stream == nil {
			m = closeFrame(how.status)
		}
		s.queue = append(s.queue, m)
		s.bytes += m.Len()
		ws.wake(s)
	case ws.conn != nil:
		ws.closed = true
		ws.goodbye.Add(1)
		go ws.sayGoodbye(how.status)
	case ws.closed: // it is ending already
	case s.behind: // the frame would wait behind what the client does not take
		ws.closed = true
		ws.abandon()
	default:
		ws.sayFarewell(how.status)
		ws.closed = true
		ws.awaitPeer(lingerTimeout)
	}
}

// linger is called when the close frame has been written: the session is over, the connection waits for the peer's half.
func (ws *wsLink) linger(s *Session) {
	ws.closed = true
	s.ended()
	ws.awaitPeer(lingerTimeout)
}

// awaitPeer lets the peer send its close frame for a while. Closing at once, with bytes unread, would reset the connection and
// could take the last messages with it.
func (ws *wsLink) awaitPeer(d time.Duration) {
	if ws.stream != nil {
		d = min(d, streamLinger)
	}
	if ws.conn != nil {
		_ = ws.conn.SetReadDeadline(time.Now().Add(d))
		return
	}
	ws.setAlarm(d)
}

// abandon gives up the connection: who reads it finds its end. It does not wait: closing a stream may wait for whoever uses it, and
// they for the session's mutex, which the caller holds.
func (ws *wsLink) abandon() {
	switch {
	case ws.conn != nil:
		ws.s.srv.background.Add(1)
		go func() {
			defer ws.s.srv.background.Done()
			_ = ws.conn.Close()
		}()
	case !ws.gone:
		ws.sock.shutdown()
	}
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

// broken handles a failed write. Called with the session's mutex held. The handler is told from another goroutine: it may be at
// work, and who writes does not wait for it.
func (ws *wsLink) broken(s *Session, err error) {
	ws.closed = true
	ws.abandon() // wakes who reads
	if !s.endLocked(ending{status: closeNormal}, writeReason(err), err, true) {
		s.ended()
	}
}

func writeReason(err error) Reason {
	if errors.Is(err, errTimeout) {
		return ReasonWriteTimeout
	}
	return ReasonTransportError
}

func (ws *wsLink) feed(p []byte) error {
	if ws.stream != nil {
		return ws.stream.feed(p, ws.onMessage)
	}
	limits := ws.limits()
	return ws.frames.feed(p, &limits, ws)
}

// finished reports the end of the connection to the session, with the reason that fits. The WebSocket of an upgrade that did not
// come about ends alone: the session goes on polling. It reports whether the client should get to read a close frame.
func (ws *wsLink) finished(err error) (misbehaved bool) {
	s := ws.s
	s.mu.Lock()
	mine := s.link == transport(ws)
	if s.probe == ws {
		s.probe = nil
		ws.silence()
	}
	s.mu.Unlock()
	if !mine {
		return false
	}
	var fe *frameError
	if errors.As(err, &fe) {
		s.fail(ending{status: fe.status}, fe.reason, err)
		return true
	}
	s.fail(ending{status: closeNormal}, ReasonTransportClose, nilIfEOF(err))
	return false
}

// over marks the connection's end, when nothing is read from it any more.
func (ws *wsLink) over() {
	if s := ws.s; s.link == transport(ws) {
		ws.closed = true
		s.ended()
	}
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

// lingering keeps the reading going while a graceful end is under way, so that the peer's close frame is read.
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
		if mine && ws.conn == nil {
			ws.sayFarewell(status)
		}
		ws.closed = true
		ws.s.mu.Unlock()
		if mine && ws.conn != nil {
			_, _ = writeWithin(ws.conn, closeFrame(status).frame(), patience) // the client may not wait for it
		}
		return errStopped
	}
	return nil
}
