package load

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// Options says what is to happen.
type Options struct {
	URLs       []string // of the server, http:// or https://; of several nodes each has its share of the people
	People     int
	Rate       float64 // messages a second, of all people together
	Ramp       time.Duration
	Duration   time.Duration // after the ramp
	Rooms      int           // rooms of their own that the people are spread over; 0: all talk in the lobby
	Direct     float64       // share of the messages that go to one other person
	Typing     bool          // whether people are seen typing before they send
	Readers    float64       // share of the people who tell what they have read
	Reconnects float64       // connections cut a minute, per 100 people
	Storm      bool          // whether all connections are cut at once, half-way
	TextLength int           // characters of a message
	Token      string        // of an account, which makes the rooms; with NoGuests everybody is that account
	SignUp     bool          // make an account for the rooms
	NoGuests   bool
	Metrics    []string // addresses of the metrics of the server's nodes: what they use is part of the report
	// Progress is called every second. It may be nil.
	Progress func(Second) `json:"-"`
}

// Server names what is tested.
func (o *Options) Server() string { return strings.Join(o.URLs, ", ") }

// Sentence says what is done.
func (o *Options) Sentence() string {
	text := fmt.Sprintf("%d people, who come within %v and send %g messages a second for %v", o.People, o.Ramp, o.Rate, o.Duration)
	if o.Rooms > 0 {
		text += fmt.Sprintf(" in %d rooms", o.Rooms)
	}
	if o.Direct > 0 {
		text += fmt.Sprintf(", %.0f %% of them to one other person", 100*o.Direct)
	}
	if o.Typing {
		text += ", typing before"
	}
	text += fmt.Sprintf(". %.0f %% tell what they have read; of 100 connections %g are cut a minute", 100*o.Readers, o.Reconnects)
	if o.Storm {
		text += ", and all at once half-way"
	}
	return text + "."
}

// Most that is measured at once: beyond, the tester would measure itself.
const (
	maxPeople  = 20_000
	maxRate    = 100_000
	maxSeconds = 24 * 3600
)

// validate looks at what so many processes are to do.
func (o *Options) validate(processes int) error {
	for _, one := range o.URLs {
		if u, err := url.Parse(one); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return errors.New("the server's address must be like https://chat.example.com")
		}
	}
	switch {
	case len(o.URLs) == 0:
		return errors.New("the server's address is missing")
	case processes < 1 || processes > o.People:
		return errors.New("there can be as many processes as people")
	case o.People < 1 || o.People > processes*maxPeople:
		return errors.New("people must be between 1 and 20000 for each process")
	case o.Rate < 0 || o.Rate > maxRate:
		return errors.New("the rate must be between 0 and 100000 messages a second")
	case o.Duration <= 0 || o.Ramp < 0 || o.Duration+o.Ramp > maxSeconds*time.Second:
		return errors.New("the duration must be between a moment and a day")
	case o.Direct < 0 || o.Direct > 1 || o.Readers < 0 || o.Readers > 1:
		return errors.New("shares are between 0 and 1")
	case o.Direct > 0 && o.People < 2:
		return errors.New("direct messages need two people")
	case o.Rooms < 0 || o.Rooms > o.People:
		return errors.New("there can be as many rooms as people")
	case o.Rooms > 0 && o.Rooms < processes:
		return errors.New("there can be as many rooms as processes, or more, or none")
	case o.Rooms > 0 && o.Token == "" && !o.SignUp:
		return errors.New("rooms are made by an account: give a token, or let one be made with --sign-up (on a server without accounts it becomes the owner's)")
	case o.NoGuests && o.Token == "":
		return errors.New("without guests a token is needed")
	case o.Reconnects < 0 || o.TextLength < 1 || o.TextLength > 4000:
		return errors.New("a message has between 1 and 4000 characters")
	}
	return nil
}
