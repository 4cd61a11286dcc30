package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"parley/internal/db"
	"parley/internal/live"
	"parley/internal/preview"
	"parley/socketio/client"
)

// server is the whole program, on a free port.
type server struct {
	t    *testing.T
	url  string
	addr string
	stop func() int // as SIGTERM does, and returns the exit code
	log  *syncBuffer
	args []string
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func start(t *testing.T, args ...string) *server {
	t.Helper()
	return startAsking(t, preview.Options{}, args...)
}

// startAsking is start with another idea of which pages may be asked what they are.
func startAsking(t *testing.T, pages preview.Options, args ...string) *server {
	t.Helper()
	args = append([]string{"--port=0", "--host=127.0.0.1", "--data=" + t.TempDir(), "--leave-grace=50ms", "--overload-lag=0s"}, args...)
	ctx, cancel := context.WithCancel(context.Background())
	listening := make(chan net.Addr, 1)
	code := make(chan int, 1)
	s := &server{t: t, log: &syncBuffer{}, args: args}
	go func() { code <- serveAsking(ctx, args, io.Discard, s.log, func(a net.Addr) { listening <- a }, pages) }()
	var once sync.Once
	result := 0
	s.stop = func() int {
		once.Do(func() { cancel(); result = <-code })
		return result
	}
	t.Cleanup(func() { s.stop() })
	select {
	case a := <-listening:
		s.addr, s.url = a.String(), "http://"+a.String()
	case c := <-code:
		t.Fatalf("ended with %d: %s", c, s.log)
	}
	return s
}

// person is a client that has joined, or not yet.
type person struct {
	*client.Client
	t  *testing.T
	mu sync.Mutex
	in []string
}

func (s *server) dial(auth any) *person {
	s.t.Helper()
	c, err := client.Dial(s.t.Context(), s.url, client.Options{Auth: auth})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(c.Close)
	p := &person{Client: c, t: s.t}
	c.OnAny(func(event string, args []json.RawMessage) {
		if !slices.ContainsFunc(live.Told(), func(d live.Described) bool { return d.Name == event }) {
			s.t.Errorf("%s is not among the events that the server tells", event)
		}
		text := event
		for _, a := range args {
			text += " " + string(a)
		}
		p.mu.Lock()
		p.in = append(p.in, text)
		p.mu.Unlock()
	})
	return p
}

type reply map[string]any

func (p *person) ask(event string, payload any) reply {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), 10*time.Second)
	defer cancel()
	args, err := p.EmitWithAck(ctx, event, payload)
	if err != nil {
		p.t.Fatalf("%s: %v", event, err)
	}
	var r reply
	if err := json.Unmarshal(args[0], &r); err != nil {
		p.t.Fatalf("%s: %s", event, args[0])
	}
	return r
}

func (p *person) must(event string, payload any) reply {
	p.t.Helper()
	r := p.ask(event, payload)
	if r["success"] != true {
		p.t.Fatalf("%s: %v", event, r)
	}
	return r
}

func (p *person) refused(event string, payload any, code, text string) reply {
	p.t.Helper()
	r := p.ask(event, payload)
	if r["success"] != false || r["code"] != code || !strings.Contains(r["error"].(string), text) {
		p.t.Fatalf("%s %v: got %v, want %s %q", event, payload, r, code, text)
	}
	return r
}

func (s *server) join(name string) *person {
	s.t.Helper()
	p := s.dial(nil)
	p.must("user-join", reply{"username": name})
	return p
}

// heard waits for an event that contains all of words, and returns it.
func (p *person) heard(words ...string) string {
	p.t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(2 * time.Millisecond) {
		p.mu.Lock()
		for _, e := range p.in {
			if containsAll(e, words) {
				p.mu.Unlock()
				return e
			}
		}
		p.mu.Unlock()
	}
	p.t.Fatalf("never heard %q in the last of %d: %q", words, len(p.in), p.in[max(0, len(p.in)-40):])
	return ""
}

func (p *person) count(words ...string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for _, e := range p.in {
		if containsAll(e, words) {
			n++
		}
	}
	return n
}

func containsAll(s string, words []string) bool {
	for _, w := range words {
		if !strings.Contains(s, w) {
			return false
		}
	}
	return true
}

