package api

import (
	"crypto/rand"
	"log/slog"
	"net/http"
)

// numbered is the answer of a request that has an id: the client is told it, and the log names it when something fails.
type numbered struct {
	http.ResponseWriter
	log              *slog.Logger
	id, method, path string
}

// Unwrap lets an http.ResponseController reach the connection.
func (n *numbered) Unwrap() http.ResponseWriter { return n.ResponseWriter }

// Flush implements http.Flusher.
func (n *numbered) Flush() { _ = http.NewResponseController(n.ResponseWriter).Flush() } // who cannot sends it in the end

// number gives each request an id.
func number(log *slog.Logger, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := rand.Text()
		w.Header().Set("X-Request-Id", id)
		next.ServeHTTP(&numbered{w, log, id, r.Method, r.URL.Path}, r)
	})
}
