package socketio_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"parley/engineio"
	"parley/socketio"
	"parley/socketio/client"
)

func TestMaxNamespaces(t *testing.T) {
	f := serve(t, socketio.Options{MaxNamespaces: 2})
	f.io.Of("/a")
	f.io.Of("/b")
	s := f.connectRaw("40")
	var answers string
	until := func(what string) {
		for !strings.Contains(answers, what) {
			answers += f.http("GET", "&sid="+s.engine, "")
		}
	}
	f.http("POST", "&sid="+s.engine, "40/a,\x1e40/b,")
	until(`44/b,{"message":"Too many namespaces"}`)
	if !strings.Contains(answers, "40/a,{") {
		t.Errorf("%q", answers)
	}
	f.http("POST", "&sid="+s.engine, "41/a,\x1e40/b,")
	until("40/b,{") // there is room again
}

func TestGenerateSocketID(t *testing.T) {
	n := 0
	f := serve(t, socketio.Options{GenerateSocketID: func() string { n++; return fmt.Sprint("socket ", n) }})
	if id := f.dial("/", nil).ID(); id != "socket 1" {
		t.Error(id)
	}
	if f.io.Socket("socket 1") == nil {
		t.Error("it is not known by its id")
	}
}

// Who joins no namespace is sent away.
func TestConnectTimeout(t *testing.T) {
	closed := make(chan engineio.Reason, 2)
	f := serve(t, socketio.Options{ConnectTimeout: 20 * time.Millisecond, Engine: engineio.Options{Trace: &engineio.Trace{
		Closed: func(_ *engineio.Session, reason engineio.Reason, _ error) { closed <- reason },
	}}})
	f.http("GET", "", "")
	select {
	case reason := <-closed:
		if reason != engineio.ReasonForcedClose {
			t.Error(reason)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("it stays")
	}
}

// A recovered socket passes the middlewares only if told to.
func TestRunMiddlewares(t *testing.T) {
	for _, run := range []bool{false, true} {
		f := serve(t, socketio.Options{Recovery: &socketio.Recovery{RunMiddlewares: run}})
		ran := make(chan bool, 4)
		f.io.Use(func(*socketio.Socket) error {
			ran <- true
			return nil
		})
		first := f.connectRaw("40")
		first.close()
		f.waitGone()
		if second := f.connectRaw(`40{"pid":"` + first.pid + `"}`); second.sid != first.sid {
			t.Fatal("not recovered")
		}
		if want := map[bool]int{false: 1, true: 2}[run]; len(ran) != want {
			t.Errorf("RunMiddlewares %v: they ran %d times, wanted %d", run, len(ran), want)
		}
	}
}

// What is beyond the packets that are kept cannot be recovered: the client begins anew rather than with a hole.
func TestMaxPackets(t *testing.T) {
	for missed, recovers := range map[int]bool{3: true, 4: false} {
		f := serve(t, socketio.Options{Recovery: &socketio.Recovery{MaxPackets: 3}})
		first := f.connectRaw("40")
		first.close()
		f.waitGone()
		for i := range missed {
			if err := f.io.Emit("m", i); err != nil {
				t.Fatal(err)
			}
		}
		second := f.connectRaw(`40{"pid":"` + first.pid + `"}`)
		if got := second.sid == first.sid; got != recovers || recovers && len(second.missed) != missed {
			t.Errorf("after %d packets: recovered %v with %q", missed, got, second.missed)
		}
	}
}

// Refusals of a namespace keep their data.
func TestMiddlewareErrors(t *testing.T) {
	f := serve(t, socketio.Options{})
	f.io.Use(func(s *socketio.Socket) error {
		if s.Handshake().Auth == nil {
			return errors.New("plain")
		}
		return &socketio.ConnectError{Message: "typed", Data: map[string]int{"code": 7}}
	})
	for want, auth := range map[string]any{"plain ": nil, `typed {"code":7}`: map[string]bool{"typed": true}} {
		var refused *client.ConnectError
		if _, err := client.Dial(within(t), f.url, client.Options{Auth: auth}); !errors.As(err, &refused) {
			t.Fatal(err)
		}
		if got := refused.Message + " " + string(refused.Data); got != want {
			t.Errorf("%s, wanted %s", got, want)
		}
	}
}
