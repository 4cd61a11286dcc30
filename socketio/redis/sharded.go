package redis

import (
	"context"
	"hash/maphash"
	"sync"
	"time"
	"unicode/utf16"

	"github.com/redis/rueidis"

	"parley/engineio"
	"parley/socketio"
)

// SubscriptionMode says which rooms have channels of their own. All nodes must agree.
type SubscriptionMode string

// The subscription modes of @socket.io/redis-adapter.
const (
	// Dynamic gives one to every room except those of a single socket: a node gets only what is for rooms that it has.
	Dynamic SubscriptionMode = "dynamic"
	// DynamicPrivate gives one to those of a single socket as well, at the cost of a subscription for each socket.
	DynamicPrivate SubscriptionMode = "dynamic-private"
	// Static gives one to none.
	Static SubscriptionMode = "static"
)

// ShardedOptions configures [NewSharded].
type ShardedOptions struct {
	Options
	// Mode defaults to Dynamic.
	Mode SubscriptionMode
}

// NewSharded returns the adapters of a server that are compatible with createShardedAdapter of @socket.io/redis-adapter, over the
// sharded pub/sub of Redis 7. Joining a room waits for Redis to confirm the room's channel, while Redis is there. Sessions are
// recovered on the node where they were.
func NewSharded(o ShardedOptions) socketio.AdapterFactory {
	o.Options = o.withDefaults()
	if o.Mode == "" {
		o.Mode = Dynamic
	}
	sub := newSubscriber(o.Options)
	return func(ns *socketio.Namespace) (socketio.Adapter, error) {
		b := newShardedBus(o, ns, sub)
		sub.add(b.listener, shardTopic, b.channel, b.mine)
		return b.adapter, nil
	}
}

// shardedBus is a namespace's part of a cluster over sharded pub/sub.
type shardedBus struct {
	o        ShardedOptions
	nsp      string
	adapter  *socketio.ClusterAdapter
	sub      *subscriber
	listener *listener
	outbox   *queue[outgoing]
	channel  string        // of everything that has no other; rooms are suffixes
	mine     string        // of the answers to this node
	keep     time.Duration // how long a room's channel is kept without the room: also for sockets that are away and may be recovered

	seed  maphash.Seed
	turns [64]sync.Mutex // by the hash of a room's name

	mu     sync.Mutex
	rooms  map[string]bool // those subscribed to, or about to be
	closed bool
}

// minKeep spares Redis the subscriptions of rooms that come and go.
const minKeep = time.Second

func newShardedBus(o ShardedOptions, ns *socketio.Namespace, sub *subscriber) *shardedBus {
	b := &shardedBus{
		o: o, nsp: ns.Name(), sub: sub, outbox: newOutbox(o.Options), channel: o.Prefix + "#" + ns.Name() + "#", rooms: map[string]bool{},
		keep: minKeep, seed: maphash.MakeSeed(),
	}
	if r := ns.Server().Options().Recovery; r != nil {
		b.keep = max(minKeep, r.MaxDisconnection)
	}
	b.adapter = socketio.NewCluster(ns, b, socketio.ClusterOptions{
		UID: engineio.NewID()[:16], RequestsTimeout: o.RequestsTimeout, OnError: o.OnError,
	})
	b.mine = b.channel + b.adapter.UID() + "#"
	b.listener = &listener{receive: b.receive, gap: b.adapter.Gap}
	b.adapter.OnRoomChange(b.roomChanged)
	return b
}

// ownChannel reports whether broadcasts to a room go over a channel of its own. It is what Node's publishers ask, so that what
// they publish there is heard.
func (b *shardedBus) ownChannel(room string) bool {
	const socketIDLength = 20 // in JavaScript's units
	switch b.o.Mode {
	case Dynamic:
		return len(utf16.Encode([]rune(room))) != socketIDLength
	case DynamicPrivate:
		return true
	default:
		return false
	}
}

// roomChanged subscribes to a new room's channel at once, and leaves that of a room that is no more when it has been gone for
// a while.
func (b *shardedBus) roomChanged(room string) {
	switch {
	case !b.ownChannel(room):
	case b.adapter.HasRoom(room):
		b.follow(room)
	default:
		time.AfterFunc(b.keep, func() { b.follow(room) })
	}
}

// follow brings a room's subscription in line with whether the room is there, one call at a time for each room.
func (b *shardedBus) follow(room string) {
	turn := &b.turns[maphash.String(b.seed, room)%uint64(len(b.turns))]
	turn.Lock()
	defer turn.Unlock()
	b.mu.Lock()
	was, is := b.rooms[room], b.adapter.HasRoom(room) && !b.closed
	if is {
		b.rooms[room] = true
	} else {
		delete(b.rooms, room)
	}
	b.mu.Unlock()
	if is && !was {
		b.sub.add(b.listener, shardTopic, b.channel+room+"#")
		b.mu.Lock()
		is = !b.closed
		b.mu.Unlock()
		was = true
	}
	if was && !is {
		b.sub.remove(shardTopic, b.channel+room+"#")
	}
}

// Close implements socketio.Bus.
func (b *shardedBus) Close() error {
	b.outbox.drain(closeTimeout)
	b.mu.Lock()
	b.closed = true
	channels := append(make([]string, 0, 2+len(b.rooms)), b.channel, b.mine)
	for room := range b.rooms {
		channels = append(channels, b.channel+room+"#")
	}
	b.rooms = map[string]bool{}
	b.mu.Unlock()
	b.sub.remove(shardTopic, channels...)
	return nil
}

// Others implements socketio.Bus.
func (b *shardedBus) Others(ctx context.Context) (int, error) {
	if !b.sub.connected() {
		return 0, ErrDisconnected
	}
	n, err := subscribers(ctx, b.o.Options, "SHARDNUMSUB", b.channel)
	return n - 1, err
}

// Publish implements socketio.Bus.
func (b *shardedBus) Publish(m *socketio.ClusterMessage) error {
	channel := b.channel
	if m.Type == socketio.ClusterBroadcast && m.RequestID == "" && len(m.Target.Rooms) == 1 && b.ownChannel(m.Target.Rooms[0]) {
		channel += m.Target.Rooms[0] + "#"
	}
	return b.send(channel, m)
}

// Respond implements socketio.Bus.
func (b *shardedBus) Respond(to, answer *socketio.ClusterMessage) error {
	return b.send(b.channel+to.UID+"#", answer)
}

func (b *shardedBus) send(channel string, m *socketio.ClusterMessage) error {
	body, err := encodeCluster(m, b.nsp, false)
	if err != nil {
		return err
	}
	cmd := b.o.Client.B().Spublish().Channel(channel).Message(rueidis.BinaryString(body)).Build()
	if !b.outbox.add(outgoing{cmd: cmd}, len(body)) {
		return ErrQueueFull
	}
	return nil
}

func (b *shardedBus) receive(_ string, body []byte) {
	m, err := decodeCluster(body, b.nsp, b.adapter.Awaits)
	if err != nil {
		b.o.OnError(err)
	} else if m != nil {
		b.adapter.Receive(m)
	}
}
