package redis

import (
	"context"
	"strings"

	"github.com/redis/rueidis"

	"parley/engineio"
	"parley/socketio"
)

// PubSubOptions configures [NewPubSub].
type PubSubOptions struct {
	Options
	// PublishOnSpecificResponseChannel sends answers to the asking node alone. All nodes must agree.
	PublishOnSpecificResponseChannel bool
}

// NewPubSub returns the adapters of a server that are compatible with @socket.io/redis-adapter: every node gets every broadcast,
// and drops what is for a room that none of its sockets is in. Sessions are recovered on the node where they were.
func NewPubSub(o PubSubOptions) socketio.AdapterFactory {
	o.Options = o.withDefaults()
	sub := newSubscriber(o.Options)
	return func(ns *socketio.Namespace) (socketio.Adapter, error) {
		b := newPubSubBus(o, ns, sub)
		sub.add(b.listener, channelTopic, b.requests, b.responses, b.mine)
		sub.add(b.listener, patternTopic, b.pattern)
		return b.adapter, nil
	}
}

// pubSubBus is a namespace's part of a cluster over pub/sub.
type pubSubBus struct {
	o        PubSubOptions
	ns       *socketio.Namespace
	adapter  *socketio.ClusterAdapter
	sub      *subscriber
	listener *listener
	outbox   *queue[outgoing]
	keepsAll bool // for the recovery of sockets that are away, and in no room

	broadcasts string // the channel of broadcasts, of which rooms are suffixes
	pattern    string // what matches them all
	requests   string
	responses  string
	mine       string // the channel of responses to this node alone
}

func newPubSubBus(o PubSubOptions, ns *socketio.Namespace, sub *subscriber) *pubSubBus {
	b := &pubSubBus{
		o: o, ns: ns, sub: sub, outbox: newOutbox(o.Options), keepsAll: ns.Server().Options().Recovery != nil,
		broadcasts: o.Prefix + "#" + ns.Name() + "#", requests: o.Prefix + "-request#" + ns.Name() + "#",
		responses: o.Prefix + "-response#" + ns.Name() + "#",
	}
	b.adapter = socketio.NewCluster(ns, b, socketio.ClusterOptions{
		UID: engineio.NewID()[:6], RequestsTimeout: o.RequestsTimeout, OnError: o.OnError,
	})
	b.pattern = escapePattern(b.broadcasts) + "*"
	b.mine = b.responses + b.adapter.UID() + "#"
	b.listener = &listener{receive: b.receive, gap: b.adapter.Gap}
	return b
}

// Close implements socketio.Bus.
func (b *pubSubBus) Close() error {
	b.outbox.drain(closeTimeout)
	b.sub.remove(patternTopic, b.pattern)
	b.sub.remove(channelTopic, b.requests, b.responses, b.mine)
	return nil
}

// Others implements socketio.Bus.
func (b *pubSubBus) Others(ctx context.Context) (int, error) {
	if !b.sub.connected() {
		return 0, ErrDisconnected
	}
	n, err := subscribers(ctx, b.o.Options, "NUMSUB", b.requests)
	return n - 1, err
}

// Publish implements socketio.Bus.
func (b *pubSubBus) Publish(m *socketio.ClusterMessage) error {
	channel := b.requests
	if m.Type == socketio.ClusterBroadcast && m.RequestID == "" {
		channel = broadcastChannel(b.o.Prefix, b.ns.Name(), m.Target)
	}
	body, err := encodeRequest(m)
	return b.send(channel, body, err)
}

// broadcastChannel has the room in its name when there is one: nodes that do not have it need not decode what is on it.
func broadcastChannel(prefix, nsp string, t socketio.Target) string {
	channel := prefix + "#" + nsp + "#"
	if len(t.Rooms) == 1 {
		channel += t.Rooms[0] + "#"
	}
	return channel
}

// Respond implements socketio.Bus.
func (b *pubSubBus) Respond(to, answer *socketio.ClusterMessage) error {
	channel := b.responses
	if b.o.PublishOnSpecificResponseChannel && to.UID != "" {
		channel += to.UID + "#"
	}
	body, err := encodeResponse(answer)
	return b.send(channel, body, err)
}

func (b *pubSubBus) send(channel string, body []byte, err error) error {
	if err != nil {
		return err
	}
	cmd := b.o.Client.B().Publish().Channel(channel).Message(rueidis.BinaryString(body)).Build()
	if !b.outbox.add(outgoing{cmd: cmd}, len(body)) {
		return ErrQueueFull
	}
	return nil
}

func (b *pubSubBus) receive(channel string, body []byte) {
	var m *socketio.ClusterMessage
	var err error
	switch channel {
	case b.requests:
		m, err = b.receiveRequest(body)
	case b.responses, b.mine:
		m, err = decodeResponse(body, b.adapter.Awaits)
	default:
		room := strings.TrimSuffix(strings.TrimPrefix(channel, b.broadcasts), "#")
		if room != "" && !b.keepsAll && !b.adapter.HasRoom(room) {
			return // before the costs of decoding
		}
		if m, err = decodeBroadcast(body); m != nil && m.Packet.Namespace != b.ns.Name() {
			return // of a namespace whose name goes on behind a #
		}
	}
	if err != nil {
		b.o.OnError(err)
	} else if m != nil {
		b.adapter.Receive(m)
	}
}

// receiveRequest answers what only this adapter knows, and hands on the rest.
func (b *pubSubBus) receiveRequest(body []byte) (*socketio.ClusterMessage, error) {
	r, attachments, err := decodeRequest(body)
	if err != nil {
		return nil, err
	}
	if r.UID == b.adapter.UID() || r.RequestID != "" && b.adapter.Awaits(r.RequestID) {
		return nil, nil // our own
	}
	switch r.Type {
	case requestSockets:
		ids := names{}
		for _, s := range b.adapter.LocalSockets(socketio.Target{Rooms: r.Rooms}) {
			ids = append(ids, s.ID())
		}
		return nil, b.answer(r, socketIDs{r.RequestID, ids})
	case requestAllRooms:
		return nil, b.answer(r, allRooms{r.RequestID, b.adapter.Rooms()})
	}
	return r.message(attachments)
}

func (b *pubSubBus) answer(r *request, body any) error {
	channel := b.responses
	if b.o.PublishOnSpecificResponseChannel && r.UID != "" {
		channel += r.UID + "#"
	}
	text, err := encodeText(body)
	return b.send(channel, text, err)
}