func TestTheTutorialsContract(t *testing.T) {
	s := start(t, "--rate-limit=off")
	p := s.dial(nil)
	p.refused("chat-message", reply{"text": "too early"}, "unauthenticated", "Not properly connected")
	p.refused("room-history", reply{}, "unauthenticated", "Not properly connected")
	p.refused("user-join", reply{"username": "x"}, "invalid", "Username too short")
	p.refused("user-join", reply{"username": strings.Repeat("x", 31)}, "invalid", "Username too long")
	p.refused("user-join", reply{"username": 7}, "invalid", "Invalid username")
	p.refused("user-join", reply{}, "invalid", "Invalid username")
	joined := p.must("user-join", reply{"username": "  Ana "})
	if joined["username"] != "Ana" || joined["token"] == "" || len(joined["online"].([]any)) != 1 {
		t.Fatalf("%v", joined)
	}
	q := s.join("Ben")
	p.heard("user-joined", `"username":"Ben"`, `"online":2`)
	sent := p.must("chat-message", reply{"text": "  hello <b>&amp;</b>  ", "clientId": "c-1"})
	m := q.heard("new-message", `"clientId":"c-1"`)
	var message struct{ ID, Text, Username, UserID, Timestamp, RoomID string }
	if err := json.Unmarshal([]byte(m[len("new-message "):]), &message); err != nil {
		t.Fatal(err)
	}
	if message.ID != sent["messageId"] || message.Text != "hello <b>&amp;</b>" || message.Username != "Ana" || message.UserID != joined["userId"] || message.RoomID != "general" {
		t.Fatalf("%+v", message)
	}
	if _, err := time.Parse(time.RFC3339, message.Timestamp); err != nil {
		t.Fatal(err)
	}
	p.heard("new-message", `"clientId":"c-1"`) // the sender too
	again := p.must("chat-message", reply{"text": "hello <b>&amp;</b>", "clientId": "c-1"})
	if again["messageId"] != sent["messageId"] || again["seq"] != sent["seq"] {
		t.Fatalf("a retry: %v, then %v", sent, again)
	}
	p.refused("chat-message", reply{"text": "other", "clientId": "c-1"}, "conflict", "clientId")
	p.refused("chat-message", reply{"text": " "}, "invalid", "Message is empty")
	p.refused("chat-message", reply{"text": strings.Repeat("x", 4001)}, "too-large", "max 4000")
	p.refused("chat-message", reply{"text": "x", "roomId": "secret"}, "not-found", "No such room")
	for i := range 5 {
		p.must("chat-message", reply{"text": fmt.Sprint(i)})
	}
	history := q.must("room-history", reply{"limit": 3})
	if got := history["messages"].([]any); len(got) != 3 || history["hasMore"] != true || got[2].(map[string]any)["text"] != "4" {
		t.Fatalf("%v", history)
	}
	if q.count("new-message", `"c-1"`) != 1 {
		t.Fatal("a retry was delivered")
	}
	q.Close()
	p.heard("user-left", `"username":"Ben"`, `"online":1`)
}

func TestATokenKeepsTheSamePerson(t *testing.T) {
	s := start(t)
	watcher := s.join("Watcher")
	p := s.dial(nil)
	first := p.must("user-join", reply{"username": "Ana"})
	second := s.dial(reply{"token": first["token"]})
	if again := second.must("user-join", reply{"username": "Ana"}); again["userId"] != first["userId"] {
		t.Fatalf("%v, then %v", first, again)
	}
	watcher.heard("user-joined", "Ana")
	if n := watcher.count("user-joined", "Ana"); n != 1 {
		t.Fatalf("told %d times that Ana came", n)
	}
	second.must("user-join", reply{"username": "Anastasia"})
	watcher.heard("user-renamed", "Anastasia")
	p.must("chat-message", reply{"text": "from the other tab"})
	watcher.heard("new-message", `"username":"Anastasia"`)
	stranger := s.dial(reply{"token": "made up"})
	if other := stranger.must("user-join", reply{"username": "Eve"}); other["userId"] == first["userId"] {
		t.Fatal("a made-up token is somebody's")
	}
	p.Close()
	time.Sleep(200 * time.Millisecond)
	if watcher.count("user-left", "Anastasia") != 0 {
		t.Fatal("left with a tab open")
	}
	second.Close()
	watcher.heard("user-left", "Anastasia")
}

