package engineio

import (
	"crypto/rand"
	"encoding/base64"
	"net/http"
	"runtime"
	"time"
)

// The names of the transports, as they appear in the transport query parameter.
const (
	Polling      = "polling"
	WebSocket    = "websocket"
	WebTransport = "webtransport"
)

// Options configures a [Server]. The zero value means the defaults of Node's engine.io 6, with bounded queues.
type Options struct {
	PingInterval   time.Duration // between two pings; default 25 s
	PingTimeout    time.Duration // how long a pong may take; default 20 s
	UpgradeTimeout time.Duration // how long an upgrade may take; default 10 s
	MaxPayload     int64         // bytes of one message (also after decompression) or one POST body; default 1,000,000

	// Transports allowed for the handshake; default polling and websocket.
	Transports []string
	// DisallowUpgrades keeps polling sessions on polling.
	DisallowUpgrades bool
	// AllowEIO3 also admits clients of protocol revision 3 (Socket.IO 2.x).
	AllowEIO3 bool

	// AllowRequest decides on each handshake; a non-nil Refusal turns the client away.
	AllowRequest func(*http.Request) *Refusal
	// CORS answers cross-origin requests; nil sends no CORS headers.
	CORS *CORS
	// Cookie, when set, is sent with the handshake, its value being the session id: for sticky load balancers. [StickyCookie]
	// is the usual one.
	Cookie *http.Cookie
	// InitialPacket, when set, is sent to every new session right after the handshake.
	InitialPacket *Message

	// PerMessageDeflate compresses WebSocket messages; nil (the default) is off.
	PerMessageDeflate *Compression
	// HTTPCompression compresses polling responses; nil means on, from 1,024 bytes.
	HTTPCompression *Compression

	// MaxQueueBytes and MaxQueueMessages bound what waits for one client; past them the session is closed with
	// ReasonSlowConsumer. The number counts only once the client has fallen behind. Defaults 1 MiB and 1,024.
	MaxQueueBytes    int
	MaxQueueMessages int
	// MaxOutboundBytes bounds what waits for all clients that have fallen behind; 0 means no bound.
	MaxOutboundBytes int64
	// MaxGroupBytes bounds what waits for those clients of one group that have fallen behind; past it one of them is closed with
	// ReasonOutboundMemory. Group names a client's group, as its address; without it, or with 0, there is no such bound.
	MaxGroupBytes int64
	Group         func(*Handshake) string
	// WriteTimeout bounds one write to a connection that has fallen behind; default 10 s.
	WriteTimeout time.Duration
	// MaxFragments bounds the frames of one fragmented WebSocket message; default 1,024.
	MaxFragments int

	// Nodes are the other nodes behind the same load balancer; nil is a node alone, or a balancer that keeps every client on its node.
	Nodes Nodes
	// GenerateID makes session ids; default 20 base64url characters from crypto/rand.
	GenerateID func(*http.Request) string
	// OnHeaders may add headers to a response: initial is true for the handshake's.
	OnHeaders func(h http.Header, r *http.Request, initial bool)
	// Trace receives what happens, for metrics and logs.
	Trace *Trace

	// Shards is the number of event loops; default GOMAXPROCS.
	Shards int
}

// Compression says from which size on something is compressed.
type Compression struct {
	Disabled  bool
	Threshold int // bytes; 0 means 1,024
}

func (c *Compression) threshold() int {
	if c.Threshold == 0 {
		return 1024
	}
	return c.Threshold
}

// StickyCookie is the cookie that Node's engine.io sends by default when told to send one.
func StickyCookie() *http.Cookie {
	return &http.Cookie{Name: "io", Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode}
}

func orDefault[T comparable](v *T, def T) {
	var zero T
	if *v == zero {
		*v = def
	}
}

func (o Options) withDefaults() Options {
	orDefault(&o.PingInterval, 25*time.Second)
	orDefault(&o.PingTimeout, 20*time.Second)
	orDefault(&o.UpgradeTimeout, 10*time.Second)
	orDefault(&o.MaxPayload, 1_000_000)
	orDefault(&o.MaxQueueBytes, 1<<20)
	orDefault(&o.MaxQueueMessages, 1024)
	orDefault(&o.WriteTimeout, 10*time.Second)
	orDefault(&o.MaxFragments, 1024)
	orDefault(&o.Shards, runtime.GOMAXPROCS(0))
	if o.Transports == nil {
		o.Transports = []string{Polling, WebSocket}
	}
	if o.HTTPCompression == nil {
		o.HTTPCompression = &Compression{}
	}
	if o.GenerateID == nil {
		o.GenerateID = func(*http.Request) string { return NewID() }
	}
	if o.Nodes != nil {
		o.GenerateID = nameSessions(o.Nodes.Self(), o.GenerateID)
	}
	if o.Trace == nil {
		o.Trace = &Trace{}
	}
	return o
}

// NewID returns 20 base64url characters that carry 120 random bits.
func NewID() string {
	var raw [15]byte
	_, _ = rand.Read(raw[:]) // never fails: crypto/rand ends the program when the system has no randomness
	return base64.RawURLEncoding.EncodeToString(raw[:])
}
