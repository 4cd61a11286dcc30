package chat

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"parley/internal/db"
)

// EntryKind is what happened.
type EntryKind string

// The kinds of entries of a room's log.
const (
	KindMessage EntryKind = "message"
	KindEdit    EntryKind = "edit"
	KindDelete  EntryKind = "delete"
	KindReact   EntryKind = "react"
	KindUnreact EntryKind = "unreact"
	KindCreate  EntryKind = "create"
	KindUpdate  EntryKind = "update"
	KindJoin    EntryKind = "join"
	KindLeave   EntryKind = "leave"
	KindKick    EntryKind = "kick"
	KindBan     EntryKind = "ban"
	KindRole    EntryKind = "role"
	KindPin     EntryKind = "pin"
	KindUnpin   EntryKind = "unpin"
	KindPoll    EntryKind = "poll"    // how a poll stands, told now and then, and that it is closed
	KindPreview EntryKind = "preview" // what pages say of themselves that a message links to
	KindThread  EntryKind = "thread"  // what was said about a message in its thread, told now and then
)

// Entry is one thing that happened in a room. Everything that can change what a member sees of the room is one, so that whoever
// has read all entries after a snapshot has what a fresh snapshot would show.
type Entry struct {
	RoomID    string
	Seq       int64 // 1 for the room's first entry, without gaps
	ID        string
	Kind      EntryKind
	ActorID   string
	ActorName string // as it is now
	At        time.Time

	Message *Message    // as it is now: for message and what is about one
	Emoji   string      // for react and unreact
	Room    *Room       // as it is now: for create and update
	Member  *RoomMember // as the entry made them: for join, leave, kick, ban and role

	// Blind are members to whom only what Redacted returns may be told: it is about a message from before their time.
	Blind []string

	// Of a thread's entry that has just been written: the room that the thread is in, whose memberships count, and where its log ended
	// then.
	ParentID  string
	ParentSeq int64

	clientID, targetID, replyTo, text string
	data                              entryData
}

// entryData is what an entry has besides its columns, as JSON in the database.
type entryData struct {
	Emoji    string    `json:"emoji,omitempty"`
	Role     Role      `json:"role,omitempty"`
	Mentions *Mentions `json:"mentions,omitempty"`

	Thread *ThreadSummary `json:"thread,omitempty"`
	From   *ThreadPlace   `json:"from,omitempty"`
	Pinned *Pin           `json:"pinned,omitempty"`

	Poll    *Poll    `json:"poll,omitempty"`
	Forward *Forward `json:"forward,omitempty"`

	Previews *Previews `json:"previews,omitempty"`
}

func (d entryData) encode() string {
	if d == (entryData{}) {
		return ""
	}
	out, err := json.Marshal(d)
	if err != nil { // strings encode
		panic(err)
	}
	return string(out)
}

func decodeData(text string) (d entryData, err error) {
	if text == "" {
		return d, nil
	}
	if err = json.Unmarshal([]byte(text), &d); err != nil {
		err = fmt.Errorf("chat: the data of an entry: %w", err)
	}
	return d, err
}

const entryColumns = 12

func (e *Entry) row() []any {
	return []any{
		e.RoomID, e.Seq, e.ID, string(e.Kind), e.ActorID, orNull(e.clientID), orNull(e.targetID), e.text, e.data.encode(),
		orNull(e.replyTo), micros(e.At), e.Seq,
	}
}

func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

var selectEntries = entriesOf("log")

// entriesOf reads entries with the people in them, out of the log or a part of it.
func entriesOf(log string) string {
	return `SELECT l.room_id, l.seq, l.id, l.kind, l.actor_id, u.name, l.client_id, l.target_id, l.text, l.data, l.reply_to,
	l.created_at, l.edited_at, l.deleted_at, l.version, r.seq, r.actor_id, ru.name, CASE WHEN r.deleted_at IS NULL THEN r.text ELSE '' END, t.name
	FROM ` + log + ` l JOIN users u ON u.id = l.actor_id
	LEFT JOIN log r ON r.id = l.reply_to LEFT JOIN users ru ON ru.id = r.actor_id
	LEFT JOIN users t ON t.id = l.target_id `
}

