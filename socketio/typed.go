package socketio

import "context"

// Typed adapts a function of one decoded argument: what it returns is the acknowledgement, and an error, also one of decoding,
// acknowledges {"error": "..."}.
func Typed[T any](fn func(s *Socket, in T) (any, error)) Handler {
	return TypedContext(func(_ context.Context, s *Socket, in T) (any, error) { return fn(s, in) })
}

// TypedContext is Typed for a function that also takes the socket's context, which ends when the socket disconnects, and whose
// answer has a type.
func TypedContext[In, Out any](fn func(ctx context.Context, s *Socket, in In) (Out, error)) Handler {
	return func(s *Socket, e *Event) {
		var in In
		var answer any
		err := e.Bind(&in)
		if err == nil {
			answer, err = fn(s.Context(), s, in)
		}
		if err != nil {
			answer = map[string]string{"error": err.Error()}
		}
		if err := e.Ack(answer); err != nil {
			s.ns.server.trace.failed(s, err)
		}
	}
}

// EventName is the name of an event whose one argument is a T, so that the compiler knows what may be emitted by it.
type EventName[T any] string

// Sender is what events are emitted to: a [Socket], [Namespace], [Broadcast], [Emitter] or [RemoteSocket].
type Sender interface {
	Emit(event string, args ...any) error
}

// Emit emits the event to somebody.
func (n EventName[T]) Emit(to Sender, value T) error { return to.Emit(string(n), value) }

// Handle makes a handler of the event; its return values are those of [TypedContext].
func (n EventName[T]) Handle(ns *Namespace, fn func(ctx context.Context, s *Socket, in T) (any, error)) {
	ns.On(string(n), TypedContext(fn))
}

// DataOf is what SetData stored, as a T; the zero value when it stored none, or something else.
func DataOf[T any](s *Socket) T {
	v, _ := s.Data().(T)
	return v
}
