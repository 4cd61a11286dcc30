package adaptertest

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"parley/socketio"
)

// everywhere are the tests that one node passes as well as many.
var everywhere = map[string]func(*testing.T, *fixture){
	"emit to all":           testEmitToAll,
	"emit to a room":        testEmitToRoom,
	"emit to several rooms": testEmitToRooms,
	"emit to a socket id":   testEmitToSocket,
	"emit except":           testEmitExcept,
	"emit locally":          testEmitLocally,
	"order":                 testOrder,
	"values":                testValues,
	"binary":                testBinary,
	"volatile":              testVolatile,
	"acknowledgements":      testAcks,
	"binary acknowledgment": testBinaryAcks,
	"missing acks":          testMissingAcks,
	"fetch sockets":         testFetchSockets,
	"join and leave":        testJoinLeave,
	"disconnect":            testDisconnect,
	"another namespace":     testNamespaces,
}

func testEmitToAll(t *testing.T, f *fixture) {
	f.reaches(t, func(ns *socketio.Namespace, _ int) error { return ns.Emit("hello", "you") }, func(_, _ int) bool { return true })
}

func testEmitToRoom(t *testing.T, f *fixture) {
	f.reaches(t, func(ns *socketio.Namespace, _ int) error { return ns.To("even").Emit("hello") }, func(_, i int) bool { return i%2 == 0 })
	f.reaches(t, func(ns *socketio.Namespace, _ int) error { return ns.To("nobody's").Emit("hello") }, func(_, _ int) bool { return false })
}

func testEmitToRooms(t *testing.T, f *fixture) {
	f.reaches(t, func(ns *socketio.Namespace, _ int) error { return ns.To("even").To("n0", "nobody's").Emit("hello") },
		func(_, i int) bool { return i%2 == 0 || i < 2 })
}

func testEmitToSocket(t *testing.T, f *fixture) {
	for target := range f.clients {
		f.reaches(t, func(ns *socketio.Namespace, _ int) error { return ns.To(f.id(target)).Emit("hello") },
			func(_, i int) bool { return i == target })
	}
}

func testEmitExcept(t *testing.T, f *fixture) {
	f.reaches(t, func(ns *socketio.Namespace, _ int) error { return ns.Except("odd").Emit("hello") }, func(_, i int) bool { return i%2 == 0 })
	last := len(f.clients) - 1
	f.reaches(t, func(ns *socketio.Namespace, _ int) error {
		return ns.To("all").Except(f.id(0), f.id(last)).Emit("hello")
	},
		func(_, i int) bool { return i != 0 && i != last })
}

func testEmitLocally(t *testing.T, f *fixture) {
	f.reaches(t, func(ns *socketio.Namespace, _ int) error { return ns.All().Local().Emit("hello") },
		func(node, i int) bool { return i/2 == node })
}

func testOrder(t *testing.T, f *fixture) {
	const count = 200
	for n := range count {
		to := f.servers[0].All()
		if n%3 == 1 {
			to = to.To("all")
		}
		if err := to.Emit("n", n); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.servers[0].Emit("end"); err != nil {
		t.Fatal(err)
	}
	for _, c := range f.clients {
		got := c.take(t, "end")
		if len(got) != count {
			t.Fatalf("%s received %d of %d", c.name, len(got), count)
		}
		for n, e := range got {
			if e.args[0] != float64(n) {
				t.Fatalf("%s received %v as number %d", c.name, e.args[0], n)
			}
		}
	}
}

func testValues(t *testing.T, f *fixture) {
	values := []any{"Я 😀 \u2028 \"quoted\"", 1.5, -7, true, nil, []any{}, map[string]any{"deep": []any{map[string]any{"er": "yes"}}}, 1 << 40}
	if err := f.servers[0].Emit("values", values...); err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprint([]any{"Я 😀 \u2028 \"quoted\"", 1.5, -7.0, true, nil, []any{}, values[6], float64(1 << 40)})
	for _, c := range f.clients {
		c.wait(t, "values", func() bool { return c.has("values") })
		if got := fmt.Sprint(c.events[0].args); got != want {
			t.Errorf("%s received %s, wanted %s", c.name, got, want)
		}
	}
}

func testBinary(t *testing.T, f *fixture) {
	file := []byte{0, 1, 254, 255}
	body := map[string]any{"name": "x", "file": file}
	f.reaches(t, func(ns *socketio.Namespace, _ int) error { return ns.To("all").Emit("file", body, []byte("second")) },
		func(_, _ int) bool { return true })
	if err := f.servers[0].Emit("file", body, []byte("second")); err != nil {
		t.Fatal(err)
	}
	for _, c := range f.clients {
		c.wait(t, "file", func() bool { return c.has("file") })
		got := c.events[0].args
		first, _ := got[0].(map[string]any)
		data, _ := first["file"].([]byte)
		second, _ := got[1].([]byte)
		if !bytes.Equal(data, file) || first["name"] != "x" || string(second) != "second" {
			t.Errorf("%s received %v", c.name, got)
		}
	}
}

// testVolatile emits until all have received one: a client between two polls may rightly miss some.
func testVolatile(t *testing.T, f *fixture) {
	eventually(t, "a volatile event at every client", func() bool {
		if err := f.servers[0].All().Volatile().Emit("volatile"); err != nil {
			t.Fatal(err)
		}
		for _, c := range f.clients {
			c.mu.Lock()
			got := c.has("volatile")
			c.mu.Unlock()
			if !got {
				return false
			}
		}
		return true
	})
}

func testAcks(t *testing.T, f *fixture) {
	for _, srv := range f.servers {
		replies, err := srv.To("even").Timeout(5*time.Second).EmitWithAck(t.Context(), "ask", 1)
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]bool{}
		for _, r := range replies {
			var name string
			if err := r.Bind(&name); err != nil {
				t.Fatal(err)
			}
			got[name] = true
		}
		want := f.names(func(i int) bool { return i%2 == 0 })
		if len(replies) != len(want) || !maps.Equal(got, want) {
			t.Errorf("answers of %v, wanted %v", got, want)
		}
		begun := time.Now()
		if replies, err := srv.To("nobody's").Timeout(5*time.Second).EmitWithAck(t.Context(), "ask"); err != nil || len(replies) != 0 {
			t.Errorf("nobody's: %d replies, %v", len(replies), err)
		}
		if time.Since(begun) > 3*time.Second {
			t.Error("an emit that reaches nobody must not wait for the timeout")
		}
	}
}

