package socketio

import "parley/engineio"

// Trace is a set of hooks for metrics, logs and traces, each of which may be nil. They are called synchronously and must not block.
type Trace struct {
	// Connected and Disconnected bracket a socket.
	Connected    func(s *Socket)
	Disconnected func(s *Socket, reason string, err error)
	// DataSet is called when the data of a socket that is connected, or about to be, was set.
	DataSet func(s *Socket)
	// Event is called for every event before its handlers.
	Event func(s *Socket, e *Event)
	// Broadcast is called after a broadcast to this node's sockets with the number of them. What is volatile may not reach them all.
	Broadcast func(receivers int, volatile bool)
	// BadPacket is called when a client sent what cannot be decoded; its session is closed.
	BadPacket func(s *engineio.Session, err error)
	// Failed is called for what went wrong on this side: s is nil when no socket was involved.
	Failed func(s *Socket, err error)
}

// Observe adds hooks to those there are, which are called first. It must be called before the server gets its first request: hooks
// are looked at without a lock.
func (srv *Server) Observe(t *Trace) {
	srv.trace = srv.trace.and(t)
	srv.opts.Trace = srv.trace
}

// and makes the hooks that call both.
func (t *Trace) and(u *Trace) *Trace {
	return &Trace{
		Connected:    both1(t.Connected, u.Connected),
		Disconnected: both3(t.Disconnected, u.Disconnected),
		DataSet:      both1(t.DataSet, u.DataSet),
		Event:        both2(t.Event, u.Event),
		Broadcast:    both2(t.Broadcast, u.Broadcast),
		BadPacket:    both2(t.BadPacket, u.BadPacket),
		Failed:       both2(t.Failed, u.Failed),
	}
}

func both1[A any](f, g func(A)) func(A) {
	switch {
	case f == nil:
		return g
	case g == nil:
		return f
	}
	return func(a A) { f(a); g(a) }
}

func both2[A, B any](f, g func(A, B)) func(A, B) {
	switch {
	case f == nil:
		return g
	case g == nil:
		return f
	}
	return func(a A, b B) { f(a, b); g(a, b) }
}

func both3[A, B, C any](f, g func(A, B, C)) func(A, B, C) {
	switch {
	case f == nil:
		return g
	case g == nil:
		return f
	}
	return func(a A, b B, c C) { f(a, b, c); g(a, b, c) }
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
