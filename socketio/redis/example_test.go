package redis_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"time"

	"github.com/redis/rueidis"

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
