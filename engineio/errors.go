package engineio

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"
)

// Code is the number in the JSON body of a refused request, as Node's engine.io answers it.
type Code int

// The codes of engine.io 6.
const (
	CodeUnknownTransport           Code = 0
	CodeUnknownSID                 Code = 1
	CodeBadHandshakeMethod         Code = 2
	CodeBadRequest                 Code = 3
	CodeForbidden                  Code = 4
	CodeUnsupportedProtocolVersion Code = 5
)

var codeTexts = [...]string{
	"Transport unknown", "Session ID unknown", "Bad handshake method", "Bad request", "Forbidden",
	"Unsupported protocol version",
}

// Refusal says why a request was turned away. AllowRequest returns one to refuse a client with a reason of its own.
type Refusal struct {
	Code       Code
	Status     int           // HTTP status; 0 means 403 for CodeForbidden, else 400
	Message    string        // sent to the client; empty means the code's standard text
	RetryAfter time.Duration // when positive, sent as a Retry-After header in whole seconds
	Detail     string        // for the log and [Trace] only
}

// Error implements error.
func (r *Refusal) Error() string {
	if r.Detail != "" {
		return r.Text() + ": " + r.Detail
	}
	return r.Text()
}

// Text is what the client is told.
func (r *Refusal) Text() string {
	if r.Message != "" {
		return r.Message
	}
	if int(r.Code) < len(codeTexts) {
		return codeTexts[r.Code]
	}
	return "Bad request"
}

func (r *Refusal) status() int {
	switch {
	case r.Status != 0:
		return r.Status
	case r.Code == CodeForbidden:
		return http.StatusForbidden
	default:
		return http.StatusBadRequest
	}
}

// Answer answers a request with the refusal. It is for transports of other packages.
func (r *Refusal) Answer(w http.ResponseWriter) { r.write(w, false) }

// write answers a request. A WebSocket client gets plain text, as Node answers a failed upgrade; the rest get JSON.
func (r *Refusal) write(w http.ResponseWriter, upgrade bool) {
	h := w.Header()
	if r.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int((r.RetryAfter+time.Second-1)/time.Second)))
	}
	if upgrade {
		h.Set("Content-Type", "text/html")
		h.Set("Connection", "close")
		status := r.status()
		if r.Status == 0 {
			status = http.StatusBadRequest
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(r.Text()))
		return
	}
	body, _ := json.Marshal(struct {
		Code    Code   `json:"code"`
		Message string `json:"message"`
	}{r.Code, r.Text()})
	h.Set("Content-Type", "application/json")
	w.WriteHeader(r.status())
	_, _ = w.Write(body)
}

// Reason says why a session ended. The first five are Node's own words; the rest name what Node calls "transport error".
type Reason string

// The reasons a session ends with.
const (
	ReasonTransportClose  Reason = "transport close"
	ReasonTransportError  Reason = "transport error"
	ReasonPingTimeout     Reason = "ping timeout"
	ReasonParseError      Reason = "parse error"
	ReasonForcedClose     Reason = "forced close"
	ReasonSlowConsumer    Reason = "slow consumer"
	ReasonOutboundMemory  Reason = "outbound memory exhausted"
	ReasonWriteTimeout    Reason = "write timeout"
	ReasonPayloadTooLarge Reason = "payload too large"
	ReasonHandlerPanic    Reason = "handler panic"
	ReasonServerShutdown  Reason = "server shutting down"
)

// ErrClosed is returned by Send on a session that has ended.
var ErrClosed = errors.New("engineio: session closed")

// errOverlap is the cause when a client polls, or posts, twice at once on one session.
var errOverlap = errors.New("engineio: overlapping request from client")
