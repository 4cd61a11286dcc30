package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"parley/internal/db/dbtest"
	"parley/internal/peers/redistest"
)

// balanced are nodes of one server behind an haproxy that sends each request to the next one.
type balanced struct {
	nodes []*server
	url   string
}

func startBalanced(t *testing.T, n int) *balanced {
	t.Helper()
	first := buildServer(t)
	postgres, redis := dbtest.NewPostgres(t), redistest.Start(t)
	b := &balanced{}
	for range n {
		s := *first
		s.port = freePort(t)
		s.env = []string{"PARLEY_HOST=127.0.0.1", "DATABASE_URL=" + postgres.URL, "REDIS_URL=" + redis.URL()}
		s.start()
		t.Cleanup(s.kill)
		b.nodes = append(b.nodes, &s)
	}
	port := freePort(t)
	b.url = "http://127.0.0.1:" + port
	config := "defaults\n mode http\n timeout connect 1s\n timeout client 60s\n timeout server 60s\n timeout tunnel 60s\n option redispatch\n" +
		"frontend all\n bind 127.0.0.1:" + port + "\n default_backend nodes\nbackend nodes\n balance roundrobin\n option httpchk GET /ready\n"
	for i, s := range b.nodes {
		config += fmt.Sprintf(" server n%d 127.0.0.1:%s check inter 200 fall 1 rise 1\n", i, s.port)
	}
	file := filepath.Join(t.TempDir(), "haproxy.cfg")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("haproxy", "-q", "-db", "-f", file)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatalf("haproxy: %v (scripts/install-test-deps installs it)", err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // killed
	})
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if res, err := http.Get(b.url + "/ready"); err == nil {
			if _ = res.Body.Close(); res.StatusCode == http.StatusOK {
				return b
			}
		}
		if time.Now().After(deadline) {
			t.Fatal("the balancer does not answer")
		}
	}
}

func freePort(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }() // it was only to find the port
	_, port, _ := net.SplitHostPort(ln.Addr().String())
	return port
}

// metric sums a metric over the nodes that are there.
func (b *balanced) metric(name string) (sum float64) {
	for _, s := range b.nodes {
		sum += s.metric(name)
	}
	return sum
}

func (s *server) metric(name string) (sum float64) {
	res, err := http.Get(s.url() + "/metrics")
	if err != nil {
		return 0
	}
	defer func() { _ = res.Body.Close() }() // it has been read
	text, _ := io.ReadAll(res.Body)         // what there is of it
	for line := range strings.Lines(string(text)) {
		var value float64
		if strings.HasPrefix(line, name) {
			if _, err := fmt.Sscan(line[strings.LastIndexByte(line, ' ')+1:], &value); err == nil {
				sum += value
			}
		}
	}
	return sum
}

// poller is a client that is confined to long-polling: every request of it is one of its own.
type poller struct {
	t                *testing.T
	base, url, token string
	name             string

	mu      sync.Mutex
	acks    map[int]chan json.RawMessage
	nextID  int
	heard   []string // texts of messages
	lost    int      // sessions
	cancel  context.CancelFunc
	stopped chan struct{}
}

var errLost = errors.New("the session is lost")

func (p *poller) call(ctx context.Context, method, url, body string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewBufferString(body))
	if err != nil {
		return "", err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer func() { _ = res.Body.Close() }() // it has been read
	text, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("%w: %d %s", errLost, res.StatusCode, text)
	}
	return string(text), err
}

// open makes a session and joins the chat, again until it succeeds.
func (p *poller) open(t *testing.T) {
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if err := p.tryOpen(); err == nil {
			return
		} else if time.Now().After(deadline) {
			t.Fatalf("no session: %v", err)
		}
	}
}

func (p *poller) tryOpen() error {
	ctx, cancel := context.WithCancel(context.Background())
	handshake, err := p.call(ctx, "GET", p.base+"/socket.io/?EIO=4&transport=polling", "")
	var open struct{ SID string }
	if err == nil {
		err = json.Unmarshal([]byte(strings.TrimPrefix(handshake, "0")), &open)
	}
	if err != nil {
		cancel()
		return err
	}
	p.mu.Lock()
	p.url, p.acks, p.cancel, p.stopped = p.base+"/socket.io/?EIO=4&transport=polling&sid="+open.SID, map[int]chan json.RawMessage{}, cancel, make(chan struct{})
	p.mu.Unlock()
	go p.run(ctx, p.stopped)
	auth, _ := json.Marshal(map[string]string{"token": p.token}) // cannot fail
	if _, err = p.call(ctx, "POST", p.url, "40"+string(auth)); err != nil {
		return err
	}
	answer, err := p.ask("user-join", map[string]string{"username": p.name})
	var joined struct{ Token string }
	if err == nil {
		err = json.Unmarshal(answer, &joined)
	}
	if err == nil && joined.Token != "" {
		p.token = joined.Token
	}
	return err
}

// run polls until the session is lost.
func (p *poller) run(ctx context.Context, stopped chan struct{}) {
	defer close(stopped)
	for {
		body, err := p.call(ctx, "GET", p.url, "")
		if err != nil {
			p.mu.Lock()
			p.lost++
			p.mu.Unlock()
			return
		}
		for _, packet := range strings.Split(body, "\x1e") {
			p.packet(ctx, packet)
		}
	}
}

