package e2e

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	_ "modernc.org/sqlite" // to look into the file without the server

	"parley/socketio/client"
)

// server is the binary as a process.
type server struct {
	t    *testing.T
	bin  string
	data string
	port string
	env  []string // besides
	cmd  *exec.Cmd
}

func buildServer(t *testing.T) *server {
	t.Helper()
	s := &server{t: t, bin: filepath.Join(t.TempDir(), "parley"), data: t.TempDir()}
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", s.bin, "parley/cmd/parley").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, s.port, _ = net.SplitHostPort(ln.Addr().String())
	_ = ln.Close()
	t.Cleanup(s.kill)
	return s
}

func (s *server) url() string { return "http://127.0.0.1:" + s.port }

// start starts the process and returns how long it took to be ready.
func (s *server) start() time.Duration {
	s.t.Helper()
	begun := time.Now()
	s.cmd = exec.Command(s.bin, "serve")
	s.cmd.Env = append(os.Environ(), "PORT="+s.port, "PARLEY_DATA="+s.data, "PARLEY_RATE_LIMIT=off", "PARLEY_LOG_LEVEL=error")
	s.cmd.Env = append(s.cmd.Env, s.env...)
	s.cmd.Stdout, s.cmd.Stderr = io.Discard, os.Stderr
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	for {
		res, err := http.Get(s.url() + "/ready")
		if err == nil {
			_ = res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return time.Since(begun)
			}
		}
		if time.Since(begun) > 20*time.Second {
			s.t.Fatal("not ready")
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// kill ends the process as a power cut would.
func (s *server) kill() {
	if s.cmd != nil && s.cmd.ProcessState == nil {
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait() // "signal: killed"
	}
}

type ack struct {
	Success   bool
	MessageID string
	Seq       int64
}

// sender writes one message after the other, each until it is acknowledged, under the same client id.
type sender struct {
	name  string
	token string
	mu    sync.Mutex
	acked map[string]ack // by client id
}

func (w *sender) run(ctx context.Context, url string) {
	for n := 0; ctx.Err() == nil; {
		c, err := client.Dial(ctx, url, client.Options{Auth: map[string]string{"token": w.token}})
		if err != nil {
			time.Sleep(5 * time.Millisecond)
			continue
		}
		if w.join(ctx, c) {
			for ctx.Err() == nil && w.send(ctx, c, n) {
				n++
			}
		}
		c.Close()
	}
}

func (w *sender) join(ctx context.Context, c *client.Client) bool {
	args, err := c.EmitWithAck(ctx, "user-join", map[string]string{"username": w.name})
	var joined struct{ Token string }
	if err != nil || json.Unmarshal(args[0], &joined) != nil || joined.Token == "" {
		return false
	}
	w.token = joined.Token
	return true
}

func (w *sender) send(ctx context.Context, c *client.Client, n int) bool {
	id := fmt.Sprintf("%s-%d", w.name, n)
	args, err := c.EmitWithAck(ctx, "chat-message", map[string]string{"clientId": id, "text": "text of " + id})
	var a ack
	if err != nil || json.Unmarshal(args[0], &a) != nil || !a.Success {
		return false
	}
	w.mu.Lock()
	w.acked[id] = a
	w.mu.Unlock()
	return true
}

// The server is killed again and again while people write. Every message that was acknowledged is there, once, where the
// acknowledgement said; the log has no gap; the database is intact. PARLEY_CRASH_CYCLES sets the dose.
func TestKillNineLosesNothing(t *testing.T) {
	cycles := 10
	if text := os.Getenv("PARLEY_CRASH_CYCLES"); text != "" {
		var err error
		if cycles, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	s := buildServer(t)
	slowest := s.start()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var senders []*sender
	var wg sync.WaitGroup
	for i := range 8 {
		w := &sender{name: fmt.Sprintf("sender %d", i), acked: map[string]ack{}}
		senders = append(senders, w)
		wg.Go(func() { w.run(ctx, s.url()) })
	}
	for i := range cycles {
		time.Sleep(time.Duration(120+17*(i%10)) * time.Millisecond)
		s.kill()
		slowest = max(slowest, s.start())
	}
	time.Sleep(300 * time.Millisecond)
	cancel()
	wg.Wait()
	s.kill()
	n := check(t, filepath.Join(s.data, "parley.db"), senders)
	t.Logf("%d kills, %d acknowledged messages, 0 lost, 0 doubled; ready again within %v", cycles, n, slowest.Round(time.Millisecond))
	if n < 10*cycles {
		t.Fatalf("only %d messages in %d cycles: nothing was tested", n, cycles)
	}
	if slowest > 2*time.Second {
		t.Errorf("ready after %v", slowest)
	}
}

type stored struct {
	id, clientID string
	seq          int64
}

// check compares what was acknowledged with the file.
func check(t *testing.T, file string, senders []*sender) int {
	t.Helper()
	d, err := sql.Open("sqlite", file)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = d.Close() }()
	var verdict string
	if err := d.QueryRowContext(t.Context(), "PRAGMA integrity_check").Scan(&verdict); err != nil || verdict != "ok" {
		t.Fatalf("integrity: %s %v", verdict, err)
	}
	rows, err := d.QueryContext(t.Context(), "SELECT id, client_id, seq FROM log ORDER BY seq")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	byClientID := map[string]stored{}
	for next := int64(1); rows.Next(); next++ {
		var m stored
		if err := rows.Scan(&m.id, &m.clientID, &m.seq); err != nil {
			t.Fatal(err)
		}
		if m.seq != next {
			t.Fatalf("seq %d where %d should be", m.seq, next)
		}
		if other, doubled := byClientID[m.clientID]; doubled {
			t.Fatalf("%s stands at %d and %d", m.clientID, other.seq, m.seq)
		}
		byClientID[m.clientID] = m
	}
	n := 0
	for _, w := range senders {
		for id, a := range w.acked {
			n++
			if m := byClientID[id]; m.id != a.MessageID || m.seq != a.Seq {
				t.Errorf("%s: acknowledged as %+v, stored as %+v", id, a, m)
			}
		}
	}
	return n
}
