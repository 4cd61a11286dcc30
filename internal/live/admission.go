package live

import (
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"parley/engineio"
)

// Admission says who may connect, and how many.
type Admission struct {
	AllowedOrigins []string // besides pages of this server; "*" is any
	PerIP          int      // connections of one address; 0 means no bound
	PerIPRate      float64  // new connections of one address per second; 0 means no bound
	PerIPBurst     int
	Handshakes     float64 // new connections per second altogether; 0 means no bound
}

// guard keeps the books of who is connected from where.
type guard struct {
	a        Admission
	clientIP func(*http.Request) string
	all      *rate.Limiter

	mu      sync.Mutex
	sources map[string]*source
	swept   time.Time
}

// source is one address, or network: see [Network].
type source struct {
	rate  *rate.Limiter
	count int
	seen  time.Time
}

func newGuard(a Admission, clientIP func(*http.Request) string) *guard {
	g := &guard{a: a, clientIP: clientIP, sources: map[string]*source{}, all: rate.NewLimiter(rate.Inf, 0)}
	if a.Handshakes > 0 {
		g.all = rate.NewLimiter(rate.Limit(a.Handshakes), max(1, int(a.Handshakes)))
	}
	return g
}

// peerIP is the address of the peer itself.
func peerIP(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

// ipHeader carries the client's address from the decision to the books: a session remembers its request's headers.
const ipHeader = "X-Parley-Client"

// allow decides on a handshake.
func (d *Door) allow(r *http.Request) *engineio.Refusal {
	r.Header.Del(ipHeader)
	if d.draining.Load() {
		return &engineio.Refusal{
			Code: engineio.CodeForbidden, Status: http.StatusServiceUnavailable, Message: "Server is restarting", RetryAfter: 2 * time.Second,
		}
	}
	if origin := r.Header.Get("Origin"); !d.o.Admission.originAllowed(origin, r.Host) {
		return &engineio.Refusal{
			Code:    engineio.CodeForbidden,
			Message: "Origin " + origin + " is not allowed: add it to ALLOWED_ORIGINS",
		}
	}
	if why := d.load.turnsAway(); why != nil {
		return why
	}
	ip := d.o.ClientIP(r)
	if why := d.guard.admit(ip); why != nil {
		return why
	}
	r.Header.Set(ipHeader, ip)
	return nil
}

// OriginAllowed reports whether pages of an origin may talk to this host: its own pages, and those of the list. A client
// without an origin is no page.
func (a Admission) originAllowed(origin, host string) bool {
	if origin == "" {
		return true
	}
	if u, err := url.Parse(origin); err == nil && u.Host != "" && strings.EqualFold(u.Host, host) {
		return true
	}
	return a.Listed(origin)
}

// Listed reports whether the list has an origin.
func (a Admission) Listed(origin string) bool {
	return slices.ContainsFunc(a.AllowedOrigins, func(o string) bool { return o == "*" || strings.EqualFold(o, origin) })
}

func (g *guard) admit(ip string) *engineio.Refusal {
	busy := func(status int, text string, wait time.Duration) *engineio.Refusal {
		return &engineio.Refusal{Code: engineio.CodeForbidden, Status: status, Message: text, RetryAfter: wait}
	}
	ip = Network(ip)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.sweep()
	s := g.sources[ip]
	if s == nil {
		s = &source{rate: rate.NewLimiter(rate.Inf, 0)}
		if g.a.PerIPRate > 0 {
			s.rate = rate.NewLimiter(rate.Limit(g.a.PerIPRate), max(1, g.a.PerIPBurst))
		}
		g.sources[ip] = s
	}
	s.seen = time.Now()
	if g.a.PerIP > 0 && s.count >= g.a.PerIP {
		return busy(http.StatusTooManyRequests, "Too many connections from this address", 10*time.Second)
	}
	if !s.rate.Allow() {
		return busy(http.StatusTooManyRequests, "Too many new connections from this address", time.Second)
	}
	if !g.all.Allow() {
		return busy(http.StatusServiceUnavailable, "Server is busy", time.Second)
	}
	return nil
}

// acquire counts a connection that was admitted and has come about.
func (g *guard) acquire(s *engineio.Session) {
	ip := Network(s.Handshake().Header().Get(ipHeader))
	g.mu.Lock()
	defer g.mu.Unlock()
	if src := g.sources[ip]; src != nil {
		src.count++
	}
}

// release gives a connection's place back.
func (g *guard) release(s *engineio.Session) {
	ip := Network(s.Handshake().Header().Get(ipHeader))
	g.mu.Lock()
	defer g.mu.Unlock()
	if src := g.sources[ip]; src != nil && src.count > 0 {
		src.count--
	}
}

// sweep forgets addresses that have nobody connected and have been quiet, so that the table does not grow for ever.
func (g *guard) sweep() {
	now := time.Now()
	if now.Sub(g.swept) < time.Minute {
		return
	}
	g.swept = now
	for ip, s := range g.sources {
		if s.count == 0 && now.Sub(s.seen) > time.Minute {
			delete(g.sources, ip)
		}
	}
}
