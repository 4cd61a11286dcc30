package adaptertest

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"parley/socketio"
)

// event is what a client received: its name and arguments, binary data as []byte.
type event struct {
	name string
	args []any
}

// Client is a Socket.IO client over polling that records what it receives, acknowledges what wants it with its name, and
// understands binary data.
type Client struct {
	name, url string
	auth      map[string]any

	cancel context.CancelFunc
	done   chan struct{}

	mu      sync.Mutex
	id, pid string
	offset  string
	closed  bool // by the server
	events  []event
	changed chan struct{} // closed and replaced at each change
	waiting *packet       // for its attachments
}

type packet struct {
	kind, id    string
	data        string
	wanted      int
	attachments [][]byte
}

// dial connects to the main namespace. The auth payload goes with CONNECT.
func dial(t *testing.T, server, name string, auth map[string]any) *Client {
	t.Helper()
	c := &Client{name: name, auth: auth, done: make(chan struct{}), changed: make(chan struct{})}
	ctx, cancel := context.WithCancel(context.Background())
	c.cancel = cancel
	t.Cleanup(c.drop)
	c.url = server + "/socket.io/?EIO=4&transport=polling"
	body, err := c.do(ctx, http.MethodGet, "")
	if err != nil {
		close(c.done)
		t.Fatal(err)
	}
	var open struct{ SID string }
	if err := json.Unmarshal([]byte(strings.TrimPrefix(body, "0")), &open); err != nil {
		close(c.done)
		t.Fatalf("handshake %q: %v", body, err)
	}
	c.url += "&sid=" + open.SID
	go c.run(ctx)
	connect, err := json.Marshal(auth)
	if err == nil {
		err = c.send("40" + string(connect))
	}
	if err != nil {
		t.Fatal(err)
	}
	c.wait(t, "CONNECT", func() bool { return c.id != "" })
	return c
}

// drop ends the client as a vanished one would: without a word.
func (c *Client) drop() {
	c.cancel()
	<-c.done
}

func (c *Client) do(ctx context.Context, method, body string) (string, error) {
	r, err := http.NewRequestWithContext(ctx, method, c.url, strings.NewReader(body))
	if err != nil {
		return "", err
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return "", err
	}
	defer func() { _ = resp.Body.Close() }() // it has been read
	text, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", resp.Status, text)
	}
	return string(text), err
}

func (c *Client) send(packets ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_, err := c.do(ctx, http.MethodPost, strings.Join(packets, "\x1e"))
	return err
}

// run polls until the session ends.
func (c *Client) run(ctx context.Context) {
	defer close(c.done)
	for {
		body, err := c.do(ctx, http.MethodGet, "")
		if err != nil {
			return
		}
		for _, p := range strings.Split(body, "\x1e") {
			if p == "1" {
				c.change(func() { c.closed = true })
				return
			}
			if err := c.receive(p); err != nil {
				c.change(func() { c.events = append(c.events, event{name: "error", args: []any{err.Error()}}) })
			}
		}
	}
}

func (c *Client) change(fn func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	fn()
	close(c.changed)
	c.changed = make(chan struct{})
}

func (c *Client) receive(p string) error {
	switch {
	case p == "2":
		return c.send("3")
	case strings.HasPrefix(p, "b"):
		data, err := base64.StdEncoding.DecodeString(p[1:])
		if err != nil || c.waiting == nil {
			return errors.Join(errors.New("stray attachment"), err)
		}
		w := c.waiting
		if w.attachments = append(w.attachments, data); len(w.attachments) == w.wanted {
			c.waiting = nil
			return c.handle(w)
		}
	case strings.HasPrefix(p, "40"):
		var s struct{ SID, PID string }
		err := json.Unmarshal([]byte(p[2:]), &s)
		c.change(func() { c.id, c.pid = s.SID, s.PID })
		return err
	case strings.HasPrefix(p, "41"):
		c.change(func() { c.closed = true })
	case strings.HasPrefix(p, "42"), strings.HasPrefix(p, "45"):
		return c.event(p)
	}
	return nil
}

func (c *Client) event(text string) error {
	p := &packet{kind: text[1:2]}
	rest := text[2:]
	if p.kind == "5" {
		count, after, _ := strings.Cut(rest, "-")
		if _, err := fmt.Sscan(count, &p.wanted); err != nil {
			return err
		}
		rest = after
	}
	at := strings.IndexByte(rest, '[')
	if at < 0 {
		return fmt.Errorf("bad packet %q", text)
	}
	p.id, p.data = rest[:at], rest[at:]
	if p.wanted > 0 {
		c.waiting = p
		return nil
	}
	return c.handle(p)
}

func (c *Client) handle(p *packet) error {
	var values []any
	if err := socketio.DecodeValue([]byte(p.data), p.attachments, &values); err != nil {
		return err
	}
	name, _ := values[0].(string)
	args := values[1:]
	if last, ok := values[len(values)-1].(string); ok && len(args) > 0 && c.pid != "" && p.id == "" {
		c.offset, args = last, args[:len(args)-1]
	}
	c.change(func() { c.events = append(c.events, event{name, args}) })
	switch {
	case p.id == "" || name == "no-answer":
		return nil
	case p.kind == "5": // what came with binary data is answered with binary data
		return c.send("461-"+p.id+`[{"_placeholder":true,"num":0}]`, "b"+base64.StdEncoding.EncodeToString([]byte(c.name)))
	}
	return c.send(fmt.Sprintf("43%s[%q]", p.id, c.name))
}

// wait waits for a condition on what the client has, under its lock.
func (c *Client) wait(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(patience)
	for {
		c.mu.Lock()
		fulfilled, changed := ok(), c.changed
		c.mu.Unlock()
		if fulfilled {
			return
		}
		select {
		case <-changed:
		case <-deadline:
			c.mu.Lock()
			defer c.mu.Unlock()
			t.Fatalf("%s: waited in vain for %s; it has %v", c.name, what, c.events)
		}
	}
}

// has reports, under the lock, whether an event has come.
func (c *Client) has(name string) bool {
	for _, e := range c.events {
		if e.name == name {
			return true
		}
	}
	return false
}

// take waits for an event of a name and returns what came up to it.
func (c *Client) take(t *testing.T, name string) []event {
	t.Helper()
	c.wait(t, name, func() bool { return c.has(name) })
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, e := range c.events {
		if e.name == name {
			before := c.events[:i:i]
			c.events = c.events[i+1:]
			return before
		}
	}
	return nil
}
