package engineio

import "net/http"

// Trace is a set of hooks, each of which may be nil. They are called synchronously and must not block.
type Trace struct {
	// Opened and Closed bracket a session.
	Opened func(s *Session)
	Closed func(s *Session, reason Reason, err error)
	// Upgraded is called when a session moved to another transport.
	Upgraded func(s *Session)
	// Refused is called for every request turned away.
	Refused func(r *http.Request, why *Refusal)
	// Flushed is called after each write to a client, by whatever transport: the messages and bytes in it.
	Flushed func(messages, bytes int)
	// Received is called for each message of a client, before its handler: its size in bytes, without framing.
	Received func(s *Session, bytes int)
	// FellBehind is called when a connection's socket buffer is full.
	FellBehind func(s *Session)
	// Forwarded is called for every request that was sent to the node of its session; err says why that did not answer.
	Forwarded func(r *http.Request, node string, err error)
	// Panicked is called when a Handler panicked; the session is closed.
	Panicked func(s *Session, value any, stack []byte)
}

// Observe adds hooks to those there are, which are called first. It must be called before the server gets its first request: hooks
// are looked at without a lock.
func (srv *Server) Observe(t *Trace) { srv.opts.Trace = srv.opts.Trace.and(t) }

// and makes the hooks that call both.
func (t *Trace) and(u *Trace) *Trace {
	return &Trace{
		Opened:     both1(t.Opened, u.Opened),
		Closed:     both3(t.Closed, u.Closed),
		Upgraded:   both1(t.Upgraded, u.Upgraded),
		Refused:    both2(t.Refused, u.Refused),
		Flushed:    both2(t.Flushed, u.Flushed),
		Received:   both2(t.Received, u.Received),
		FellBehind: both1(t.FellBehind, u.FellBehind),
		Forwarded:  both3(t.Forwarded, u.Forwarded),
		Panicked:   both3(t.Panicked, u.Panicked),
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
