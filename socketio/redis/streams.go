package redis

import (
	"context"
	"strconv"
	"sync"
	"time"
	"unicode/utf16"

	"github.com/redis/rueidis"

	"parley/engineio"
	"parley/socketio"
)

// StreamsOptions configures [NewStreams]. All nodes must agree on everything but the Client, Block and ReadCount.
type StreamsOptions struct {
	Options
	// StreamName is the stream's key; default socket.io. Options.Prefix names only the channels.
	StreamName string
	// StreamCount spreads the namespaces over so many streams, named StreamName-0 and so on; default 1, named StreamName.
	StreamCount int
	// MaxLen is about how many entries a stream keeps; default 10,000. What is gone can no longer be recovered.
	MaxLen int
	// ReadCount bounds the entries read at once; default 100.
	ReadCount int
	// Block is how long a read waits for entries; default 5 s.
	Block time.Duration
	// SessionKeyPrefix is what keys of sessions begin with; default sio:session:.
	SessionKeyPrefix string
	// ShardedPubSub sends requests and answers over the sharded pub/sub of Redis 7.
	ShardedPubSub bool
}

func (o StreamsOptions) withDefaults() StreamsOptions {
	o.Options = o.Options.withDefaults()
	if o.StreamName == "" {
		o.StreamName = "socket.io"
	}
	if o.SessionKeyPrefix == "" {
		o.SessionKeyPrefix = "sio:session:"
	}
	for v, def := range map[*int]int{&o.StreamCount: 1, &o.MaxLen: 10_000, &o.ReadCount: 100} {
		if *v <= 0 {
			*v = def
		}
	}
	if o.Block <= 0 {
		o.Block = 5 * time.Second
	}
	return o
}

// streams returns the stream that a namespace's messages go to, and, if there is one, the stream to which Node writes them: its
// remainder of a negative hash is negative, and it never reads the stream that it names so.
func (o *StreamsOptions) streams(nsp string) (own, stray string) {
	if o.StreamCount == 1 {
		return o.StreamName, ""
	}
	n := int(streamHash(utf16.Encode([]rune(nsp)))) % o.StreamCount
	if n < 0 {
		stray = o.StreamName + "-" + strconv.Itoa(n)
		n = -n
	}
	return o.StreamName + "-" + strconv.Itoa(n), stray
}

// NewStreams returns the adapters of a server that are compatible with @socket.io/redis-streams-adapter, over a stream of Redis 6.2
// or later. A node whose connection was lost for a while goes on where it was, and misses nothing that the stream still has.
//
// With [socketio.Recovery] a client may recover its session on any node. Then what is emitted reaches this node's own sockets, too,
// in the stream's order, after a round trip to Redis; while Redis does not answer it reaches them at once, and sessions from before
// cannot be recovered: some of what they missed is in no stream.
func NewStreams(o StreamsOptions) socketio.AdapterFactory {
	o = o.withDefaults()
	sub := newSubscriber(o.Options)
	readers := &streamReaders{o: o, byName: map[string]*streamReader{}}
	return func(ns *socketio.Namespace) (socketio.Adapter, error) {
		b := newStreamsBus(o, ns, sub, readers)
		var adapter socketio.Adapter = b.adapter
		if r := ns.Server().Options().Recovery; r != nil {
			b.ordered = newOrderedAdapter(b, *r)
			adapter = b.ordered
		}
		kind := channelTopic
		if o.ShardedPubSub {
			kind = shardTopic
		}
		sub.add(b.listener, kind, b.channel, b.mine)
		b.reader = readers.add(b.stream, b)
		if b.stray != "" {
			readers.add(b.stray, &strayListener{b})
		}
		if b.ordered != nil {
			b.ordered.begin()
		}
		return adapter, nil
	}
}

// streamsBus is a namespace's part of a cluster over streams. Requests that want an answer, and answers, go over pub/sub.
type streamsBus struct {
	o             StreamsOptions
	ns            *socketio.Namespace
	adapter       *socketio.ClusterAdapter
	ordered       *orderedAdapter // nil without recovery
	sub           *subscriber
	readers       *streamReaders
	reader        *streamReader // of the namespace's stream
	listener      *listener
	outbox        *queue[outgoing]
	stream, stray string
	channel, mine string

	mu      sync.Mutex
	evicted map[string]chan struct{} // requests of this node to evict a socket, by id: gets an answer of each other node
}

func newStreamsBus(o StreamsOptions, ns *socketio.Namespace, sub *subscriber, readers *streamReaders) *streamsBus {
	b := &streamsBus{
		o: o, ns: ns, sub: sub, readers: readers, outbox: newOutbox(o.Options), channel: o.Prefix + "#" + ns.Name() + "#",
		evicted: map[string]chan struct{}{},
	}
	b.stream, b.stray = o.streams(ns.Name())
	b.adapter = socketio.NewCluster(ns, b, socketio.ClusterOptions{
		UID: engineio.NewID()[:16], RequestsTimeout: o.RequestsTimeout, OnError: o.OnError,
	})
	b.mine = b.channel + b.adapter.UID() + "#"
	b.listener = &listener{receive: b.receive, gap: func() {}} // requests time out; events are in the stream
	return b
}