func testBinaryAcks(t *testing.T, f *fixture) {
	replies, err := f.servers[0].To("all").Timeout(5*time.Second).EmitWithAck(t.Context(), "ask", []byte("question"))
	if err != nil || len(replies) != len(f.clients) {
		t.Fatalf("%d replies, %v", len(replies), err)
	}
	got := map[string]bool{}
	for _, r := range replies {
		var name []byte
		if err := r.Bind(&name); err != nil {
			t.Fatal(err)
		}
		got[string(name)] = true
	}
	if want := f.names(func(int) bool { return true }); !maps.Equal(got, want) {
		t.Errorf("answers of %v, wanted %v", got, want)
	}
}

func testMissingAcks(t *testing.T, f *fixture) {
	for _, srv := range f.servers {
		begun := time.Now()
		replies, err := srv.All().Timeout(answerTimeout).EmitWithAck(t.Context(), "no-answer")
		if !errors.Is(err, socketio.ErrAckTimeout) || len(replies) != 0 {
			t.Errorf("%d replies, %v", len(replies), err)
		}
		if time.Since(begun) > 10*answerTimeout {
			t.Errorf("it took %v", time.Since(begun))
		}
	}
}

func testFetchSockets(t *testing.T, f *fixture) {
	for _, srv := range f.servers {
		all := fetch(t, srv.All())
		if len(all) != len(f.clients) {
			t.Fatalf("%d sockets of %d", len(all), len(f.clients))
		}
		for i, c := range f.clients {
			s := all[c.name]
			want := []string{f.id(i), "all", []string{"even", "odd"}[i%2], fmt.Sprint("n", i/2)}
			got := slices.Clone(s.Rooms)
			slices.Sort(got)
			slices.Sort(want)
			if s.ID != f.id(i) || !slices.Equal(got, want) {
				t.Errorf("%s is %s in %v, wanted %s in %v", c.name, s.ID, got, f.id(i), want)
			}
			h := s.Handshake
			if h.Query["EIO"] != "4" || h.Headers["user-agent"] == "" || h.Address == "" || h.Time == "" ||
				time.Since(time.UnixMilli(h.Issued)) > time.Minute || !bytes.Contains(h.Auth, []byte(c.name)) {
				t.Errorf("%s has the handshake %+v", c.name, h)
			}
		}
		if odd := fetch(t, srv.In("odd").Except("n0")); len(odd) != len(f.servers)-1 {
			t.Errorf("odd but not on the first node: %v", odd)
		}
		if local := fetch(t, srv.All().Local()); len(local) != 2 {
			t.Errorf("local: %v", local)
		}
	}
}

func testJoinLeave(t *testing.T, f *fixture) {
	for n, srv := range f.servers {
		room := fmt.Sprint("new", n)
		if err := srv.In("even").SocketsJoin(room, room+"b"); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the joins", func() bool { return len(fetch(t, srv.In(room))) == len(f.clients)/2 })
		f.reaches(t, func(ns *socketio.Namespace, _ int) error { return ns.To(room).Emit("hello") }, func(_, i int) bool { return i%2 == 0 })
		if err := srv.In(room).Except(f.id(0)).SocketsLeave(room); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the leaves", func() bool { return len(fetch(t, srv.In(room))) == 1 })
		f.reaches(t, func(ns *socketio.Namespace, _ int) error { return ns.To(room).Emit("hello") }, func(_, i int) bool { return i == 0 })
	}
}

func testDisconnect(t *testing.T, f *fixture) {
	srv := f.servers[len(f.servers)-1]
	if err := srv.In("odd").DisconnectSockets(false); err != nil {
		t.Fatal(err)
	}
	for i, c := range f.clients {
		if i%2 == 1 {
			c.wait(t, "the end", func() bool { return c.closed })
		}
	}
	eventually(t, "their rooms being empty", func() bool { return len(fetch(t, srv.In("odd"))) == 0 })
	if err := srv.In(f.id(0)).DisconnectSockets(true); err != nil {
		t.Fatal(err)
	}
	f.clients[0].wait(t, "the end", func() bool { return f.clients[0].closed })
	eventually(t, "the others", func() bool { return len(fetch(t, srv.All())) == len(f.clients)/2-1 })
}

func testNamespaces(t *testing.T, f *fixture) {
	f.reaches(t, func(ns *socketio.Namespace, _ int) error { return ns.Server().Of("/other").Emit("hello") }, func(_, _ int) bool { return false })
}
