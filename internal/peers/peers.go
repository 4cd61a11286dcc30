// Package peers lets the nodes of one server tell each other what happens, over Redis. What is told may get lost, or come late: the
// log in the database is the truth, and whoever listens must be able to do without.
package peers

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"
)

const (
	maxQueued   = 8192        // messages that wait for Redis; more are dropped
	maxAtOnce   = 256         // messages in one round trip
	sendTimeout = time.Second // a Redis that takes longer is as good as away
	pingEvery   = time.Second
	retryAfter  = 300 * time.Millisecond
)

// Peers is a node's connection to the others.
type Peers struct {
	node                string
	channel             string
	client              rueidis.Client
	redis               string // its address
	queue               chan string
	subscribed, answers atomic.Bool
	dropped             atomic.Int64
	told                func(away error)
	away                bool // what was told last; the sender's, and Connect's before there is one
	cancel              context.CancelFunc
	done                chan struct{}
	sent                chan struct{}
}

// Connect prepares the connection that a URL names, as redis://host:6379/0. Redis need not be there yet: told hears when it is away, with
// the reason, and when it is back, with nil. What Redis itself refuses, as a wrong password, is an error. node must be unique among the
// nodes; it has no colon.
func Connect(url, node string, told func(away error)) (*Peers, error) {
	o, err := rueidis.ParseURL(url)
	if err != nil {
		return nil, errors.New("peers: REDIS_URL must be like redis://host:6379") // the cause may quote its password
	}
	o.DisableCache, o.ForceSingleClient = true, true
	o.Dialer.Timeout, o.ConnWriteTimeout = sendTimeout, sendTimeout
	p := &Peers{node: node, channel: fmt.Sprintf("parley:nodes:%d", o.SelectDB), queue: make(chan string, maxQueued), told: told}
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

// Listen calls heard for each message of the others, one at a time, and up whenever the connection has come about: what was told
// before may have been missed. Both must not block. It is called once.
func (p *Peers) Listen(heard func(message []byte), up func()) {
	ctx, cancel := context.WithCancel(context.Background())
	p.cancel, p.done, p.sent = cancel, make(chan struct{}), make(chan struct{})
	go p.receive(ctx, heard, up)
	go p.send(ctx)
}

func (p *Peers) receive(ctx context.Context, heard func([]byte), up func()) {
	defer close(p.done)
	confirmed := rueidis.WithOnSubscriptionHook(ctx, func(s rueidis.PubSubSubscription) {
		if s.Kind == "subscribe" {
			p.subscribed.Store(true)
			up()
		}
	})
	for ctx.Err() == nil {
		_ = p.client.Receive(confirmed, p.client.B().Subscribe().Channel(p.channel).Build(), func(m rueidis.PubSubMessage) {
			if from, body, ok := strings.Cut(m.Message, ":"); ok && from != p.node {
				heard([]byte(body))
			}
		}) // it ends with the connection, and is begun again
		p.subscribed.Store(false)
		select {
		case <-time.After(retryAfter):
		case <-ctx.Done():
		}
	}
}

// Publish tells the others something. When Redis is away, or slower than what is told, it is dropped.
func (p *Peers) Publish(message []byte) {
	select {
	case p.queue <- p.node + ":" + string(message):
	default:
		p.dropped.Add(1)
	}
}

// send publishes in order, many in one round trip.
func (p *Peers) send(ctx context.Context) {
	defer close(p.sent)
	t := time.NewTicker(pingEvery)
	defer t.Stop()
	for {
		select {
		case first := <-p.queue:
			p.flush(ctx, first)
		case <-t.C:
			p.do(ctx, p.client.B().Ping().Build())
		case <-ctx.Done():
			return
		}
	}
}

func (p *Peers) flush(ctx context.Context, first string) {
	commands := rueidis.Commands{p.client.B().Publish().Channel(p.channel).Message(first).Build()}
	for len(commands) < maxAtOnce {
		select {
		case next := <-p.queue:
			commands = append(commands, p.client.B().Publish().Channel(p.channel).Message(next).Build())
			continue
		default:
		}
		break
	}
	p.do(ctx, commands...)
}

// do runs commands and takes note of whether Redis answers.
func (p *Peers) do(ctx context.Context, commands ...rueidis.Completed) {
	answering, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	failed, why := int64(0), error(nil)
	for _, res := range p.client.DoMulti(answering, commands...) {
		if err := res.Error(); err != nil {
			failed, why = failed+1, err
		}
	}
	p.dropped.Add(failed)
	p.answers.Store(failed == 0)
	if ctx.Err() == nil {
		p.note(why)
	}
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
	if p.done != nil {
		<-p.done
		<-p.sent
	}
}
