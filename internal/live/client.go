package live

import (
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/time/rate"

	"parley/internal/auth"
	"parley/internal/chat"
	"parley/socketio"
)

// client is one connected socket and who it is.
type client struct {
	socket    *socketio.Socket
	events    *rate.Limiter
	actor     atomic.Pointer[chat.Actor]     // nil before user-join
	challenge atomic.Pointer[auth.Challenge] // for a passkey, until it is answered
	idle      atomic.Bool                    // its person is not looking

	mu       sync.Mutex
	ended    bool              // its session is over: it becomes nobody any more
	version  int64             // of the directory, when it was last told who its person is
	threads  map[string]string // those that it hears of → their rooms
	wantsNew bool              // it has asked for the threads that its person follows: it hears of new ones too
}

func (c *client) person() *chat.Actor { return c.actor.Load() }

// become makes the connection somebody's, unless its session has ended.
func (c *client) become(a *chat.Actor) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		return errSessionEnded
	}
	c.actor.Store(a)
	return nil
}

var errSessionEnded = &chat.Error{Kind: chat.Unauthenticated, Message: "The session has ended"}

// know takes over what its person is called and may do now. What is older than what is known already is not news.
func (c *client) know(u *chat.User) {
	c.mu.Lock()
	defer c.mu.Unlock()
	known := c.person()
	if known == nil || u.Version < c.version {
		return
	}
	a := *known
	a.Name, a.Role = u.Name, u.Role
	c.version = u.Version
	c.actor.Store(&a)
}

// enter lets the connection hear of a room, as long as it is somebody's. Whoever makes it nobody's takes it out of all rooms afterwards.
func (c *client) enter(room string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.person() != nil && c.socket.Connected() {
		c.socket.Join(room)
	}
}

// end makes the connection nobody's for good.
func (c *client) end() {
	c.mu.Lock()
	c.ended = true
	c.actor.Store(nil)
	c.mu.Unlock()
	c.leaveAll()
}

// address is whose limits the connection counts against.
func (c *client) address() string { return c.socket.Session().Handshake().Header().Get(ipHeader) }

// clientOf finds the client of a socket, which connected has put there.
func clientOf(s *socketio.Socket) *client { return s.Data().(*client) }

func (d *Door) connected(s *socketio.Socket) {
	s.SetData(&client{socket: s, events: d.o.Rates.Events.limiter()})
}

func (d *Door) disconnected(s *socketio.Socket) {
	c, ok := s.Data().(*client)
	if !ok || c.person() == nil {
		return
	}
	d.people.disconnect(*c.person(), c)
}

// roomOf is the Socket.IO room that a room's events go to.
func roomOf(roomID string) string { return "room:" + roomID }

// roomID is the room whose events go to a Socket.IO room.
func roomID(name string) (string, bool) { return strings.CutPrefix(name, "room:") }

// userRoom is the Socket.IO room of all of a person's connections.
func userRoom(userID string) string { return "user:" + userID }

// leaveAll takes the connection out of all rooms but its own.
func (c *client) leaveAll() {
	c.mu.Lock()
	c.threads, c.wantsNew = nil, false
	c.mu.Unlock()
	for _, room := range c.socket.Rooms() {
		if room != c.socket.ID() {
			c.socket.Leave(room)
		}
	}
}

// clientsOf are the connections of a person on this node.
func (d *Door) clientsOf(userID string) []*client {
	sockets := d.io.Adapter().LocalSockets(targetRoom(userRoom(userID)))
	out := make([]*client, len(sockets))
	for i, s := range sockets {
		out[i] = clientOf(s)
	}
	return out
}
