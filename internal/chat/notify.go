package chat

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Level is how much of a room somebody wants to hear of.
type Level string

// The levels. None given is the person's own default, and without one LevelAll in direct conversations and threads that they follow, LevelMentions elsewhere.
const (
	LevelAll      Level = "all"
	LevelMentions Level = "mentions" // only what addresses them
	LevelNone     Level = "none"
)

// RoomSettings is how much somebody wants to hear of a room. The zero value is what everybody begins with.
type RoomSettings struct {
	Level      Level  `json:"level,omitempty"`
	MutedUntil string `json:"mutedUntil,omitempty"` // ISO 8601
	Favourite  bool   `json:"favourite,omitempty"`
}

// NotifySettings is how much somebody wants to hear altogether.
type NotifySettings struct {
	Level     Level    `json:"level,omitempty"`     // of rooms that have none of their own
	Keywords  []string `json:"keywords,omitempty"`  // words that address them as their name does
	QuietFrom string   `json:"quietFrom,omitempty"` // HH:MM in their time zone: from then on nothing disturbs them,
	QuietTo   string   `json:"quietTo,omitempty"`   // until then
}

// Notice is how somebody is told of a message: none, or some of these together.
type Notice uint8

// The ways of telling.
const (
	Badge Notice = 1 << iota // it counts
	Sound                    // on the devices that are connected
	Push                     // to those that are not
	Mail
	NoNotice Notice = 0
)

// Has reports whether all of some ways are among those of a notice.
func (n Notice) Has(ways Notice) bool { return n&ways == ways }

// mailAfter is how long somebody must have been away for a mail.
const mailAfter = 15 * time.Minute

// Attention is where somebody's attention is.
type Attention struct {
	Connected bool          // with some device
	Looking   bool          // on some device
	InRoom    bool          // they are looking at this room
	Away      time.Duration // how long they have not been connected
	Dnd       bool          // they have said that they are not to be disturbed
}

// Notification is what decides how somebody is told of a message.
type Notification struct {
	Message   *Message
	Kind      RoomKind // of the room, or of the thread
	Following bool     // a thread
	UserID    string   // who is to be told
	ReadSeq   int64
	Blocked   bool // they have blocked the sender, or ignore them
	Room      RoomSettings
	All       NotifySettings
	Attention Attention
	TimeZone  string // IANA name; empty is UTC
	Now       time.Time
}

// Notify decides how somebody is told of a message. What counts, rings, is pushed and is mailed all follow from it.
func Notify(n Notification) Notice {
	m := n.Message
	if m.SenderID == n.UserID || !m.DeletedAt.IsZero() || n.Blocked || m.Seq <= n.ReadSeq || n.Kind == ThreadRoom && !n.Following && !m.addresses(n.UserID) {
		return NoNotice
	}
	level, muted := n.level(), n.Room.muted(n.Now)
	called := m.calls(n)
	switch {
	case level == LevelNone, n.Attention.InRoom && n.Attention.Looking, !called && (muted || level == LevelMentions):
		return NoNotice
	case muted, n.Attention.Dnd, n.All.quiet(n.Now, n.TimeZone):
		return Badge
	case n.Attention.Looking: // at the desk: no other device is to buzz
		return Badge | Sound
	case n.Attention.Connected:
		return Badge | Sound | Push
	case called && n.Attention.Away >= mailAfter:
		return Badge | Push | Mail
	}
	return Badge | Push
}

func (n *Notification) level() Level { return effectiveLevel(n.Kind, n.Room, n.All) }

func effectiveLevel(kind RoomKind, room RoomSettings, all NotifySettings) Level {
	switch {
	case room.Level != "":
		return room.Level
	case kind.direct(), kind == ThreadRoom:
		return LevelAll
	case all.Level != "":
		return all.Level
	}
	return LevelMentions
}

// badge is how many of the unread messages of a room count, of which some address the person.
func badge(kind RoomKind, room RoomSettings, all NotifySettings, unread, mentions int, now time.Time) int {
	switch level := effectiveLevel(kind, room, all); {
	case level == LevelNone:
		return 0
	case level == LevelMentions, room.muted(now):
		return mentions
	}
	return unread
}

func (r RoomSettings) muted(now time.Time) bool {
	until, err := time.Parse(time.RFC3339, r.MutedUntil)
	return err == nil && now.Before(until)
}

// quiet reports whether a moment is within the hours in which somebody is not to be disturbed.
func (s NotifySettings) quiet(now time.Time, zone string) bool {
	from, okFrom := clock(s.QuietFrom)
	to, okTo := clock(s.QuietTo)
	if !okFrom || !okTo || from == to {
		return false
	}
	where, err := time.LoadLocation(zone)
	if err != nil {
		where = time.UTC
	}
	local := now.In(where)
	at := 60*local.Hour() + local.Minute()
	if from < to {
		return from <= at && at < to
	}
	return at >= from || at < to // over midnight
}

