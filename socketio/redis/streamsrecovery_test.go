package redis_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"parley/socketio"
	"parley/socketio/client"
	"parley/socketio/redis"
)

// visitor is a client over polling that says what it has, and goes.
type visitor struct {
	SID, PID string
	got      []string // arguments of events
	offset   string
	recovers bool
}

func call(t *testing.T, method, url, body string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%s %s: %d %s %v", method, url, res.StatusCode, text, err)
	}
	return string(text)
}

// visit connects, as who was here before if there is one, polls until it has the number of events, and leaves by closing its
// connection, after which it may come back.
func visit(t *testing.T, n *node, before *visitor, events int, meanwhile func()) *visitor {
	t.Helper()
	v := &visitor{}
	url := n.url + "/socket.io/?EIO=4&transport=polling"
	url += "&sid=" + regexp.MustCompile(`"sid":"([^"]+)"`).FindStringSubmatch(call(t, "GET", url, ""))[1]
	auth := ""
	if before != nil {
		auth = fmt.Sprintf(`{"pid":%q,"offset":%q}`, before.PID, before.offset)
	}
	call(t, "POST", url, "40"+auth)
	for v.SID == "" || len(v.got) < events {
		for _, p := range strings.Split(call(t, "GET", url, ""), "\x1e") {
			var args []string
			switch {
			case strings.HasPrefix(p, "40"):
				if err := json.Unmarshal([]byte(p[2:]), v); err != nil {
					t.Fatal(err)
				}
				if meanwhile != nil {
					meanwhile()
				}
			case strings.HasPrefix(p, "42"):
				if err := json.Unmarshal([]byte(p[2:]), &args); err != nil || len(args) != 3 {
					t.Fatalf("%s: %v", p, err)
				}
				v.got, v.offset = append(v.got, args[1]), args[2]
			}
		}
	}
	call(t, "POST", url, "1")
	eventually(t, "its end", func() bool { return n.Socket(v.SID) == nil })
	v.recovers = before != nil && v.SID == before.SID
	return v
}