func TestTyping(t *testing.T) {
	s := start(t)
	ana, ben := s.join("Ana"), s.join("Ben")
	for range 5 {
		ana.must("typing-indicator", reply{"roomId": "general", "typing": true})
	}
	ben.heard("typing-indicator", "Ana", `"typing":true`)
	ana.must("typing-indicator", reply{"roomId": "general", "typing": false})
	ben.heard("typing-indicator", "Ana", `"typing":false`)
	if n := ben.count("typing-indicator", `"typing":true`); n != 1 {
		t.Fatalf("told %d times within three seconds", n)
	}
	if ana.count("typing-indicator") != 0 {
		t.Fatal("told of her own typing")
	}
	ana.must("typing-indicator", reply{"typing": true})
	begun := time.Now()
	for ben.count("typing-indicator", `"typing":false`) < 2 {
		if time.Since(begun) > 8*time.Second {
			t.Fatal("typing never ends")
		}
		time.Sleep(10 * time.Millisecond)
	}
	if took := time.Since(begun); took < 4*time.Second {
		t.Fatalf("it ended after %v", took)
	}
	cleo := s.join("Cleo")
	ana.must("typing-indicator", reply{"typing": true})
	ana.must("chat-message", reply{"text": "what she typed"})
	cleo.must("typing-indicator", reply{"typing": true})
	ben.heard("typing-indicator", "Cleo", `"typing":false`)
	if n := ben.count("typing-indicator", "Ana", `"typing":false`); n != 2 {
		t.Fatalf("the end of typing was told %d times, want none after a message", n)
	}
}

func TestRateLimits(t *testing.T) {
	s := start(t, "--events-per-minute=600")
	ana := s.join("Ana")
	for i := range 30 {
		ana.must("chat-message", reply{"text": fmt.Sprint(i)})
	}
	r := ana.refused("chat-message", reply{"text": "one too many"}, "rate-limited", "Rate limit exceeded")
	if wait := r["retryAfter"].(float64); wait <= 0 || wait > 2 {
		t.Fatalf("retry after %v s", wait)
	}
	s.join("Ben").must("chat-message", reply{"text": "others are not limited"})
	if got := ana.must("room-history", reply{"limit": 100})["messages"].([]any); len(got) != 31 {
		t.Fatalf("%d messages", len(got))
	}
	flood := start(t)
	eve := flood.join("Eve")
	limited := 0
	for range 60 {
		if r := eve.ask("who-is-here", reply{}); r["code"] == "rate-limited" {
			limited++
		}
	}
	if limited < 5 {
		t.Fatalf("%d of 60 events at once were limited", limited)
	}
}

