package redis_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"time"

	"github.com/redis/rueidis"

	"parley/engineio"
	"parley/socketio"
	"parley/socketio/client"
	"parley/socketio/redis"
)

// Two servers that share a Redis are one: what is emitted on the first reaches the clients of the second.
func ExampleNewPubSub() {
	conn, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{redisAddr}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	server := func() *socketio.Server {
		return socketio.NewServer(socketio.Options{
			Adapter: redis.NewPubSub(redis.PubSubOptions{Options: redis.Options{Client: conn}}),
		})
	}
	first, second := server(), server()
	defer func() { _ = first.Close(ctx) }()
	defer func() { _ = second.Close(ctx) }()

	web := httptest.NewServer(second)
	defer web.Close()
	ana, err := client.Dial(ctx, web.URL, client.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer ana.Close()
	news := make(chan string)
	ana.On("news", func(args []json.RawMessage) { news <- string(args[0]) })

	fmt.Println(first.Emit("news", "from the other node"))
	fmt.Println(<-news)
	sockets, err := first.FetchSockets(ctx)
	fmt.Println(len(sockets), sockets[0].ID == ana.ID(), err)
	// Output:
	// <nil>
	// "from the other node"
	// 1 true <nil>
}

// Over a stream a client can come back to another server than it was on: it is the socket it was, and gets what it has missed. So that
// it knows how far it has come, every event has its place in the stream as its last argument.
func ExampleNewStreams() {
	conn, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{redisAddr}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	server := func() *socketio.Server {
		return socketio.NewServer(socketio.Options{
			Adapter:  redis.NewStreams(redis.StreamsOptions{Options: redis.Options{Client: conn}, StreamName: "example"}),
			Recovery: &socketio.Recovery{MaxDisconnection: 2 * time.Minute},
		})
	}
	first, second := server(), server()
	defer func() { _ = first.Close(ctx) }()
	defer func() { _ = second.Close(ctx) }()
	second.OnConnection(func(s *socketio.Socket) {
		if !s.Recovered() { // else it is in its rooms
			s.Join("news")
		}
	})

	web := httptest.NewServer(second)
	defer web.Close()
	ana, err := client.Dial(ctx, web.URL, client.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer ana.Close()
	news := make(chan []json.RawMessage)
	ana.On("news", func(args []json.RawMessage) { news <- args })

	fmt.Println(first.To("news").Emit("news", "from the other node"))
	args := <-news
	fmt.Println(string(args[0]), len(args))
	// Output:
	// <nil>
	// "from the other node" 2
}

// A job that is no server tells the clients of all servers.
func ExampleNewEmitter() {
	conn, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{redisAddr}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	server := socketio.NewServer(socketio.Options{Adapter: redis.NewPubSub(redis.PubSubOptions{Options: redis.Options{Client: conn, Prefix: "jobs"}})})
	defer func() { _ = server.Close(ctx) }()
	web := httptest.NewServer(server)
	defer web.Close()
	ana, err := client.Dial(ctx, web.URL, client.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer ana.Close()
	news := make(chan string)
	ana.On("news", func(args []json.RawMessage) { news <- string(args[0]) })

	emitter := redis.NewEmitter(redis.EmitterOptions{Client: conn, Prefix: "jobs"})
	fmt.Println(emitter.Except("sleepers").Emit(ctx, "news", "from a job"))
	fmt.Println(<-news)
	// Output:
	// <nil>
	// "from a job"
}

// Over the sharded pub/sub of Redis 7, a node gets only what is for rooms that it has.
func ExampleNewSharded() {
	conn, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{redisAddr}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	server := func() *socketio.Server {
		return socketio.NewServer(socketio.Options{
			Adapter: redis.NewSharded(redis.ShardedOptions{Options: redis.Options{Client: conn, Prefix: "sharded"}}),
		})
	}
	first, second := server(), server()
	defer func() { _ = first.Close(ctx) }()
	defer func() { _ = second.Close(ctx) }()
	second.OnServerSide("ping", func(_ [][]byte, ack func(any)) { ack("pong") })

	nodes, err := first.Adapter().ServerCount(ctx)
	fmt.Println(nodes, err)
	answers, err := first.ServerSideEmitWithAck(ctx, "ping")
	fmt.Printf("%s %v\n", answers, err)
	// Output:
	// 2 <nil>
	// ["pong"] <nil>
}

// Servers find each other in Redis, so that a balancer may send every request wherever it likes.
func ExampleNewNodes() {
	conn, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{redisAddr}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	serve := func(name string) (leave func(), found *redis.Nodes) {
		nodes, err := redis.NewNodes(redis.NodesOptions{Name: name, Options: redis.Options{Client: conn, Prefix: "nodes"}})
		if err != nil {
			fmt.Println(err)
			return
		}
		io := socketio.NewServer(socketio.Options{Engine: engineio.Options{Nodes: nodes}})
		web := httptest.NewServer(io)
		fmt.Println(name, nodes.Join(ctx, web.Listener.Addr().String()))
		return func() {
			_ = io.Close(ctx)
			_ = nodes.Leave(ctx)
			web.Close()
		}, nodes
	}
	leaveFirst, first := serve("first")
	defer leaveFirst()
	leaveSecond, _ := serve("second")
	defer leaveSecond()
	_, ok := first.Find(ctx, "second")
	fmt.Println("found:", ok)
	// Output:
	// first <nil>
	// second <nil>
	// found: true
}
