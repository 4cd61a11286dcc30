package socketio

import "testing"

// JoinSilently adds a member that takes messages and never answers.
func (h *Hub) JoinSilently(*testing.T) {
	h.join(&hubMember{hub: h, namespace: "/", inbox: serial{limit: maxHubMessages}, receive: func(*ClusterMessage) {}})
}