// scanEntry reads a row of selectEntries. The message of an entry about another one is not in the row.
func scanEntry(rows *sql.Rows, e *Entry) error {
	var clientID, targetID, replyTo, replyActor, replyName, replyText, targetName sql.NullString
	var created, version int64
	var edited, deleted, replySeq sql.NullInt64
	var data string
	err := rows.Scan(&e.RoomID, &e.Seq, &e.ID, &e.Kind, &e.ActorID, &e.ActorName, &clientID, &targetID, &e.text, &data, &replyTo,
		&created, &edited, &deleted, &version, &replySeq, &replyActor, &replyName, &replyText, &targetName)
	if err != nil {
		return err
	}
	if e.data, err = decodeData(data); err != nil {
		return err
	}
	e.At, e.clientID, e.targetID, e.replyTo = fromMicros(created), clientID.String, targetID.String, replyTo.String
	switch e.Kind {
	case KindMessage:
		e.Message = &Message{
			ID: e.ID, RoomID: e.RoomID, Seq: e.Seq, SenderID: e.ActorID, SenderName: e.ActorName, ClientID: e.clientID, Text: e.text,
			CreatedAt: e.At, EditedAt: timeOrZero(edited), DeletedAt: timeOrZero(deleted), Version: version,
		}
		e.Message.take(e.data)
		if replyTo.Valid {
			e.Message.ReplyTo = &Quote{
				ID: replyTo.String, Seq: replySeq.Int64, SenderID: replyActor.String, SenderName: replyName.String, Text: excerpt(replyText.String),
			}
		}
	case KindReact, KindUnreact:
		e.Emoji = e.data.Emoji
	case KindJoin, KindLeave, KindKick, KindBan, KindRole:
		e.Member = &RoomMember{UserID: e.targetID, Name: targetName.String, Role: e.data.Role}
	}
	return nil
}

func timeOrZero(n sql.NullInt64) time.Time {
	if !n.Valid {
		return time.Time{}
	}
	return fromMicros(n.Int64)
}

// about reports whether an entry is about an earlier message.
func (k EntryKind) about() bool {
	switch k {
	case KindEdit, KindDelete, KindReact, KindUnreact, KindPin, KindUnpin, KindPoll, KindPreview, KindThread:
		return true
	}
	return false
}

// aboutKinds are the kinds of such entries, for queries.
const aboutKinds = `('edit', 'delete', 'react', 'unreact', 'pin', 'unpin', 'poll', 'preview', 'thread')`

// Redacted returns what an entry is to somebody who may read what comes after a seq: what it shows of a message before is not in it.
func (e *Entry) Redacted(from int64) *Entry {
	out := *e
	if m := out.Message; m != nil && m.Seq <= from {
		out.Message, out.Emoji = nil, ""
	} else if m != nil && m.ReplyTo != nil && m.ReplyTo.Seq <= from {
		kept := *m
		kept.ReplyTo = &Quote{ID: m.ReplyTo.ID, Seq: m.ReplyTo.Seq}
		out.Message = &kept
	}
	return &out
}

// redact makes entries what they are to such a reader.
func redact(entries []Entry, from int64) {
	if from == 0 {
		return
	}
	for i := range entries {
		entries[i] = *entries[i].Redacted(from)
	}
}

// blind finds the members of a room who may not read what stands at a seq.
func (b *batch) blind(acc access, seq int64) ([]string, error) {
	if acc.History == HistoryAll {
		return nil, nil
	}
	rows, err := b.tx.Query(b.ctx, `SELECT user_id FROM memberships WHERE room_id = $1 AND left_seq IS NULL AND from_seq >= $2`, acc.RoomID, seq)
	return db.Scan(rows, err, scanString)
}

// complete adds to entries of one room what is not in their rows: the messages they are about, reactions, the room.
func complete(ctx context.Context, q db.Querier, roomID string, entries []Entry) error {
	if len(entries) == 0 {
		return nil
	}
	first, last := entries[0].Seq, entries[0].Seq
	messages := map[string]*Message{}
	about, room := false, false
	for i := range entries {
		e := &entries[i]
		first, last = min(first, e.Seq), max(last, e.Seq)
		about, room = about || e.Kind.about(), room || e.Kind == KindCreate || e.Kind == KindUpdate
		if e.Message != nil {
			messages[e.ID] = e.Message
		}
	}
	if about {
		targets, err := queryEntries(ctx, q, selectEntries+`WHERE l.id IN (SELECT target_id FROM log WHERE room_id = $1 AND seq BETWEEN $2 AND $3
			AND kind IN `+aboutKinds+`)`, roomID, first, last)
		if err != nil {
			return err
		}
		for i := range targets {
			if messages[targets[i].ID] == nil {
				messages[targets[i].ID] = targets[i].Message
			}
		}
		for i := range entries {
			if entries[i].Kind.about() {
				entries[i].Message = messages[entries[i].targetID]
			}
		}
	}
	if room {
		r, err := findRoom(ctx, q, roomID)
		if err != nil {
			return err
		}
		for i := range entries {
			if k := entries[i].Kind; k == KindCreate || k == KindUpdate {
				entries[i].Room = &r
			}
		}
	}
	return addReactions(ctx, q, roomID, first, last, about, messages)
}

func queryEntries(ctx context.Context, q db.Querier, text string, args ...any) ([]Entry, error) {
	rows, err := q.Query(ctx, text, args...)
	return db.Scan(rows, err, scanEntry)
}
