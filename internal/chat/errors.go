package chat

import (
	"errors"
	"time"
)

// Kind classifies an error for the doors, which translate it into their protocols' terms. It is also the wire's error code.
type Kind string

// The kinds of errors.
const (
	Invalid         Kind = "invalid"
	Unauthenticated Kind = "unauthenticated"
	Forbidden       Kind = "forbidden"
	NotFound        Kind = "not-found"
	Conflict        Kind = "conflict"
	RateLimited     Kind = "rate-limited"
	TooLarge        Kind = "too-large"
	Unavailable     Kind = "unavailable" // nothing happened; try again after RetryAfter
	Retry           Kind = "retry"       // unknown whether it happened; try again with the same client id
	Internal        Kind = "internal"
)

// Error is what a caller is told. Message is a sentence for people and safe to show; Err is for the log.
type Error struct {
	Kind       Kind
	Message    string
	RetryAfter time.Duration
	Err        error
}

// Error implements error.
func (e *Error) Error() string {
	if e.Err != nil {
		return e.Message + ": " + e.Err.Error()
	}
	return e.Message
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

func errorf(kind Kind, message string) *Error { return &Error{Kind: kind, Message: message} }

// unavailable wraps a failure of the database.
func unavailable(err error) *Error {
	return &Error{Kind: Unavailable, Message: "The server cannot save right now", RetryAfter: 2 * time.Second, Err: err}
}

// AsError returns the chat error in err's chain, or an internal one that wraps it.
func AsError(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return &Error{Kind: Internal, Message: "Something went wrong on the server", Err: err}
}
