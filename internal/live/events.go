package live

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"time"

	"go.opentelemetry.io/otel/trace"

	"parley/internal/chat"
	"parley/socketio"
)

// requestTimeout bounds one request's work.
const requestTimeout = 15 * time.Second

// event is a row of the registry: an event that clients may send.
type event struct {
	name    string
	who     chat.Role // the least role that may call it; anybody, before joining too, when empty
	cost    cost      // the limit it counts against, besides the connection's
	in, out reflect.Type
	handle  func(ctx context.Context, d *Door, c *client, raw []byte) (any, error)
}

// anybody may call an event before they have joined.
const anybody chat.Role = ""

// row makes a row of the registry from a handler of a typed payload.
func row[In, Out any](name string, who chat.Role, cost cost, fn func(*Door, context.Context, *client, In) (Out, error)) event {
	return event{
		name: name, who: who, cost: cost, in: reflect.TypeFor[In](), out: reflect.TypeFor[Out](),
		handle: func(ctx context.Context, d *Door, c *client, raw []byte) (any, error) {
			var in In
			if len(raw) == 0 || raw[0] != '{' {
				return nil, &chat.Error{Kind: chat.Invalid, Message: "Invalid payload: an object is expected"}
			}
			if err := json.Unmarshal(raw, &in); err != nil {
				return nil, shapeError(in, err)
			}
			if hasNUL(raw) {
				return nil, &chat.Error{Kind: chat.Invalid, Message: "Invalid payload: a text has the character NUL in it"}
			}
			ctx, cancel := context.WithTimeout(ctx, requestTimeout)
			defer cancel()
			return fn(d, ctx, c, in)
		},
	}
}

