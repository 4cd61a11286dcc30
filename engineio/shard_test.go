package engineio

import (
	"context"
	"fmt"
	"net/http/httptest"
	"sync"
	"testing"
	"time"
)

// gate is a handler that waits for "wait" to be allowed, and echoes everything.
type gate struct {
	echoHandler
	open chan struct{}
}

func (g *gate) OnMessage(s *Session, isBinary bool, data []byte) {
	if string(data) == "wait" {
		<-g.open
	}
	g.echoHandler.OnMessage(s, isBinary, data)
}

// Handlers that block, more than there are workers and processors, hold back only their own connections: these in order, and
// what is sent to them meanwhile goes out.
func TestBlockedHandlerHoldsBackNobody(t *testing.T) {
	f := newFixture(t, Options{Shards: 2})
	open := make(chan struct{})
	f.srv.onSession = func(*Session) Handler { return &gate{echoHandler{f.ended}, open} }
	const blocked = 100
	var waiting []*rawWS
	for range blocked {
		w := f.openWS("EIO=4&transport=websocket")
		w.read()
		w.send(frame(fin|text, "4wait"))
		w.send(frame(fin|text, "4after"))
		waiting = append(waiting, w)
	}
	free := f.openWS("EIO=4&transport=websocket")
	free.read()
	for i := range 100 {
		free.send(frame(fin|text, fmt.Sprintf("4%d", i)))
		free.expect(fmt.Sprintf("1:4%d", i))
	}
	m := NewMessage(false, []byte("to all"))
	for _, s := range f.srv.Sessions() {
		_ = s.SendOne(m)
	}
	for _, w := range waiting {
		w.expect("1:4to all")
	}
	close(open)
	for _, w := range waiting {
		w.expect("1:4wait")
		w.expect("1:4after")
	}
}

// A client that takes nothing is given up after the write timeout, without its queue having been full.
func TestWriteTimeout(t *testing.T) {
	f := newFixture(t, Options{WriteTimeout: 100 * time.Millisecond, MaxQueueBytes: 64 << 20, PingInterval: time.Hour})
	w := f.openWS("EIO=4&transport=websocket")
	w.read()
	s := f.srv.Sessions()[0]
	m := NewMessage(true, make([]byte, 1<<20))
	for range 20 { // more than the sockets' buffers hold
		_ = s.SendOne(m)
	}
	f.expectEnd(ReasonWriteTimeout)
}

// A number that the system gives to the next connection does not let one connection's bytes into another: clients that come and go
// while everybody is sent to read nothing but their own.
func TestDescriptorsAreNotMixedUp(t *testing.T) {
	f := &fixture{t: t, ended: make(chan Reason, 10_000)}
	f.srv = NewServer(Options{Shards: 2}, func(s *Session) Handler { return &named{id: s.ID()} })
	hs := httptest.NewServer(f.srv)
	f.url, f.addr = hs.URL, hs.Listener.Addr().String()
	defer hs.Close()
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() { // everybody is told their name, all the time, also while they go
		for {
			select {
			case <-stop:
				return
			default:
			}
			for _, s := range f.srv.Sessions() {
				_ = s.SendOne(NewMessage(false, []byte(s.ID())))
			}
		}
	})
	var clients sync.WaitGroup
	for range 8 {
		clients.Go(func() {
			for i := range 60 {
				w := f.openWS("EIO=4&transport=websocket")
				id := sidOf(w.read())
				w.send(frame(fin|text, "4who"))
				for range 5 {
					if got := w.read(); got != "1:4"+id {
						t.Errorf("%s read %q", id, got)
						return
					}
				}
				switch i % 3 {
				case 0:
					w.send(frame(fin|text, "1"))
				case 1:
					f.srv.Session(id).Terminate()
				}
				_ = w.Close()
			}
		})
	}
	clients.Wait()
	close(stop)
	wg.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := f.srv.Close(ctx); err != nil {
		t.Error(err)
	}
}

// named answers everything with its session's id.
type named struct{ id string }

func (n *named) OnMessage(s *Session, _ bool, _ []byte) {
	_ = s.SendOne(NewMessage(false, []byte(n.id)))
}
func (n *named) OnClose(_ *Session, _ Reason, _ error) {}

func sidOf(open string) string {
	var sid string
	_, _ = fmt.Sscanf(open, `1:0{"sid":%q`, &sid)
	return sid
}
