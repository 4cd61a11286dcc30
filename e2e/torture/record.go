package main

import (
	"sync"
	"time"
)

// outcome is what a client knows of what it asked for.
type outcome int

const (
	unknown outcome = iota // no answer: it may have happened, once, or not
	acked
	refused // a definite no: it must not have happened
)

// sent is one message that a client wanted to send, with all its tries.
type sent struct {
	user, clientID, room, text string
	begun, ended               time.Time // ended: when it was known
	outcome                    outcome
	unsure                     bool // a try of it had no answer
	id                         string
	seq                        int64
}

// delivery is one entry that a client received, live or by asking.
type delivery struct {
	user string
	conn int // the connection it came over, 0 for what was asked for
	room string
	seq  int64
	id   string
	kind string
	text string // of a new message
	mine bool   // the entry of this person's own joining
}

// history is what all clients did and saw.
type history struct {
	mu         sync.Mutex
	sends      []*sent
	deliveries []delivery
	problems   []string
	conns      int
	resets     int
	reconnects int
}

func (h *history) add(d delivery) {
	h.mu.Lock()
	h.deliveries = append(h.deliveries, d)
	h.mu.Unlock()
}

func (h *history) send(s *sent) {
	h.mu.Lock()
	h.sends = append(h.sends, s)
	h.mu.Unlock()
}

// settle records what became of a message.
func (h *history) settle(s *sent, o outcome, id string, seq int64) {
	h.mu.Lock()
	s.outcome, s.id, s.seq, s.ended = o, id, seq, time.Now()
	h.mu.Unlock()
}

func (h *history) problem(text string) {
	h.mu.Lock()
	h.problems = append(h.problems, text)
	h.mu.Unlock()
}
