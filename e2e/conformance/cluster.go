package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/redis/rueidis"

	"parley/engineio"
	"parley/socketio"
	"parley/socketio/redis"
)

// order is what a test tells a node of a cluster to do, in the namespace "/" and for the sockets that match.
type order struct {
	Do       string
	Rooms    []string
	Except   []string
	Volatile bool
	Timeout  int // milliseconds
	Event    string
	Args     []any
	To       []string // rooms to join or leave
	Close    bool
	Emitter  bool // not as a node: with an emitter
}

// clusterNode is a server of a mixed cluster: e2e/clients has its twin for Node, which understands the same orders.
type clusterNode struct {
	io      *socketio.Server
	emitter redis.Emitter

	mu    sync.Mutex
	heard [][]any // events of other nodes
}

// clusterSuite joins the cluster on a Redis and takes orders in the namespace /control.
func clusterSuite(f flags) (suite, error) {
	client, err := redisClient(f.redis)
	if err != nil {
		return suite{}, err
	}
	factory, err := clusterAdapter(f, client)
	if err != nil {
		return suite{}, err
	}
	var recovery *socketio.Recovery
	if strings.HasPrefix(f.adapter, "streams") { // the one of Node's adapters that has it
		recovery = &socketio.Recovery{}
	}
	n := &clusterNode{heard: [][]any{}, emitter: redis.NewEmitter(redis.EmitterOptions{Client: client}), io: socketio.NewServer(socketio.Options{
		Adapter: factory, Recovery: recovery,
		Engine: engineio.Options{CORS: &engineio.CORS{AllowOrigin: engineio.AllowAnyOrigin}},
	})}
	switch f.adapter {
	case "streams":
		n.emitter = redis.NewStreamsEmitter(redis.StreamsEmitterOptions{Client: client})
	case "streams-spread":
		n.emitter = redis.NewStreamsEmitter(redis.StreamsEmitterOptions{Client: client, StreamCount: 3})
	}
	n.io.OnConnection(func(s *socketio.Socket) {
		var auth struct {
			Name  string
			Rooms []string
		}
		must(s.Handshake().BindAuth(&auth))
		if !s.Recovered() {
			s.SetData(map[string]any{"name": auth.Name, "file": []byte{1, 2, 255}})
			s.Join(auth.Rooms...)
		}
	})
	n.io.OnServerSide("note", func(args [][]byte, ack func(any)) {
		var note []any
		must(json.Unmarshal(args[0], &note))
		n.mu.Lock()
		n.heard = append(n.heard, note)
		n.mu.Unlock()
		ack(map[string]any{"node": "go", "note": note})
	})
	n.io.Of("/control").On("order", func(_ *socketio.Socket, e *socketio.Event) {
		var o order
		must(e.Bind(&o))
		go func() { // it may wait for what this client acknowledges
			result, err := n.obey(o)
			must(e.Ack(errorText(err), result))
		}()
	})
	return suite{"/socket.io/", n.io, func(ctx context.Context) error {
		defer client.Close()
		return n.io.Close(ctx)
	}}, nil
}

func errorText(err error) any {
	if err == nil {
		return nil
	}
	return err.Error()
}

func redisClient(addr string) (rueidis.Client, error) {
	return rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{addr}, DisableCache: true})
}

// clusterOf makes a node of a cluster if there is a Redis, and says how to let go of it.
func clusterOf(f flags) (join socketio.AdapterFactory, leave func(), err error) {
	if f.redis == "" {
		return nil, func() {}, nil
	}
	client, err := redisClient(f.redis)
	if err != nil {
		return nil, nil, err
	}
	join, err = clusterAdapter(f, client)
	return join, client.Close, err
}

