package chat

import (
	"database/sql"
	"slices"

	"parley/internal/db"
)

// sending is what a batch knows of the messages it sends before it begins: who may write where, and which of them it has met.
type sending struct {
	b     *batch
	known map[clientKey]sentBefore
}

type clientKey struct{ actor, client string }

// sentBefore is a message that a client id was used for.
type sentBefore struct {
	message Message
	replyTo string
}

// prepareMessages asks the database once for what all the messages of a batch need.
func (b *batch) prepareMessages(ops []*operation) (*sending, error) {
	s := &sending{b: b, known: map[clientKey]sentBefore{}}
	var drafts []*operation
	var rooms []string
	seen := map[string]bool{}
	for _, op := range ops {
		if op.draft == nil {
			continue
		}
		drafts = append(drafts, op)
		if !seen[op.draft.RoomID] {
			seen[op.draft.RoomID] = true
			rooms = append(rooms, op.draft.RoomID)
		}
	}
	if len(drafts) == 0 {
		return s, nil
	}
	if err := b.lockRooms(rooms); err != nil {
		return nil, err
	}
	if b.careful {
		if err := s.findSent(drafts); err != nil {
			return nil, err
		}
	}
	if err := b.memory.recall(b); err != nil {
		return nil, err
	}
	return s, s.findMembers(drafts)
}

// isRepeat reports whether a batch failed because a client id had been used before.
func isRepeat(err error) bool {
	return db.IsTaken(err, "log", "log_by_client_id", "actor_id", "client_id")
}

// lockRooms locks rooms in the order of their ids, in which all transactions lock several. A room that is not there is no error
// yet.
func (b *batch) lockRooms(rooms []string) error {
	return eachChunk(len(rooms), func(from, n, size int) error {
		args := make([]any, size)
		for i := range args {
			args[i] = rooms[from+min(i, n-1)]
		}
		rows, err := b.tx.Query(b.ctx, `SELECT id, last_seq FROM rooms WHERE id IN (VALUES `+values(size, 1)+`) ORDER BY id`+
			b.tx.Dialect().ForUpdate(), args...)
		_, err = db.Scan(rows, err, func(rows *sql.Rows, _ *struct{}) error {
			var id string
			h := &head{}
			err := rows.Scan(&id, &h.last)
			b.heads[id] = h
			return err
		})
		return err
	})
}

// findSent looks for the messages that earlier submissions with the same client ids made.
func (s *sending) findSent(drafts []*operation) error {
	return eachChunk(len(drafts), func(from, n, size int) error {
		args := make([]any, 0, 2*size)
		for i := range size {
			op := drafts[from+min(i, n-1)]
			args = append(args, op.actor.UserID, op.draft.ClientID)
		}
		rows, err := s.b.tx.Query(s.b.ctx, `WITH v (actor, client) AS (VALUES `+values(size, 2)+`)
			SELECT l.id, l.room_id, l.seq, l.actor_id, l.client_id, l.text, l.reply_to, l.created_at, l.version, l.edited_at, l.deleted_at, l.kind, l.data
			FROM v JOIN log l ON l.actor_id = v.actor AND l.client_id = v.client AND l.client_id IS NOT NULL`, args...)
		_, err = db.Scan(rows, err, func(rows *sql.Rows, _ *struct{}) error { return s.scanSent(rows) })
		return err
	})
}

func (s *sending) scanSent(rows *sql.Rows) error {
	var m Message
	var reply sql.NullString
	var created int64
	var edited, deleted sql.NullInt64
	var kind EntryKind
	var text string
	err := rows.Scan(&m.ID, &m.RoomID, &m.Seq, &m.SenderID, &m.ClientID, &m.Text, &reply, &created, &m.Version, &edited, &deleted, &kind, &text)
	m.CreatedAt, m.EditedAt, m.DeletedAt = fromMicros(created), timeOrZero(edited), timeOrZero(deleted)
	if kind != KindMessage { // a client id that made a room: no message equals it
		m.RoomID = ""
	}
	if err != nil {
		return err
	}
	data, err := decodeData(text)
	m.take(data)
	s.known[clientKey{m.SenderID, m.ClientID}] = sentBefore{m, reply.String}
	return err
}

