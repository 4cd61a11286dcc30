package live

import (
	"context"
	"encoding/json"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/trace"

	"parley/engineio"
	"parley/internal/auth"
	"parley/internal/chat"
	"parley/socketio"
)

// Options configures a [Door].
type Options struct {
	Chat        *chat.Chat
	Sessions    *auth.Sessions
	Accounts    *auth.Accounts
	Nodes       Nodes         // the other nodes of this server; nil for one node
	Node        string        // this one's name among them
	PushKey     func() string // what devices subscribe with to be told of messages; nil where they cannot
	Guests      bool          // whether people without an account are admitted
	Log         *slog.Logger
	Engine      engineio.Options        // its AllowRequest, Trace and Group are the door's own
	ClientFiles fs.FS                   // of the browser's client library
	Adapter     socketio.AdapterFactory // of namespaces other than the door's own; nil keeps them to this node
	Admission   Admission
	Rates       Rates
	Overload    Overload
	// ConnectionsPerPerson bounds the connections of one person; 0 means no bound.
	ConnectionsPerPerson int
	Crowd                int           // people up to whom everybody hears of everybody; 0 means no bound
	LeaveGrace           time.Duration // how long a person may be without a connection before they have left
	JoinTimeout          time.Duration // how long a connection may exist without joining the namespace
	// ClientIP tells whose limits a request counts against; default the peer's address.
	ClientIP func(*http.Request) string
	Metrics  Metrics
	Settings Settings       // in force
	Numbers  func() Numbers // how this node is
	// AckBounds are the upper bounds, in seconds, by which Numbers counts acknowledgements.
	AckBounds []float64
	Tracer    trace.Tracer // nil for none
}

// Metrics are hooks for what is counted; each may be nil.
type Metrics struct {
	Event       func(name string, took time.Duration, code string) // code is empty for success
	Refused     func(reason string)
	Closed      func(reason string)
	Message     func() // a message was committed
	Opened      func()
	FellBehind  func()
	Forwarded   func(failed bool) // a request went on to another node
	RateLimited func(event string)
	Broadcast   func(receivers int, volatile bool)
	Written     func(frames, bytes int) // to a connection, at once
	Filled      func(entries int)       // that were read from the log, because nobody had told of them
	Heard       func(about string)      // another node told something: about a room, a person, or the node itself
}

// Door is the Socket.IO server of the product.
type Door struct {
	o        Options
	io       *socketio.Server
	guard    *guard
	people   *people
	limits   *limits
	load     *load
	typing   typists
	sequence *sequencer
	hears    *hears
	watcher  *watcher // nil before Watch
	watching watching
	draining atomic.Bool
	counted  atomic.Int64    // how many people there were, as everybody was told last
	life     context.Context //nolint:containedctx // it ends with the door
	end      context.CancelFunc
	running  sync.WaitGroup // what goes on beside requests
}

// New makes the door. Chat may be set later, before the first request, with SetChat: the two need each other.
func New(o Options) *Door {
	d := &Door{o: o, typing: typists{at: map[[2]string]*typist{}, shown: map[string]int{}}}
	d.life, d.end = context.WithCancel(context.Background())
	if o.ClientIP == nil {
		d.o.ClientIP = peerIP
	}
	d.guard = newGuard(o.Admission, d.o.ClientIP)
	d.people = newPeople(o.LeaveGrace, o.Node, peopleHooks{
		arrived: d.announceArrived, left: d.announceLeft, changed: d.tellPresence,
		told: func(userID string, near []string) {
			if o.Nodes != nil {
				d.tellNodes(nodeMessage{Here: d.people.one(userID, near)})
			}
		},
	})
	d.sequence = newSequencer(d.deliverEntry)
	d.hears = newHears(o.Nodes)
	d.limits = newLimits(o.Rates)
	d.load = newLoad(o.Overload)
	engine := o.Engine
	engine.AllowRequest = d.allow
	engine.Trace = d.engineTrace()
	engine.Group = func(h *engineio.Handshake) string { return Network(h.Header().Get(ipHeader)) }
	d.io = socketio.NewServer(socketio.Options{
		Engine: engine, ConnectTimeout: o.JoinTimeout, ClientFiles: o.ClientFiles,
		Adapter: d.adapterOf(o.Adapter), MaxNamespaces: 4, MaxRooms: 1000, MaxPendingAcks: 100, Trace: d.trace(),
	})
	d.io.OnConnection(d.connected)
	d.io.OnDisconnect(func(s *socketio.Socket, _ string) { d.disconnected(s) })
	d.register()
	return d
}

