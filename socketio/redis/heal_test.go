package redis_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"parley/socketio"
	"parley/socketio/client"
	"parley/socketio/redis"
)

// node is a server with one client, in the room "room", that records the first arguments of what it receives.
type node struct {
	*socketio.Server
	url    string
	client *client.Client

	mu  sync.Mutex
	got map[string]int
}

func startNode(t *testing.T, factory socketio.AdapterFactory, recovery *socketio.Recovery) *node {
	t.Helper()
	n := &node{Server: socketio.NewServer(socketio.Options{Adapter: factory, Recovery: recovery}), got: map[string]int{}}
	n.OnConnection(func(s *socketio.Socket) { s.Join("room") })
	web := httptest.NewServer(n)
	n.url = web.URL
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_ = n.Close(ctx) // what Redis could not be told is not this test's concern
		web.Close()
	})
	var err error
	if n.client, err = client.Dial(t.Context(), n.url, client.Options{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.client.Close)
	n.client.On("n", func(args []json.RawMessage) {
		n.mu.Lock()
		n.got[string(args[0])]++
		n.mu.Unlock()
	})
	return n
}

func (n *node) has(what string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.got[what] > 0
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatal("waited in vain for " + what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// testHeals kills Redis and starts it again, twice.
func testHeals(t *testing.T, recovery *socketio.Recovery, factory func(redis.Options) socketio.AdapterFactory) {
	server := startServer(t)
	var mu sync.Mutex
	var told []error
	options := func() redis.Options {
		return redis.Options{Client: server.client(t), RequestsTimeout: 500 * time.Millisecond, OnError: func(err error) {
			mu.Lock()
			told = append(told, err)
			mu.Unlock()
		}}
	}
	a, b := startNode(t, factory(options()), recovery), startNode(t, factory(options()), recovery)
	both := func(round string) {
		eventually(t, "emits across nodes "+round, func() bool {
			for from, to := range map[*node]*node{a: b, b: a} {
				if err := from.To("room").Emit("n", round+from.url); err != nil {
					t.Fatal(err)
				}
				time.Sleep(5 * time.Millisecond)
				if !to.has(fmt.Sprintf("%q", round+from.url)) {
					return false
				}
			}
			return true
		})
	}
	both("at first")
	for round := range 2 {
		server.stop()
		away(t, a, fmt.Sprint("away ", round))
		server.start(t)
		both(fmt.Sprint("healed ", round))
		eventually(t, "everybody's answer", func() bool {
			sockets, err := a.FetchSockets(t.Context())
			return err == nil && len(sockets) == 2
		})
	}
	mu.Lock()
	defer mu.Unlock()
	if len(told) == 0 {
		t.Error("OnError was not told")
	}
}

// away checks what works without Redis: local emits, in order, without waiting; requests that end with what is known.
func away(t *testing.T, a *node, what string) {
	t.Helper()
	for n := range 50 {
		begun := time.Now()
		if err := a.To("room").Emit("n", fmt.Sprint(what, n)); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begun); took > 100*time.Millisecond {
			t.Errorf("an emit took %v", took)
		}
	}
	eventually(t, "local emits", func() bool { return a.has(fmt.Sprintf("%q", fmt.Sprint(what, 49))) })
	a.mu.Lock()
	for n := range 50 {
		if times := a.got[fmt.Sprintf("%q", fmt.Sprint(what, n))]; times != 1 {
			t.Errorf("local emit %d came %d times", n, times)
		}
	}
	a.mu.Unlock()
	sockets, err := a.FetchSockets(t.Context())
	var partial *socketio.PartialError
	if !errors.As(err, &partial) || len(sockets) != 1 {
		t.Errorf("%d sockets, %v", len(sockets), err)
	}
	if err := a.In("room").SocketsJoin("other"); err != nil {
		t.Error(err)
	}
	if n := len(a.Adapter().LocalSockets(socketio.Target{Rooms: []string{"other"}})); n != 1 {
		t.Errorf("%d local sockets have joined", n)
	}
}

func TestPubSubHeals(t *testing.T) {
	testHeals(t, nil, func(o redis.Options) socketio.AdapterFactory { return redis.NewPubSub(redis.PubSubOptions{Options: o}) })
}
