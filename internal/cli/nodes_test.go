package cli

import (
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"parley/internal/db/dbtest"
	"parley/internal/peers/redistest"
)

// startNodes starts several nodes of one server.
func startNodes(t *testing.T, n int, args ...string) ([]*server, *redistest.Server) {
	t.Helper()
	redis := redistest.Start(t)
	args = append([]string{"--rate-limit=off", "--drain-delay=0s", "--database-url=" + dbtest.NewPostgres(t).URL, "--redis-url=" + redis.URL()}, args...)
	nodes := make([]*server, n)
	for i := range nodes {
		nodes[i] = start(t, args...)
	}
	time.Sleep(300 * time.Millisecond) // they have heard of each other
	return nodes, redis
}

// Wherever people are connected, they are in one server.
func TestNodesAreOneServer(t *testing.T) {
	nodes, _ := startNodes(t, 3)
	ana, anaIs := nodes[0].account("ana")
	ben, benIs := nodes[1].account("ben")
	ana.heard("user-joined", `"username":"ben"`, `"online":2`)
	ben2 := nodes[2].dial(reply{"token": benIs["token"]})
	if joined := ben2.must("user-join", reply{}); len(joined["online"].([]any)) != 2 {
		t.Fatalf("%v", joined["online"])
	}
	ana.must("chat-message", reply{"text": "to everybody"})
	for _, p := range []*person{ana, ben, ben2} {
		p.heard("new-message", "to everybody")
	}
	room := ben.must("room-create", reply{"name": "Across", "kind": "private", "members": []any{anaIs["userId"]}})["roomId"].(string)
	ana.heard("room-added", room)
	ben2.heard("room-added", room)
	var last any
	for i := range 30 {
		who := []*person{ana, ben, ben2}[i%3]
		last = who.must("chat-message", reply{"roomId": room, "text": fmt.Sprintf("no. %d.", i)})["seq"]
	}
	for _, p := range []*person{ana, ben, ben2} {
		p.heard("new-message", "no. 29.")
		p.inOrder(room, 30)
	}
	ana.must("typing-indicator", reply{"roomId": room, "typing": true})
	ben2.heard("typing-indicator", room, `"typing":true`)
	ana.must("room-read", reply{"roomId": room, "seq": last})
	ben.heard("receipt", room, anaIs["userId"].(string))
	ben.must("presence-active", reply{"active": false})
	ben2.must("presence-active", reply{"active": false})
	ana.heard(`presence {"userId":"`+benIs["userId"].(string), `"presence":"away"`)
	ben.must("profile-update", reply{"username": "Benjamin"})
	ana.heard("user-renamed", "Benjamin")
	if here := ana.must("who-is-here", reply{"roomId": room})["online"].([]any); len(here) != 2 {
		t.Fatalf("%v", here)
	}

	ana.must("room-leave", reply{"roomId": room})
	ana.heard("room-removed", room)
	ben2.must("chat-message", reply{"roomId": room, "text": "without ana"})
	ben.heard("new-message", "without ana")
	time.Sleep(100 * time.Millisecond)
	if ana.count("without ana") != 0 {
		t.Fatal("ana still hears")
	}
	for _, one := range ben.must("session-list", reply{})["sessions"].([]any) {
		if one := one.(map[string]any); one["current"] == true { // it is ben2's too
			ben.must("session-revoke", reply{"sessionId": one["sessionId"]})
		}
	}
	ben2.heard("session-ended")
	ben2.gone()
	ana.heard("user-left", "Benjamin", `"online":1`)
}

// inOrder fails when a room's entries did not come in the order of its log.
func (p *person) inOrder(room string, messages int) {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	last, n := 0, 0
	for _, e := range p.in {
		if !strings.Contains(e, room) || !strings.HasPrefix(e, "new-message ") && !strings.HasPrefix(e, "member-") {
			continue
		}
		var seq int
		if _, after, ok := strings.Cut(e, `"seq":`); ok {
			_, _ = fmt.Sscanf(after, "%d", &seq)
		}
		if last != 0 && seq != last+1 {
			p.t.Errorf("seq %d after %d", seq, last)
		}
		last = seq
		if strings.HasPrefix(e, "new-message ") {
			n++
		}
	}
	if n != messages {
		p.t.Errorf("%d messages, want %d", n, messages)
	}
}

