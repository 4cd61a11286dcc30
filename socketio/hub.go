package socketio

import (
	"context"
	"slices"
	"sync"
)

// Hub joins servers of one process into a cluster: to test what spans nodes, without any server beside.
type Hub struct {
	mu      sync.Mutex
	members map[string][]*hubMember // by namespace
}

// NewHub makes a hub without members.
func NewHub() *Hub { return &Hub{members: map[string][]*hubMember{}} }

// Adapter returns the [AdapterFactory] of one node.
func (h *Hub) Adapter(o ClusterOptions) AdapterFactory {
	return func(ns *Namespace) (Adapter, error) {
		m := &hubMember{hub: h, namespace: ns.name, inbox: serial{limit: maxHubMessages}}
		a := NewCluster(ns, m, o)
		m.uid, m.receive = a.UID(), a.Receive
		h.join(m)
		return a, nil
	}
}

// maxHubMessages bounds what waits for one node. It is far from what a test has under way.
const maxHubMessages = 1 << 20

func (h *Hub) join(m *hubMember) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.members[m.namespace] = append(h.members[m.namespace], m)
}

// hubMember is the [Bus] of one node.
type hubMember struct {
	hub       *Hub
	namespace string
	uid       string
	receive   func(*ClusterMessage)
	inbox     serial
}

func (m *hubMember) others() []*hubMember {
	m.hub.mu.Lock()
	defer m.hub.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(m.hub.members[m.namespace]), func(o *hubMember) bool { return o == m })
}

func (m *hubMember) give(msg *ClusterMessage) error {
	if !m.inbox.do(func() { m.receive(msg) }) {
		return ErrTooManyTasks
	}
	return nil
}

// Publish implements Bus.
func (m *hubMember) Publish(msg *ClusterMessage) error {
	var err error
	for _, o := range m.others() {
		err = o.give(msg)
	}
	return err
}

// Respond implements Bus.
func (m *hubMember) Respond(to, answer *ClusterMessage) error {
	for _, o := range m.others() {
		if o.uid == to.UID {
			return o.give(answer)
		}
	}
	return nil // it has left meanwhile
}

// Others implements Bus.
func (m *hubMember) Others(context.Context) (int, error) { return len(m.others()), nil }

// Close implements Bus.
func (m *hubMember) Close() error {
	m.hub.mu.Lock()
	defer m.hub.mu.Unlock()
	m.hub.members[m.namespace] = slices.DeleteFunc(m.hub.members[m.namespace], func(o *hubMember) bool { return o == m })
	return nil
}
