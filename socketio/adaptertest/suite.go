package adaptertest

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"testing"
	"time"

	"parley/engineio"
	"parley/socketio"
)

// Cluster makes the nodes of one cluster, which shares nothing with other clusters.
type Cluster struct {
	// Node makes the adapters of another node. What it asks of the others times out after timeout.
	Node func(t *testing.T, timeout time.Duration) socketio.AdapterFactory
	// Silent joins a peer to the main namespace that counts as a node and never answers. It is not called for a single node.
	Silent func(t *testing.T)
	// Recovery says that a client may recover its session on another node than the one it was on.
	Recovery bool
	// Always runs all tests with recovery on, for an adapter that works in another way then.
	Always bool
}

// Run tests an adapter in clusters of so many nodes; open makes a new cluster for each test.
func Run(t *testing.T, nodes int, open func(t *testing.T) Cluster) {
	for name, test := range everywhere {
		t.Run(name, func(t *testing.T) { test(t, start(t, open(t), nodes, nil)) })
	}
	t.Run("recovery on the same node", func(t *testing.T) { testRecovery(t, start(t, open(t), nodes, &socketio.Recovery{}), 0) })
	t.Run("recovery before the old socket's end", func(t *testing.T) { testTakenOver(t, start(t, open(t), nodes, &socketio.Recovery{}), 0) })
	if nodes == 1 {
		return
	}
	for name, test := range acrossNodes {
		t.Run(name, func(t *testing.T) { test(t, start(t, open(t), nodes, nil)) })
	}
	if open(t).Recovery {
		t.Run("recovery on another node", func(t *testing.T) { testRecovery(t, start(t, open(t), nodes, &socketio.Recovery{}), 1) })
		t.Run("recovery on another node before the old socket's end", func(t *testing.T) {
			testTakenOver(t, start(t, open(t), nodes, &socketio.Recovery{}), 1)
		})
	}
}

// fixture is a running cluster with two clients on each node.
type fixture struct {
	cluster Cluster
	servers []*socketio.Server
	urls    []string
	clients []*Client // the clients of node i are 2i and 2i+1
}

const (
	answerTimeout = 400 * time.Millisecond
	patience      = 15 * time.Second // with a busy machine
)

func start(t *testing.T, c Cluster, nodes int, recovery *socketio.Recovery) *fixture {
	t.Helper()
	f := &fixture{cluster: c}
	if recovery == nil && c.Always {
		recovery = &socketio.Recovery{}
	}
	for range nodes {
		srv := socketio.NewServer(socketio.Options{
			Adapter: c.Node(t, answerTimeout), Recovery: recovery,
			// The timeout ends who vanished between two polls. A busy machine must not end anybody else.
			Engine: engineio.Options{PingInterval: 300 * time.Millisecond, PingTimeout: 3 * time.Second},
		})
		srv.OnConnection(func(s *socketio.Socket) {
			var auth struct {
				Name  string
				Rooms []string
			}
			if err := s.Handshake().BindAuth(&auth); err != nil {
				t.Error(err)
			}
			if !s.Recovered() {
				s.SetData(map[string]any{"name": auth.Name})
				s.Join(auth.Rooms...)
			}
		})
		web := httptest.NewServer(srv)
		t.Cleanup(func() {
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
			defer cancel()
			if err := srv.Close(ctx); err != nil {
				t.Error(err)
			}
			web.Close()
		})
		f.servers, f.urls = append(f.servers, srv), append(f.urls, web.URL)
	}
	f.awaitNodes(t, nodes)
	for i := range nodes {
		for range 2 {
			f.connect(t, i)
		}
	}
	return f
}

// connect adds a client to a node. It is in the room "all", in "even" or "odd" by its number, and in "n0", "n1" ... by its node.
func (f *fixture) connect(t *testing.T, node int) *Client {
	t.Helper()
	n := len(f.clients)
	rooms := []string{"all", []string{"even", "odd"}[n%2], fmt.Sprint("n", node)}
	c := dial(t, f.urls[node], fmt.Sprint("c", n), map[string]any{"name": fmt.Sprint("c", n), "rooms": rooms})
	f.clients = append(f.clients, c)
	return c
}

// awaitNodes waits until every node knows of all others.
func (f *fixture) awaitNodes(t *testing.T, nodes int) {
	t.Helper()
	eventually(t, fmt.Sprint(nodes, " nodes"), func() bool {
		for _, srv := range f.servers {
			if n, err := srv.Adapter().ServerCount(t.Context()); err != nil || n != nodes {
				return false
			}
		}
		return true
	})
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatal("waited in vain for " + what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func (f *fixture) names(match func(i int) bool) map[string]bool {
	out := map[string]bool{}
	for i, c := range f.clients {
		if match(i) {
			out[c.name] = true
		}
	}
	return out
}

// reaches emits with each node in turn, and checks who receives the event, once. A closing event to all, which one node's order
// puts behind it, tells when the waiting is over.
func (f *fixture) reaches(t *testing.T, emit func(ns *socketio.Namespace, node int) error, match func(node, i int) bool) {
	t.Helper()
	for node, srv := range f.servers {
		if err := emit(srv.Namespace, node); err != nil {
			t.Fatal(err)
		}
		end := fmt.Sprint("end ", node)
		if err := srv.Emit(end); err != nil {
			t.Fatal(err)
		}
		for i, c := range f.clients {
			got := len(c.take(t, end))
			want := 0
			if match(node, i) {
				want = 1
			}
			if got != want {
				t.Errorf("node %d emitted: %s received %d, wanted %d", node, c.name, got, want)
			}
		}
	}
}

// ids are the sockets' ids of the clients that match.
func (f *fixture) id(i int) string {
	c := f.clients[i]
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.id
}

// fetch returns the names in the data of the sockets that a node sees.
func fetch(t *testing.T, b socketio.Broadcast) map[string]socketio.RemoteSocket {
	t.Helper()
	sockets, err := b.FetchSockets(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]socketio.RemoteSocket{}
	for _, s := range sockets {
		out[dataName(t, s)] = s
	}
	if len(out) != len(sockets) {
		t.Fatalf("%d sockets with %d names", len(sockets), len(out))
	}
	return out
}

// dataName reads a socket's data, which is decoded JSON when the socket is another node's.
func dataName(t *testing.T, s socketio.RemoteSocket) string {
	t.Helper()
	text, err := json.Marshal(s.Data)
	var data struct{ Name string }
	if err == nil {
		err = json.Unmarshal(text, &data)
	}
	if err != nil {
		t.Fatal(err)
	}
	return data.Name
}
