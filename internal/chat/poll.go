package chat

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"parley/internal/db"
)

// Poll is a question that a message asks; the message's text is the question. What it shows is told by the room's log, now and then.
type Poll struct {
	Options   []PollOption `json:"options"`
	Multiple  bool         `json:"multiple,omitempty"`  // one may choose several
	Anonymous bool         `json:"anonymous,omitempty"` // nobody is told who has chosen what
	Voters    int          `json:"voters,omitempty"`
	ClosesAt  int64        `json:"closesAt,omitempty"` // microseconds since 1970; 0: until its author closes it
	ClosedAt  int64        `json:"closedAt,omitempty"`
}

// PollOption is one of the answers.
type PollOption struct {
	Text    string   `json:"text"`
	Votes   int      `json:"votes,omitempty"`
	UserIDs []string `json:"userIds,omitempty"` // some of those who have chosen it
}

// Times are when it closes, and when it was closed; the zero time for never.
func (p *Poll) Times() (closes, closed time.Time) {
	if p.ClosesAt != 0 {
		closes = fromMicros(p.ClosesAt)
	}
	if p.ClosedAt != 0 {
		closed = fromMicros(p.ClosedAt)
	}
	return closes, closed
}

const (
	maxOptions    = 20
	maxOption     = 200                  // characters
	maxPollTime   = 366 * 24 * time.Hour // until it closes
	shownVoters   = 50                   // of an option
	anonymousSalt = 32                   // bytes
)

// PollDraft is a poll to be made.
type PollDraft struct {
	RoomID    string
	ClientID  string
	Question  string
	Options   []string
	Multiple  bool
	Anonymous bool
	ClosesAt  time.Time // zero: when its author closes it
}

// CreatePoll sends a poll. A retry with the same client id returns the first one.
func (c *Chat) CreatePoll(ctx context.Context, a Actor, d PollDraft) (Message, error) {
	p := &Poll{Multiple: d.Multiple, Anonymous: d.Anonymous}
	if len(d.Options) < 2 || len(d.Options) > maxOptions {
		return Message{}, errorf(Invalid, fmt.Sprintf("A poll has 2 to %d options", maxOptions))
	}
	for _, text := range d.Options {
		text, err := cleanLine(text, "option", maxOption)
		if err != nil {
			return Message{}, err
		}
		if text == "" || slices.ContainsFunc(p.Options, func(o PollOption) bool { return o.Text == text }) {
			return Message{}, errorf(Invalid, "The options of a poll differ, and none is empty")
		}
		p.Options = append(p.Options, PollOption{Text: text})
	}
	if !d.ClosesAt.IsZero() {
		if d.ClosesAt.Sub(c.now()) > maxPollTime {
			return Message{}, errorf(Invalid, "A poll closes in the future, within a year")
		}
		p.ClosesAt = micros(d.ClosesAt)
	}
	return c.SendMessage(ctx, a, Draft{RoomID: d.RoomID, ClientID: d.ClientID, Text: d.Question, extra: entryData{Poll: p}})
}

// storePoll keeps what the votes of a new poll are counted with. Its message is in the log already.
func (b *batch) storePoll(m *Message) error {
	if err := b.flush(); err != nil {
		return err
	}
	salt := ""
	if m.Poll.Anonymous {
		var raw [anonymousSalt]byte
		_, _ = rand.Read(raw[:]) // never fails: crypto/rand ends the program when the system has no randomness
		salt = hex.EncodeToString(raw[:])
	}
	_, err := b.tx.Exec(b.ctx, `INSERT INTO polls (message_id, room_id, salt, closes_at, version, told) VALUES ($1, $2, $3, $4, 0, 0)`,
		m.ID, m.RoomID, salt, sql.NullInt64{Int64: m.Poll.ClosesAt, Valid: m.Poll.ClosesAt != 0})
	return err
}

// pollState is what is known of a poll besides its message.
type pollState struct {
	salt          string
	version, told int64
	closes        sql.NullInt64
	closed        sql.NullInt64
}

// poll finds a poll that the actor may read.
func (b *batch) poll(a Actor, roomID, messageID string) (acc access, m Message, s pollState, err error) {
	if acc, m, err = b.message(a, roomID, messageID); err != nil {
		return acc, m, s, err
	}
	if m.Poll == nil {
		return acc, m, s, errorf(NotFound, "The message is no poll")
	}
	s, err = b.pollState(m.ID)
	return acc, m, s, err
}

