package chat

import (
	"context"
	"errors"
	"slices"
	"time"

	"parley/internal/db"
)

// batch is a transaction that does several operations, each as if it were alone.
type batch struct {
	chat    *Chat
	ctx     context.Context //nolint:containedctx // it lives as long as the transaction
	tx      *db.Tx
	now     time.Time
	heads   map[string]*head
	dirty   []string // rooms whose heads have moved, in that order
	members map[memberKey]*access
	memory  *remembered
	careful bool     // looks for messages that were sent before already, instead of leaving that to the index
	pending []*Entry // messages that are numbered but not inserted yet
	results []result
	current *result
}

type result struct {
	err    error
	events []Event
}

// head is where a room's log ends.
type head struct{ last int64 }

type memberKey struct{ room, user string }

// runBatch does operations in one transaction. Most messages are new, and the index of client ids refuses those that are not: only then, and
// a while after, they are looked for beforehand.
func (m *committer) runBatch(ctx context.Context, ops []*operation) (*batch, error) {
	b, err := m.tryBatch(ctx, ops, time.Since(m.repeated) < repeatsFor)
	if isRepeat(err) {
		m.repeated = time.Now()
		b, err = m.tryBatch(ctx, ops, true)
	}
	return b, err
}

// repeatsFor is how long after a message that was sent again others are expected to be: who has lost a connection has lost it with others.
const repeatsFor = time.Second

func (m *committer) tryBatch(ctx context.Context, ops []*operation, careful bool) (*batch, error) {
	c := m.chat
	var b *batch
	err := c.db.Tx(ctx, func(tx *db.Tx) error {
		b = &batch{
			chat: c, ctx: ctx, tx: tx, now: c.now(), heads: map[string]*head{}, members: map[memberKey]*access{}, memory: m.memory, careful: careful,
			results: make([]result, len(ops)),
		}
		if err := b.run(ops); err != nil {
			return err
		}
		if ops[0].draft != nil && fault("acked-before-commit") {
			return errNeverCommitted
		}
		return nil
	})
	if errors.Is(err, errNeverCommitted) {
		err = nil
	}
	return b, err
}

// errNeverCommitted is a seeded fault: a batch that is acknowledged and lost.
var errNeverCommitted = errors.New("chat: a seeded fault")

func (b *batch) run(ops []*operation) error {
	sent, err := b.prepareMessages(ops)
	if err != nil {
		return err
	}
	for i, op := range ops {
		b.current = &b.results[i]
		if op.draft != nil {
			if b.current.err, err = sent.send(op); err != nil {
				return err
			}
			continue
		}
		if err := b.flush(); err != nil {
			return err
		}
		if err := b.part(op); err != nil {
			return err
		}
	}
	if err := b.flush(); err != nil {
		return err
	}
	for _, room := range b.dirty {
		if _, err := b.tx.Exec(b.ctx, `UPDATE rooms SET last_seq = $1 WHERE id = $2`, b.heads[room].last, room); err != nil {
			return err
		}
	}
	return nil
}

// part runs an operation that fails alone: with it goes what it has done, its numbers included, so that they have no gaps.
func (b *batch) part(op *operation) error {
	before, dirty := map[string]int64{}, slices.Clone(b.dirty)
	for room, h := range b.heads {
		before[room] = h.last
	}
	err, broken := b.tx.Part(b.ctx, func() error { return op.run(b) })
	if broken {
		return err
	}
	if err := b.forget(); err != nil {
		return err
	}
	if err == nil {
		return nil
	}
	for room, h := range b.heads {
		if last, ok := before[room]; ok {
			h.last = last
		} else {
			delete(b.heads, room)
		}
	}
	b.dirty = dirty
	*b.current = result{err: unwritten(err)}
	return nil
}

// head locks a room until the batch is over and returns where its log ends.
func (b *batch) head(room string) (*head, error) {
	if h := b.heads[room]; h != nil {
		return h, nil
	}
	h := &head{}
	err := b.tx.QueryRow(b.ctx, `SELECT last_seq FROM rooms WHERE id = $1`+b.tx.Dialect().ForUpdate(), room).Scan(&h.last)
	if db.IsNotFound(err) {
		return nil, errNoRoom()
	}
	if err != nil {
		return nil, err
	}
	b.heads[room] = h
	return h, nil
}

// number gives an entry its room's next seq.
func (b *batch) number(e *Entry) error {
	h, err := b.head(e.RoomID)
	if err != nil {
		return err
	}
	if !slices.Contains(b.dirty, e.RoomID) {
		b.dirty = append(b.dirty, e.RoomID)
	}
	h.last++
	if fault("gap-in-the-log") {
		h.last++
	}
	e.Seq, e.At = h.last, fromMicros(micros(b.now))
	if e.ID == "" {
		e.ID = b.chat.newID()
	}
	return nil
}

const insertEntry = `INSERT INTO log (room_id, seq, id, kind, actor_id, client_id, target_id, text, data, reply_to, created_at, version) VALUES `

// append writes an entry and returns its seq.
func (b *batch) append(e *Entry) (int64, error) {
	if err := b.number(e); err != nil {
		return 0, err
	}
	_, err := b.tx.Exec(b.ctx, insertEntry+values(1, entryColumns), e.row()...)
	return e.Seq, err
}

// flush inserts the messages that are pending.
func (b *batch) flush() error {
	rows := b.pending
	b.pending = b.pending[:0]
	for len(rows) > 0 {
		n := chunk(b.tx.Dialect(), len(rows))
		args := make([]any, 0, n*entryColumns)
		for _, e := range rows[:n] {
			args = append(args, e.row()...)
		}
		if _, err := b.tx.Exec(b.ctx, insertEntry+values(n, entryColumns), args...); err != nil {
			return err
		}
		for _, e := range rows[:n] {
			if e.data.Mentions == nil {
				continue
			}
			if err := b.storeMentions(e.RoomID, e.Seq, e.data.Mentions); err != nil {
				return err
			}
		}
		rows = rows[n:]
	}
	return nil
}

// publish tells an event after the commit.
func (b *batch) publish(e Event) { b.current.events = append(b.current.events, e) }

// access returns what somebody may do in a room, which is locked from here on: nothing of it changes before the commit.
func (b *batch) access(a Actor, roomID string) (access, error) {
	if _, err := b.head(roomID); err != nil {
		return access{}, err
	}
	return findAccess(b.ctx, b.tx, a.UserID, roomID)
}

// roomAccess is access to what has members and a description of its own, which a thread has not.
func (b *batch) roomAccess(a Actor, roomID string) (access, error) {
	acc, err := b.access(a, roomID)
	if err == nil && acc.thread() {
		err = errorf(Forbidden, "A thread is what its room is")
	}
	return acc, err
}

// lockedRoom is a room as it is within the batch, locked.
func (b *batch) lockedRoom(id string) (Room, error) {
	h, err := b.head(id)
	if err != nil {
		return Room{}, err
	}
	r, err := findRoom(b.ctx, b.tx, id)
	r.LastSeq = h.last
	return r, err
}
