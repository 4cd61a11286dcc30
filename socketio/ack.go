package socketio

import (
	"errors"
	"slices"
	"sync"
	"time"
)

// Errors of acknowledgements.
var (
	ErrAckTimeout   = errors.New("socketio: operation has timed out")
	ErrDisconnected = errors.New("socketio: socket has been disconnected")
	ErrTooManyAcks  = errors.New("socketio: too many acknowledgements are pending")
)

// ackFunc receives the data of an acknowledgement, or the error that ended the wait.
type ackFunc func(data []byte, attachments [][]byte, err error)

type pendingAck struct {
	fn    ackFunc
	timer *time.Timer // nil without a timeout
}

// expectAck registers fn for an acknowledgement. It is called exactly once, unless an error is returned here.
func (s *Socket) expectAck(id uint64, fn ackFunc, timeout time.Duration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gone {
		return ErrDisconnected
	}
	if limit := s.ns.server.opts.MaxPendingAcks; limit > 0 && len(s.acks) >= limit {
		return ErrTooManyAcks
	}
	p := pendingAck{fn: fn}
	if timeout > 0 {
		p.timer = time.AfterFunc(timeout, func() { s.settleAck(id, nil, nil, ErrAckTimeout) })
	}
	if s.acks == nil {
		s.acks = map[uint64]pendingAck{}
	}
	s.acks[id] = p
	return nil
}

// settleAck ends the wait for an acknowledgement. One that nobody waits for, or not any more, is ignored.
func (s *Socket) settleAck(id uint64, data []byte, attachments [][]byte, err error) {
	s.mu.Lock()
	p, ok := s.acks[id]
	delete(s.acks, id)
	s.mu.Unlock()
	if !ok {
		return
	}
	if p.timer != nil {
		p.timer.Stop()
	}
	p.fn(data, attachments, err)
}

// failAcks ends all waits when the socket goes.
func (s *Socket) failAcks() {
	s.mu.Lock()
	acks := s.acks
	s.acks = nil
	s.mu.Unlock()
	for _, p := range acks {
		if p.timer != nil {
			p.timer.Stop()
		}
		p.fn(nil, nil, ErrDisconnected)
	}
}

func (r *Reply) keep() {
	for i, a := range r.args {
		r.args[i] = slices.Clone(a)
	}
}

// ackCollector gathers the acknowledgements of a broadcast.
type ackCollector struct {
	mu       sync.Mutex
	expected int
	complete bool  // the adapter will tell of no more receivers
	err      error // why it does not know all of them
	replies  []AckReply
	done     chan struct{}
}

func newAckCollector() *ackCollector { return &ackCollector{done: make(chan struct{})} }

func (c *ackCollector) expect(n int) {
	c.mu.Lock()
	c.expected += n
	c.mu.Unlock()
}

func (c *ackCollector) reply(r AckReply) {
	c.mu.Lock()
	c.replies = append(c.replies, r)
	c.check()
	c.mu.Unlock()
}

func (c *ackCollector) counted(err error) {
	c.mu.Lock()
	c.complete, c.err = true, err
	c.check()
	c.mu.Unlock()
}

func (c *ackCollector) check() {
	if c.complete && len(c.replies) >= c.expected {
		select {
		case <-c.done:
		default:
			close(c.done)
		}
	}
}

func (c *ackCollector) result() ([]*Reply, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := make([]*Reply, 0, len(c.replies))
	for _, r := range c.replies {
		if reply, err := newReply(r.Data, r.Attachments); err == nil {
			out = append(out, reply)
		}
	}
	if len(c.replies) < c.expected {
		return out, errors.Join(ErrAckTimeout, c.err)
	}
	return out, c.err
}
