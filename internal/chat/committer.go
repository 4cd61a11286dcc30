package chat

import (
	"context"
	"hash/maphash"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

const (
	maxQueued = 8192 // operations that wait for a committer; more are refused
	maxBatch  = 256  // operations in one transaction: beyond, only the wait grows
	// In a large room many tell at once what they have read. What people write does not wait for that: so many cursors wait at most, and
	// so many are moved in one transaction.
	maxCursors     = 1024
	cursorsAtATime = 32
	// commitTimeout bounds one batch. A database that takes longer is as good as away.
	commitTimeout = 30 * time.Second
)

// operation is a change on its way into the log.
type operation struct {
	room    string // decides which committer does it
	actor   Actor
	draft   *Draft             // a message to send, or
	run     func(*batch) error // any other change: it fails alone, and may run again when the database asks for it
	message Message            // what came of the draft
	cursor  bool               // run moves a cursor: it comes after what is written
	done    chan error         // buffered: a committer never waits for a caller that has left
	span    trace.SpanContext  // of the request, when it is traced
	queued  time.Time
}

// committer writes what happens in its rooms. It is the only one on this node that does, so what it publishes after a commit is in
// the order of the seqs; and what has arrived together it commits together: one fsync for a batch.
type committer struct {
	chat    *Chat
	queue   chan *operation
	cursors chan *operation // those that move one
	done    chan struct{}
	memory  *remembered // nil where others write too

	repeated time.Time // when a message came that had been sent before

	first atomic.Pointer[time.Time] // since when the first of what is being committed has waited; nil while there is nothing
}

// Waiting is how long the operation has waited that waits the longest of those being committed now, 0 for none.
func (c *Chat) Waiting() (longest time.Duration) {
	for _, m := range c.committers {
		if since := m.first.Load(); since != nil {
			longest = max(longest, time.Since(*since))
		}
	}
	return longest
}

var roomHash = maphash.MakeSeed()

// do has an operation committed and returns what became of it.
func (c *Chat) do(ctx context.Context, op *operation) error {
	select {
	case <-c.stopping:
		return &Error{Kind: Unavailable, Message: "The server is restarting", RetryAfter: time.Second}
	default:
	}
	if c.tracer != nil {
		op.span = trace.SpanContextFromContext(ctx)
	}
	op.queued = time.Now()
	which := c.committers[maphash.String(roomHash, op.room)%uint64(len(c.committers))]
	queue := which.queue
	if op.cursor {
		queue = which.cursors
	}
	select {
	case queue <- op:
	default:
		return &Error{Kind: Unavailable, Message: "The server is busy", RetryAfter: time.Second}
	}
	select {
	case err := <-op.done:
		return err
	case <-ctx.Done():
		return &Error{Kind: Retry, Message: "The server is slow; sending again is safe", RetryAfter: time.Second, Err: ctx.Err()}
	}
}

// moveCursor has a member's cursor in a room moved.
func (c *Chat) moveCursor(ctx context.Context, a Actor, roomID string, run func(*batch) error) error {
	return c.do(ctx, &operation{room: roomID, actor: a, run: run, cursor: true, done: make(chan error, 1)})
}

// change has a change to a room committed.
func (c *Chat) change(ctx context.Context, a Actor, roomID string, run func(*batch) error) error {
	return c.do(ctx, &operation{room: roomID, actor: a, run: run, done: make(chan error, 1)})
}

func (m *committer) loop() {
	defer close(m.done)
	for {
		select {
		case op := <-m.queue:
			m.commit(m.gather(op))
		case op := <-m.cursors:
			m.commit(m.gather(op))
		case <-m.chat.stopping:
			for {
				select {
				case op := <-m.queue:
					m.commit(m.gather(op))
				case op := <-m.cursors:
					m.commit(m.gather(op))
				default:
					return
				}
			}
		}
	}
}

// gather takes what is queued, without waiting for more: what is written, and a few cursors.
func (m *committer) gather(first *operation) []*operation {
	cursors := cursorsAtATime
	if first.cursor {
		cursors--
	}
	ops := take(m.queue, []*operation{first}, maxBatch-1)
	return take(m.cursors, ops, min(cursors, maxBatch-len(ops)))
}

func take(queue <-chan *operation, ops []*operation, most int) []*operation {
	for range most {
		select {
		case op := <-queue:
			ops = append(ops, op)
		default:
			return ops
		}
	}
	return ops
}

// since is when the first of what is written was queued; of cursors alone it is now: nothing is given up because they wait.
func since(ops []*operation) *time.Time {
	for _, op := range ops {
		if !op.cursor {
			return &op.queued
		}
	}
	now := time.Now()
	return &now
}

// commit writes operations in one transaction, tells what came of it, and answers them.
func (m *committer) commit(ops []*operation) {
	ctx, cancel := context.WithTimeout(context.Background(), commitTimeout)
	defer cancel()
	m.first.Store(since(ops))
	defer m.first.Store(nil)
	start := time.Now()
	b, err := m.runBatch(ctx, ops)
	if err == nil && ops[0].draft != nil && fault("failed-but-saved") {
		err = context.DeadlineExceeded
	}
	if err != nil {
		// Nothing of it is in the log, unless the commit itself failed: then nobody knows, and the senders are to ask again.
		err = unwritten(err)
		for _, op := range ops {
			op.done <- err
		}
		return
	}
	m.chat.committed(len(ops), time.Since(start))
	for i, op := range ops {
		span := m.chat.traceCommit(op, start, len(ops), b.results[i].err)
		for _, e := range b.results[i].events {
			e.Span = span
			m.chat.publish(e)
			if e.Entry != nil {
				m.chat.indexer.changed(e.Entry.RoomID)
				m.chat.teller.changed(e.Entry)
				m.chat.previewer.changed(e.Entry)
			}
		}
		op.done <- b.results[i].err
	}
}

// traceCommit tells of the commit in the operation's trace, if there is one: how long it waited, and with how many it was committed.
func (c *Chat) traceCommit(op *operation, begun time.Time, together int, err error) trace.SpanContext {
	if c.tracer == nil || !op.span.IsSampled() {
		return trace.SpanContext{}
	}
	_, span := c.tracer.Start(trace.ContextWithSpanContext(context.Background(), op.span), "commit", trace.WithTimestamp(begun), trace.WithAttributes(
		attribute.Int("parley.batch", together), attribute.Int64("parley.queued_us", begun.Sub(op.queued).Microseconds())))
	if err != nil {
		span.SetStatus(codes.Error, string(AsError(err).Kind))
	}
	span.End()
	return span.SpanContext()
}

// Queued is the number of operations that wait to be committed.
func (c *Chat) Queued() (n int) {
	for _, m := range c.committers {
		n += len(m.queue) + len(m.cursors)
	}
	return n
}