// SetChat gives the door what it stands before.
func (d *Door) SetChat(c *chat.Chat, accounts *auth.Accounts) {
	d.o.Chat, d.o.Accounts = c, accounts
	d.sequence.read = func(ctx context.Context, room string, after int64) ([]chat.Entry, error) {
		entries, err := c.Entries(ctx, room, after)
		if d.o.Metrics.Filled != nil {
			d.o.Metrics.Filled(len(entries))
		}
		return entries, err
	}
	d.sequence.parent = c.Parent
}

// adapterOf keeps the door's own namespace to this node: what nodes tell each other of it goes another way.
func (d *Door) adapterOf(others socketio.AdapterFactory) socketio.AdapterFactory {
	return func(ns *socketio.Namespace) (socketio.Adapter, error) {
		if ns.Name() == "/" || others == nil {
			a := socketio.NewMemory(ns)
			a.OnRoomChange(func(room string) { d.hears.changed(room, d.serves) })
			return a, nil
		}
		return others(ns)
	}
}

// Server is the Socket.IO server behind the door, for namespaces of the operator's. They are added before the first request.
func (d *Door) Server() *socketio.Server { return d.io }

// ServeHTTP answers below /socket.io.
func (d *Door) ServeHTTP(w http.ResponseWriter, r *http.Request) { d.io.ServeHTTP(w, r) }

// Connections is the number of clients connected, Online the number of people.
func (d *Door) Connections() int { return d.io.Engine().Len() }

// Online is the number of people here.
func (d *Door) Online() int { return d.people.count() }

// Outbound is the number of bytes that wait for slow clients.
func (d *Door) Outbound() int64 { return d.io.Engine().Outbound() }

const (
	// drainBatches is in how many steps a draining server lets its clients go, so that they do not all come back at once.
	drainBatches = 20
	drainStep    = 50 * time.Millisecond // at least, between two of them
)

// StopAdmitting turns new clients away with a hint of when to come back.
func (d *Door) StopAdmitting() { d.draining.Store(true) }

// serverRestarting tells a client when to come back.
type serverRestarting struct {
	RetryAfter float64 `json:"retryAfter"` // seconds
}

// Drain lets go of all clients in batches within the given time, no faster than one node would admit them, and tells each when to
// come back, at a time of its own: at once where other nodes are there to take them. What they sent before is answered first.
func (d *Door) Drain(ctx context.Context, within time.Duration) error {
	d.StopAdmitting()
	sockets := d.io.Sockets()
	first := time.Second
	if d.people.hasNodes() {
		first = 100 * time.Millisecond
	}
	pause := drainStep
	if rate := d.o.Admission.Handshakes; rate > 0 {
		pause = max(pause, time.Duration(float64(len(sockets))/rate/drainBatches*float64(time.Second)))
	}
	pause = min(pause, within/drainBatches)
	size := len(sockets)/drainBatches + 1
	for i := 0; i < len(sockets); i += size {
		for _, s := range sockets[i:min(i+size, len(sockets))] {
			wait := first + time.Duration(rand.Int64N(int64(2*first)))
			_ = s.Emit("server-restarting", serverRestarting{wait.Seconds()}) // numbers encode
			s.Session().Finish(engineio.ReasonServerShutdown)
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
	}
	d.tellNodes(nodeMessage{Here: d.people.leaving()})
	return d.Close(ctx)
}

// Close ends all connections and waits until they have ended, or ctx is done.
func (d *Door) Close(ctx context.Context) error {
	d.end()
	d.watcher.close()
	d.sequence.close()
	d.running.Wait()
	err := d.io.Close(ctx)
	d.people.close()
	d.typing.close()
	d.limits.close()
	return err
}

// encode makes a payload that goes out to many as it is.
func encode(v any) socketio.RawJSON {
	data, err := json.Marshal(v)
	if err != nil { // payloads are structs of strings and numbers
		panic(err)
	}
	return data
}

// Draining reports whether the server is letting its clients go.
func (d *Door) Draining() bool { return d.draining.Load() }
