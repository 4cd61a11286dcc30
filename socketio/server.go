package socketio

import (
	"context"
	"io/fs"
	"net/http"
	"strings"
	"sync"
	"time"

	"parley/engineio"
)

// Options configures a [Server]. The zero value means the defaults of Socket.IO 4.8.
type Options struct {
	// Engine configures the transports.
	Engine engineio.Options
	// Path is where the server answers; default /socket.io.
	Path string
	// ConnectTimeout is how long a client may stay without joining a namespace; default 45 s.
	ConnectTimeout time.Duration
	// Adapter makes each namespace's adapter; default NewMemoryAdapter.
	Adapter AdapterFactory
	// Parser encodes packets; default JSONParser.
	Parser Parser
	// Recovery turns on connection state recovery; nil is off.
	Recovery *Recovery
	// CleanupEmptyChildNamespaces drops dynamic namespaces when their last socket has left.
	CleanupEmptyChildNamespaces bool
	// ClientFiles, when set, has the files of the client library (socket.io.js and so on), served below Path.
	ClientFiles fs.FS
	// MaxNamespaces and MaxRooms bound what one connection, or socket, may be in; 0 means no bound.
	MaxNamespaces int
	MaxRooms      int
	// MaxPendingAcks bounds the acknowledgements a socket may owe; 0 means no bound.
	MaxPendingAcks int
	// GenerateSocketID makes ids of sockets; default 20 random base64url characters.
	GenerateSocketID func() string
	// RoomHooks are told of rooms that come and go on this node.
	RoomHooks RoomHooks
	// Trace receives what happens.
	Trace *Trace
}

func (o Options) withDefaults() Options {
	if o.Path == "" {
		o.Path = "/socket.io"
	}
	o.Path = "/" + strings.Trim(o.Path, "/")
	if o.ConnectTimeout == 0 {
		o.ConnectTimeout = 45 * time.Second
	}
	if o.Adapter == nil {
		o.Adapter = NewMemoryAdapter
	}
	if o.Parser == nil {
		o.Parser = JSONParser{}
	}
	if o.GenerateSocketID == nil {
		o.GenerateSocketID = engineio.NewID
	}
	if o.Trace == nil {
		o.Trace = &Trace{}
	}
	if o.Recovery != nil {
		r := *o.Recovery
		if r.MaxDisconnection == 0 {
			r.MaxDisconnection = 2 * time.Minute
		}
		if r.MaxPackets == 0 {
			r.MaxPackets = 10_000
		}
		o.Recovery = &r
	}
	return o
}

// Server is a Socket.IO server. It is an http.Handler for its path. Its methods that a [Namespace] also has are those of the
// main namespace, "/".
type Server struct {
	*Namespace
	opts      Options
	trace     *Trace
	engine    *engineio.Server
	files     *clientFiles
	plainJSON bool

	mu             sync.RWMutex
	namespaces     map[string]*Namespace
	parents        []*parentNamespace
	onNewNamespace []func(*Namespace)
}

// NewServer starts a server. Close must be called in the end. It panics when the main namespace's adapter cannot be made; an
// adapter that can fail is better made before, and returned by the factory.
func NewServer(o Options) *Server {
	srv := &Server{opts: o.withDefaults(), namespaces: map[string]*Namespace{}}
	srv.trace = srv.opts.Trace
	_, srv.plainJSON = srv.opts.Parser.(JSONParser)
	main, err := srv.namespace("/", nil)
	if err != nil {
		panic(err)
	}
	srv.Namespace = main
	if srv.opts.ClientFiles != nil {
		srv.files = newClientFiles(srv.opts.ClientFiles)
	}
	srv.engine = engineio.NewServer(srv.opts.Engine, func(s *engineio.Session) engineio.Handler { return newConn(srv, s) })
	return srv
}

// Of returns the namespace of a name, which it makes if need be. It panics when the name's adapter cannot be made.
func (srv *Server) Of(name string) *Namespace {
	if !strings.HasPrefix(name, "/") {
		name = "/" + name
	}
	srv.mu.RLock()
	ns := srv.namespaces[name]
	srv.mu.RUnlock()
	if ns != nil {
		return ns
	}
	ns, err := srv.namespace(name, nil)
	if err != nil {
		panic(err)
	}
	return ns
}

// namespace makes a namespace, unless somebody else just did.
func (srv *Server) namespace(name string, parent *parentNamespace) (*Namespace, error) {
	var base *namespaceHandlers
	if parent != nil {
		base = parent.template.events.Load()
	}
	srv.mu.Lock()
	if ns := srv.namespaces[name]; ns != nil {
		srv.mu.Unlock()
		return ns, nil
	}
	ns, err := newNamespace(srv, name, base)
	if err != nil {
		srv.mu.Unlock()
		return nil, err
	}
	ns.parent = parent
	srv.namespaces[name] = ns
	told := srv.onNewNamespace
	srv.mu.Unlock()
	for _, fn := range told {
		fn(ns)
	}
	return ns, nil
}

func (srv *Server) dropNamespace(ns *Namespace) error {
	srv.mu.Lock()
	if srv.namespaces[ns.name] == ns {
		delete(srv.namespaces, ns.name)
	}
	srv.mu.Unlock()
	return ns.adapter.Close()
}

// OnNewNamespace registers fn for every namespace made from now on.
func (srv *Server) OnNewNamespace(fn func(*Namespace)) {
	srv.mu.Lock()
	srv.onNewNamespace = append(srv.onNewNamespace, fn)
	srv.mu.Unlock()
}

// Namespaces returns all namespaces, in no order.
func (srv *Server) Namespaces() []*Namespace {
	srv.mu.RLock()
	defer srv.mu.RUnlock()
	out := make([]*Namespace, 0, len(srv.namespaces))
	for _, ns := range srv.namespaces {
		out = append(out, ns)
	}
	return out
}

// Engine is the Engine.IO server beneath.
func (srv *Server) Engine() *engineio.Server { return srv.engine }

// Options are the options in force, defaults filled in.
func (srv *Server) Options() Options { return srv.opts }

// ServeHTTP answers below the server's path: the client library's files, and everything else is the engine's.
func (srv *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	rest, ok := strings.CutPrefix(r.URL.Path, srv.opts.Path)
	if !ok {
		http.NotFound(w, r)
		return
	}
	if name := strings.TrimPrefix(rest, "/"); name != "" {
		if srv.files == nil || !srv.files.serve(w, r, name) {
			http.NotFound(w, r)
		}
		return
	}
	srv.engine.ServeHTTP(w, r)
}

// Close refuses new clients, tells every client that the server is going, and waits until they have been told, or ctx is done.
func (srv *Server) Close(ctx context.Context) error {
	err := srv.engine.Close(ctx)
	for _, ns := range srv.Namespaces() {
		if cerr := ns.adapter.Close(); err == nil {
			err = cerr
		}
	}
	return err
}
