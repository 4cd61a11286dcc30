package chat

import (
	"context"
	"slices"
	"time"
)

// Scheduled is a message that is to be sent later.
type Scheduled struct {
	RoomID   string   `json:"roomId"`
	Text     string   `json:"text"`
	ReplyTo  string   `json:"replyTo,omitempty"`
	Mentions []string `json:"mentions,omitempty"`
	At       string   `json:"at"`              // ISO 8601
	Error    string   `json:"error,omitempty"` // why it was not sent, and will not be
}

// maxAhead is how far ahead something can be scheduled.
const maxAhead = 366 * 24 * time.Hour

// stampLayout is how times are written that go to clients as they are.
const stampLayout = "2006-01-02T15:04:05.000Z"

// ahead checks a time at which something is to happen.
func (c *Chat) ahead(at time.Time) (string, error) {
	if left := at.Sub(c.now()); left <= 0 || left > maxAhead {
		return "", errorf(Invalid, "The time must be in the future, within a year")
	}
	return at.UTC().Format(stampLayout), nil
}

// ScheduleMessage keeps a message to be sent at a time. Its client id is its key, and will be the message's: once scheduled it is not
// scheduled again, and however often it is tried, it is sent once.
func (c *Chat) ScheduleMessage(ctx context.Context, a Actor, d Draft, at time.Time) (Personal, error) {
	stamp, err := c.ahead(at)
	if err != nil {
		return Personal{}, err
	}
	if d, err = c.clean(d); err != nil {
		return Personal{}, err
	}
	s := Scheduled{RoomID: d.RoomID, Text: d.Text, ReplyTo: d.ReplyTo, Mentions: d.Mentions, At: stamp}
	var out Personal
	err = c.own(ctx, a, func(b *batch) error {
		acc, err := findAccess(b.ctx, b.tx, a.UserID, d.RoomID)
		if err == nil {
			err = acc.maySend()
		}
		if err != nil {
			return err
		}
		old, err := findPersonal(b.ctx, b.tx, a.UserID, PersonalScheduled, d.ClientID)
		if out = old; err != nil || old.Version > 0 {
			if err == nil && old.Scheduled != nil && !old.Scheduled.same(s) {
				err = errorf(Conflict, "This clientId was used for another message")
			}
			return err
		}
		if err := b.fewer(a.UserID, PersonalScheduled, c.limits.Scheduled, "scheduled messages"); err != nil {
			return err
		}
		if err := b.schedule(PersonalScheduled, a.UserID, d.ClientID, at); err != nil {
			return err
		}
		out, err = b.keep(a.UserID, PersonalScheduled, d.ClientID, PersonalData{Scheduled: &s}, b.now)
		return err
	})
	return out, err
}

func (s *Scheduled) same(o Scheduled) bool {
	return s.RoomID == o.RoomID && s.Text == o.Text && s.ReplyTo == o.ReplyTo && s.At == o.At && slices.Equal(s.Mentions, o.Mentions)
}

// CancelScheduled forgets a message that is to be sent. One that is being sent is sent.
func (c *Chat) CancelScheduled(ctx context.Context, a Actor, key string) (Personal, error) {
	return c.forget(ctx, a, PersonalScheduled, key)
}

// forget ends something that has a time.
func (c *Chat) forget(ctx context.Context, a Actor, kind PersonalKind, key string) (Personal, error) {
	var out Personal
	err := c.own(ctx, a, func(b *batch) error {
		old, err := findPersonal(b.ctx, b.tx, a.UserID, kind, key)
		if out = old; err != nil || old.Gone {
			return err
		}
		if err := b.unschedule(kind, a.UserID, key); err != nil {
			return err
		}
		out, err = b.keep(a.UserID, kind, key, PersonalData{}, b.now)
		return err
	})
	return out, err
}

