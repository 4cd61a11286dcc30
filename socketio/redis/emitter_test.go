package redis_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"parley/socketio"
	"parley/socketio/client"
	"parley/socketio/redis"
)

// Whoever is no server reaches the clients of all of them, and the servers.
func TestEmitters(t *testing.T) {
	server := startServer(t)
	for name, c := range map[string]struct {
		adapter func(redis.Options) socketio.AdapterFactory
		emitter redis.Emitter
	}{
		"pubsub": {
			func(o redis.Options) socketio.AdapterFactory { return redis.NewPubSub(redis.PubSubOptions{Options: o}) },
			redis.NewEmitter(redis.EmitterOptions{Client: server.client(t), Prefix: "pubsub"}),
		},
		"streams": {
			func(o redis.Options) socketio.AdapterFactory {
				return redis.NewStreams(redis.StreamsOptions{Options: o, StreamName: "streams", StreamCount: 3})
			},
			redis.NewStreamsEmitter(redis.StreamsEmitterOptions{Client: server.client(t), StreamName: "streams", StreamCount: 3}),
		},
	} {
		t.Run(name, func(t *testing.T) {
			a := startNode(t, c.adapter(server.options(t, name, time.Second)), nil)
			b := startNode(t, c.adapter(server.options(t, name, time.Second)), nil)
			testEmitter(t, c.emitter, a, b)
		})
	}
}

func testEmitter(t *testing.T, e redis.Emitter, a, b *node) {
	ctx := t.Context()
	both := func(what string) {
		t.Helper()
		eventually(t, what, func() bool { return a.has(what) && b.has(what) })
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(e.Emit(ctx, "n", "all"))
	both(`"all"`)
	must(e.To("room").Except(a.client.ID()).Volatile().Compress(false).Emit(ctx, "n", "one"))
	must(e.In("nobody's").Emit(ctx, "n", "none"))
	must(e.To(a.client.ID()).Emit(ctx, "n", "by id"))
	must(e.To("room").Emit(ctx, "n", "to the room"))
	both(`"to the room"`)
	if !b.has(`"one"`) || a.has(`"one"`) || a.has(`"none"`) || !a.has(`"by id"`) || b.has(`"by id"`) {
		t.Errorf("received %v and %v", a.got, b.got)
	}

	must(e.To("room").SocketsJoin(ctx, "new", "newer"))
	in := func(n *node, room string) bool {
		return len(n.Adapter().LocalSockets(socketio.Target{Rooms: []string{room}})) == 1
	}
	eventually(t, "the joins", func() bool { return in(a, "newer") && in(b, "newer") })
	must(e.In("new").Except(b.client.ID()).SocketsLeave(ctx, "new"))
	eventually(t, "the leave", func() bool { return !in(a, "new") && in(b, "new") })

	heard := make(chan string, 2)
	for _, n := range []*node{a, b} {
		n.OnServerSide("note", func(args [][]byte, ack func(any)) {
			ack("nobody waits for it")
			heard <- fmt.Sprintf("%s", args)
		})
	}
	must(e.ServerSideEmit(ctx, "note", "for servers", 7))
	for range 2 {
		if got := <-heard; got != `["for servers" 7]` {
			t.Errorf("a server heard %s", got)
		}
	}
	var reserved *socketio.ReservedEventError
	if err := e.Emit(ctx, "disconnect"); !errors.As(err, &reserved) {
		t.Errorf("a reserved name: %v", err)
	}
	if err := e.ServerSideEmit(ctx, "note", []byte("binary")); !errors.Is(err, redis.ErrBinary) {
		t.Errorf("binary data: %v", err)
	}
	if err := e.Emit(ctx, "n", func() {}); err == nil {
		t.Error("what cannot be encoded was")
	}

	a.Of("/other")
	other, err := client.Dial(ctx, a.url, client.Options{Namespace: "/other"})
	must(err)
	defer other.Close()
	got := make(chan string, 1)
	other.On("hello", func(args []json.RawMessage) { got <- string(args[0]) })
	must(e.Of("other").Emit(ctx, "hello", "there"))
	if g := <-got; g != `"there"` {
		t.Error(g)
	}
	must(e.To("room").Except(b.client.ID()).DisconnectSockets(ctx, true))
	eventually(t, "the disconnect", func() bool { return a.Len() == 0 && b.Len() == 1 })
}
