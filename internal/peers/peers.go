// Package peers lets the nodes of one server tell each other what happens, over Redis. What is told may get lost, or come late: the
// log in the database is the truth, and whoever listens must be able to do without.
//
// What concerns all nodes goes to all. What is of a topic goes to those alone who have subscribed to it: each topic is a channel of its own.
package peers

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"
)

const (
	maxQueued   = 8192        // messages that wait for Redis; more are dropped
	maxAtOnce   = 256         // messages in one round trip
	maxNamed    = 1000        // topics in one command
	sendTimeout = time.Second // a Redis that takes longer is as good as away
	pingEvery   = time.Second
	retryAfter  = 300 * time.Millisecond
)

// Peers is a node's connection to the others.
type Peers struct {
	node                string
	channel             string // of what concerns all
	client              rueidis.Client
	redis               string // its address
	queue               chan notice
	inbox               chan string
	subscribed, answers atomic.Bool
	dropped             atomic.Int64
	told                func(away error)
	away                bool   // what was told last; the sender's, and Connect's before there is one
	regretted           int64  // as many as dropped, when it was apologized for
	apology             string // "" for none
	older               older
	cancel              context.CancelFunc
	running             sync.WaitGroup

	mu      sync.Mutex
	topics  map[string]bool // those subscribed to, or about to be
	changed map[string]bool // those that Redis has not been told of
	wake    chan struct{}   // something has changed
}

// notice is a message on its way; without topics it is for all.
type notice struct {
	message string
	topics  []string
}

// Connect prepares the connection that a URL names, as redis://host:6379/0. Redis need not be there yet: told hears when it is away, with
// the reason, and when it is back, with nil. What Redis itself refuses, as a wrong password, is an error. node must be unique among the
// nodes; it has neither colon nor tilde.
func Connect(url, node string, told func(away error)) (*Peers, error) {
	o, err := rueidis.ParseURL(url)
	if err != nil {
		return nil, errors.New("peers: REDIS_URL must be like redis://host:6379") // the cause may quote its password
	}
	o.DisableCache, o.ForceSingleClient = true, true
	o.Dialer.Timeout, o.ConnWriteTimeout = sendTimeout, sendTimeout
	p := &Peers{
		node: node, channel: fmt.Sprintf("parley:nodes:%d", o.SelectDB), queue: make(chan notice, maxQueued), inbox: make(chan string, maxQueued),
		topics: map[string]bool{}, changed: map[string]bool{}, wake: make(chan struct{}, 1), older: older{lease: olderLease, answer: olderAnswer}, told: told,
	}
	if len(o.InitAddress) > 0 {
		p.redis = o.InitAddress[0]
	}
	p.client, err = rueidis.NewClient(o) // there is one also when nobody answers
	if p.client == nil || refuses(err) {
		return nil, fmt.Errorf("peers: %w", err)
	}
	p.note(err)
	return p, nil
}

// refuses reports whether Redis is there and does not let this node in. One that is still reading its file does, a little later.
func refuses(err error) bool {
	no, is := rueidis.IsRedisErr(err)
	return is && !no.IsLoading()
}

// note tells when Redis has gone away or come back.
func (p *Peers) note(err error) {
	if away := err != nil; away != p.away {
		p.away = away
		p.told(err)
	}
}

// Publish tells the others something: all of them, or those that have subscribed to one of the topics. When Redis is away, or slower
// than what is told, it is dropped.
func (p *Peers) Publish(message []byte, topics ...string) {
	select {
	case p.queue <- notice{string(message), topics}:
	default:
		p.dropped.Add(1)
	}
}

// send publishes in order, many in one round trip.
func (p *Peers) send(ctx context.Context) {
	t := time.NewTicker(pingEvery)
	defer t.Stop()
	p.ping(ctx)
	for {
		select {
		case first := <-p.queue:
			p.flush(ctx, first)
		case <-t.C:
			p.ping(ctx)
		case <-ctx.Done():
			return
		}
	}
}

