package socketio_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"strings"
	"time"

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
