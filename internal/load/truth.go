package load

import (
	"fmt"
	"sync"
)

// truth is what the people have seen of the rooms, together: whoever sees something else at the same place has found a fault.
type truth struct {
	mu       sync.Mutex
	rooms    map[string]*roomTruth
	problems map[string]int
	examples []string
}

// roomTruth is one room's.
type roomTruth struct {
	mu      sync.Mutex
	entries map[int64]string // id by seq
	sent    map[string]int64 // seq by client id, of this tester's messages
	acked   map[int64]string // id by seq
	head    int64
}

func newTruth() *truth { return &truth{rooms: map[string]*roomTruth{}, problems: map[string]int{}} }

func (t *truth) room(id string) *roomTruth {
	t.mu.Lock()
	defer t.mu.Unlock()
	r := t.rooms[id]
	if r == nil {
		r = &roomTruth{entries: map[int64]string{}, sent: map[string]int64{}, acked: map[int64]string{}}
		t.rooms[id] = r
	}
	return r
}

// maxExamples bounds how many problems are told in words.
const maxExamples = 20

func (t *truth) problem(kind, format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.problems[kind]++
	if len(t.examples) < maxExamples {
		t.examples = append(t.examples, kind+": "+fmt.Sprintf(format, args...))
	}
}

// id is the id of the entry at a seq, if anybody has seen it.
func (r *roomTruth) id(seq int64) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if id := r.entries[seq]; id != "" {
		return id
	}
	return r.acked[seq]
}

// saw takes an entry that somebody was told. clientID is empty for what is no message of this tester.
func (t *truth) saw(room, id, clientID string, seq int64) {
	r := t.room(room)
	r.mu.Lock()
	known, there := r.entries[seq]
	at, twice := r.sent[clientID]
	if !there {
		r.entries[seq] = id
		r.head = max(r.head, seq)
		if clientID != "" {
			r.sent[clientID] = seq
		}
	}
	r.mu.Unlock()
	if there && known != id {
		t.problem("reordered", "%s has %s and %s at %d", room, known, id, seq)
	}
	if !there && twice && clientID != "" {
		t.problem("doubled", "one message is at %d and at %d of %s", at, seq, room)
	}
}

// ackedAt takes an acknowledgement.
func (t *truth) ackedAt(room, id string, seq int64) {
	r := t.room(room)
	r.mu.Lock()
	known, there := r.entries[seq]
	other, twice := r.acked[seq]
	r.acked[seq] = id
	r.head = max(r.head, seq)
	r.mu.Unlock()
	if there && known != id || twice && other != id {
		t.problem("lost", "%d of %s was acknowledged as %s, and is %s%s", seq, room, id, known, other)
	}
}

// head is how far a room goes, as far as anybody has heard.
func (t *truth) head(room string) int64 {
	r := t.room(room)
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.head
}
