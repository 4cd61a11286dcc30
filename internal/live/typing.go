package live

import (
	"context"
	"encoding/json"
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
	mu    sync.Mutex
	at    map[[2]string]*typist // (room, user)
	shown map[string]int        // of each room, how many are told of
}

type typist struct {
	told      time.Time
	mark      chat.Mark // those who are members after it are told
	stop      *time.Timer
	shown     bool // whether the others are told: in a crowd they hear of the first few
	elsewhere bool // another node tells of them
}

// typingIndicator tells the others in the room. What comes too soon after the last is accepted and not told again.
func (d *Door) typingIndicator(ctx context.Context, c *client, in typingRequest) (ok, error) {
	room := roomOrLobby(in.RoomID)
	if !c.in(room) {
		return ok{}, &chat.Error{Kind: chat.NotFound, Message: "No such room"}
	}
	a := *c.person()
	key := [2]string{room, a.UserID}
	t, large := &d.typing, d.size(roomOf(room)) > maxTold
	tell := false
	t.mu.Lock()
	was := t.at[key]
	if was != nil && was.elsewhere {
		t.drop(key, was)
		was = nil
	}
	switch {
	case !in.Typing && was != nil:
		tell = t.drop(key, was)
	case in.Typing && was != nil:
		if was.stop.Reset(typingTimeout); was.shown && time.Since(was.told) >= typingInterval {
			was.told, tell = time.Now(), true
		}
	case in.Typing:
		tell = !large || t.shown[room] < crowdTypists
		now := &typist{told: time.Now(), shown: tell}
		now.stop = time.AfterFunc(typingTimeout, func() { d.typingOver(key, now, a) })
		t.at[key] = now
		if tell {
			t.shown[room]++
		}
	}
	now := t.at[key]
	t.mu.Unlock()
	switch {
	case !tell:
	case in.Typing:
		return done, d.beginTyping(ctx, room, a, now)
	default:
		d.tellTyping(room, a, was.mark, false)
	}
	return done, nil
}

// beginTyping tells that somebody types, if they may write there. A database that does not answer is no fault of theirs: nobody is told.
func (d *Door) beginTyping(ctx context.Context, room string, a chat.Actor, who *typist) error {
	if d.load.drops() {
		return nil
	}
	mark, err := d.o.Chat.MayWrite(ctx, a, room)
	if err != nil {
		d.typing.forget(room, a.UserID)
		if chat.AsError(err).Kind == chat.Unavailable {
			return nil
		}
		return err
	}
	d.typing.mu.Lock()
	who.mark = mark
	d.typing.mu.Unlock()
	d.tellTyping(room, a, mark, true)
	return nil
}

// typingElsewhere takes what another node tells of somebody who is typing, and reports whether those who are connected here are told: in a
// crowd they hear of the first few on all nodes together.
func (d *Door) typingElsewhere(m *remoteEmit) bool {
	var n typingNotice
	if m.Event != "typing-indicator" || d.size(m.Room) <= maxTold || json.Unmarshal(m.Payload, &n) != nil {
		return true
	}
	t, key := &d.typing, [2]string{n.RoomID, n.UserID}
	t.mu.Lock()
	defer t.mu.Unlock()
	was := t.at[key]
	switch {
	case was != nil && !was.elsewhere: // here too: this node tells of them
		return false
	case was != nil && !n.Typing:
		return t.drop(key, was)
	case was != nil:
		was.stop.Reset(typingTimeout + typingInterval)
		return true
	case !n.Typing || t.shown[n.RoomID] >= crowdTypists:
		return false
	}
	now := &typist{shown: true, elsewhere: true}
	now.stop = time.AfterFunc(typingTimeout+typingInterval, func() { d.typingLost(key, now, *m, n) })
	t.at[key] = now
	t.shown[n.RoomID]++
	return true
}

// typingLost ends the typing of somebody of whom another node tells no more.
func (d *Door) typingLost(key [2]string, which *typist, m remoteEmit, n typingNotice) {
	t := &d.typing
	t.mu.Lock()
	tell := t.at[key] == which && t.drop(key, which)
	t.mu.Unlock()
	if n.Typing = false; tell {
		m.Payload = json.RawMessage(encode(n))
		d.emitAfter(&m)
	}
}

// typingOver ends the typing of somebody who stopped without saying so.
func (d *Door) typingOver(key [2]string, which *typist, a chat.Actor) {
	t := &d.typing
	t.mu.Lock()
	tell, mark := t.at[key] == which && t.drop(key, which), which.mark
	t.mu.Unlock()
	if tell {
		d.tellTyping(key[0], a, mark, false)
	}
}

// drop takes somebody off the list and reports whether the others were told of them. The caller holds the lock.
func (t *typists) drop(key [2]string, who *typist) bool {
	who.stop.Stop()
	delete(t.at, key)
	if !who.shown {
		return false
	}
	if t.shown[key[0]]--; t.shown[key[0]] == 0 {
		delete(t.shown, key[0])
	}
	return true
}

// typingNotice is what the others hear.
type typingNotice struct {
	RoomID   string `json:"roomId"`
	UserID   string `json:"userId"`
	Username string `json:"username"`
	Typing   bool   `json:"typing"`
}

func (d *Door) tellTyping(room string, a chat.Actor, mark chat.Mark, typing bool) {
	if mark == (chat.Mark{}) || d.load.drops() { // nobody was told that they type
		return
	}
	d.tellMembers(mark, room, a.UserID, "typing-indicator", encode(typingNotice{room, a.UserID, a.Name, typing}))
}

// forget drops the typing of somebody who is out of the room, or has written what they were at: nobody is told, they have seen it.
func (t *typists) forget(room, userID string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	key := [2]string{room, userID}
	if who := t.at[key]; who != nil {
		t.drop(key, who)
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
	clear(t.shown)
}
