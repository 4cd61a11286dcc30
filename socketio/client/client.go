package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Options configures a [Client].
type Options struct {
	Namespace string      // default /
	Path      string      // default /socket.io/
	Auth      any         // the CONNECT packet's payload, encoded at each connection
	Header    http.Header // of the handshake request
	// Reconnect lets the client connect again by itself, with delays from ReconnectMin to ReconnectMax (defaults 0.5 s and 5 s).
	Reconnect    bool
	ReconnectMin time.Duration
	ReconnectMax time.Duration
	// OnConnect is called after each connection, OnDisconnect after each loss. They may be nil.
	OnConnect    func(*Client)
	OnDisconnect func(*Client, error)
	// OnEvent is called for every event, before the handlers of [Client.On]. Unlike those it misses nothing of a connection's beginning.
	OnEvent func(event string, args []json.RawMessage)
}

// Client is a connection to a namespace.
type Client struct {
	o   Options
	url *url.URL

	mu       sync.Mutex
	ws       *wsConn // nil while disconnected
	sid      string
	handlers map[string][]func(args []json.RawMessage)
	any      []func(event string, args []json.RawMessage)
	acks     map[uint64]chan []json.RawMessage
	nextID   uint64
	closed   bool
	quit     chan struct{}
	done     chan struct{}
}

// Errors of a client.
var (
	ErrDisconnected = errors.New("client: disconnected")
	ErrClosed       = errors.New("client: closed")
)

// ConnectError is the namespace's refusal: the payload of connect_error.
type ConnectError struct {
	Message string
	Data    json.RawMessage
}

// Error implements error.
func (e *ConnectError) Error() string { return "client: refused: " + e.Message }

// Dial connects to a server, http://host:port, and waits for the namespace. The first attempt is not repeated.
func Dial(ctx context.Context, server string, o Options) (*Client, error) {
	u, err := url.Parse(server)
	if err != nil {
		return nil, err
	}
	if o.Namespace == "" {
		o.Namespace = "/"
	}
	if o.Path == "" {
		o.Path = "/socket.io/"
	}
	if o.ReconnectMin == 0 {
		o.ReconnectMin = 500 * time.Millisecond
	}
	if o.ReconnectMax == 0 {
		o.ReconnectMax = 5 * time.Second
	}
	u.Path = o.Path
	u.RawQuery = "EIO=4&transport=websocket"
	c := &Client{
		o: o, url: u, handlers: map[string][]func([]json.RawMessage){}, acks: map[uint64]chan []json.RawMessage{},
		quit: make(chan struct{}), done: make(chan struct{}),
	}
	ws, err := c.connect(ctx)
	if err != nil {
		return nil, err
	}
	go c.run(ws)
	return c, nil
}

// connect opens a WebSocket and joins the namespace.
func (c *Client) connect(ctx context.Context) (*wsConn, error) {
	ws, err := dialWS(ctx, c.url, c.o.Header)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = ws.conn.Close() })
	defer stop()
	sid, err := c.join(ws)
	if err != nil {
		_ = ws.conn.Close()
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		_ = ws.conn.Close()
		return nil, ErrClosed
	}
	c.ws, c.sid = ws, sid
	return ws, nil
}

func (c *Client) join(ws *wsConn) (sid string, err error) {
	_, open, err := ws.read()
	if err != nil {
		return "", err
	}
	if len(open) == 0 || open[0] != '0' {
		return "", fmt.Errorf("client: no handshake but %q", open)
	}
	auth := []byte(nil)
	if c.o.Auth != nil {
		if auth, err = json.Marshal(c.o.Auth); err != nil {
			return "", err
		}
	}
	if err := ws.write(1, append([]byte("40"+c.prefix()), auth...)); err != nil {
		return "", err
	}
	for {
		_, data, err := ws.read()
		if err != nil {
			return "", err
		}
		text, _ := strings.CutPrefix(string(data), "4")
		switch {
		case string(data) == "2":
			err = ws.write(1, []byte("3"))
		case strings.HasPrefix(text, "0"+c.prefix()):
			var ok struct{ SID string }
			err := json.Unmarshal([]byte(text[1+len(c.prefix()):]), &ok)
			return ok.SID, err
		case strings.HasPrefix(text, "4"+c.prefix()):
			refused := &ConnectError{}
			_ = json.Unmarshal([]byte(text[1+len(c.prefix()):]), refused) // an odd payload is a refusal all the same
			return "", refused
		}
		if err != nil {
			return "", err
		}
	}
}

// prefix is how the namespace is written in a packet.
func (c *Client) prefix() string {
	if c.o.Namespace == "/" {
		return ""
	}
	return c.o.Namespace + ","
}

// ID is the socket's id on the server, of the latest connection.
func (c *Client) ID() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.sid
}

// On registers a handler for an event.
func (c *Client) On(event string, fn func(args []json.RawMessage)) {
	c.mu.Lock()
	c.handlers[event] = append(c.handlers[event], fn)
	c.mu.Unlock()
}