func (b *batch) pollState(messageID string) (s pollState, err error) {
	err = b.tx.QueryRow(b.ctx, `SELECT salt, version, told, closes_at, closed_at FROM polls WHERE message_id = $1`+b.tx.Dialect().ForUpdate(), messageID).
		Scan(&s.salt, &s.version, &s.told, &s.closes, &s.closed)
	return s, err
}

// voter is whose votes they are: of an anonymous poll only whoever has the salt can tell.
func (s pollState) voter(userID string) string {
	if s.salt == "" {
		return userID
	}
	h := hmac.New(sha256.New, []byte(s.salt))
	h.Write([]byte(userID))
	return hex.EncodeToString(h.Sum(nil))
}

// Vote makes the actor's choice in a poll this one; none takes it back. The room is told of it within seconds.
func (c *Chat) Vote(ctx context.Context, a Actor, roomID, messageID string, choices []int) (Message, error) {
	choices = slices.Compact(slices.Sorted(slices.Values(choices)))
	var out Message
	err := c.change(ctx, a, roomID, func(b *batch) error {
		acc, m, s, err := b.poll(a, roomID, messageID)
		switch out = m; {
		case err != nil:
			return err
		case acc.mayMark() != nil:
			return acc.mayMark()
		case s.closed.Valid || s.closes.Valid && s.closes.Int64 <= micros(b.now):
			return errorf(Forbidden, "The poll is closed")
		case len(choices) > 1 && !m.Poll.Multiple:
			return errorf(Invalid, "One option can be chosen")
		case len(choices) > 0 && (choices[0] < 0 || choices[len(choices)-1] >= len(m.Poll.Options)):
			return errorf(Invalid, "No such option")
		}
		if _, err := b.tx.Exec(b.ctx, `DELETE FROM votes WHERE message_id = $1 AND voter = $2`, m.ID, s.voter(a.UserID)); err != nil {
			return err
		}
		for _, choice := range choices {
			if _, err := b.tx.Exec(b.ctx, `INSERT INTO votes (message_id, voter, choice) VALUES ($1, $2, $3)`, m.ID, s.voter(a.UserID), choice); err != nil {
				return err
			}
		}
		_, err = b.tx.Exec(b.ctx, `UPDATE polls SET version = version + 1 WHERE message_id = $1`, m.ID)
		return err
	})
	if err == nil {
		c.teller.soon(pollPrefix + messageID)
	}
	return out, err
}

// pollPrefix marks a poll among what the teller tells of.
const pollPrefix = "poll "

// OwnVotes returns what the actor has chosen. Of an anonymous poll that is closed nobody can tell any more.
func (c *Chat) OwnVotes(ctx context.Context, a Actor, roomID, messageID string) (Message, []int, error) {
	m, err := c.Message(ctx, a, roomID, messageID)
	if err != nil {
		return m, nil, err
	}
	if m.Poll == nil {
		return m, nil, errorf(NotFound, "The message is no poll")
	}
	var s pollState
	if err := c.db.QueryRow(ctx, `SELECT salt FROM polls WHERE message_id = $1`, m.ID).Scan(&s.salt); err != nil {
		return m, nil, unreadable(err)
	}
	rows, err := c.db.Query(ctx, `SELECT choice FROM votes WHERE message_id = $1 AND voter = $2 ORDER BY choice`, m.ID, s.voter(a.UserID))
	mine, err := db.Scan(rows, err, func(rows *sql.Rows, n *int) error { return rows.Scan(n) })
	if err != nil {
		return m, nil, unreadable(err)
	}
	return m, mine, nil
}

// ClosePoll ends a poll. Its author may, and who moderates the room. One that is closed is no error.
func (c *Chat) ClosePoll(ctx context.Context, a Actor, roomID, messageID string) (Message, error) {
	var out Message
	err := c.change(ctx, a, roomID, func(b *batch) error {
		acc, m, s, err := b.poll(a, roomID, messageID)
		switch out = m; {
		case err != nil:
			return err
		case m.SenderID != a.UserID && !acc.moderates():
			return errorf(Forbidden, "Only its author or a moderator can close a poll")
		case s.closed.Valid:
			return nil
		}
		out, err = b.closePoll(m, s)
		return err
	})
	return out, err
}

