package engineio

import (
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Handshake is what a client said of itself with the request that opened its session. It keeps the request's text rather
// than the request, because it lives as long as the session.
type Handshake struct {
	Time     time.Time
	Addr     string // the peer's address as net/http gives it, host:port
	Host     string
	Secure   bool // whether the request came over TLS
	EIO      int  // protocol revision: 4 or 3
	uri      string
	headers  string // "Name: value\r\n" lines
	rawQuery string
}

func newHandshake(r *http.Request, eio int) *Handshake {
	var b strings.Builder
	for name, values := range r.Header {
		for _, v := range values {
			b.WriteString(name)
			b.WriteString(": ")
			b.WriteString(v)
			b.WriteString("\r\n")
		}
	}
	uri := strings.Clone(r.URL.RequestURI())
	_, query, _ := strings.Cut(uri, "?")
	return &Handshake{
		Time: time.Now(), Addr: r.RemoteAddr, Host: r.Host, Secure: r.TLS != nil, EIO: eio,
		uri: uri, rawQuery: query, headers: b.String(),
	}
}

// URL is the request's path and query.
func (h *Handshake) URL() string { return h.uri }

// Query returns the request's query parameters. It is parsed at each call.
func (h *Handshake) Query() url.Values {
	q, _ := url.ParseQuery(h.rawQuery) // a malformed pair is left out, the rest is kept
	return q
}

// Header returns the request's headers. They are parsed at each call.
func (h *Handshake) Header() http.Header {
	out := http.Header{}
	for line := range strings.SplitSeq(h.headers, "\r\n") {
		if name, value, ok := strings.Cut(line, ": "); ok {
			out[name] = append(out[name], value)
		}
	}
	return out
}