// hasNUL reports whether a text in valid JSON has a NUL in it, which Postgres does not take. It can only be there as an escape, which an
// escaped backslash before the same letters is not.
func hasNUL(raw []byte) bool {
	const escape = `\u0000`
	for {
		at := bytes.Index(raw, []byte(escape))
		if at < 0 {
			return false
		}
		before := bytes.TrimRight(raw[:at], `\`)
		if (at-len(before))%2 == 0 {
			return true
		}
		raw = raw[at+len(escape):]
	}
}

// events is the registry: every event of the contract, in PROTOCOL.md's order. What is not here is refused.
var events = []event{
	row("user-join", anybody, free, (*Door).userJoin),
	row("account-create", anybody, signIn, (*Door).accountCreate),
	row("account-login", anybody, free, (*Door).accountLogin), // takes its limits itself,
	row("account-password", chat.Member, signIn, (*Door).accountPassword),
	row("account-confirm", chat.Member, signIn, (*Door).accountConfirm),
	row("account-security", chat.Member, free, (*Door).accountSecurity),
	row("email-change", chat.Member, signIn, (*Door).emailChange),
	row("email-verify", chat.Member, signIn, (*Door).emailVerify),
	row("email-digest", chat.Member, creation, (*Door).emailDigest),
	row("password-forgot", anybody, signIn, (*Door).passwordForgot),
	row("password-reset", anybody, signIn, (*Door).passwordReset),
	row("totp-begin", chat.Member, creation, (*Door).totpBegin),
	row("totp-enable", chat.Member, signIn, (*Door).totpEnable),
	row("totp-disable", chat.Member, creation, (*Door).totpDisable),
	row("recovery-codes", chat.Member, creation, (*Door).recoveryCodes),
	row("second-factor", chat.Member, creation, (*Door).secondFactor),
	row("passkey-begin", chat.Member, creation, (*Door).passkeyBegin),
	row("passkey-add", chat.Member, creation, (*Door).passkeyAdd),
	row("passkey-remove", chat.Member, creation, (*Door).passkeyRemove),
	row("passkey-challenge", anybody, free, (*Door).passkeyChallenge),
	row("passkey-login", anybody, signIn, (*Door).passkeyLogin),
	row("identity-unlink", chat.Member, creation, (*Door).identityUnlink),
	row("device-link-create", chat.Member, creation, (*Door).deviceLinkCreate),
	row("device-link-claim", anybody, signIn, (*Door).deviceLinkClaim),
	row("device-link-approve", chat.Member, creation, (*Door).deviceLinkApprove),
	row("device-link-finish", anybody, free, (*Door).deviceLinkFinish),
	row("account-logout", chat.Guest, free, (*Door).accountLogout),
	row("session-list", chat.Guest, free, (*Door).sessionList),
	row("session-revoke", chat.Guest, free, (*Door).sessionRevoke),
	row("profile-update", chat.Guest, creation, (*Door).profileUpdate),
	row("person-get", chat.Guest, free, (*Door).personGet),
	row("people-list", chat.Guest, free, (*Door).peopleList),
	row("people-sync", chat.Guest, free, (*Door).peopleSync),
	row("person-role", chat.Admin, free, (*Door).personRole),
	row("person-deactivate", chat.Moderator, free, (*Door).personDeactivate),
	row("admin-people", chat.Admin, free, (*Door).adminPeople),
	row("admin-sign-out", chat.Admin, creation, (*Door).adminSignOut),
	row("admin-reset-link", chat.Admin, creation, (*Door).adminResetLink),
	row("admin-factors-reset", chat.Admin, creation, (*Door).adminFactorsReset),
	row("admin-rooms", chat.Admin, free, (*Door).adminRooms),
	row("admin-room-update", chat.Admin, creation, (*Door).adminRoomUpdate),
	row("admin-room-owner", chat.Admin, creation, (*Door).adminRoomOwner),
	row("admin-settings", chat.Admin, free, (*Door).adminSettings),
	row("admin-stats", chat.Admin, free, (*Door).adminStats),
	row("who-is-here", chat.Guest, free, (*Door).whoIsHere),
	row("presence-active", chat.Guest, free, (*Door).presenceActive),
	row("invite-create", chat.Member, creation, (*Door).inviteCreate),
	row("invite-list", chat.Member, free, (*Door).inviteList),
	row("invite-revoke", chat.Member, free, (*Door).inviteRevoke),
	row("invite-info", anybody, signIn, (*Door).inviteInfo),
	row("invite-join", chat.Guest, signIn, (*Door).inviteJoin),
	row("room-create", chat.Member, creation, (*Door).roomCreate),
	row("room-update", chat.Guest, creation, (*Door).roomUpdate),
	row("room-list", chat.Guest, free, (*Door).roomList),
	row("room-get", chat.Guest, free, (*Door).roomGet),
	row("room-directory", chat.Guest, free, (*Door).roomDirectory),
	row("room-join", chat.Guest, creation, (*Door).roomJoin),
	row("room-leave", chat.Guest, creation, (*Door).roomLeave),
	row("room-sync", chat.Guest, free, (*Door).roomSync),
	row("room-history", chat.Guest, free, (*Door).roomHistory),
	row("room-read", chat.Guest, saving, (*Door).roomRead),
	row("room-delivered", chat.Guest, saving, (*Door).roomDelivered),
	row("room-receipts", chat.Guest, free, (*Door).roomReceipts),
	row("direct-open", chat.Guest, creation, (*Door).directOpen),
	row("member-list", chat.Guest, free, (*Door).memberList),
	row("member-add", chat.Member, creation, (*Door).memberAdd),
	row("member-kick", chat.Guest, creation, (*Door).memberKick),
	row("member-unban", chat.Guest, saving, (*Door).memberUnban),
	row("member-role", chat.Guest, free, (*Door).memberRole),
	row("thread-open", chat.Guest, creation, (*Door).threadOpen),
	row("thread-close", chat.Guest, free, (*Door).threadClose),
	row("thread-list", chat.Guest, free, (*Door).threadList),
	row("thread-follow", chat.Guest, saving, (*Door).threadFollow),
	row("chat-message", chat.Guest, message, (*Door).chatMessage),
	row("message-edit", chat.Guest, message, (*Door).messageEdit),
	row("message-delete", chat.Guest, message, (*Door).messageDelete),
	row("message-preview-remove", chat.Guest, saving, (*Door).messagePreviewRemove),
	row("message-react", chat.Guest, saving, (*Door).messageReact),
	row("message-pin", chat.Guest, saving, (*Door).messagePin),
	row("pin-list", chat.Guest, free, (*Door).pinList),
	row("message-revisions", chat.Guest, free, (*Door).messageRevisions),
	row("poll-create", chat.Guest, message, (*Door).pollCreate),
	row("poll-vote", chat.Guest, saving, (*Door).pollVote),
	row("poll-mine", chat.Guest, free, (*Door).pollMine),
	row("poll-close", chat.Guest, saving, (*Door).pollClose),
	row("message-forward", chat.Guest, message, (*Door).messageForward),
	row("message-find", chat.Guest, free, (*Door).messageFind),
	row("emoji-add", chat.Member, creation, (*Door).emojiAdd),
	row("emoji-remove", chat.Member, creation, (*Door).emojiRemove),
	row("emoji-list", chat.Guest, free, (*Door).emojiList),
	row("message-schedule", chat.Guest, message, (*Door).messageSchedule),
	row("scheduled-cancel", chat.Guest, free, (*Door).scheduledCancel),
	row("reminder-set", chat.Guest, creation, (*Door).reminderSet),
	row("reminder-done", chat.Guest, saving, (*Door).reminderDone),
	row("personal-sync", chat.Guest, free, (*Door).personalSync),
	row("message-save", chat.Guest, saving, (*Door).messageSave),
	row("saved-list", chat.Guest, free, (*Door).savedList),
	row("draft-set", chat.Guest, saving, (*Door).draftSet),
	row("room-notify", chat.Guest, saving, (*Door).roomNotify),
	row("notify-set", chat.Guest, saving, (*Door).notifySet),
	row("push-key", chat.Guest, free, (*Door).pushKey),
	row("push-subscribe", chat.Guest, creation, (*Door).pushSubscribe),
	row("push-unsubscribe", chat.Guest, free, (*Door).pushUnsubscribe),
	row("privacy-set", chat.Guest, free, (*Door).privacySet),
	row("person-block", chat.Guest, free, (*Door).personBlock),
	row("search", chat.Guest, searching, (*Door).search),
	row("typing-indicator", chat.Guest, free, (*Door).typingIndicator),
}

// Described is what there is to know of an event of the registry from outside.
type Described struct {
	Name    string
	Who     chat.Role    // the least role that may call it; empty for anybody, before joining too
	In, Out reflect.Type // payload and answer
}

// Registry describes all events that clients may send.
func Registry() []Described {
	out := make([]Described, len(events))
	for i, e := range events {
		out[i] = Described{e.name, e.who, e.in, e.out}
	}
	return out
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
			d.answer(c, "unknown", in, nil, rateLimited(wait), time.Now(), nil)
			return
		}
		d.answer(c, "unknown", in, nil, &chat.Error{Kind: chat.Invalid, Message: "Unknown event"}, time.Now(), nil)
	})
}

// serve handles one event: its rate, whether the client may send it at all, its payload, its answer.
func (d *Door) serve(e event, s *socketio.Socket, in *socketio.Event) {
	start := time.Now()
	c := clientOf(s)
	ctx, span := d.begin(e.name)
	out, err := d.admitted(ctx, e, c, in)
	d.answer(c, e.name, in, out, err, start, span)
}

func (d *Door) admitted(ctx context.Context, e event, c *client, in *socketio.Event) (any, error) {
	if wait, ok := take(c.events); !ok {
		return nil, rateLimited(wait)
	}
	if e.who != anybody {
		switch a := c.person(); {
		case a == nil:
			return nil, errNotJoined
		case !a.Role.AtLeast(e.who):
			return nil, &chat.Error{Kind: chat.Forbidden, Message: "Not allowed for " + string(a.Role) + "s"}
		}
	}
	if err := d.load.refuses(e.cost); err != nil { // it costs nobody their rate
		return nil, err
	}
	if wait, ok := d.limits.take(e.cost, c); !ok {
		return nil, rateLimited(wait)
	}
	return e.handle(ctx, d, c, in.Raw(0))
}

var errNotJoined = &chat.Error{Kind: chat.Unauthenticated, Message: "Not properly connected"}

func rateLimited(wait time.Duration) *chat.Error {
	return &chat.Error{Kind: chat.RateLimited, Message: "Rate limit exceeded", RetryAfter: wait}
}

// ok begins every answer to what was done.
type ok struct {
	Success bool `json:"success"`
}

var done = ok{true}

// refusal is the answer to what was not done.
type refusal struct {
	Success    bool      `json:"success"`
	Error      string    `json:"error"`
	Code       chat.Kind `json:"code"`
	RetryAfter float64   `json:"retryAfter,omitempty"` // seconds
	RequestID  string    `json:"requestId,omitempty"`  // of a fault of the server, which its log has too
}

// answer acknowledges an event. This is the one place where the kinds of errors become what clients see.
func (d *Door) answer(c *client, name string, in *socketio.Event, out any, err error, start time.Time, span trace.Span) {
	code := ""
	if err != nil {
		e := chat.AsError(err)
		code = string(e.Kind)
		no := refusal{Error: e.Message, Code: e.Kind, RetryAfter: math.Ceil(e.RetryAfter.Seconds()*10) / 10}
		if e.Kind == chat.Internal || e.Err != nil && e.Kind != chat.Invalid {
			no.RequestID = requestID(span)
			d.o.Log.Error("request failed", "request", no.RequestID, "event", name, "socket", c.socket.ID(), "code", code, "error", err)
		}
		if e.Kind == chat.RateLimited && d.o.Metrics.RateLimited != nil {
			d.o.Metrics.RateLimited(name)
		}
		out = no
	}
	if d.o.Metrics.Event != nil {
		d.o.Metrics.Event(name, time.Since(start), code)
	}
	endSpan(span, code, err)
	if err := in.Ack(out); err != nil {
		d.o.Log.Error("answer cannot be encoded", "event", name, "error", err)
	}
}
