package socketio

import "slices"

// socketHandlers are what was registered on this socket alone; most sockets have none, their namespace's serving for all.
type socketHandlers struct {
	events        map[string][]*listener
	any           []*listener
	uses          []func(e *Event, next func(error))
	disconnect    []func(s *Socket, reason string)
	disconnecting []func(s *Socket, reason string)
	errors        []func(s *Socket, err error)
}

type listener struct {
	fn   Handler
	once bool
}

type outgoingListener struct {
	fn func(event string, data []byte)
}

// On registers a handler for an event of this socket. Handlers of the namespace run first. What it returns removes the handler.
func (s *Socket) On(event string, h Handler) (off func()) { return s.listen(event, &listener{fn: h}) }

// Once is On for the next such event only.
func (s *Socket) Once(event string, h Handler) (off func()) {
	return s.listen(event, &listener{fn: h, once: true})
}

func (s *Socket) listen(event string, l *listener) (off func()) {
	s.register(func(hs *socketHandlers) {
		if hs.events == nil {
			hs.events = map[string][]*listener{}
		}
		hs.events[event] = append(hs.events[event], l)
	})
	return func() { s.off(event, l) }
}

func (s *Socket) off(event string, l *listener) {
	s.register(func(hs *socketHandlers) { hs.events[event] = without(hs.events[event], l) })
}

func without[T comparable](list []T, x T) []T {
	return slices.DeleteFunc(slices.Clone(list), func(y T) bool { return y == x })
}

// Off removes all of this socket's own handlers of an event.
func (s *Socket) Off(event string) {
	s.register(func(hs *socketHandlers) { delete(hs.events, event) })
}

// OnAny registers a handler for every event, called before the event's own. What it returns removes the handler.
func (s *Socket) OnAny(h Handler) (off func()) {
	return s.listenAny(h, func(list []*listener, l *listener) []*listener { return append(list, l) })
}

// PrependAny is OnAny, before those already registered.
func (s *Socket) PrependAny(h Handler) (off func()) {
	return s.listenAny(h, func(list []*listener, l *listener) []*listener { return slices.Insert(list, 0, l) })
}

func (s *Socket) listenAny(h Handler, insert func([]*listener, *listener) []*listener) (off func()) {
	l := &listener{fn: h}
	s.register(func(hs *socketHandlers) { hs.any = insert(hs.any, l) })
	return func() { s.register(func(hs *socketHandlers) { hs.any = without(hs.any, l) }) }
}

// OffAny removes all handlers of OnAny.
func (s *Socket) OffAny() { s.register(func(hs *socketHandlers) { hs.any = nil }) }

// Use registers a middleware that sees every event of this socket before its handlers: it calls next, with an error to refuse
// the event, or not at all to swallow it.
func (s *Socket) Use(fn func(e *Event, next func(error))) {
	s.register(func(hs *socketHandlers) { hs.uses = append(hs.uses, fn) })
}

// OnDisconnect registers a handler for the socket's end, when it has left its rooms.
func (s *Socket) OnDisconnect(fn func(s *Socket, reason string)) {
	s.register(func(hs *socketHandlers) { hs.disconnect = append(hs.disconnect, fn) })
}

// OnDisconnecting registers a handler for the socket's end, when it is still in its rooms.
func (s *Socket) OnDisconnecting(fn func(s *Socket, reason string)) {
	s.register(func(hs *socketHandlers) { hs.disconnecting = append(hs.disconnecting, fn) })
}

// OnError registers a handler for errors that middlewares of Use gave.
func (s *Socket) OnError(fn func(s *Socket, err error)) {
	s.register(func(hs *socketHandlers) { hs.errors = append(hs.errors, fn) })
}

// OnAnyOutgoing registers fn for every event sent to this client: its name and its arguments as a JSON array, name first. It may
// be called from several goroutines at once, and must not block. What OnAnyOutgoing returns removes it.
func (s *Socket) OnAnyOutgoing(fn func(event string, data []byte)) (off func()) {
	return s.listenOutgoing(fn, func(list []*outgoingListener, l *outgoingListener) []*outgoingListener { return append(list, l) })
}

// PrependAnyOutgoing is OnAnyOutgoing, before those already registered.
func (s *Socket) PrependAnyOutgoing(fn func(event string, data []byte)) (off func()) {
	return s.listenOutgoing(fn, func(list []*outgoingListener, l *outgoingListener) []*outgoingListener {
		return slices.Insert(list, 0, l)
	})
}

// OffAnyOutgoing removes all functions of OnAnyOutgoing.
func (s *Socket) OffAnyOutgoing() {
	s.editOutgoing(func([]*outgoingListener) []*outgoingListener { return nil })
}

func (s *Socket) listenOutgoing(
	fn func(string, []byte), insert func([]*outgoingListener, *outgoingListener) []*outgoingListener,
) (off func()) {
	l := &outgoingListener{fn}
	s.editOutgoing(func(list []*outgoingListener) []*outgoingListener { return insert(list, l) })
	return func() {
		s.editOutgoing(func(list []*outgoingListener) []*outgoingListener { return without(list, l) })
	}
}

// editOutgoing replaces the list, which senders read without a lock; nil when it is empty, so that they see it at once.
func (s *Socket) editOutgoing(edit func([]*outgoingListener) []*outgoingListener) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []*outgoingListener
	if old := s.outgoing.Load(); old != nil {
		list = slices.Clone(*old)
	}
	if list = edit(list); len(list) == 0 {
		s.outgoing.Store(nil)
		return
	}
	s.outgoing.Store(&list)
}

func (s *Socket) tellOutgoing(p *Packet) {
	list := s.outgoing.Load()
	if list == nil || p.Type != PacketEvent {
		return
	}
	elements, err := splitArray(nil, p.Data)
	if err != nil || len(elements) == 0 {
		return
	}
	name, _ := eventName(elements[0], nil) // we encoded it
	for _, l := range *list {
		l.fn(name, p.Data)
	}
}

func (s *Socket) register(edit func(*socketHandlers)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	next := &socketHandlers{}
	if s.handlers != nil { // copied, because a dispatch may be reading the old one
		*next = *s.handlers
		next.events = make(map[string][]*listener, len(s.handlers.events))
		for k, v := range s.handlers.events {
			next.events[k] = slices.Clip(v)
		}
		next.any, next.uses = slices.Clip(next.any), slices.Clip(next.uses)
		next.disconnect, next.disconnecting = slices.Clip(next.disconnect), slices.Clip(next.disconnecting)
		next.errors = slices.Clip(next.errors)
	}
	edit(next)
	s.handlers = next
}

func (s *Socket) ownHandlers() *socketHandlers {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.handlers
}
