package adminui

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"golang.org/x/crypto/bcrypt"

	"parley/socketio"
)

// Mode says how much the page is told.
type Mode string

// The modes of the official package. Its default depends on NODE_ENV, ours is Production.
const (
	Production  Mode = "production"  // aggregated numbers
	Development Mode = "development" // besides, each socket, room and event
)

// Options configures [Instrument]. Either Auth or NoAuth is required.
type Options struct {
	// Namespace is the admin namespace's name; default /admin.
	Namespace string
	// Auth is what one has to know; without it NoAuth must be set.
	Auth   *BasicAuth
	NoAuth bool
	// ReadOnly leaves out the commands: emit, join, leave and disconnect.
	ReadOnly bool
	// ServerID tells this server from the others of a cluster; default the host's name and the process's id.
	ServerID string
	// Store keeps the sessions of those who have entered the password; default [NewMemoryStore].
	Store Store
	// Mode is how much the page is told; default Production.
	Mode Mode
	// StatsInterval is the time between two reports of the server's numbers; default 2 s.
	StatsInterval time.Duration
	// MaxQueue bounds what waits to be told in Development mode; default 4,096. Received and sent events are left out when it is half full.
	MaxQueue int
	// MaxEventBytes bounds the arguments of one event that is told in Development mode, as JSON; default 16 KiB. Of a larger one the name
	// and the size are told.
	MaxEventBytes int
	// OnError is told of what goes wrong in the background. It may be nil, and must not block.
	OnError func(error)
}

// BasicAuth is a name and a password.
type BasicAuth struct {
	Username string
	Password string // its bcrypt hash, as made by htpasswd -nbB
}

// Errors of [Instrument].
var (
	ErrNoAuth = errors.New("adminui: set Auth, or say with NoAuth that there is to be none")
	ErrMode   = errors.New("adminui: the mode must be production or development")
)

func (o Options) withDefaults() (Options, error) {
	if o.Namespace == "" {
		o.Namespace = "/admin"
	}
	if o.ServerID == "" {
		host, _ := os.Hostname() // without one, the process's id has to do
		o.ServerID = fmt.Sprintf("%s#%d", host, os.Getpid())
	}
	if o.Store == nil {
		o.Store = NewMemoryStore()
	}
	if o.Mode == "" {
		o.Mode = Production
	}
	if o.StatsInterval <= 0 {
		o.StatsInterval = 2 * time.Second
	}
	if o.MaxQueue <= 0 {
		o.MaxQueue = 4096
	}
	if o.MaxEventBytes <= 0 {
		o.MaxEventBytes = 16 << 10
	}
	if o.OnError == nil {
		o.OnError = func(error) {}
	}
	switch {
	case o.Mode != Production && o.Mode != Development:
		return o, ErrMode
	case o.Auth == nil && !o.NoAuth:
		return o, ErrNoAuth
	case o.Auth != nil:
		if _, err := bcrypt.Cost([]byte(o.Auth.Password)); err != nil {
			return o, fmt.Errorf("adminui: the password must be a bcrypt hash: %w", err)
		}
	}
	return o, nil
}

// features are what the page may use, in the words of the official package.
func (o Options) features() []string {
	list := []string{}
	if !o.ReadOnly {
		list = append(list, "EMIT", "JOIN", "LEAVE", "DISCONNECT", "MJOIN", "MLEAVE", "MDISCONNECT")
	}
	list = append(list, "AGGREGATED_EVENTS")
	if o.Mode == Development {
		list = append(list, "ALL_EVENTS")
	}
	return list
}

// Admin is an admin namespace at work.
type Admin struct {
	o       Options
	io      *socketio.Server
	ns      *socketio.Namespace
	stats   *stats
	teller  *teller // nil in Production mode
	quit    chan struct{}
	running sync.WaitGroup
}

// Instrument adds the admin namespace to a server. It must be called before the server gets its first request. Close must be called
// in the end, before the server's.
func Instrument(io *socketio.Server, options Options) (*Admin, error) {
	o, err := options.withDefaults()
	if err != nil {
		return nil, err
	}
	a := &Admin{o: o, io: io, ns: io.Of(o.Namespace), stats: newStats(io), quit: make(chan struct{})}
	if o.Auth != nil {
		auth := newAuthenticator(*o.Auth, o.Store)
		a.ns.Use(auth.check)
		a.ns.OnConnection(auth.remember)
	}
	if o.Mode == Development {
		a.teller = newTeller(a)
	}
	a.ns.OnConnection(a.connected)
	if !o.ReadOnly {
		a.registerCommands()
	}
	a.running.Go(a.report)
	if a.teller != nil {
		a.running.Go(a.teller.run)
		a.running.Go(a.teller.watch)
	}
	return a, nil
}

// Close ends what goes on in the background.
func (a *Admin) Close() {
	close(a.quit)
	a.running.Wait()
}

// connected tells a page what it may do, and in Development mode what there is.
func (a *Admin) connected(s *socketio.Socket) {
	a.emitTo(s, "config", map[string]any{"supportedFeatures": a.o.features()})
	if a.teller != nil {
		a.teller.welcome(s)
	}
	a.emitTo(s, "server_stats", a.serverStats(nil)) // or else the first ones would be seconds away
}

func (a *Admin) emitTo(to socketio.Sender, event string, args ...any) {
	if err := to.Emit(event, args...); err != nil {
		a.o.OnError(err)
	}
}
