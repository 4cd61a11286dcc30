package socketio_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"parley/engineio"
	"parley/socketio"
)

func TestListenersComeAndGo(t *testing.T) {
	f := serve(t, socketio.Options{})
	f.io.On("sync", acknowledge)
	a := f.dial("/", nil)
	s := f.io.Socket(a.ID())
	var mu sync.Mutex
	var got []string
	note := func(what string) socketio.Handler {
		return func(_ *socketio.Socket, e *socketio.Event) {
			mu.Lock()
			defer mu.Unlock()
			if e.Name != "sync" {
				got = append(got, what)
			}
		}
	}
	said := func(want ...string) {
		t.Helper()
		if err := a.Emit("x"); err != nil {
			t.Fatal(err)
		}
		f.sync(a)
		mu.Lock()
		defer mu.Unlock()
		if !slices.Equal(got, want) {
			t.Fatalf("%q, want %q", got, want)
		}
		got = nil
	}
	offOne := s.On("x", note("one"))
	s.On("x", note("two"))
	s.Once("x", note("once"))
	offAny := s.OnAny(note("any"))
	s.PrependAny(note("before any"))
	said("before any", "any", "one", "two", "once")
	said("before any", "any", "one", "two")
	offOne()
	offAny()
	said("before any", "two")
	s.OffAny()
	s.Off("x")
	said()
	s.Once("x", note("never"))()
	said()
}

func TestOutgoingListenersComeAndGo(t *testing.T) {
	f := serve(t, socketio.Options{})
	f.io.On("sync", acknowledge)
	a := f.dial("/", nil)
	s := f.io.Socket(a.ID())
	var got []string
	note := func(what string) func(string, []byte) {
		return func(event string, data []byte) { got = append(got, fmt.Sprintf("%s %s %s", what, event, data)) }
	}
	off := s.OnAnyOutgoing(note("1"))
	s.PrependAnyOutgoing(note("0"))
	_ = s.Emit("x", 7)
	off()
	_ = f.io.Emit("y")
	s.OffAnyOutgoing()
	_ = s.Send("nobody hears of it")
	if want := []string{`0 x ["x",7]`, `1 x ["x",7]`, `0 y ["y"]`}; !slices.Equal(got, want) {
		t.Fatalf("%q, want %q", got, want)
	}
}

func TestEmitters(t *testing.T) {
	f := serve(t, socketio.Options{})
	f.io.On("sync", acknowledge)
	a := f.dial("/", nil, "message", "x")
	s := f.io.Socket(a.ID())
	for _, err := range []error{
		s.Send("one"), s.Volatile().Emit("x", 1), s.Compress(false).Emit("x", 2), s.Timeout(time.Second).Volatile().Compress(true).Send("two"),
		f.io.Send("three"), f.io.Volatile().Emit("x", 3), f.io.Local().Compress(false).Send("four"),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	f.expect(a, `message "one"`, "x 1", "x 2", `message "two"`, `message "three"`, "x 3", `message "four"`)

	_, err := s.Timeout(20*time.Millisecond).EmitWithAck(t.Context(), "nobody answers")
	if !errors.Is(err, socketio.ErrAckTimeout) {
		t.Fatalf("timeout: %v", err)
	}
	var reserved *socketio.ReservedEventError
	for _, err := range []error{s.Emit("disconnect"), s.Volatile().Emit("connect"), f.io.Emit("connect_error")} {
		if !errors.As(err, &reserved) {
			t.Fatalf("a reserved name: %v", err)
		}
	}
	if err := s.Emit("x", make(chan int)); err == nil {
		t.Fatal("a channel was encoded")
	}
}

// A volatile event is for who can take it now: a client between two polls cannot.
func TestVolatileIsDropped(t *testing.T) {
	f := serve(t, socketio.Options{})
	raw := f.connectRaw("40")
	s := f.io.Socket(raw.sid)
	_ = s.Volatile().Emit("dropped")
	_ = f.io.Volatile().Emit("dropped too")
	_ = s.Emit("kept")
	if got := f.http("GET", "&sid="+raw.engine, ""); got != `42["kept"]` {
		t.Fatalf("got %q", got)
	}
}

// What FetchSockets returns can be acted upon, here on the other node of a cluster.
func TestRemoteSockets(t *testing.T) {
	hub := socketio.NewHub()
	near := serve(t, socketio.Options{Adapter: hub.Adapter(socketio.ClusterOptions{})})
	far := serve(t, socketio.Options{Adapter: hub.Adapter(socketio.ClusterOptions{})})
	far.io.On("sync", acknowledge)
	a := far.dial("/", nil, "hello", "message")
	found, err := near.io.FetchSockets(within(t))
	if err != nil || len(found) != 1 || found[0].ID != a.ID() {
		t.Fatalf("%v %v", found, err)
	}
	r := found[0]
	for _, err := range []error{r.Join("one", "two"), r.Leave("two"), r.Emit("hello", 1), r.Send("you")} {
		if err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, func() bool { return slices.Equal(far.io.Socket(a.ID()).Rooms(), []string{a.ID(), "one"}) })
	eventually(t, func() bool { return slices.Equal(a.got(), []string{"hello 1", `message "you"`}) })
	if err := r.Disconnect(true); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool { return far.io.Len() == 0 })
	if _, err := r.EmitWithAck(within(t), "anybody"); !errors.Is(err, socketio.ErrDisconnected) {
		t.Fatalf("a socket that is gone: %v", err)
	}
}

