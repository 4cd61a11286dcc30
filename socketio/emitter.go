package socketio

import (
	"context"
	"errors"
	"time"
)

// Emitter sends to one client with modifiers. It is a value: each method returns another one, and one may be kept and used many
// times.
type Emitter struct {
	s     *Socket
	flags Flags
}

// Volatile sends events only if the client can take them now; the others are dropped.
func (s *Socket) Volatile() Emitter { return Emitter{s: s}.Volatile() }

// Compress says whether events may be compressed; the default is that they may.
func (s *Socket) Compress(yes bool) Emitter { return Emitter{s: s}.Compress(yes) }

// Timeout bounds the wait for acknowledgements.
func (s *Socket) Timeout(d time.Duration) Emitter { return Emitter{s: s}.Timeout(d) }

// Volatile drops what the client cannot take now.
func (e Emitter) Volatile() Emitter {
	e.flags.Volatile = true
	return e
}

// Compress says whether events may be compressed.
func (e Emitter) Compress(yes bool) Emitter {
	e.flags.NoCompress = !yes
	return e
}

// Timeout bounds the wait for acknowledgements; 0 waits as long as the socket is connected.
func (e Emitter) Timeout(d time.Duration) Emitter {
	e.flags.Timeout = d
	return e
}

// Emit sends an event to this client. The error tells of arguments that cannot be encoded, or of a reserved name.
func (s *Socket) Emit(event string, args ...any) error { return Emitter{s: s}.Emit(event, args...) }

// Send emits the event "message", as the Send of Node's servers and clients does.
func (s *Socket) Send(args ...any) error { return s.Emit("message", args...) }

// Emit is Socket.Emit.
func (e Emitter) Emit(event string, args ...any) error {
	p, err := eventPacket(event, args)
	if err != nil {
		return err
	}
	if e.s.ns.server.opts.Recovery != nil && Recoverable(p, e.flags) {
		// Through the adapter, which keeps the packet for a recovery.
		p.Namespace = e.s.ns.name
		return e.s.ns.adapter.Broadcast(p, Target{Rooms: []string{e.s.id}}, e.flags)
	}
	e.send(p)
	return nil
}

// Send emits the event "message".
func (e Emitter) Send(args ...any) error { return e.Emit("message", args...) }

func (e Emitter) send(p *Packet) {
	if !e.flags.Volatile && !e.flags.NoCompress {
		e.s.sendPacket(p)
		return
	}
	p.Namespace = e.s.ns.name
	msgs := e.s.ns.server.opts.Parser.Encode(p)
	if e.flags.NoCompress {
		for _, m := range msgs {
			m.NoCompress()
		}
	}
	e.s.push(msgs, p, e.flags.Volatile)
}

// EmitAck emits an event and calls fn with the client's acknowledgement, or with ErrAckTimeout or ErrDisconnected. A timeout of
// 0 waits as long as the socket is connected. It does not wait itself, and so may be called from a handler.
func (s *Socket) EmitAck(timeout time.Duration, fn func(*Reply, error), event string, args ...any) error {
	return s.Timeout(timeout).EmitAck(fn, event, args...)
}

// EmitAck is Socket.EmitAck with the emitter's timeout.
func (e Emitter) EmitAck(fn func(*Reply, error), event string, args ...any) error {
	_, err := e.ask(fn, event, args)
	return err
}

func (e Emitter) ask(fn func(*Reply, error), event string, args []any) (id uint64, err error) {
	p, err := eventPacket(event, args)
	if err != nil {
		return 0, err
	}
	p.HasID, p.ID = true, e.s.ns.ids.Add(1)-1
	err = e.s.expectAck(p.ID, func(data []byte, attachments [][]byte, err error) {
		if err != nil {
			fn(nil, err)
			return
		}
		fn(newReply(data, attachments))
	}, e.flags.Timeout)
	if err != nil {
		return 0, err
	}
	e.send(p)
	return p.ID, nil
}

// EmitWithAck emits an event and waits for the acknowledgement. It must not be called from a handler of the same client: the
// acknowledgement would wait for the handler to return.
func (s *Socket) EmitWithAck(ctx context.Context, event string, args ...any) (*Reply, error) {
	return Emitter{s: s}.EmitWithAck(ctx, event, args...)
}

// EmitWithAck is Socket.EmitWithAck; the emitter's timeout counts besides ctx.
func (e Emitter) EmitWithAck(ctx context.Context, event string, args ...any) (*Reply, error) {
	type result struct {
		reply *Reply
		err   error
	}
	done := make(chan result, 1)
	id, err := e.ask(func(r *Reply, err error) {
		if r != nil {
			r.keep()
		}
		done <- result{r, err}
	}, event, args)
	if err != nil {
		return nil, err
	}
	select {
	case r := <-done:
		return r.reply, r.err
	case <-ctx.Done():
		e.s.settleAck(id, nil, nil, ErrAckTimeout) // nobody waits any more: an answer that never comes is not waited for
		return nil, errors.Join(ErrAckTimeout, ctx.Err())
	}
}
