package socketio

import "parley/engineio"

// Trace is a set of hooks for metrics, logs and traces, each of which may be nil. They are called synchronously and must not block.
type Trace struct {
	// Connected and Disconnected bracket a socket.
	Connected    func(s *Socket)
	Disconnected func(s *Socket, reason string, err error)
	// Event is called for every event before its handlers.
	Event func(s *Socket, e *Event)
	// Broadcast is called after a broadcast to this node's sockets with the number of them. What is volatile may not reach them all.
	Broadcast func(receivers int, volatile bool)
	// BadPacket is called when a client sent what cannot be decoded; its session is closed.
	BadPacket func(s *engineio.Session, err error)
	// Failed is called for what went wrong on this side: s is nil when no socket was involved.
	Failed func(s *Socket, err error)
}

func (t *Trace) badPacket(s *engineio.Session, err error) {
	if t.BadPacket != nil {
		t.BadPacket(s, err)
	}
}

func (t *Trace) failed(s *Socket, err error) {
	if t.Failed != nil {
		t.Failed(s, err)
	}
}

func (t *Trace) failedNamespace(name string, err error) {
	if t.Failed != nil {
		t.Failed(nil, &NamespaceError{Name: name, Err: err})
	}
}

// NamespaceError tells that a namespace's adapter could not be made.
type NamespaceError struct {
	Name string
	Err  error
}

// Error implements error.
func (e *NamespaceError) Error() string {
	return "socketio: namespace " + e.Name + ": " + e.Err.Error()
}

// Unwrap returns the adapter's error.
func (e *NamespaceError) Unwrap() error { return e.Err }