// clusterAdapters are the adapters with the settings that change what goes over the wire.
var clusterAdapters = map[string]func(redis.Options) socketio.AdapterFactory{
	"pubsub": func(o redis.Options) socketio.AdapterFactory { return redis.NewPubSub(redis.PubSubOptions{Options: o}) },
	"pubsub-responses": func(o redis.Options) socketio.AdapterFactory {
		return redis.NewPubSub(redis.PubSubOptions{Options: o, PublishOnSpecificResponseChannel: true})
	},
	"sharded": func(o redis.Options) socketio.AdapterFactory {
		return redis.NewSharded(redis.ShardedOptions{Options: o})
	},
	"sharded-static": func(o redis.Options) socketio.AdapterFactory {
		return redis.NewSharded(redis.ShardedOptions{Options: o, Mode: redis.Static})
	},
	"sharded-private": func(o redis.Options) socketio.AdapterFactory {
		return redis.NewSharded(redis.ShardedOptions{Options: o, Mode: redis.DynamicPrivate})
	},
	"streams": func(o redis.Options) socketio.AdapterFactory {
		return redis.NewStreams(redis.StreamsOptions{Options: o})
	},
	"streams-spread": func(o redis.Options) socketio.AdapterFactory {
		return redis.NewStreams(redis.StreamsOptions{Options: o, StreamCount: 3, ShardedPubSub: true})
	},
}

func clusterAdapter(f flags, client rueidis.Client) (socketio.AdapterFactory, error) {
	adapter := clusterAdapters[f.adapter]
	if adapter == nil {
		return nil, fmt.Errorf("no adapter %q", f.adapter)
	}
	return adapter(redis.Options{
		Client: client, RequestsTimeout: f.wait, OnError: func(err error) { fmt.Fprintln(os.Stderr, err) },
	}), nil
}

func (n *clusterNode) obey(o order) (any, error) {
	if o.Emitter {
		return nil, n.emit(o)
	}
	to := n.io.To(o.Rooms...).Except(o.Except...)
	if o.Volatile {
		to = to.Volatile()
	}
	ctx := context.Background()
	switch o.Do {
	case "emit":
		return nil, to.Emit(o.Event, o.Args...)
	case "ask":
		return replies(to.Timeout(time.Duration(o.Timeout)*time.Millisecond).EmitWithAck(ctx, o.Event, o.Args...))
	case "fetch":
		return described(to.FetchSockets(ctx))
	case "join":
		return nil, to.SocketsJoin(o.To...)
	case "leave":
		return nil, to.SocketsLeave(o.To...)
	case "disconnect":
		return nil, to.DisconnectSockets(o.Close)
	case "note":
		return nil, n.io.ServerSideEmit("note", o.Args)
	case "note-ack":
		return decoded(n.io.ServerSideEmitWithAck(ctx, "note", o.Args))
	case "heard":
		n.mu.Lock()
		defer n.mu.Unlock()
		defer func() { n.heard = [][]any{} }()
		return n.heard, nil
	case "count":
		return n.io.Adapter().ServerCount(ctx)
	}
	return nil, fmt.Errorf("unknown order %q", o.Do)
}

// emit is obey for an emitter.
func (n *clusterNode) emit(o order) error {
	to := n.emitter.To(o.Rooms...).Except(o.Except...)
	if o.Volatile {
		to = to.Volatile()
	}
	ctx := context.Background()
	switch o.Do {
	case "emit":
		return to.Emit(ctx, o.Event, o.Args...)
	case "join":
		return to.SocketsJoin(ctx, o.To...)
	case "leave":
		return to.SocketsLeave(ctx, o.To...)
	case "disconnect":
		return to.DisconnectSockets(ctx, o.Close)
	case "note":
		return n.emitter.ServerSideEmit(ctx, "note", o.Args)
	}
	return fmt.Errorf("no order for an emitter: %q", o.Do)
}

func replies(list []*socketio.Reply, err error) (any, error) {
	out := make([]any, len(list))
	for i, r := range list {
		must(r.Bind(&out[i]))
	}
	return out, err
}

func decoded(list [][]byte, err error) (any, error) {
	out := make([]any, len(list))
	for i, v := range list {
		must(json.Unmarshal(v, &out[i]))
	}
	return out, err
}

func described(list []socketio.RemoteSocket, err error) (any, error) {
	out := make([]map[string]any, len(list))
	for i, s := range list {
		out[i] = map[string]any{"id": s.ID, "rooms": s.Rooms, "data": s.Data, "handshake": s.Handshake}
	}
	return out, err
}