// clock is the minute of the day that HH:MM names.
func clock(text string) (minute int, ok bool) {
	t, err := time.Parse("15:04", text)
	return 60*t.Hour() + t.Minute(), err == nil && len(text) == 5
}

// addresses reports whether a message is to somebody by name, or answers them.
func (m *Message) addresses(userID string) bool {
	return m.Mentions != nil && slices.Contains(m.Mentions.UserIDs, userID) || m.ReplyTo != nil && m.ReplyTo.SenderID == userID
}

// calls reports whether a message wants somebody's attention: it addresses them, or all, or those who are here while they are, or has one
// of their words.
func (m *Message) calls(n Notification) bool {
	if m.addresses(n.UserID) {
		return true
	}
	if m.Mentions != nil && (m.Mentions.All || m.Mentions.Here && n.Attention.Connected) {
		return true
	}
	return len(n.All.Keywords) > 0 && hasKeyword(m.Text, n.All.Keywords)
}

// hasKeyword finds whole words, whatever their case and accents are.
func hasKeyword(text string, keywords []string) bool {
	words := " " + strings.Join(phraseOf(text), " ") + " "
	return slices.ContainsFunc(keywords, func(k string) bool {
		phrase := phraseOf(k)
		return len(phrase) > 0 && strings.Contains(words, " "+strings.Join(phrase, " ")+" ")
	})
}

// RoomSettingsChange is what to change of them; what is nil stays.
type RoomSettingsChange struct {
	Level      *Level
	MutedUntil *time.Time // the zero time: no longer
	Favourite  *bool
}

// SetRoom changes how much the actor wants to hear of a room.
func (c *Chat) SetRoom(ctx context.Context, a Actor, roomID string, change RoomSettingsChange) (Personal, error) {
	if change.Level != nil && !slices.Contains([]Level{"", LevelAll, LevelMentions, LevelNone}, *change.Level) {
		return Personal{}, errorf(Invalid, "level must be all, mentions, none or empty")
	}
	var out Personal
	err := c.own(ctx, a, func(b *batch) error {
		if _, err := findAccess(b.ctx, b.tx, a.UserID, roomID); err != nil {
			return err
		}
		old, err := findPersonal(b.ctx, b.tx, a.UserID, PersonalRoom, roomID)
		if out = old; err != nil {
			return err
		}
		was := RoomSettings{}
		if old.Room != nil {
			was = *old.Room
		}
		now := was
		if change.Level != nil {
			now.Level = *change.Level
		}
		if change.Favourite != nil {
			now.Favourite = *change.Favourite
		}
		if u := change.MutedUntil; u != nil {
			if now.MutedUntil = ""; !u.IsZero() {
				now.MutedUntil = u.UTC().Format(time.RFC3339)
			}
		}
		if now == was {
			return nil
		}
		data := PersonalData{Room: &now}
		if now == (RoomSettings{}) {
			data.Room = nil
		}
		out, err = b.keep(a.UserID, PersonalRoom, roomID, data, b.now)
		return err
	})
	return out, err
}

const maxKeyword = 50 // characters

// SetNotify changes how much the actor wants to hear altogether.
func (c *Chat) SetNotify(ctx context.Context, a Actor, s NotifySettings) (Personal, error) {
	if !slices.Contains([]Level{"", LevelAll, LevelMentions, LevelNone}, s.Level) {
		return Personal{}, errorf(Invalid, "level must be all, mentions, none or empty")
	}
	if s.QuietFrom != "" || s.QuietTo != "" {
		_, okFrom := clock(s.QuietFrom)
		if _, okTo := clock(s.QuietTo); !okFrom || !okTo {
			return Personal{}, errorf(Invalid, "quietFrom and quietTo are written like 22:00, both or neither")
		}
	}
	if len(s.Keywords) > c.limits.Keywords {
		return Personal{}, errorf(TooLarge, fmt.Sprintf("Too many keywords (max %d)", c.limits.Keywords))
	}
	for i, k := range s.Keywords {
		k, err := cleanLine(k, "keyword", maxKeyword)
		if err == nil && (utf8.RuneCountInString(k) < 2 || len(phraseOf(k)) == 0) {
			err = errorf(Invalid, "A keyword has at least two characters, and a letter or a digit")
		}
		if err != nil {
			return Personal{}, err
		}
		s.Keywords[i] = k
	}
	var out Personal
	err := c.own(ctx, a, func(b *batch) (err error) {
		out, err = b.keep(a.UserID, PersonalNotify, "", PersonalData{Notify: &s}, b.now)
		return err
	})
	return out, err
}
