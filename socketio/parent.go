package socketio

import (
	"context"
	"errors"
	"regexp"
	"slices"
)

// NamespaceMatch decides whether a client may have a namespace that does not exist yet.
type NamespaceMatch func(name string, h *Handshake) bool

// MatchRegexp matches the whole of a namespace's name as JavaScript's test does: anywhere, unless anchored.
func MatchRegexp(re *regexp.Regexp) NamespaceMatch {
	return func(name string, _ *Handshake) bool { return re.MatchString(name) }
}

// parentNamespace makes namespaces as clients ask for them. What is registered on its template goes to every child.
type parentNamespace struct {
	match    NamespaceMatch
	template *Namespace
}

// Match registers a parent of dynamic namespaces and returns its template: middlewares and handlers registered there are
// inherited by every child at its birth, and what is emitted to it goes to all of them. Parents are asked in the order of their registration.
func (srv *Server) Match(match NamespaceMatch) *Namespace {
	template := &Namespace{name: "/_" + srv.opts.GenerateSocketID(), server: srv, sockets: map[string]*Socket{}}
	template.events.Store((*namespaceHandlers)(nil).clone())
	parent := &parentNamespace{match: match, template: template}
	template.adapter = &parentAdapter{MemoryAdapter: NewMemory(template), parent: parent}
	srv.mu.Lock()
	srv.parents = append(srv.parents, parent)
	srv.mu.Unlock()
	return template
}

// children are the namespaces that a parent has made, and that are still there.
func (p *parentNamespace) children() []*Namespace {
	return slices.DeleteFunc(p.template.server.Namespaces(), func(ns *Namespace) bool { return ns.parent != p })
}

// parentAdapter is the adapter of a template, which has no sockets of its own: what is done to its sockets is done to all
// children's.
type parentAdapter struct {
	*MemoryAdapter
	parent *parentNamespace
}

func (a *parentAdapter) each(do func(Adapter) error) error {
	children := a.parent.children()
	errs := make([]error, 0, len(children))
	for _, ns := range children {
		errs = append(errs, do(ns.adapter))
	}
	return errors.Join(errs...)
}

// Broadcast implements Adapter.
func (a *parentAdapter) Broadcast(p *Packet, t Target, f Flags) error {
	children := a.parent.children()
	errs := make([]error, 0, len(children))
	for _, ns := range children {
		q := *p
		q.Namespace = ns.name
		errs = append(errs, ns.adapter.Broadcast(&q, t, f))
	}
	return errors.Join(errs...)
}

// BroadcastWithAck implements Adapter. As in Node, only one namespace can be asked at a time.
func (a *parentAdapter) BroadcastWithAck(context.Context, *Packet, Target, Flags, func(int), func(AckReply)) error {
	return errParent
}

var errParent = errors.New("socketio: a parent of namespaces cannot ask for acknowledgements")

// FetchSockets implements Adapter.
func (a *parentAdapter) FetchSockets(ctx context.Context, t Target, f Flags) ([]RemoteSocket, error) {
	found := []RemoteSocket{}
	err := a.each(func(child Adapter) error {
		more, err := child.FetchSockets(ctx, t, f)
		found = append(found, more...)
		return err
	})
	return found, err
}

// AddSockets implements Adapter.
func (a *parentAdapter) AddSockets(t Target, f Flags, rooms []string) error {
	return a.each(func(child Adapter) error { return child.AddSockets(t, f, rooms) })
}

// DelSockets implements Adapter.
func (a *parentAdapter) DelSockets(t Target, f Flags, rooms []string) error {
	return a.each(func(child Adapter) error { return child.DelSockets(t, f, rooms) })
}

// DisconnectSockets implements Adapter.
func (a *parentAdapter) DisconnectSockets(t Target, f Flags, closeConn bool) error {
	return a.each(func(child Adapter) error { return child.DisconnectSockets(t, f, closeConn) })
}

// find returns the namespace of a name, made by a parent if one matches, or nil.
func (srv *Server) find(name string, h *Handshake) *Namespace {
	srv.mu.RLock()
	ns, parents := srv.namespaces[name], srv.parents
	srv.mu.RUnlock()
	if ns != nil {
		return ns
	}
	for _, p := range parents {
		if p.match(name, h) {
			child, err := srv.namespace(name, p)
			if err != nil {
				srv.trace.failedNamespace(name, err)
				return nil
			}
			return child
		}
	}
	return nil
}
