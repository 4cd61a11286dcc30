package redis

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/redis/rueidis"
)

// Options are what all adapters have in common. Only Client is required.
type Options struct {
	// Client is the connection to Redis. The adapters do not close it.
	Client rueidis.Client
	// Prefix of all channels; default socket.io.
	Prefix string
	// RequestsTimeout bounds the wait for other nodes and for Redis itself; default 5 s.
	RequestsTimeout time.Duration
	// MaxQueue bounds, in bytes, what waits to be sent to Redis for one namespace, and what has come and waits to be handled;
	// default 64 MiB. More is dropped, and told to OnError.
	MaxQueue int
	// OnError is told of what goes wrong in the background. It may be nil, and must not block.
	OnError func(error)
}

// Errors told to OnError or returned by what could not be sent.
var (
	ErrQueueFull    = errors.New("redis: too much waits to be sent to the other nodes")
	ErrInboxFull    = errors.New("redis: too much of the other nodes waits to be handled")
	ErrMalformed    = errors.New("redis: malformed message of another node")
	ErrDisconnected = errors.New("redis: not subscribed, because Redis is away")
)

func (o Options) withDefaults() Options {
	if o.Prefix == "" {
		o.Prefix = "socket.io"
	}
	if o.RequestsTimeout <= 0 {
		o.RequestsTimeout = 5 * time.Second
	}
	if o.MaxQueue <= 0 {
		o.MaxQueue = 64 << 20
	}
	if o.OnError == nil {
		o.OnError = func(error) {}
	}
	return o
}

// closeTimeout bounds how long an adapter that is closed waits for Redis to take what was published before.
const closeTimeout = 5 * time.Second

// outgoing is a command for Redis. failed is told when it did not get there, or may not have; it may be nil.
type outgoing struct {
	cmd    rueidis.Completed
	failed func()
}

// newOutbox sends commands in order, everything that waits at once.
func newOutbox(o Options) *queue[outgoing] {
	return newQueue(o.MaxQueue, func(batch []outgoing) {
		ctx, cancel := context.WithTimeout(context.Background(), o.RequestsTimeout)
		defer cancel()
		cmds := make([]rueidis.Completed, len(batch))
		for i, b := range batch {
			cmds[i] = b.cmd
		}
		var failure error
		for i, r := range o.Client.DoMulti(ctx, cmds...) {
			if err := r.Error(); err != nil {
				failure = err
				if batch[i].failed != nil {
					batch[i].failed()
				}
			}
		}
		if failure != nil {
			o.OnError(failure)
		}
	})
}

// subscribers asks Redis how many connections listen to a channel, with NUMSUB or SHARDNUMSUB.
func subscribers(ctx context.Context, o Options, how, channel string) (int, error) {
	nodes := map[string]rueidis.Client{"": o.Client}
	if o.Client.Mode() == rueidis.ClientModeCluster {
		nodes = o.Client.Nodes()
	}
	ctx, cancel := context.WithTimeout(ctx, o.RequestsTimeout)
	defer cancel()
	total := 0
	for _, n := range nodes {
		counts, err := n.Do(ctx, n.B().Arbitrary("PUBSUB", how, channel).Build()).AsIntMap()
		if err != nil {
			return 0, err
		}
		total += int(counts[channel])
	}
	return total, nil
}

// escapePattern makes a namespace's name match itself only.
func escapePattern(s string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(s)
}
