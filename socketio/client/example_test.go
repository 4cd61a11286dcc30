package client_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"time"

	"parley/socketio"
	"parley/socketio/client"
)

// A bot that asks, listens, and comes back by itself when its connection is lost.
func ExampleDial() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	io := socketio.NewServer(socketio.Options{})
	defer func() { _ = io.Close(ctx) }()
	io.On("add", socketio.Typed(func(_ *socketio.Socket, in [2]int) (any, error) { return in[0] + in[1], nil }))
	web := httptest.NewServer(io)
	defer web.Close()

	connected := make(chan struct{}, 2)
	bot, err := client.Dial(ctx, web.URL, client.Options{
		Reconnect: true, ReconnectMin: time.Millisecond,
		OnConnect: func(*client.Client) { connected <- struct{}{} },
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer bot.Close()
	news := make(chan string, 1)
	bot.On("news", func(args []json.RawMessage) { news <- string(args[0]) })

	answer, err := bot.EmitWithAck(ctx, "add", [2]int{2, 3})
	fmt.Println(string(answer[0]), err)

	<-connected
	bot.Drop() // as a network would
	<-connected
	fmt.Println(io.Emit("news", "you are back"))
	fmt.Println(<-news)
	// Output:
	// 5 <nil>
	// <nil>
	// "you are back"
}
