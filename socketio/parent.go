package socketio

import "regexp"

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
// inherited by every child at its birth. Parents are asked in the order of their registration.
func (srv *Server) Match(match NamespaceMatch) *Namespace {
	template := &Namespace{name: "/_" + srv.opts.GenerateSocketID(), server: srv, sockets: map[string]*Socket{}}
	template.events.Store((*namespaceHandlers)(nil).clone())
	template.adapter = NewMemory(template)
	srv.mu.Lock()
	srv.parents = append(srv.parents, &parentNamespace{match: match, template: template})
	srv.mu.Unlock()
	return template
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
