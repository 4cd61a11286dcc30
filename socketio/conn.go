package socketio

import (
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"time"

	"parley/engineio"
)

// conn is one client connection with its sockets, one per namespace.
type conn struct {
	server  *Server
	session *engineio.Session
	decoder Decoder // nil with the JSON parser and no attachments under way

	mu      sync.Mutex
	first   *Socket // nearly every client has just the one
	others  map[string]*Socket
	joining int // CONNECTs whose middlewares are running
	timer   *time.Timer
	closed  bool
}

func newConn(srv *Server, s *engineio.Session) *conn {
	c := &conn{server: srv, session: s}
	c.timer = time.AfterFunc(srv.opts.ConnectTimeout, c.connectTimedOut)
	if s.Handshake().EIO == 3 { // those clients are in the main namespace from the start
		_ = c.connect("/", "", nil) // there is no payload to be wrong
	}
	return c
}

// connectTimedOut closes a connection that has joined no namespace.
func (c *conn) connectTimedOut() {
	c.mu.Lock()
	idle := c.first == nil && len(c.others) == 0
	c.mu.Unlock()
	if idle {
		c.session.Close()
	}
}

// OnMessage implements engineio.Handler.
func (c *conn) OnMessage(_ *engineio.Session, isBinary bool, data []byte) {
	p, err := c.decode(isBinary, data)
	if err == nil && p != nil {
		err = c.receive(p)
	}
	if err != nil {
		c.server.trace.badPacket(c.session, err)
		c.closeSockets(string(engineio.ReasonParseError), err)
		c.session.CloseWith(engineio.ReasonParseError)
	}
}

// decode takes the short way for a packet of the default parser that has no attachments.
func (c *conn) decode(isBinary bool, data []byte) (*Packet, error) {
	if c.decoder == nil {
		if c.server.plainJSON && !isBinary && len(data) > 0 && data[0] < '0'+byte(PacketBinaryEvent) {
			p, _, err := decodeText(data)
			return p, err
		}
		c.decoder = c.server.opts.Parser.NewDecoder()
	}
	return c.decoder.Add(isBinary, data)
}

func (c *conn) receive(p *Packet) error {
	name, query := p.Namespace, ""
	if strings.Contains(name, "?") {
		name, query, _ = strings.Cut(name, "?")
	}
	if p.Type == PacketConnect {
		return c.connect(name, query, p.Data)
	}
	s := c.socket(name)
	if s == nil {
		return c.strayPacket(p)
	}
	return s.receive(p)
}

// strayPacket handles a packet for a namespace that the client is not in. Events that were under way when the socket was
// disconnected are dropped; a client that never connected is closed.
func (c *conn) strayPacket(*Packet) error {
	c.mu.Lock()
	never := c.timer != nil && c.first == nil && c.joining == 0
	c.mu.Unlock()
	if never {
		c.session.Close()
	}
	return nil
}

func (c *conn) socket(name string) *Socket {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.first != nil && c.first.ns.name == name {
		return c.first
	}
	return c.others[name]
}

// add registers a socket that its namespace has accepted. It fails when the connection is gone or has the namespace already.
func (c *conn) add(s *Socket) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return ErrDisconnected
	}
	if c.timer != nil {
		c.timer.Stop()
		c.timer = nil
	}
	if c.first == nil {
		c.first = s
		return nil
	}
	if c.first.ns == s.ns || c.others[s.ns.name] != nil {
		return errAlreadyConnected
	}
	if c.others == nil {
		c.others = map[string]*Socket{}
	}
	c.others[s.ns.name] = s
	return nil
}

func (c *conn) remove(s *Socket) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.first == s {
		c.first = nil
	} else if c.others[s.ns.name] == s {
		delete(c.others, s.ns.name)
	}
}

func (c *conn) sockets() []*Socket {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []*Socket
	if c.first != nil {
		out = append(out, c.first)
	}
	for _, s := range c.others {
		out = append(out, s)
	}
	return out
}

var errAlreadyConnected = errors.New("socketio: already connected to the namespace")

// connect handles CONNECT. A client that is in the namespace already is answered again with the same socket's id.
func (c *conn) connect(name, query string, auth []byte) error {
	if name == "" {
		name = "/"
	}
	if s := c.socket(name); s != nil {
		return nil
	}
	if c.full() {
		return c.refuse(name, &ConnectError{Message: "Too many namespaces"})
	}
	h := &Handshake{engine: c.session.Handshake(), Time: time.Now(), query: query}
	if len(auth) > 0 && string(auth) != "{}" {
		h.Auth = append(json.RawMessage(nil), auth...)
	}
	ns := c.server.find(name, h)
	if ns == nil {
		return c.refuse(name, &ConnectError{Message: "Invalid namespace"})
	}
	c.mu.Lock()
	c.joining++
	c.mu.Unlock()
	err := ns.admit(c, h)
	c.mu.Lock()
	c.joining--
	c.mu.Unlock()
	if err != nil {
		ns.cleanUp()
		return c.refuse(name, err)
	}
	return nil
}

func (c *conn) full() bool {
	limit := c.server.opts.MaxNamespaces
	c.mu.Lock()
	defer c.mu.Unlock()
	n := len(c.others)
	if c.first != nil {
		n++
	}
	return limit > 0 && n >= limit
}

// ConnectError refuses a connection to a namespace; the client gets it as connect_error.
type ConnectError struct {
	Message string `json:"message"`
	Data    any    `json:"data,omitempty"`
}

// Error implements error.
func (e *ConnectError) Error() string { return e.Message }

func (c *conn) refuse(name string, why error) error {
	var ce *ConnectError
	if !errors.As(why, &ce) {
		ce = &ConnectError{Message: why.Error()}
	}
	var body any = ce
	if c.session.Handshake().EIO == 3 {
		if body = ce.Data; body == nil {
			body = ce.Message
		}
	}
	data, _, err := appendValue(nil, body, nil)
	if err != nil {
		data = appendString(nil, ce.Message)
	}
	p := &Packet{Type: PacketConnectError, Namespace: name, Data: data}
	_ = c.session.Send(c.server.opts.Parser.Encode(p)...) // a closed session needs no answer
	return nil
}

// disconnectAll ends every socket of the connection, and the connection.
func (c *conn) disconnectAll() {
	for _, s := range c.sockets() {
		s.Disconnect(false)
	}
	c.session.Close()
}

func (c *conn) closeSockets(reason string, err error) {
	for _, s := range c.sockets() {
		s.closed(reason, err)
	}
}

// OnClose implements engineio.Handler.
func (c *conn) OnClose(_ *engineio.Session, reason engineio.Reason, err error) {
	c.mu.Lock()
	c.closed = true
	if c.timer != nil {
		c.timer.Stop()
		c.timer = nil
	}
	c.mu.Unlock()
	c.closeSockets(string(reason), err)
}