// Without Redis the log still is the truth: sending does not notice, and what is sent arrives a little later. When it is back, all
// is as before.
func TestNodesWithoutRedis(t *testing.T) {
	nodes, redis := startNodes(t, 2)
	ana, ben := nodes[0].join("Ana"), nodes[1].join("Ben")
	ana.must("chat-message", reply{"text": "before"})
	ben.heard("new-message", "before")
	away := func(what string) {
		t.Helper()
		begun := time.Now()
		ana.must("chat-message", reply{"text": "while it is " + what})
		if took := time.Since(begun); took > time.Second {
			t.Errorf("%s: sending took %v", what, took)
		}
		ben.heard("new-message", "while it is "+what)
		took := time.Since(begun)
		if t.Logf("%s: delivered after %v", what, took.Round(time.Millisecond)); took > 4*time.Second {
			t.Errorf("%s: delivered after %v", what, took)
		}
	}
	redis.Signal(syscall.SIGSTOP)
	away("stopped")
	redis.Signal(syscall.SIGCONT)
	redis.Kill()
	away("killed")
	if err := redis.Run(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(1500 * time.Millisecond)
	begun := time.Now()
	ana.must("chat-message", reply{"text": "when it is back"})
	ben.heard("new-message", "when it is back")
	if took := time.Since(begun); took > 500*time.Millisecond {
		t.Errorf("after Redis was back delivery took %v", took)
	}
}

// Nodes that start while Redis is away come up and say so; what is in the log reaches everybody all the same. When Redis comes, they are one
// server in all else too.
func TestNodesStartWithoutRedis(t *testing.T) {
	redis := redistest.Later(t)
	args := []string{"--rate-limit=off", "--drain-delay=0s", "--database-url=" + dbtest.NewPostgres(t).URL, "--redis-url=" + redis.URL()}
	one, two := start(t, args...), start(t, args...)
	for _, s := range []*server{one, two} {
		if values, _ := s.scrape(); values["parley_nodes_connected"] != 0 || !strings.Contains(s.log.String(), "Redis does not answer") {
			t.Fatalf("connected is %v, and the log says %s", values["parley_nodes_connected"], s.log)
		}
	}
	ana, ben := one.join("Ana"), two.join("Ben")
	ana.must("chat-message", reply{"text": "without it"})
	ben.heard("new-message", "without it")
	if err := redis.Run(); err != nil {
		t.Fatal(err)
	}
	for _, s := range []*server{one, two} {
		s.eventually("it hears of the others", func() bool {
			values, _ := s.scrape()
			return values["parley_nodes_connected"] == 1 && strings.Contains(s.log.String(), "Redis answers again")
		})
	}
	ana.must("typing-indicator", reply{"typing": true}) // it is in no log
	ben.heard("typing-indicator", `"typing":true`)
}

// A Redis that does not let a node in is no Redis that is away.
func TestNodesSayThatRedisRefusesThem(t *testing.T) {
	redis := redistest.Start(t)
	if out, err := exec.CommandContext(t.Context(), "redis-cli", "-u", redis.URL(), "config", "set", "requirepass", "right").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	url := strings.Replace(redis.URL(), "redis://", "redis://:wrong@", 1)
	printed := cli(t, 1, "serve", "--host=127.0.0.1", "--port=0", "--data="+t.TempDir(), "--database-url="+dbtest.NewPostgres(t).URL, "--redis-url="+url)
	if !strings.Contains(printed, "REDIS_URL: peers: ") || strings.Contains(printed, "wrong") {
		t.Fatal(printed)
	}
}

func TestSeveralNodesNeedPostgres(t *testing.T) {
	printed := cli(t, 1, "serve", "--data="+t.TempDir(), "--redis-url=redis://127.0.0.1:1")
	if !strings.Contains(printed, "REDIS_URL") || !strings.Contains(printed, "DATABASE_URL") {
		t.Fatal(printed)
	}
}

// eventually waits until something holds.
func (s *server) eventually(what string, holds func() bool) {
	s.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.t.Fatalf("never %s: %s", what, s.log)
		}
	}
}
