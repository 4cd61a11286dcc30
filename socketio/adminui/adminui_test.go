package adminui_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"parley/socketio"
	"parley/socketio/adminui"
	"parley/socketio/client"
)

type node struct {
	io  *socketio.Server
	url string
}

// start serves a node with an admin UI.
func start(t *testing.T, so socketio.Options, o adminui.Options) *node {
	t.Helper()
	n := &node{io: socketio.NewServer(so)}
	o.OnError = func(err error) { t.Errorf("in the background: %v", err) }
	if o.StatsInterval == 0 {
		o.StatsInterval = 50 * time.Millisecond
	}
	admin, err := adminui.Instrument(n.io, o)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(n.io)
	n.url = srv.URL
	t.Cleanup(func() {
		admin.Close()
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := n.io.Close(ctx); err != nil {
			t.Errorf("close: %v", err)
		}
		srv.Close()
	})
	return n
}

func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	t.Cleanup(cancel)
	return ctx
}

type received struct {
	event string
	args  []json.RawMessage
}

func (r received) String() string {
	args, _ := json.Marshal(r.args)
	return r.event + string(args)
}

// peer is a client that remembers what it gets.
type peer struct {
	*client.Client
	t      *testing.T
	mu     sync.Mutex
	got    []received
	change chan struct{} // closed when something comes
}

