package chat

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"parley/internal/db"
)

const (
	maxQueued = 8192 // submissions that wait for the committer; more are refused
	maxBatch  = 256  // messages in one transaction: beyond, only the wait grows
	// commitTimeout bounds one batch. A database that takes longer is as good as away.
	commitTimeout = 30 * time.Second
)

// submission is a message on its way into the log.
type submission struct {
	actor  Actor
	draft  Draft
	answer chan answer // buffered: the committer never waits for a caller that has left
}

type answer struct {
	message Message
	err     error
	fresh   bool // made by this batch, so to be published
}

func (c *Chat) submit(s *submission) error {
	select {
	case <-c.stopping:
		return &Error{Kind: Unavailable, Message: "The server is restarting", RetryAfter: time.Second}
	default:
	}
	select {
	case c.queue <- s:
		return nil
	default:
		return &Error{Kind: Unavailable, Message: "The server is busy", RetryAfter: time.Second}
	}
}

// commitLoop is the only writer of messages. It commits together what has arrived together: one fsync for a batch.
func (c *Chat) commitLoop() {
	defer close(c.done)
	for {
		select {
		case s := <-c.queue:
			c.commitBatch(c.gather(s))
		case <-c.stopping:
			for {
				select {
				case s := <-c.queue:
					c.commitBatch(c.gather(s))
				default:
					return
				}
			}
		}
	}
}

// gather takes what is queued, without waiting for more.
func (c *Chat) gather(first *submission) []*submission {
	batch := []*submission{first}
	for len(batch) < maxBatch {
		select {
		case s := <-c.queue:
			batch = append(batch, s)
		default:
			return batch
		}
	}
	return batch
}

func (c *Chat) commitBatch(batch []*submission) {
	ctx, cancel := context.WithTimeout(context.Background(), commitTimeout)
	defer cancel()
	start := time.Now()
	answers := make([]answer, len(batch))
	err := c.db.Tx(ctx, func(tx *sql.Tx) error {
		b := &batchTx{chat: c, ctx: ctx, tx: tx, members: map[[2]string]bool{}, fresh: map[[2]string]int{}}
		return b.run(batch, answers)
	})
	if err != nil {
		failBatch(batch, err)
		return
	}
	c.committed(len(batch), time.Since(start))
	for i := range answers {
		if answers[i].fresh {
			c.publish(Event{Message: &answers[i].message})
		}
		batch[i].answer <- answers[i]
	}
}

// failBatch answers a batch whose transaction failed. Nothing of it is in the log, unless the commit itself failed: then nobody
// knows, and the senders are to ask again.
func failBatch(batch []*submission, err error) {
	told := unavailable(err)
	var unknown *db.CommitError
	switch {
	case errors.As(err, &unknown):
		told = &Error{Kind: Retry, Message: "The server cannot tell whether it was saved; sending again is safe", RetryAfter: time.Second, Err: err}
	case db.IsFull(err):
		told.Message, told.RetryAfter = "The server's disk is full", time.Minute
	}
	for _, s := range batch {
		s.answer <- answer{err: told}
	}
}

// batchTx is one batch within its transaction.
type batchTx struct {
	chat    *Chat
	ctx     context.Context
	tx      *sql.Tx
	members map[[2]string]bool // (room, user)
	fresh   map[[2]string]int  // (sender, client id) → index of the message this batch makes
}

// run decides on each submission, then numbers and inserts the new messages, a room at a time. Whatever can refuse a submission
// is decided before a number is taken, so that numbers have no gaps.
func (b *batchTx) run(batch []*submission, answers []answer) error {
	byRoom := map[string][]int{}
	var rooms []string
	var repeats [][2]int
	now := b.chat.now()
	for i, s := range batch {
		key := [2]string{s.actor.UserID, s.draft.ClientID}
		if first, ok := b.fresh[key]; ok {
			repeats = append(repeats, [2]int{i, first})
			continue
		}
		decided, err := b.decide(s)
		if err != nil {
			return err
		}
		if decided != nil {
			answers[i] = *decided
			continue
		}
		b.fresh[key] = i
		answers[i] = answer{fresh: true, message: Message{
			ID: b.chat.newID(), RoomID: s.draft.RoomID, SenderID: s.actor.UserID, SenderName: s.actor.Name,
			ClientID: s.draft.ClientID, Text: s.draft.Text, CreatedAt: fromMicros(micros(now)),
		}}
		if byRoom[s.draft.RoomID] == nil {
			rooms = append(rooms, s.draft.RoomID)
		}
		byRoom[s.draft.RoomID] = append(byRoom[s.draft.RoomID], i)
	}
	for _, room := range rooms {
		if err := b.insert(room, byRoom[room], answers); err != nil {
			return err
		}
	}
	for _, r := range repeats {
		answers[r[0]] = repeated(answers[r[1]].message, batch[r[0]].draft)
	}
	return nil
}

// decide answers a submission that makes no new message: a repeat, or one from somebody who is not in the room.
func (b *batchTx) decide(s *submission) (*answer, error) {
	old, err := b.find(s)
	if err == nil {
		a := repeated(old, s.draft)
		return &a, nil
	}
	if !errors.Is(err, sql.ErrNoRows) {
		return nil, err
	}
	key := [2]string{s.draft.RoomID, s.actor.UserID}
	member, known := b.members[key]
	if !known {
		if member, err = isMember(b.ctx, b.tx, s.draft.RoomID, s.actor.UserID); err != nil {
			return nil, err
		}
		b.members[key] = member
	}
	if !member {
		return &answer{err: errNotMember()}, nil
	}
	return nil, nil
}

// find looks for the message that an earlier submission with the same client id made.
func (b *batchTx) find(s *submission) (Message, error) {
	m := Message{SenderID: s.actor.UserID, SenderName: s.actor.Name, ClientID: s.draft.ClientID}
	var created int64
	err := b.tx.QueryRowContext(b.ctx, `SELECT id, room_id, seq, text, created_at FROM messages
		WHERE sender_id = $1 AND client_id = $2`, s.actor.UserID, s.draft.ClientID).Scan(&m.ID, &m.RoomID, &m.Seq, &m.Text, &created)
	m.CreatedAt = fromMicros(created)
	return m, err
}

// repeated answers a submission whose client id has been used: with the message, if it is the same one.
func repeated(m Message, d Draft) answer {
	if m.Text != d.Text || m.RoomID != d.RoomID {
		return answer{err: errorf(Conflict, "This clientId was used for another message")}
	}
	return answer{message: m}
}

func (b *batchTx) insert(room string, indexes []int, answers []answer) error {
	var last int64
	err := b.tx.QueryRowContext(b.ctx, `UPDATE rooms SET last_seq = last_seq + $1 WHERE id = $2 RETURNING last_seq`,
		len(indexes), room).Scan(&last)
	if err != nil {
		return err
	}
	stmt, err := b.tx.PrepareContext(b.ctx, `INSERT INTO messages (id, room_id, seq, sender_id, client_id, text, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7)`)
	if err != nil {
		return err
	}
	defer func() { _ = stmt.Close() }()
	for n, i := range indexes {
		m := &answers[i].message
		m.Seq = last - int64(len(indexes)) + int64(n) + 1
		if _, err := stmt.ExecContext(b.ctx, m.ID, m.RoomID, m.Seq, m.SenderID, m.ClientID, m.Text, micros(m.CreatedAt)); err != nil {
			return err
		}
	}
	return nil
}
