package engineio

import (
	"bytes"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"slices"
	"time"
)

// The WebTransport transport, apart from HTTP/3, which package engineio/webtransport has: here it is a stream of bytes with packets.
// It is read and written like a WebSocket that is not a socket of our own (wsstream.go).

// AdmitWebTransport decides on the request that opens a WebTransport session, before it is answered; nil admits it. AllowRequest is
// asked later: the request does not say whether it is for a new session of ours.
func (srv *Server) AdmitWebTransport(r *http.Request) *Refusal {
	if !slices.Contains(srv.opts.Transports, WebTransport) {
		return srv.refused(r, &Refusal{Code: CodeUnknownTransport, Detail: "transport " + WebTransport})
	}
	if eio := r.URL.Query().Get("EIO"); eio != "" && eioOf(eio) != 4 {
		return srv.refused(r, &Refusal{Code: CodeUnsupportedProtocolVersion})
	}
	return nil
}

func (srv *Server) refused(r *http.Request, why *Refusal) *Refusal {
	if t := srv.opts.Trace; t.Refused != nil {
		t.Refused(r, why)
	}
	return why
}

// ServeWebTransport takes over the first bidirectional stream of a WebTransport session that AdmitWebTransport has admitted: a new
// session of ours, or the upgrade of one. Closing conn must end the WebTransport session. It returns when the client has said which of
// the two it wants; an error, such as a [*Refusal], means that it gets neither, and that the WebTransport session is to be ended.
func (srv *Server) ServeWebTransport(r *http.Request, conn net.Conn) error {
	first := &firstPacket{limits: streamLimits{maxPayload: maxHandshake}}
	early, err := first.read(conn, srv.opts.UpgradeTimeout)
	if err != nil {
		return err
	}
	if first.sid == "" {
		if why := srv.admit(r, "4"); why != nil {
			return srv.refused(r, why)
		}
		srv.openWebTransport(r, conn, early)
		return nil
	}
	s := srv.Session(first.sid)
	switch {
	case s == nil:
		return srv.refused(r, &Refusal{Code: CodeUnknownSID})
	case s.handshake.EIO != 4:
		return srv.refused(r, &Refusal{Code: CodeBadRequest, Detail: "protocol revision differs from the session's"})
	case srv.opts.DisallowUpgrades:
		return srv.refused(r, &Refusal{Code: CodeBadRequest, Detail: "upgrades are not allowed"})
	}
	ws := srv.newStreamLink(conn, s)
	ws.probing = true
	if !s.beginUpgrade(ws) {
		return srv.refused(r, &Refusal{Code: CodeBadRequest, Detail: "the session has another transport"})
	}
	ws.start(nil, early)
	return nil
}

func (srv *Server) newStreamLink(conn net.Conn, s *Session) *wsLink {
	return &wsLink{s: s, conn: conn, stream: &streamReader{limits: streamLimits{maxPayload: uint64(srv.opts.MaxPayload)}}}
}

func (srv *Server) openWebTransport(r *http.Request, conn net.Conn, early []byte) {
	s := srv.newSession(r, 4)
	ws := srv.newStreamLink(conn, s)
	s.link = ws
	s.dirty = true // holds the shard off: nothing may overtake the handshake
	srv.open(s)
	if !ws.start(ws.encode(srv.openPacket(s, WebTransport)), early) {
		s.fail(ending{status: closeNormal}, ReasonTransportError, errNoHandshake)
		return
	}
	s.release(ws)
}

// maxHandshake bounds the packet that begins a stream.
const maxHandshake = 256

var errNoOpenPacket = errors.New("engineio: a stream does not begin as a handshake or an upgrade")

// firstPacket is what a stream begins with: an open packet, with the session's id if it is to be upgraded.
type firstPacket struct {
	limits streamLimits
	sid    string
}

// read reads the packet, and returns what has come after it.
func (f *firstPacket) read(conn net.Conn, limit time.Duration) (early []byte, err error) {
	_ = conn.SetReadDeadline(time.Now().Add(limit))
	var all []byte
	buf := make([]byte, maxHandshake)
	for {
		n, err := conn.Read(buf)
		all = append(all, buf[:n]...)
		size, isBinary, header, perr := parseStreamHeader(all, f.limits)
		switch {
		case perr != nil:
			return nil, perr
		case header > 0 && len(all) >= header+size:
			if !f.parse(isBinary, all[header:header+size]) {
				return nil, errNoOpenPacket
			}
			_ = conn.SetReadDeadline(time.Time{})
			return all[header+size:], nil
		case err != nil:
			return nil, err
		}
	}
}

func (f *firstPacket) parse(isBinary bool, packet []byte) bool {
	if isBinary || packet[0] != byte(PacketOpen) {
		return false
	}
	if len(packet) == 1 {
		return true
	}
	var body struct {
		SID string `json:"sid"`
	}
	if json.Unmarshal(packet[1:], &body) != nil || body.SID == "" {
		return false
	}
	f.sid = body.SID
	return true
}

// streamFrame is the message as it travels on a stream: its size in 1, 3 or 9 bytes, the first bit of which says whether it is binary,
// and the packet. For text that is the end of the WebSocket frame.
func (m *Message) streamFrame() []byte {
	if !m.binary {
		return m.frame()[1:]
	}
	if f := m.variants().stream; f != nil {
		return f
	}
	f := bytes.Clone(m.frame()[1:])
	f[0] |= streamBinary
	v := m.variants()
	v.stream = f
	m.other.Store(&v)
	return f
}
