package live

import (
	"fmt"
	"log/slog"
	"net/http"

	"parley/engineio"
	"parley/socketio"
)

// engineTrace connects the engine to the log, the metrics and the guard's books.
func (d *Door) engineTrace() *engineio.Trace {
	m := d.o.Metrics
	return &engineio.Trace{
		Opened: func(s *engineio.Session) {
			d.guard.acquire(s)
			if m.Opened != nil {
				m.Opened()
			}
		},
		Closed: func(s *engineio.Session, reason engineio.Reason, err error) {
			d.guard.release(s)
			if m.Closed != nil {
				m.Closed(string(reason))
			}
			d.o.Log.Debug("connection closed", "session", s.ID(), "reason", reason, "error", err)
		},
		Refused: func(r *http.Request, why *engineio.Refusal) {
			if m.Refused != nil {
				m.Refused(refusalLabel(why))
			}
			level := slog.LevelDebug
			if why.Code == engineio.CodeForbidden {
				level = slog.LevelWarn
			}
			d.o.Log.Log(r.Context(), level, "connection refused", "reason", why.Error(), "origin", r.Header.Get("Origin"),
				"remote", d.o.ClientIP(r))
		},
		Flushed: m.Written,
		FellBehind: func(*engineio.Session) {
			if m.FellBehind != nil {
				m.FellBehind()
			}
		},
		Forwarded: func(_ *http.Request, node string, err error) {
			if m.Forwarded != nil {
				m.Forwarded(err != nil)
			}
			if err != nil {
				d.o.Log.Debug("not forwarded", "node", node, "error", err)
			}
		},
		Panicked: func(s *engineio.Session, value any, stack []byte) {
			d.o.Log.Error("handler panicked", "session", s.ID(), "panic", fmt.Sprint(value), "stack", string(stack))
		},
	}
}

func (d *Door) trace() *socketio.Trace {
	return &socketio.Trace{
		Broadcast: d.o.Metrics.Broadcast,
		BadPacket: func(s *engineio.Session, err error) {
			d.o.Log.Debug("malformed packet", "session", s.ID(), "error", err)
		},
		Failed: func(_ *socketio.Socket, err error) { d.o.Log.Error("socket", "error", err) },
	}
}

// refusalLabel is one of a few words for a metric: a refusal's text may have what the client wrote.
func refusalLabel(why *engineio.Refusal) string {
	switch {
	case why.Status == http.StatusTooManyRequests:
		return "too many connections"
	case why.Status == http.StatusServiceUnavailable:
		return "busy or stopping"
	case why.Code == engineio.CodeForbidden:
		return "origin"
	case why.Code == engineio.CodeUnknownSID:
		return "unknown session"
	default:
		return "bad request"
	}
}