func (n *node) dial(t *testing.T, namespace string, auth any) *peer {
	t.Helper()
	p, err := n.try(t, namespace, auth)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (n *node) try(t *testing.T, namespace string, auth any) (*peer, error) {
	p := &peer{t: t, change: make(chan struct{})}
	var err error
	p.Client, err = client.Dial(within(t), n.url, client.Options{
		Namespace: namespace, Auth: auth, Header: http.Header{"Cookie": {"secret=1"}, "X-Forwarded-For": {"192.0.2.7"}},
		OnEvent: func(event string, args []json.RawMessage) {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.got = append(p.got, received{event, args})
			close(p.change)
			p.change = make(chan struct{})
		},
	})
	if err == nil {
		t.Cleanup(p.Close)
	}
	return p, err
}

// await waits for an event whose text has all parts.
func (p *peer) await(event string, parts ...string) received {
	p.t.Helper()
	deadline := time.After(10 * time.Second)
	for {
		p.mu.Lock()
		change := p.change
		for _, r := range p.got {
			if r.event == event && !slices.ContainsFunc(parts, func(part string) bool { return !strings.Contains(r.String(), part) }) {
				p.mu.Unlock()
				return r
			}
		}
		n := len(p.got)
		p.mu.Unlock()
		select {
		case <-change:
		case <-deadline:
			p.t.Fatalf("no %s with %q among %d events", event, parts, n)
		}
	}
}

func (p *peer) count(event string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for _, r := range p.got {
		if r.event == event {
			n++
		}
	}
	return n
}

func hash(t *testing.T, password string) string {
	h, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	return string(h)
}

func TestInstrumentRefusesWhatIsUnsafeOrWrong(t *testing.T) {
	for name, c := range map[string]struct {
		o    adminui.Options
		want error
	}{
		"nothing said of authentication": {adminui.Options{}, adminui.ErrNoAuth},
		"unknown mode":                   {adminui.Options{NoAuth: true, Mode: "verbose"}, adminui.ErrMode},
		"a password in the clear": {
			adminui.Options{Auth: &adminui.BasicAuth{Username: "admin", Password: "1234"}}, bcrypt.ErrHashTooShort,
		},
	} {
		io := socketio.NewServer(socketio.Options{})
		if _, err := adminui.Instrument(io, c.o); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		if err := io.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

func TestOnlyThoseWithThePasswordGetIn(t *testing.T) {
	n := start(t, socketio.Options{}, adminui.Options{Auth: &adminui.BasicAuth{Username: "admin", Password: hash(t, "correct")}})
	for _, auth := range []map[string]any{
		{}, {"username": "admin"}, {"username": "admin", "password": "wrong"}, {"username": "root", "password": "correct"},
		{"sessionId": "made up"}, {"username": []int{1}, "password": map[string]int{}},
	} {
		var refused *client.ConnectError
		if _, err := n.try(t, "/admin", auth); !errors.As(err, &refused) || refused.Message != "invalid credentials" {
			t.Errorf("%v: %v, want invalid credentials", auth, err)
		}
	}
	page := n.dial(t, "/admin", map[string]any{"username": "admin", "password": "correct"})
	var session string
	if err := json.Unmarshal(page.await("session").args[0], &session); err != nil || len(session) < 20 {
		t.Fatalf("session %q, %v", session, err)
	}
	again := n.dial(t, "/admin", map[string]any{"sessionId": session})
	again.await("config")
	if again.count("session") != 0 {
		t.Error("a page that came with its session got another one")
	}
}

func TestGuessingIsSlowedDown(t *testing.T) {
	n := start(t, socketio.Options{}, adminui.Options{Auth: &adminui.BasicAuth{Username: "admin", Password: hash(t, "correct")}})
	busy := 0
	for range 15 {
		_, err := n.try(t, "/admin", map[string]any{"username": "admin", "password": "wrong"})
		if err != nil && strings.Contains(err.Error(), "too many attempts") {
			busy++
		}
	}
	if busy != 5 {
		t.Errorf("%d of 15 attempts were not looked at, want 5", busy)
	}
}

func TestNumbers(t *testing.T) {
	n := start(t, socketio.Options{}, adminui.Options{NoAuth: true, ServerID: "one", ReadOnly: true})
	n.io.Of("/other")
	page := n.dial(t, "/admin", nil)
	config := page.await("config").String()
	if config != `config[{"supportedFeatures":["AGGREGATED_EVENTS"]}]` {
		t.Error(config)
	}
	other := n.dial(t, "/other", nil)
	if err := other.Emit("hello", "world"); err != nil {
		t.Fatal(err)
	}
	page.await("server_stats", `"serverId":"one"`, `"hostname"`, `"pid"`, `"uptime"`, `"clientsCount":2`, `"pollingClientsCount":0`,
		`{"name":"/","socketsCount":0},{"name":"/admin","socketsCount":1},{"name":"/other","socketsCount":1}`)
	page.await("server_stats", `"type":"rawConnection","count":`)
	page.await("server_stats", `"type":"packetsIn"`, `"type":"bytesIn"`, `"type":"packetsOut"`, `"type":"bytesOut"`)
	other.Close()
	page.await("server_stats", `"type":"rawDisconnection","subType":"transport close","count":1`)
	for _, event := range []string{"all_sockets", "socket_connected", "event_received", "event_sent", "room_joined"} {
		if page.count(event) > 0 {
			t.Errorf("%s in production mode", event)
		}
	}
}

func TestEverythingThatHappensInDevelopmentMode(t *testing.T) {
	n := start(t, socketio.Options{}, adminui.Options{NoAuth: true, Mode: adminui.Development, MaxEventBytes: 200})
	n.io.OnConnection(func(s *socketio.Socket) { s.SetData(map[string]any{"name": "ann"}) })
	n.io.On("join", func(s *socketio.Socket, e *socketio.Event) {
		s.Join("lobby")
		if err := s.Emit("joined", "lobby"); err != nil {
			t.Error(err)
		}
		if err := e.Ack(); err != nil {
			t.Error(err)
		}
		s.Leave("lobby")
	})
	first := n.dial(t, "/", nil)
	page := n.dial(t, "/admin", nil)
	page.await("config", `["EMIT","JOIN","LEAVE","DISCONNECT","MJOIN","MLEAVE","MDISCONNECT","AGGREGATED_EVENTS","ALL_EVENTS"]`)
	all := page.await("all_sockets", first.ID(), `"nsp":"/"`, `"transport":"websocket"`, `"data":{"name":"ann"}`,
		`"address":"192.0.2.7"`).String()
	if strings.Contains(all, "secret") {
		t.Errorf("cookies are shown: %s", all)
	}

	c := n.dial(t, "/", nil)
	page.await("socket_connected", c.ID(), `"rooms":["`+c.ID()+`"]`)
	page.await("socket_updated", c.ID(), `"data":{"name":"ann"}`)
	if _, err := c.EmitWithAck(within(t), "join", map[string]int{"x": 1}); err != nil {
		t.Fatal(err)
	}
	page.await("event_received", `"/","`+c.ID()+`",["join",{"x":1}],"20`)
	page.await("event_sent", `"/","`+c.ID()+`",["joined","lobby"],"20`)
	page.await("room_joined", `"/","lobby","`+c.ID()+`","20`)
	page.await("room_left", `"/","lobby","`+c.ID()+`","20`)
	if err := c.Emit("long", strings.Repeat("x", 1000)); err != nil {
		t.Fatal(err)
	}
	page.await("event_received", `["long",{"bytes":1011}]`)
	c.Close()
	page.await("socket_disconnected", `"/","`+c.ID()+`","transport close","20`)
}

func TestAPageThatWasLeftBehindIsBroughtUpToDate(t *testing.T) {
	n := start(t, socketio.Options{}, adminui.Options{NoAuth: true, Mode: adminui.Development, MaxQueue: 2})
	n.io.OnConnection(func(s *socketio.Socket) {
		for i := range 200 {
			s.Join("room" + strings.Repeat("x", i))
		}
	})
	page := n.dial(t, "/admin", nil)
	page.await("all_sockets")
	c := n.dial(t, "/", nil)
	page.await("all_sockets", c.ID(), "room"+strings.Repeat("x", 199))
}

func TestCommandsReachAllNodes(t *testing.T) {
	hub := socketio.NewHub()
	cluster := func() socketio.Options {
		return socketio.Options{Adapter: hub.Adapter(socketio.ClusterOptions{})}
	}
	o := adminui.Options{NoAuth: true, Mode: adminui.Development}
	here, there := start(t, cluster(), o), start(t, cluster(), o)
	far := there.dial(t, "/", nil)
	page := here.dial(t, "/admin", nil)
	page.await("all_sockets", far.ID(), `"transport":"websocket"`, `"data":{}`)
	send := func(event string, args ...any) {
		t.Helper()
		if err := page.Emit(event, args...); err != nil {
			t.Fatal(err)
		}
	}
	send("join", "/", "lobby", far.ID())
	page.await("room_joined", "lobby", far.ID())
	send("emit", "/", "lobby", "news", 1, map[string]string{"a": "b"})
	far.await("news", `[1,{"a":"b"}]`)
	send("emit", "/", nil, "for all")
	far.await("for all")
	send("leave", "/", "lobby")
	page.await("room_left", "lobby", far.ID())

	// What cannot be read, or names nothing, does nothing.
	send("_disconnect")
	send("join", "/")
	send("emit", "/", "")
	send("emit", 1, 2, 3)
	send("emit", "/", nil, "still here")
	far.await("still here")

	send("_disconnect", "/", true, far.ID())
	page.await("socket_disconnected", far.ID())
	late := there.dial(t, "/", nil)
	page.await("socket_connected", late.ID())
	for page.count("event_received") == 0 { // the other node learns of the page when it looks next
		if err := late.Emit("from afar"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Millisecond)
	}
	page.await("event_received", "from afar", late.ID())
}

func TestAReadOnlyPageCannotAct(t *testing.T) {
	n := start(t, socketio.Options{}, adminui.Options{NoAuth: true, ReadOnly: true, Mode: adminui.Development})
	c := n.dial(t, "/", nil)
	page := n.dial(t, "/admin", nil)
	page.await("all_sockets", c.ID())
	for _, args := range [][]any{{"emit", "/", nil, "news"}, {"join", "/", "lobby"}, {"_disconnect", "/", true}} {
		if err := page.Emit(args[0].(string), args[1:]...); err != nil { //nolint:forcetypeassert // above
			t.Fatal(err)
		}
	}
	// The page's events are handled in order: a socket that it makes itself comes after them.
	next := n.dial(t, "/", nil)
	page.await("socket_connected", next.ID())
	if c.count("news") > 0 || n.io.Socket(c.ID()) == nil || page.count("room_joined") > 3 {
		t.Errorf("a command of a page that may only read was obeyed")
	}
}