// sendScheduled sends a message whose time has come. What may be tried again is an error; what is refused stays, with the reason.
func (c *Chat) sendScheduled(ctx context.Context, userID, key string) error {
	p, err := findPersonal(ctx, c.db, userID, PersonalScheduled, key)
	if err != nil {
		return err
	}
	a := Actor{UserID: userID}
	var refused error
	if s := p.Scheduled; s != nil {
		u, err := c.User(ctx, userID)
		if err != nil {
			return err
		}
		a.Name, a.Role = u.Name, u.Role
		_, refused = c.SendMessage(ctx, a, Draft{RoomID: s.RoomID, ClientID: key, Text: s.Text, ReplyTo: s.ReplyTo, Mentions: s.Mentions})
	}
	data := PersonalData{}
	if refused != nil {
		e := AsError(refused)
		if slices.Contains([]Kind{Unavailable, Retry, Internal, RateLimited}, e.Kind) {
			return refused
		}
		failed := *p.Scheduled
		failed.Error = e.Message
		data.Scheduled = &failed
	}
	return c.own(ctx, a, func(b *batch) error {
		if err := b.unschedule(PersonalScheduled, userID, key); err != nil || p.Gone {
			return err
		}
		_, err := b.keep(userID, PersonalScheduled, key, data, b.now)
		return err
	})
}

// Reminder is something that somebody wants to be reminded of: a message, or a text, or both.
type Reminder struct {
	Text      string `json:"text,omitempty"`
	RoomID    string `json:"roomId,omitempty"`
	MessageID string `json:"messageId,omitempty"`
	At        string `json:"at"`            // ISO 8601
	Due       bool   `json:"due,omitempty"` // its time has come; it stays until it is done
}

const maxReminder = 500 // characters

// SetReminder reminds the actor at a time. The key of one that there is changes that one; without a key it is another.
func (c *Chat) SetReminder(ctx context.Context, a Actor, key string, r Reminder, at time.Time) (Personal, error) {
	stamp, err := c.ahead(at)
	if err != nil {
		return Personal{}, err
	}
	if r.Text, err = cleanParagraph(r.Text, "text", maxReminder); err != nil {
		return Personal{}, err
	}
	switch {
	case r.Text == "" && r.MessageID == "":
		return Personal{}, errorf(Invalid, "A reminder is about a message, or has a text")
	case len(key) > maxClientID || !storable(key):
		return Personal{}, errorf(Invalid, "Invalid key")
	case key == "":
		key = c.newID()
	}
	r.At, r.Due = stamp, false
	var out Personal
	err = c.own(ctx, a, func(b *batch) error {
		if r.MessageID == "" {
			r.RoomID = ""
		} else if _, err := b.readable(a, r.RoomID, r.MessageID); err != nil {
			return err
		}
		old, err := findPersonal(b.ctx, b.tx, a.UserID, PersonalReminder, key)
		if out = old; err != nil || old.Reminder != nil && *old.Reminder == r {
			return err
		}
		if old.Gone {
			if err := b.fewer(a.UserID, PersonalReminder, c.limits.Reminders, "reminders"); err != nil {
				return err
			}
		}
		if err := b.schedule(PersonalReminder, a.UserID, key, at); err != nil {
			return err
		}
		out, err = b.keep(a.UserID, PersonalReminder, key, PersonalData{Reminder: &r}, b.now)
		return err
	})
	return out, err
}

// FinishReminder ends a reminder.
func (c *Chat) FinishReminder(ctx context.Context, a Actor, key string) (Personal, error) {
	return c.forget(ctx, a, PersonalReminder, key)
}

// remind tells that a reminder's time has come.
func (c *Chat) remind(ctx context.Context, userID, key string) error {
	return c.own(ctx, Actor{UserID: userID}, func(b *batch) error {
		p, err := findPersonal(b.ctx, b.tx, userID, PersonalReminder, key)
		if err != nil {
			return err
		}
		if p.Reminder != nil {
			if at, err := time.Parse(stampLayout, p.Reminder.At); err == nil && at.After(b.now) { // it was put off meanwhile
				return nil
			}
		}
		if err := b.unschedule(PersonalReminder, userID, key); err != nil || p.Reminder == nil || p.Reminder.Due {
			return err
		}
		r := *p.Reminder
		r.Due = true
		_, err = b.keep(userID, PersonalReminder, key, PersonalData{Reminder: &r}, p.At)
		return err
	})
}
