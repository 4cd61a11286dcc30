package live

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"time"

	"parley/internal/chat"
	"parley/socketio"
)

// requestTimeout bounds one request's work.
const requestTimeout = 15 * time.Second

// event is a row of the registry: an event that clients may send.
type event struct {
	name   string
	joined bool // only after user-join
	handle func(d *Door, c *client, raw []byte) (any, error)
}

// events is the registry: every event of the contract, in PROTOCOL.md's order.
var events = []event{
	{"user-join", false, decoded((*Door).userJoin)},
	{"chat-message", true, decoded((*Door).chatMessage)},
	{"typing-indicator", true, decoded((*Door).typingIndicator)},
	{"room-history", true, decoded((*Door).roomHistory)},
	{"who-is-here", true, decoded((*Door).whoIsHere)},
}

// decoded adapts a handler of a typed payload.
func decoded[T any](fn func(*Door, *client, T) (any, error)) func(*Door, *client, []byte) (any, error) {
	return func(d *Door, c *client, raw []byte) (any, error) {
		var in T
		if len(raw) == 0 || raw[0] != '{' {
			return nil, &chat.Error{Kind: chat.Invalid, Message: "Invalid payload: an object is expected"}
		}
		if err := json.Unmarshal(raw, &in); err != nil {
			return nil, shapeError(in, err)
		}
		return fn(d, c, in)
	}
}

// shapeError says which field has the wrong type. A payload may know better words for it.
func shapeError(in any, err error) error {
	if p, ok := in.(interface{ wrongShape() string }); ok {
		return &chat.Error{Kind: chat.Invalid, Message: p.wrongShape(), Err: err}
	}
	var te *json.UnmarshalTypeError
	if errors.As(err, &te) && te.Field != "" {
		return &chat.Error{Kind: chat.Invalid, Message: "Invalid payload: " + te.Field + " cannot be a " + te.Value, Err: err}
	}
	return &chat.Error{Kind: chat.Invalid, Message: "Invalid payload", Err: err}
}

func (d *Door) register() {
	for _, e := range events {
		d.io.On(e.name, func(s *socketio.Socket, in *socketio.Event) { d.serve(e, s, in) })
	}
	d.io.OnUnknown(func(s *socketio.Socket, in *socketio.Event) {
		c := clientOf(s)
		if wait, ok := take(c.events); !ok {
			d.answer(c, "unknown", in, nil, rateLimited(wait), time.Now())
			return
		}
		d.answer(c, "unknown", in, nil, &chat.Error{Kind: chat.Invalid, Message: "Unknown event"}, time.Now())
	})
}

// serve handles one event: its rate, whether the client may send it at all, its payload, its answer.
func (d *Door) serve(e event, s *socketio.Socket, in *socketio.Event) {
	start := time.Now()
	c := clientOf(s)
	if wait, ok := take(c.events); !ok {
		d.answer(c, e.name, in, nil, rateLimited(wait), start)
		return
	}
	if e.joined && c.person() == nil {
		d.answer(c, e.name, in, nil, errNotJoined, start)
		return
	}
	out, err := e.handle(d, c, in.Raw(0))
	d.answer(c, e.name, in, out, err, start)
}

var errNotJoined = &chat.Error{Kind: chat.Unauthenticated, Message: "Not properly connected"}

func rateLimited(wait time.Duration) *chat.Error {
	return &chat.Error{Kind: chat.RateLimited, Message: "Rate limit exceeded", RetryAfter: wait}
}

// refusal is the answer to what was not done.
type refusal struct {
	Success    bool      `json:"success"`
	Error      string    `json:"error"`
	Code       chat.Kind `json:"code"`
	RetryAfter float64   `json:"retryAfter,omitempty"` // seconds
}

// answer acknowledges an event. This is the one place where the kinds of errors become what clients see.
func (d *Door) answer(c *client, name string, in *socketio.Event, out any, err error, start time.Time) {
	code := ""
	if err != nil {
		e := chat.AsError(err)
		code = string(e.Kind)
		if e.Kind == chat.Internal || e.Err != nil && e.Kind != chat.Invalid {
			d.o.Log.Error("request failed", "event", name, "socket", c.socket.ID(), "error", err)
		}
		if e.Kind == chat.RateLimited && d.o.Metrics.RateLimited != nil {
			d.o.Metrics.RateLimited(name)
		}
		out = refusal{Error: e.Message, Code: e.Kind, RetryAfter: math.Ceil(e.RetryAfter.Seconds()*10) / 10}
	}
	if d.o.Metrics.Event != nil {
		d.o.Metrics.Event(name, time.Since(start), code)
	}
	if err := in.Ack(out); err != nil {
		d.o.Log.Error("answer cannot be encoded", "event", name, "error", err)
	}
}

func requestContext() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), requestTimeout)
}
