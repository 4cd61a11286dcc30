package chat

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Message is a message as it stands in its room's log.
type Message struct {
	ID         string
	RoomID     string
	Seq        int64 // 1 for the room's first entry, without gaps
	SenderID   string
	SenderName string // as it is now
	ClientID   string
	Text       string
	CreatedAt  time.Time
}

// Draft is a message to be sent.
type Draft struct {
	RoomID   string
	ClientID string // the sender's own id for it, which makes a retry safe; made up when empty
	Text     string
}

// maxClientID bounds a client's message id, in bytes.
const maxClientID = 64

// SendMessage commits a message and returns it. Sent again with the same client id it returns the first one; with another text
// that is a conflict. An error of kind Retry means that the outcome is unknown, and that sending it again will tell.
func (c *Chat) SendMessage(ctx context.Context, a Actor, d Draft) (Message, error) {
	d, err := c.clean(d)
	if err != nil {
		return Message{}, err
	}
	s := &submission{actor: a, draft: d, answer: make(chan answer, 1)}
	if err := c.submit(s); err != nil {
		return Message{}, err
	}
	select {
	case got := <-s.answer:
		return got.message, got.err
	case <-ctx.Done():
		return Message{}, &Error{Kind: Retry, Message: "The server is slow; sending again is safe", RetryAfter: time.Second, Err: ctx.Err()}
	}
}

func (c *Chat) clean(d Draft) (Draft, error) {
	d.Text = strings.TrimSpace(d.Text)
	switch {
	case d.Text == "":
		return d, errorf(Invalid, "Message is empty")
	case !utf8.ValidString(d.Text) || strings.ContainsRune(d.Text, 0):
		return d, errorf(Invalid, "Message is not valid text")
	case utf8.RuneCountInString(d.Text) > c.limits.MessageChars:
		return d, errorf(TooLarge, fmt.Sprintf("Message too long (max %d characters)", c.limits.MessageChars))
	case len(d.ClientID) > maxClientID || !utf8.ValidString(d.ClientID):
		return d, errorf(Invalid, "Invalid clientId")
	}
	if d.RoomID == "" {
		d.RoomID = Lobby
	}
	if d.ClientID == "" {
		d.ClientID = "-" + c.newID()
	}
	return d, nil
}

// HistoryQuery selects a page of a room's log: the newest messages before BeforeSeq, or the oldest after AfterSeq. With neither
// it is the newest page.
type HistoryQuery struct {
	RoomID    string
	BeforeSeq int64
	AfterSeq  *int64
	Limit     int // default 40, at most 300
}

// HistoryPage is a page of messages, oldest first.
type HistoryPage struct {
	Messages []Message
	HasMore  bool // in the direction of the query
}

// The sizes of a page.
const (
	DefaultPage = 40
	MaxPage     = 300
)

const selectMessages = `SELECT m.id, m.room_id, m.seq, m.sender_id, u.name, m.client_id, m.text, m.created_at
	FROM messages m JOIN users u ON u.id = m.sender_id
	JOIN memberships mb ON mb.room_id = m.room_id AND mb.user_id = $1 AND mb.left_seq IS NULL AND m.seq > mb.joined_seq
	WHERE m.room_id = $2 AND `

// History returns a page of what the actor may read.
func (c *Chat) History(ctx context.Context, a Actor, q HistoryQuery) (HistoryPage, error) {
	if q.RoomID == "" {
		q.RoomID = Lobby
	}
	if q.Limit <= 0 {
		q.Limit = DefaultPage
	}
	q.Limit = min(q.Limit, MaxPage)
	member, err := isMember(ctx, c.db.Read(), q.RoomID, a.UserID)
	if err != nil {
		return HistoryPage{}, unavailable(err)
	}
	if !member {
		return HistoryPage{}, errNotMember()
	}
	text, edge := selectMessages+`m.seq < $3 ORDER BY m.seq DESC LIMIT $4`, q.BeforeSeq
	if q.AfterSeq != nil {
		text, edge = selectMessages+`m.seq > $3 ORDER BY m.seq LIMIT $4`, *q.AfterSeq
	} else if edge <= 0 {
		edge = 1<<63 - 1
	}
	messages, err := c.queryMessages(ctx, text, a.UserID, q.RoomID, edge, q.Limit+1)
	if err != nil {
		return HistoryPage{}, unavailable(err)
	}
	page := HistoryPage{HasMore: len(messages) > q.Limit}
	page.Messages = messages[:min(len(messages), q.Limit)]
	if q.AfterSeq == nil {
		slices.Reverse(page.Messages)
	}
	return page, nil
}

func (c *Chat) queryMessages(ctx context.Context, text string, args ...any) ([]Message, error) {
	rows, err := c.db.Read().QueryContext(ctx, text, args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	messages := []Message{}
	for rows.Next() {
		var m Message
		var created int64
		if err := rows.Scan(&m.ID, &m.RoomID, &m.Seq, &m.SenderID, &m.SenderName, &m.ClientID, &m.Text, &created); err != nil {
			return nil, err
		}
		m.CreatedAt = fromMicros(created)
		messages = append(messages, m)
	}
	return messages, rows.Err()
}
