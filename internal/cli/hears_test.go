package cli

import (
	"bufio"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// heardOf is how many messages about rooms a node has heard of the others.
func (s *server) heardOfRooms() (n int) {
	s.t.Helper()
	res, err := http.Get(s.url + "/metrics")
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	for lines := bufio.NewScanner(res.Body); lines.Scan(); {
		if v, ok := strings.CutPrefix(lines.Text(), `parley_nodes_heard_total{about="room"} `); ok {
			_, _ = fmt.Sscan(v, &n)
		}
	}
	return n
}

// A node hears of the rooms of those who are connected to it, and of no others.
func TestANodeHearsOfTheRoomsThatItServes(t *testing.T) {
	nodes, _ := startNodes(t, 3)
	ana, _ := nodes[0].account("ana")
	ben, benIs := nodes[1].account("ben")
	cleo, cleoIs := nodes[2].account("cleo")
	room := ana.must("room-create", reply{"name": "Two", "kind": "private", "members": []any{benIs["userId"]}})["roomId"].(string)
	ben.heard("room-added", room)
	said := 0
	says := func(n int) {
		t.Helper()
		for range n {
			said++
			ana.must("chat-message", reply{"roomId": room, "text": fmt.Sprintf("no. %d.", said)})
		}
		ben.heard("new-message", fmt.Sprintf("no. %d.", said))
		ana.must("chat-message", reply{"text": fmt.Sprintf("to all, %d.", said)})
		cleo.heard("new-message", fmt.Sprintf("to all, %d.", said))
	}
	for deadline := time.Now().Add(30 * time.Second); ; { // as long as a node has just come, there may be some of the version before
		before := nodes[2].heardOfRooms()
		if says(1); nodes[2].heardOfRooms() == before+1 {
			break
		} else if time.Now().After(deadline) {
			t.Fatal("the third node hears of a room that it has nobody of")
		}
	}
	before := [3]int{}
	for i, s := range nodes {
		before[i] = s.heardOfRooms()
	}
	says(20)
	for i, want := range []int{0, 21, 1} {
		if got := nodes[i].heardOfRooms() - before[i]; got != want {
			t.Errorf("node %d heard %d messages about rooms, want %d", i, got, want)
		}
	}

	ana.must("member-add", reply{"roomId": room, "userIds": []any{cleoIs["userId"]}})
	cleo.heard("room-added", room)
	for i := range 10 {
		ana.must("chat-message", reply{"roomId": room, "text": fmt.Sprintf("for three, %d.", i)})
	}
	cleo.heard("new-message", "for three, 9.")
	cleo.inOrder(room, 10)
	cleo.must("room-leave", reply{"roomId": room})
	cleo.heard("room-removed", room)
	says(1)
	if cleo.count(fmt.Sprintf("no. %d.", said)) != 0 {
		t.Error("cleo hears of a room that she has left")
	}
}

// Who comes to a node that nobody of a room is connected to misses nothing of what is written there meanwhile.
func TestComingWhileOthersWrite(t *testing.T) {
	nodes, _ := startNodes(t, 2)
	ana, _ := nodes[0].account("ana")
	ben, benIs := nodes[0].account("ben")
	room := ana.must("room-create", reply{"name": "Busy", "kind": "private", "members": []any{benIs["userId"]}})["roomId"].(string)
	ben.heard("room-added", room)
	stop, stopped := make(chan struct{}), make(chan int)
	go func() {
		for n := 0; ; n++ {
			select {
			case <-stop:
				ana.must("chat-message", reply{"roomId": room, "text": "the last"})
				stopped <- n
				return
			default:
				ana.must("chat-message", reply{"roomId": room, "text": "one of many"})
			}
		}
	}()
	var visits []*person
	var from []int
	for range 12 {
		p := nodes[1].dial(reply{"token": benIs["token"]})
		for _, r := range p.must("user-join", reply{})["rooms"].([]any) {
			if r := r.(map[string]any); r["roomId"] == room {
				from = append(from, int(r["lastSeq"].(float64)))
			}
		}
		visits = append(visits, p)
		p.heard("new-message", "one of many")
	}
	close(stop)
	<-stopped
	for i, p := range visits {
		p.heard("new-message", "the last")
		p.follows(room, from[i])
	}
}

// follows fails unless the first that was heard of a room is what comes after a seq, and nothing is missing from there.
func (p *person) follows(room string, last int) {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for _, e := range p.in {
		if !strings.HasPrefix(e, "new-message ") || !strings.Contains(e, room) {
			continue
		}
		seq := 0
		if _, after, ok := strings.Cut(e, `"seq":`); ok {
			_, _ = fmt.Sscanf(after, "%d", &seq)
		}
		if seq != last+1 {
			p.t.Fatalf("seq %d after %d", seq, last)
		}
		last, n = seq, n+1
	}
	if n == 0 {
		p.t.Error("heard nothing")
	}
}
