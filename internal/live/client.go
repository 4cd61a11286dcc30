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
	threads  map[string]string // those that it hears of → their rooms
	wantsNew bool              // it has asked for the threads that its person follows: it hears of new ones too
}

func (c *client) person() *chat.Actor { return c.actor.Load() }

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