func TestUnknownAndMisshapenEvents(t *testing.T) {
	s := start(t, "--rate-limit=off")
	p := s.join("Ana")
	p.refused("no-such-event", reply{}, "invalid", "Unknown event")
	p.refused("__proto__", nil, "invalid", "Unknown event")
	for _, payload := range []any{nil, true, 7, "text", []int{1}} {
		p.refused("chat-message", payload, "invalid", "an object is expected")
	}
	p.refused("chat-message", reply{"text": reply{"toString": "foo"}}, "invalid", "text cannot be")
	p.refused("room-history", reply{"limit": "many"}, "invalid", "limit cannot be")
	for _, payload := range []reply{{"text": "a\x00b"}, {"text": "a", "roomId": "a\x00b"}, {"text": "a", "mentions": []string{`\` + "\x00"}}} {
		p.refused("chat-message", payload, "invalid", "NUL")
	}
	p.must("chat-message", reply{"text": `what is written \u0000 and \\u0000 in code is text`})
	for _, event := range []string{"chat-message", "user-join", "typing-indicator", "room-history", "no-such-event"} {
		for _, args := range [][]any{{}, {nil}, {reply{"text": "without a callback"}}} {
			if err := p.Emit(event, args...); err != nil { // the original dies of this
				t.Fatal(err)
			}
		}
	}
	p.must("chat-message", reply{"text": "still here"})
}

func TestRoutes(t *testing.T) {
	s := start(t)
	s.join("Ana")
	get := func(path string) (int, http.Header, string) {
		res, err := http.Get(s.url + path)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = res.Body.Close() }()
		body, _ := io.ReadAll(res.Body)
		return res.StatusCode, res.Header, string(body)
	}
	var health struct {
		Status, Timestamp  string
		Connections, Users int
	}
	_, _, body := get("/health")
	if err := json.Unmarshal([]byte(body), &health); err != nil || health.Status != "ok" || health.Connections != 1 || health.Users != 1 || health.Timestamp == "" {
		t.Fatalf("%s %v", body, err)
	}
	if status, _, body := get("/ready"); status != 200 {
		t.Fatal(status, body)
	}
	if _, _, body := get("/metrics"); !strings.Contains(body, "parley_connections 1") || !strings.Contains(body, "parley_event_seconds") {
		t.Fatal(body)
	}
	if status, h, _ := get("/api/nothing"); status != 404 || h.Get("Content-Type") != "application/json" {
		t.Fatal(status, h)
	}
	if status, h, _ := get("/no/such/page"); status != 404 || h.Get("X-Content-Type-Options") != "nosniff" {
		t.Fatal(status, h)
	}
}

// A stopping server answers what it has accepted, tells everybody when to come back, and is gone in time.
func TestDrain(t *testing.T) {
	dir := t.TempDir()
	s := start(t, "--rate-limit=off", "--data="+dir)
	var people []*person
	for i := range 20 {
		people = append(people, s.join(fmt.Sprintf("person %d", i)))
	}
	acked := make(chan string, 10_000)
	var senders sync.WaitGroup
	for i, p := range people {
		senders.Go(func() {
			for n := 0; ; n++ {
				text := fmt.Sprintf("%d-%d", i, n)
				args, err := p.EmitWithAck(context.Background(), "chat-message", reply{"text": text})
				if err != nil {
					return
				}
				if strings.Contains(string(args[0]), `"success":true`) {
					acked <- text
				}
			}
		})
	}
	time.Sleep(200 * time.Millisecond)
	begun := time.Now()
	if code := s.stop(); code != 0 {
		t.Fatalf("exit code %d: %s", code, s.log)
	}
	if took := time.Since(begun); took > 20*time.Second {
		t.Fatalf("stopping took %v", took)
	}
	senders.Wait()
	close(acked)
	for _, p := range people {
		p.heard("server-restarting", "retryAfter")
	}
	d, err := db.Open(t.Context(), db.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = d.Close() }()
	var stored int
	if err := d.QueryRow(t.Context(), "SELECT count(*) FROM log WHERE kind = 'message'").Scan(&stored); err != nil {
		t.Fatal(err)
	}
	if len(acked) == 0 || len(acked) != stored {
		t.Fatalf("%d messages acknowledged, %d stored", len(acked), stored)
	}
	if _, err := net.DialTimeout("tcp", s.addr, time.Second); err == nil {
		t.Fatal("still listening")
	}
}

func TestWrongSettingsAreNamed(t *testing.T) {
	for _, tc := range []struct{ arg, names string }{
		{"--port=70000", "PORT"}, {"--rate-limit=many", "rate-limit"}, {"--max-payload=64XB", "max-payload"}, {"--ping-interval=1", "ping-interval"},
		{"--trusted-proxies=nowhere", "PARLEY_TRUSTED_PROXIES"}, {"--no-such-flag", "no-such-flag"}, {"--drain-timeout=1h", "PARLEY_DRAIN_TIMEOUT"},
	} {
		var stderr bytes.Buffer
		if code := Run(t.Context(), []string{"serve", "--data=" + t.TempDir(), tc.arg}, io.Discard, &stderr); code != 2 || !strings.Contains(stderr.String(), tc.names) {
			t.Errorf("%s: exit %d, %q", tc.arg, code, stderr.String())
		}
	}
	if code := Run(t.Context(), nil, io.Discard, io.Discard); code != 2 {
		t.Errorf("no verb: %d", code)
	}
}
