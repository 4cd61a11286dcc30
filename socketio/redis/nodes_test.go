package redis_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"parley/engineio"
	"parley/socketio/redis"
)

const beat = 100 * time.Millisecond

func joinNode(t *testing.T, s *server, name string) *redis.Nodes {
	t.Helper()
	o := redis.Options{Client: s.client(t), RequestsTimeout: time.Second}
	n, err := redis.NewNodes(redis.NodesOptions{Options: o, Name: name, Interval: beat})
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Join(t.Context(), name+".test:1"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = n.Leave(context.Background()) }) // again, or without Redis
	return n
}

func TestNodesKnowEachOther(t *testing.T) {
	s := startServer(t)
	a := joinNode(t, s, "a")
	for i := range 5 { // each is found right after it has joined
		name := fmt.Sprint("n", i)
		joinNode(t, s, name)
		if n, ok := a.Find(t.Context(), name); !ok || n.Addr != name+".test:1" || n.Alive.Err() != nil {
			t.Fatalf("%s: %v %v", name, n, ok)
		}
	}
	if _, ok := a.Find(t.Context(), "a"); ok {
		t.Error("a node is not another one")
	}
	if got := a.Others(); !slices.Equal(got, []string{"n0", "n1", "n2", "n3", "n4"}) {
		t.Error(got)
	}
	b := joinNode(t, s, "b")
	n, _ := a.Find(t.Context(), "b")
	if err := b.Leave(t.Context()); err != nil {
		t.Fatal(err)
	}
	select { // the news comes with the next beat
	case <-n.Alive.Done():
	case <-time.After(5 * time.Second):
		t.Fatal("a node that has left is still there")
	}
	if _, ok := a.Find(t.Context(), "b"); ok {
		t.Error("found after it has left")
	}
	for _, name := range []string{"a.b", "", "a b"} {
		if _, err := redis.NewNodes(redis.NodesOptions{Options: redis.Options{}, Name: name}); (err == nil) != (name == "") {
			t.Errorf("%q: %v", name, err)
		}
	}
	fresh, _ := redis.NewNodes(redis.NodesOptions{})
	if err := fresh.Join(t.Context(), "nowhere"); err == nil {
		t.Error("joined without an address")
	}
}

// Names that clients make up cost little: nobody waits long, and Redis is not asked for each.
func TestNodesMadeUp(t *testing.T) {
	s := startServer(t)
	a := joinNode(t, s, "a")
	begun := time.Now()
	var wg sync.WaitGroup
	for i := range 500 {
		wg.Go(func() {
			if _, ok := a.Find(t.Context(), fmt.Sprint("made-up", i)); ok {
				t.Error("found")
			}
		})
	}
	wg.Wait()
	if took := time.Since(begun); took > time.Second {
		t.Errorf("500 made-up names took %v", took)
	}
}

// A node that dies without a word is gone when its lease has run out. While Redis is away, and when it comes back without its memory,
// those that live stay known.
func TestNodesWithoutRedis(t *testing.T) {
	s := startServer(t)
	a, b := joinNode(t, s, "a"), joinNode(t, s, "b")
	find := func(n *redis.Nodes, name string) engineio.Node {
		t.Helper()
		found, ok := n.Find(t.Context(), name)
		if !ok {
			t.Fatalf("%s is not known", name)
		}
		return found
	}
	c := s.client(t)
	if err := c.Do(t.Context(), c.B().Set().Key("{socket.io#nodes}#dead").Value("dead.test:1").Px(300*time.Millisecond).Build()).Error(); err != nil {
		t.Fatal(err)
	}
	if err := c.Do(t.Context(), c.B().Sadd().Key("{socket.io#nodes}").Member("dead").Build()).Error(); err != nil {
		t.Fatal(err)
	}
	dead := find(a, "dead")
	select {
	case <-dead.Alive.Done():
	case <-time.After(5 * time.Second):
		t.Fatal("a dead node is still there")
	}
	lives := find(a, "b")
	for range 2 {
		s.stop()
		time.Sleep(5 * beat)
		begun := time.Now()
		if _, ok := a.Find(t.Context(), "unheard-of"); ok || time.Since(begun) > 2*time.Second {
			t.Errorf("%v after %v", ok, time.Since(begun))
		}
		find(a, "b")
		s.start(t)
		for deadline := time.Now().Add(10 * beat); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
			find(a, "b")
			find(b, "a")
		}
	}
	if lives.Alive.Err() != nil {
		t.Error("its connections have been ended")
	}
	joinNode(t, s, "c")
	eventually(t, "a node that has joined since", func() bool { _, ok := a.Find(t.Context(), "c"); return ok })
}