func (p *poller) packet(ctx context.Context, packet string) {
	switch {
	case packet == "2":
		go func() { _, _ = p.call(ctx, "POST", p.url, "3") }() // a session that is lost is noticed by its poll
	case strings.HasPrefix(packet, `42["new-message",`):
		var m struct{ Text string }
		if err := json.Unmarshal([]byte(packet[len(`42["new-message",`):len(packet)-1]), &m); err != nil {
			p.t.Error(err)
		}
		p.mu.Lock()
		p.heard = append(p.heard, m.Text)
		p.mu.Unlock()
	case strings.HasPrefix(packet, "43"):
		var id int
		at := strings.IndexByte(packet, '[')
		if _, err := fmt.Sscan(packet[2:at], &id); err != nil {
			p.t.Error(err)
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		if c := p.acks[id]; c != nil {
			c <- json.RawMessage(packet[at+1 : len(packet)-1])
		}
	}
}

func (p *poller) ask(event string, payload any) (json.RawMessage, error) {
	data, err := json.Marshal([]any{event, payload})
	if err != nil {
		return nil, err
	}
	answer := make(chan json.RawMessage, 1)
	p.mu.Lock()
	p.nextID++
	id := p.nextID
	p.acks[id] = answer
	p.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if _, err := p.call(ctx, "POST", p.url, fmt.Sprintf("42%d%s", id, data)); err != nil {
		return nil, err
	}
	select {
	case a := <-answer:
		return a, nil
	case <-p.stopped:
		return nil, errLost
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (p *poller) close() {
	p.cancel()
	<-p.stopped
}

// write sends messages, each until it is acknowledged, and returns the longest time one took.
func (p *poller) write(t *testing.T, from, to int, between func(n int)) (longest time.Duration) {
	t.Helper()
	for n := from; n < to; n++ {
		between(n)
		begun := time.Now()
		for {
			answer, err := p.ask("chat-message", map[string]string{"clientId": fmt.Sprint(p.name, n), "text": fmt.Sprint("number ", n)})
			if err == nil {
				var a ack
				if err := json.Unmarshal(answer, &a); err != nil || !a.Success {
					t.Fatalf("%s, %v", answer, err)
				}
				break
			}
			if time.Since(begun) > 30*time.Second {
				t.Fatal(err)
			}
			p.close()
			p.open(t)
		}
		longest = max(longest, time.Since(begun))
	}
	return longest
}

func (p *poller) hears(t *testing.T, from, to int) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		p.mu.Lock()
		n := len(p.heard)
		p.mu.Unlock()
		if n >= to-from {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s heard %d of %d", p.name, n, to-from)
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, text := range p.heard {
		if text != fmt.Sprint("number ", from+i) {
			t.Fatalf("%s heard %q as number %d", p.name, text, from+i)
		}
	}
	p.heard = nil
}

// Two clients that only poll talk through a balancer that sends each request to the next of three nodes. Then the node that has the
// writer's session is killed: the writer comes back by another one, and nothing is lost, doubled or out of order.
func TestLongPollingBehindARoundRobinBalancer(t *testing.T) {
	b := startBalanced(t, 3)
	writer := &poller{t: t, base: b.url, name: "Ana"}
	writer.open(t)
	home := b.home(t)
	reader := &poller{t: t, base: b.url, name: "Ben"}
	for reader.open(t); home.metric("parley_connections ") != 1; reader.open(t) { // not on the node that will be killed
		reader.close()
		time.Sleep(100 * time.Millisecond)
	}
	longest := writer.write(t, 0, 200, func(int) {})
	reader.hears(t, 0, 200)
	forwarded, failed := b.metric(`parley_requests_forwarded_total{outcome="answered"}`), b.metric(`parley_requests_forwarded_total{outcome="failed"}`)
	t.Logf("200 messages; %v requests went on to another node, %v failed; the longest took %v", forwarded, failed, longest)
	if forwarded < 200 || failed > 0 || writer.lost+reader.lost > 0 {
		t.Errorf("%v forwarded, %v failed, %d and %d sessions lost", forwarded, failed, writer.lost, reader.lost)
	}
	reader.close()
	longest = writer.write(t, 200, 400, func(n int) {
		if n == 300 {
			home.kill()
		}
	})
	t.Logf("200 messages, and the node killed in their midst: the longest took %v, %d sessions were lost", longest, writer.lost)
	if writer.lost != 1 || longest > 5*time.Second {
		t.Errorf("%d sessions lost, the longest took %v", writer.lost, longest)
	}
	answer, err := writer.ask("room-history", map[string]int{"limit": 200})
	var page struct{ Messages []struct{ Text string } }
	if err == nil {
		err = json.Unmarshal(answer, &page)
	}
	if err != nil || len(page.Messages) != 200 {
		t.Fatalf("%d messages, %v", len(page.Messages), err)
	}
	for i, m := range page.Messages {
		if m.Text != fmt.Sprint("number ", 200+i) {
			t.Fatalf("%q is message %d of the log", m.Text, 200+i)
		}
	}
	writer.close()
}

// home is the one node with a connection.
func (b *balanced) home(t *testing.T) *server {
	t.Helper()
	for _, s := range b.nodes {
		if s.metric("parley_connections ") == 1 {
			return s
		}
	}
	t.Fatal("no node has the session")
	return nil
}
