package api

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"io/fs"
	"net/http"
	"path"
	"regexp"
	"strings"
	"time"
)

// noncePlaceholder stands in index.html where the response's nonce goes.
const noncePlaceholder = "__NONCE__"

// messageLink is the path of a link to a message: m/ROOM/MESSAGE. It looks the same whatever there is.
var messageLink = regexp.MustCompile(`^m/[A-Za-z0-9_-]{1,64}/[A-Za-z0-9_-]{1,64}$`)

// page serves the web client.
type page struct {
	files fs.FS
	index []byte // nil when the client has not been built
}

func newPage(files fs.FS) *page {
	index, err := fs.ReadFile(files, "index.html")
	if err != nil {
		index = nil
	}
	return &page{files: files, index: index}
}

func (p *page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "Method not allowed", http.StatusMethodNotAllowed)
		return
	}
	name := strings.TrimPrefix(path.Clean(r.URL.Path), "/")
	switch {
	case p.index == nil:
		http.Error(w, "The web client has not been built: run `make run`.", http.StatusNotFound)
	case name == "" || name == "index.html" || messageLink.MatchString(name): // what a link leads to, the page finds out
		p.serveIndex(w, r)
	default:
		p.serveFile(w, r, name)
	}
}

// serveIndex answers with the page and a policy that lets run only what came with it: the nonce is new each time.
func (p *page) serveIndex(w http.ResponseWriter, r *http.Request) {
	var raw [16]byte
	_, _ = rand.Read(raw[:]) // never fails: crypto/rand ends the program when the system has no randomness
	nonce := base64.RawStdEncoding.EncodeToString(raw[:])
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-cache")
	h.Set("Content-Security-Policy", strings.Join([]string{
		"default-src 'none'", "script-src 'self' 'nonce-" + nonce + "'", "style-src 'self' 'nonce-" + nonce + "'",
		"connect-src 'self' " + socketSources(r.Host), "img-src 'self' data: blob:", "font-src 'self'", "manifest-src 'self'", "worker-src 'self'",
		"frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'", "require-trusted-types-for 'script'", "trusted-types svelte-trusted-html parley-worker",
	}, "; "))
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(bytes.ReplaceAll(p.index, []byte(noncePlaceholder), []byte(nonce))))
}

// socketSources names this host's WebSockets, which 'self' does not cover in every browser.
func socketSources(host string) string {
	if strings.ContainsAny(host, " ;,'\"") {
		return ""
	}
	return "ws://" + host + " wss://" + host
}

func (p *page) serveFile(w http.ResponseWriter, r *http.Request, name string) {
	info, err := fs.Stat(p.files, name)
	if err != nil || info.IsDir() {
		http.NotFound(w, r)
		return
	}
	cache := "no-cache"
	if strings.HasPrefix(name, "assets/") { // their names have a hash of what is in them
		cache = "public, max-age=31536000, immutable"
	}
	if strings.HasSuffix(name, ".webmanifest") { // which systems do not know
		w.Header().Set("Content-Type", "application/manifest+json")
	}
	w.Header().Set("Cache-Control", cache)
	http.ServeFileFS(w, r, p.files, name)
}
