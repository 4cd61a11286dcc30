package engineio

import (
	"context"
	"net/http"
	"strings"
)

// Nodes knows the nodes behind one load balancer. With it the balancer may send each request of a session wherever it likes: the
// node's name is in the session's id, and a request that reaches another node is forwarded there. Its methods may be called
// concurrently.
type Nodes interface {
	// Self is this node's name: 1 to 64 letters, digits, - and _. No other node has it, and none has had it before.
	Self() string
	// Find returns another node. Clients may have made the name up: it must be quick to say that there is none.
	Find(ctx context.Context, name string) (Node, bool)
}

// Node is another node.
type Node struct {
	// Addr is where its HTTP server is, as host:port. It is spoken to without TLS, on the path of the request.
	Addr string
	// Alive is done when the node has gone; nil is never.
	Alive context.Context
}

// FixedNodes are nodes whose addresses are known beforehand, by name.
func FixedNodes(self string, addrs map[string]string) Nodes { return fixedNodes{self, addrs} }

type fixedNodes struct {
	self  string
	addrs map[string]string
}

func (n fixedNodes) Self() string { return n.self }

func (n fixedNodes) Find(_ context.Context, name string) (Node, bool) {
	addr, ok := n.addrs[name]
	return Node{Addr: addr}, ok && name != n.self
}

// ValidNodeName reports whether a node may be named so.
func ValidNodeName(name string) bool {
	return name != "" && len(name) <= 64 && !strings.ContainsFunc(name, func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_'
	})
}

// nameSessions puts the node's name before the ids of its sessions.
func nameSessions(self string, generate func(*http.Request) string) func(*http.Request) string {
	if !ValidNodeName(self) {
		panic("engineio: a node cannot be named " + self)
	}
	return func(r *http.Request) string { return self + "." + generate(r) }
}