func eventually(t *testing.T, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it did not come to pass")
		}
	}
}

func TestTheWholeNamespace(t *testing.T) {
	f := serve(t, socketio.Options{})
	f.io.On("sync", acknowledge)
	a, b := f.dial("/", nil), f.dial("/", nil)
	_ = f.io.SocketsJoin("one", "two")
	_ = f.io.SocketsLeave("two")
	for _, p := range []*peer{a, b} {
		if got := f.io.Socket(p.ID()).Rooms(); !slices.Equal(got, []string{p.ID(), "one"}) {
			t.Fatalf("rooms %q", got)
		}
	}
	if _, err := f.io.Timeout(20*time.Millisecond).EmitWithAck(t.Context(), "x"); !errors.Is(err, socketio.ErrAckTimeout) {
		t.Fatal(err)
	}
	_ = f.io.DisconnectSockets(true)
	eventually(t, func() bool { return f.io.Len() == 0 && f.io.Engine().Len() == 0 })
}

// A parent of dynamic namespaces speaks for all its children, and for nobody else.
func TestParentsReachTheirChildren(t *testing.T) {
	f := serve(t, socketio.Options{})
	parent := f.io.Match(socketio.MatchRegexp(regexp.MustCompile(`^/team-\d+$`)))
	parent.On("sync", acknowledge)
	f.io.On("sync", acknowledge)
	one, two, main := f.dial("/team-1", nil, "news"), f.dial("/team-2", nil, "news"), f.dial("/", nil, "news")
	if err := parent.Emit("news", 1); err != nil {
		t.Fatal(err)
	}
	_ = parent.SocketsJoin("room")
	_ = parent.To("room").Except(two.ID()).Emit("news", 2)
	f.expect(one, "news 1", "news 2")
	f.expect(two, "news 1")
	f.expect(main)
	found, err := parent.FetchSockets(within(t))
	if err != nil || len(found) != 2 {
		t.Fatalf("%v %v", found, err)
	}
	_ = parent.DisconnectSockets(false)
	eventually(t, func() bool { return f.io.Of("/team-1").Len()+f.io.Of("/team-2").Len() == 0 && f.io.Len() == 1 })
}