// Close implements socketio.Bus.
func (b *streamsBus) Close() error {
	b.outbox.drain(closeTimeout)
	if b.ordered != nil {
		b.ordered.settle(closeTimeout)
	}
	b.readers.remove(b.stream, b.ns.Name())
	if b.stray != "" {
		b.readers.remove(b.stray, b.ns.Name())
	}
	kind := channelTopic
	if b.o.ShardedPubSub {
		kind = shardTopic
	}
	b.sub.remove(kind, b.channel, b.mine)
	return nil
}

// Others implements socketio.Bus.
func (b *streamsBus) Others(ctx context.Context) (int, error) {
	if !b.sub.connected() {
		return 0, ErrDisconnected
	}
	how := "NUMSUB"
	if b.o.ShardedPubSub {
		how = "SHARDNUMSUB"
	}
	n, err := subscribers(ctx, b.o.Options, how, b.channel)
	return n - 1, err
}

// Publish implements socketio.Bus. What nobody will want to hear later goes over pub/sub.
func (b *streamsBus) Publish(m *socketio.ClusterMessage) error {
	switch {
	case m.Type == socketio.ClusterFetch, m.Type == socketio.ClusterServerSide, m.Type == socketio.ClusterBroadcast && m.RequestID != "":
		return b.publish(b.channel, m)
	}
	return b.append(m, 0, nil)
}

// append adds a message to the stream. A number is for an adapter that recognises its own; failed may be nil.
func (b *streamsBus) append(m *socketio.ClusterMessage, number uint64, failed func()) error {
	data, err := encodeEntryData(m)
	if err != nil {
		return err
	}
	fields := []string{"uid", m.UID, "nsp", b.ns.Name(), "type", strconv.Itoa(int(m.Type)), "data", data}
	if number > 0 {
		fields = append(fields, "n", strconv.FormatUint(number, 10)) // Node does not look at it
	}
	if !b.outbox.add(outgoing{cmd: xadd(b.o.Client, b.stream, b.o.MaxLen, fields), failed: failed}, len(data)) {
		return ErrQueueFull
	}
	return nil
}

// Respond implements socketio.Bus.
func (b *streamsBus) Respond(to, answer *socketio.ClusterMessage) error {
	return b.publish(b.channel+to.UID+"#", answer)
}

func (b *streamsBus) publish(channel string, m *socketio.ClusterMessage) error {
	body, err := encodeCluster(m, b.ns.Name(), true)
	if err != nil {
		return err
	}
	return b.send(channel, body)
}

func (b *streamsBus) send(channel string, body []byte) error {
	cmd := b.o.Client.B().Publish().Channel(channel).Message(rueidis.BinaryString(body)).Build()
	if b.o.ShardedPubSub {
		cmd = b.o.Client.B().Spublish().Channel(channel).Message(rueidis.BinaryString(body)).Build()
	}
	if !b.outbox.add(outgoing{cmd: cmd}, len(body)) {
		return ErrQueueFull
	}
	return nil
}

// receive handles what comes over pub/sub.
func (b *streamsBus) receive(_ string, body []byte) {
	if handled, err := b.receiveEviction(body); handled || err != nil {
		b.tell(err)
		return
	}
	m, err := decodeCluster(body, b.ns.Name(), b.adapter.Awaits)
	if b.tell(err); m != nil {
		b.adapter.Receive(m)
	}
}

func (b *streamsBus) tell(err error) {
	if err != nil {
		b.o.OnError(err)
	}
}

// entry implements streamListener.
func (b *streamsBus) entry(id streamID, fields map[string]string) {
	if b.ordered != nil {
		b.ordered.entry(id, fields)
		return
	}
	if fields["uid"] == b.adapter.UID() {
		return
	}
	m, err := decodeEntry(fields, b.ns.Name(), b.adapter.Awaits)
	if b.tell(err); m != nil {
		b.adapter.Receive(m)
	}
}

// gap implements streamListener.
func (b *streamsBus) gap() {
	if b.ordered != nil {
		b.ordered.gap()
	}
}

func (b *streamsBus) namespace() string { return b.ns.Name() }

// strayListener hears what Node writes for a namespace to a stream that it does not read itself. It is delivered, and no log has it.
type strayListener struct{ *streamsBus }

func (l *strayListener) entry(_ streamID, fields map[string]string) {
	m, err := decodeEntry(fields, l.ns.Name(), l.adapter.Awaits)
	switch l.tell(err); {
	case m == nil || m.UID == l.adapter.UID():
	case l.ordered != nil:
		l.ordered.deliverUnlogged(m)
	default:
		l.adapter.Receive(m)
	}
}