func emit(t *testing.T, n *node, from, to int) {
	t.Helper()
	for i := from; i < to; i++ {
		if err := n.To("room").Emit("n", fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
	}
}

// A node that has started later reads what was missed from the stream, in several pages, as long as it is there.
func TestStreamsRecoverFromTheStream(t *testing.T) {
	server := startServer(t)
	start := func(maxLen int) *node {
		return startNode(t, redis.NewStreams(redis.StreamsOptions{Options: server.options(t, "p", 2*time.Second), MaxLen: maxLen}), &socketio.Recovery{})
	}
	a := start(0)
	v := visit(t, a, nil, 1, func() { emit(t, a, 0, 1) })
	early := visit(t, a, nil, 0, nil) // has no offset of its own
	early.offset = ""
	emit(t, a, 1, 901)
	late := start(0)
	back := visit(t, late, v, 900, nil)
	if !back.recovers || back.got[0] != "1" || back.got[899] != "900" || len(back.got) != 900 {
		t.Fatalf("recovered is %v, with %d events", back.recovers, len(back.got))
	}
	if back := visit(t, late, early, 900, nil); !back.recovers || back.got[0] != "1" {
		t.Errorf("without an offset of its own: recovered is %v", back.recovers)
	}
	if again := visit(t, late, back, 0, nil); !again.recovers {
		t.Error("it was not recovered again")
	}
	// Trimming lets go of whole nodes of the stream, of 100 entries.
	gone := visit(t, a, nil, 1, func() { emit(t, a, 901, 902) })
	trimming := start(1)
	emit(t, trimming, 902, 1800)
	eventually(t, "the last event", func() bool { return a.has(`"1799"`) })
	if back := visit(t, start(1), gone, 0, nil); back.recovers {
		t.Error("recovered, although the stream has let go of what was missed")
	}
}

// What could not be added to the stream reached this node's clients at once, and is in no log: nobody who was away then is told that
// nothing is missing.
func TestStreamsHole(t *testing.T) {
	server := startServer(t)
	c := server.client(t)
	o := server.options(t, "p", 2*time.Second)
	o.OnError = func(error) {}
	a := startNode(t, redis.NewStreams(redis.StreamsOptions{Options: o}), &socketio.Recovery{})
	b := startNode(t, redis.NewStreams(redis.StreamsOptions{Options: o}), &socketio.Recovery{})
	set := func(limit string) {
		if err := c.Do(t.Context(), c.B().Arbitrary("CONFIG", "SET", "maxmemory", limit).Build()).Error(); err != nil {
			t.Fatal(err)
		}
	}
	v := visit(t, a, nil, 1, func() { emit(t, a, 0, 1) })
	w := visit(t, b, nil, 1, func() { emit(t, a, 1, 2) })
	eventually(t, "the sessions", func() bool {
		n, err := c.Do(t.Context(), c.B().Exists().Key("sio:session:"+v.PID, "sio:session:"+w.PID).Build()).AsInt64()
		return err == nil && n == 2
	})
	set("1")
	emit(t, a, 2, 102)
	eventually(t, "local events", func() bool { return a.has(`"101"`) })
	if b.has(`"101"`) {
		t.Fatal("Redis has taken it after all")
	}
	set("0")
	eventually(t, "the hole being told of", func() bool {
		last, err := c.Do(t.Context(), c.B().Xrevrange().Key("socket.io").End("+").Start("-").Count(1).Build()).AsXRange()
		return err == nil && len(last) == 1 && last[0].FieldValues["type"] == "0"
	})
	emit(t, a, 102, 103)
	eventually(t, "events across nodes", func() bool { return a.has(`"102"`) && b.has(`"102"`) })
	for i := range 100 {
		if times := a.got[fmt.Sprintf(`"%d"`, i+2)]; times != 1 {
			t.Errorf("event %d came %d times", i+2, times)
		}
	}
	for name, try := range map[string]func() *visitor{
		"on the node itself": func() *visitor { return visit(t, a, v, 0, nil) }, "on another": func() *visitor { return visit(t, b, w, 0, nil) },
	} {
		if try().recovers {
			t.Errorf("%s: recovered across a hole", name)
		}
	}
	v = visit(t, a, nil, 1, func() { emit(t, a, 103, 104) })
	emit(t, b, 104, 105)
	if back := visit(t, b, v, 1, nil); !back.recovers || back.got[0] != "104" {
		t.Error("not recovered after the hole")
	}
}

// A namespace whose hash is negative has in Node a stream that nobody reads. Ours write where all read, and read that one, too.
func TestStreamsNegativeHash(t *testing.T) {
	server := startServer(t)
	const name = "/another" // its hash is -543472652
	start := func() (*node, *client.Client) {
		n := startNode(t, redis.NewStreams(redis.StreamsOptions{Options: server.options(t, "p", time.Second), StreamCount: 5}), nil)
		n.Of(name)
		c, err := client.Dial(t.Context(), n.url, client.Options{Namespace: name})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Close)
		return n, c
	}
	a, _ := start()
	_, ben := start()
	heard := make(chan string, 10)
	ben.On("hello", func(args []json.RawMessage) { heard <- string(args[0]) })
	if err := a.Of(name).Emit("hello", "from us"); err != nil {
		t.Fatal(err)
	}
	c := server.client(t)
	fields := []string{"uid", "node", "nsp", name, "type", "3", "data", `{"packet":{"type":2,"data":["hello","from Node"],"nsp":"/another"},"opts":{"rooms":[],"except":[],"flags":{}}}`}
	if err := c.Do(t.Context(), c.B().Arbitrary("XADD").Keys("socket.io--2").Args("*").Args(fields...).Build()).Error(); err != nil {
		t.Fatal(err)
	}
	got := []string{<-heard, <-heard}
	slices.Sort(got)
	if fmt.Sprint(got) != `["from Node" "from us"]` {
		t.Error(got)
	}
	if n, err := c.Do(t.Context(), c.B().Xlen().Key("socket.io-2").Build()).AsInt64(); n != 1 || err != nil {
		t.Errorf("%d entries where Node reads, %v", n, err)
	}
}
