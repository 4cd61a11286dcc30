package adaptertest

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"parley/socketio"
)

// testRecovery drops a client of node 0, emits from all nodes while it is away and while it comes back to a node, and checks
// that it has everything, once, in each node's order.
func testRecovery(t *testing.T, f *fixture, backOn int) {
	c := f.clients[0]
	emit := func(from, to int) {
		for n := from; n < to; n++ {
			for i, srv := range f.servers {
				err := errors.Join(srv.To("even").Emit("n", i, n, []byte{byte(n)}), srv.To("odd").Emit("not for c0"))
				if err != nil {
					t.Error(err)
				}
			}
		}
	}
	emit(0, 5)
	c.wait(t, "what was emitted before", func() bool { return len(c.events) == 5*len(f.servers) })
	c.drop()
	away := f.servers[0].Socket(f.id(0))
	eventually(t, "its disconnect", func() bool { return away == nil || !away.Connected() })
	emit(5, 10)
	emitted := make(chan struct{})
	go func() {
		defer close(emitted)
		emit(10, 40)
	}()
	auth := map[string]any{"name": c.name, "pid": c.pid, "offset": c.offset}
	back := dial(t, f.urls[backOn], c.name, auth)
	<-emitted
	emit(40, 45)
	total := 45 * len(f.servers)
	back.wait(t, "what was missed and what came since", func() bool { return len(c.events)+len(back.events) >= total })
	if back.id != c.id {
		t.Errorf("it came back as another: %s was %s", back.id, c.id)
	}
	f.check(t, append(slices.Clone(c.events), back.events...))
	if s := fetch(t, f.servers[0].In("even"))[c.name]; s.ID != c.id || !slices.Contains(s.Rooms, "n0") {
		t.Errorf("it came back without its rooms: %v", s)
	}
}

func (f *fixture) check(t *testing.T, events []event) {
	t.Helper()
	seen := map[string]int{}
	for _, e := range events {
		if e.name != "n" {
			t.Fatalf("it received %v", e)
		}
		seen[fmt.Sprint(e.args[0], " ", e.args[1])]++
		if data, ok := e.args[2].([]byte); !ok || len(data) != 1 || float64(data[0]) != e.args[1] {
			t.Fatalf("the binary data of %v", e)
		}
	}
	for i := range f.servers {
		for n := range 45 {
			if times := seen[fmt.Sprint(i, " ", n)]; times != 1 {
				t.Errorf("number %d of node %d came %d times", n, i, times)
			}
		}
	}
}

// testTakenOver has a client come back while the server still believes it to be connected: the old socket is ended, the new one goes
// on as it, and the private id is good for no other.
func testTakenOver(t *testing.T, f *fixture, backOn int) {
	c := f.clients[0]
	if err := f.servers[0].To("all").Emit("n", 0, 0, []byte{0}); err != nil {
		t.Fatal(err)
	}
	c.wait(t, "an event", func() bool { return len(c.events) == 1 })
	old := f.servers[0].Socket(f.id(0))
	auth := map[string]any{"name": c.name, "pid": c.pid, "offset": c.offset}
	back := dial(t, f.urls[backOn], c.name, auth)
	if back.id != c.id {
		t.Errorf("it came back as another: %s was %s", back.id, c.id)
	}
	eventually(t, "the old socket's end", func() bool { return !old.Connected() })
	for _, other := range f.clients[1:] {
		other.take(t, "n")
	}
	f.clients[0] = back
	f.reaches(t, func(ns *socketio.Namespace, _ int) error { return ns.To("odd").Emit("hello") }, func(_, i int) bool { return i%2 == 1 })
	if err := f.servers[len(f.servers)-1].To(c.id).Emit("for it"); err != nil {
		t.Fatal(err)
	}
	if got := back.take(t, "for it"); len(got) != 0 || c.has("for it") {
		t.Errorf("it received %v", got)
	}
	back.drop()
	eventually(t, "its end", func() bool { return len(fetch(t, f.servers[0].In(c.id))) == 0 })
	again := dial(t, f.urls[backOn], c.name, map[string]any{"name": c.name, "pid": "nobody's", "offset": back.offset})
	if again.id == c.id {
		t.Error("another private id recovered it")
	}
	auth["offset"] = back.offset
	if again = dial(t, f.urls[backOn], c.name, auth); again.id != c.id {
		t.Error("it was not recovered a second time")
	}
	if thief := dial(t, f.urls[0], c.name, map[string]any{"name": c.name, "pid": c.pid, "offset": "not an offset"}); thief.id == c.id {
		t.Error("recovered from no offset")
	}
}