func (p *Peers) flush(ctx context.Context, first notice) {
	all := p.older.among(time.Now())
	batch := p.addressed(nil, first, all)
	for len(batch) < maxAtOnce {
		select {
		case next := <-p.queue:
			batch = p.addressed(batch, next, all)
			continue
		default:
		}
		break
	}
	p.publish(ctx, batch)
}

// letter is a message and the channel that it goes to.
type letter struct{ channel, message string }

// addressed appends what is to be published so that a message reaches those for whom it is: everybody, if it is so.
func (p *Peers) addressed(batch []letter, m notice, all bool) []letter {
	message := p.node + newer + ":" + m.message
	if all || len(m.topics) == 0 {
		return append(batch, letter{p.channel, message})
	}
	for _, topic := range m.topics {
		batch = append(batch, letter{p.channelOf(topic), message})
	}
	return batch
}

func (p *Peers) channelOf(topic string) string { return p.channel + ":" + topic }

// publish tries what failed once more, if there is time: a connection may have been lost since the last time.
func (p *Peers) publish(ctx context.Context, batch []letter) {
	answering, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	left, why := p.try(answering, batch)
	if len(left) > 0 {
		left, why = p.try(answering, left)
	}
	p.dropped.Add(int64(len(left)))
	p.answered(ctx, why)
}

// answered takes note of whether Redis has answered.
func (p *Peers) answered(ctx context.Context, why error) {
	p.answers.Store(why == nil)
	if ctx.Err() == nil {
		p.note(why)
	}
}

// try returns what could not be published, and why.
func (p *Peers) try(ctx context.Context, batch []letter) (left []letter, why error) {
	commands := make(rueidis.Commands, len(batch))
	for i, l := range batch {
		commands[i] = p.client.B().Publish().Channel(l.channel).Message(l.message).Build()
	}
	for i, res := range p.client.DoMulti(ctx, commands...) {
		if err := res.Error(); err != nil {
			left, why = append(left, batch[i]), err
		}
	}
	return left, why
}

// ping takes note of whether Redis answers, when there is nothing to tell; and apologizes for what was not told before.
func (p *Peers) ping(ctx context.Context) {
	if dropped := p.dropped.Load(); dropped != p.regretted && p.apology != "" {
		p.regretted = dropped
		p.flush(ctx, notice{message: p.apology})
		return
	}
	answering, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	err := p.client.Do(answering, p.client.B().Ping().Build()).Error()
	if err != nil {
		err = p.client.Do(answering, p.client.B().Ping().Build()).Error()
	}
	p.answered(ctx, err)
}

// Client is the connection, for others who need Redis. It is closed with p.
func (p *Peers) Client() rueidis.Client { return p.client }

// anywhere is an address that is nowhere (RFC 5737): what lies on the way there is on the way to everywhere.
const anywhere = "192.0.2.1:9"

// LocalIP is this machine's address on the way to Redis, by which the other nodes most likely reach it too; while Redis' name leads nowhere,
// as that of a container that is not running, on the way to anywhere else.
func (p *Peers) LocalIP() (string, error) {
	c, err := (&net.Dialer{}).DialContext(context.Background(), "udp", p.redis) // nothing is sent
	if err != nil {
		var elsewhere error
		if c, elsewhere = (&net.Dialer{}).DialContext(context.Background(), "udp", anywhere); elsewhere != nil {
			return "", fmt.Errorf("peers: %w", err)
		}
	}
	defer func() { _ = c.Close() }() // nothing was written
	host, _, err := net.SplitHostPort(c.LocalAddr().String())
	return host, err
}

// Healthy reports whether what the others tell arrives now.
func (p *Peers) Healthy() bool { return p.subscribed.Load() && p.answers.Load() }

// Dropped is how many messages were not told.
func (p *Peers) Dropped() int64 { return p.dropped.Load() }

// Queued is how many messages wait for Redis.
func (p *Peers) Queued() int { return len(p.queue) }

// Close ends the connection.
func (p *Peers) Close() {
	if p.cancel != nil {
		p.cancel()
	}
	p.client.Close()
	p.running.Wait()
}
