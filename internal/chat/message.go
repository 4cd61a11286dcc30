package chat

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"parley/internal/markdown"
)

// Message is a message as it is now. A deleted one has no text, no reactions and no mentions.
type Message struct {
	ID         string
	RoomID     string
	Seq        int64 // of its entry in the room's log
	SenderID   string
	SenderName string // as it is now
	ClientID   string
	Text       string
	CreatedAt  time.Time
	EditedAt   time.Time // zero: never
	DeletedAt  time.Time // zero: not
	Version    int64     // seq of the entry that last changed it
	ReplyTo    *Quote
	Mentions   *Mentions
	Reactions  []Reaction
	Thread     *ThreadSummary // what was said about it in a thread; nil when nothing was
	From       *ThreadPlace   // the thread that it was sent to besides; nil for most
	Pinned     *Pin           // nil when it is not
	Poll       *Poll          // nil when it is none
	Forward    *Forward       // what it passes on
	Previews   *Previews      // of what it links to; nil: none
}

// Plain is what a message says, without its markup and with what its spoilers hide covered: for letters and for lists.
func (m *Message) Plain() string {
	text := markdown.Plain(m.Text)
	if m.Forward != nil {
		text = strings.TrimSpace(text + "\n" + markdown.Plain(m.Forward.Text))
	}
	return text
}

// data is what the log keeps of a message besides its columns.
func (m *Message) data() entryData {
	return entryData{Mentions: m.Mentions, Thread: m.Thread, From: m.From, Pinned: m.Pinned, Poll: m.Poll, Forward: m.Forward, Previews: m.Previews}
}

// take is the other way round.
func (m *Message) take(d entryData) {
	m.Mentions, m.Thread, m.From, m.Pinned, m.Poll, m.Forward, m.Previews = d.Mentions, d.Thread, d.From, d.Pinned, d.Poll, d.Forward, d.Previews
}

// Quote is the message that another answers, as much as is shown of it.
type Quote struct {
	ID         string
	Seq        int64
	SenderID   string
	SenderName string
	Text       string // its beginning; empty when it was deleted
}

// excerptChars is how much of a message a quote shows.
const excerptChars = 140

func excerpt(text string) string {
	if utf8.RuneCountInString(text) <= excerptChars {
		return text
	}
	return string([]rune(text)[:excerptChars]) + "…"
}

// Draft is a message to be sent.
type Draft struct {
	RoomID   string
	ClientID string // the sender's own id for it, which makes a retry safe; made up when empty
	Text     string
	ReplyTo  string   // id of a message of the room, or empty
	Mentions []string // ids of people the sender has picked, besides those that the text names

	// AlsoToRoom sends a reply in a thread to the thread's room too.
	AlsoToRoom bool

	extra entryData // what it has besides its text
}

const (
	maxClientID    = 64 // bytes
	maxIDLength    = 64 // bytes of any id that a client sends
	maxMentionedIn = 50 // people that one message may address by name
)

// SendMessage commits a message and returns it. Sent again with the same client id it returns the first one; with another text
// that is a conflict. An error of kind Retry means that the outcome is unknown, and that sending it again will tell.
func (c *Chat) SendMessage(ctx context.Context, a Actor, d Draft) (Message, error) {
	d, err := c.clean(d)
	if err != nil {
		return Message{}, err
	}
	op := &operation{room: d.RoomID, actor: a, draft: &d, done: make(chan error, 1)}
	if err := c.do(ctx, op); err != nil {
		return Message{}, err
	}
	if d.AlsoToRoom {
		return op.message, c.alsoToRoom(ctx, a, op.message)
	}
	return op.message, nil
}

func (c *Chat) clean(d Draft) (Draft, error) {
	var err error
	if d.Text, err = c.cleanText(d.Text); err != nil && (d.extra.Forward == nil || d.Text != "") {
		return d, err
	}
	switch {
	case len(d.ClientID) > maxClientID || !utf8.ValidString(d.ClientID):
		return d, errorf(Invalid, "Invalid clientId")
	case !storable(d.RoomID, d.ClientID, d.ReplyTo) || !storable(d.Mentions...):
		return d, errorf(Invalid, "An id has characters that no id has")
	case len(d.Mentions) > maxMentionedIn:
		return d, errorf(TooLarge, fmt.Sprintf("Too many mentions (max %d)", maxMentionedIn))
	}
	if d.RoomID == "" {
		d.RoomID = Lobby
	}
	if d.ClientID == "" {
		d.ClientID = "-" + c.newID()
	}
	return d, nil
}

// storable reports whether every database takes some texts. What is asked for a message is asked together with what is for others: one text
// that Postgres does not take would have it refuse them all.
func storable(texts ...string) bool {
	return !slices.ContainsFunc(texts, func(s string) bool { return !utf8.ValidString(s) || strings.ContainsRune(s, 0) })
}

