package live

import (
	"maps"
	"slices"
	"sync"
	"time"
)

// hears is what this node has subscribed to of what the others tell: the rooms that somebody is in who is connected here, and those
// that somebody was in a moment ago. It subscribes when the first of them enters, without waiting for it: when Redis has confirmed a
// room, its head is looked at, and what was told before is read from the log.
type hears struct {
	nodes Nodes // nil for one node
	wake  chan struct{}

	mu    sync.Mutex
	rooms map[string]time.Time // since when nobody is in it any more; zero while somebody is
	look  []string             // those that have been confirmed, and not been looked at
}

func newHears(nodes Nodes) *hears {
	return &hears{nodes: nodes, wake: make(chan struct{}, 1), rooms: map[string]time.Time{}}
}

// nodeTopic is what concerns one node alone.
func nodeTopic(node string) string { return "@" + node }

// topicOf is what the nodes subscribe to that serve a Socket.IO room. What concerns a person is told to all nodes.
func topicOf(room string) []string {
	if id, ok := roomID(room); ok {
		return []string{id}
	}
	return nil
}

// changed takes note that a Socket.IO room has come or gone on this node. It is called after the fact, in any order.
func (h *hears) changed(room string, serves func(id string) bool) {
	id, ok := roomID(room)
	if !ok || h.nodes == nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if !serves(id) {
		return // forget sees it
	}
	if _, subscribed := h.rooms[id]; !subscribed {
		h.nodes.Subscribe(id)
	} else {
		h.toLook(id) // what was told while nobody was in it was not listened to
	}
	h.rooms[id] = time.Time{}
}

// forget ends the subscriptions of rooms that nobody has been in for a while: people come back, and a reload is no departure.
func (h *hears) forget(serves func(id string) bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for id, since := range h.rooms {
		switch {
		case serves(id):
			h.rooms[id] = time.Time{}
		case since.IsZero():
			h.rooms[id] = time.Now()
		case time.Since(since) > keepPlace:
			h.nodes.Unsubscribe(id)
			delete(h.rooms, id)
		}
	}
}

// confirmed takes note of what is heard from now on.
func (h *hears) confirmed(topics []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.toLook(topics...)
}

// lookAtAll takes note that of any room something may not have been told.
func (h *hears) lookAtAll() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.toLook(slices.Collect(maps.Keys(h.rooms))...)
}

// toLook has the heads of rooms looked at. The caller holds the lock.
func (h *hears) toLook(topics ...string) {
	h.look = append(h.look, topics...)
	select {
	case h.wake <- struct{}{}:
	default: // somebody is about to look
	}
}

// unlooked returns the rooms whose heads are to be looked at.
func (h *hears) unlooked() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	rooms := h.look
	h.look = nil
	slices.Sort(rooms)
	return slices.DeleteFunc(slices.Compact(rooms), func(topic string) bool { _, is := h.rooms[topic]; return !is })
}
