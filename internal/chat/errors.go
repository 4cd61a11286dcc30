package chat

import (
	"errors"
	"time"

	"parley/internal/db"
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
	Unavailable     Kind = "unavailable"   // nothing happened; try again after RetryAfter
	Unconfirmed     Kind = "unconfirmed"   // the person must prove again who they are
	SecondFactor    Kind = "second-factor" // the password was right, and is not enough
	Retry           Kind = "retry"         // unknown whether it happened; try again with the same client id
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

// unreadable wraps a failure to read. What is an Error already stays as it is.
func unreadable(err error) error {
	var e *Error
	switch {
	case errors.As(err, &e):
		return e
	case db.IsUnstorable(err):
		return errUnstorable(err)
	}
	return &Error{Kind: Unavailable, Message: "The server cannot read right now", RetryAfter: 2 * time.Second, Err: err}
}

// errUnstorable is told who has sent a text that the database does not take, as an id with a NUL: it is no fault of the server.
func errUnstorable(err error) *Error {
	return &Error{Kind: Invalid, Message: "A text has characters that cannot be stored", Err: err}
}

// unwritten wraps a failure of a transaction. What is an Error already stays as it is.
func unwritten(err error) error {
	var e *Error
	var unknown *db.CommitError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &e):
		return e
	case db.IsUnstorable(err):
		return errUnstorable(err)
	case errors.As(err, &unknown):
		return &Error{Kind: Retry, Message: "The server cannot tell whether it was saved; sending again is safe", RetryAfter: time.Second, Err: err}
	case db.IsFull(err):
		return &Error{Kind: Unavailable, Message: "The server's disk is full", RetryAfter: time.Minute, Err: err}
	}
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
