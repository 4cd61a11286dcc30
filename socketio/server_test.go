package socketio_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"parley/socketio"
	"parley/socketio/client"
)

type fixture struct {
	t   *testing.T
	io  *socketio.Server
	url string
}

func serve(t *testing.T, o socketio.Options) *fixture {
	t.Helper()
	f := &fixture{t: t, io: socketio.NewServer(o)}
	f.url = serveFor(t, f.io)
	return f
}

// serveFor serves until the test ends.
func serveFor(t testing.TB, io *socketio.Server) (url string) {
	srv := httptest.NewServer(io)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := io.Close(ctx); err != nil {
			t.Errorf("close: %v", err)
		}
		srv.Close()
	})
	return srv.URL
}

func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// peer is a client that writes down the events it gets.
type peer struct {
	*client.Client
	mu     sync.Mutex
	events []string
}

func (f *fixture) dial(namespace string, auth any, listen ...string) *peer {
	f.t.Helper()
	c, err := client.Dial(within(f.t), f.url, client.Options{Namespace: namespace, Auth: auth})
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(c.Close)
	p := &peer{Client: c}
	for _, event := range listen {
		c.On(event, func(args []json.RawMessage) {
			p.mu.Lock()
			defer p.mu.Unlock()
			text := event
			for _, a := range args {
				text += " " + string(a)
			}
			p.events = append(p.events, text)
		})
	}
	return p
}

func (p *peer) got() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.events)
}

// sync waits until the server has handled, and the client received, everything before.
func (f *fixture) sync(peers ...*peer) {
	f.t.Helper()
	for _, p := range peers {
		if _, err := p.EmitWithAck(within(f.t), "sync"); err != nil {
			f.t.Fatal(err)
		}
	}
}

func (f *fixture) expect(p *peer, want ...string) {
	f.t.Helper()
	f.sync(p)
	if got := p.got(); !slices.Equal(got, want) {
		f.t.Fatalf("got %q, want %q", got, want)
	}
}

func acknowledge(_ *socketio.Socket, e *socketio.Event) { _ = e.Ack() }

func TestRoomsAndBroadcasts(t *testing.T) {
	f := serve(t, socketio.Options{})
	f.io.On("sync", acknowledge)
	a, b, c := f.dial("/", nil, "m"), f.dial("/", nil, "m"), f.dial("/", nil, "m")
	sa, sb := f.io.Socket(a.ID()), f.io.Socket(b.ID())
	sa.Join("r1", "r2")
	sb.Join("r2")
	emit := func(b socketio.Broadcast, text string) {
		if err := b.Emit("m", text); err != nil {
			t.Fatal(err)
		}
	}
	emit(f.io.All(), "all")
	emit(f.io.To("r1", "r2"), "both rooms, once")
	emit(f.io.To("r2").Except("r1"), "r2 without r1")
	emit(sa.Broadcast(), "all but a")
	emit(sa.To("r2"), "r2 but a")
	emit(f.io.To(c.ID()), "only c")
	emit(f.io.Except(a.ID(), b.ID()), "c again")
	emit(f.io.To("nowhere"), "nobody")
	sa.Leave("r1")
	emit(f.io.To("r1"), "nobody either")
	f.expect(a, `m "all"`, `m "both rooms, once"`)
	f.expect(b, `m "all"`, `m "both rooms, once"`, `m "r2 without r1"`, `m "all but a"`, `m "r2 but a"`)
	f.expect(c, `m "all"`, `m "all but a"`, `m "only c"`, `m "c again"`)
	if got := sa.Rooms(); !slices.Equal(got, []string{a.ID(), "r2"}) {
		t.Fatalf("rooms %q", got)
	}
}