// findMembers looks up what the senders may do.
func (s *sending) findMembers(drafts []*operation) error {
	var keys []memberKey
	seen := map[memberKey]bool{}
	for _, op := range drafts {
		key := memberKey{op.draft.RoomID, op.actor.UserID}
		if seen[key] {
			continue
		}
		seen[key] = true
		if acc := s.b.memory.of(key); acc != nil {
			s.b.members[key] = acc
		} else {
			keys = append(keys, key)
		}
	}
	return eachChunk(len(keys), func(from, n, size int) error {
		args := make([]any, 0, 2*size)
		for i := range size {
			key := keys[from+min(i, n-1)]
			args = append(args, key.room, key.user)
		}
		rows, err := s.b.tx.Query(s.b.ctx, `WITH v (room, usr) AS (VALUES `+values(size, 2)+`) SELECT `+accessColumns+`
			FROM v JOIN rooms r ON r.id = v.room `+accessTables+` AND m.user_id = v.usr`, args...)
		_, err = db.Scan(rows, err, func(rows *sql.Rows, acc *access) error {
			if err := acc.scan(rows); err != nil {
				return err
			}
			kept := *acc
			s.b.members[memberKey{acc.RoomID, acc.UserID}] = &kept
			s.b.memory.remember(&kept)
			return nil
		})
		return err
	})
}

// send sends one message, or answers it if it was sent before. The second error fails the batch.
func (s *sending) send(op *operation) (refused, failed error) {
	key := clientKey{op.actor.UserID, op.draft.ClientID}
	if fault("ids-forgotten") {
		op.draft.ClientID += s.b.chat.newID()
	}
	old, ok := s.known[key]
	if !ok {
		if refused, failed = s.sendNew(op, key); refused == nil || failed != nil || s.b.careful {
			return refused, failed
		}
		// What it is refused for now it may not have been when it was sent first.
		if failed = s.findSent([]*operation{op}); failed != nil {
			return nil, failed
		}
		if old, ok = s.known[key]; !ok {
			return refused, nil
		}
	}
	op.message, refused = repeated(old, op.actor, *op.draft)
	return refused, nil
}

// sendNew decides on a message and numbers it. Whatever can refuse it is decided before it takes a number, so that numbers have no gaps.
func (s *sending) sendNew(op *operation, key clientKey) (refused, failed error) {
	d, b := op.draft, s.b
	if p := d.extra.Poll; p != nil && p.ClosesAt != 0 && p.ClosesAt <= micros(b.now) { // not before: a retry is answered also when it is over
		return errorf(Invalid, "A poll closes in the future, within a year"), nil
	}
	acc, err := s.member(op)
	if err != nil {
		return split(err)
	}
	if err := acc.maySend(); err != nil {
		return split(err)
	}
	e := &Entry{
		RoomID: d.RoomID, ID: b.chat.newID(), Kind: KindMessage, ActorID: acc.UserID, ActorName: acc.UserName, clientID: d.ClientID,
		text: d.Text, replyTo: d.ReplyTo,
	}
	quote, err := b.quote(acc, d.ReplyTo)
	if err != nil {
		return split(err)
	}
	if quote != nil {
		if e.Blind, err = b.blind(acc, quote.Seq); err != nil {
			return split(err)
		}
	}
	e.data = d.extra
	if e.data.Mentions, err = b.mentions(acc, d.Text, d.Mentions); err != nil {
		return split(err)
	}
	if acc.thread() {
		e.ParentID, e.ParentSeq = acc.Holder, acc.HolderSeq
		if err := b.followReply(acc, e.data.Mentions); err != nil {
			return nil, err
		}
	}
	if err := b.number(e); err != nil {
		return split(err)
	}
	b.pending = append(b.pending, e)
	op.message = Message{
		ID: e.ID, RoomID: e.RoomID, Seq: e.Seq, SenderID: acc.UserID, SenderName: acc.UserName, ClientID: d.ClientID, Text: d.Text,
		CreatedAt: e.At, Version: e.Seq, ReplyTo: quote,
	}
	op.message.take(e.data)
	e.Message = &op.message
	if fault("wrong-seq-in-ack") {
		wrong := op.message
		wrong.Seq++
		op.message, e.Message = wrong, &Message{}
		*e.Message = wrong
		e.Message.Seq--
	}
	s.known[key] = sentBefore{op.message, d.ReplyTo}
	if op.message.Poll != nil {
		if err := b.storePoll(&op.message); err != nil {
			return nil, err
		}
	}
	b.publish(Event{Entry: e})
	return nil, nil
}

