package adaptertest

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"parley/socketio"
)

// acrossNodes are the tests of what nodes do for each other.
var acrossNodes = map[string]func(*testing.T, *fixture){
	"server-side emit":                 testServerSide,
	"server-side emit with ack":        testServerSideAck,
	"server-side emit, a missing ack":  testServerSideMissing,
	"a server-side handler that asks":  testServerSideAsks,
	"a peer that never answers":        testSilent,
	"a node that leaves":               testLeavingNode,
	"simultaneous emits of all nodes":  testSimultaneous,
	"a client's broadcast to the rest": testFromSocket,
}

func testServerSide(t *testing.T, f *fixture) {
	got := make(chan string, 100)
	for i, srv := range f.servers {
		srv.OnServerSide("news", func(args [][]byte, ack func(any)) {
			ack("nobody waits for this")
			got <- fmt.Sprintf("%d %s", i, args)
		})
	}
	if err := f.servers[1].ServerSideEmit("news", "extra", map[string]int{"n": 1}); err != nil {
		t.Fatal(err)
	}
	var all []string
	for range len(f.servers) - 1 {
		select {
		case s := <-got:
			all = append(all, s)
		case <-time.After(patience):
			t.Fatalf("only %v heard of it", all)
		}
	}
	if _, err := f.servers[1].FetchSockets(t.Context()); err != nil { // a round trip, after which a stray one would have come
		t.Fatal(err)
	}
	if len(got) > 0 {
		t.Errorf("also %s", <-got)
	}
	for i := range f.servers {
		if heard := slices.Contains(all, fmt.Sprintf(`%d ["extra" {"n":1}]`, i)); heard == (i == 1) {
			t.Errorf("node %d: heard is %v, of %v", i, heard, all)
		}
	}
}

func testServerSideAck(t *testing.T, f *fixture) {
	for i, srv := range f.servers {
		srv.OnServerSide("who", func(_ [][]byte, ack func(any)) { ack(map[string]int{"node": i}) })
	}
	for i, srv := range f.servers {
		values, err := srv.ServerSideEmitWithAck(t.Context(), "who")
		if err != nil || len(values) != len(f.servers)-1 {
			t.Fatalf("node %d: %s, %v", i, values, err)
		}
		for j := range f.servers {
			answered := slices.ContainsFunc(values, func(v []byte) bool { return string(v) == fmt.Sprintf(`{"node":%d}`, j) })
			if answered == (i == j) {
				t.Errorf("node %d asked: node %d answered is %v", i, j, answered)
			}
		}
	}
}

// isPartial checks that an error is the typed one, with these counts.
func isPartial(t *testing.T, err error, answered, expected int) {
	t.Helper()
	var partial *socketio.PartialError
	if !errors.As(err, &partial) || partial.Answered != answered || partial.Expected != expected {
		t.Errorf("the error is %v, wanted a PartialError with %d of %d", err, answered, expected)
	}
}

func testServerSideMissing(t *testing.T, f *fixture) {
	for i, srv := range f.servers {
		srv.OnServerSide("who", func(_ [][]byte, ack func(any)) {
			if i != 1 {
				ack(i)
			}
		})
	}
	begun := time.Now()
	values, err := f.servers[0].ServerSideEmitWithAck(t.Context(), "who")
	isPartial(t, err, len(f.servers)-2, len(f.servers)-1)
	if len(values) != len(f.servers)-2 || time.Since(begun) > 10*answerTimeout {
		t.Errorf("%s after %v", values, time.Since(begun))
	}
}

// testServerSideAsks has all nodes ask each other from their handlers at the same time, which must not end in waiting for each
// other.
func testServerSideAsks(t *testing.T, f *fixture) {
	for _, srv := range f.servers {
		srv.OnServerSide("count", func(_ [][]byte, ack func(any)) {
			sockets, err := srv.FetchSockets(t.Context())
			if err != nil {
				t.Error(err)
			}
			ack(len(sockets))
		})
	}
	errs := make(chan error, len(f.servers))
	for _, srv := range f.servers {
		go func() {
			values, err := srv.ServerSideEmitWithAck(t.Context(), "count")
			for _, v := range values {
				if string(v) != fmt.Sprint(len(f.clients)) {
					err = fmt.Errorf("counted %s", v)
				}
			}
			errs <- err
		}()
	}
	for range f.servers {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
}

func testSilent(t *testing.T, f *fixture) {
	f.cluster.Silent(t)
	nodes := len(f.servers)
	f.awaitNodes(t, nodes+1)
	begun := time.Now()
	sockets, err := f.servers[0].FetchSockets(t.Context())
	isPartial(t, err, nodes-1, nodes)
	if len(sockets) != len(f.clients) {
		t.Errorf("%d sockets of %d", len(sockets), len(f.clients))
	}
	replies, err := f.servers[0].All().Timeout(time.Minute).EmitWithAck(t.Context(), "ask")
	isPartial(t, err, nodes-1, nodes)
	if len(replies) != len(f.clients) {
		t.Errorf("%d replies of %d", len(replies), len(f.clients))
	}
	for _, c := range f.clients {
		c.take(t, "ask")
	}
	if time.Since(begun) > 20*answerTimeout {
		t.Errorf("it took %v", time.Since(begun))
	}
	f.reaches(t, func(ns *socketio.Namespace, _ int) error { return ns.Emit("hello") }, func(_, _ int) bool { return true })
}

func testLeavingNode(t *testing.T, f *fixture) {
	last := len(f.servers) - 1
	if err := f.servers[last].Adapter().Close(); err != nil {
		t.Fatal(err)
	}
	f.servers = f.servers[:last]
	f.clients = f.clients[:2*last]
	f.awaitNodes(t, last)
	if got := fetch(t, f.servers[0].All()); len(got) != len(f.clients) {
		t.Errorf("%d sockets, wanted %d", len(got), len(f.clients))
	}
	f.reaches(t, func(ns *socketio.Namespace, _ int) error { return ns.Emit("hello") }, func(_, _ int) bool { return true })
}

func testSimultaneous(t *testing.T, f *fixture) {
	const each = 50
	errs := make(chan error, len(f.servers))
	for i, srv := range f.servers {
		go func() {
			for n := range each {
				if err := srv.To("all").Emit("n", i, n); err != nil {
					errs <- err
					return
				}
			}
			errs <- nil
		}()
	}
	for range f.servers {
		if err := <-errs; err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range f.clients {
		c.wait(t, "all of it", func() bool { return len(c.events) >= each*len(f.servers) })
		next := map[any]float64{}
		for _, e := range c.events {
			if e.args[1] != next[e.args[0]] {
				t.Fatalf("%s received %v of node %v, wanted %v", c.name, e.args[1], e.args[0], next[e.args[0]])
			}
			next[e.args[0]]++
		}
	}
}

func testFromSocket(t *testing.T, f *fixture) {
	f.reaches(t, func(ns *socketio.Namespace, node int) error { return ns.Socket(f.id(2 * node)).To("all").Emit("hello") },
		func(node, i int) bool { return i != 2*node })
}
