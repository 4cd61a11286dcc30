// Package api is the HTTP door: health, readiness, metrics, sessions as cookies, pictures, and the web client's files.
package api

import (
	"context"
	"encoding/json"
	"io/fs"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"github.com/klauspost/compress/gzhttp"

	"parley/internal/auth"
	"parley/internal/chat"
)

// Options configures the routes.
type Options struct {
	Socket      http.Handler // answers below /socket.io
	Metrics     http.Handler
	Page        fs.FS // the built web client; without an index.html it is said how to build it
	Version     string
	Connections func() int
	Online      func() int
	Sessions    *auth.Sessions
	Accounts    *auth.Accounts
	OIDC        *auth.OIDC // nil for none
	Guests      bool
	SignUp      string // who may make an account
	Chat        *chat.Chat
	Log         *slog.Logger // default: nowhere
	// ClientIP tells whose limits a request counts against.
	ClientIP func(*http.Request) string
	Proxies  []netip.Prefix // that are trusted
	// Secure tells whether a request came over HTTPS; default: to this server.
	Secure func(*http.Request) bool
	// Ready reports why the server should not get new clients, or nil.
	Ready func(context.Context) error
	// Now is the clock; default time.Now.
	Now func() time.Time
}

// New returns the handler of all routes.
func New(o Options) http.Handler {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Secure == nil {
		o.Secure = Secure(nil)
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	a := &api{Options: o, started: o.Now()}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /health", a.health)
	mux.HandleFunc("GET /ready", a.ready)
	mux.HandleFunc("GET /metrics", a.metrics)
	mux.HandleFunc("GET /avatars/{id}", a.avatar)
	mux.HandleFunc("GET /previews/{id}", a.previewPicture)
	same := http.NewCrossOriginProtection()
	mux.Handle("POST /api/session", same.Handler(http.HandlerFunc(a.keepSession)))
	mux.Handle("DELETE /api/session", same.Handler(http.HandlerFunc(a.dropSession)))
	mux.HandleFunc("GET /api/sign-in", a.signIn)
	mux.Handle("POST /api/oidc", same.Handler(http.HandlerFunc(a.beginOIDC)))
	mux.HandleFunc("GET /api/oidc/callback", a.endOIDC)
	mux.HandleFunc("GET /api/connection", a.connection)
	for pattern, do := range a.scimRoutes() {
		mux.HandleFunc(pattern, a.scim(do))
	}
	mux.Handle("/api/", http.HandlerFunc(unknownAPI))
	mux.Handle("/", gzhttp.GzipHandler(newPage(o.Page)))
	all := http.NewServeMux()
	all.Handle("/socket.io/", o.Socket) // its connections and events have ids of their own
	all.Handle("/", number(o.Log, mux))
	return headers(withoutPlain(o.Secure, all))
}

type api struct {
	Options
	started time.Time
}

// health says that the process is alive, and what it is doing.
func (a *api) health(w http.ResponseWriter, _ *http.Request) {
	now := a.Now()
	writeJSON(w, http.StatusOK, struct {
		Status      string  `json:"status"`
		Timestamp   string  `json:"timestamp"`
		Connections int     `json:"connections"`
		Users       int     `json:"users"`
		Uptime      float64 `json:"uptime"` // seconds
		Version     string  `json:"version"`
	}{"ok", now.UTC().Format("2006-01-02T15:04:05.000Z"), a.Connections(), a.Online(), now.Sub(a.started).Seconds(), a.Version})
}

// ready says whether a load balancer should send clients here.
func (a *api) ready(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
	defer cancel()
	if err := a.Ready(ctx); err != nil {
		w.Header().Set("Retry-After", "2")
		writeJSON(w, http.StatusServiceUnavailable, map[string]string{"status": "unavailable", "error": err.Error()})
		return
	}
	writeJSON(w, http.StatusOK, map[string]string{"status": "ok"})
}

// metrics answers those who ask from a network of one's own, without a proxy between: what it tells is for nobody else.
func (a *api) metrics(w http.ResponseWriter, r *http.Request) {
	ip, err := netip.ParseAddr(peerOf(r))
	if ip = ip.Unmap(); err != nil || !ip.IsLoopback() && !ip.IsPrivate() || r.Header.Get("X-Forwarded-For") != "" || r.Header.Get("Forwarded") != "" {
		writeJSON(w, http.StatusNotFound, map[string]any{"success": false, "error": "Metrics are told within one's own network only", "code": "not-found"})
		return
	}
	a.Metrics.ServeHTTP(w, r)
}

func unknownAPI(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusNotFound, map[string]any{"success": false, "error": "No such route", "code": "not-found"})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // a client that is gone needs no answer
}

// headers sets what every response has.
func headers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		if r.TLS != nil {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		next.ServeHTTP(w, r)
	})
}