func (c *Chat) cleanText(text string) (string, error) {
	text = strings.TrimSpace(text)
	switch {
	case text == "":
		return "", errorf(Invalid, "Message is empty")
	case !utf8.ValidString(text) || strings.ContainsRune(text, 0):
		return "", errorf(Invalid, "Message is not valid text")
	case utf8.RuneCountInString(text) > c.limits.MessageChars:
		return "", errorf(TooLarge, fmt.Sprintf("Message too long (max %d characters)", c.limits.MessageChars))
	}
	return text, nil
}

// HistoryQuery selects a page of a room's messages: the newest before BeforeSeq, the oldest after AfterSeq, or those around
// AroundSeq. With none of them it is the newest page.
type HistoryQuery struct {
	RoomID    string
	BeforeSeq int64
	AfterSeq  *int64
	AroundSeq int64
	Limit     int // default 40, at most 300
}

// HistoryPage is a page of messages, oldest first.
type HistoryPage struct {
	Messages []Message
	HasMore  bool  // in the direction of the query; of one around a message, towards newer ones
	Head     int64 // the room's last seq when the page was read: events after it are news
	Epoch    string
}

// The sizes of a page.
const (
	DefaultPage = 40
	MaxPage     = 300
	// maxPageBytes bounds the texts of a page besides their number: more than may wait for a client would end its connection.
	maxPageBytes = 256 << 10
)

// History returns a page of what the actor may read.
func (c *Chat) History(ctx context.Context, a Actor, q HistoryQuery) (HistoryPage, error) {
	if q.RoomID == "" {
		q.RoomID = Lobby
	}
	if q.Limit <= 0 {
		q.Limit = DefaultPage
	}
	q.Limit = min(q.Limit, MaxPage)
	acc, err := c.reader(ctx, a, q.RoomID)
	if err != nil {
		return HistoryPage{}, err
	}
	page := HistoryPage{Head: acc.LastSeq, Epoch: acc.Epoch}
	switch {
	case q.AroundSeq > 0:
		var older []Message
		if older, _, err = c.messages(ctx, acc, before, q.AroundSeq, q.Limit/2); err == nil {
			page.Messages, page.HasMore, err = c.messages(ctx, acc, after, q.AroundSeq-1, q.Limit-len(older))
			page.Messages = append(older, page.Messages...)
		}
	case q.AfterSeq != nil:
		page.Messages, page.HasMore, err = c.messages(ctx, acc, after, *q.AfterSeq, q.Limit)
	case q.BeforeSeq > 0:
		page.Messages, page.HasMore, err = c.messages(ctx, acc, before, q.BeforeSeq, q.Limit)
	default:
		page.Messages, page.HasMore, err = c.messages(ctx, acc, before, 1<<62, q.Limit)
	}
	if err != nil {
		return HistoryPage{}, unreadable(err)
	}
	return page, nil
}

// The directions of a page.
var (
	before = pageOf(`l.kind = 'message' AND l.seq < $3`, `l.seq DESC`)
	after  = pageOf(`l.kind = 'message' AND l.seq > $3`, `l.seq`)
)

// pageOf reads a part of a room's log, whose first arguments are the reader, the room, the edge, the limit, and what [readableLog] needs. The
// part is cut before anything is joined to it, whatever a planner that knows nothing of a new database thinks best.
func pageOf(which, order string) string {
	return entriesOf(`(SELECT l.* FROM log l`+readableLog("$1", "$5", "$6")+`WHERE l.room_id = $2 AND `+which+` ORDER BY `+order+` LIMIT $4)`) +
		`ORDER BY ` + order
}

// fitting is how many of the first entries make one page.
func fitting(entries []Entry, limit int) int {
	bytes := 0
	for i := range entries {
		size := len(entries[i].text)
		if m := entries[i].Message; m != nil {
			size = max(size, len(m.Text))
			if m.ReplyTo != nil {
				size += len(m.ReplyTo.Text)
			}
		}
		if bytes += size; i == limit || i > 0 && bytes > maxPageBytes {
			return i
		}
	}
	return len(entries)
}

// messages reads one page, oldest first, and whether there are more beyond it.
func (c *Chat) messages(ctx context.Context, acc access, text string, edge int64, limit int) ([]Message, bool, error) {
	if limit <= 0 {
		return nil, false, nil
	}
	entries, err := queryEntries(ctx, c.db, text, acc.UserID, acc.RoomID, edge, limit+1, acc.Holder, acc.RootSeq)
	if err != nil {
		return nil, false, err
	}
	n := fitting(entries, limit)
	more := len(entries) > n
	entries = entries[:n]
	if text == before {
		slices.Reverse(entries)
	}
	if err := complete(ctx, c.db, acc.RoomID, entries); err != nil {
		return nil, false, err
	}
	redact(entries, acc.FromSeq)
	out := make([]Message, len(entries))
	for i := range entries {
		out[i] = *entries[i].Message
	}
	return out, more, nil
}
