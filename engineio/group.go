package engineio

import "sync/atomic"

// group is those clients who count together for [Options.MaxGroupBytes].
type group struct {
	name     string
	sessions int          // srv.mu guards it
	bytes    atomic.Int64 // that wait for those of them which have fallen behind
}

// enrol makes a session known, and one of its group.
func (srv *Server) enrol(s *Session) {
	name := ""
	grouped := srv.opts.Group != nil && srv.opts.MaxGroupBytes > 0
	if grouped {
		name = srv.opts.Group(s.handshake)
	}
	srv.mu.Lock()
	defer srv.mu.Unlock()
	srv.sessions[s.id] = s
	if !grouped {
		return
	}
	g := srv.groups[name]
	if g == nil {
		g = &group{name: name}
		srv.groups[name] = g
	}
	g.sessions++
	s.group = g
}

// forget is the opposite of enrol.
func (srv *Server) forget(s *Session) {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	delete(srv.sessions, s.id)
	if g := s.group; g != nil {
		if g.sessions--; g.sessions == 0 {
			delete(srv.groups, g.name)
		}
	}
}
