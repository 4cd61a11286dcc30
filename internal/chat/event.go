package chat

import "go.opentelemetry.io/otel/trace"

// Event tells the doors what has been committed. Exactly one field is set, besides Span.
type Event struct {
	Entry    *Entry            // something in a room's log, in the order of its seq
	Person   *User             // somebody's profile has changed
	Receipt  *Receipt          // somebody has received or read up to somewhere
	Ended    *Ended            // sessions have ended
	Stored   *Receipt          // somebody has moved their own place back, which is nobody else's business
	Personal *Personal         // something that is somebody's own has changed
	Emoji    *Emoji            // one has come, or gone
	Follow   *Follow           // somebody follows a thread from now on, or no more
	Span     trace.SpanContext // of the commit, when its request is traced
}

// Ended names sessions that are over, whose connections must close.
type Ended struct {
	UserID     string
	SessionIDs []string // nil for all of the person's
	Reason     string   // a sentence for the person
}
