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
	begun, tried, ended        time.Time // tried: the last time; ended: when its outcome was known
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
	at   time.Time
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
	departures int         // acknowledged
	visible    []time.Time // errors that a person would have seen
	resumes    []resume
}

func (h *history) add(d delivery) {
	d.at = time.Now()
	h.mu.Lock()
	h.deliveries = append(h.deliveries, d)
	h.mu.Unlock()
}

func (h *history) send(s *sent) {
	h.mu.Lock()
	h.sends = append(h.sends, s)
	h.mu.Unlock()
}

// acknowledged is how many messages were, that were begun after a moment.
func (h *history) acknowledged(since time.Time) (n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i := len(h.sends) - 1; i >= 0 && h.sends[i].begun.After(since); i-- {
		if h.sends[i].outcome == acked {
			n++
		}
	}
	return n
}

// departed is how many times somebody has left a room or was put out of it.
func (h *history) departed() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.departures
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

// resume is somebody's way back after the end of a connection.
type resume struct {
	at   time.Time
	took time.Duration
}

// resumed tells that somebody is back whose connection ended.
func (h *history) resumed(lost time.Time) {
	h.mu.Lock()
	h.resumes = append(h.resumes, resume{lost, time.Since(lost)})
	h.mu.Unlock()
}

func (h *history) saw() {
	h.mu.Lock()
	h.visible = append(h.visible, time.Now())
	h.mu.Unlock()
}

// sawSince reports whether a person has seen an error since a moment.
func (h *history) sawSince(at time.Time) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.visible) > 0 && h.visible[len(h.visible)-1].After(at)
}
