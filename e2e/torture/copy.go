package main

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// message is what a client keeps of a message.
type message struct {
	ID        string          `json:"id"`
	RoomID    string          `json:"roomId"`
	Seq       int64           `json:"seq"`
	Version   int64           `json:"version"`
	UserID    string          `json:"userId"`
	Text      string          `json:"text"`
	EditedAt  string          `json:"editedAt"`
	DeletedAt string          `json:"deletedAt"`
	Reactions json.RawMessage `json:"reactions"`
}

type member struct {
	UserID string `json:"userId"`
	Role   string `json:"role"`
}

// entry is any event about a room's log. A new message has its fields where others have the entry's.
type entry struct {
	event string

	RoomID  string   `json:"roomId"`
	Seq     int64    `json:"seq"`
	ID      string   `json:"id"`
	Kind    string   `json:"kind"`
	Text    string   `json:"text"`
	Message *message `json:"message"`
	Member  *member  `json:"member"`
}

// parseEntry reads the payload of an event, or reports that it is of another kind.
func parseEntry(event string, payload []byte) (*entry, bool) {
	switch event {
	case "new-message", "message-edited", "message-deleted", "message-reaction", "room-created", "room-updated", "member-joined", "member-left", "member-role":
	default:
		return nil, false
	}
	e := &entry{event: event}
	if json.Unmarshal(payload, e) != nil {
		return nil, false
	}
	if event == "new-message" {
		e.Kind, e.Message = "message", &message{}
		if json.Unmarshal(payload, e.Message) != nil {
			return nil, false
		}
	}
	e.Text = short(e.Text)
	if e.Message != nil {
		e.Message.Text = short(e.Message.Text)
	}
	return e, true
}

// short is a text, or of a long one its beginning and a hash: there are too many of them to be kept.
func short(text string) string {
	if len(text) <= 200 {
		return text
	}
	begin, _, _ := strings.Cut(text[:50], ">")
	return fmt.Sprintf("%s>%x", begin, sha256.Sum256([]byte(text)))
}

// roomCopy is a client's copy of a room, as PROTOCOL.md says to keep one.
type roomCopy struct {
	epoch    string
	last     int64
	lastID   string
	messages map[string]message
	members  map[string]string
	waiting  map[int64]*entry // live events that the copy has not come to yet
}

func newCopy() *roomCopy {
	return &roomCopy{messages: map[string]message{}, members: map[string]string{}, waiting: map[int64]*entry{}}
}

// live takes an event in, and applies what it can.
func (c *roomCopy) live(e *entry) {
	if e.Seq > c.last {
		c.waiting[e.Seq] = e
	}
	c.drain()
}

func (c *roomCopy) drain() {
	for next := c.waiting[c.last+1]; next != nil; next = c.waiting[c.last+1] {
		c.apply(next)
	}
	for seq := range c.waiting {
		if seq <= c.last {
			delete(c.waiting, seq)
		}
	}
}

func (c *roomCopy) apply(e *entry) {
	c.last, c.lastID = e.Seq, e.ID
	if m := e.Message; m != nil {
		if m.Version == 0 {
			m.Version = m.Seq
		}
		if old, ok := c.messages[m.ID]; !ok || m.Version >= old.Version {
			c.messages[m.ID] = *m
		}
	}
	switch e.Kind {
	case "join", "role":
		c.members[e.Member.UserID] = e.Member.Role
	case "leave", "kick", "ban":
		delete(c.members, e.Member.UserID)
	}
}

// differs says in what two copies differ, or "".
func (c *roomCopy) differs(other *roomCopy) string {
	if !maps.Equal(c.members, other.members) {
		return "members"
	}
	for _, id := range slices.Sorted(maps.Keys(c.messages)) {
		a, b := c.messages[id], other.messages[id]
		if a.Text != b.Text || a.Version != b.Version || a.EditedAt != b.EditedAt || a.DeletedAt != b.DeletedAt || string(a.Reactions) != string(b.Reactions) {
			return "message " + id + " is " + describe(a) + " and " + describe(b)
		}
	}
	if len(c.messages) != len(other.messages) {
		return "the number of messages"
	}
	return ""
}

func describe(m message) string {
	text, _ := json.Marshal(m) // strings and numbers encode
	return string(text)
}
