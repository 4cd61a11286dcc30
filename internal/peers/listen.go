package peers

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/redis/rueidis"
)

// listener is told what comes in.
type listener struct {
	heard      func(message []byte)
	up         func()
	subscribed func(topics []string)
}

// Listen calls heard for each message of the others, one at a time, in the order of what Redis sends; up whenever the connection has
// come about: what was told before may have been missed; and subscribed when Redis has confirmed topics: what is told of them from then
// on is heard. After up that is all of them. None of the three may block. When something could not be told, all are told sorry as soon as
// Redis answers again. It is called once.
func (p *Peers) Listen(heard func(message []byte), up func(), subscribed func(topics []string), sorry []byte) {
	p.apology = string(sorry)
	l := listener{heard, up, subscribed}
	ctx, cancel := context.WithCancel(context.Background())
	p.cancel = cancel
	p.running.Go(func() { p.receive(ctx, l) })
	p.running.Go(func() { p.hear(ctx, l) })
	p.running.Go(func() { p.send(ctx) })
}

// Subscribe makes this node hear what is told of a topic, as soon as Redis is there. It does not wait for it: see [Peers.Listen].
func (p *Peers) Subscribe(topic string) { p.change(topic, true) }

// Unsubscribe ends that.
func (p *Peers) Unsubscribe(topic string) { p.change(topic, false) }

func (p *Peers) change(topic string, want bool) {
	p.mu.Lock()
	if want {
		p.topics[topic] = true
	} else {
		delete(p.topics, topic)
	}
	p.changed[topic] = true
	p.mu.Unlock()
	select {
	case p.wake <- struct{}{}:
	default: // it is about to look
	}
}

// Subscriptions is how many topics this node is subscribed to, or about to be.
func (p *Peers) Subscriptions() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.topics)
}

// receive keeps a connection, for which there is another one as soon as it is lost.
func (p *Peers) receive(ctx context.Context, l listener) {
	for ctx.Err() == nil {
		_ = p.listen(ctx, l) // whatever ended it, it is begun again
		p.subscribed.Store(false)
		select {
		case <-time.After(retryAfter):
		case <-ctx.Done():
		}
	}
}

// listen subscribes a connection of its own to everything, and to what changes, until it is lost. What comes in waits for hear: if that
// is slow for long, Redis ends the connection, which is noticed, where a message that is dropped here would not be.
func (p *Peers) listen(ctx context.Context, l listener) error {
	conn, _ := p.client.Dedicate()
	defer conn.Close()
	lost := conn.SetPubSubHooks(rueidis.PubSubHooks{OnMessage: func(m rueidis.PubSubMessage) {
		select {
		case p.inbox <- m.Message:
		case <-ctx.Done():
		}
	}})
	if err := p.begin(ctx, conn, l); err != nil {
		return err
	}
	t := time.NewTicker(pingEvery)
	defer t.Stop()
	for {
		var err error
		select {
		case <-p.wake:
			err = p.follow(ctx, conn, l)
		case <-t.C:
			err = doOne(ctx, conn, conn.B().Ping().Build())
		case err = <-lost:
			err = errors.Join(errLost, err)
		case <-ctx.Done():
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
	}
}

var errLost = errors.New("peers: the connection is lost")

// begin subscribes a new connection.
func (p *Peers) begin(ctx context.Context, conn rueidis.DedicatedClient, l listener) error {
	p.mu.Lock()
	topics := make([]string, 0, len(p.topics))
	for topic := range p.topics {
		topics = append(topics, topic)
	}
	clear(p.changed)
	p.mu.Unlock()
	if err := doOne(ctx, conn, conn.B().Subscribe().Channel(p.channel).Build()); err != nil {
		return err
	}
	p.older.maybe(time.Now())
	if err := p.named(topics, func(channels []string) error {
		return doOne(ctx, conn, conn.B().Subscribe().Channel(channels...).Build())
	}); err != nil {
		return err
	}
	p.subscribed.Store(true)
	l.up()
	l.subscribed(topics)
	return nil
}

// follow tells Redis which topics have come or gone.
func (p *Peers) follow(ctx context.Context, conn rueidis.DedicatedClient, l listener) error {
	var come, gone []string
	p.mu.Lock()
	for topic := range p.changed {
		if p.topics[topic] {
			come = append(come, topic)
		} else {
			gone = append(gone, topic)
		}
	}
	clear(p.changed)
	p.mu.Unlock()
	err := p.named(come, func(channels []string) error {
		return doOne(ctx, conn, conn.B().Subscribe().Channel(channels...).Build())
	})
	if err == nil && len(come) > 0 {
		l.subscribed(come)
	}
	return errors.Join(err, p.named(gone, func(channels []string) error {
		return doOne(ctx, conn, conn.B().Unsubscribe().Channel(channels...).Build())
	}))
}

// named calls do with the channels of topics, so many at a time.
func (p *Peers) named(topics []string, do func(channels []string) error) error {
	for len(topics) > 0 {
		n := min(len(topics), maxNamed)
		channels := make([]string, n)
		for i, topic := range topics[:n] {
			channels[i] = p.channelOf(topic)
		}
		if err := do(channels); err != nil {
			return err
		}
		topics = topics[n:]
	}
	return nil
}

func doOne(ctx context.Context, conn rueidis.DedicatedClient, command rueidis.Completed) error {
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	return conn.Do(ctx, command).Error()
}

// hear passes on what came in.
func (p *Peers) hear(ctx context.Context, l listener) {
	for {
		select {
		case message := <-p.inbox:
			from, body, ok := strings.Cut(message, ":")
			name, isNewer := strings.CutSuffix(from, newer)
			if !ok || name == p.node {
				continue
			}
			if !isNewer {
				p.older.heard(time.Now())
			}
			l.heard([]byte(body))
		case <-ctx.Done():
			return
		}
	}
}