// OnAny registers a handler for all events. It runs before those of the event.
func (c *Client) OnAny(fn func(event string, args []json.RawMessage)) {
	c.mu.Lock()
	c.any = append(c.any, fn)
	c.mu.Unlock()
}

// Emit sends an event. While disconnected it returns ErrDisconnected: nothing is kept for later.
func (c *Client) Emit(event string, args ...any) error { return c.emit("", event, args) }

func (c *Client) emit(id, event string, args []any) error {
	data, err := json.Marshal(append([]any{event}, args...))
	if err != nil {
		return err
	}
	c.mu.Lock()
	ws := c.ws
	c.mu.Unlock()
	if ws == nil {
		return ErrDisconnected
	}
	if err := ws.write(1, append([]byte("42"+c.prefix()+id), data...)); err != nil {
		return errors.Join(ErrDisconnected, err)
	}
	return nil
}

// EmitWithAck sends an event and waits for its acknowledgement. ErrDisconnected after the event was sent means that nobody knows
// whether it was handled.
func (c *Client) EmitWithAck(ctx context.Context, event string, args ...any) ([]json.RawMessage, error) {
	answer := make(chan []json.RawMessage, 1)
	c.mu.Lock()
	id := c.nextID
	c.nextID++
	c.acks[id] = answer
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		delete(c.acks, id)
		c.mu.Unlock()
	}()
	if err := c.emit(strconv.FormatUint(id, 10), event, args); err != nil {
		return nil, err
	}
	select {
	case args, ok := <-answer:
		if !ok {
			return nil, ErrDisconnected
		}
		return args, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Close disconnects and waits for the client's goroutine.
func (c *Client) Close() {
	c.mu.Lock()
	if !c.closed {
		c.closed = true
		close(c.quit)
	}
	ws := c.ws
	c.mu.Unlock()
	if ws != nil {
		_ = ws.write(8, []byte{3, 232}) // 1000; the server may be gone already
		_ = ws.conn.Close()
	}
	<-c.done
}

// Drop cuts the connection as a failing network would.
func (c *Client) Drop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ws != nil {
		_ = c.ws.conn.Close()
	}
}

// run reads until the connection ends, and connects again if it may.
func (c *Client) run(ws *wsConn) {
	defer close(c.done)
	for {
		if c.o.OnConnect != nil {
			go c.o.OnConnect(c) // not here: it will want to wait for acknowledgements
		}
		err := c.readAll(ws)
		c.lost(ws)
		if c.o.OnDisconnect != nil {
			c.o.OnDisconnect(c, err)
		}
		if ws = c.reconnect(); ws == nil {
			return
		}
	}
}

func (c *Client) readAll(ws *wsConn) error {
	for {
		isBinary, data, err := ws.read()
		if err != nil {
			return err
		}
		if isBinary || len(data) == 0 {
			continue
		}
		switch {
		case data[0] == '2':
			if err := ws.write(1, append([]byte("3"), data[1:]...)); err != nil {
				return err
			}
		case data[0] == '4' && len(data) > 1:
			c.packet(data[1], data[2:])
		}
	}
}

func (c *Client) packet(kind byte, rest []byte) {
	rest, ok := bytes.CutPrefix(rest, []byte(c.prefix()))
	if !ok {
		return
	}
	digits := 0
	for digits < len(rest) && rest[digits] >= '0' && rest[digits] <= '9' {
		digits++
	}
	var args []json.RawMessage
	if json.Unmarshal(rest[digits:], &args) != nil {
		return
	}
	switch kind {
	case '2':
		c.event(args)
	case '3':
		id, err := strconv.ParseUint(string(rest[:digits]), 10, 64)
		if err != nil {
			return
		}
		c.mu.Lock()
		answer := c.acks[id]
		delete(c.acks, id)
		c.mu.Unlock()
		if answer != nil {
			answer <- args
		}
	}
}

func (c *Client) event(args []json.RawMessage) {
	var name string
	if len(args) == 0 || json.Unmarshal(args[0], &name) != nil {
		return
	}
	c.mu.Lock()
	handlers, all := c.handlers[name], c.any
	c.mu.Unlock()
	if c.o.OnEvent != nil {
		c.o.OnEvent(name, args[1:])
	}
	for _, fn := range all {
		fn(name, args[1:])
	}
	for _, fn := range handlers {
		fn(args[1:])
	}
}

// lost ends all waits for acknowledgements.
func (c *Client) lost(ws *wsConn) {
	_ = ws.conn.Close()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ws = nil
	for id, answer := range c.acks {
		close(answer)
		delete(c.acks, id)
	}
}

func (c *Client) reconnect() *wsConn {
	if !c.o.Reconnect {
		return nil
	}
	delay := c.o.ReconnectMin
	for {
		select {
		case <-c.quit:
			return nil
		case <-time.After(delay/2 + time.Duration(rand.Int64N(int64(delay)))):
		}
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		ws, err := c.connect(ctx)
		cancel()
		if err == nil {
			return ws
		}
		if errors.Is(err, ErrClosed) {
			return nil
		}
		delay = min(2*delay, c.o.ReconnectMax)
	}
}
