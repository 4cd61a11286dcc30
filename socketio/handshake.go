package socketio

import (
	"encoding/json"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"parley/engineio"
)

// Handshake is what a client said when it connected to a namespace. Header and Query parse at each call.
type Handshake struct {
	engine *engineio.Handshake
	Time   time.Time
	// Auth is the JSON object that came with CONNECT, nil for none.
	Auth json.RawMessage
	// query of the namespace's own, as old clients send it: /nsp?token=abc
	query string
}

// Header is the headers of the request that opened the connection.
func (h *Handshake) Header() http.Header { return h.engine.Header() }

// Query is the request's query parameters, with the namespace's own on top.
func (h *Handshake) Query() url.Values {
	q := h.engine.Query()
	own, _ := url.ParseQuery(h.query) // what is malformed is left out
	for k, v := range own {
		q[k] = v
	}
	return q
}

// Addr is the peer's address, host:port.
func (h *Handshake) Addr() string { return h.engine.Addr }

// Secure reports whether the connection is encrypted by this server.
func (h *Handshake) Secure() bool { return h.engine.Secure }

// URL is the path and query of the request.
func (h *Handshake) URL() string { return h.engine.URL() }

// BindAuth decodes Auth; without any, dst is left as it is.
func (h *Handshake) BindAuth(dst any) error {
	if h.Auth == nil {
		return nil
	}
	return bindValue(h.Auth, nil, dst)
}

// HandshakeInfo is a handshake as Node's servers describe it to each other and to fetchSockets.
type HandshakeInfo struct {
	Headers map[string]string `json:"headers"` // names in lower case
	Time    string            `json:"time"`    // as JavaScript's Date writes it
	Address string            `json:"address"` // the peer's IP address, without the port
	Xdomain bool              `json:"xdomain"`
	Secure  bool              `json:"secure"`
	Issued  int64             `json:"issued"` // Unix time in milliseconds
	URL     string            `json:"url"`
	Query   map[string]string `json:"query"`
	Auth    json.RawMessage   `json:"auth"`
}

// Info describes the handshake.
func (h *Handshake) Info() HandshakeInfo {
	header := h.Header()
	address, _, err := net.SplitHostPort(h.Addr())
	if err != nil { // a listener may have addresses of another kind
		address = h.Addr()
	}
	info := HandshakeInfo{
		Headers: map[string]string{}, Query: map[string]string{}, Address: address, Secure: h.Secure(), URL: h.URL(),
		Time: h.Time.Format("Mon Jan 02 2006 15:04:05 GMT-0700 (MST)"), Issued: h.Time.UnixMilli(),
		Xdomain: header.Get("Origin") != "", Auth: h.Auth,
	}
	if h.Auth == nil {
		info.Auth = json.RawMessage("{}")
	}
	for k, v := range header {
		info.Headers[strings.ToLower(k)] = strings.Join(v, ", ")
	}
	for k, v := range h.Query() {
		info.Query[k] = v[0]
	}
	return info
}