func TestTypedHandlers(t *testing.T) {
	type greeting struct{ Name string }
	type answer struct{ Text string }
	f := serve(t, socketio.Options{})
	const hello, heard = socketio.EventName[greeting]("hello"), socketio.EventName[answer]("heard")
	ended := make(chan error, 1)
	hello.Handle(f.io.Namespace, func(ctx context.Context, s *socketio.Socket, in greeting) (any, error) {
		if in.Name == "" {
			return nil, errors.New("who?")
		}
		go func() {
			<-ctx.Done()
			ended <- ctx.Err()
		}()
		return answer{"hello " + in.Name}, heard.Emit(s, answer{in.Name})
	})
	f.io.On("sync", acknowledge)
	a := f.dial("/", nil, "heard")
	for in, want := range map[any]string{
		greeting{"ana"}: `{"Text":"hello ana"}`, greeting{}: `{"error":"who?"}`, 5: `{"error":"socketio: argument 0`,
	} {
		args, err := a.EmitWithAck(within(t), "hello", in)
		if err != nil || !strings.HasPrefix(string(args[0]), want) {
			t.Errorf("%v: %s %v", in, args, err)
		}
	}
	f.expect(a, `heard {"Text":"ana"}`)
	a.Close()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
}

func TestDataOf(t *testing.T) {
	type user struct{ name string }
	f := serve(t, socketio.Options{})
	c := f.dial("/", nil)
	defer c.Close()
	s := f.io.Socket(c.ID())
	if got := socketio.DataOf[user](s); got != (user{}) {
		t.Errorf("before SetData: %v", got)
	}
	s.SetData(user{"ana"})
	if got := socketio.DataOf[user](s); got.name != "ana" {
		t.Errorf("%v", got)
	}
	if got := socketio.DataOf[*user](s); got != nil {
		t.Errorf("as another type: %v", got)
	}
}

func TestRoomHooksOfANamespace(t *testing.T) {
	var mu sync.Mutex
	var got []string
	note := func(what string) (func(string), func(string, string)) {
		add := func(text string) {
			mu.Lock()
			defer mu.Unlock()
			got = append(got, text)
		}
		return func(room string) { add(what + " " + room) }, func(room, _ string) { add(what + " " + room) }
	}
	var hooks socketio.RoomHooks
	hooks.CreateRoom, hooks.JoinRoom = note("create")
	hooks.DeleteRoom, hooks.LeaveRoom = note("delete")
	f := serve(t, socketio.Options{})
	f.io.Of("/chat").OnRooms(hooks)
	f.io.OnConnection(func(s *socketio.Socket) { s.Join("elsewhere") })
	f.dial("/", nil)
	a := f.dial("/chat", nil)
	s := f.io.Of("/chat").Socket(a.ID())
	s.Join("lobby")
	s.Leave("lobby")
	mu.Lock()
	defer mu.Unlock()
	id := a.ID()
	if want := []string{"create " + id, "create " + id, "create lobby", "create lobby", "delete lobby", "delete lobby"}; !slices.Equal(got, want) {
		t.Fatalf("%q, want %q", got, want)
	}
}

func TestClientFilesAreCompressed(t *testing.T) {
	code := strings.Repeat("var io = 1;\n", 100)
	f := serve(t, socketio.Options{ClientFiles: fstest.MapFS{
		"socket.io.js": {Data: []byte(code)}, "socket.io.js.br": {Data: []byte("brotli")}, "socket.io.msgpack.min.js": {Data: []byte(code)},
		"socket.io.js.map": {Data: []byte("{}")},
	}})
	for _, tc := range []struct{ file, accepts, want string }{
		{"socket.io.js", "gzip, deflate, br", "br"},
		{"socket.io.js", "gzip, deflate", "gzip"},
		{"socket.io.js", "deflate", "deflate"},
		{"socket.io.js", "br;q=0, gzip;q=0", ""},
		{"socket.io.js", "", ""},
		{"socket.io.msgpack.min.js", "br, gzip", "gzip"},
	} {
		req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, f.url+"/socket.io/"+tc.file, nil)
		req.Header.Set("Accept-Encoding", tc.accepts)
		res, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if got := res.Header.Get("Content-Encoding"); got != tc.want || got == "" && string(body) != code {
			t.Errorf("%s with %q: %q", tc.file, tc.accepts, got)
		}
	}
	res, err := http.Get(f.url + "/socket.io/socket.io.js.map")
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if kind := res.Header.Get("Content-Type"); res.StatusCode != http.StatusOK || !strings.HasPrefix(kind, "application/json") {
		t.Fatal(res.Status, kind)
	}
	if res, err = http.Get(f.url + "/socket.io/socket.io.js.br"); err != nil || res.StatusCode != http.StatusNotFound {
		t.Fatal("the compressed file by its own name", res.Status, err)
	}
	_ = res.Body.Close()
}

