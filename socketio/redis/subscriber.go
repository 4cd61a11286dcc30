package redis

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/redis/rueidis"
)

// topicKind says how a topic is subscribed to.
type topicKind int

const (
	channelTopic topicKind = iota
	patternTopic
	shardTopic
)

// listener receives what is published on its topics.
type listener struct {
	receive func(channel string, body []byte)
	gap     func() // messages may have been missed
}

type topic struct {
	kind topicKind
	to   *listener
}

// arrival is a message, or, without a channel, a gap.
type arrival struct {
	to      *listener
	channel string
	body    string
}

// subscriber keeps one connection subscribed to the topics of its listeners, from the first to the last, and makes another one
// when it is lost. Listeners are called one at a time, in the order of what Redis sent.
type subscriber struct {
	o     Options
	inbox *queue[arrival]

	mu     sync.Mutex
	topics map[string]topic
	conn   rueidis.DedicatedClient // nil while there is none
	ready  bool                    // conn is subscribed to what was there when it was made
	stop   context.CancelFunc      // nil while nobody listens
	done   chan struct{}
}

func newSubscriber(o Options) *subscriber {
	return &subscriber{o: o, topics: map[string]topic{}, inbox: newQueue(o.MaxQueue, func(batch []arrival) {
		for _, a := range batch {
			if a.channel == "" {
				a.to.gap()
			} else {
				a.to.receive(a.channel, []byte(a.body))
			}
		}
	})}
}

// connected reports whether what is published now arrives.
func (s *subscriber) connected() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ready
}

// add subscribes a listener to topics and returns when Redis has confirmed it, or is away: then it will be made up for.
func (s *subscriber) add(l *listener, kind topicKind, names ...string) {
	s.mu.Lock()
	for _, n := range names {
		s.topics[n] = topic{kind, l}
	}
	conn, first := s.conn, s.stop == nil
	var ctx context.Context
	if first {
		ctx, s.stop = context.WithCancel(context.Background())
		s.done = make(chan struct{})
	}
	s.mu.Unlock()
	switch {
	case first:
		lost, err := s.connect(ctx)
		if err != nil {
			s.o.OnError(err)
		}
		go s.run(ctx, lost)
	case conn != nil:
		if err := s.do(conn, subscribeCommands(conn, map[topicKind][]string{kind: names})); err != nil {
			s.o.OnError(err)
		}
	}
}

// remove ends subscriptions. With the last one the connection goes.
func (s *subscriber) remove(kind topicKind, names ...string) {
	s.mu.Lock()
	for _, n := range names {
		delete(s.topics, n)
	}
	conn, stop, done := s.conn, s.stop, s.done
	last := len(s.topics) == 0
	if last {
		s.stop = nil
	}
	s.mu.Unlock()
	switch {
	case last && stop != nil:
		stop()
		<-done
	case conn != nil:
		if err := s.do(conn, []rueidis.Completed{unsubscribeCommand(conn, kind, names)}); err != nil {
			s.o.OnError(err)
		}
	}
}

// run replaces the connection whenever it is lost.
func (s *subscriber) run(ctx context.Context, lost <-chan error) {
	defer close(s.done)
	defer s.drop()
	for {
		if lost != nil {
			select {
			case <-ctx.Done():
				return
			case err := <-lost:
				s.drop()
				s.o.OnError(errors.Join(ErrDisconnected, err))
			}
		}
		var err error
		if lost, err = s.reconnect(ctx); err != nil {
			return
		}
		s.tellGap()
	}
}

// reconnect tries until it succeeds or ctx is done.
func (s *subscriber) reconnect(ctx context.Context) (<-chan error, error) {
	for delay := 50 * time.Millisecond; ; delay = min(2*delay, 2*time.Second) {
		lost, err := s.connect(ctx)
		if err == nil {
			return lost, nil
		}
		s.o.OnError(err)
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(delay):
		}
	}
}

// connect takes a connection of its own and subscribes it to everything. Topics that are added meanwhile find it.
func (s *subscriber) connect(ctx context.Context) (<-chan error, error) {
	conn, _ := s.o.Client.Dedicate()
	lost := conn.SetPubSubHooks(rueidis.PubSubHooks{OnMessage: s.receive})
	byKind := map[topicKind][]string{}
	s.mu.Lock()
	for name, t := range s.topics {
		byKind[t.kind] = append(byKind[t.kind], name)
	}
	s.conn = conn
	s.mu.Unlock()
	if err := errors.Join(ctx.Err(), s.do(conn, subscribeCommands(conn, byKind))); err != nil {
		s.drop()
		return nil, err
	}
	s.mu.Lock()
	s.ready = true
	s.mu.Unlock()
	return lost, nil
}

func (s *subscriber) drop() {
	s.mu.Lock()
	conn := s.conn
	s.conn, s.ready = nil, false
	s.mu.Unlock()
	if conn != nil {
		conn.Close()
	}
}

func (s *subscriber) do(conn rueidis.DedicatedClient, cmds []rueidis.Completed) error {
	ctx, cancel := context.WithTimeout(context.Background(), s.o.RequestsTimeout)
	defer cancel()
	for _, c := range cmds {
		if err := conn.Do(ctx, c).Error(); err != nil {
			return err
		}
	}
	return nil
}

// subscribeCommands is at most one command for each kind of topic.
func subscribeCommands(conn rueidis.DedicatedClient, names map[topicKind][]string) []rueidis.Completed {
	var cmds []rueidis.Completed
	if n := names[channelTopic]; len(n) > 0 {
		cmds = append(cmds, conn.B().Subscribe().Channel(n...).Build())
	}
	if n := names[patternTopic]; len(n) > 0 {
		cmds = append(cmds, conn.B().Psubscribe().Pattern(n...).Build())
	}
	if n := names[shardTopic]; len(n) > 0 {
		cmds = append(cmds, conn.B().Ssubscribe().Channel(n...).Build())
	}
	return cmds
}

func unsubscribeCommand(conn rueidis.DedicatedClient, kind topicKind, names []string) rueidis.Completed {
	switch kind {
	case patternTopic:
		return conn.B().Punsubscribe().Pattern(names...).Build()
	case shardTopic:
		return conn.B().Sunsubscribe().Channel(names...).Build()
	default:
		return conn.B().Unsubscribe().Channel(names...).Build()
	}
}

// receive is called on the connection's reader, which must not be held up.
func (s *subscriber) receive(m rueidis.PubSubMessage) {
	name := m.Channel
	if m.Pattern != "" {
		name = m.Pattern
	}
	s.mu.Lock()
	t, ok := s.topics[name]
	s.mu.Unlock()
	if !ok {
		return // unsubscribed meanwhile
	}
	if !s.inbox.add(arrival{t.to, m.Channel, m.Message}, len(m.Message)) {
		s.o.OnError(ErrInboxFull)
		s.tellGap()
	}
}

func (s *subscriber) tellGap() {
	s.mu.Lock()
	defer s.mu.Unlock()
	told := map[*listener]bool{}
	for _, t := range s.topics {
		if !told[t.to] {
			told[t.to] = true
			s.inbox.add(arrival{to: t.to}, 0)
		}
	}
}