// closePoll counts a last time. The votes of an anonymous poll are then only numbers.
func (b *batch) closePoll(m Message, s pollState) (Message, error) {
	now := micros(b.now)
	if _, err := b.tx.Exec(b.ctx, `UPDATE polls SET closed_at = $1 WHERE message_id = $2`, now, m.ID); err != nil {
		return m, err
	}
	s.closed = sql.NullInt64{Int64: now, Valid: true}
	m, err := b.tellPoll(m, s)
	if err != nil || !m.Poll.Anonymous {
		return m, err
	}
	if _, err = b.tx.Exec(b.ctx, `DELETE FROM votes WHERE message_id = $1`, m.ID); err == nil {
		_, err = b.tx.Exec(b.ctx, `UPDATE polls SET salt = '' WHERE message_id = $1`, m.ID)
	}
	return m, err
}

// tellPoll counts the votes of a poll and writes an entry of them, if they are others.
func (b *batch) tellPoll(m Message, s pollState) (Message, error) {
	now, err := b.count(m, s)
	if err != nil {
		return m, err
	}
	if _, err := b.tx.Exec(b.ctx, `UPDATE polls SET told = $1 WHERE message_id = $2`, s.version, m.ID); err != nil {
		return m, err
	}
	same := (entryData{Poll: now}).encode() == (entryData{Poll: m.Poll}).encode()
	m.Poll = now
	if same {
		return m, nil
	}
	return b.retell(m.RoomID, m, Entry{Kind: KindPoll, ActorID: m.SenderID, ActorName: m.SenderName})
}

func (b *batch) count(m Message, s pollState) (*Poll, error) {
	now := *m.Poll
	now.ClosedAt, now.Voters, now.Options = s.closed.Int64, 0, slices.Clone(m.Poll.Options)
	for i := range now.Options {
		now.Options[i] = PollOption{Text: now.Options[i].Text}
	}
	rows, err := b.tx.Query(b.ctx, `SELECT choice, count(*) FROM votes WHERE message_id = $1 GROUP BY choice`, m.ID)
	_, err = db.Scan(rows, err, func(rows *sql.Rows, _ *struct{}) error {
		var choice, votes int
		err := rows.Scan(&choice, &votes)
		if choice >= 0 && choice < len(now.Options) {
			now.Options[choice].Votes = votes
		}
		return err
	})
	if err == nil {
		err = b.tx.QueryRow(b.ctx, `SELECT count(DISTINCT voter) FROM votes WHERE message_id = $1`, m.ID).Scan(&now.Voters)
	}
	for i := range now.Options {
		if err != nil || now.Anonymous || now.Options[i].Votes == 0 {
			continue
		}
		rows, queryErr := b.tx.Query(b.ctx, `SELECT voter FROM votes WHERE message_id = $1 AND choice = $2 ORDER BY voter LIMIT $3`, m.ID, i, shownVoters)
		now.Options[i].UserIDs, err = db.Scan(rows, queryErr, scanString)
	}
	return &now, err
}

// tellPoll has the room told of a poll's votes; when its time is over it is closed.
func (c *Chat) tellPoll(ctx context.Context, messageID string) error {
	var room string
	err := c.db.QueryRow(ctx, `SELECT room_id FROM polls WHERE message_id = $1`, messageID).Scan(&room)
	if db.IsNotFound(err) { // it was deleted
		return nil
	}
	if err != nil {
		return err
	}
	return c.change(ctx, Actor{}, room, func(b *batch) error {
		if _, err := b.head(room); err != nil {
			return err
		}
		entries, err := queryEntries(b.ctx, b.tx, selectEntries+`WHERE l.id = $1 AND l.deleted_at IS NULL`, messageID)
		if err == nil {
			err = complete(b.ctx, b.tx, room, entries)
		}
		if err != nil || len(entries) == 0 {
			return err
		}
		m := *entries[0].Message
		s, err := b.pollState(messageID)
		switch {
		case err != nil || s.closed.Valid:
			return err
		case s.closes.Valid && s.closes.Int64 <= micros(b.now):
			_, err = b.closePoll(m, s)
		case s.told < s.version:
			_, err = b.tellPoll(m, s)
		}
		return err
	})
}

// pollsDue lists polls whose time is over.
func (c *Chat) pollsDue(ctx context.Context) ([]string, error) {
	rows, err := c.db.Query(ctx, `SELECT message_id FROM polls WHERE closed_at IS NULL AND closes_at IS NOT NULL AND closes_at <= $1 LIMIT 100`, micros(c.now()))
	return db.Scan(rows, err, scanString)
}
