package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http/httptest"
	"testing"
	"time"

	"parley/socketio"
	"parley/socketio/client"
)

func serve(t *testing.T, o socketio.Options) (*socketio.Server, string) {
	t.Helper()
	io := socketio.NewServer(o)
	srv := httptest.NewServer(io)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := io.Close(ctx); err != nil {
			t.Errorf("close: %v", err)
		}
		srv.Close()
	})
	return io, srv.URL
}

func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func TestEmitWithAckAndEvents(t *testing.T) {
	io, url := serve(t, socketio.Options{})
	io.Of("/bots").On("add", socketio.Typed(func(s *socketio.Socket, in [2]int) (any, error) {
		return in[0] + in[1], s.Emit("added", in)
	}))
	c, err := client.Dial(within(t), url, client.Options{Namespace: "/bots"})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	added := make(chan string, 1)
	c.On("added", func(args []json.RawMessage) { added <- string(args[0]) })
	answer, err := c.EmitWithAck(within(t), "add", []int{2, 3})
	if err != nil || string(answer[0]) != "5" {
		t.Fatalf("answer %s, %v", answer, err)
	}
	if got := <-added; got != "[2,3]" {
		t.Fatalf("event %s", got)
	}
}

func TestRefusalIsTyped(t *testing.T) {
	io, url := serve(t, socketio.Options{})
	io.Use(func(*socketio.Socket) error {
		return &socketio.ConnectError{Message: "not you", Data: map[string]int{"code": 7}}
	})
	_, err := client.Dial(within(t), url, client.Options{})
	var refused *client.ConnectError
	if !errors.As(err, &refused) || refused.Message != "not you" || string(refused.Data) != `{"code":7}` {
		t.Fatalf("got %v", err)
	}
}

func TestReconnects(t *testing.T) {
	_, url := serve(t, socketio.Options{})
	connected := make(chan string, 8)
	lost := make(chan error, 8)
	c, err := client.Dial(within(t), url, client.Options{
		Reconnect: true, ReconnectMin: 5 * time.Millisecond,
		OnConnect:    func(c *client.Client) { connected <- c.ID() },
		OnDisconnect: func(_ *client.Client, err error) { lost <- err },
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	first := <-connected
	c.Drop()
	<-lost
	if second := <-connected; second == first {
		t.Fatal("the same socket id after a reconnection without recovery")
	}
}