// split tells apart what refuses one operation from what fails the transaction.
func split(err error) (refused, failed error) {
	if _, ok := err.(*Error); ok { //nolint:errorlint // one that wraps an Error is not a refusal of ours
		return err, nil
	}
	return nil, err
}

// member is what the sender may do in the room. An operation before this one may have changed it.
func (s *sending) member(op *operation) (access, error) {
	if acc := s.b.members[memberKey{op.draft.RoomID, op.actor.UserID}]; acc != nil {
		return *acc, nil
	}
	acc, err := findAccess(s.b.ctx, s.b.tx, op.actor.UserID, op.draft.RoomID)
	if err == nil {
		s.b.members[memberKey{acc.RoomID, acc.UserID}] = &acc
	}
	return acc, err
}

// repeated answers a submission whose client id has been used: with the message, if it is the same one. What became of its text
// afterwards does not matter.
func repeated(old sentBefore, a Actor, d Draft) (Message, error) {
	m := old.message
	changed := !m.EditedAt.IsZero() || !m.DeletedAt.IsZero()
	if m.RoomID != d.RoomID || !changed && (m.Text != d.Text || old.replyTo != d.ReplyTo || !sameExtra(m, d.extra)) {
		return Message{}, errorf(Conflict, "This clientId was used for another message")
	}
	m.SenderName = a.Name
	return m, nil
}

// sameExtra reports whether a message has the poll, or passes on what a draft would.
func sameExtra(m Message, d entryData) bool {
	if (m.Forward == nil) != (d.Forward == nil) || m.Forward != nil && !m.Forward.same(d.Forward) || (m.Poll == nil) != (d.Poll == nil) {
		return false
	}
	return m.Poll == nil || m.Poll.Multiple == d.Poll.Multiple && m.Poll.Anonymous == d.Poll.Anonymous && m.Poll.ClosesAt == d.Poll.ClosesAt &&
		slices.EqualFunc(m.Poll.Options, d.Poll.Options, func(a, b PollOption) bool { return a.Text == b.Text })
}

// quote is the message that a draft answers.
func (b *batch) quote(acc access, id string) (*Quote, error) {
	if id == "" {
		return nil, nil
	}
	if err := b.flush(); err != nil { // it may be of this batch
		return nil, err
	}
	q := Quote{ID: id}
	err := b.tx.QueryRow(b.ctx, `SELECT l.seq, l.actor_id, u.name, l.text FROM log l JOIN users u ON u.id = l.actor_id
		WHERE l.id = $1 AND l.room_id = $2 AND l.kind = 'message' AND l.seq > $3 AND l.deleted_at IS NULL`, id, acc.RoomID, acc.FromSeq).
		Scan(&q.Seq, &q.SenderID, &q.SenderName, &q.Text)
	if db.IsNotFound(err) {
		return nil, errorf(NotFound, "The message that this answers is not there")
	}
	q.Text = excerpt(q.Text)
	return &q, err
}