func TestRoomHooksAndNothingLeft(t *testing.T) {
	var mu sync.Mutex
	alive := map[string]int{}
	f := serve(t, socketio.Options{RoomHooks: socketio.RoomHooks{
		CreateRoom: func(room string) { mu.Lock(); alive[room]++; mu.Unlock() },
		DeleteRoom: func(room string) {
			mu.Lock()
			defer mu.Unlock()
			if alive[room]--; alive[room] == 0 {
				delete(alive, room)
			}
		},
	}})
	f.io.OnConnection(func(s *socketio.Socket) { s.Join("lobby", "room of "+s.ID()) })
	for range 20 {
		f.dial("/", nil).Close()
	}
	deadline := time.Now().Add(5 * time.Second)
	for {
		mu.Lock()
		n := len(alive)
		mu.Unlock()
		if n == 0 && f.io.Len() == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d rooms, %d sockets left", n, f.io.Len())
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func TestAcksFromTheClient(t *testing.T) {
	f := serve(t, socketio.Options{MaxPendingAcks: 2})
	f.io.On("sync", acknowledge)
	a := f.dial("/", nil)
	s := f.io.Socket(a.ID())
	_, err := s.EmitWithAck(func() context.Context {
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
		t.Cleanup(cancel)
		return ctx
	}(), "nobody answers")
	if !errors.Is(err, socketio.ErrAckTimeout) {
		t.Fatalf("got %v", err)
	}
	failed := make(chan error, 2)
	for range 2 { // the one that was given up is not pending any more
		if err := s.EmitAck(0, func(_ *socketio.Reply, err error) { failed <- err }, "x"); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.EmitAck(0, func(*socketio.Reply, error) {}, "x"); !errors.Is(err, socketio.ErrTooManyAcks) {
		t.Fatalf("a third pending ack: %v", err)
	}
	a.Close()
	if err := <-failed; !errors.Is(err, socketio.ErrDisconnected) {
		t.Fatalf("got %v", err)
	}
}

func TestBroadcastWithAck(t *testing.T) {
	f := serve(t, socketio.Options{})
	f.dial("/", nil)
	replies, err := f.io.All().Timeout(50*time.Millisecond).EmitWithAck(t.Context(), "question")
	if !errors.Is(err, socketio.ErrAckTimeout) || len(replies) != 0 {
		t.Fatalf("%v %v", replies, err)
	}
	replies, err = f.io.To("empty").EmitWithAck(t.Context(), "question")
	if err != nil || len(replies) != 0 {
		t.Fatalf("an empty room: %v %v", replies, err)
	}
}

func TestMiddlewaresAndNamespaces(t *testing.T) {
	f := serve(t, socketio.Options{CleanupEmptyChildNamespaces: true})
	f.io.Match(socketio.MatchRegexp(regexp.MustCompile(`^/org-\d+$`))).On("sync", acknowledge)
	a := f.dial("/org-7", nil)
	f.sync(a)
	if _, err := client.Dial(within(t), f.url, client.Options{Namespace: "/org-x"}); err == nil || !strings.Contains(err.Error(), "Invalid namespace") {
		t.Fatalf("got %v", err)
	}
	a.Close()
	deadline := time.Now().Add(5 * time.Second)
	for len(f.io.Namespaces()) > 1 {
		if time.Now().After(deadline) {
			t.Fatal("the empty namespace stays")
		}
		time.Sleep(5 * time.Millisecond)
	}
	f.io.Of("/guarded").Use(func(s *socketio.Socket) error {
		var auth struct{ Token string }
		if err := s.Handshake().BindAuth(&auth); err != nil || auth.Token != "let me in" {
			return errors.New("not authorized")
		}
		return nil
	})
	if _, err := client.Dial(within(t), f.url, client.Options{Namespace: "/guarded"}); err == nil {
		t.Fatal("admitted without a token")
	}
	f.dial("/guarded", map[string]string{"token": "let me in"})
}

func TestSocketMiddlewareRefusesEvents(t *testing.T) {
	f := serve(t, socketio.Options{})
	refused := make(chan string, 1)
	f.io.OnConnection(func(s *socketio.Socket) {
		s.Use(func(e *socketio.Event, next func(error)) {
			if e.Name == "forbidden" {
				next(errors.New("no " + e.Name))
				return
			}
			next(nil)
		})
		s.OnError(func(_ *socketio.Socket, err error) { refused <- err.Error() })
		s.On("forbidden", func(*socketio.Socket, *socketio.Event) { t.Error("handled") })
		s.On("sync", acknowledge)
	})
	a := f.dial("/", nil)
	if err := a.Emit("forbidden"); err != nil {
		t.Fatal(err)
	}
	if got := <-refused; got != "no forbidden" {
		t.Fatal(got)
	}
	f.sync(a)
}

func TestDisconnect(t *testing.T) {
	f := serve(t, socketio.Options{})
	reasons := make(chan string, 4)
	f.io.OnConnection(func(s *socketio.Socket) {
		s.Join("r")
		s.OnDisconnecting(func(s *socketio.Socket, _ string) {
			if !slices.Contains(s.Rooms(), "r") {
				t.Error("disconnecting outside of its rooms")
			}
		})
		s.OnDisconnect(func(s *socketio.Socket, reason string) {
			if len(s.Rooms()) != 0 {
				t.Errorf("disconnected in %q", s.Rooms())
			}
			reasons <- reason
		})
	})
	a, b := f.dial("/", nil), f.dial("/", nil)
	f.io.Socket(a.ID()).Disconnect(true)
	if got := <-reasons; got != socketio.ReasonServerDisconnect {
		t.Fatal(got)
	}
	b.Drop()
	if got := <-reasons; got != "transport close" && got != "transport error" {
		t.Fatal(got)
	}
}

// recoverable is a client that knows its private id and offset, as the browser's does.
func TestRecovery(t *testing.T) {
	f := serve(t, socketio.Options{Recovery: &socketio.Recovery{}})
	var pid string
	recovered := make(chan bool, 8)
	f.io.On("sync", acknowledge)
	f.io.OnConnection(func(s *socketio.Socket) {
		recovered <- s.Recovered()
		if !s.Recovered() {
			s.Join("r")
			s.SetData("kept")
		}
	})
	// The Go client does not recover, so its CONNECT is written here, and what precedes the answer is read.
	first := f.connectRaw(`40`)
	pid = first.pid
	if <-recovered {
		t.Fatal("recovered at first")
	}
	first.close()
	f.waitGone()
	for _, text := range []string{"one", "two"} {
		if err := f.io.To("r").Emit("m", text); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.io.To("elsewhere").Emit("m", "not for it"); err != nil {
		t.Fatal(err)
	}
	// Before its first packet the client knows no offset: Node gives up here.
	second := f.connectRaw(`40{"pid":"` + pid + `"}`)
	if !<-recovered || second.sid != first.sid || len(second.missed) != 2 || !strings.HasPrefix(second.missed[0], `2["m","one",`) {
		t.Fatalf("%+v", second)
	}
	if got := f.io.Socket(second.sid).Data(); got != "kept" {
		t.Fatalf("data %v", got)
	}
	// A pid is good for one recovery at a time: the socket that still holds it goes.
	third := f.connectRaw(`40{"pid":"` + pid + `"}`)
	if !<-recovered || f.io.Len() != 1 {
		t.Fatalf("%d sockets share a pid", f.io.Len())
	}
	third.close()
	f.waitGone()
	if f.connectRaw(`40{"pid":"` + pid + `","offset":"zzzzzz"}`); <-recovered {
		t.Fatal("recovered from an offset of the future")
	}
}

func (f *fixture) waitGone() {
	f.t.Helper()
	for deadline := time.Now().Add(5 * time.Second); f.io.Len() > 0; time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			f.t.Fatal("the socket stays")
		}
	}
}

func TestClientFiles(t *testing.T) {
	f := serve(t, socketio.Options{ClientFiles: fstest.MapFS{"socket.io.js": {Data: []byte("var io = 1;")}}})
	get := func(path, etag string) (int, string, string) {
		req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, f.url+path, nil)
		req.Header.Set("If-None-Match", etag)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		return res.StatusCode, res.Header.Get("Etag"), res.Header.Get("Content-Type")
	}
	status, etag, kind := get("/socket.io/socket.io.js", "")
	if status != 200 || etag == "" || !strings.HasPrefix(kind, "application/javascript") {
		t.Fatal(status, etag, kind)
	}
	if status, _, _ := get("/socket.io/socket.io.js", etag); status != 304 {
		t.Fatal(status)
	}
	for _, path := range []string{"/socket.io/other.js", "/socket.io/../secret", "/socket.io/socket.io.js/x", "/elsewhere"} {
		if status, _, _ := get(path, ""); status != 404 {
			t.Fatal(path, status)
		}
	}
}
