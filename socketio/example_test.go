package socketio_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"regexp"
	"strings"
	"time"

	"parley/engineio"
	"parley/socketio"
	"parley/socketio/client"
)

// A chat room in a dozen lines: every client joins the lobby, and what one says the others hear.
func Example() {
	io := socketio.NewServer(socketio.Options{})
	io.OnConnection(func(s *socketio.Socket) { s.Join("lobby") })
	io.On("say", socketio.Typed(func(s *socketio.Socket, text string) (any, error) {
		return "heard", s.To("lobby").Emit("said", strings.ToUpper(text))
	}))
	web := httptest.NewServer(io)
	defer web.Close()

	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	defer func() { _ = io.Close(ctx) }()
	ana, err := client.Dial(ctx, web.URL, client.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer ana.Close()
	ben, err := client.Dial(ctx, web.URL, client.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer ben.Close()
	said := make(chan string)
	ben.On("said", func(args []json.RawMessage) { said <- string(args[0]) })
	answer, err := ana.EmitWithAck(ctx, "say", "good morning")
	fmt.Println(string(answer[0]), err)
	fmt.Println(<-said)
	// Output:
	// "heard" <nil>
	// "GOOD MORNING"
}

// A namespace may refuse clients, and tell them why.
func ExampleNamespace_Use() {
	io := socketio.NewServer(socketio.Options{})
	io.Of("/staff").Use(func(s *socketio.Socket) error {
		var auth struct{ Token string }
		if s.Handshake().BindAuth(&auth) != nil || auth.Token != "secret" {
			return &socketio.ConnectError{Message: "not authorized", Data: map[string]string{"hint": "sign in first"}}
		}
		return nil
	})
	web := httptest.NewServer(io)
	defer web.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	defer func() { _ = io.Close(ctx) }()
	_, err := client.Dial(ctx, web.URL, client.Options{Namespace: "/staff"})
	fmt.Println(err)
	// Output: client: refused: not authorized
}

// Events with a type on both ends: what is sent and what is taken is known to the compiler, and a handler's context ends with the
// connection.
func ExampleEventName() {
	type order struct{ Dish string }
	type ready struct{ Table int }
	const ordered, served = socketio.EventName[order]("ordered"), socketio.EventName[ready]("served")

	io := socketio.NewServer(socketio.Options{})
	ordered.Handle(io.Namespace, func(_ context.Context, s *socketio.Socket, in order) (any, error) {
		if in.Dish == "" {
			return nil, errors.New("what would you like?")
		}
		return "one " + in.Dish, served.Emit(s, ready{Table: 4})
	})
	web := httptest.NewServer(io)
	defer web.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	defer func() { _ = io.Close(ctx) }()

	guest, err := client.Dial(ctx, web.URL, client.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer guest.Close()
	table := make(chan string, 1)
	guest.On("served", func(args []json.RawMessage) { table <- string(args[0]) })
	for _, dish := range []string{"", "soup"} {
		answer, err := guest.EmitWithAck(ctx, "ordered", order{dish})
		fmt.Println(string(answer[0]), err)
	}
	fmt.Println(<-table)
	// Output:
	// {"error":"what would you like?"} <nil>
	// "one soup" <nil>
	// {"Table":4}
}

// Namespaces that come into being when somebody asks for them.
func ExampleServer_Match() {
	io := socketio.NewServer(socketio.Options{CleanupEmptyChildNamespaces: true})
	teams := io.Match(socketio.MatchRegexp(regexp.MustCompile(`^/team-\d+$`)))
	teams.OnConnection(func(s *socketio.Socket) { _ = s.Emit("welcome", s.Namespace().Name()) })
	web := httptest.NewServer(io)
	defer web.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	defer func() { _ = io.Close(ctx) }()

	_, err := client.Dial(ctx, web.URL, client.Options{Namespace: "/staff"})
	fmt.Println(err)
	member, err := client.Dial(ctx, web.URL, client.Options{Namespace: "/team-7"})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer member.Close()
	fmt.Println(len(io.Namespaces()), io.Of("/team-7").Len())
	// Output:
	// client: refused: Invalid namespace
	// 2 1
}

// Two servers of one process are a cluster, to test what spans nodes without any server beside; package socketio/redis has adapters for
// real ones.
func ExampleHub() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	hub := socketio.NewHub()
	first := socketio.NewServer(socketio.Options{Adapter: hub.Adapter(socketio.ClusterOptions{})})
	second := socketio.NewServer(socketio.Options{Adapter: hub.Adapter(socketio.ClusterOptions{})})
	defer func() { _ = first.Close(ctx) }()
	defer func() { _ = second.Close(ctx) }()
	second.OnServerSide("load", func(_ [][]byte, ack func(any)) { ack(0.5) })
	web := httptest.NewServer(second)
	defer web.Close()
	ana, err := client.Dial(ctx, web.URL, client.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer ana.Close()
	joined := make(chan string)
	second.OnRooms(socketio.RoomHooks{JoinRoom: func(room, _ string) { joined <- room }})

	fmt.Println(first.In(ana.ID()).SocketsJoin("lobby"), <-joined)
	sockets, err := first.To("lobby").FetchSockets(ctx)
	fmt.Println(len(sockets), sockets[0].ID == ana.ID(), err)
	loads, err := first.ServerSideEmitWithAck(ctx, "load")
	fmt.Printf("%s %v\n", loads, err)
	// Output:
	// <nil> lobby
	// 1 true <nil>
	// [0.5] <nil>
}

// Hooks count what happens; they can be added to a server that somebody else has made, before it is used.
func ExampleServer_Observe() {
	io := socketio.NewServer(socketio.Options{})
	defer func() { _ = io.Close(context.Background()) }()
	connected := make(chan string, 1)
	io.Observe(&socketio.Trace{Connected: func(s *socketio.Socket) { connected <- s.Namespace().Name() }})
	io.Engine().Observe(&engineio.Trace{Opened: func(s *engineio.Session) { fmt.Println("opened over", s.Transport()) }})
	web := httptest.NewServer(io)
	defer web.Close()
	ana, err := client.Dial(context.Background(), web.URL, client.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer ana.Close()
	fmt.Println("connected to", <-connected)
	// Output:
	// opened over websocket
	// connected to /
}