// The path is answered with and without a slash at its end, as clients with addTrailingSlash off ask.
func TestPath(t *testing.T) {
	f := serve(t, socketio.Options{Path: "/live/chat/"})
	for path, want := range map[string]int{"/live/chat": 200, "/live/chat/": 200, "/live/chatter": 404, "/live": 404, "/socket.io/": 404} {
		res, err := http.Get(f.url + path + "?EIO=4&transport=polling")
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode != want {
			t.Errorf("%s: %d, want %d", path, res.StatusCode, want)
		}
	}
}

// The hooks tell of everything that metrics and traces need.
func TestTrace(t *testing.T) {
	var mu sync.Mutex
	var got []string
	note := func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		got = append(got, fmt.Sprintf(format, args...))
	}
	f := serve(t, socketio.Options{MaxRooms: 1, Trace: &socketio.Trace{
		Connected:    func(_ *socketio.Socket) { note("connected") },
		Disconnected: func(_ *socketio.Socket, reason string, _ error) { note("disconnected: %s", reason) },
		Event:        func(_ *socketio.Socket, e *socketio.Event) { note("event %s %s", e.Name, e.Raw(0)) },
		BadPacket:    func(_ *engineio.Session, err error) { note("bad: %v", err) },
		Failed:       func(_ *socketio.Socket, err error) { note("failed: %v", err) },
	}})
	f.io.On("join", func(s *socketio.Socket, _ *socketio.Event) { s.Join("a", "b") })
	raw := f.connectRaw("40")
	f.http("POST", "&sid="+raw.engine, `42["join",1]`)
	f.http("POST", "&sid="+raw.engine, `42["error]`)
	eventually(t, func() bool { return f.io.Len() == 0 })
	mu.Lock()
	defer mu.Unlock()
	want := []string{
		"connected", "event join 1", "failed: " + socketio.ErrTooManyRooms.Error(), "bad: socketio: invalid JSON", "disconnected: parse error",
	}
	if !slices.Equal(got, want) {
		t.Fatalf("%q, want %q", got, want)
	}
}

// An event may be kept beyond its handler, and acknowledged from elsewhere.
func TestKeptEvents(t *testing.T) {
	f := serve(t, socketio.Options{})
	kept := make(chan *socketio.Event, 1)
	f.io.On("keep", func(_ *socketio.Socket, e *socketio.Event) {
		e.Keep()
		kept <- e
	})
	a := f.dial("/", nil)
	go func() {
		e := <-kept
		time.Sleep(10 * time.Millisecond)
		var text string
		err := e.Bind(&text)
		_ = e.Ack(text, fmt.Sprint(err), e.WantsAck(), e.Len())
	}()
	args, err := a.EmitWithAck(within(t), "keep", "this")
	if want := `["this" "<nil>" true 1]`; err != nil || joined(args) != want {
		t.Fatalf("%s %v", joined(args), err)
	}
}

func joined(args []json.RawMessage) string {
	out := make([]string, len(args))
	for i, a := range args {
		out[i] = string(a)
	}
	return "[" + strings.Join(out, " ") + "]"
}
