package live

import (
	"context"
	"sync"
	"time"

	"parley/internal/chat"
)

const (
	typingInterval = 3 * time.Second // a person's typing is told at most this often
	typingTimeout  = 5 * time.Second // and is over after this long without another word of it
)

// typingRequest is the payload of typing-indicator.
type typingRequest struct {
	RoomID string `json:"roomId"`
	Typing bool   `json:"typing"`
}

// typists remembers who is typing where. It is told to the others and never stored.
type typists struct {
	mu sync.Mutex
	at map[[2]string]*typist // (room, user)
}

type typist struct {
	told time.Time
	stop *time.Timer
}

// typingIndicator tells the others in the room. What comes too soon after the last is accepted and not told again.
func (d *Door) typingIndicator(_ context.Context, c *client, in typingRequest) (ok, error) {
	room := roomOrLobby(in.RoomID)
	if !c.in(room) {
		return ok{}, &chat.Error{Kind: chat.NotFound, Message: "No such room"}
	}
	a := *c.person()
	key := [2]string{room, a.UserID}
	t := &d.typing
	t.mu.Lock()
	was := t.at[key]
	tell := in.Typing != (was != nil)
	switch {
	case !in.Typing && was != nil:
		was.stop.Stop()
		delete(t.at, key)
	case in.Typing && was != nil:
		if was.stop.Reset(typingTimeout); time.Since(was.told) >= typingInterval {
			was.told, tell = time.Now(), true
		}
	case in.Typing:
		now := &typist{told: time.Now()}
		now.stop = time.AfterFunc(typingTimeout, func() { d.typingOver(key, now, a) })
		t.at[key] = now
	}
	t.mu.Unlock()
	if tell {
		d.tellTyping(room, a, in.Typing)
	}
	return done, nil
}

// typingOver ends the typing of somebody who stopped without saying so.
func (d *Door) typingOver(key [2]string, which *typist, a chat.Actor) {
	t := &d.typing
	t.mu.Lock()
	current := t.at[key] == which
	if current {
		delete(t.at, key)
	}
	t.mu.Unlock()
	if current {
		d.tellTyping(key[0], a, false)
	}
}

// typingNotice is what the others hear.
type typingNotice struct {
	RoomID   string `json:"roomId"`
	UserID   string `json:"userId"`
	Username string `json:"username"`
	Typing   bool   `json:"typing"`
}

func (d *Door) tellTyping(room string, a chat.Actor, typing bool) {
	if d.load.drops() {
		return
	}
	d.tell(roomOf(room), userRoom(a.UserID), "typing-indicator", encode(typingNotice{room, a.UserID, a.Name, typing}))
}

// forget drops the typing of somebody who is out of the room: nobody is told, they have seen them go.
func (t *typists) forget(room, userID string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	key := [2]string{room, userID}
	if who := t.at[key]; who != nil {
		who.stop.Stop()
		delete(t.at, key)
	}
}

// close forgets everybody.
func (t *typists) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, who := range t.at {
		who.stop.Stop()
	}
	clear(t.at)
}
